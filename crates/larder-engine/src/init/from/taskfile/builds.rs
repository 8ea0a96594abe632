//! Makes `build:` of a recipe from the commands of a task that builds.

use camino::{Utf8Path, Utf8PathBuf};

use super::facts::{Fact, environment};
use super::marks::{EXE, Marks, ROOT, is_literal};
use super::shell;
use super::{RawTask, Taskfiles, normal};
use crate::init::from::document::ReadNode;
use crate::init::from::yaml::Value;

/// A repository that is cloned.
#[derive(Clone, Debug)]
pub(super) struct Clone {
    pub(super) url: String,
    pub(super) rev: Option<String>,
    pub(super) dir: String,
}

/// A build and the folder of its source, if that is part of the project.
pub(super) type Build = (Value, Option<Utf8PathBuf>);

/// The build of a tool; `Err` says why it can't be translated.
pub(super) fn build(
    task: &RawTask<'_>,
    name: &str,
    clone: Option<&Clone>,
    binaries: &[String],
    version: Option<usize>,
    taskfiles: &Taskfiles,
    marks: &mut Marks,
) -> Result<Build, String> {
    let binary = binaries.first().map_or(name, String::as_str);
    let known = environment(task, taskfiles, marks);
    let mut scripts = Vec::new();
    let (mut outputs, mut tools) = (Vec::new(), Vec::new());
    for node in task.commands() {
        let Some(text) = node.text().or_else(|| node.word("cmd")) else {
            continue;
        };
        let text = task.text(&taskfiles.root, marks, text);
        let mut commands = shell::commands(&text);
        shell::expand(&mut commands, &known);
        for command in &commands {
            for tool in ["go", "cargo", "make", "cmake", "zig", "npm"] {
                if command.program() == tool && !tools.contains(&tool) {
                    tools.push(tool);
                }
            }
            if command.program() == "go"
                && let Some(output) = command.option(&["-o"])
            {
                outputs.push(output.to_owned());
            }
        }
        scripts.push((text, commands));
    }
    let folder = task_folder(task, taskfiles, marks);
    let source = clone.map(|clone| clone.dir.clone());
    let replace = |text: &str| {
        let mut text = text.to_owned();
        for output in &outputs {
            let file = output
                .trim_end_matches(EXE)
                .rsplit('/')
                .next()
                .unwrap_or(binary);
            let target = format!("\"{{{{ out }}}}/{file}{{{{ exe }}}}\"");
            text = text
                .replace(&format!("\"{output}\""), &target)
                .replace(output.as_str(), &target);
            // What goes to the same folder goes to the same place.
            if let Some((dir, _)) = output.rsplit_once('/').filter(|(dir, _)| dir.len() > 1) {
                text = text.replace(dir, "{{ out }}");
            }
        }
        for dir in bin_folders(&text) {
            text = text.replace(&dir, "{{ out }}");
        }
        if let Some(source) = &source {
            text = text
                .replace(&format!("{source}/"), "")
                .replace(source.as_str(), ".");
        }
        text
    };
    let mut lines = Vec::new();
    for (text, commands) in &scripts {
        let kept: Vec<&shell::Command> = commands
            .iter()
            .filter(|command| !is_preparation(command))
            .collect();
        if kept.is_empty() {
            continue;
        }
        if commands.iter().any(|command| command.conditional) {
            return Err(format!(
                "its commands depend on a condition (`{}`)",
                first_line(text)
            ));
        }
        let joined: Vec<String> = kept.iter().map(|command| replace(&command.text)).collect();
        // A pipe joins two commands to one.
        let mut line = String::new();
        for (at, text) in joined.iter().enumerate() {
            if at > 0 {
                line.push_str(if kept[at - 1].piped { " | " } else { " && " });
            }
            line.push_str(text);
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return Err("it has no command that builds".to_owned());
    }
    if tools.contains(&"cargo") && !lines.iter().any(|line| line.contains("{{ out }}")) {
        lines.push(format!(
            "cp target/release/{binary}{{{{ exe }}}} \"{{{{ out }}}}/\""
        ));
    }
    if !lines.iter().any(|line| line.contains("{{ out }}")) {
        return Err(
            "no command writes to a folder of binaries (`.bin`), or names its output with `-o`"
                .to_owned(),
        );
    }
    let mut build: Vec<(String, Value)> = Vec::new();
    let needed: Vec<(&str, &str)> = tools
        .iter()
        .filter(|tool| **tool != "npm")
        .map(|tool| (*tool, ""))
        .collect();
    if !needed.is_empty() {
        build.push(("tools".to_owned(), Value::pairs(needed)));
    }
    let mut source_dir = None;
    if let Some(clone) = clone {
        let url = marks.template(&clone.url, version)?.text;
        let rev = clone
            .rev
            .clone()
            .ok_or("the clone names no tag, branch or commit")?;
        let rev = marks.template(&rev, version)?.text;
        build.push((
            "source".to_owned(),
            Value::pairs([("git", url), ("rev", rev)]),
        ));
        if let Some(inner) = folder
            .strip_prefix(clone.dir.as_str())
            .map(|rest| rest.trim_start_matches('/'))
            && !inner.is_empty()
        {
            lines = lines
                .into_iter()
                .map(|line| format!("cd {inner} && {line}"))
                .collect();
        }
    } else {
        let relative = folder.strip_prefix(ROOT).ok_or("its folder is not known")?;
        let relative = normal(Utf8Path::new(relative.trim_start_matches('/')))
            .ok_or("its folder is outside of the project")?;
        let own = Utf8Path::new("subsystems").join(name);
        let dir = match relative.as_str() {
            "" => "../..".to_owned(),
            _ if relative == own => ".".to_owned(),
            other => format!("../../{other}"),
        };
        source_dir = Some(relative);
        build.push(("source".to_owned(), Value::pairs([("dir", dir)])));
    }
    let mut env: Vec<(String, String)> = Vec::new();
    for (key, value) in known {
        if is_literal(&value) && key.parse::<larder_core::model::FileName>().is_ok() {
            env.push((key, value));
        }
    }
    if !env.is_empty() {
        build.push(("env".to_owned(), Value::pairs(env)));
    }
    let mut commands = Vec::new();
    for line in lines {
        commands.push(marks.template(&line, version)?.text);
    }
    build.push(("commands".to_owned(), Value::texts(commands)));
    Ok((Value::Map(build), source_dir))
}

/// The folder in which a task runs, as a marked text.
pub(super) fn task_folder(task: &RawTask<'_>, taskfiles: &Taskfiles, marks: &mut Marks) -> String {
    let base = if task.file.run_dir.as_str().is_empty() {
        ROOT.to_string()
    } else {
        format!("{ROOT}/{}", task.file.run_dir)
    };
    match task.node.word("dir") {
        None => base,
        Some(dir) => {
            let dir = task.text(&taskfiles.root, marks, dir);
            if dir.starts_with(ROOT) || !is_literal(&dir) {
                dir
            } else {
                format!("{base}/{}", dir.trim_start_matches("./"))
            }
        }
    }
}

/// Folders of binaries in a text, such as `nats/.bin`.
fn bin_folders(text: &str) -> Vec<String> {
    let mut folders: Vec<String> = text
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | ';'))
        .filter_map(|word| {
            let end = word.find("/.bin")? + "/.bin".len();
            let rest = &word[end..];
            (rest.is_empty() || rest.starts_with('/')).then(|| word[..end].to_owned())
        })
        .collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.len()));
    folders
}

/// Commands that larder does itself: folders, clones, and the file with the version.
fn is_preparation(command: &shell::Command) -> bool {
    matches!(
        command.program(),
        "mkdir"
            | "git"
            | "echo"
            | "printf"
            | "rm"
            | "chmod"
            | "touch"
            | "cd"
            | "date"
            | "shasum"
            | "sha256sum"
            | "cat"
            | "test"
            | "["
    ) || command.text.contains(".version")
        || command
            .output
            .as_deref()
            .is_some_and(|output| output.ends_with(".version"))
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .filter(|c| !super::marks::is_mark(*c))
        .take(60)
        .collect()
}

/// Whether something in a task builds.
pub(super) fn builds(facts: &[Fact]) -> bool {
    facts.iter().any(|fact| matches!(fact, Fact::Build))
}
