//! Turns the words of a command line into subsystems and platforms, and those into targets.
//!
//! It takes into account which subsystem exists on which platform. Needs are added by the plan.

use larder_core::error::{Error, Result};
use larder_core::model::{Name, Platform, Target, Version};
use larder_core::project::{Project, Subsystem};
use larder_core::suggestions;

/// The subsystems that a command is run for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All subsystems of the project.
    All,
    /// Only these.
    Names(Vec<Name>),
}

/// The platforms that a command is run for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Platforms {
    /// The host.
    Host,
    /// The project's platforms, for each subsystem those on which it exists.
    All,
    /// Only these.
    List(Vec<Platform>),
}

impl Selection {
    /// Parses the words of a command line: names, or `all`. The error for an unknown name suggests a similar one.
    pub fn parse(project: &Project, words: &[String]) -> Result<Self> {
        if words.iter().any(|word| word == "all") {
            return Ok(Self::All);
        }
        let mut names: Vec<Name> = Vec::new();
        for word in words {
            let known = project.subsystems.keys().find(|name| name.as_str() == word);
            let Some(name) = known else {
                return Err(unasked_version(project, names.last(), word)
                    .unwrap_or_else(|| unknown_name(project, word)));
            };
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Ok(Self::Names(names))
    }

    /// Like [`Self::parse`], but no words select all.
    pub fn parse_or_all(project: &Project, words: &[String]) -> Result<Self> {
        if words.is_empty() {
            Ok(Self::All)
        } else {
            Self::parse(project, words)
        }
    }

    /// The subsystems, sorted by name.
    pub fn subsystems<'a>(&self, project: &'a Project) -> Vec<&'a Subsystem> {
        match self {
            Self::All => project.subsystems.values().collect(),
            Self::Names(names) => project
                .subsystems
                .values()
                .filter(|s| names.contains(&s.name))
                .collect(),
        }
    }
}

/// The error for a version where only names are expected: `nats@v2.10.24`, or `nats v2.10.24`.
fn unasked_version(project: &Project, before: Option<&Name>, word: &str) -> Option<Error> {
    let is_version = |text: &str| {
        let number = text.strip_prefix('v').unwrap_or(text);
        number.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<Version>().is_ok()
    };
    let (name, version) = match word.split_once('@') {
        Some((name, version)) => {
            let known = project
                .subsystems
                .keys()
                .find(|known| known.as_str() == name);
            match known {
                Some(known) => (known, version),
                None => return Some(unknown_name(project, name)),
            }
        }
        None if is_version(word) => (before?, word),
        None => return None,
    };
    let pinned = &project.subsystems.get(name)?.version;
    Some(
        Error::usage(format!(
            "this command takes no version: versions.yml pins {name} at {pinned}"
        ))
        .hint(format!(
            "`larder bump {name} {version}` pins another version"
        )),
    )
}

fn unknown_name(project: &Project, word: &str) -> Error {
    let error = Error::usage(format!("no subsystem is called `{word}`"));
    match suggestions::nearest(word, project.subsystems.keys().map(Name::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`larder list` lists the subsystems"),
    }
}

impl Platforms {
    /// The named platforms, or all of the project's if none was named: for commands that do not concern this machine only.
    #[must_use]
    pub fn or_all(self) -> Self {
        match self {
            Self::Host => Self::All,
            named => named,
        }
    }

    /// The platforms themselves.
    pub fn list(&self, project: &Project) -> Vec<Platform> {
        match self {
            Self::Host => vec![Platform::host()],
            Self::All => project.platforms.clone(),
            Self::List(list) => list.clone(),
        }
    }

    /// The selected platforms on which a subsystem exists, and the named ones on which it does not.
    fn of(&self, project: &Project, subsystem: &Subsystem) -> (Vec<Platform>, Vec<Platform>) {
        let named = match self {
            Self::Host => vec![subsystem.host()],
            Self::All => project
                .platforms
                .iter()
                .copied()
                .filter(|platform| subsystem.platforms.contains(platform))
                .collect(),
            Self::List(list) => list.clone(),
        };
        named
            .into_iter()
            .partition(|platform| subsystem.platforms.contains(platform))
    }
}

/// The message that a subsystem does not exist for a platform, with the file that decides it.
fn absent(project: &Project, subsystem: &Subsystem, platform: Platform) -> String {
    let name = &subsystem.name;
    let list = |platforms: &[Platform]| {
        let words: Vec<String> = platforms.iter().map(ToString::to_string).collect();
        words.join(", ")
    };
    let known = list(&subsystem.platforms);
    // A recipe without `platforms` has those of the project.
    if subsystem.platforms != project.platforms {
        return format!(
            "`{name}` is only for {known}, not for {platform} (see `platforms` of its recipe)"
        );
    }
    let default = if known == Platform::host().to_string() {
        " (the default)"
    } else {
        ""
    };
    let wanted = list(&[&*project.platforms, &[platform]].concat());
    format!(
        "`{name}` is only for {known}{default}, not for {platform}: add `platforms: [{wanted}]` to versions.yml"
    )
}

/// One subsystem on one platform, as it was requested.
#[derive(Clone, Debug)]
pub struct Selected {
    /// The subsystem and the platform.
    pub target: Target,
    /// The version that `versions.yml` pins.
    pub version: Version,
    /// The reason, if there is no such target because the subsystem does not exist on that platform.
    pub absent: Option<String>,
}

/// The targets of a request, sorted by name, then in the order of the platforms; absent ones are after the others.
#[derive(Clone, Debug, Default)]
pub struct Targets(Vec<Selected>);

impl Targets {
    /// The targets of the selected subsystems and platforms.
    pub fn new(project: &Project, selection: &Selection, platforms: &Platforms) -> Self {
        let mut selected = Vec::new();
        for subsystem in selection.subsystems(project) {
            let (existing, missing) = platforms.of(project, subsystem);
            let of = |platform, absent| Selected {
                target: Target {
                    name: subsystem.name.clone(),
                    platform,
                },
                version: subsystem.version.clone(),
                absent,
            };
            selected.extend(existing.into_iter().map(|platform| of(platform, None)));
            selected.extend(
                missing
                    .into_iter()
                    .map(|platform| of(platform, Some(absent(project, subsystem, platform)))),
            );
        }
        Self(selected)
    }

    /// Like [`Self::new`], from the words of a command line.
    pub fn parse(project: &Project, words: &[String], platforms: &Platforms) -> Result<Self> {
        Ok(Self::new(
            project,
            &Selection::parse(project, words)?,
            platforms,
        ))
    }

    /// Like [`Self::parse`], but no words select all.
    pub fn parse_or_all(
        project: &Project,
        words: &[String],
        platforms: &Platforms,
    ) -> Result<Self> {
        Ok(Self::new(
            project,
            &Selection::parse_or_all(project, words)?,
            platforms,
        ))
    }

    /// All requested targets, including absent ones.
    pub fn iter(&self) -> std::slice::Iter<'_, Selected> {
        self.0.iter()
    }

    /// The targets that exist.
    pub fn existing(&self) -> impl Iterator<Item = &Target> {
        let existing = self.0.iter().filter(|selected| selected.absent.is_none());
        existing.map(|selected| &selected.target)
    }
}

impl FromIterator<Selected> for Targets {
    fn from_iter<I: IntoIterator<Item = Selected>>(selected: I) -> Self {
        Self(selected.into_iter().collect())
    }
}

impl IntoIterator for Targets {
    type Item = Selected;
    type IntoIter = std::vec::IntoIter<Selected>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Targets {
    type Item = &'a Selected;
    type IntoIter = std::slice::Iter<'a, Selected>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
