//! `add` for packages of registries: npm, the Python index and crates. The registries are read through their own clients.
//!
//! A package of npm or Python must contain a native program, or be the launcher of packages that do: larder installs no
//! interpreter and no dependencies. A crate is built; nothing of it is downloaded here.

mod npm;

use std::collections::{BTreeMap, BTreeSet};

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::model::{FileName, Platform, Version};
use larder_core::project::Coordinate;
use larder_core::project::user::UserConfig;
use larder_remote::origin::{self, About, Publishers, Registry, VersionLookup, describe};

use super::guess::Guess;
use super::recipe::{self, PackageRecipe};
use super::request::key;
use super::{AddRequest, Proposal, check, inspect, original};

/// What was found of a package.
struct Found {
    about: About,
    binaries: Vec<FileName>,
    /// The coordinate for each platform; empty for a crate.
    coordinates: BTreeMap<Platform, Coordinate>,
    /// The platform whose package was inspected.
    inspected: Option<Platform>,
    /// The value of the key that names the package; a template.
    package: String,
    /// The version, if it is another one than the subsystem's.
    tag: Option<String>,
    extract: Vec<(String, String)>,
    replacements: BTreeMap<String, String>,
    /// Other packages, by platform.
    overrides: BTreeMap<Platform, String>,
    unsure: Vec<String>,
}

/// The package that is asked for.
struct Asked<'a> {
    publishers: Publishers<'a>,
    request: &'a AddRequest,
    registry: Registry,
    package: &'a str,
    version: &'a Version,
    cancel: &'a Cancel,
}

/// Finds a version of a package and what it contains; returns the recipe to write. Nothing is written.
pub(super) fn propose(
    publishers: Publishers<'_>,
    request: &AddRequest,
    (registry, package, version): (Registry, &str, Option<&str>),
    user: &UserConfig,
    cancel: &Cancel,
) -> Result<Proposal> {
    let version: Version = match version.or(request.version.as_deref()) {
        Some(version) => version.parse()?,
        None => newest(publishers, request, registry, package, cancel)?,
    };
    let asked = Asked {
        publishers,
        request,
        registry,
        package,
        version: &version,
        cancel,
    };
    let found = match registry {
        Registry::Npm => npm::find(&asked)?,
        Registry::Pypi => wheel(&asked)?,
        Registry::Crate => crate_source(&asked)?,
    };
    let missing: Vec<Platform> = match registry {
        // Which platforms a crate can be built for is not known.
        Registry::Crate => Vec::new(),
        _ => (request.platforms.iter().copied())
            .filter(|platform| !found.coordinates.contains_key(platform))
            .collect(),
    };
    let platforms =
        (!missing.is_empty()).then(|| found.coordinates.keys().copied().collect::<Vec<Platform>>());
    let recipe = recipe::package(&PackageRecipe {
        request,
        about: &found.about,
        binaries: &found.binaries,
        platforms: platforms.as_deref(),
        key: key(registry),
        package: &found.package,
        tag: found.tag.as_deref(),
        extract: &found.extract,
        replacements: &found.replacements,
        overrides: &found.overrides,
    });
    let proposal = Proposal {
        version,
        tag: None,
        assets: found
            .coordinates
            .iter()
            .map(|(platform, coordinate)| (*platform, describe(coordinate)))
            .collect(),
        missing,
        checksums: None,
        sums: BTreeMap::new(),
        unrelated: Vec::new(),
        unsure: found.unsure,
        unreadable: BTreeMap::new(),
        emulated: Vec::new(),
        binaries: found.binaries,
        inspected: found.inspected,
        notes: Vec::new(),
        recipe,
    };
    check(
        publishers.settings,
        request,
        user,
        &proposal,
        &found.coordinates,
    )?;
    Ok(proposal)
}

