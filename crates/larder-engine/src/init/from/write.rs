//! Makes the files of the new project, checks that they load, and writes them.

use std::fmt::Write as _;
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::{Error, Problem, Result};
use larder_core::fs::{self, OwnFolder};
use larder_core::project::Project;
use larder_core::project::user::UserConfig;

use super::found::{Found, Left, Task};
use super::resolve::Resolved;
use super::yaml::{self, Value, quoted};

/// A tool that versions.yml names in a comment.
pub(super) struct Commented {
    pub(super) name: String,
    pub(super) version: String,
    /// The line of the report that says more.
    pub(super) next: String,
}

/// Everything that is written.
pub(super) struct Plan {
    /// How the command line names the files that were read.
    pub(super) from: Vec<String>,
    pub(super) tools: Vec<Resolved>,
    pub(super) missing: Vec<Commented>,
    pub(super) found: Found,
}

/// The text of versions.yml, and where each task is in it.
pub(super) struct Versions {
    pub(super) text: String,
    tasks: Vec<(Range<usize>, String)>,
}

impl Plan {
    /// Makes versions.yml.
    pub(super) fn versions(&self) -> Versions {
        let mut text =
            "# yaml-language-server: $schema=.larder/schema/versions.schema.json\n#\n".to_owned();
        let _ = write!(
            text,
            "# The versions that this project pins, from {}. `larder ensure all` installs every pinned binary and verifies it.\n\n",
            self.from.join(", ")
        );
        if self.tools.is_empty() {
            text.push_str("versions: {}\n");
        } else {
            text.push_str("versions:\n");
            for tool in &self.tools {
                let _ = writeln!(
                    text,
                    "  {}: {}",
                    quoted(tool.name.as_str()),
                    version(tool.version.as_str())
                );
            }
        }
        for Commented {
            name,
            version,
            next,
        } in &self.missing
        {
            let _ = writeln!(text, "  # {name}: {version}      # not moved: {next}");
        }
        if self.found.platforms.is_empty() {
            text.push_str("\n# The platforms that the project supports. Default: the machine that larder runs on.\n# platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64]\n");
        } else {
            text.push('\n');
            yaml::entry(
                &mut text,
                0,
                "platforms",
                &Value::texts(self.found.platforms.iter().cloned()),
            );
        }
        text.push_str("\n# The store of your team's releases. Default: the folder .larder-hub, to try larder out.\n");
        match &self.found.hub {
            Some(repo) => yaml::entry(&mut text, 0, "hub", &Value::pairs([("github", repo)])),
            None => text.push_str("# hub: {github: owner/repo}\n"),
        }
        if let Some(maintainer) = &self.found.maintainer {
            text.push('\n');
            yaml::entry(
                &mut text,
                0,
                "publish",
                &Value::pairs([("maintainer", maintainer)]),
            );
        }
        let mut tasks = Vec::new();
        if !self.found.tasks.is_empty() {
            text.push_str("\n# Named lists of commands, for `larder run NAME`.\ntasks:\n");
            for task in &self.found.tasks {
                let start = text.len();
                yaml::block_entry(&mut text, 2, &task.name, &self.task(task));
                tasks.push((start..text.len(), task.name.clone()));
            }
        }
        text.push_str("\n# The commands that `larder ci` runs, in CI and on your machine.\nci: [check, ensure all]\n");
        if !self.found.left.is_empty() {
            text.push_str("\n# Left for you. Remove what is done.\n");
            let lines = grouped(self.found.left.iter().map(line_parts));
            for line in lines {
                let _ = writeln!(text, "# - {}", line.replace('\n', " "));
            }
        }
        Versions { text, tasks }
    }

