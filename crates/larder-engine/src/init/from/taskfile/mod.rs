//! Taskfiles of Task: versions in variables, tasks that download or build binaries, and all other tasks.
//!
//! 1. `read` parses the Taskfile and those that it includes.
//! 2. `facts` finds in each task's commands what they download, clone and build.
//! 3. `tools` groups these by tool and makes recipes of them.
//! 4. `tasks` translates the other tasks.
//!
//! Nothing is run: what depends on the output of a command is listed, unless it is one of the usual commands.

mod builds;
mod drafts;
mod facts;
mod marks;
mod shell;
mod tasks;
mod template;
mod tools;
mod values;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::Result;
use larder_core::fs;
use larder_core::project::foreign::{Entry, Kind, Node};

use super::document::{Document, ReadNode, Syntax};
use super::found::{Found, Place};
use marks::Marks;
use values::{Evaluator, Layer, Scope};

/// The most Taskfiles that include each other.
const MAX_FILES: usize = 200;

/// A Taskfile.
struct File {
    document: Document,
    /// What the names of its tasks start with; empty for the root Taskfile.
    namespace: String,
    /// Its folder, relative to the root.
    dir: Utf8PathBuf,
    /// The folder in which its tasks run, relative to the root.
    run_dir: Utf8PathBuf,
    /// Its variables after those of the Taskfiles that include it.
    layers: Vec<Layer>,
    /// The variables of its commands' environment.
    env: Vec<Layer>,
}

impl File {
    /// The full name of one of its tasks.
    fn full(&self, short: &str) -> String {
        match short.strip_prefix(':') {
            Some(root) => root.to_owned(),
            None if self.namespace.is_empty() => short.to_owned(),
            None => format!("{}:{short}", self.namespace),
        }
    }

    /// The last part of its namespace.
    fn name(&self) -> &str {
        self.namespace.rsplit(':').next().unwrap_or_default()
    }
}

/// A task as it is written.
struct RawTask<'a> {
    file: &'a File,
    /// Its name in its file.
    short: &'a str,
    /// Its full name.
    name: String,
    node: &'a Node,
    place: Place,
    vars: Layer,
}

impl<'a> RawTask<'a> {
    fn new(file: &'a File, entry: &'a Entry) -> Self {
        Self {
            file,
            short: &entry.key,
            name: file.full(&entry.key),
            node: &entry.value,
            place: file.document.place(&entry.span),
            vars: Layer::of(&file.document, entry.value.get("vars"), &file.dir),
        }
    }

    /// Its commands: `cmds`, `cmd`, or the task itself if that is one command or a list of them.
    fn commands(&self) -> Vec<&'a Node> {
        let node = match &self.node.kind {
            Kind::Map(_) => match self.node.get("cmds").or_else(|| self.node.get("cmd")) {
                Some(node) => node,
                None => return Vec::new(),
            },
            Kind::Scalar { .. } | Kind::List(_) => self.node,
        };
        match node.items() {
            [] if node.is_null() => Vec::new(),
            [] if matches!(node.kind, Kind::List(_)) => Vec::new(),
            [] => vec![node],
            items => items.iter().collect(),
        }
    }

    fn text(&self, root: &Utf8Path, marks: &mut Marks, text: &str) -> String {
        let mut layers: Vec<&Layer> = self.file.layers.iter().collect();
        layers.push(&self.vars);
        let scope = Scope {
            layers,
            root,
            dir: &self.file.dir,
            task: &self.name,
        };
        Evaluator::new(&scope, marks).text(text)
    }
}

/// What is read from a Taskfile: everything that the other steps need.
struct Taskfiles {
    root: Utf8PathBuf,
    files: Vec<File>,
}

