//! Services: programs that run beside the commands of tasks.
//!
//! Each service has a *supervisor*, which is a larder of its own in a session of its own. It runs the
//! service, writes its log without secrets, records what happens, and ends it with all its children.
//! So a service is watched in the same way whether a task uses it or a person started it:
//!
//! ```text
//! larder run ──pipe──▶ supervisor ──▶ service     the pipe ends with `larder run`, even if that is
//!                                                 killed, and then the supervisor ends the service
//! larder up ─────────▶ supervisor ──▶ service     it stays until `larder down` asks it to end
//! ```
//! Below `.larder/services/<name>/`:
//! ```text
//! alive          locked by the supervisor for as long as it lives: whether a service runs is never
//!                concluded from a process id, which another process can have by now
//! record.json    what runs, written by the supervisor; if it vanishes, the service is ended
//! stop           asks the supervisor to end the service
//! start          locked by a larder that starts or stops the service
//! ```
//! If a supervisor is killed, the next larder that starts or stops the service ends what it has left:
//! the process that the record names, if it still is the same one, and every process that carries the
//! service's mark in its environment.
//!
//! This module does not decide which services a task needs, and it shows nothing.

mod definition;
mod logs;
mod place;
mod probe;
mod start;
mod status;
mod supervisor;
#[cfg(test)]
mod tests;
mod used;

use std::path::PathBuf;
use std::time::Duration;

use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::file_lock::Waiting;
use larder_core::project::{Project, Service};
use larder_core::suggestions;
use larder_remote::http;

pub use logs::Logs;
pub use start::{Beginning, Begun};
pub use status::{asked, of_all, to_stop};
pub use supervisor::supervise;
pub use used::{Down, Ended, Services, down};

/// The variable by which larder recognises the processes of a service. Its value is the service's
/// folder below `.larder`.
const MARK: &str = "LARDER_SERVICE";

/// The variable that names the runs that a command of a task is part of, separated by commas: a
/// `larder run` in such a command uses the services of those runs.
pub const RUNS: &str = "LARDER_RUNS";

/// The time between TERM and KILL when a service is ended. Databases write to the disk first.
const GRACE: Duration = Duration::from_secs(5);

/// What larder needs to supervise services.
#[derive(Clone, Debug, Default)]
pub struct Supervision {
    /// The program of larder itself.
    pub program: PathBuf,
    /// The settings of the HTTP client, for services that are ready when a url answers.
    pub http: http::Settings,
    /// How to wait for another larder that starts or stops the same service.
    pub waiting: Waiting,
    /// The variables of the user, which services get as the commands of tasks do.
    pub environment: Environment,
}

/// Finds a service by its name; the error suggests a similar name.
pub fn find<'a>(project: &'a Project, name: &str) -> Result<&'a Service> {
    project.services.get(name).ok_or_else(|| {
        let error = Error::usage(format!("no service is called `{name}`"));
        if project.services.is_empty() {
            error.hint("versions.yml has no `services:` yet")
        } else {
            let names = project.services.keys().map(String::as_str);
            error.hint(suggestions::hint(name, names))
        }
    })
}

/// Services in the order in which they are started: each after those that it needs.
pub fn in_order(project: &Project, names: &[String]) -> Result<Vec<String>> {
    fn add(project: &Project, name: &str, order: &mut Vec<String>) -> Result<()> {
        if order.iter().any(|known| known == name) {
            return Ok(());
        }
        // This ends, because services that need each other in a circle are refused on loading.
        for needed in &find(project, name)?.services {
            add(project, needed, order)?;
        }
        order.push(name.to_owned());
        Ok(())
    }
    let mut order = Vec::new();
    for name in names {
        add(project, name, &mut order)?;
    }
    Ok(order)
}

/// All services in the order in which they are started.
pub fn all_in_order(project: &Project) -> Result<Vec<String>> {
    let names: Vec<String> = project.services.keys().cloned().collect();
    in_order(project, &names)
}
