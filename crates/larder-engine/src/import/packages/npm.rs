//! A package of npm: one that contains a native program, or the launcher of packages that do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use camino::Utf8PathBuf;
use serde_json::Value;

use larder_core::archive::{self, Budget, ReadAs, Select, Unpacked};
use larder_core::error::{Error, Result};
use larder_core::executable::{self, Executable, Machine, System};
use larder_core::fs;
use larder_core::model::{Arch, FileFormat, FileName, Os, Platform};
use larder_core::project::Coordinate;
use larder_remote::origin::{About, describe};

use super::{Asked, Found, no_program, ordered};
use crate::acquire::intake;
use crate::acquire::sources::launcher::{Packages, is_node_script};
use crate::import::inspect::is_library;

/// The most bytes of a description that are read.
const MOST: u64 = 1 << 20;

/// What a package says of itself, and what its files are.
struct Package {
    described: Value,
    /// The programs that it declares: name and path.
    programs: Vec<(String, String)>,
    /// The kind of each declared program, and where it was unpacked.
    kinds: Vec<Executable>,
    /// Whether one of them is a script for Node.js.
    for_node: bool,
    /// The systems and processors of all native programs in it.
    native: BTreeSet<(Os, Arch)>,
}

/// Finds the package with the program for each platform.
pub(super) fn find(asked: &Asked<'_>) -> Result<Found> {
    let own = coordinate(asked.package, asked.version.number());
    let package = open(asked, &own)?;
    let optional = Packages::of(&package.described);
    if package.for_node && optional.names().next().is_some() {
        return launched(asked, &package, &optional);
    }
    if package.for_node || package.native.is_empty() && package.kinds.is_empty() {
        return Err(no_program(asked, "it is written in JavaScript"));
    }
    let scripts = package.native.is_empty();
    if scripts && !package.kinds.iter().all(|kind| *kind == Executable::Script) {
        return Err(no_program(asked, "none of its files is a program"));
    }
    let suits = |platform: &Platform| {
        if scripts {
            platform.os != Os::Windows
        } else {
            package.native.contains(&(platform.os, platform.arch))
        }
    };
    let platforms: Vec<Platform> = ordered(asked.request).into_iter().filter(suits).collect();
    let Some(inspected) = platforms.first().copied() else {
        return Err(Error::failed(format!(
            "{} has no program for one of the platforms",
            describe(&own)
        )));
    };
    if !scripts && package.native.len() > 1 && package.programs.len() < 2 {
        // One file for all of them is found by its name; several files are not.
        let error = Error::failed(format!(
            "{} has programs for several platforms",
            describe(&own)
        ));
        return Err(error.hint("write the recipe by hand, with `extract:` for each of them"));
    }
    let program = package.program(asked);
    let fetched = asked.fetch(&own, inspected)?;
    let contents = asked.inspect(fetched, inspected, &program, &BTreeMap::new())?;
    Ok(Found {
        about: package.about(),
        binaries: contents.binaries,
        coordinates: platforms
            .into_iter()
            .map(|platform| (platform, own.clone()))
            .collect(),
        inspected: Some(inspected),
        package: asked.package.to_owned(),
        tag: None,
        extract: contents.extract,
        replacements: BTreeMap::new(),
        overrides: BTreeMap::new(),
        unsure: Vec::new(),
    })
}

/// The packages that a launcher starts the programs of.
fn launched(asked: &Asked<'_>, package: &Package, optional: &Packages) -> Result<Found> {
    let listed = ordered(asked.request).into_iter().filter_map(|platform| {
        let other = optional.for_platform(platform)?;
        let version = exact(&other.version).unwrap_or(asked.version.number());
        Some((platform, coordinate(&other.name, version)))
    });
    let coordinates = asked.existing(listed.collect())?;
    let inspected = ordered(asked.request)
        .into_iter()
        .find(|platform| coordinates.contains_key(platform));
    let Some((inspected, main)) =
        inspected.and_then(|platform| Some((platform, optional.for_platform(platform)?)))
    else {
        let names: Vec<String> = optional.names().map(str::to_owned).collect();
        let error = Error::failed(format!(
            "{} starts the program of another package, and there is none for one of the platforms",
            asked.request.source
        ));
        return Err(error.hint(format!("it has {}", super::super::guess::listed(&names))));
    };
    let platforms: Vec<Platform> = coordinates.keys().copied().collect();
    let template = optional.template(main, &platforms);
    let fetched = asked.fetch(&coordinates[&inspected], inspected)?;
    let program = package.program(asked);
    let contents = asked.inspect(fetched, inspected, &program, &template.words)?;
    let tag = exact(&main.version).filter(|version| *version != asked.version.number());
    let unsure = tag.map(|tag| {
        format!(
            "which version of {} belongs to the next one: this one has {tag}, which the recipe's `tag` says",
            main.name
        )
    });
    let overrides = template
        .lacks
        .iter()
        .filter_map(|platform| Some((*platform, optional.for_platform(*platform)?.name.clone())))
        .collect();
    let replacements = template
        .words
        .iter()
        .filter(|(word, other)| word != other)
        .map(|(word, other)| (word.clone(), other.clone()))
        .collect();
    Ok(Found {
        about: package.about(),
        binaries: contents.binaries,
        coordinates,
        inspected: Some(inspected),
        package: template.name,
        tag: tag.map(str::to_owned),
        extract: contents.extract,
        replacements,
        overrides,
        unsure: unsure.into_iter().collect(),
    })
}

