//! `add`: makes a new subsystem's recipe from a publisher's release. Nothing is written before everything was checked.
//!
//! 1. The release's assets are listed, or, for a URL, the files that publishers usually put next to it are requested.
//!    `guess` turns their names into templates. Where a name does not tell the system or the processor, `headers` reads
//!    it from the asset. `digests` reads which checksums files state a digest for which assets.
//! 2. One asset (the host's, if there is one) is downloaded, verified against the publisher's digests, and inspected. The
//!    programs in it decide `binaries` and whether `extract` is needed.
//! 3. The new recipe is loaded like any other. It must render to exactly the assets that were found.
//! 4. The recipe and the version are written. If the project would be invalid with them, it stays unchanged.

pub mod aqua;
mod digests;
mod guess;
mod headers;
mod inspect;
mod packages;
mod published;
mod recipe;
mod request;
mod siblings;
mod write;

use std::collections::BTreeMap;

use camino::Utf8Path;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::documents::AddDocument;
use larder_core::fs::{self, OwnFolder};
use larder_core::model::{Arch, FileName, Os, Platform, Version};
use larder_core::project::user::UserConfig;
use larder_core::project::{Checksum, Coordinate, Keep, Original, Project};
use larder_remote::RemoteSettings;
use larder_remote::origin::{self, About, Listing, Publishers};

use digests::Digests;
use guess::{ChecksumFiles, Guess, Wanted, guess};

use inspect::Contents;

pub use request::{AddRequest, Source};
pub use write::write;

/// The document of `add`: what was found, and which files were written.
pub fn document(request: &AddRequest, proposal: Proposal, written: Vec<String>) -> AddDocument {
    let Proposal {
        version,
        tag,
        assets,
        missing,
        checksums,
        sums: _,
        unrelated: _,
        unsure,
        unreadable: _,
        emulated: _,
        binaries,
        inspected,
        notes,
        recipe,
    } = proposal;
    AddDocument {
        name: request.name.clone(),
        version,
        source: request.source.to_string(),
        tag,
        binaries: binaries.iter().map(ToString::to_string).collect(),
        assets: assets
            .into_iter()
            .map(|(platform, asset)| (platform.to_string(), asset))
            .collect(),
        missing,
        checksums,
        unsure,
        seen: inspected,
        notes,
        recipe,
        written,
    }
}

/// The recipe and the version to write, and the facts that they were derived from.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The version to pin.
    pub version: Version,
    /// The release's tag, on GitHub.
    pub tag: Option<String>,
    /// The asset, or its URL, for each platform.
    pub assets: BTreeMap<Platform, String>,
    /// Platforms without an asset.
    pub missing: Vec<Platform>,
    /// The publisher's file with digests, if there is one.
    pub checksums: Option<String>,
    /// The file with the digest of each platform's asset.
    pub sums: BTreeMap<Platform, String>,
    /// Files that look like checksums files, but do not mention the inspected asset.
    pub unrelated: Vec<String>,
    /// What could not be decided.
    pub unsure: Vec<String>,
    /// Packages that larder can't open, for platforms without another asset.
    pub unreadable: BTreeMap<Platform, String>,
    /// Platforms without an asset, whose systems can run the program of the other processor.
    pub emulated: Vec<Platform>,
    /// The subsystem's binaries.
    pub binaries: Vec<FileName>,
    /// The platform whose asset was inspected, if one was.
    pub inspected: Option<Platform>,
    /// What the recipe leaves out.
    pub notes: Vec<String>,
    /// The text of the recipe.
    pub recipe: String,
}

/// What a publisher offers for one version.
struct Release {
    version: Version,
    /// The release's tag and the template of its tags.
    tag: Option<(String, String)>,
    /// Names of the assets, or their URLs.
    assets: Vec<String>,
    about: About,
}

/// Everything a recipe is written from.
struct Findings<'a> {
    request: &'a AddRequest,
    release: Release,
    guess: Guess,
    sums: Option<ChecksumFiles>,
    contents: Contents,
    missing: Vec<Platform>,
    /// Platforms that could run the program for another processor of the same system.
    emulated: Vec<Platform>,
}

