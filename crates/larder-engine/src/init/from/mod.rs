//! `init --from`: takes tools and tasks over from the files of other tools.
//!
//! 1. Each file is recognised by its name or content (`kind`), and read into one common list (`found`) by the reader of its
//!    kind. Nothing is run, and no network is used.
//! 2. `resolve` makes the recipe of each tool: as `add` does if the tool's publisher can be asked, else from what the file says.
//!    A tool that fails does not lose the others.
//! 3. `write` makes versions.yml, and loads all files in a folder for temporary files. What does not load is taken out.
//! 4. The files are written, versions.yml last. Nothing is overwritten.
//!
//! What could not be moved is listed with its file, its line and the reason: in the document, and at the end of versions.yml.

mod aqua;
mod document;
mod dotslash;
mod found;
mod goreleaser;
mod gotool;
mod kind;
mod mise;
mod report;
mod resolve;
mod short_names;
mod taskfile;
mod tool_versions;
mod write;
mod yaml;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::documents::InitFromDocument;
use larder_core::fs;
use larder_core::project::foreign::{self, Source};
use larder_core::project::user::UserConfig;
use larder_remote::origin::Publishers;

use crate::import::aqua::Registry;

pub use kind::FileKind;
pub use write::{LeftLine, grouped};

use super::{FileChange, VERSIONS, extended_text, extensions, write_new, write_schemas};
use document::{Document, Syntax};
use found::{Found, Tool};
use resolve::{Resolver, Unresolved};
use write::{Commented, Plan};

/// What to read, and where the project will be.
#[derive(Clone, Debug)]
pub struct FromRequest {
    /// The folder of the new project.
    pub root: Utf8PathBuf,
    /// The files, as they were named, and their absolute paths.
    pub files: Vec<(String, Utf8PathBuf)>,
    /// Make the files and write none.
    pub dry_run: bool,
}

/// What can be used on the way.
#[derive(Clone, Copy)]
pub struct FromContext<'a> {
    /// The publishers.
    pub publishers: Publishers<'a>,
    /// Ask nobody.
    pub offline: bool,
    /// aqua's registry, or a checkout of it, which is read also if nobody is asked.
    pub registry: &'a Registry<'a>,
    /// The folder for temporary files.
    pub temp: &'a std::path::Path,
    /// The user's configuration.
    pub user: &'a UserConfig,
    /// Ends the work early.
    pub cancel: &'a Cancel,
    /// Is told which tool is looked up.
    pub tell: &'a dyn Fn(&str),
}

/// The result.
#[derive(Debug)]
pub struct Taken {
    /// What was moved and what is left.
    pub document: InitFromDocument,
    /// The failure of tools that were looked up and could not be moved, if there are any.
    pub error: Option<Error>,
}

/// The files that were read, and everything that they say.
struct Read {
    sources: Vec<(String, FileKind)>,
    found: Found,
}

/// Takes over tools and tasks.
pub fn init_from(request: &FromRequest, context: FromContext<'_>) -> Result<Taken> {
    let root = &request.root;
    if fs::lstat(root.join(VERSIONS))?.is_some() {
        return Err(Error::usage(format!(
            "{root} is a project already: it has a versions.yml"
        ))
        .hint("`larder add` adds single tools to it")
        .hint("to start again, remove versions.yml and the recipes in subsystems/"));
    }
    let Read { sources, found } = read(request)?;
    if found.tools.is_empty() && found.tasks.is_empty() {
        return Err(nothing(&sources, &found));
    }
    let scratch = fs::Scratch::new(context.temp, "init")?;
    let empty = resolve::empty_project(&scratch, &found.platforms, context.user)?;
    let resolver = Resolver {
        publishers: context.publishers,
        offline: context.offline,
        registry: context.registry,
        project: &empty,
        user: context.user,
        cancel: context.cancel,
    };
    let mut outcomes: Vec<report::Outcome> = Vec::new();
    for tool in &found.tools {
        if !tool.sources.is_empty() && !context.offline {
            (context.tell)(&format!("looking up {} {}", tool.name, tool.version));
        }
        outcomes.push((tool.clone(), resolver.resolve(tool)?));
    }
    let mut plan = Plan {
        from: sources.iter().map(|(file, _)| file.clone()).collect(),
        tools: Vec::new(),
        missing: Vec::new(),
        found,
    };
    for (tool, outcome) in &outcomes {
        match outcome {
            Ok(resolved) => {
                if let Some(note) = &resolved.note {
                    plan.found.leave(
                        tool.place.clone(),
                        format!("the tool `{}`", tool.name),
                        note.clone(),
                    );
                }
                plan.tools.push(resolved.clone());
            }
            Err(Unresolved { error, next }) => {
                plan.found.ask(
                    tool.place.clone(),
                    format!("the tool `{}`", tool.name),
                    error.to_string(),
                    next.clone(),
                );
                plan.missing.push(Commented {
                    name: tool.name.clone(),
                    version: tool.version.to_string(),
                    next: next.clone(),
                });
            }
        }
    }
    in_order(&mut plan.found);
    plan.tools.sort_by(|a, b| a.name.cmp(&b.name));
    let failed = failure(&outcomes, context.offline);
    if plan.tools.is_empty() && plan.found.tasks.is_empty() {
        // Nothing would be gained by files without content; the same command can be tried again.
        return Err(failed.unwrap_or_else(|| nothing(&sources, &plan.found)));
    }
    let mut versions = plan.check(context.temp, context.user)?;
    in_order(&mut plan.found);
    versions.text = plan.versions().text;
    let mut files = plan.recipes();
    let ignore = source_ignore(root, &plan)?;
    files.extend(ignore);
    write::refuse_existing(root, &files)?;
    let mut shown: Vec<(String, String)> = vec![(VERSIONS.to_owned(), versions.text.clone())];
    shown.extend(
        files
            .iter()
            .map(|(path, text)| (path.to_string(), text.clone())),
    );
    let entries = outcomes
        .iter()
        .map(|outcome| {
            let moved = plan
                .tools
                .iter()
                .any(|tool| tool.name.as_str() == outcome.0.name);
            report::tool(outcome, moved, context.offline)
        })
        .collect();
    let mut changes = Vec::new();
    if request.dry_run {
        for (file, lines) in extensions() {
            if let Some(text) = extended_text(&root.join(file), &lines)? {
                shown.push((file.to_owned(), text));
            }
        }
    } else {
        changes = write_all(root, &files, &versions.text)?;
        shown.clear();
    }
    let mut document = report::document(&sources, entries, &plan.found, shown);
    for (path, change) in changes {
        match change {
            FileChange::Written => document.written.push(path),
            FileChange::Extended => document.extended.push(path),
            FileChange::Kept => document.kept.push(path),
        }
    }
    Ok(Taken {
        document,
        error: failed,
    })
}

