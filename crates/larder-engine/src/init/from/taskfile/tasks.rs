//! Translates the tasks that larder's own commands do not replace.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::project::foreign::Node;

use super::builds::task_folder;
use super::facts::environment;
use super::marks::{Marks, ROOT, is_literal};
use super::tools::Replacement;
use super::{RawTask, Taskfiles, normal};
use crate::init::from::document::ReadNode;
use crate::init::from::found::{Found, Task};
use crate::init::from::yaml::Value;

/// Keys of a task that mean nothing to larder, or only change how Task shows or names it.
const IGNORED: [&str; 15] = [
    "desc",
    "summary",
    "cmds",
    "cmd",
    "deps",
    "vars",
    "env",
    "dir",
    "status",
    "silent",
    "internal",
    "interactive",
    "prefix",
    "label",
    "run",
];

/// A translated task, and the tasks that it runs.
struct Translated {
    task: Task,
    calls: BTreeSet<String>,
}

/// Translates the tasks.
pub(super) fn translate(
    raw: &[RawTask<'_>],
    taskfiles: &Taskfiles,
    replaced: &BTreeMap<String, Replacement>,
    marks: &mut Marks,
    found: &mut Found,
) {
    let binaries = binaries(found);
    let mut aliases: BTreeMap<String, String> = BTreeMap::new();
    for task in raw {
        aliases.insert(task.name.clone(), task.name.clone());
        for alias in task
            .node
            .get("aliases")
            .map(ReadNode::texts)
            .unwrap_or_default()
        {
            aliases.insert(task.file.full(alias), task.name.clone());
        }
    }
    let mut done: BTreeMap<String, Result<Translated, String>> = BTreeMap::new();
    for task in raw.iter().filter(|task| !replaced.contains_key(&task.name)) {
        let mut translator = Translator {
            task,
            taskfiles,
            replaced,
            aliases: &aliases,
            binaries: &binaries,
            calls: BTreeSet::new(),
        };
        let outcome = translator.translate(marks, found).map(|task| Translated {
            task,
            calls: translator.calls,
        });
        done.insert(task.name.clone(), outcome);
    }
    // A task that runs one that could not be translated would not work.
    loop {
        let failed: BTreeSet<String> = done
            .iter()
            .filter(|(_, outcome)| outcome.is_err())
            .map(|(name, _)| name.clone())
            .collect();
        let mut changed = false;
        for outcome in done.values_mut() {
            let missing = outcome.as_ref().ok().and_then(|translated| {
                translated
                    .calls
                    .iter()
                    .find(|name| failed.contains(*name))
                    .cloned()
            });
            if let Some(missing) = missing {
                *outcome = Err(format!("it runs the task `{missing}`, which was not moved"));
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    for task in raw {
        match done.remove(&task.name) {
            Some(Ok(translated)) => found.tasks.push(translated.task),
            Some(Err(why)) => {
                found.leave(task.place.clone(), format!("the task `{}`", task.name), why);
            }
            None => {}
        }
    }
}

/// The binaries of the tools.
fn binaries(found: &Found) -> BTreeSet<String> {
    let of_recipe =
        |tool: &crate::init::from::found::Tool| match tool.recipe.as_ref()?.get("binaries")? {
            Value::List(items) => Some(
                items
                    .iter()
                    .filter_map(|item| match item {
                        Value::Text(text) => Some(text.clone()),
                        Value::List(_) | Value::Map(_) => None,
                    })
                    .collect::<Vec<_>>(),
            ),
            Value::Text(_) | Value::Map(_) => None,
        };
    found
        .tools
        .iter()
        .flat_map(|tool| {
            let mut names = of_recipe(tool).unwrap_or_default();
            names.extend(tool.binaries.iter().map(ToString::to_string));
            names.push(tool.name.clone());
            names
        })
        .collect()
}

struct Translator<'a> {
    task: &'a RawTask<'a>,
    taskfiles: &'a Taskfiles,
    replaced: &'a BTreeMap<String, Replacement>,
    aliases: &'a BTreeMap<String, String>,
    binaries: &'a BTreeSet<String>,
    calls: BTreeSet<String>,
}

impl Translator<'_> {
    fn translate(&mut self, marks: &mut Marks, found: &mut Found) -> Result<Task, String> {
        let task = self.task;
        if task.name.contains('*') {
            return Err("a task of larder has one name, without patterns".to_owned());
        }
        for entry in task.node.entries() {
            match entry.key.as_str() {
                key if IGNORED.contains(&key) => {}
                "aliases" => found.leave(task.file.document.place(&entry.span), format!("the task `{}`", task.name), "it has other names (`aliases`), and a task of larder has one"),
                "sources" | "generates" | "method" | "watch" | "ignore_error" | "preconditions" => {}
                "requires" => return Err("it requires variables of the caller, and tasks of larder take arguments (`\"$@\"`)".to_owned()),
                other => return Err(format!("larder's tasks have nothing like its `{other}`")),
            }
        }
        if let Some(entry) = task.node.entry("sources") {
            found.leave(
                task.file.document.place(&entry.span),
                format!("the task `{}`", task.name),
                "`sources` was not moved, so it always runs; `status:` can say when it need not",
            );
        }
        let dir = self.folder(marks)?;
        let mut needs = Vec::new();
        let mut commands: Vec<String> = Vec::new();
        for dep in task
            .node
            .get("deps")
            .map(ReadNode::items)
            .unwrap_or_default()
        {
            let name = Self::called(dep)?;
            needs.extend(self.need(&task.file.full(name))?);
        }
        for item in task
            .node
            .get("preconditions")
            .map(ReadNode::items)
            .unwrap_or_default()
        {
            let Some(test) = item.text().or_else(|| item.word("sh")) else {
                continue;
            };
            let test = self.command(marks, test, &dir)?;
            let message = item.word("msg").map_or_else(
                || "a precondition is not met".to_owned(),
                |text| text.replace(['"', '$', '`', '\\'], "'"),
            );
            commands.push(format!("{test} || {{ echo \"{message}\" >&2; exit 1; }}"));
        }
        for node in task.commands() {
            self.entry(marks, node, &dir, &mut needs, &mut commands)?;
        }
        if task.node.is_true("ignore_error") {
            for command in &mut commands {
                command.push_str(" || true");
            }
        }
        let mut status = Vec::new();
        for text in task
            .node
            .get("status")
            .map(ReadNode::texts)
            .unwrap_or_default()
        {
            status.push(self.command(marks, text, &dir)?);
        }
        let mut env = Vec::new();
        for (name, value) in environment(task, self.taskfiles, marks) {
            if !is_literal(&value)
                && !value.chars().all(|c| {
                    !super::marks::is_mark(c)
                        || c == ROOT
                        || !matches!(super::marks::mark(c), super::marks::Mark::Plain(_))
                })
            {
                return Err(format!(
                    "its variable `{name}` has a value that is not known"
                ));
            }
            env.push((name, marks.command(&value, Utf8Path::new(""))?));
        }
        let mut once = BTreeSet::new();
        needs.retain(|need| once.insert(need.clone()));
        if commands.is_empty() && needs.is_empty() {
            return Err("nothing of it is left to do".to_owned());
        }
        let desc = task.node.word("desc").or_else(|| task.node.word("summary"));
        Ok(Task {
            name: task.name.clone(),
            desc: desc.map(|text| text.lines().next().unwrap_or_default().to_owned()),
            needs,
            env: if commands.is_empty() { Vec::new() } else { env },
            commands,
            status,
            place: task.place.clone(),
        })
    }

    /// One entry of `cmds`.
    fn entry(
        &mut self,
        marks: &mut Marks,
        node: &Node,
        dir: &Utf8Path,
        needs: &mut Vec<String>,
        commands: &mut Vec<String>,
    ) -> Result<(), String> {
        if let Some(list) = node.get("for") {
            let items = self.items(marks, list)?;
            for item in items {
                let fill = |text: &str| {
                    text.replace("{{.ITEM}}", &item)
                        .replace("{{ .ITEM }}", &item)
                };
                if let Some(name) = node.word("task") {
                    if node.get("vars").is_some() {
                        return Err(format!("it gives variables to the task `{name}`"));
                    }
                    self.call(&self.task.file.full(&fill(name)), needs, commands)?;
                } else if let Some(text) = node.word("cmd") {
                    commands.push(self.command(marks, &fill(text), dir)?);
                }
            }
            return Ok(());
        }
        if node.get("task").is_some() {
            let name = Self::called(node)?;
            return self.call(&self.task.file.full(name), needs, commands);
        }
        if node.get("defer").is_some() {
            return Err("it has a `defer`: write the clean-up as a trap of the shell".to_owned());
        }
        if node.get("platforms").is_some() {
            return Err("one of its commands is for some platforms only".to_owned());
        }
        let Some(text) = node.text().or_else(|| node.word("cmd")) else {
            return Err("one of its commands is not a text".to_owned());
        };
        // `task NAME` in a shell runs a task of the root Taskfile.
        if let Some(name) = text.trim().strip_prefix("task ").map(str::trim)
            && !name.contains([' ', '{', '$', '|', '&', ';'])
            && !name.starts_with('-')
        {
            return self.call(name, needs, commands);
        }
        let mut command = self.command(marks, text, dir)?;
        if node.is_true("ignore_error") {
            command.push_str(" || true");
        }
        commands.push(command);
        Ok(())
    }

    /// The name of the task that an entry calls.
    fn called(node: &Node) -> Result<&str, String> {
        let name = node
            .text()
            .or_else(|| node.word("task"))
            .ok_or("it calls a task without a name")?;
        if node.get("vars").is_some() {
            return Err(format!("it gives variables to the task `{name}`"));
        }
        if name.contains("{{") {
            return Err(format!(
                "the name of the task that it calls is a template (`{name}`)"
            ));
        }
        Ok(name)
    }

    /// What a task that is called becomes as a need; nothing, if larder does it anyway.
    fn need(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(name) = self.aliases.get(name) else {
            return Err(format!("there is no task `{name}`"));
        };
        if let Some(replacement) = self.replaced.get(name) {
            return Ok(replacement.need.clone());
        }
        self.calls.insert(name.clone());
        Ok(Some(name.clone()))
    }

    /// Calls before the first command are needs; later ones are commands.
    fn call(
        &mut self,
        name: &str,
        needs: &mut Vec<String>,
        commands: &mut Vec<String>,
    ) -> Result<(), String> {
        let replacement = self
            .aliases
            .get(name)
            .and_then(|name| self.replaced.get(name));
        if let Some(Replacement { by, need: None }) = replacement {
            if by.starts_with("ensure ") && commands.is_empty() {
                needs.push(by.clone());
            } else {
                commands.push(format!("larder {by}"));
            }
            return Ok(());
        }
        let Some(need) = self.need(name)? else {
            return Ok(());
        };
        if commands.is_empty() {
            needs.push(need);
        } else if need.starts_with("ensure ") {
            commands.push(format!("larder {need}"));
        } else {
            commands.push(format!("larder run {need}"));
        }
        Ok(())
    }

    /// The values of `for:`.
    fn items(&self, marks: &mut Marks, list: &Node) -> Result<Vec<String>, String> {
        let odd = || "it repeats a command for values that are not known".to_owned();
        if !list.items().is_empty() {
            return Ok(list.texts().into_iter().map(str::to_owned).collect());
        }
        let name = list.word("var").ok_or_else(odd)?;
        let text = self
            .task
            .text(&self.taskfiles.root, marks, &format!("{{{{.{name}}}}}"));
        if !is_literal(&text) {
            return Err(odd());
        }
        let split = list.word("split").map(str::to_owned);
        Ok(match split {
            Some(split) => text
                .split(split.as_str())
                .map(|item| item.trim().to_owned())
                .collect(),
            None => text.split_whitespace().map(str::to_owned).collect(),
        })
    }

    /// The folder in which its commands run, relative to the root.
    fn folder(&self, marks: &mut Marks) -> Result<Utf8PathBuf, String> {
        let folder = task_folder(self.task, self.taskfiles, marks);
        if folder.contains("/.src") {
            return Err(SOURCE.to_owned());
        }
        if let Some(why) = marks.why_unknown(&folder) {
            return Err(why.to_owned());
        }
        let relative = folder
            .strip_prefix(ROOT)
            .filter(|rest| is_literal(rest))
            .ok_or("its folder is not known")?;
        normal(Utf8Path::new(relative.trim_start_matches('/')))
            .ok_or_else(|| "its folder is outside of the project".to_owned())
    }

    /// A command line for `sh`.
    fn command(&self, marks: &mut Marks, text: &str, dir: &Utf8Path) -> Result<String, String> {
        let text = self.task.text(&self.taskfiles.root, marks, text);
        if let Some(why) = marks.why_unknown(&text) {
            return Err(why.to_owned());
        }
        if text.contains("/.src") {
            return Err(SOURCE.to_owned());
        }
        if let Some(word) = bash_only(&text) {
            return Err(format!(
                "it uses `{word}`, which `sh` does not have: put it into a script for bash"
            ));
        }
        let text = marks.command(&self.without_folders(&text), dir)?;
        let text = text.trim_end_matches('\n').to_owned();
        if calls_task(&text) {
            return Err("it runs `task` with arguments, or as a part of a command".to_owned());
        }
        if dir.as_str().is_empty() {
            return Ok(text);
        }
        let folder = if dir.as_str().contains(' ') {
            format!("\"{dir}\"")
        } else {
            dir.to_string()
        };
        Ok(if text.contains('\n') {
            format!("cd {folder}\n{text}")
        } else {
            format!("cd {folder} && {text}")
        })
    }

    /// The text with installed programs by their names: larder puts them on PATH.
    fn without_folders(&self, text: &str) -> String {
        const BIN: &str = "/.bin/";
        let mut done = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(BIN) {
            let start = rest[..at]
                .rfind(|c: char| {
                    c.is_whitespace() || matches!(c, '"' | '\'' | '=' | '(' | '`' | ';')
                })
                .map_or(0, |start| start + 1);
            let after = &rest[at + BIN.len()..];
            let end = after
                .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
                .unwrap_or(after.len());
            let name = &after[..end];
            if self.binaries.contains(name) {
                done.push_str(&rest[..start]);
                done.push_str(name);
            } else {
                done.push_str(&rest[..at + BIN.len()]);
                done.push_str(name);
            }
            rest = &after[end..];
        }
        done.push_str(rest);
        done
    }
}

const SOURCE: &str =
    "it works in the checkout of the source, which larder has only while it builds";

/// Syntax of bash that other shells do not have.
fn bash_only(text: &str) -> Option<&'static str> {
    [
        "[[",
        "declare ",
        "<<<",
        "local -",
        "mapfile ",
        "readarray ",
        "shopt ",
        "pipefail",
        "${BASH",
        "=(",
        "function ",
        "&>",
    ]
    .into_iter()
    .find(|word| text.contains(word))
}

fn calls_task(text: &str) -> bool {
    super::shell::commands(text)
        .iter()
        .any(|command| command.program() == "task" && command.words.len() > 1)
}
