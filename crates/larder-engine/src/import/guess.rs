//! Guesses a recipe's `upstream` from the names of a release's assets: the asset for each platform, and a template that
//! renders to all of them.
//!
//! The guess depends on the names, on what the user has answered, and, where the names do not tell the system or the
//! processor, on the headers of programs, which the caller reads.

mod choice;
mod siblings;
mod sums;
mod template;
mod vocabulary;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use larder_core::error::Result;
use larder_core::model::{Arch, Os, Platform, Version};

pub use siblings::{siblings, version_in_url};
pub use sums::{ChecksumFiles, Naming};
use template::{Common, Words, templated};
use words::ParsedName;

/// What is to be guessed.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The names of the release's assets, or their URLs.
    pub assets: &'a [String],
    /// The version of the release.
    pub version: &'a Version,
    /// The platforms to find assets for.
    pub platforms: &'a [Platform],
    /// The name of the subsystem.
    pub name: &'a str,
    /// The name of the repository; may be empty.
    pub repository: &'a str,
    /// The assets that the user has named.
    pub given: &'a BTreeMap<Platform, String>,
}

/// What was guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guess {
    /// The asset for each platform that has one.
    pub assets: BTreeMap<Platform, String>,
    /// The template that renders to all of them, except where `overrides` has another one.
    pub asset: String,
    /// What the variables `os` and `arch` render to, if not to their default.
    pub replacements: BTreeMap<&'static str, String>,
    /// Other templates, by os or platform.
    pub overrides: BTreeMap<String, String>,
    /// Files that may contain digests; the best candidate is first.
    pub checksums: Vec<ChecksumFiles>,
    /// The name of the program according to the assets' names.
    pub program: String,
    /// What could not be decided.
    pub unsure: Vec<String>,
    /// Platforms for which the release has only a package that larder can't open, such as `.dmg`.
    pub unreadable: BTreeMap<Platform, String>,
}

/// What the headers of the programs in an asset say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The systems and processors that a native program is for.
    pub native: BTreeSet<(Os, Arch)>,
    /// Whether it contains a script, and no native program.
    pub script: bool,
}

impl Seen {
    /// Whether the asset is for a platform, if its name mentions this system.
    fn runs_on(&self, platform: Platform, named: Option<Os>) -> bool {
        if self.native.is_empty() {
            // A script runs on any processor. Windows does not start one by itself.
            return self.script && (named.is_some() || platform.os != Os::Windows);
        }
        self.native.contains(&(platform.os, platform.arch))
    }
}

/// Guesses; `None` if no asset is for any of the platforms. `read_header` reads the headers of an asset's programs; it is called
/// only for assets whose names do not tell their platform. It is an error if the names do not tell which of several
/// products is wanted.
pub fn guess(
    wanted: &Wanted<'_>,
    read_header: &mut dyn FnMut(&str) -> Result<Seen>,
) -> Result<Option<Guess>> {
    let Wanted {
        assets,
        version,
        platforms,
        name,
        repository,
        given,
    } = *wanted;
    let names = [name, repository];
    let request = choice::Request {
        version,
        platforms,
        names,
        given,
    };
    let Some(choice::Choice { picks, unsure }) = choice::choose(assets, &request, read_header)?
    else {
        return Ok(None);
    };
    let common = Common::of(&picks);
    let prefix = picks
        .values()
        .next()
        .map_or("", |first| first.prefix(&names));
    let prefix = words::last_part(prefix);
    let program = if prefix.is_empty() { name } else { prefix };
    Ok(Some(Guess {
        asset: common.asset.clone(),
        replacements: common.replacements(),
        overrides: common.overrides(&picks),
        checksums: sums::checksums(assets, version, &picks, names),
        program: program.to_owned(),
        unsure,
        unreadable: unreadable(wanted, &picks),
        assets: picks
            .into_iter()
            .map(|(platform, parsed)| (platform, parsed.name.to_owned()))
            .collect(),
    }))
}

/// The packages that larder can't open, for platforms without another asset.
fn unreadable(
    wanted: &Wanted<'_>,
    picks: &BTreeMap<Platform, ParsedName<'_>>,
) -> BTreeMap<Platform, String> {
    let names = [wanted.name, wanted.repository];
    let missing = wanted.platforms.iter().filter(|p| !picks.contains_key(p));
    let package = |platform: &Platform| {
        let endings: &[&str] = match platform.os {
            Os::Darwin => &[".dmg", ".pkg"],
            Os::Windows => &[".msi", ".msix"],
            Os::Linux => &[".deb", ".rpm", ".apk"],
        };
        let found = wanted.assets.iter().find(|asset| {
            let parsed = words::parse_any(asset, wanted.version, &names);
            let processor = parsed.arch();
            endings.iter().any(|ending| asset.ends_with(ending))
                && parsed.os().is_none_or(|os| os == platform.os)
                && processor.is_none_or(|arch| arch.is_err() || arch == Ok(platform.arch))
        })?;
        Some((*platform, found.clone()))
    };
    missing.filter_map(package).collect()
}

impl Guess {
    /// Replaces the version, the operating system and the architecture in a text by the template's variables. The text comes
    /// from the asset for `platform`.
    pub fn template_of(&self, text: &str, version: &Version, platform: Platform) -> String {
        let (marks, _) = words::scan(text, version);
        templated(text, &marks, &self.words(platform))
    }

    /// What the variables render to on a platform.
    fn words(&self, platform: Platform) -> Words<'_> {
        let word = |canonical: &'static str| {
            self.replacements
                .get(canonical)
                .map_or(canonical, String::as_str)
        };
        Words {
            os: word(platform.os.as_str()),
            arch: word(platform.arch.as_str()),
        }
    }

    /// The template of the asset's name for a platform.
    pub fn asset_template(&self, platform: Platform) -> &str {
        self.overrides
            .get(&platform.to_string())
            .or_else(|| self.overrides.get(platform.os.as_str()))
            .unwrap_or(&self.asset)
    }

    /// The template of the name of the file with the digest of a platform's asset.
    pub fn checksums_template(
        &self,
        files: &ChecksumFiles,
        version: &Version,
        platform: Platform,
    ) -> Option<String> {
        files.names.contains_key(&platform).then(|| {
            let asset = self.asset_template(platform);
            files.template(platform, asset, version, &self.words(platform))
        })
    }
}

/// The name of a program from its file name in an archive: without version, operating system and architecture. A name of
/// `own` is kept.
pub fn plain_name(file: &str, version: &Version, own: &[&str]) -> String {
    if own.contains(&file) {
        return file.to_owned();
    }
    words::parse(file, version, own)
        .map_or(file, |parsed| &file[..parsed.prefix(own).len()])
        .to_owned()
}

/// Some of the names, for messages.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}

fn split(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests;