/// Sorts what is left by its place: files in the order in which they were read, then lines.
fn in_order(found: &mut Found) {
    let mut files: Vec<Utf8PathBuf> = Vec::new();
    for place in (found.left.iter().map(|left| &left.place))
        .chain(found.replaced.iter().map(|replaced| &replaced.place))
    {
        if !files.contains(&place.file) {
            files.push(place.file.clone());
        }
    }
    let key = |place: &found::Place| {
        let file = files.iter().position(|file| *file == place.file);
        // The root file is before those that it includes.
        (place.file.components().count(), file, place.line)
    };
    found.left.sort_by_key(|left| key(&left.place));
    found.replaced.sort_by_key(|replaced| key(&replaced.place));
}

/// Reads the files.
fn read(request: &FromRequest) -> Result<Read> {
    let mut read: Vec<(String, FileKind, Source, Utf8PathBuf)> = Vec::new();
    for (shown, path) in &request.files {
        if fs::stat(path)?.is_some_and(|meta| meta.is_dir()) {
            return Err(Error::usage(format!("{shown} is a folder"))
                .hint("name the file, such as Taskfile.yml"));
        }
        let Some(source) = foreign::read(path, shown.into())? else {
            return Err(Error::usage(format!("there is no file {shown}"))
                .hint("`--from` names a file such as Taskfile.yml or mise.toml"));
        };
        let kind = FileKind::of(path, &source)?;
        let in_root = path.parent() == Some(request.root.as_path());
        if matches!(kind, FileKind::Taskfile | FileKind::GoReleaser) && !in_root {
            return Err(Error::usage(format!("{shown} is not in the folder of the new project, {}", request.root))
                .hint("its commands and sources are relative to its folder: run `larder init --from` there, or name the folder with -C"));
        }
        read.push((shown.clone(), kind, source, path.clone()));
    }
    let mut all = Found::default();
    let mut sources = Vec::new();
    for (shown, kind, source, path) in read {
        let mut found = Found::default();
        match kind {
            FileKind::ToolVersions => tool_versions::read(&source, &mut found),
            FileKind::Mise => mise::read(&Document::new(source, Syntax::Toml)?, &mut found),
            FileKind::Aqua => aqua::read(&Document::new(source, Syntax::Yaml)?, &path, &mut found)?,
            FileKind::DotSlash => dotslash::read(&Document::new(source, Syntax::Json)?, &mut found),
            FileKind::Taskfile => {
                taskfile::read(Document::new(source, Syntax::Yaml)?, &path, &mut found)?;
            }
            FileKind::GoReleaser => {
                let project = request.root.file_name().unwrap_or("project");
                goreleaser::read(&Document::new(source, Syntax::Yaml)?, project, &mut found);
            }
        }
        join(&mut all, found);
        sources.push((shown, kind));
    }
    spread_env(&mut all);
    Ok(Read {
        sources,
        found: all,
    })
}