/// The newest version. The Python index is asked for a platform of each system, one by one.
fn newest(
    publishers: Publishers<'_>,
    request: &AddRequest,
    registry: Registry,
    package: &str,
    cancel: &Cancel,
) -> Result<Version> {
    let lookup = VersionLookup::new(publishers, cancel);
    let mut first = None;
    let mut platforms = ordered(request);
    // One of each system tells enough.
    let mut systems = BTreeSet::new();
    platforms.retain(|platform| systems.insert(platform.os));
    let several = if registry == Registry::Pypi {
        platforms.len()
    } else {
        1
    };
    for platform in platforms.into_iter().take(several) {
        match lookup.newest_in(registry, package, platform) {
            Ok(Some(version)) => return Ok(version),
            Ok(None) => {}
            Err(error) if error.kind() == Kind::Failed => {
                first.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    let none = || Error::failed(format!("{} has no version", request.source));
    let error = first.unwrap_or_else(none);
    Err(if registry == Registry::Pypi {
        error.hint(
            "check the name; larder takes programs from wheels, and never builds or runs a package",
        )
    } else {
        error.hint("check the name")
    })
}

/// The platforms to find packages for, the host first.
fn ordered(request: &AddRequest) -> Vec<Platform> {
    let host = Platform::host();
    let mut platforms = request.platforms.clone();
    platforms.sort_by_key(|platform| *platform != host);
    platforms
}

impl Asked<'_> {
    /// Which of these exist; the registry's client is run for all of them at the same time.
    fn existing(
        &self,
        coordinates: BTreeMap<Platform, Coordinate>,
    ) -> Result<BTreeMap<Platform, Coordinate>> {
        let exists = |coordinate: &Coordinate, platform: Platform| {
            let original = original(coordinate.clone(), None);
            origin::exists(self.publishers, &original, platform, false, self.cancel)
        };
        let answers: Vec<Result<bool>> = std::thread::scope(|scope| {
            let asked: Vec<_> = coordinates
                .iter()
                .map(|(platform, coordinate)| scope.spawn(|| exists(coordinate, *platform)))
                .collect();
            let failed = || Err(Error::failed("a lookup in the registry failed"));
            asked
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| failed()))
                .collect()
        });
        let mut found = BTreeMap::new();
        for ((platform, coordinate), exists) in coordinates.into_iter().zip(answers) {
            if exists? {
                found.insert(platform, coordinate);
            }
        }
        Ok(found)
    }

    fn fetch(&self, coordinate: &Coordinate, platform: Platform) -> Result<origin::Fetched> {
        let wanted = original(coordinate.clone(), None);
        let fetched = origin::fetch(self.publishers, &wanted, platform, true, self.cancel)?;
        fetched.ok_or_else(|| {
            Error::failed(format!("{} does not exist", describe(coordinate)))
                .hint("check the name and the version")
        })
    }

    /// The programs in a fetched package. `program` is the name that the main one should have.
    fn inspect(
        &self,
        fetched: origin::Fetched,
        platform: Platform,
        program: &str,
        replacements: &BTreeMap<String, String>,
    ) -> Result<inspect::Contents> {
        let words = [platform.os.as_str(), platform.arch.as_str()];
        let guess = Guess {
            program: program.to_owned(),
            replacements: words
                .into_iter()
                .filter_map(|word| Some((word, replacements.get(word)?.clone())))
                .collect(),
            ..Guess::default()
        };
        inspect::inspect(
            fetched,
            self.publishers.settings,
            self.request,
            self.version,
            &guess,
            platform,
            self.cancel,
        )
    }
}

/// A wheel with a program.
fn wheel(asked: &Asked<'_>) -> Result<Found> {
    let coordinate = Coordinate::Pypi {
        package: asked.package.to_owned(),
        version: asked.version.number().to_owned(),
    };
    let all = ordered(asked.request);
    let coordinates = asked.existing(
        all.iter()
            .map(|platform| (*platform, coordinate.clone()))
            .collect(),
    )?;
    let there = |platform: &Platform| coordinates.contains_key(platform);
    let Some(inspected) = all.into_iter().find(there) else {
        return Err(Error::failed(format!(
            "{} has no wheel for any of the platforms",
            describe(&coordinate)
        ))
        .hint("check the name and the version; larder takes programs from wheels, and never builds or runs a package"));
    };
    let fetched = asked.fetch(&coordinate, inspected)?;
    if fetched.file_name.ends_with("-any.whl") {
        return Err(no_program(asked, "it is written in Python"));
    }
    let own = asked.request.source.word();
    let contents = asked.inspect(fetched, inspected, own, &BTreeMap::new()).map_err(|error| {
        error.hint("a package of Python modules has no program of its own: install it with the project's Python")
    })?;
    Ok(Found {
        about: About::default(),
        binaries: contents.binaries,
        coordinates,
        inspected: Some(inspected),
        package: asked.package.to_owned(),
        tag: None,
        extract: contents.extract,
        replacements: BTreeMap::new(),
        overrides: BTreeMap::new(),
        unsure: Vec::new(),
    })
}

/// A crate, from which the subsystem is built.
fn crate_source(asked: &Asked<'_>) -> Result<Found> {
    let named = &asked.request.binaries;
    let mut unsure = Vec::new();
    let binaries = if named.is_empty() {
        unsure.push(format!(
            "whether the crate's program is called `{}`: a build will tell; `--binary NAME` names another",
            asked.package
        ));
        vec![asked.package.parse()?]
    } else {
        named.clone()
    };
    Ok(Found {
        about: About::default(),
        binaries,
        coordinates: BTreeMap::new(),
        inspected: None,
        package: asked.package.to_owned(),
        tag: None,
        extract: Vec::new(),
        replacements: BTreeMap::new(),
        overrides: BTreeMap::new(),
        unsure,
    })
}

/// A package that larder can't install.
fn no_program(asked: &Asked<'_>, why: &str) -> Error {
    let (what, with) = match asked.registry {
        Registry::Npm => ("Node.js", "`npm install`, or a task that runs `npx`"),
        _ => (
            "Python",
            "`pip install` or `uv tool install`, or a task that runs it",
        ),
    };
    Error::failed(format!(
        "{} has no program that runs by itself: {why}",
        asked.request.source
    ))
    .hint(format!("install it with {with}: larder brings no {what}"))
    .hint("if its releases on GitHub have programs: `larder add NAME github:owner/name`")
}
