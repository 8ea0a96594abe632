//! `collect`: lays out originals in `.collection`, to hand them on.
//!
//! ```text
//! .collection/binaries/<name>/<version>/<platform>/<binary>[.exe]
//! .collection/binaries/<name>/<version>/manifest.json      the files of that version
//! .collection/binaries/<name>/manifest.json                a copy for the newest collected version
//! .collection/metadata/collection-report.json              the results of the last run
//! ```
//!
//! The folder of a tree has everything that the archive has, and a stamp `.version`, which lists its links and modes.

mod check;
mod report;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::acquire::request::Request;
use crate::acquire::search::{self, End, Searched};
use crate::acquire::sources::{self, Taken};
use crate::context::Context;
use crate::installed::tree::{self, Links};
use crate::trust::{prove, yank};
use larder_core::error::{Error, Result};
use larder_core::file_lock::FileLock;
use larder_core::formats::stamp;
use larder_core::fs::{self, OwnFolder};
use larder_core::model::{Artifact, Origin, Outcome, Platform, Tag, Target};
use larder_core::project::{Coordinate, HubConfig, Project, Subsystem};
use larder_core::staging::{self, StagedDir};

use check::is_undamaged;
pub use check::{stated, tree_difference, tree_in};
pub use report::{choose, collect_all};

/// How often a folder is replaced where another process replaces it too, on a file system without
/// file locks.
const TRIES: usize = 16;

/// `manifest.json` of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Manifest {
    /// The subsystem.
    pub binary: String,
    /// Its version.
    pub version: String,
    /// The time at which it was collected, RFC 3339, UTC.
    pub collection_date: String,
    /// Where the originals come from.
    pub source: Source,
    /// The collected files by platform.
    pub platforms: BTreeMap<String, Item>,
    /// The team's own release of it.
    pub managed_release: ManagedRelease,
}

/// Where originals come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Source {
    /// `owner/name`, or the registry's name for the package.
    pub repo: Option<String>,
    /// The publisher's page of the release, or the file's URL.
    pub release_url: Option<String>,
}

/// The collected files of one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Item {
    /// Name of the first binary's file.
    pub filename: String,
    /// The size of that file in bytes.
    pub size: u64,
    /// The SHA-256 digest of that file.
    pub sha256: String,
    /// Whether it is an executable for that platform, or a script.
    pub executable: bool,
    /// The platform whose programs they are, if that platform runs those of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emulated: Option<Platform>,
    /// Every file, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ItemFile>,
}

/// One of several files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ItemFile {
    /// The name of the file.
    pub filename: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 digest.
    pub sha256: String,
}

/// The team's own release of a subsystem's version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ManagedRelease {
    /// `owner/name`, if the hub is on GitHub.
    pub repo: Option<String>,
    /// The tag of the release.
    pub tag: String,
    /// Whether the release is published and has assets.
    pub published: bool,
    /// The web page of the release, if it has one.
    pub url: Option<String>,
}

/// The result of collecting one target.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The target's entry in the manifest.
    pub item: Item,
    /// Whether anything was written.
    pub changed: bool,
    /// Number of bytes that were written.
    pub bytes: u64,
    /// The target's folder.
    pub place: Utf8PathBuf,
}

/// `.collection/binaries/<name>/<version>`.
fn below(subsystem: &Subsystem) -> Utf8PathBuf {
    Utf8Path::new(".collection/binaries")
        .join(&subsystem.name)
        .join(&subsystem.version)
}

fn version_dir(ctx: &Context, subsystem: &Subsystem) -> Utf8PathBuf {
    ctx.project.root.join(below(subsystem))
}

/// The path in the project of a lock for collecting.
fn lock_path(what: &str) -> String {
    let name = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
    let what: String = what
        .chars()
        .map(|c| if name(c) { c } else { '-' })
        .collect();
    format!(".larder/locks/collect-{what}")
}

