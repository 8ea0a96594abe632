//! `larder why`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::Global;
use super::probe::ProbeArgs;
use super::session::ReadOnlySession;
use crate::report::table::{Table, stdout_width};
use crate::report::{Cleaned as _, Paint, Redactor, Tone, Verbosity};
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{
    ComparedEntry, Decision, DifferenceEntry, FieldEntry, InputsEntry, InstalledEntry, SourceEntry,
    WhyDocument,
};
use larder_core::model::{Digest, Platform};
use larder_core::project::Subsystem;
use larder_engine::inspect::why;

/// Explain the decision about one subsystem
///
/// Shows what `ensure` would do and why: the sources in the order in which they are asked, and the
/// answer of each. If an artifact with other inputs is installed or on the hub, it also shows which
/// inputs differ. `-v` shows all inputs. Nothing is changed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder why nats
  larder why nats --platform windows-amd64 --offline
  larder why nats --json | jq '.compared.differences'")]
pub struct Args {
    /// The subsystem.
    #[arg(value_name = "NAME")]
    name: String,
    /// The platform. Default: the host.
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    #[command(flatten)]
    probe: ProbeArgs,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    if args.platform.as_deref() == Some("all") {
        return Err(Error::usage("`why` takes one platform")
            .hint("`larder plan --platform all` shows the decisions for all platforms"));
    }
    let platform = args
        .platform
        .as_ref()
        .map(|text| text.parse::<Platform>())
        .transpose()?;
    let session = ReadOnlySession::open(global, args.probe.options())?;
    let mut subsystems = session.ctx.project.subsystems.values();
    let named = subsystems.find(|subsystem| subsystem.name.as_str() == args.name);
    let host = || named.map_or_else(Platform::host, Subsystem::host);
    let platform = platform.unwrap_or_else(host);
    let (document, stopped) = why::document(&session.ctx, &args.name, platform)?;
    let redactor = global.redactor();
    let document = document.cleaned(&redactor);
    if global.json {
        global.print_json(&document)?;
    } else {
        let verbose = global.verbosity() >= Verbosity::Verbose;
        global.print(&text(
            &document,
            global.stdout_paint(),
            stdout_width(),
            verbose,
            &redactor,
        ))?;
        for hint in stopped.iter().flat_map(Error::hints) {
            global.message(&format!("help: {hint}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(
    document: &WhyDocument,
    paint: Paint,
    width: Option<usize>,
    verbose: bool,
    redactor: &Redactor,
) -> String {
    let WhyDocument {
        name,
        version,
        platform,
        decision,
        reason,
        installed,
        wanted,
        sources,
        compared,
        signed,
    } = document;
    let (decided, tone) = match decision {
        Decision::UpToDate => ("is up to date", Tone::Good),
        Decision::Restore => ("would be restored", Tone::Plain),
        Decision::Download => ("would be downloaded", Tone::Plain),
        Decision::Build => ("would be built", Tone::Plain),
        Decision::Fail => ("can't be obtained", Tone::Bad),
        Decision::Skip => ("would be left out", Tone::Dim),
    };
    let title = paint.tone(Tone::Strong, &format!("{name} {version}"));
    let mut text = format!("{title} for {platform} {}", paint.tone(tone, decided));
    if let Some(reason) = reason {
        let _ = write!(text, ": {reason}");
    }
    text.push_str("\n\n");
    let mut table = Table::new(["", "version", "origin", "inputs"]);
    match installed {
        Some(InstalledEntry {
            version,
            origin,
            emulated,
            inputs,
            artifact: _,
            accepted,
            executor,
        }) => {
            let accepted = if *accepted {
                "accepted"
            } else {
                "not accepted"
            };
            let signed = signed.as_ref().map(|signed| format!(", {signed}"));
            let emulated = emulated.map(|emulated| format!(", emulated: {emulated}"));
            let executor = executor.as_ref().map(|place| format!(", built at {place}"));
            let inputs = format!(
                "{} ({accepted}{}{}{})",
                inputs.short(),
                emulated.unwrap_or_default(),
                executor.unwrap_or_default(),
                signed.unwrap_or_default()
            );
            let columns = [version.as_str(), origin.as_str(), inputs.as_str()]
                .map(|text| (text, Tone::Plain));
            table.row([("installed", Tone::Dim), columns[0], columns[1], columns[2]]);
        }
        None => table.row([
            ("installed", Tone::Dim),
            ("-", Tone::Plain),
            ("-", Tone::Plain),
            ("-", Tone::Plain),
        ]),
    }
    for (
        number,
        InputsEntry {
            origin,
            inputs,
            fields: _,
        },
    ) in wanted.iter().enumerate()
    {
        let title = if number == 0 { "wanted" } else { "or" };
        let inputs = inputs.short();
        let columns =
            [version.as_str(), origin.as_str(), inputs.as_str()].map(|text| (text, Tone::Plain));
        table.row([(title, Tone::Dim), columns[0], columns[1], columns[2]]);
    }
    text.push_str(&table.render(width, paint));
    if !sources.is_empty() {
        text.push('\n');
        let mut table = Table::new(["source", "", "answer"]).flexible(2);
        for SourceEntry {
            source,
            chosen,
            answer,
        } in sources
        {
            let (mark, tone) = if *chosen {
                ("->", Tone::Good)
            } else {
                ("", Tone::Plain)
            };
            table.row([(source.as_str(), Tone::Plain), (mark, tone), (answer, tone)]);
        }
        text.push_str(&table.render(width, paint));
    }
    if let Some(compared) = compared {
        text.push('\n');
        text.push_str(&differences(compared, paint, width, redactor));
    }
    if verbose {
        for InputsEntry {
            origin,
            inputs,
            fields,
        } in wanted
        {
            let _ = writeln!(text, "\ninputs of {origin}, {inputs}:");
            let mut table = Table::new(["field", "value"]).flexible(1);
            for FieldEntry { field, value } in fields {
                table.row([(field.as_str(), Tone::Plain), (value.as_str(), Tone::Plain)]);
            }
            text.push_str(&table.render(width, paint));
        }
    }
    text
}

/// The fields that differ, with both values on lines of their own, because commands can be long.
fn differences(
    compared: &ComparedEntry,
    paint: Paint,
    width: Option<usize>,
    redactor: &Redactor,
) -> String {
    let ComparedEntry {
        place,
        origin,
        inputs,
        known,
        differences,
    } = compared;
    if !known {
        return format!(
            "{place} was made from other inputs ({origin}, {}); their values are not known here\n",
            inputs.short()
        );
    }
    let mut text = format!("differences between {place} ({origin}) and what is wanted:\n");
    for DifferenceEntry {
        field,
        found,
        wanted,
    } in differences
    {
        let note = match field.as_str() {
            "source.dir" => " (bytes or names of files in the source's folder)",
            field if field.starts_with("build.needs.") => {
                " (version, recipe or source of what it is built with)"
            }
            _ => "",
        };
        let _ = writeln!(text, "  {}{note}", paint.tone(Tone::Strong, field));
        let mut line = |mark: &str, tone: Tone, value: &Option<String>| {
            let value = match value {
                None => "(none)".to_owned(),
                // The first digits are enough to tell two digests apart.
                Some(value) => value
                    .parse::<Digest>()
                    .map_or_else(|_| redactor.clean_line(value), |digest| digest.short()),
            };
            let line = format!("    {mark} {value}");
            let line = width.map_or(line.clone(), |width| paint.fit(&line, width));
            let _ = writeln!(text, "{}", paint.tone(tone, &line));
        };
        line("-", Tone::Bad, found);
        line("+", Tone::Good, wanted);
    }
    text
}
