//! Starts child processes. This crate is the only place where larder does so.
//!
//! Each child gets an explicit environment and a stdin that is empty or has what the caller gives,
//! and runs in its own process group (a job on Windows). When the run is cancelled or the timeout expires, the group gets TERM, and KILL
//! two seconds later. When the child exits by itself, the processes that it left in its group are
//! ended in the same way. A member that has ended counts as gone even if nobody reaps it, as in
//! containers whose first process is a program that does not expect children.
//!
//! A [`Service`] runs for as long as larder does, and outlives it if larder is killed. The next
//! larder recognises it by its id and the time of its start, and adopts or ends it.
//!
//! A [`Detached`] process is a larder that goes on when this one ends: it watches a service of the
//! project.
//!
//! Before the first child is started, larder forbids others to inspect its own process.
//!
//! Calls block until the child has ended. Each call waits on its own small async runtime: callers
//! need no runtime, and callers that have one must call from a thread that may block. The crate
//! does not depend on what the programs are used for.

mod capture;
mod command;
mod detached;
mod group;
mod left;
mod log;
mod own;
mod run;
mod service;
#[cfg(test)]
mod tests;

pub use capture::{Captured, LIMIT, Merged};
pub use command::Command;
pub use detached::Detached;
pub use left::{end_left_behind, kill};
pub use log::Log;
pub use own::{forbid_inspection, ignored_signals, lead_session};
pub use run::{Ended, Moment, Output};
pub use service::{Identity, Member, Service, Signal, marked};
