//! What a command tells of a project without changing anything: status, plan, why, list, check. Each is one document.
//!
//! A document holds texts as they were said; whoever shows them takes secrets and control characters out.

pub mod check;
pub mod list;
pub mod plan;
pub mod status;
pub mod why;
