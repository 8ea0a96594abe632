//! Packs everything that is installed for a platform into one archive in `.dist`.
//!
//! ```text
//! nats-server telegraf …        binaries of all subsystems, at the top
//! .versions/nats                each subsystem's stamp, a copy of `.bin/.version`
//! share/nats/LICENSE            the recipes' included files
//! ```
//!
//! The same installed artifacts give the same archive, byte for byte. The stamps are its only table of contents.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use camino::Utf8PathBuf;

use super::package::{self, Pins};
use crate::acquire::admission::Admitted;
use crate::context::Context;
use crate::ensure::{Ensured, ensure};
use crate::events::{Did, Event};
use crate::plan::{Plan, Platforms, Selection};
use crate::runner::Limits;
use crate::runner::each::{at_once, parallel};
use larder_core::archive::{self, Content, PackEntry};
use larder_core::error::{Error, Result};
use larder_core::formats::stamp;
use larder_core::fs::{self, IoContext};
use larder_core::keys::tree;
use larder_core::model::{
    Action, AssetName, Digest, Name, Outcome, PackageFormat, Platform, Target,
};
use larder_core::project::{Project, Subsystem};
use larder_core::staging::{self, StagedFile};

/// A bundle in `.dist`.
#[derive(Clone, Debug)]
pub struct Bundled {
    /// Its name.
    pub name: AssetName,
    /// The archive.
    pub file: Utf8PathBuf,
    /// Digest of the archive.
    pub sha256: Digest,
    /// Bytes of the archive.
    pub size: u64,
    /// Number of subsystems in it.
    pub members: usize,
    /// The same archive existed already.
    pub up_to_date: bool,
}

/// The subsystems that a platform's bundle holds, sorted by name.
pub fn members(project: &Project, platform: Platform) -> Vec<&Subsystem> {
    let wanted = |s: &&Subsystem| {
        s.platforms.contains(&platform) && !project.bundle.exclude.contains(&s.name)
    };
    project.subsystems.values().filter(wanted).collect()
}

/// Name of a platform's bundle. It is an error if a subsystem's package has the same name.
pub fn name(project: &Project, platform: Platform) -> Result<AssetName> {
    let format = PackageFormat::default_for(&platform);
    let name = AssetName::of(&project.bundle.name, &platform, format.extension(), None);
    let taken = project
        .subsystems
        .values()
        .find(|s| s.platforms.contains(&platform) && s.assets(&platform).asset() == name);
    match taken {
        None => Ok(name),
        Some(subsystem) => Err(Error::usage(format!(
            "the bundle {name} has the same name as the package of `{}`",
            subsystem.name
        ))
        .hint("set another name for the bundle in versions.yml: `bundle: {name: …}`")),
    }
}

/// Ensures the subsystems in the bundles of some platforms, then writes the bundles.
pub fn bundle_all(ctx: &Arc<Context>, platforms: &Platforms, limits: Limits) -> Result<Ensured> {
    let project = &ctx.project;
    let platforms = platforms.list(project);
    for platform in &platforms {
        name(project, *platform)?;
    }
    let mut plan = Plan::default();
    for platform in &platforms {
        let members = members(project, *platform)
            .iter()
            .map(|member| member.name.clone())
            .collect();
        plan.add(
            project,
            &Selection::Names(members),
            &Platforms::List(vec![*platform]),
        );
    }
    let steps = plan.goals().len() + platforms.len();
    ctx.events
        .started(Action::Bundle, steps, plan.known_goals(project));
    let mut ensured = ensure(ctx, &plan, limits);
    if ensured.errors.is_empty() {
        let bundled = write_all(ctx, &platforms, limits.jobs).into_iter();
        ensured.errors.extend(bundled.filter_map(Result::err));
    }
    Ok(ensured)
}

/// Bundles each platform and reports each as an event. A dry run only reports, so its result is empty.
pub(super) fn write_all(
    ctx: &Context,
    platforms: &[Platform],
    jobs: Option<NonZeroUsize>,
) -> Vec<Result<Bundled>> {
    let one = |platform: &Platform| {
        let start = Instant::now();
        let mut did = Did::new(
            Action::Bundle,
            format!("bundle for {platform}"),
            Outcome::Skipped,
        );
        did.platform = Some(*platform);
        let result = if ctx.options.dry_run {
            did.reason = Some("would be bundled".into());
            did.dry_run = true;
            None
        } else {
            Some(ctx.cancel.check().and_then(|()| bundle(ctx, *platform)))
        };
        match &result {
            Some(Ok(bundled)) => {
                did.subject = bundled.name.to_string();
                did.outcome = if bundled.up_to_date {
                    Outcome::UpToDate
                } else {
                    Outcome::Packaged
                };
                did.bytes = bundled.size;
                did.place = Some(ctx.project.relative(&bundled.file));
                did.reason = Some(format!(
                    "{} subsystem{}",
                    bundled.members,
                    if bundled.members == 1 { "" } else { "s" }
                ));
            }
            Some(Err(error)) => {
                did.outcome = Outcome::Failed;
                did.error = Some(error.clone());
            }
            None => {}
        }
        did.seconds = start.elapsed().as_secs_f64();
        ctx.events.send(Event::Did(did));
        result
    };
    let results = parallel(platforms, at_once(Action::Bundle, jobs), one);
    results.into_iter().flatten().collect()
}

