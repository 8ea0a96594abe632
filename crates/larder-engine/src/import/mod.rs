//! A new subsystem from what its publisher releases: which assets there are, what is in one of them, and the recipe that
//! says so. Nothing is written before all of it is right.
//!
//! 1. The release's assets are listed, or what lies beside a url is asked for; `guess` makes templates of their
//!    names.
//! 2. One asset, the host's where there is one, is downloaded, held to the publisher's digests, and looked into: what
//!    programs it holds decides `binaries` and whether `extract` is needed.
//! 3. The recipe is read back as any other, and must render to exactly the assets that were seen.
//! 4. Recipe and version are written; a project that would not be right with them is left as it was.

mod guess;
mod inside;
mod published;
mod recipe;
mod wish;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::documents::AddDocument;
use larder_core::fs;
use larder_core::model::{FileName, Name, Platform, Version};
use larder_core::project::user::UserConfig;
use larder_core::project::{Checksum, Coordinate, Original, Project, edit};
use larder_remote::RemoteSettings;
use larder_remote::origin::{self, About, Listing, Publishers};

use guess::{Guess, Sums, guess};

use inside::Inside;

pub use wish::{Source, Wish};

/// What was found, and what was written of it.
pub fn document(wish: &Wish, proposal: Proposal, written: Vec<String>) -> AddDocument {
    let Proposal {
        version,
        tag,
        assets,
        missing,
        checksums,
        silent: _,
        binaries,
        seen,
        recipe,
    } = proposal;
    AddDocument {
        name: wish.name.clone(),
        version,
        source: wish.source.to_string(),
        tag,
        binaries: binaries.iter().map(ToString::to_string).collect(),
        assets: assets
            .into_iter()
            .map(|(platform, asset)| (platform.to_string(), asset))
            .collect(),
        missing,
        checksums,
        seen,
        recipe,
        written,
    }
}

/// What would be written, and what it was concluded from.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The version to pin.
    pub version: Version,
    /// The release's tag, on GitHub.
    pub tag: Option<String>,
    /// The asset, or the url, for each platform.
    pub assets: BTreeMap<Platform, String>,
    /// Platforms that no asset is for.
    pub missing: Vec<Platform>,
    /// The file that states digests; none where nobody does.
    pub checksums: Option<String>,
    /// Files that look as if they did, and do not speak of what was looked into.
    pub silent: Vec<String>,
    /// Its binaries.
    pub binaries: Vec<FileName>,
    /// The platform whose asset was looked into.
    pub seen: Platform,
    /// Text of the recipe.
    pub recipe: String,
}

/// What was announced, before anything is concluded from it.
struct Announced {
    version: Version,
    /// The release's tag and the template of tags.
    tag: Option<(String, String)>,
    /// Names, or urls.
    assets: Vec<String>,
    about: About,
}

/// Everything a recipe is written from.
struct Findings<'a> {
    wish: &'a Wish,
    announced: Announced,
    guess: Guess,
    sums: Option<Sums>,
    inside: Inside,
    missing: Vec<Platform>,
}

