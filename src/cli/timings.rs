//! `--timings`: at the end of a run, lists how long each step took, and writes the page and the trace
//! of what ran when.

use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::Global;
use super::settings::current_dir;
use crate::report::{self, Printer, Totals, timings as run_timings};
use larder_core::error::{Kind, Result};
use larder_core::fs::{self, OwnFolder};
use larder_core::model::{Outcome, Platform};
use larder_engine::context::Context;
use larder_engine::events::{Event, Finished, Moment, What};
use run_timings::{Heading, Recorded, Recorder, Timeline};

/// The folder below the project, if the user names no other.
const FOLDER: &str = ".larder/timings";
/// How many runs are kept there.
const KEPT: usize = 10;
/// What the names of the files begin with.
const PREFIX: &str = "timings-";

/// `--timings[=DIR]`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TimingsArgs {
    /// At the end, list how long each step took, the slowest first, and write a page (HTML) and a
    /// trace (JSON for Perfetto and Chrome's tracing) of what ran when and what waited for what.
    /// Default folder: `.larder/timings`, where the last ten runs are kept.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    timings: Option<Utf8PathBuf>,
}

/// What shows the timings of a run, once it has ended.
pub struct Timings {
    started: Instant,
    /// `None` for the project's own folder.
    folder: Option<Utf8PathBuf>,
    root: Utf8PathBuf,
    heading: Heading,
    file: String,
    redactor: report::Redactor,
    printer: Printer,
    /// `None` if no step is run.
    recorder: Option<Recorder>,
    is_dry_run: bool,
    has_color: bool,
}

impl TimingsArgs {
    /// What shows the timings of this run, if they were asked for.
    pub fn of_run(
        &self,
        names: &[String],
        global: &Global,
        started: Instant,
    ) -> Result<Option<Timings>> {
        let Some(folder) = &self.timings else {
            return Ok(None);
        };
        let folder = if folder.as_str().is_empty() {
            None
        } else {
            Some(current_dir()?.join(folder))
        };
        let root = global.root()?;
        let now = jiff::Timestamp::now();
        Ok(Some(Timings {
            started,
            folder,
            heading: Heading {
                project: root.file_name().unwrap_or("larder").to_owned(),
                command: format!("larder ensure {}", names.join(" ")),
                time: now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
                larder: env!("CARGO_PKG_VERSION").to_owned(),
                host: Platform::host().to_string(),
                cores: std::thread::available_parallelism().map_or(1, usize::from),
            },
            root,
            file: format!("{PREFIX}{}", now.strftime("%Y%m%dT%H%M%S.%3fZ")),
            redactor: global.redactor(),
            printer: global.printer(),
            recorder: None,
            is_dry_run: false,
            has_color: global.paint().color,
        }))
    }
}

impl Timings {
    /// Records the run of a context.
    pub fn record(&mut self, ctx: &mut Context) {
        let (events, moments) = ctx.events.clone().recorded();
        ctx.events = events;
        self.heading.project.clone_from(&ctx.project.name);
        self.is_dry_run = ctx.options.dry_run;
        self.recorder = Some(Recorder::start(moments));
    }

    /// Shows the timings of the recorded run. Returns the kind of the failure if they could not be
    /// written; the failure is shown.
    pub fn end(mut self, totals: &Totals) -> Option<Kind> {
        let recorded = self.recorder.take().map(Recorder::finish);
        self.show(recorded.unwrap_or_default(), totals)
    }

    /// Shows the timings of a run that had nothing to do, as the recorded state says.
    pub fn end_up_to_date(self, steps: Vec<Finished>) -> Option<Kind> {
        let mut totals = Totals::default();
        totals.counts.insert(Outcome::UpToDate, steps.len());
        totals.seconds = self.started.elapsed().as_secs_f64();
        let moments = steps
            .into_iter()
            .map(|step| Moment::now(What::Event(Event::Finished(step))));
        let recorded = Recorded {
            moments: moments.collect(),
            ..Recorded::default()
        };
        self.show(recorded, &totals)
    }

    fn show(self, recorded: Recorded, totals: &Totals) -> Option<Kind> {
        for line in report::slowest(totals) {
            self.printer.message(&line);
        }
        if self.is_dry_run {
            self.printer
                .message("a dry run writes no page of its timings");
            return None;
        }
        let timeline = Timeline::new(recorded, self.started);
        let files = run_timings::files(&timeline, &self.heading, &self.redactor);
        let page = match self.write(&files) {
            Ok(page) => page,
            Err(error) => {
                let error = error.hint("`--timings=DIR` writes the page and the trace elsewhere");
                let text = report::render_error(&error, self.has_color, &self.redactor);
                self.printer.message(&text);
                return Some(error.kind());
            }
        };
        self.printer.message(&format!(
            "timings: {page} (for a browser), and {}.json beside it (for chrome://tracing and Perfetto)",
            self.file
        ));
        None
    }

    /// Writes both files, and returns the path of the page.
    fn write(&self, files: &run_timings::Files) -> Result<Utf8PathBuf> {
        let (page, trace) = (format!("{}.html", self.file), format!("{}.json", self.file));
        if let Some(folder) = &self.folder {
            fs::create_dir_all(folder)?;
            fs::write_atomic(folder.join(&trace), files.json.as_bytes())?;
            fs::write_atomic(folder.join(&page), files.html.as_bytes())?;
            return Ok(folder.join(page));
        }
        let folder = OwnFolder::create(&self.root, Utf8Path::new(FOLDER))?;
        folder.write_atomic(&trace, files.json.as_bytes())?;
        folder.write_atomic(&page, files.html.as_bytes())?;
        prune(&folder)?;
        Ok(folder.path().join(page))
    }
}

/// Removes the files of all runs but the last ones. Their names sort by time.
fn prune(folder: &OwnFolder) -> Result<()> {
    let names = folder.list()?;
    let stem = |name: &str| -> Option<String> {
        let stem = name.strip_suffix(".html").or(name.strip_suffix(".json"))?;
        stem.starts_with(PREFIX).then(|| stem.to_owned())
    };
    let mut stems: Vec<String> = names.iter().filter_map(|name| stem(name)).collect();
    stems.dedup();
    let first_kept = stems.len().saturating_sub(KEPT);
    let old = &stems[..first_kept];
    for name in &names {
        if stem(name).is_some_and(|stem| old.contains(&stem)) {
            folder.remove_file(name)?;
        }
    }
    Ok(())
}
