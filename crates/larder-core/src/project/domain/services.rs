//! The checked services of a project.

use std::time::Duration;

use camino::Utf8PathBuf;

/// An entry of `services:`.
#[derive(Clone, Debug)]
pub struct Service {
    /// One line that lists show.
    pub description: Option<String>,
    /// The command line that runs it.
    pub command: String,
    /// What runs before it is started, as the needs of a task.
    pub needs: Vec<String>,
    /// The services that must be ready before it is started.
    pub services: Vec<String>,
    /// How to find out that it can be used; `None` if it can as soon as it has been started.
    pub ready: Option<Ready>,
    /// How long it may take until it is ready.
    pub timeout: Duration,
    /// The environment variables to add, in the file's order.
    pub env: Vec<(String, String)>,
    /// The folder in which it runs, absolute.
    pub dir: Utf8PathBuf,
}

/// How to find out that a service can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It accepts connections.
    Tcp {
        /// The host; `None` for this machine.
        host: Option<String>,
        /// The port.
        port: u16,
    },
    /// It answers a request to this url with a status from 200 to 299.
    Http(String),
    /// This command line exits with 0.
    Command(String),
}

impl Service {
    /// How long a service may take until it is ready if it does not say.
    pub const USUAL_TIMEOUT: Duration = Duration::from_secs(30);
}
