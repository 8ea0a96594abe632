//! Events → what a person or a program sees: a terminal, plain lines, JSON, GitHub Actions.
//!
//! One thread owns the output and reads the run's events; everything it shows it knows from them.
//! stdout is data (JSON lines), stderr is messages (all the rest). Knows nothing of the plan, of steps
//! or of what they mean beyond [`larder_engine::events::Event`], and decides nothing: what it
//! returns are the totals of what it has shown.
//!
//! `reporter` is that thread; it feeds one of the `views`, which `mode` chose; `text` makes the
//! lines that they show.

mod documents;
mod mode;
mod print;
mod reporter;
mod text;
mod totals;
mod views;

#[cfg(test)]
mod tests;

pub use documents::Cleaned;
pub use mode::{Mode, Verbosity};
pub use print::{print, print_bytes, to_json};
pub use reporter::{Reporter, ReporterHandle, message, show_step};
pub use text::{ColorChoice, Paint, Redactor, Tone, render_error, snippet, table};
pub use totals::Totals;
pub use views::{DidLine, FinishedLine, SummaryLine, annotations, failure_line, summary_line};