/// Collects one target's original. With `missing_only`, files that are in the manifest and undamaged are kept without asking
/// any source.
pub fn collect(ctx: &Context, target: &Target, missing_only: bool) -> Result<Collected> {
    let subsystem = ctx.subsystem(target)?;
    let base = version_dir(ctx, subsystem);
    let dir = base.join(target.platform.to_string());
    let prefix = staging::prefix(&target.platform.to_string());
    ctx.cache.sweep();
    // This refuses links, so that nothing is swept elsewhere.
    if let Some(folder) = OwnFolder::open(&ctx.project.root, below(subsystem))? {
        staging::sweep(folder.path(), &prefix);
    }
    // One process collects, and those that waited find what it collected.
    let _once = FileLock::take(
        &ctx.project.root,
        lock_path(&format!("{target}-{}", subsystem.version)),
        &ctx.waiting,
    )?;
    let request = Request::new(ctx, target)?.originals_only();
    yank::check(&request)?;
    if missing_only
        && let Some(item) = read(&base)?
            .and_then(|mut manifest| manifest.platforms.remove(&target.platform.to_string()))
        && is_undamaged(&target.name, &dir, &item)?
        // A manifest says what was collected; only the lock says what it should be.
        && !prove::contradicts_lock(&request, &base)?
    {
        return Ok(Collected {
            bytes: 0,
            item,
            changed: false,
            place: dir,
        });
    }
    if request.wanted.of(Origin::Original).is_none() {
        let name = &target.name;
        return Err(Error::failed(format!(
            "`{name}` has no upstream, so there is nothing to collect"
        ))
        .hint("add `upstream:` to its recipe: `collect` takes what publishers release"));
    }
    for (artifact, entry) in sources::cache::entries(&request)? {
        let item = item_of(&artifact);
        if is_undamaged(&target.name, &dir, &item)? {
            if let Some(line) = sources::cache::lock_line(&request, &entry) {
                ctx.lock.record(&line)?;
            }
            return Ok(Collected {
                bytes: 0,
                item,
                changed: false,
                place: dir,
            });
        }
    }
    let folder = ctx.own_folder(below(subsystem))?;
    let staged = StagedDir::without_sweep(base.as_std_path(), &prefix)?;
    let entry = acquire(&request, staged.path())?.entry;
    let item = item_of(&entry.artifact);
    if is_undamaged(&target.name, &dir, &item)? {
        return Ok(Collected {
            bytes: 0,
            item,
            changed: false,
            place: dir,
        });
    }
    fs::set_mode(staged.path(), 0o755)?;
    let artifact = &entry.artifact;
    if artifact.tree.is_some() {
        tree::complete(staged.path(), artifact, Links::Archive)?;
        let stamp = stamp::render(artifact);
        fs::write_atomic(staged.path().join(stamp::FILE), stamp.as_bytes())?;
    }
    let name = staged.path().file_name().unwrap_or_default();
    if let Some(staged) = folder.folder(name)? {
        tree::flush(&staged, artifact)?;
    }
    put(&staged, &folder, &target.platform.to_string())?;
    folder.sync()?;
    Ok(Collected {
        bytes: entry.artifact.size(),
        item,
        changed: true,
        place: dir,
    })
}

/// Puts a staged folder in the place of the target's folder, if possible in one step.
fn put(staged: &StagedDir, folder: &OwnFolder, platform: &str) -> Result<()> {
    let name = staged.path().file_name().unwrap_or_default();
    let mut tries = 0;
    loop {
        // The old folder is then the staged one, which is removed.
        if folder.entry(platform)?.is_some() && folder.exchange(name, platform)? {
            return Ok(());
        }
        folder.remove(platform)?;
        tries += 1;
        match folder.rename(name, (folder, platform)) {
            Err(_) if tries < TRIES && folder.entry(platform)?.is_some() => {}
            renamed => return renamed,
        }
    }
}

/// Puts the original into an existing, empty folder, and adds it to the cache and the lock.
fn acquire(request: &Request<'_>, into: &Utf8Path) -> Result<Taken> {
    let Request {
        run: ctx, target, ..
    } = request;
    let Searched { attempts, end, .. } =
        search::search(request, |source| sources::take(request, source, into));
    match end {
        End::Found(_, Some(taken)) => {
            if let Some(line) = &taken.line {
                ctx.lock.record(line)?;
            }
            if taken.outcome != Outcome::Restored {
                ctx.cache.keep(
                    into,
                    taken.copies.as_ref().map(StagedDir::path),
                    &taken.entry,
                );
            }
            Ok(taken)
        }
        End::Found(_, None) | End::NotFound => {
            let last = attempts.into_iter().next_back();
            let reason = last.map_or_else(String::new, |attempt| attempt.answer);
            Err(Error::failed(format!("no source has an original of {target}")).cause(reason))
        }
        End::Stopped(error) => Err(error),
    }
}

fn item_of(artifact: &Artifact) -> Item {
    let all: Vec<ItemFile> = artifact
        .files
        .iter()
        .map(|file| ItemFile {
            filename: file.name.to_string(),
            size: file.size,
            sha256: file.sha256.to_string(),
        })
        .collect();
    let first = all.first().cloned().unwrap_or(ItemFile {
        filename: String::new(),
        size: 0,
        sha256: String::new(),
    });
    let files = if all.len() > 1 { all } else { Vec::new() };
    Item {
        filename: first.filename,
        size: first.size,
        sha256: first.sha256,
        executable: true,
        emulated: artifact.emulated,
        files,
    }
}