/// Adds what a further file says. A tool or task that an earlier file has stays as it is there.
fn join(all: &mut Found, more: Found) {
    let Found {
        tools,
        tasks,
        env,
        hub,
        maintainer,
        platforms,
        left,
        replaced,
    } = more;
    all.left.extend(left);
    all.replaced.extend(replaced);
    for tool in tools {
        match all.tools.iter().find(|known| known.name == tool.name) {
            None => all.tools.push(tool),
            Some(known) if known.version == tool.version => {}
            Some(known) => {
                let why = format!("{} says {}, and that is taken", known.place, known.version);
                all.leave(
                    tool.place,
                    format!("the tool `{}` {}", tool.name, tool.version),
                    why,
                );
            }
        }
    }
    for task in tasks {
        match all.tasks.iter().find(|known| known.name == task.name) {
            None => all.tasks.push(task),
            Some(known) => {
                let why = format!(
                    "{} has a task of this name, too, and that is taken",
                    known.place
                );
                all.leave(task.place, format!("the task `{}`", task.name), why);
            }
        }
    }
    all.env.extend(env);
    all.hub = all.hub.take().or(hub);
    all.maintainer = all.maintainer.take().or(maintainer);
    if all.platforms.is_empty() {
        all.platforms = platforms;
    }
}

/// Variables for all commands become variables of each task.
fn spread_env(found: &mut Found) {
    let env = std::mem::take(&mut found.env);
    for (name, value, place) in env {
        if found.tasks.is_empty() {
            found.ask(
                place,
                format!("the variable `{name}`"),
                "a project of larder has no variables of its own, and there is no task that could have it",
                format!("put `export {name}=…` into .envrc"),
            );
            continue;
        }
        for task in &mut found.tasks {
            if task.env.iter().all(|(known, _)| *known != name) {
                task.env.push((name.clone(), value.clone()));
            }
        }
    }
}

/// The error for files in which there is nothing to take over.
fn nothing(sources: &[(String, FileKind)], found: &Found) -> Error {
    let files: Vec<&str> = sources.iter().map(|(file, _)| file.as_str()).collect();
    let mut error = Error::usage(format!("nothing in {} can be taken over", files.join(", ")));
    for left in found.left.iter().take(12) {
        error = error.hint(write::line(left));
    }
    error.hint("`larder init` writes a starter project, and `larder add` adds tools to it")
}

/// The failure of the tools that could not be looked up. With `--offline` that was asked for.
fn failure(outcomes: &[report::Outcome], offline: bool) -> Option<Error> {
    let errors: Vec<&Error> = outcomes
        .iter()
        .filter_map(|(_, outcome)| outcome.as_ref().err().map(|unresolved| &unresolved.error))
        .collect();
    if errors.is_empty() || offline {
        return None;
    }
    // Whoever can't be reached now may answer later.
    let kind = if errors.iter().any(|error| error.kind() == Kind::Unavailable) {
        Kind::Unavailable
    } else {
        Kind::Failed
    };
    let tools = if errors.len() == 1 {
        "1 tool"
    } else {
        &format!("{} tools", errors.len())
    };
    let mut error = Error::new(kind, format!("{tools} could not be moved"));
    for (tool, outcome) in outcomes {
        if let Err(Unresolved { error: why, next }) = outcome {
            error = error
                .cause(format!("{}: {why}", tool.name))
                .hint(next.clone());
        }
    }
    Some(error)
}

/// A `.larderignore` for a source that is the project's own folder: without it, each change of a version would be a change of
/// the source.
fn source_ignore(root: &Utf8Path, plan: &Plan) -> Result<Option<(Utf8PathBuf, String)>> {
    let is_root = |dir: &Utf8PathBuf| dir.as_str().is_empty();
    if !plan
        .tools
        .iter()
        .any(|tool| tool.source_dir.as_ref().is_some_and(is_root))
    {
        return Ok(None);
    }
    let path = Utf8PathBuf::from(".larderignore");
    let text = "# What is no part of the source that larder builds from this folder.\n/versions.yml\n/versions.lock\n/subsystems/\n";
    let existing = fs::lstat(root.join(&path))?.is_some();
    Ok((!existing).then(|| (path, text.to_owned())))
}

/// Writes the files; versions.yml, which makes the folder a project, is the last one.
fn write_all(
    root: &Utf8Path,
    files: &[(Utf8PathBuf, String)],
    versions: &str,
) -> Result<Vec<(String, FileChange)>> {
    let mut changes = Vec::new();
    for (path, text) in files {
        changes.push((path.to_string(), write_new(root, path.as_str(), text)?));
    }
    write_schemas(root)?;
    for (file, lines) in extensions() {
        changes.push((file.to_owned(), super::extend(&root.join(file), &lines)?));
    }
    changes.insert(
        0,
        (VERSIONS.to_owned(), write_new(root, VERSIONS, versions)?),
    );
    Ok(changes)
}
