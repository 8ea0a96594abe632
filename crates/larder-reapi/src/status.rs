//! What a failed request means: whether another attempt can help and when, which blobs lack, and the
//! kind of the error.

use std::time::Duration;

use bazel_remote_apis::google::rpc;
use larder_core::error::{Error, Kind, find};
use prost::Message as _;
use tonic::{Code, Status};

use crate::wire::{BlobId, PreconditionFailure, RetryInfo};

/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A failure of the server or of the connection to it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub code: Code,
    pub message: String,
    /// The pause before the next attempt, if the server states one.
    pub pause: Option<Duration>,
    /// The blobs that the server lacks. `None` is one whose name is unknown.
    pub missing: Vec<Option<BlobId>>,
    /// No connection could be made.
    pub is_unconnected: bool,
    /// The connection broke, or the answer did not come in time: the server did not answer itself.
    pub is_broken: bool,
    /// Why TLS failed, if it did.
    pub tls: Option<String>,
}

impl Failure {
    /// An answer that did not come in time.
    pub fn late() -> Self {
        let mut failure = Self::from(Status::deadline_exceeded("no answer in time"));
        failure.is_broken = true;
        failure
    }

    /// A failure of the transfer itself, such as a stream that ended early.
    pub fn broken(message: &str) -> Self {
        let mut failure = Self::from(Status::unavailable(message));
        failure.is_broken = true;
        failure
    }

    /// From the message in which the result of an action says how it failed; `None` for success.
    pub fn of_message(status: &rpc::Status) -> Option<Self> {
        let code = Code::from_i32(status.code);
        (code != Code::Ok).then(|| {
            let mut failure = Self::from(Status::new(code, status.message.clone()));
            failure.read(&status.details);
            failure
        })
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        let by_code = matches!(
            self.code,
            Code::Unavailable
                | Code::ResourceExhausted
                | Code::Aborted
                | Code::DeadlineExceeded
                | Code::Internal
                | Code::Unknown
        );
        self.tls.is_none() && (self.is_broken || by_code || self.pause.is_some())
    }

    /// As an error. `place` is the executor, `what` what was asked of it.
    pub fn into_error(self, place: &str, what: &str) -> Error {
        if let Some(why) = self.tls {
            return Error::refused(format!("{place} can't be trusted: TLS failed"))
                .cause(why)
                .hint("if a company's own authority signs for it, name its file in SSL_CERT_FILE");
        }
        if self.is_unconnected {
            return Error::unavailable(format!("cannot reach the executor {place}"))
                .cause(self.message)
                .hint("check the url and the network; connections to executors use no proxy");
        }
        let (kind, hint) = match self.code {
            Code::Unauthenticated => (
                Kind::Refused,
                "the executor wants credentials: pass them as headers, in a variable that `headers_from` names",
            ),
            Code::PermissionDenied => (
                Kind::Refused,
                "the credentials for the executor do not permit this; ask those who run it",
            ),
            Code::Unimplemented => (
                Kind::Failed,
                "the server does not speak this part of the Remote Execution API; check the url",
            ),
            Code::ResourceExhausted => (Kind::Unavailable, "the cluster is busy; try again later"),
            Code::Cancelled => (Kind::Unavailable, "the cluster cancelled it; try again"),
            Code::DataLoss => (
                Kind::Integrity,
                "the cluster lost or damaged what it stored",
            ),
            _ if self.is_transient() => (Kind::Unavailable, ""),
            Code::NotFound | Code::InvalidArgument => (
                Kind::Failed,
                "check the name of the executor's instance, `properties` and `timeout` in the recipe, and what \
                 the executor's administrators expect",
            ),
            _ => (Kind::Failed, ""),
        };
        let mut error = Error::new(kind, format!("the executor {place} failed to {what}"));
        let name = format!("{:?}", self.code);
        error = error.cause(match self.message.as_str() {
            "" => name,
            message => format!("{name}: {message}"),
        });
        if hint.is_empty() {
            error
        } else {
            error.hint(hint)
        }
    }

    fn read(&mut self, details: &[bazel_remote_apis::google::protobuf::Any]) {
        for detail in details {
            let name = detail.type_url.rsplit('/').next().unwrap_or_default();
            match name {
                "google.rpc.RetryInfo" => {
                    let info = RetryInfo::decode(&detail.value[..]).unwrap_or_default();
                    let delay = info.retry_delay.unwrap_or_default();
                    let seconds = u64::try_from(delay.seconds).unwrap_or(0);
                    let nanos = u32::try_from(delay.nanos).unwrap_or(0).min(999_999_999);
                    self.pause = Some(Duration::new(seconds, nanos).min(LONGEST_PAUSE));
                }
                "google.rpc.PreconditionFailure" => {
                    let failure =
                        PreconditionFailure::decode(&detail.value[..]).unwrap_or_default();
                    let missing = failure.violations.iter().filter(|it| it.kind == "MISSING");
                    self.missing
                        .extend(missing.map(|it| BlobId::in_name(&it.subject)));
                }
                _ => {}
            }
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let source = std::error::Error::source(&status);
        let transport = source.and_then(find::<tonic::transport::Error>);
        let tls = source
            .and_then(find::<rustls::Error>)
            .map(ToString::to_string);
        let reason = source.and_then(find::<std::io::Error>);
        let message = match (reason, transport) {
            (Some(reason), _) => reason.to_string(),
            (None, Some(transport)) => root(transport),
            (None, None) => status.message().to_owned(),
        };
        let mut failure = Self {
            code: status.code(),
            message,
            pause: None,
            missing: Vec::new(),
            is_unconnected: transport.is_some() && status.code() == Code::Unavailable,
            is_broken: source.is_some(),
            tls,
        };
        if let Ok(details) = rpc::Status::decode(status.details()) {
            failure.read(&details.details);
        }
        failure
    }
}

/// The last cause of an error.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
