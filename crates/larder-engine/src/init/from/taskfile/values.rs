//! Evaluates the templates of a Taskfile, as far as their values are known without running anything.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::fs;
use larder_core::project::foreign::{Kind, Node};

use super::super::document::{Document, ReadNode};
use super::super::found::Place;
use super::marks::{
    ARCH, ARCH_UNAME, ARGS, EXE, Marks, OS, OS_UNAME, ROOT, VersionVar, clean, is_literal,
};
use super::template;

/// The deepest chain of variables that use each other.
const MAX_DEPTH: usize = 24;

/// A variable as it is written.
#[derive(Clone, Debug)]
enum Value {
    /// A text with templates.
    Text(String),
    /// The output of a command.
    Shell(String),
    /// A value that no text stands for.
    Other,
}

/// The variables of a Taskfile, of an include or of a task.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    vars: BTreeMap<String, (Value, Place)>,
    /// The folder of the Taskfile that they are in, relative to the root.
    dir: Utf8PathBuf,
}

impl Layer {
    /// The variables of a mapping.
    pub(super) fn of(document: &Document, node: Option<&Node>, dir: &Utf8Path) -> Self {
        let mut layer = Self {
            vars: BTreeMap::new(),
            dir: dir.to_owned(),
        };
        for entry in node.map(ReadNode::entries).unwrap_or_default() {
            let value = match &entry.value.kind {
                Kind::Scalar { text, .. } => Value::Text(clean(text)),
                Kind::List(_) => Value::Text(clean(&entry.value.texts().join(" "))),
                Kind::Map(_) => match (entry.value.word("sh"), entry.value.word("ref")) {
                    (Some(command), _) => Value::Shell(clean(command)),
                    (None, Some(expression)) => {
                        Value::Text(format!("{{{{{}}}}}", clean(expression)))
                    }
                    (None, None) => Value::Other,
                },
            };
            layer
                .vars
                .insert(entry.key.clone(), (value, document.place(&entry.span)));
        }
        layer
    }

    /// Adds a variable with a literal value.
    pub(super) fn set(&mut self, name: &str, value: &str, place: Place) {
        self.vars
            .insert(name.to_owned(), (Value::Text(value.to_owned()), place));
    }

    /// Whether a variable has a text that looks like a version.
    pub(super) fn is_version(&self, name: &str) -> bool {
        match self.vars.get(name) {
            Some((Value::Text(text), _)) => is_like_version(text) && !text.contains("{{"),
            _ => false,
        }
    }

    /// The names of all variables with their places.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.vars
            .iter()
            .map(|(name, (_, place))| (name.as_str(), place))
    }
}

/// The variables that apply at a place: the innermost last.
#[derive(Clone, Debug)]
pub(super) struct Scope<'a> {
    pub(super) layers: Vec<&'a Layer>,
    /// The folder of the root Taskfile on this machine.
    pub(super) root: &'a Utf8Path,
    /// The folder of the Taskfile, relative to the root.
    pub(super) dir: &'a Utf8Path,
    /// The name of the task.
    pub(super) task: &'a str,
}

/// Evaluates texts.
pub(super) struct Evaluator<'a, 'm> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) marks: &'m mut Marks,
    depth: usize,
}

impl<'a, 'm> Evaluator<'a, 'm> {
    pub(super) fn new(scope: &'a Scope<'a>, marks: &'m mut Marks) -> Self {
        Self {
            scope,
            marks,
            depth: 0,
        }
    }

    /// The text with its templates evaluated.
    pub(super) fn text(&mut self, text: &str) -> String {
        let top = self.scope.layers.len();
        let dir = self.scope.dir.to_owned();
        template::render(&clean(text), &mut |name| self.lookup(name, top, &dir)).finish(self.marks)
    }