/// Reads the Taskfile at `path`, which is in the folder of the new project or below it.
pub(super) fn read(document: Document, path: &Utf8Path, found: &mut Found) -> Result<()> {
    let root = path.parent().unwrap_or(Utf8Path::new("")).to_owned();
    let shown = document
        .source
        .file
        .parent()
        .unwrap_or(Utf8Path::new(""))
        .to_owned();
    let mut taskfiles = Taskfiles {
        root,
        files: Vec::new(),
    };
    let mut outer = Layer::default();
    for file in document
        .root
        .get("dotenv")
        .map(ReadNode::texts)
        .unwrap_or_default()
    {
        dotenv(&taskfiles.root, &shown, file, &mut outer)?;
    }
    let file = File {
        namespace: String::new(),
        dir: Utf8PathBuf::new(),
        run_dir: Utf8PathBuf::new(),
        env: vec![
            outer.clone(),
            Layer::of(&document, document.root.get("env"), Utf8Path::new("")),
        ],
        layers: vec![
            outer,
            Layer::of(&document, document.root.get("vars"), Utf8Path::new("")),
        ],
        document,
    };
    include(&mut taskfiles, file, &shown, found)?;
    let mut marks = Marks::default();
    let raw: Vec<RawTask<'_>> = taskfiles
        .files
        .iter()
        .flat_map(|file| {
            let tasks = file
                .document
                .root
                .get("tasks")
                .map(ReadNode::entries)
                .unwrap_or_default();
            tasks.iter().map(|entry| RawTask::new(file, entry))
        })
        .collect();
    let replaced = tools::find(&raw, &taskfiles, &mut marks, found);
    tasks::translate(&raw, &taskfiles, &replaced, &mut marks, found);
    unused(&taskfiles, &marks, found);
    Ok(())
}

/// Adds a Taskfile and those that it includes.
fn include(
    taskfiles: &mut Taskfiles,
    file: File,
    shown: &Utf8Path,
    found: &mut Found,
) -> Result<()> {
    let at = taskfiles.files.len();
    taskfiles.files.push(file);
    let includes: Vec<Entry> = taskfiles.files[at]
        .document
        .root
        .get("includes")
        .map(ReadNode::entries)
        .unwrap_or_default()
        .to_vec();
    for entry in includes {
        let parent = &taskfiles.files[at];
        let place = parent.document.place(&entry.span);
        let what = format!("the include `{}`", entry.key);
        let written = entry
            .value
            .text()
            .or_else(|| entry.value.word("taskfile"))
            .unwrap_or_default();
        let scope = Scope {
            layers: parent.layers.iter().collect(),
            root: &taskfiles.root,
            dir: &parent.dir,
            task: "",
        };
        let mut marks = Marks::default();
        let written = Evaluator::new(&scope, &mut marks).text(written);
        let relative = match written.strip_prefix(marks::ROOT) {
            Some(rest) => normal(Utf8Path::new(rest.trim_start_matches('/'))),
            None if marks::is_literal(&written) => normal(&parent.dir.join(&written)),
            None => None,
        };
        let Some(relative) = relative.filter(|_| !written.contains("://")) else {
            found.leave(
                place,
                what,
                format!(
                    "larder reads files of the project only, not `{}`",
                    entry
                        .value
                        .text()
                        .or_else(|| entry.value.word("taskfile"))
                        .unwrap_or_default()
                ),
            );
            continue;
        };
        let Some(path) = taskfile_at(&taskfiles.root, &relative)? else {
            if !entry.value.is_true("optional") {
                found.leave(place, what, format!("there is no Taskfile in {relative}"));
            }
            continue;
        };
        let depth = parent.namespace.matches(':').count();
        if taskfiles.files.len() >= MAX_FILES
            || depth > 8
            || taskfiles.files.iter().any(|known| {
                known.document.source.file == shown.join(&path)
                    && known.namespace.contains(&entry.key)
            })
        {
            found.leave(place, what, "Taskfiles include each other in a circle");
            continue;
        }
        let Some(document) =
            Document::read(&taskfiles.root.join(&path), shown.join(&path), Syntax::Yaml)?
        else {
            continue;
        };
        let parent = &taskfiles.files[at];
        let dir = path.parent().unwrap_or(Utf8Path::new("")).to_owned();
        let flatten = entry.value.is_true("flatten");
        let mut layers = parent.layers.clone();
        layers.push(Layer::of(
            &parent.document,
            entry.value.get("vars"),
            &parent.dir,
        ));
        layers.push(Layer::of(&document, document.root.get("vars"), &dir));
        let mut env = parent.env.clone();
        env.push(Layer::of(&document, document.root.get("env"), &dir));
        let run_dir = match entry.value.word("dir") {
            Some(folder) => normal(&parent.dir.join(folder)).unwrap_or_default(),
            None => parent.run_dir.clone(),
        };
        let file = File {
            namespace: if flatten {
                parent.namespace.clone()
            } else {
                parent.full(&entry.key)
            },
            document,
            dir,
            run_dir,
            layers,
            env,
        };
        include(taskfiles, file, shown, found)?;
    }
    Ok(())
}