/// Bundles the installed sets of a platform. All of them must be installed, undamaged and up to date.
pub fn bundle(ctx: &Context, platform: Platform) -> Result<Bundled> {
    let name = name(&ctx.project, platform)?;
    let members = members(&ctx.project, platform);
    if members.is_empty() {
        let error = Error::usage(format!("there is nothing to bundle for {platform}"));
        let exists = |s: &Subsystem| s.platforms.contains(&platform);
        return Err(if ctx.project.subsystems.values().any(exists) {
            error.hint("`bundle.exclude` leaves out every subsystem that exists for this platform")
        } else {
            error
                .cause(format!("no subsystem exists for {platform}"))
                .hint(format!("add {platform} to `platforms` in versions.yml"))
        });
    }
    let artifacts = members
        .iter()
        .map(|subsystem| installed(ctx, subsystem, platform))
        .collect::<Result<Vec<_>>>()?;
    let mut files: Vec<(String, u32, u64, Utf8PathBuf)> = Vec::new();
    let mut owners: BTreeMap<String, &Name> = BTreeMap::new();
    for (subsystem, artifact) in members.iter().zip(&artifacts) {
        let bin = ctx.bin(&Target {
            name: subsystem.name.clone(),
            platform,
        });
        for (index, file) in artifact.files.iter().enumerate() {
            let name = if index < subsystem.binaries_on(&platform).len() {
                file.name.to_string()
            } else {
                format!("share/{}/{}", subsystem.name, file.name)
            };
            if let Some(other) = owners.insert(name.clone(), &subsystem.name) {
                return Err(Error::usage(format!(
                    "`{other}` and `{}` both have a binary `{name}`",
                    subsystem.name
                ))
                .hint("exclude one of them: `bundle: {exclude: […]}`"));
            }
            files.push((name, file.mode, file.size, bin.file(file.name.as_str())));
        }
    }
    let stamps: Vec<(String, String)> = artifacts
        .iter()
        .map(|artifact| {
            (
                format!(".versions/{}", artifact.name),
                stamp::render(artifact),
            )
        })
        .collect();
    let binaries = files.iter().map(|(name, mode, size, path)| PackEntry {
        name,
        mode: *mode,
        size: *size,
        content: Content::File(path),
    });
    let texts = stamps.iter().map(|(name, text)| PackEntry {
        name,
        mode: 0o644,
        size: text.len() as u64,
        content: Content::Bytes(text.as_bytes()),
    });
    let entries: Vec<PackEntry<'_>> = binaries.chain(texts).collect();
    let folder = ctx.own_folder(".dist")?;
    let dist = folder.path().to_owned();
    let file = dist.join(&name);
    let staged = StagedFile::new(&dist, &staging::prefix(name.as_str()))?;
    let mut out = BufWriter::new(staged.file());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let packed = archive::pack(
        PackageFormat::default_for(&platform),
        &entries,
        &mut out,
        threads,
        &ctx.cancel,
        &|_| {},
    )?;
    out.flush().at("write", &file)?;
    drop(out);
    let same = fs::stat(&file)?.is_some_and(|meta| meta.len() == packed.size)
        && tree::hash_file(&file)?.0 == packed.sha256;
    if !same {
        staged.flush(0o644)?;
        staged.rename_over(&file)?;
        folder.sync()?;
    }
    Ok(Bundled {
        name,
        file,
        sha256: packed.sha256,
        size: packed.size,
        members: members.len(),
        up_to_date: same,
    })
}

fn installed(ctx: &Context, subsystem: &Subsystem, platform: Platform) -> Result<Admitted> {
    let target = Target {
        name: subsystem.name.clone(),
        platform,
    };
    let bin = ctx.bin(&target);
    let artifact = package::wanted_and_installed(ctx, &target, &bin, Pins::Hold)?;
    match bin.damage(&artifact)? {
        None => Ok(artifact),
        Some(damage) => Err(package::damaged(&target, &damage)),
    }
}