fn read(dir: &Utf8Path) -> Result<Option<Manifest>> {
    Ok(fs::read_or_absent(dir.join("manifest.json"))?
        .and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Writes the manifests of a subsystem after some of its platforms were collected. Entries of other platforms are kept if
/// their files still exist; the date changes only if something else did.
fn write_manifests(
    ctx: &Context,
    subsystem: &Subsystem,
    items: &BTreeMap<Platform, Item>,
) -> Result<Manifest> {
    let base = version_dir(ctx, subsystem);
    let managed_release = managed(ctx, subsystem);
    // Other processes add their platforms to the same manifests.
    let _alone = FileLock::take(
        &ctx.project.root,
        lock_path(subsystem.name.as_str()),
        &ctx.waiting.clone().briefly(),
    )?;
    let before = read(&base)?;
    let mut platforms: BTreeMap<String, Item> = BTreeMap::new();
    for (platform, item) in before.iter().flat_map(|manifest| &manifest.platforms) {
        if fs::lstat(base.join(platform).join(&item.filename))?.is_some() {
            platforms.insert(platform.clone(), item.clone());
        }
    }
    platforms.extend(
        items
            .iter()
            .map(|(platform, item)| (platform.to_string(), item.clone())),
    );
    let mut manifest = Manifest {
        binary: subsystem.name.to_string(),
        version: subsystem.version.to_string(),
        collection_date: jiff::Timestamp::now().to_string(),
        source: source(subsystem, items.keys().next())?,
        platforms,
        managed_release,
    };
    if let Some(before) = before {
        let same = Manifest {
            collection_date: before.collection_date.clone(),
            ..manifest.clone()
        };
        if same == before {
            manifest.collection_date = before.collection_date;
        }
    }
    write_json(
        &ctx.own_folder(below(subsystem))?,
        "manifest.json",
        &manifest,
    )?;
    let above = base.parent().unwrap_or(&base);
    let newer = |other: Manifest| {
        other
            .version
            .parse()
            .is_ok_and(|other| subsystem.version.is_older_than(&other))
    };
    // The manifest of the newest version is not replaced by that of an older one.
    if !read(above)?.is_some_and(|other| above.join(&other.version).exists() && newer(other)) {
        let above = below(subsystem);
        let above = ctx.own_folder(above.parent().unwrap_or(&above))?;
        write_json(&above, "manifest.json", &manifest)?;
    }
    Ok(manifest)
}

fn source(subsystem: &Subsystem, platform: Option<&Platform>) -> Result<Source> {
    let platform = platform
        .copied()
        .or(subsystem.platforms.first().copied())
        .unwrap_or_else(Platform::host);
    Ok(
        match subsystem
            .original(&platform)?
            .map(|original| original.coordinate)
        {
            Some(Coordinate::GitHub {
                repo,
                tag,
                asset: _,
            }) => Source {
                release_url: Some(format!("https://github.com/{repo}/releases/tag/{tag}")),
                repo: Some(repo),
            },
            Some(Coordinate::Url(url)) => Source {
                repo: None,
                release_url: Some(larder_core::redact::mask(&url).into_owned()),
            },
            Some(Coordinate::Npm { package, version }) => Source {
                repo: Some(format!("npm {package}@{version}")),
                release_url: None,
            },
            Some(Coordinate::Pypi { package, version }) => Source {
                repo: Some(format!("pypi {package}=={version}")),
                release_url: None,
            },
            None => Source {
                repo: None,
                release_url: None,
            },
        },
    )
}

/// The team's own release; it counts as not published if the hub can't be asked now.
fn managed(ctx: &Context, subsystem: &Subsystem) -> ManagedRelease {
    let tag = Tag::of(&subsystem.name, &subsystem.version);
    let release = if ctx.options.offline {
        None
    } else {
        ctx.hub()
            .ok()
            .and_then(|hub| hub.release(&tag).ok().flatten())
    };
    let published = release.is_some_and(|release| !release.draft && !release.assets.is_empty());
    let repo = match &ctx.project.hub {
        HubConfig::GitHub { repo } => Some(repo.clone()),
        HubConfig::Dir { .. }
        | HubConfig::Http { .. }
        | HubConfig::S3 { .. }
        | HubConfig::Oci { .. } => None,
    };
    let web = ctx.settings.remote.github.web.as_str();
    let page = |repo: &String| format!("{}/{repo}/releases/tag/{tag}", web.trim_end_matches('/'));
    let url = repo.as_ref().filter(|_| published).map(page);
    ManagedRelease {
        repo,
        tag: tag.to_string(),
        published,
        url,
    }
}

/// Writes a document into `.collection/metadata`, if it differs from the existing one.
pub fn write_metadata(project: &Project, name: &str, document: &impl Serialize) -> Result<()> {
    let folder = OwnFolder::create(&project.root, ".collection/metadata")?;
    write_json(&folder, name, document)
}

/// Writes a JSON file, if it differs from the existing one.
fn write_json(folder: &OwnFolder, name: &str, value: &impl Serialize) -> Result<()> {
    let path = folder.path().join(name);
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::failed(format!("cannot write {path}")).cause(e))?;
    text.push('\n');
    if fs::read_or_absent(&path)?.is_some_and(|before| before == text.as_bytes()) {
        return Ok(());
    }
    folder.write_atomic(name, text.as_bytes())
}
