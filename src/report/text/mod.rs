//! Texts that people read, made of values: errors, lines about steps, tables, numbers; painted and
//! cleaned of secrets.
//!
//! Knows events and errors, but neither when a text is shown nor where.

pub mod snippet;
pub mod table;

mod error;
pub(super) mod lines;
pub(super) mod paint;
mod redact;

pub use error::render_error;
pub use paint::{ColorChoice, Paint, Tone};
pub use redact::Redactor;
