//! Child processes: the one place where larder starts them.
//!
//! Each child gets an explicit environment, reads nothing, and runs in a process group of its own
//! (a job on Windows). The group is ended with TERM, and with KILL two seconds later, when the run
//! is cancelled or the time is up; when the child exits by itself, the processes that it left
//! behind in its group are ended in the same way.
//!
//! Calls block until the child has ended, and each call waits under a small runtime of its own:
//! callers need no runtime, and those that have one must call from a thread that may block. Knows
//! nothing of what the programs are for.

mod capture;
mod command;
mod log;
mod run;
#[cfg(test)]
mod tests;

pub use capture::{Captured, LIMIT, Merged};
pub use command::Command;
pub use log::Log;
pub use run::{Ended, Output};
