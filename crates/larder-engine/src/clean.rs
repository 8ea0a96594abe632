//! `clean`: removes installed sets and packages, as in a fresh checkout. The cache, the hub and the lock are never removed.

use camino::{Utf8Path, Utf8PathBuf};

use crate::acquire::lock_target;
use crate::context::Context;
use crate::events::{Did, Event};
use crate::installed::Bin;
use crate::plan::{Selected, Selection, Targets};
use crate::runner::each::{StepReport, each};
use larder_core::error::{Error, Result};
use larder_core::fs::{self, Entry, OwnFolder};
use larder_core::human;
use larder_core::model::{Action, FileName, Name, Outcome, Platform, is_short_hex};
use larder_core::project::{HubConfig, Project};

/// What was removed, or what a dry run would remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cleaned {
    /// Whether anything existed.
    any: bool,
    /// Bytes of files, links not followed.
    bytes: u64,
}

/// Removes the installed sets and packages of some subsystems; for `all` also those of removed subsystems. Reports events
/// and returns every failure.
pub fn clean_all(ctx: &Context, selection: &Selection) -> Result<Vec<Error>> {
    let report = |cleaned: Cleaned| match (cleaned.any, ctx.options.dry_run) {
        (false, _) => (Outcome::UpToDate, None),
        (true, false) => (Outcome::Cleaned, None),
        (true, true) => (
            Outcome::Skipped,
            Some(format!("{} would be removed", human::bytes(cleaned.bytes))),
        ),
    };
    if *selection == Selection::All {
        let cleaned = clean_rest(ctx)?;
        let (outcome, reason) = report(cleaned);
        ctx.events.send(Event::Did(Did {
            reason,
            bytes: cleaned.bytes,
            dry_run: ctx.options.dry_run && cleaned.any,
            ..Did::new(Action::Clean, ".dist", outcome)
        }));
    }
    // One target stands for all platforms of a subsystem, even if it does not exist for the host.
    let targets: Targets = selection
        .subsystems(&ctx.project)
        .into_iter()
        .map(|subsystem| Selected {
            target: ctx.project.host_target(&subsystem.name),
            version: subsystem.version.clone(),
            absent: None,
        })
        .collect();
    Ok(each(ctx, Action::Clean, &targets, None, |target| {
        let cleaned = clean(ctx, &target.name)?;
        let (outcome, reason) = report(cleaned);
        Ok(StepReport {
            bytes: cleaned.bytes,
            reason,
            ..StepReport::new(outcome)
        })
    }))
}

/// Removes a subsystem's installed sets for all platforms and its packages in `.dist`.
fn clean(ctx: &Context, name: &Name) -> Result<Cleaned> {
    let host = ctx.project.host_target(name);
    let Some(subsystem) = ctx.project.subsystems.get(name) else {
        return Err(Error::usage(format!("no subsystem is called `{name}`")));
    };
    let dist = OwnFolder::open(&ctx.project.root, ".dist")?;
    let mut packages = dist.as_ref().map_or(Ok(Vec::new()), OwnFolder::list)?;
    packages.retain(|file| is_package(file, &subsystem.package.name));
    let bin = ctx.bin(&host);
    let mut cleaned = Cleaned::default();
    if bin.is_ours()? {
        cleaned.add(measure(bin.dir())?);
    }
    for package in dist
        .iter()
        .flat_map(|dist| packages.iter().map(|file| dist.path().join(file)))
    {
        cleaned.add(measure(&package)?);
    }
    if ctx.options.dry_run || !cleaned.any {
        return Ok(cleaned);
    }
    let _held = lock_target(ctx, &host)?;
    bin.clean()?;
    if let Some(dist) = dist {
        for package in &packages {
            dist.remove_file(package)?;
        }
    }
    Ok(cleaned)
}

/// Removes all of `.dist`, and the installed sets in folders that no longer belong to a subsystem.
fn clean_rest(ctx: &Context) -> Result<Cleaned> {
    let project = &ctx.project;
    let dist = dist(project)?;
    let root = OwnFolder::create(&project.root, "")?;
    let mut cleaned = measure(&dist)?;
    if root.entry(".dist")? == Some(Entry::Link) {
        // Opening it gives the error that names the link.
        root.folder(".dist")?;
    }
    if !ctx.options.dry_run {
        root.remove(".dist")?;
    }
    for bin in unpinned(project)? {
        cleaned.add(measure(bin.dir())?);
        if !ctx.options.dry_run {
            bin.clean()?;
        }
    }
    Ok(cleaned)
}

