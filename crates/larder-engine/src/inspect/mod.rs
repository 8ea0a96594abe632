//! The commands that show a project without changing it: status, plan, why, list, check. Each makes one document.
//!
//! A document can contain secrets and control characters in its texts; the code that prints it removes them.

pub mod check;
pub mod doctor;
pub mod list;
pub mod plan;
pub mod presign;
pub mod status;
pub mod why;
mod workflows;