/// A version that is no range.
fn exact(text: &str) -> Option<&str> {
    Some(text).filter(|text| text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains(' '))
}

fn coordinate(package: &str, version: &str) -> Coordinate {
    Coordinate::Npm {
        package: package.to_owned(),
        version: version.to_owned(),
    }
}

/// Downloads a package, verified against the registry's digest, and reads what it contains.
fn open(asked: &Asked<'_>, coordinate: &Coordinate) -> Result<Package> {
    let host = Platform::host();
    let fetched = asked.fetch(coordinate, host)?;
    let scratch = fs::Scratch::new(&asked.publishers.settings.temp, "add")?;
    let root = scratch.path();
    let (file, into) = (root.join("package"), root.join("all"));
    intake::download(&fetched.place, fetched.reader, &fetched.stated, &file)?;
    fs::create_dir_all(&into)?;
    let read_as = ReadAs::File {
        format: FileFormat::Auto,
        name: &fetched.file_name,
    };
    let name: FileName = asked.request.name.as_str().parse()?;
    let files = archive::unpack(
        read_as,
        Some(&name),
        fs::open(&file)?,
        &Select::All,
        &into,
        &Budget::default(),
        None,
        asked.cancel,
    )?
    .files;
    // The files are in one folder, whose name is usually `package`.
    let inner_path = |file: &Unpacked| {
        file.name
            .split_once('/')
            .map_or(file.name.clone(), |(_, rest)| rest.to_owned())
    };
    let described = files.iter().find(|file| inner_path(file) == "package.json");
    let described: Value = match described {
        Some(file) => {
            let mut text = Vec::new();
            let read = fs::open(&file.path)?.take(MOST).read_to_end(&mut text);
            read.ok()
                .and_then(|_| serde_json::from_slice(&text).ok())
                .unwrap_or_default()
        }
        None => Value::Null,
    };
    let programs = declared(&described, asked.package);
    let (mut kinds, mut for_node) = (Vec::new(), false);
    for (_, path) in &programs {
        if let Some(file) = files.iter().find(|file| inner_path(file) == *path) {
            for_node |= is_node_script(&file.path);
            kinds.push(executable::inspect(&file.path)?);
        }
    }
    let mut native = BTreeSet::new();
    for file in &files {
        let path = Utf8PathBuf::from(&file.name);
        if is_library(path.file_name().unwrap_or_default()) {
            continue;
        }
        if let Executable::Native(found) = executable::inspect(&file.path)?
            && let System::Known(os) = found.system
        {
            let known = found.machines.iter().filter_map(|machine| match machine {
                Machine::Known(arch) => Some((os, *arch)),
                Machine::Other(_) => None,
            });
            native.extend(known);
        }
    }
    Ok(Package {
        described,
        programs,
        kinds,
        for_node,
        native,
    })
}

/// The programs that a description declares: `bin` is a map, or the path of the one that is named after the package.
fn declared(described: &Value, package: &str) -> Vec<(String, String)> {
    let plain = |path: &str| path.trim_start_matches("./").to_owned();
    match described.get("bin") {
        Some(Value::String(path)) => {
            let name = package.rsplit('/').next().unwrap_or(package);
            vec![(name.to_owned(), plain(path))]
        }
        Some(Value::Object(all)) => all
            .iter()
            .filter_map(|(name, path)| Some((name.clone(), plain(path.as_str()?))))
            .collect(),
        _ => Vec::new(),
    }
}

impl Package {
    /// The name of the main program.
    fn program(&self, asked: &Asked<'_>) -> String {
        let own = [asked.request.name.as_str(), asked.request.source.word()];
        let names = || self.programs.iter().map(|(name, _)| name.as_str());
        let named = names().find(|name| own.contains(name));
        named
            .or_else(|| names().next())
            .unwrap_or(own[1])
            .to_owned()
    }

    fn about(&self) -> About {
        let text = |key: &str| self.described.get(key)?.as_str().map(str::to_owned);
        About {
            description: text("description"),
            homepage: text("homepage"),
            license: text("license"),
        }
    }
}