    fn task(&self, task: &Task) -> Value {
        let Task {
            name: _,
            desc,
            needs,
            env,
            commands,
            status,
            place: _,
        } = task;
        let mut keys: Vec<(String, Value)> = Vec::new();
        let mut add = |key: &str, value: Option<Value>| {
            keys.extend(value.map(|value| (key.to_owned(), value)));
        };
        add("desc", desc.as_ref().map(Value::text));
        // What could not be moved can't be needed.
        let here: Vec<&String> = needs
            .iter()
            .filter(|need| match need.strip_prefix("ensure ") {
                Some(name) => {
                    name == "all" || self.tools.iter().any(|tool| tool.name.as_str() == name)
                }
                None => true,
            })
            .collect();
        add(
            "needs",
            (!here.is_empty()).then(|| Value::texts(here.into_iter().cloned())),
        );
        add(
            "env",
            (!env.is_empty()).then(|| Value::pairs(env.iter().cloned())),
        );
        add(
            "commands",
            (!commands.is_empty()).then(|| Value::texts(commands.iter().cloned())),
        );
        add(
            "status",
            (!status.is_empty()).then(|| Value::texts(status.iter().cloned())),
        );
        Value::Map(keys)
    }

    /// Loads the files in a folder for temporary files. What does not load is taken out and returned as what is left.
    pub(super) fn check(&mut self, temp: &std::path::Path, user: &UserConfig) -> Result<Versions> {
        loop {
            let versions = self.versions();
            let scratch = fs::Scratch::new(temp, "init")?;
            let root = scratch.path();
            fs::write_atomic(root.join("versions.yml"), versions.text.as_bytes())?;
            for tool in &self.tools {
                let folder = OwnFolder::create(root, Utf8Path::new("subsystems").join(&tool.name))?;
                folder.write_atomic("recipe.yml", tool.recipe.as_bytes())?;
                if let Some(dir) = &tool.source_dir {
                    fs::create_dir_all(root.join(dir))?;
                }
            }
            let Err(error) = Project::load(root, user) else {
                return Ok(versions);
            };
            let wrong = error.file_problems().to_vec();
            // One problem of each recipe: without its cause, the next ones may be gone.
            let mut seen: Vec<&Utf8Path> = Vec::new();
            let mut changed = false;
            for problem in &wrong {
                if seen.contains(&problem.file.as_path()) && problem.file != "versions.yml" {
                    continue;
                }
                seen.push(&problem.file);
                changed |= self.take_out(problem, &versions);
            }
            // A problem elsewhere would be a mistake of this module.
            if !changed {
                return Err(error
                    .context("the files that were made do not load")
                    .hint("report this as a bug, with the files"));
            }
        }
    }

    /// Takes out what a problem is about; `false` if that is not known.
    fn take_out(&mut self, problem: &Problem, versions: &Versions) -> bool {
        let why = match &problem.hint {
            Some(hint) => format!("larder refuses it: {} ({hint})", problem.message),
            None => format!("larder refuses it: {}", problem.message),
        };
        let of_recipe = |tool: &Resolved| {
            problem.file
                == Utf8Path::new("subsystems")
                    .join(&tool.name)
                    .join("recipe.yml")
        };
        if let Some(at) = self.tools.iter().position(of_recipe) {
            let name = self.tools[at].name.to_string();
            let known = self.found.tools.iter().find(|tool| tool.name == name);
            let Some(place) = known.map(|known| known.place.clone()) else {
                return false;
            };
            // Without its channels, a recipe still installs.
            if let Some(recipe) = without_publish(&self.tools[at].recipe) {
                self.tools[at].recipe = recipe;
                let why = why.replace("refuses it", "refuses them");
                self.found
                    .leave(place, format!("the channels of `{name}`"), why);
                return true;
            }
            let tool = self.tools.remove(at);
            self.missing.push(Commented {
                name: tool.name.to_string(),
                version: tool.version.to_string(),
                next: format!("write subsystems/{}/recipe.yml", tool.name),
            });
            self.found
                .leave(place, format!("the tool `{}`", tool.name), why);
            return true;
        }
        let task = versions
            .tasks
            .iter()
            .find(|(range, _)| range.contains(&problem.span.start));
        if let Some((_, name)) = task
            && let Some(at) = self.found.tasks.iter().position(|task| task.name == *name)
        {
            let task = self.found.tasks.remove(at);
            self.found
                .leave(task.place, format!("the task `{}`", task.name), why);
            return true;
        }
        false
    }