/// Finds a release and inspects one of its assets; returns the recipe to write. Nothing is written.
pub fn propose(
    publishers: Publishers<'_>,
    request: &AddRequest,
    user: &UserConfig,
    cancel: &Cancel,
) -> Result<Proposal> {
    let release = match &request.source {
        Source::Package(registry, package, version) => {
            let package = (*registry, package.as_str(), version.as_deref());
            return packages::propose(publishers, request, package, user, cancel);
        }
        Source::GitHub(repo) => github(publishers, repo, request.version.as_deref())?,
        Source::Url(url) => published::release(publishers.client, url, request, cancel)?,
        Source::Aqua(package) => {
            return Err(Error::failed(format!(
                "aqua:{package} has no release of its own"
            )));
        }
    };
    let Release {
        version,
        tag: _,
        assets,
        about: _,
    } = &release;
    let wanted = Wanted {
        assets,
        version,
        platforms: &request.platforms,
        name: request.name.as_str(),
        repository: request.source.word(),
        given: &request.assets,
    };
    let mut read_header =
        |asset: &str| headers::of_asset(publishers, request, &release, asset, cancel);
    let guess = guess(&wanted, &mut read_header)?.ok_or_else(|| {
        let error = Error::failed(format!(
            "{} {version} has no asset that looks like a program for one of the platforms",
            request.source
        ));
        match assets.len() {
            0 => error.hint("the release has no assets"),
            n => error
                .hint(format!("it has {n} assets: {}", guess::listed(assets)))
                .hint("if one of them is the program: `--asset PLATFORM=NAME`"),
        }
    })?;
    let host = Platform::host();
    let inspected = if guess.assets.contains_key(&host) {
        host
    } else {
        *guess.assets.keys().next().unwrap_or(&host)
    };
    let Digests {
        files: sums,
        unrelated,
    } = digests::find(
        publishers,
        &request.source,
        &release,
        &guess,
        inspected,
        cancel,
    )?;
    let contents = inspect_asset(
        publishers,
        request,
        &release,
        &guess,
        sums.as_ref(),
        inspected,
        cancel,
    )?;
    let missing: Vec<Platform> = request
        .platforms
        .iter()
        .copied()
        .filter(|platform| !guess.assets.contains_key(platform))
        .collect();
    let emulated = missing
        .iter()
        .copied()
        .filter(|platform| {
            let other = Platform {
                arch: Arch::Amd64,
                ..*platform
            };
            platform.arch == Arch::Arm64
                && platform.os != Os::Linux
                && guess.assets.contains_key(&other)
        })
        .collect();
    let findings = Findings {
        request,
        release,
        guess,
        sums,
        contents,
        missing,
        emulated,
    };
    let recipe = recipe::text(&findings);
    let Findings {
        request: _,
        release,
        guess,
        sums,
        contents,
        missing,
        emulated,
    } = findings;
    let mut unsure = guess.unsure;
    if !contents.siblings.is_empty() {
        unsure.push(format!(
            "whether {} needs what lies beside it ({}): `keep: tree` installs the whole folder; \
             without that key only the programs are installed",
            contents.binaries[0],
            contents.siblings.join(", ")
        ));
    }
    let proposal = Proposal {
        version: release.version,
        tag: release.tag.map(|(tag, _)| tag),
        unsure,
        unreadable: guess.unreadable,
        assets: guess.assets,
        missing,
        emulated,
        checksums: sums.as_ref().map(ChecksumFiles::describe),
        sums: sums.map(|sums| sums.names).unwrap_or_default(),
        unrelated,
        binaries: contents.binaries,
        inspected: Some(inspected),
        notes: Vec::new(),
        recipe,
    };
    let tag = proposal.tag.as_deref();
    let coordinates = (proposal.assets.iter())
        .map(|(platform, asset)| (*platform, coordinate(&request.source, tag, asset)))
        .collect();
    check(publishers.settings, request, user, &proposal, &coordinates)?;
    Ok(proposal)
}

