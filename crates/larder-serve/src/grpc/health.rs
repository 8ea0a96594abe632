//! `grpc.health.v1`: the same answer as `/readyz`, for clients that only speak gRPC.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::server::Server;

/// The service whose health is told; the empty name is the server as a whole.
const FLEET: &str = "larder.fleet.v1.Fleet";

/// The health of a server.
#[derive(Debug)]
pub struct OfServer(pub Arc<Server>);

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

fn is_known(request: &Request<HealthCheckRequest>) -> bool {
    matches!(request.get_ref().service.as_str(), "" | FLEET)
}

fn now(server: &Server) -> HealthCheckResponse {
    answer(if server.is_ready() {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    })
}

#[tonic::async_trait]
impl Health for OfServer {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !is_known(&request) {
            return Err(Status::not_found(format!(
                "the services are the empty name and {FLEET}"
            )));
        }
        Ok(Response::new(now(&self.0)))
    }

    /// One answer now, and one each time it changes. The last one says that the server stops.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let server = self.0.clone();
        let is_known = is_known(&request);
        let (sender, receiver) = mpsc::channel(3);
        tokio::spawn(async move {
            let send = async |message| sender.send(Ok(message)).await.is_ok();
            if !is_known {
                // The protocol wants such a call to stay open: the service could come to be.
                send(answer(ServingStatus::ServiceUnknown)).await;
                tokio::select! {
                    () = server.stopped() => {}
                    () = sender.closed() => {}
                }
                return;
            }
            let first = now(&server);
            let mut is_open = send(first).await;
            if is_open && first.status() == ServingStatus::NotServing && !server.is_stopping() {
                tokio::select! {
                    () = server.index.wait_until_ready() => {
                        is_open = send(answer(ServingStatus::Serving)).await;
                    }
                    () = server.stopped() => return,
                    () = sender.closed() => return,
                }
            }
            tokio::select! {
                () = server.stopped(), if is_open => {
                    send(answer(ServingStatus::NotServing)).await;
                }
                () = sender.closed() => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}