    /// The paths and texts of the recipes.
    pub(super) fn recipes(&self) -> Vec<(Utf8PathBuf, String)> {
        self.tools
            .iter()
            .map(|tool| {
                let path = Utf8Path::new("subsystems")
                    .join(&tool.name)
                    .join("recipe.yml");
                (path, tool.recipe.clone())
            })
            .collect()
    }
}

/// A recipe without its channels; `None` if it has none.
fn without_publish(recipe: &str) -> Option<String> {
    let start = recipe.find("\npublish:")? + 1;
    let rest = &recipe[start..];
    let mut end = rest.find('\n')? + 1;
    while rest[end..].starts_with(' ') {
        end += rest[end..].find('\n')? + 1;
    }
    Some([&recipe[..start], &rest[end..]].concat())
}

/// A version as YAML reads it: text. Larder keeps the text of a number, too, so quotes are not needed.
fn version(text: &str) -> String {
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c))
        && !text.starts_with(['-', '.', '+']);
    if plain { text.to_owned() } else { quoted(text) }
}

/// A line of the report.
pub(super) fn line(left: &Left) -> String {
    grouped([line_parts(left)]).concat()
}

fn line_parts(left: &Left) -> LeftLine<'_> {
    LeftLine {
        place: left.place.to_string(),
        what: &left.what,
        why: &left.why,
        next: left.next.as_deref(),
    }
}

/// Something that is left, as texts.
#[derive(Clone, Debug)]
pub struct LeftLine<'a> {
    /// The file and the line.
    pub place: String,
    /// What it is.
    pub what: &'a str,
    /// Why it was not moved.
    pub why: &'a str,
    /// The usual answer.
    pub next: Option<&'a str>,
}

/// The lines of the report. Tasks that are left for the same reason share one.
pub fn grouped<'a>(left: impl IntoIterator<Item = LeftLine<'a>>) -> Vec<String> {
    let left: Vec<LeftLine<'a>> = left.into_iter().collect();
    let same = |line: &LeftLine<'_>| {
        left.iter()
            .filter(|other| other.why == line.why && is_task(other))
            .count()
    };
    let mut lines: Vec<String> = Vec::new();
    for (at, line) in left.iter().enumerate() {
        let LeftLine {
            place,
            what,
            why,
            next,
        } = line;
        if !is_task(line) || same(line) < 3 {
            let next = next.map_or_else(String::new, |next| format!(". Next: {next}"));
            lines.push(format!("{place}: {what}: {why}{next}"));
            continue;
        }
        let first = left
            .iter()
            .position(|other| other.why == *why && is_task(other));
        if first == Some(at) {
            let names: Vec<&str> = left
                .iter()
                .filter(|other| other.why == *why && is_task(other))
                .map(|other| other.what.trim_start_matches("the task "))
                .collect();
            let why = why
                .strip_prefix("it ")
                .map_or((*why).to_owned(), |rest| format!("each {rest}"));
            lines.push(format!(
                "{} tasks, from {place} on: {why}: {}",
                names.len(),
                names.join(", ")
            ));
        }
    }
    lines
}

fn is_task(line: &LeftLine<'_>) -> bool {
    line.what.starts_with("the task ") && line.next.is_none()
}

/// Checks that no file would be overwritten.
pub(super) fn refuse_existing(root: &Utf8Path, files: &[(Utf8PathBuf, String)]) -> Result<()> {
    let mut existing = Vec::new();
    for (path, text) in files {
        // The same text is from a run that was killed here.
        if fs::read_opt(root.join(path))?.is_some_and(|old| old != text.as_bytes()) {
            existing.push(path.to_string());
        }
    }
    if existing.is_empty() {
        return Ok(());
    }
    Err(
        Error::usage(format!("{} already exists", existing.join(", ")))
            .hint("larder overwrites nothing: rename or remove it, and run this again"),
    )
}
