//! What the tasks of the agent see of its decisions.

use super::release::{Attempt, Release};
use super::supervise::Picture;

/// The last state that was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// What runs and how it is.
    pub picture: Picture,
    /// What is to run.
    pub current: Option<Release>,
    /// Failures that the server does not know yet.
    pub unreported: Vec<Attempt>,
}
