//! Turns events into output for a person or a program: a terminal, plain lines, JSON or GitHub
//! Actions.
//!
//! One thread owns the output and reads the events of the run. Data (JSON lines) goes to stdout,
//! and everything else to stderr. The report depends only on [`larder_engine::events::Event`], not
//! on the plan or the steps, and it decides nothing; it returns the totals of what it has shown.
//!
//! `reporter` is that thread. It passes the events to one of the `views`, which `mode` selects.
//! `text` renders the lines that the views show. `timings` records a run for `--timings`.

mod documents;
mod mode;
mod print;
mod reporter;
mod text;
pub mod timings;
mod totals;
mod views;

#[cfg(test)]
mod tests;

pub use documents::Cleaned;
pub use mode::{Mode, Verbosity};
pub use print::{Printer, print_bytes, print_data, to_json, written};
pub use reporter::{Reporter, ReporterHandle, close, show_step, shows_what_is_up_to_date};
pub use text::{ColorChoice, Paint, Redactor, Tone, render_error, snippet, table};
pub use totals::{Totals, slowest};
pub use views::{
    DidLine, FinishedLine, SummaryLine, annotations, escape_data, failure_line, summarise,
    summary_line, warning_annotation,
};