/// The path of a Taskfile that an include names: the file, or the usual names in the folder.
fn taskfile_at(root: &Utf8Path, relative: &Utf8Path) -> Result<Option<Utf8PathBuf>> {
    let is_folder = fs::stat(root.join(relative))?.map(|meta| meta.is_dir());
    match is_folder {
        Some(false) => return Ok(Some(relative.to_owned())),
        Some(true) => {}
        None => return Ok(None),
    }
    for name in [
        "Taskfile.yml",
        "taskfile.yml",
        "Taskfile.yaml",
        "taskfile.yaml",
        "Taskfile.dist.yml",
        "Taskfile.dist.yaml",
    ] {
        if fs::stat(root.join(relative).join(name))?.is_some_and(|meta| meta.is_file()) {
            return Ok(Some(relative.join(name)));
        }
    }
    Ok(None)
}

/// The path without `.` and `..`; `None` if it leads out of the project.
fn normal(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut done = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            camino::Utf8Component::CurDir => {}
            camino::Utf8Component::ParentDir => {
                if !done.pop() {
                    return None;
                }
            }
            camino::Utf8Component::Normal(name) => done.push(name),
            camino::Utf8Component::RootDir | camino::Utf8Component::Prefix(_) => return None,
        }
    }
    Some(done)
}

/// Reads a file of variables; one that does not exist sets none.
fn dotenv(root: &Utf8Path, shown: &Utf8Path, file: &str, layer: &mut Layer) -> Result<()> {
    let Some(relative) = normal(Utf8Path::new(file)) else {
        return Ok(());
    };
    let Some(text) = fs::read_text_opt(root.join(&relative))? else {
        return Ok(());
    };
    for (number, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches("export ");
        if line.starts_with('#') {
            continue;
        }
        if let Some((name, value)) = line.split_once('=') {
            let place = Place {
                file: shown.join(&relative),
                line: number + 1,
                column: 1,
            };
            let value = value
                .split(" #")
                .next()
                .unwrap_or_default()
                .trim()
                .trim_matches(['"', '\'']);
            layer.set(name.trim(), &marks::clean(value), place);
        }
    }
    Ok(())
}

/// Lists versions of the root Taskfile that no task uses for a download or a build.
fn unused(taskfiles: &Taskfiles, marks: &Marks, found: &mut Found) {
    let used: Vec<&str> = marks
        .versions
        .iter()
        .map(|variable| variable.name.as_str())
        .collect();
    for file in &taskfiles.files {
        let Some(own) = file.layers.last() else {
            continue;
        };
        for (name, place) in own.names() {
            if values::is_version_name(name) && own.is_version(name) && !used.contains(&name) {
                let tool = name
                    .to_ascii_lowercase()
                    .trim_end_matches("_version")
                    .replace('_', "-");
                let tool = super::found::subsystem_name(&tool);
                if found.tools.iter().all(|known| known.name != tool) {
                    found.ask(
                        place.clone(),
                        format!("the variable `{name}`"),
                        "no task downloads or builds something with it",
                        format!("larder add {tool} SOURCE VERSION, if it is the version of a tool"),
                    );
                }
            }
        }
    }
}
