//! Renders texts for people: errors, lines about steps, tables and numbers. It adds colours and
//! removes secrets.
//!
//! It depends on events and errors, but not on when or where a text is shown.

pub mod snippet;
pub mod table;

mod error;
pub(super) mod lines;
pub(super) mod paint;
mod redact;

pub use error::render_error;
pub use paint::{ColorChoice, Paint, Tone};
pub use redact::Redactor;
pub(super) use redact::is_harmful;
