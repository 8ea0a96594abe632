//! The variables of templates, and where each is available.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::{Platform, Version};

/// The variables that are available in every template.
pub(super) const VARIABLES: [&str; 10] = [
    "version",
    "version_number",
    "os",
    "arch",
    "exe",
    "platform",
    "target",
    "rust_arch",
    "project",
    "name",
];
/// The variables that are available only in a build's environment and commands.
pub(super) const FOLDERS: [&str; 2] = ["out", "src"];

/// The variables that are available only in `publish.url`.
pub(super) const ASSET: [&str; 2] = ["tag", "asset"];

/// The kind of key that a template belongs to, which decides the available variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `upstream`, `build.source` and `verify`.
    Plain,
    /// `build.env` and `build.commands`, where `out` and `src` are also available.
    Build,
    /// `publish.url`, where `tag` and `asset` are also available.
    Asset,
    /// `publish.notify.webhook`, where only `env` is available.
    Environment,
}

impl Scope {
    /// The variables that are available in this scope.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::Plain => VARIABLES.to_vec(),
            Self::Build => [VARIABLES.as_slice(), &FOLDERS].concat(),
            Self::Asset => [VARIABLES.as_slice(), &ASSET].concat(),
            Self::Environment => vec!["env"],
        }
    }
}

/// The values of the variables. A value is formatted only when it is used.
#[derive(Clone, Copy, Debug)]
pub struct Variables<'a> {
    project: &'a str,
    name: &'a str,
    version: &'a Version,
    platform: Platform,
    os: &'a str,
    arch: &'a str,
    folders: Option<(&'a str, &'a str)>,
    asset: Option<(&'a str, &'a str)>,
}

impl<'a> Variables<'a> {
    /// The values for a subsystem on a platform.
    pub fn new(project: &'a str, name: &'a str, version: &'a Version, platform: Platform) -> Self {
        let (os, arch) = (platform.os.as_str(), platform.arch.as_str());
        Self {
            project,
            name,
            version,
            platform,
            os,
            arch,
            folders: None,
            asset: None,
        }
    }
    /// Adds a build's folders.
    pub fn folders(self, out: &'a str, src: &'a str) -> Self {
        Self {
            folders: Some((out, src)),
            ..self
        }
    }
    /// Adds the tag and the name of an asset.
    pub fn asset(self, tag: &'a str, asset: &'a str) -> Self {
        Self {
            asset: Some((tag, asset)),
            ..self
        }
    }
    /// Replaces the words for the os and the architecture.
    pub fn replaced(self, replacements: &'a BTreeMap<String, String>) -> Self {
        let word = |word: &'a str| replacements.get(word).map_or(word, String::as_str);
        Self {
            os: word(self.os),
            arch: word(self.arch),
            ..self
        }
    }
    /// The value of a variable; `None` if it is not available.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let value = match name {
            "version" => self.version.as_str(),
            "version_number" => self.version.number(),
            "os" => self.os,
            "arch" => self.arch,
            "exe" => self.platform.exe(),
            "platform" => return Some(self.platform.to_string().into()),
            "target" => return Some(self.platform.target().into()),
            "rust_arch" => self.platform.rust_arch(),
            "project" => self.project,
            "name" => self.name,
            "out" => self.folders?.0,
            "src" => self.folders?.1,
            "tag" => self.asset?.0,
            "asset" => self.asset?.1,
            _ => return None,
        };
        Some(Cow::Borrowed(value))
    }
}