    /// The value of a variable; `None` if it is not set. Only the first `top` layers are looked at.
    fn lookup(&mut self, name: &str, top: usize, dir: &Utf8Path) -> Option<String> {
        let folder = |dir: &Utf8Path| {
            if dir.as_str().is_empty() {
                ROOT.to_string()
            } else {
                format!("{ROOT}/{dir}")
            }
        };
        match name {
            "ROOT_DIR" | "USER_WORKING_DIR" => return Some(ROOT.to_string()),
            "TASKFILE_DIR" | "TASK_DIR" => return Some(folder(dir)),
            "CLI_ARGS" => return Some(ARGS.to_string()),
            "TASK" => return Some(self.scope.task.to_owned()),
            _ => {}
        }
        let (at, (value, place)) = (0..top)
            .rev()
            .find_map(|at| Some((at, self.scope.layers[at].vars.get(name)?)))?;
        if self.depth >= MAX_DEPTH {
            return Some(
                self.marks
                    .unknown(format!("the variable `{name}` uses itself")),
            );
        }
        let layer_dir = self.scope.layers[at].dir.clone();
        self.depth += 1;
        let text = match value {
            // Its own name in it means the variable further out.
            Value::Text(text) => template::render(text, &mut |inner| {
                let limit = if inner == name { at } else { top };
                self.lookup(inner, limit, &layer_dir)
            })
            .finish(self.marks),
            Value::Shell(command) => self.shell(name, command, &layer_dir, top),
            Value::Other => self
                .marks
                .unknown(format!("the variable `{name}` is a list or a mapping")),
        };
        self.depth -= 1;
        if is_version_name(name) && is_literal(&text) && is_like_version(&text) {
            let place = place.clone();
            return Some(self.marks.version(VersionVar {
                name: name.to_owned(),
                value: text,
                place,
            }));
        }
        Some(text)
    }

    /// The output of a command, if it is one of the usual ones.
    fn shell(&mut self, name: &str, command: &str, dir: &Utf8Path, top: usize) -> String {
        let command =
            template::render(command, &mut |inner| self.lookup(inner, top, dir)).finish(self.marks);
        let command = command.trim();
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["go", "env", "GOOS"] => OS.to_string(),
            ["go", "env", "GOARCH"] => ARCH.to_string(),
            ["go", "env", "GOEXE"] => EXE.to_string(),
            ["uname", "-s"] | ["uname"] => OS_UNAME.to_string(),
            ["uname", "-m"] => ARCH_UNAME.to_string(),
            ["pwd"] => ROOT.to_string(),
            ["echo", rest @ ..]
                if is_literal(command) && !command.contains(['$', '|', '`', '"', '\'']) =>
            {
                rest.join(" ")
            }
            ["cat", file] if is_plain_path(file) => {
                let path = self
                    .scope
                    .root
                    .join(dir)
                    .join(file.trim_start_matches(ROOT).trim_start_matches('/'));
                match fs::read_text_opt(&path) {
                    Ok(Some(text)) => clean(text.trim()),
                    _ => self.marks.unknown(format!(
                        "the variable `{name}` is the content of {file}, which does not exist"
                    )),
                }
            }
            _ if command.contains("uname -s") && command.contains("tr ") => OS.to_string(),
            _ if command.contains("uname -m") && command.contains("amd64") => ARCH.to_string(),
            _ => self.marks.unknown(format!(
                "the variable `{name}` is the output of `{}`",
                command.lines().next().unwrap_or_default()
            )),
        }
    }
}

fn is_plain_path(text: &str) -> bool {
    let text = text.trim_start_matches(ROOT);
    is_literal(text) && !text.contains("..") && !text.contains(['$', '*', '~'])
}

/// Whether a variable is named like one that pins a version.
pub(super) fn is_version_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.split('_')
        .any(|part| matches!(part, "VERSION" | "VER" | "TAG" | "REV" | "REF"))
        || name.ends_with("VERSION")
}

/// Whether a text is a version, or a branch in its place.
pub(super) fn is_like_version(text: &str) -> bool {
    let bare = text.rsplit('/').next().unwrap_or(text);
    let bare = bare.strip_prefix('v').unwrap_or(bare);
    let digit = bare.starts_with(|c: char| c.is_ascii_digit());
    let has_number = bare
        .split(['-', '_'])
        .any(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    !text.contains(char::is_whitespace)
        && (digit || has_number || matches!(text, "main" | "master"))
}
