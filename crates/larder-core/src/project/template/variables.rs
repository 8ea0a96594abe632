//! The variables of templates, and where each is known.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::{Platform, Version};

/// The variables that every template knows.
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
/// Those that only a build's environment and commands know.
pub(super) const FOLDERS: [&str; 2] = ["out", "src"];

/// Where a template stands, which decides the variables it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Coordinates, sources, verify.
    Plain,
    /// A build's environment and commands: `out` and `src` too.
    Build,
}

impl Scope {
    /// The variables that are known there.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::Plain => VARIABLES.to_vec(),
            Self::Build => [VARIABLES.as_slice(), &FOLDERS].concat(),
        }
    }
}

/// Values of the variables: nothing is formatted before it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Variables<'a> {
    project: &'a str,
    name: &'a str,
    version: &'a Version,
    platform: Platform,
    os: &'a str,
    arch: &'a str,
    folders: Option<(&'a str, &'a str)>,
}

impl<'a> Variables<'a> {
    /// For a platform of a subsystem.
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
        }
    }
    /// With a build's folders.
    pub fn folders(self, out: &'a str, src: &'a str) -> Self {
        Self {
            folders: Some((out, src)),
            ..self
        }
    }
    /// With other words for os and architecture.
    pub fn replaced(self, replacements: &'a BTreeMap<String, String>) -> Self {
        let word = |word: &'a str| replacements.get(word).map_or(word, String::as_str);
        Self {
            os: word(self.os),
            arch: word(self.arch),
            ..self
        }
    }
    /// A variable's value.
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
            _ => return None,
        };
        Some(Cow::Borrowed(value))
    }
}
