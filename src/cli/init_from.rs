//! `larder init --from`.

use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};

use super::Global;
use super::session::supervised;
use crate::report::Verbosity;
use larder_core::error::Result;
use larder_core::formats::documents::{InitFromDocument, InitFromToolState};
use larder_engine::import::aqua;
use larder_engine::init::{FromContext, FromRequest, LeftLine, Taken, grouped, init_from};
use larder_remote::http;
use larder_remote::origin::Publishers;

/// Runs it.
pub(super) fn run(
    from: &[Utf8PathBuf],
    root: &Utf8Path,
    dry_run: bool,
    offline: bool,
    registry: Option<&Utf8Path>,
    global: &Global,
) -> Result<ExitCode> {
    let current = super::settings::current_dir()?;
    let request = FromRequest {
        root: root.to_owned(),
        files: from
            .iter()
            .map(|file| (file.to_string(), current.join(file)))
            .collect(),
        dry_run,
    };
    let (_runtime, cancel) = supervised()?;
    let settings = global.startup.remote(offline)?;
    let client = http::Client::new(settings.http.clone(), cancel.clone());
    let tell = |text: &str| {
        if global.verbosity() != Verbosity::Quiet && !global.json {
            global.message(text);
        }
    };
    let publishers = Publishers {
        client: &client,
        settings: &settings,
    };
    let folder = registry
        .map(|folder| super::add::registry_folder(folder, global))
        .transpose()?;
    let registry = aqua::Registry {
        folder: folder.as_deref(),
        publishers,
        cache: &global.startup.cache_dir()?,
    };
    let Taken { document, error } = init_from(
        &request,
        FromContext {
            publishers,
            offline,
            registry: &registry,
            temp: &settings.temp,
            user: &global.startup.user,
            cancel: &cancel,
            tell: &tell,
        },
    )?;
    if global.json {
        global.print_json(&document)?;
    } else {
        show(&document, dry_run, global)?;
    }
    match error {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => Err(error),
    }
}

/// Prints what was moved and what is left; with `--dry-run` the files, on stdout.
fn show(document: &InitFromDocument, dry_run: bool, global: &Global) -> Result<()> {
    let InitFromDocument {
        from: _,
        tools,
        tasks,
        replaced,
        left,
        files,
        written,
        extended,
        kept,
    } = document;
    let texts: Vec<String> = files
        .iter()
        .map(|file| format!("# ==> {} <==\n{}", file.path, file.text))
        .collect();
    if !texts.is_empty() {
        global.print(texts.join("\n").trim_end())?;
    }
    if global.verbosity() == Verbosity::Quiet {
        return Ok(());
    }
    let width = tools.iter().map(|tool| tool.name.len()).max().unwrap_or(0);
    for tool in tools {
        let how = match (tool.state, &tool.source) {
            (InitFromToolState::Moved, Some(source)) => format!("from {source}"),
            (InitFromToolState::Moved, None) => format!("as {} says", tool.file),
            (InitFromToolState::Failed, _) => "NOT MOVED, see below".to_owned(),
            (InitFromToolState::Left, _) => "left for you, see below".to_owned(),
        };
        global.message(&format!("{:width$}  {:<10} {how}", tool.name, tool.version));
    }
    if !tasks.is_empty() {
        let names: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
        global.message(&format!("tasks: {}", names.join(", ")));
    }
    if !replaced.is_empty() {
        if global.verbosity() > Verbosity::Normal {
            for entry in replaced {
                global.message(&format!(
                    "{}:{}: {}: `{}` does this",
                    entry.file, entry.line, entry.what, entry.by
                ));
            }
        } else {
            let what = if replaced.len() == 1 {
                "1 task or key is"
            } else {
                &format!("{} tasks and keys are", replaced.len())
            };
            global.message(&format!(
                "{what} what larder's own commands do (-v lists them)"
            ));
        }
    }
    if !left.is_empty() {
        global.message("left for you:");
        let lines = left.iter().map(|entry| LeftLine {
            place: format!("{}:{}", entry.file, entry.line),
            what: &entry.what,
            why: &entry.why,
            next: entry.next.as_deref(),
        });
        for line in grouped(lines) {
            global.message(&format!("  {line}"));
        }
    }
    for path in written {
        global.message(&format!("wrote {path}"));
    }
    for path in extended {
        global.message(&format!("added lines to {path}"));
    }
    for path in kept {
        global.message(&format!("{path} already exists and was not changed"));
    }
    if !dry_run
        && tools
            .iter()
            .any(|tool| tool.state == InitFromToolState::Moved)
    {
        global.message("next: larder ensure all");
    }
    Ok(())
}