/// Asks, looks, and proposes. Nothing is written.
pub fn propose(
    publishers: Publishers<'_>,
    wish: &Wish,
    user: &UserConfig,
    cancel: &Cancel,
) -> Result<Proposal> {
    let announced = match &wish.source {
        Source::GitHub(repo) => github(publishers, repo, wish.version.as_deref())?,
        Source::Url(url) => published::announced(publishers.client, url, wish, cancel)?,
    };
    let Announced {
        version,
        tag: _,
        assets,
        about: _,
    } = &announced;
    let names = [wish.name.as_str(), wish.source.word()];
    let guess = guess(assets, version, &wish.platforms, &names).ok_or_else(|| {
        let error = Error::failed(format!(
            "{} {version} has no asset that looks like a program for us",
            wish.source
        ));
        match assets.len() {
            0 => error.hint("the release has no assets at all"),
            n => error.hint(format!(
                "it has {n}: {}",
                assets
                    .iter()
                    .take(12)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    })?;
    let host = Platform::host();
    let seen = if guess.assets.contains_key(&host) {
        host
    } else {
        *guess.assets.keys().next().unwrap_or(&host)
    };
    let (inside, sums, silent) = look(publishers, wish, &announced, &guess, seen, cancel)?;
    let missing = wish
        .platforms
        .iter()
        .copied()
        .filter(|platform| !guess.assets.contains_key(platform))
        .collect();
    let findings = Findings {
        wish,
        announced,
        guess,
        sums,
        inside,
        missing,
    };
    let recipe = recipe::text(&findings);
    let Findings {
        wish: _,
        announced,
        guess,
        sums,
        inside,
        missing,
    } = findings;
    let proposal = Proposal {
        version: announced.version,
        tag: announced.tag.map(|(tag, _)| tag),
        assets: guess.assets,
        missing,
        checksums: sums.map(|sums| match sums {
            Sums::One { name, .. } => name,
            Sums::Each(ending) => format!("<asset>{ending}"),
        }),
        silent,
        binaries: inside.binaries,
        seen,
        recipe,
    };
    check(publishers.settings, wish, user, &proposal)?;
    Ok(proposal)
}

/// A release on GitHub.
fn github(publishers: Publishers<'_>, repo: &str, version: Option<&str>) -> Result<Announced> {
    let listing = Listing::new(publishers, repo)?;
    let release = listing.release(version)?;
    let (version, template) = origin::version_in(&release.tag);
    // What it says of itself is only nice to have.
    let about = listing.about().or_else(|error| match error.kind() {
        Kind::Interrupted(_) => Err(error),
        _ => Ok(About::default()),
    })?;
    Ok(Announced {
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

/// Where an asset is.
fn coordinate(source: &Source, tag: Option<&str>, asset: &str) -> Coordinate {
    match source {
        Source::GitHub(repo) => Coordinate::GitHub {
            repo: repo.clone(),
            tag: tag.unwrap_or_default().to_owned(),
            asset: asset.to_owned(),
        },
        Source::Url(_) => Coordinate::Url(asset.to_owned()),
    }
}

/// Looks into a platform's asset, held to the first of the publisher's checksums files that speaks of it.
fn look(
    publishers: Publishers<'_>,
    wish: &Wish,
    announced: &Announced,
    guess: &Guess,
    platform: Platform,
    cancel: &Cancel,
) -> Result<(Inside, Option<Sums>, Vec<String>)> {
    let mut silent = Vec::new();
    let asset = &guess.assets[&platform];
    let name = |sums: &Sums| match sums {
        Sums::One { name, .. } => name.clone(),
        Sums::Each(ending) => format!("{asset}{ending}"),
    };
    let of = |sums: &Sums| match wish.source {
        Source::GitHub(_) => Checksum::Asset(name(sums)),
        Source::Url(_) => Checksum::Url(name(sums)),
    };
    for sums in guess.checksums.iter().map(Some).chain([None]) {
        cancel.check()?;
        let tag = announced.tag.as_ref().map(|(tag, _)| tag.as_str());
        let coordinate = coordinate(&wish.source, tag, asset);
        let original = Original {
            coordinate,
            checksum: sums.map(of),
            extract: Vec::new(),
        };
        match origin::fetch(publishers, &original, platform, true, cancel) {
            Ok(Some(fetched)) => {
                let inside = inside::look(
                    fetched,
                    publishers.settings,
                    wish,
                    &announced.version,
                    guess,
                    platform,
                    cancel,
                )?;
                return Ok((inside, sums.cloned(), silent));
            }
            Ok(None) => {
                return Err(Error::failed(format!(
                    "{asset} is announced, but is not there"
                )));
            }
            // A file that is none of digests, or of others.
            Err(error) if sums.is_some() && error.kind() == Kind::Failed => {
                silent.extend(sums.map(name));
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::failed(format!("{asset} could not be looked into")))
}

/// Reads the recipe as any other: it must name what was seen.
fn check(
    settings: &RemoteSettings,
    wish: &Wish,
    user: &UserConfig,
    proposal: &Proposal,
) -> Result<()> {
    let scratch = fs::Scratch::new(&settings.temp, "add")?;
    let root = scratch.path();
    let Proposal {
        version,
        tag,
        assets,
        recipe,
        ..
    } = proposal;
    let name = &wish.name;
    fs::write_atomic(
        root.join("versions.yml"),
        format!("versions: {{{name}: \"{version}\"}}\n").as_bytes(),
    )?;
    write_recipe(&root.join("subsystems").join(name), recipe)?;
    let project = Project::load(root, user)?;
    for (platform, asset) in assets {
        let wanted = coordinate(&wish.source, tag.as_deref(), asset);
        let original = project
            .subsystems
            .get(name)
            .map(|subsystem| subsystem.original(platform))
            .transpose()?
            .flatten();
        if original.is_none_or(|original| original.coordinate != wanted) {
            return Err(Error::failed(format!(
                "no template was found that names {asset} for {platform}"
            ))
            .hint("write the recipe by hand, and tell us of the release"));
        }
    }
    Ok(())
}

/// Writes the recipe and pins the version; gives the files. A project that would not be right with them stays as it was.
pub fn write(
    project: &Project,
    user: &UserConfig,
    name: &Name,
    proposal: &Proposal,
) -> Result<Vec<Utf8PathBuf>> {
    let versions = project.root.join("versions.yml");
    let changed = edit::add_version(&fs::read_text(&versions)?, name, &proposal.version)?;
    let folder = project.subsystems_dir.join(name);
    let made = folder
        .ancestors()
        .take_while(|path| !path.exists())
        .last()
        .map(Utf8Path::to_owned);
    let recipe = folder.join("recipe.yml");
    if fs::lstat(&recipe)?.is_some() {
        return Err(Error::usage(format!("{recipe} is there already"))
            .hint("choose another name, or remove it"));
    }
    let written = write_recipe(&folder, &proposal.recipe)
        .and_then(|()| Project::load_as_if(&project.root, &changed, user).map(drop))
        .and_then(|()| fs::rewrite(&versions, changed.as_bytes()));
    match written {
        Ok(()) => Ok(vec![recipe, versions]),
        Err(error) => {
            // There is an error to be told already.
            let _ = match made {
                Some(made) => fs::remove_dir_all(made),
                None => fs::remove_file(&recipe),
            };
            Err(error)
        }
    }
}

fn write_recipe(folder: &Utf8Path, text: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write_atomic(folder.join("recipe.yml"), text.as_bytes())
}
