//! The recipe for a package of aqua's registry: chooses the version, and checks the recipe against the definition.

use std::collections::BTreeMap;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs::{self, OwnFolder};
use larder_core::model::Name;
use larder_core::model::version_order::{compare, is_prerelease};
use larder_core::project::Project;
use larder_core::project::user::UserConfig;
use larder_remote::origin::{self, Listing};

use super::super::{AddRequest, Proposal};
use super::answer::Place;
use super::compare::difference;
use super::definition::Package;
use super::language::expression;
use super::recipe::{Drafted, Pin, draft};
use super::registry::Registry;

/// The name of a package's subsystem if the user gives none: the last part of the package's name.
pub fn default_name(package: &str) -> Result<Name> {
    let name: String = super::registry::last(package)
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    name.parse::<Name>().map_err(|invalid| {
        Error::from(invalid).hint(format!(
            "write the name first: `larder add NAME aqua:{package}`"
        ))
    })
}

/// The recipe to write for a package. Nothing is written.
pub fn propose(
    registry: &Registry<'_>,
    package: &str,
    request: &AddRequest,
    user: &UserConfig,
    cancel: &Cancel,
) -> Result<Proposal> {
    let definition = registry.package(package)?;
    let name = definition.full_name();
    let tag = tag(registry, &definition, request.version.as_deref(), cancel)?;
    let mut head = vec![registry.credit(&name)];
    if let Some(path) = request.schema {
        head.insert(0, format!("yaml-language-server: $schema={path}"));
    }
    let drafted = draft(&definition, &tag, &request.platforms, head)?;
    let scratch = fs::Scratch::new(&registry.publishers.settings.temp, "add")?;
    check(scratch.path(), &request.name, &drafted, user).map_err(|error| {
        error
            .context(format!(
                "the definition of {name} became a recipe that does not say the same"
            ))
            .hint("write the recipe by hand, and report this package as a bug")
    })?;
    let missing = request.platforms.iter().copied();
    let missing = missing
        .filter(|platform| !drafted.answers.contains_key(platform))
        .collect();
    let Drafted {
        version,
        tag,
        text,
        answers,
        binaries,
        checksums,
        notes,
    } = drafted;
    let assets = answers.into_iter().map(|(platform, answer)| {
        let text = match answer.place {
            Place::Asset { asset: text, .. } | Place::Url(text) => text,
            Place::GoInstall(path) => format!("go install {path}@{tag}"),
            Place::GoBuild { repo } => format!("go build in {repo}"),
            Place::Cargo { name, .. } => format!("cargo install {name}"),
        };
        (platform, text)
    });
    Ok(Proposal {
        version,
        assets: assets.collect(),
        tag: Some(tag),
        missing,
        checksums,
        sums: BTreeMap::new(),
        unrelated: Vec::new(),
        unsure: Vec::new(),
        unreadable: BTreeMap::new(),
        emulated: Vec::new(),
        binaries,
        inspected: None,
        notes,
        recipe: text,
    })
}

/// Loads the recipe like any other, from a folder without a project. It must say what the definition says.
pub fn check(
    root: &camino::Utf8Path,
    name: &Name,
    drafted: &Drafted,
    user: &UserConfig,
) -> Result<()> {
    let versions = format!("versions: {{{name}: \"{}\"}}\n", drafted.version);
    let mut platforms: Vec<String> = drafted.answers.keys().map(ToString::to_string).collect();
    platforms.sort();
    let versions = format!("platforms: [{}]\n{versions}", platforms.join(", "));
    fs::write_atomic(root.join("versions.yml"), versions.as_bytes())?;
    OwnFolder::create(root, camino::Utf8Path::new("subsystems").join(name))?
        .write_atomic("recipe.yml", drafted.text.as_bytes())?;
    let project = Project::load(root, user)?;
    let subsystem = project
        .subsystems
        .get(name)
        .ok_or_else(|| Error::failed(format!("the project has no {name}")))?;
    for (platform, answer) in &drafted.answers {
        if let Some(difference) = difference(subsystem, *platform, answer, &drafted.tag)? {
            return Err(Error::failed(format!("for {platform} {difference}")));
        }
    }
    Ok(())
}

/// The version that is asked for, or the newest one. aqua's versions are tags.
fn tag(
    registry: &Registry<'_>,
    package: &Package,
    requested: Option<&str>,
    cancel: &Cancel,
) -> Result<String> {
    let keys = &package.keys;
    let prefix = keys.version_prefix.as_deref().unwrap_or_default();
    if let Some(version) = requested {
        return Ok(match version.strip_prefix(prefix) {
            Some(_) => version.to_owned(),
            None => format!("{prefix}{version}"),
        });
    }
    let name = package.full_name();
    let asked = |why: &str| {
        Error::usage(format!("which version of {name}?"))
            .cause(why.to_owned())
            .hint(format!("write it after the name: `aqua:{name}@VERSION`"))
    };
    let publishers = registry.publishers;
    if publishers.client.settings().offline {
        let tested = registry.tested_version(&name)?;
        return tested.ok_or_else(|| asked("`--offline` can't look up the newest one"));
    }
    if keys.kind == "cargo" {
        let newest = origin::newest_crate(publishers, &keys.crate_name, cancel)?;
        return newest.ok_or_else(|| asked("the crate registry names no version"));
    }
    if !keys.has_repo() {
        return Err(asked(
            "the definition names no repository that lists versions",
        ));
    }
    let is_wanted = |tag: &str| {
        let semver = tag.strip_prefix(prefix);
        let filter = keys.version_filter.as_deref();
        semver.is_some_and(|semver| {
            filter.is_none_or(|filter| expression::is_true(filter, tag, tag).unwrap_or(true))
                && semver.contains(|c: char| c.is_ascii_digit())
        })
    };
    let repo = keys.repo();
    if keys.version_source != "github_tag" {
        let latest = Listing::new(publishers, &repo).and_then(|listing| listing.release(None));
        match latest {
            Ok(release) if is_wanted(&release.tag) => return Ok(release.tag),
            Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => return Err(error),
            // A mirror lists no releases, and the newest one may be of another program: see the tags.
            Ok(_) | Err(_) => {}
        }
    }
    let version = |tag: &str| Pin::of(tag).ok().map(|pin| pin.version);
    let tags = origin::tags(publishers, &repo, cancel)?;
    tags.into_iter()
        .filter(|tag| is_wanted(tag))
        .filter_map(|tag| Some((version(&tag)?, tag)))
        .filter(|(version, _)| !is_prerelease(version.as_str()))
        .max_by(|(one, _), (other, _)| compare(one.as_str(), other.as_str()))
        .map(|(_, tag)| tag)
        .ok_or_else(|| {
            asked(&format!(
                "{repo} has no release that the definition accepts"
            ))
        })
}
