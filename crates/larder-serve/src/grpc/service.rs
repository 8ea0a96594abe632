//! The calls of agents.

use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;
use tonic::{Request, Response, Status};

use super::hints::Hints;
use super::{RequestId, status};
use crate::access::Key;
use crate::api::Peer;
use crate::fleet::v1::fleet_server::Fleet;
use crate::fleet::v1::{
    EnrollRequest, EnrollResponse, HeartbeatRequest, HeartbeatResponse, ReportRequest,
    ReportResponse, WatchRequest,
};
use crate::fleet::{self, Proof};
use crate::problem::{Problem, Result as Answered};
use crate::server::Server;

/// The service for agents.
#[derive(Debug)]
pub struct Agents(pub Arc<Server>);

/// Who calls.
struct Caller {
    proof: Proof,
    address: IpAddr,
    request: String,
}

impl Agents {
    fn caller<T>(&self, request: &Request<T>) -> Caller {
        let headers = request.metadata().as_ref();
        let extensions = request.extensions();
        let peer = extensions.get::<Peer>();
        let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
        let id = extensions.get::<RequestId>();
        Caller {
            proof: self.0.access.proof(headers),
            address: self.0.access.caller(headers, peer).address,
            request: id.map_or_else(String::new, |id| id.0.clone()),
        }
    }

    /// The status of a call that was refused. Guessing is limited; agents that are known are not,
    /// because the server tells them how often to call.
    fn refused(&self, caller: &Caller, problem: Box<Problem>) -> Status {
        let is_guess = problem.status() == StatusCode::UNAUTHORIZED;
        let taken = if is_guess {
            self.0.access.take(&Key::of_address(caller.address))
        } else {
            Ok(())
        };
        let problem = taken.err().unwrap_or(problem);
        match problem.status() {
            StatusCode::UNAUTHORIZED => self.0.metrics.rejected("unauthorized"),
            StatusCode::FORBIDDEN => self.0.metrics.rejected("forbidden"),
            StatusCode::TOO_MANY_REQUESTS => self.0.metrics.rejected("limit"),
            _ => {}
        }
        status::of(problem)
    }

    fn audit(&self, caller: &Caller, request: &EnrollRequest, answer: &Answered<EnrollResponse>) {
        let who = match &caller.proof {
            Proof::Join(name) => name.as_str(),
            Proof::Open | Proof::Nothing | Proof::Secret(_) => "anyone",
        };
        let agent: String = request.agent_id.chars().take(128).collect();
        let (outcome, node, why) = match answer {
            Ok(answer) => ("done", answer.node_id.as_str(), ""),
            Err(problem) => {
                let is_refused = matches!(problem.status().as_u16(), 401 | 403 | 429);
                let outcome = if is_refused { "refused" } else { "failed" };
                (outcome, "", problem.detail())
            }
        };
        self.0.log.audit(
            &format!("{who} enroll {agent}: {outcome}"),
            &[
                ("request", &caller.request),
                ("who", &who),
                ("peer", &caller.address),
                ("action", &"enroll"),
                ("object", &agent),
                ("node_id", &node),
                ("outcome", &outcome),
                ("reason", &why),
            ],
        );
    }
}

#[tonic::async_trait]
impl Fleet for Agents {
    type WatchStream = Hints;

    async fn enroll(
        &self,
        request: Request<EnrollRequest>,
    ) -> Result<Response<EnrollResponse>, Status> {
        let caller = self.caller(&request);
        let request = request.into_inner();
        let share = match &caller.proof {
            Proof::Join(name) => Some(Key::Token(name.as_str().into())),
            Proof::Open => Some(Key::of_address(caller.address)),
            Proof::Secret(_) | Proof::Nothing => None,
        };
        let answer = match share.map_or(Ok(()), |share| self.0.access.take(&share)) {
            Ok(()) => self.0.fleet.enroll(&caller.proof, &request).await,
            Err(problem) => Err(problem),
        };
        self.audit(&caller, &request, &answer);
        answer
            .map(Response::new)
            .map_err(|problem| self.refused(&caller, problem))
    }

    async fn heartbeat(
        &self,
        request: Request<HeartbeatRequest>,
    ) -> Result<Response<HeartbeatResponse>, Status> {
        let caller = self.caller(&request);
        let fleet: &fleet::Fleet = &self.0.fleet;
        let answer = fleet.heartbeat(&caller.proof, request.get_ref());
        let answer = answer.map_err(|problem| self.refused(&caller, problem))?;
        self.0.metrics.fleet.heartbeat();
        Ok(Response::new(answer))
    }

    async fn report(
        &self,
        request: Request<ReportRequest>,
    ) -> Result<Response<ReportResponse>, Status> {
        let caller = self.caller(&request);
        let answer = self.0.fleet.report(&caller.proof, request.get_ref());
        answer
            .await
            .map(Response::new)
            .map_err(|problem| self.refused(&caller, problem))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Hints>, Status> {
        let caller = self.caller(&request);
        let hints = self.0.fleet.watch(&caller.proof, request.get_ref());
        let hints = hints.map_err(|problem| self.refused(&caller, problem))?;
        Ok(Response::new(Hints::new(hints, &self.0)))
    }
}
