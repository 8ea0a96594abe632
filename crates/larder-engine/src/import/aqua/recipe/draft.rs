//! From a definition and a version to the text of a recipe.

use std::collections::{BTreeMap, BTreeSet};

use larder_core::error::{Error, Result};
use larder_core::model::{Arch, FileName, Os, Platform, Version};

use super::super::answer::{Answer, OnPlatform, Packing, Place};
use super::super::definition::{Checksum, Keys, Package, Signature};
use super::super::resolve;
use super::templates::{Finder, Pin, Templates};
use super::{build, write};

/// A recipe that was made from a definition.
#[derive(Clone, Debug)]
pub struct Drafted {
    /// The version to pin.
    pub version: Version,
    /// The tag, which aqua calls the version.
    pub tag: String,
    /// The text of the recipe.
    pub text: String,
    /// What aqua does on each platform.
    pub answers: BTreeMap<Platform, Answer>,
    /// The binaries' names.
    pub binaries: Vec<FileName>,
    /// The checksums file of the first platform.
    pub checksums: Option<String>,
    /// What the recipe can't say.
    pub notes: Vec<String>,
}

/// The recipe for a version, which is a tag, on those of these platforms that the definition supports. `head` are lines of
/// comments for the top of the text.
pub fn draft(
    package: &Package,
    tag: &str,
    platforms: &[Platform],
    head: Vec<String>,
) -> Result<Drafted> {
    let name = package.full_name();
    let fails = |why: String| {
        Error::failed(format!("the definition of {name} can't be used for {tag}")).cause(why)
    };
    let keys = resolve::for_version(package, tag);
    if let Some(message) = keys
        .error_message
        .as_ref()
        .filter(|message| !message.is_empty())
    {
        return Err(fails(message.clone()).hint("choose another version"));
    }
    if keys.no_asset == Some(true) {
        return Err(
            fails("the registry says that this version has no files for it".to_owned())
                .hint("choose another version"),
        );
    }
    let pin = Pin::of(tag)?;
    let mut notes = Notes::default();
    let mut found: BTreeMap<Platform, (OnPlatform, Answer)> = BTreeMap::new();
    for platform in platforms {
        let on = OnPlatform::new(package, &keys, tag, *platform).map_err(fails)?;
        let Some(on) = on else {
            continue;
        };
        let answer = on.answer().map_err(fails)?;
        if let Packing::Unknown(format) = &answer.packing {
            notes.add(format!(
                "larder reads no `{format}`, which is the format for {platform}: left out"
            ));
            continue;
        }
        found.insert(*platform, (on, answer));
    }
    if found.is_empty() {
        return Err(fails(
            "it has nothing for any of the platforms that larder can use".to_owned(),
        ));
    }
    if found.values().any(|(_, answer)| is_in_bin(answer)) {
        notes.add(
            "the archive has a folder `bin`: if the program reads the folders beside it, such as `lib`, add `keep: tree`"
                .to_owned(),
        );
    }
    let has_windows = found.keys().any(|platform| platform.os == Os::Windows);
    let mut templates: BTreeMap<Platform, Templates> = BTreeMap::new();
    for (platform, (on, answer)) in &found {
        let finder = Finder {
            pin: &pin,
            on,
            answer,
            platform: *platform,
            has_windows,
        };
        templates.insert(*platform, finder.templates().map_err(fails)?);
        notes.of(&on.keys, answer);
    }
    let answers: BTreeMap<Platform, Answer> = found
        .into_iter()
        .map(|(platform, (_, answer))| (platform, answer))
        .collect();
    let emulated = emulated(&answers);
    let follows = |platform: &&Platform| {
        let answer = answers.get(platform);
        answer.is_some_and(|answer| has_native_name(package, &keys, tag, **platform, answer))
    };
    let followers: BTreeSet<Platform> = emulated.iter().filter(follows).copied().collect();
    let build = build::text(&pin, answers.values());
    let notes = notes.0;
    let draft = write::Draft {
        head,
        description: &package.description,
        homepage: homepage(package, &keys),
        pin: &pin,
        answers: &answers,
        templates: &templates,
        lists_platforms: platforms
            .iter()
            .any(|platform| !answers.contains_key(platform)),
        emulated: &emulated,
        followers: &followers,
        build,
        notes: &notes,
    };
    let text = write::text(&draft);
    let mut binaries: Vec<FileName> = Vec::new();
    for binary in templates
        .values()
        .next()
        .iter()
        .flat_map(|keys| &keys.binaries)
    {
        binaries.push(binary.name.parse()?);
    }
    Ok(Drafted {
        checksums: answers.values().find_map(checksums),
        version: pin.version,
        tag: tag.to_owned(),
        text,
        answers,
        binaries,
        notes,
    })
}