/// The installed sets in folders beside those of the subsystems. A folder that is reached through a
/// link is not entered: nothing in the project says that larder ever installed anything there.
fn unpinned(project: &Project) -> Result<Vec<Bin>> {
    let below = project.subsystems_dir.strip_prefix(&project.root);
    let folder = match below {
        Ok(below) => OwnFolder::open(&project.root, below),
        Err(_) => OwnFolder::open(&project.subsystems_dir, ""),
    };
    // The subsystems' own folders may be links, so that of all of them may be one, too.
    let Ok(Some(folder)) = folder else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for name in folder.list()? {
        let Ok(name) = name.parse::<Name>() else {
            continue;
        };
        if project.subsystems.contains_key(&name)
            || folder.entry(name.as_str())? != Some(Entry::Folder)
        {
            continue;
        }
        let host = Platform::host();
        let bin = Bin::new(&name, &folder.path().join(&name), &host, &host);
        // A `.bin` that can't be opened, such as a link, is none of larder's.
        if bin.is_ours().unwrap_or(false) {
            found.push(bin);
        }
    }
    Ok(found)
}

/// The path of `.dist`; an error if removing it would remove the hub.
fn dist(project: &Project) -> Result<Utf8PathBuf> {
    let dist = project.root.join(".dist");
    if let HubConfig::Dir {
        path,
        written: _,
        default: _,
    } = &project.hub
        && (path.starts_with(&dist) || dist.starts_with(path))
    {
        return Err(Error::usage(format!(
            "can't remove .dist: the hub {path} is in it, or contains it"
        ))
        .hint("`clean all` never removes the hub: move the hub to another folder"));
    }
    Ok(dist)
}

impl Cleaned {
    fn add(&mut self, other: Self) {
        self.any |= other.any;
        self.bytes += other.bytes;
    }
}

/// The size of a file or folder; links are not followed.
fn measure(path: &Utf8Path) -> Result<Cleaned> {
    let Some(meta) = fs::lstat(path)? else {
        return Ok(Cleaned::default());
    };
    let mut cleaned = Cleaned {
        any: true,
        bytes: if meta.is_file() { meta.len() } else { 0 },
    };
    if meta.is_dir() {
        for name in fs::list(path)? {
            cleaned.add(measure(&path.join(name))?);
        }
    }
    Ok(cleaned)
}

/// Whether a file in `.dist` is a package with that stem or the sidecar of one:
/// `<stem>-<platform>[-<12 hex>].<extension>[.json]`.
fn is_package(file: &str, stem: &FileName) -> bool {
    let file = file.strip_suffix(".json").unwrap_or(file);
    let archive = [".tar.gz", ".tar.zst", ".zip"]
        .into_iter()
        .find_map(|extension| file.strip_suffix(extension));
    let rest = archive.and_then(|file| file.strip_prefix(stem.as_str())?.strip_prefix('-'));
    let is_platform = |text: &str| {
        text.parse::<Platform>()
            .is_ok_and(|platform| platform.to_string() == text)
    };
    let Some(rest) = rest else { return false };
    let suffixed = rest.rsplit_once('-').filter(|(_, hex)| is_short_hex(hex));
    is_platform(rest) || suffixed.is_some_and(|(platform, _)| is_platform(platform))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_stems_own_packages_are_its_packages() {
        let stem: FileName = "nats".parse().unwrap();
        for ours in [
            "nats-linux-amd64.tar.gz",
            "nats-linux-amd64.tar.gz.json",
            "nats-linux-amd64-musl.tar.zst",
            "nats-windows-arm64.zip",
            "nats-darwin-arm64-3f2a9c01d2e4.tar.gz.json",
        ] {
            assert!(is_package(ours, &stem), "{ours}");
        }
        for other in [
            "nats-server-linux-amd64.tar.gz",
            "nats.tar.gz",
            "natsx-linux-amd64.tar.gz",
            "nats-linux-amd64.txt",
            "nats-linux-amd64-3f2a.tar.gz",
            "checksums.txt",
            "nats-linux-x86_64.tar.gz",
        ] {
            assert!(!is_package(other, &stem), "{other}");
        }
    }
}