/// Reads a release on GitHub.
fn github(publishers: Publishers<'_>, repo: &str, version: Option<&str>) -> Result<Release> {
    let listing = Listing::new(publishers, repo)?;
    let release = listing.release(version)?;
    let (version, template) = origin::version_in(&release.tag);
    // The description is optional, so an error other than an interruption is ignored.
    let about = listing.about().or_else(|error| match error.kind() {
        Kind::Interrupted(_) => Err(error),
        _ => Ok(About::default()),
    })?;
    Ok(Release {
        version: version.parse()?,
        assets: release
            .assets
            .iter()
            .filter(|asset| asset.is_whole())
            .map(|asset| asset.name.clone())
            .collect(),
        tag: Some((release.tag.clone(), template)),
        about,
    })
}

/// The coordinate of an asset.
fn coordinate(source: &Source, tag: Option<&str>, asset: &str) -> Coordinate {
    match source {
        Source::GitHub(repo) => Coordinate::GitHub {
            repo: repo.clone(),
            tag: tag.unwrap_or_default().to_owned(),
            asset: asset.to_owned(),
        },
        Source::Url(_) | Source::Package(..) | Source::Aqua(_) => Coordinate::Url(asset.to_owned()),
    }
}

/// An original at this place.
fn original(coordinate: Coordinate, checksum: Option<Checksum>) -> Original {
    Original {
        coordinate,
        checksum,
        signature: None,
        extract: Vec::new(),
        format: None,
        keep: Keep::Files,
        emulated: None,
    }
}

/// The checksums file as a recipe refers to it.
fn checksum(source: &Source, name: &str) -> Checksum {
    match source {
        Source::GitHub(_) => Checksum::Asset(name.to_owned()),
        Source::Url(_) | Source::Package(..) | Source::Aqua(_) => Checksum::Url(name.to_owned()),
    }
}

/// Downloads a platform's asset and inspects it, verified with its checksums file.
fn inspect_asset(
    publishers: Publishers<'_>,
    request: &AddRequest,
    release: &Release,
    guess: &Guess,
    sums: Option<&ChecksumFiles>,
    platform: Platform,
    cancel: &Cancel,
) -> Result<Contents> {
    cancel.check()?;
    let asset = &guess.assets[&platform];
    let tag = release.tag.as_ref().map(|(tag, _)| tag.as_str());
    let sums = sums.and_then(|sums| sums.names.get(&platform));
    let original = original(
        coordinate(&request.source, tag, asset),
        sums.map(|name| checksum(&request.source, name)),
    );
    let Some(fetched) = origin::fetch(publishers, &original, platform, true, cancel)? else {
        return Err(Error::failed(format!(
            "the release lists {asset}, but it can't be downloaded: it does not exist"
        )));
    };
    inspect::inspect(
        fetched,
        publishers.settings,
        request,
        &release.version,
        guess,
        platform,
        cancel,
    )
}

/// Loads the recipe like any other. It must render to the coordinates that were found.
fn check(
    settings: &RemoteSettings,
    request: &AddRequest,
    user: &UserConfig,
    proposal: &Proposal,
    coordinates: &BTreeMap<Platform, Coordinate>,
) -> Result<()> {
    let scratch = fs::Scratch::new(&settings.temp, "add")?;
    let root = scratch.path();
    let Proposal {
        version,
        sums,
        recipe,
        ..
    } = proposal;
    let name = &request.name;
    fs::write_atomic(
        root.join("versions.yml"),
        format!("versions: {{{name}: \"{version}\"}}\n").as_bytes(),
    )?;
    OwnFolder::create(root, Utf8Path::new("subsystems").join(name))?
        .write_atomic("recipe.yml", recipe.as_bytes())?;
    let project = Project::load(root, user)?;
    for (platform, wanted) in coordinates {
        let original = project
            .subsystems
            .get(name)
            .map(|subsystem| subsystem.original(platform))
            .transpose()?
            .flatten();
        let sums = sums
            .get(platform)
            .map(|name| checksum(&request.source, name));
        if original
            .is_none_or(|original| original.coordinate != *wanted || original.checksum != sums)
        {
            return Err(Error::failed(format!(
                "no template was found that renders to {} for {platform}",
                origin::describe(wanted)
            ))
            .hint("write the recipe by hand, and report this release as a bug"));
        }
    }
    Ok(())
}