/// Whether a program is in a folder `bin` of its archive. aqua keeps all of every archive, and a
/// recipe has to say that a program needs it.
fn is_in_bin(answer: &Answer) -> bool {
    let in_bin = |path: &str| path.starts_with("bin/") || path.contains("/bin/");
    answer.packing == Packing::Archive
        && !answer.is_source
        && answer.programs.iter().any(|program| in_bin(&program.path))
}

/// The name of the checksums file, in which `<asset>` stands for that of the asset.
fn checksums(answer: &Answer) -> Option<String> {
    let sums = answer
        .sums
        .as_ref()
        .filter(|sums| sums.unusable.is_none())?;
    let (Place::Asset { asset, .. } | Place::Url(asset)) = &answer.place else {
        return Some(sums.file.clone());
    };
    Some(sums.file.replace(asset.as_str(), "<asset>"))
}

fn homepage(package: &Package, keys: &Keys) -> String {
    match package.link.as_str() {
        "" if keys.has_repo() => format!("https://github.com/{}", keys.repo()),
        link => link.to_owned(),
    }
}

/// The platforms for arm64 that have the file for amd64: as the definition says, or because there is one file for both, which
/// may be for either.
fn emulated(answers: &BTreeMap<Platform, Answer>) -> BTreeSet<Platform> {
    let is_emulated = |platform: &Platform, answer: &Answer| {
        let other = Platform {
            arch: Arch::Amd64,
            ..*platform
        };
        platform.arch == Arch::Arm64
            && platform.os != Os::Linux
            && !answer.is_source
            && matches!(answer.place, Place::Asset { .. } | Place::Url(_))
            && answers
                .get(&other)
                .is_some_and(|other| other.place == answer.place)
    };
    answers
        .iter()
        .filter(|(platform, answer)| is_emulated(platform, answer))
        .map(|(platform, _)| *platform)
        .collect()
}

/// Whether a release could have a file for this platform too, which would have another name. Then the recipe says nothing of
/// its own about the platform, and larder takes that file as soon as it exists. Other hosts may answer anything for it.
fn has_native_name(
    package: &Package,
    of_version: &Keys,
    tag: &str,
    platform: Platform,
    answer: &Answer,
) -> bool {
    let native = Keys {
        rosetta2: None,
        windows_arm_emulation: None,
        // Without them, the definition would not support the platform.
        supported_envs: None,
        ..of_version.clone()
    };
    let Place::Asset { asset, .. } = &answer.place else {
        return false;
    };
    let native = OnPlatform::new(package, &native, tag, platform);
    let name = native.ok().flatten().and_then(|native| native.asset().ok());
    answer.emulated && name.is_some_and(|name| name != *asset)
}

/// What the recipe can't say, each once.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn add(&mut self, note: String) {
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    fn of(&mut self, keys: &Keys, answer: &Answer) {
        if let Some(why) = answer.sums.as_ref().and_then(|sums| sums.unusable.as_ref()) {
            self.add(format!("checksums are left out: {why}"));
        }
        if let Place::Cargo { features: true, .. } = &answer.place {
            self.add("the crate's features other than the default ones are not enabled".to_owned());
        }
        let on =
            |signature: Option<&Signature>| signature.is_some_and(|of| of.enabled != Some(false));
        let sums = keys.checksum.as_ref();
        let of_sums = |get: fn(&Checksum) -> Option<&Signature>| sums.and_then(get);
        let unchecked = [
            (
                "cosign",
                keys.cosign.as_ref(),
                of_sums(|sums| sums.cosign.as_ref()),
            ),
            ("SLSA", keys.slsa_provenance.as_ref(), None),
            (
                "GitHub",
                keys.github_artifact_attestations.as_ref(),
                of_sums(|sums| sums.github_artifact_attestations.as_ref()),
            ),
        ];
        for (by, own, of_sums) in unchecked {
            if on(own) || on(of_sums) {
                let what = if by == "cosign" {
                    "signature"
                } else {
                    "attestation"
                };
                self.add(format!(
                    "the publisher's {what} ({by}) is not checked by larder"
                ));
            }
        }
    }
}
