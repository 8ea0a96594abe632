//! What the readers find in files of other tools, in terms that do not depend on any of them.

use std::fmt;

use camino::Utf8PathBuf;

use larder_core::model::FileName;

use super::yaml::Value;

/// A place in a file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The file, as the command line names it.
    pub(super) file: Utf8PathBuf,
    /// The line; the first one is 1.
    pub(super) line: usize,
    /// The column in characters; the first one is 1.
    pub(super) column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Which version a file asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// This one.
    Exact(String),
    /// The newest that starts with these numbers: `22` means 22.11.0. If `exact`, that very version precedes it.
    Series {
        /// The first numbers of the version.
        start: String,
        /// Whether there may be a version with this name.
        exact: bool,
    },
    /// The newest.
    Latest,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Series { start, .. } => f.write_str(start),
            Self::Latest => f.write_str("latest"),
        }
    }
}

/// A tool that a file pins.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    /// The name of the subsystem.
    pub(super) name: String,
    /// The version.
    pub(super) version: Wanted,
    /// Where it may be: what `larder add` takes. The first one that has it is used.
    pub(super) sources: Vec<String>,
    /// The binaries, if the file names them.
    pub(super) binaries: Vec<FileName>,
    /// The recipe that the file itself describes. It is used if no source has the tool, or if `sources` is empty.
    pub(super) recipe: Option<Recipe>,
    /// The asset, or its url, that the file downloads on this machine. A source must have the same one.
    pub(super) asset: Option<String>,
    /// How it is built from source, in addition to an `upstream` of the source.
    pub(super) build: Option<Value>,
    /// Where the file says so.
    pub(super) place: Place,
}

/// The keys of a recipe.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    /// The keys with their values, in order.
    pub(super) keys: Vec<(&'static str, Value)>,
    /// The folder of its source, relative to the project.
    pub(super) source_dir: Option<Utf8PathBuf>,
}

impl Recipe {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.keys
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, value)| value)
    }
}

/// A task for `larder run`.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) name: String,
    pub(super) desc: Option<String>,
    pub(super) needs: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) commands: Vec<String>,
    pub(super) status: Vec<String>,
    pub(super) place: Place,
}

/// Something that a person has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Where it is.
    pub(super) place: Place,
    /// What it is: a task, a key, a tool.
    pub(super) what: String,
    /// Why it was not moved, or what differs.
    pub(super) why: String,
    /// What to do, if there is a usual answer.
    pub(super) next: Option<String>,
}

/// Something that a command of larder does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    /// Where it is.
    pub(super) place: Place,
    /// What it is.
    pub(super) what: String,
    /// The command.
    pub(super) by: String,
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) tools: Vec<Tool>,
    pub(super) tasks: Vec<Task>,
    /// Variables for all commands.
    pub(super) env: Vec<(String, String, Place)>,
    /// The repository of the team's own releases.
    pub(super) hub: Option<String>,
    /// Who maintains the packages, with an address.
    pub(super) maintainer: Option<String>,
    /// The platforms of the project.
    pub(super) platforms: Vec<String>,
    pub(super) left: Vec<Left>,
    pub(super) replaced: Vec<Replaced>,
}

impl Found {
    /// Adds something that a person has to look at.
    pub(super) fn leave(&mut self, place: Place, what: impl Into<String>, why: impl Into<String>) {
        self.left.push(Left {
            place,
            what: what.into(),
            why: why.into(),
            next: None,
        });
    }

    /// Adds something that a command of larder does instead.
    pub(super) fn replace(&mut self, place: Place, what: impl Into<String>, by: impl Into<String>) {
        self.replaced.push(Replaced {
            place,
            what: what.into(),
            by: by.into(),
        });
    }

    /// Adds something that a person has to look at, with the usual answer.
    pub(super) fn ask(
        &mut self,
        place: Place,
        what: impl Into<String>,
        why: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.leave(place, what, why);
        if let Some(left) = self.left.last_mut() {
            left.next = Some(next.into());
        }
    }
}

/// The name of a subsystem for a name that another tool uses: the part after the last `/`, in small letters.
pub(super) fn subsystem_name(text: &str) -> String {
    let last = text.rsplit('/').next().unwrap_or(text);
    let clean: String = last
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() || "-_.".contains(c) => c,
            _ => '-',
        })
        .collect();
    let clean = clean.trim_matches(['-', '.', '_']);
    let name: Result<larder_core::model::Name, _> = clean.parse();
    match name {
        Ok(_) => clean.to_owned(),
        // A word of larder's command line, such as `search` or `check`.
        Err(_) if clean.is_empty() => "tool".to_owned(),
        Err(_) => format!("{clean}-tool"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subsystem_gets_a_name_that_it_can_have() {
        for (text, name) in [
            ("BurntSushi/ripgrep", "ripgrep"),
            ("@biomejs/biome", "biome"),
            ("golangci_lint", "golangci_lint"),
            ("Some Tool", "some-tool"),
            ("check", "check-tool"),
            ("@", "tool"),
        ] {
            assert_eq!(subsystem_name(text), name);
        }
    }
}
