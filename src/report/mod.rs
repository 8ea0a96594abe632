//! Events → what a person or a program sees: a terminal, plain lines, JSON, GitHub Actions.
//!
//! One thread owns the output and reads the run's events; everything it shows it knows from them. stdout is data (JSON
//! lines), stderr is talk (all the rest). Knows nothing of the plan, of steps or of what they mean beyond
//! [`larder_engine::events::Event`], and decides nothing: what it returns are the totals of what it has shown.

pub mod snippet;
pub mod table;

mod actions;
mod documents;
mod error;
mod json;
mod lines;
mod live;
mod mode;
mod paint;
mod plain;
mod print;
mod redact;
mod reporter;
mod terminal;
mod totals;

#[cfg(test)]
mod tests;

pub use actions::annotations;
pub use documents::Cleaned;
pub use error::render_error;
pub use json::{DidLine, FinishedLine, SummaryLine, failure_line, summary_line};
pub use mode::{ColorChoice, Mode, Verbosity};
pub use paint::{Paint, Tone};
pub use print::{print, print_bytes, to_json};
pub use redact::Redactor;
pub use reporter::{Reporter, ReporterHandle, say, tell};
pub use totals::Totals;
