//! The project's own release: the bundles of its platforms, every package, checksums, a manifest and notes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::bundle::{self, Bundled};
use super::notes::{Changes, LONGEST, changes};
use super::package::{Packaged, Pins, package};
use crate::changelog::{FETCH_HINT, shortened};
use crate::context::Context;
use crate::ensure::{Ensured, ensure};
use crate::events::{Did, Event, Level};
use crate::plan::{Plan, Platforms, Selection, Targets};
use crate::runner::Limits;
use larder_core::error::{Error, Result};
use larder_core::model::{Action, AssetName, Digest, Outcome, Platform, Tag};
use larder_remote::hub::derived::{CHECKSUMS, MANIFEST};
use larder_remote::hub::{CHANGES, LocalFile, PlainFile, PublishOptions, Published, Receipt};

/// Releases the project: ensures all subsystems, packages and bundles them, and publishes everything under a tag.
pub fn release(
    ctx: &Arc<Context>,
    tag: &Tag,
    platforms: &Platforms,
    limits: Limits,
    options: PublishOptions,
) -> Result<Ensured> {
    check_tag(ctx, tag)?;
    ctx.publisher()?;
    let list = platforms.list(&ctx.project);
    let plan = Plan::new(&ctx.project, &Selection::All, platforms);
    let steps = plan.goals().len() + list.len() + 1;
    ctx.events
        .started(Action::Release, steps, plan.known_goals(&ctx.project));
    let mut ensured = ensure(ctx, &plan, limits);
    if ensured.errors.is_empty() {
        let start = Instant::now();
        let mut did = Did::new(Action::Release, tag.as_str(), Outcome::Failed);
        match pack_and_publish(ctx, tag, platforms, limits, options) {
            Ok((outcome, place)) => (did.outcome, did.place) = (outcome, place),
            Err(error) => {
                did.error = Some(error.clone());
                ensured.errors.push(error);
            }
        }
        did.seconds = start.elapsed().as_secs_f64();
        ctx.events.send(Event::Did(did));
    }
    Ok(ensured)
}

/// Packages, bundles and publishes. Returns the outcome and the address of the release.
fn pack_and_publish(
    ctx: &Context,
    tag: &Tag,
    platforms: &Platforms,
    limits: Limits,
    options: PublishOptions,
) -> Result<(Outcome, Option<String>)> {
    let targets = Targets::new(&ctx.project, &Selection::All, platforms);
    let packages = targets
        .existing()
        .map(|target| package(ctx, target, Pins::Hold))
        .collect::<Result<Vec<_>>>()?;
    let list = platforms.list(&ctx.project);
    let bundles = bundle::write_all(ctx, &list, limits.jobs)
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let bundles: Vec<_> = list.into_iter().zip(bundles).collect();
    let receipt = publish(ctx, tag, &bundles, &packages, options)?;
    let wrote = receipt
        .assets
        .iter()
        .any(|(_, published)| *published != Published::Present);
    let place = receipt
        .url
        .or_else(|| Some(format!("{}/{tag}", ctx.hub().ok()?.describe())));
    Ok((
        if wrote {
            Outcome::Released
        } else {
            Outcome::UpToDate
        },
        place,
    ))
}

/// Refuses a tag that looks like the tag of a subsystem's release.
fn check_tag(ctx: &Context, tag: &Tag) -> Result<()> {
    match ctx
        .project
        .subsystems
        .values()
        .find(|s| tag.as_str().starts_with(&format!("{}-", s.name)))
    {
        None => Ok(()),
        Some(s) => Err(Error::usage(format!(
            "`{tag}` can't be the project's tag: releases of `{}` are named like that",
            s.name
        ))
        .hint("use a tag such as v1.0.0")),
    }
}

/// Publishes all files under a tag. The same files give the same checksums, manifest and notes.
fn publish(
    ctx: &Context,
    tag: &Tag,
    bundles: &[(Platform, Bundled)],
    packages: &[Packaged],
    options: PublishOptions,
) -> Result<Receipt> {
    let dir = ctx.own_folder(format!(".larder/project/{tag}"))?;
    let bundled = bundles.iter().map(|(_, bundle)| LocalFile {
        name: bundle.name.clone(),
        path: bundle.file.clone(),
        sha256: bundle.sha256,
        size: bundle.size,
    });
    let packaged = packages.iter().map(|package| LocalFile {
        name: package.asset.clone(),
        path: package.file.clone(),
        sha256: package.sidecar.sha256,
        size: package.sidecar.size,
    });
    let mut files: Vec<LocalFile> = bundled.chain(packaged).collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let mut checksums = String::new();
    for LocalFile { name, sha256, .. } in &files {
        let _ = writeln!(checksums, "{sha256}  {name}");
    }
    let manifest = format!("{:#}\n", manifest(ctx, tag, bundles, packages));
    for (name, text) in [(CHECKSUMS, checksums), (MANIFEST, manifest)] {
        let path = dir.path().join(name);
        dir.write_atomic(name, text.as_bytes())?;
        files.push(LocalFile {
            name: name.parse()?,
            path,
            sha256: Digest::of(text.as_bytes()),
            size: text.len() as u64,
        });
    }
    let plain: Vec<PlainFile<'_>> = files.iter().map(LocalFile::plain).collect();
    ctx.publisher()?
        .publish_project(tag, &plain, &notes(ctx, packages), options, &|_| {})
}

fn manifest(
    ctx: &Context,
    tag: &Tag,
    bundles: &[(Platform, Bundled)],
    packages: &[Packaged],
) -> Value {
    let file = |name: &AssetName, size: u64, sha256: &Digest| json!({"filename": name.as_str(), "size": size, "sha256": sha256.to_string()});
    let bundled: BTreeMap<String, Value> = bundles
        .iter()
        .map(|(platform, b)| (platform.to_string(), file(&b.name, b.size, &b.sha256)))
        .collect();
    let mut binaries: BTreeMap<&str, (String, Map<String, Value>)> = BTreeMap::new();
    for Packaged {
        asset,
        file: _,
        sidecar,
        up_to_date: _,
    } in packages
    {
        let content = &sidecar.content;
        let mut shown = file(asset, sidecar.size, &sidecar.sha256);
        shown["executable"] = content
            .files
            .iter()
            .any(|file| file.mode & 0o111 != 0)
            .into();
        shown["origin"] = content.origin.as_str().into();
        shown["inputs"] = content.inputs.to_string().into();
        shown["artifact"] = sidecar.artifact.to_string().into();
        let entry = binaries
            .entry(content.name.as_str())
            .or_insert_with(|| (content.version.to_string(), Map::new()));
        entry.1.insert(content.platform.to_string(), shown);
    }
    let binaries: Map<String, Value> = binaries
        .into_iter()
        .map(|(name, (version, platforms))| {
            (
                name.to_owned(),
                json!({"version": version, "platforms": platforms}),
            )
        })
        .collect();
    json!({"project": ctx.project.name, "tag": tag.as_str(), "bundles": bundled, "binaries": binaries})
}

/// The release notes: a table of the packages, and what has changed in each subsystem since the
/// version before it.
fn notes(ctx: &Context, packages: &[Packaged]) -> String {
    let mut rows: BTreeMap<&str, (&str, Vec<String>)> = BTreeMap::new();
    for package in packages {
        let content = &package.sidecar.content;
        let row = rows
            .entry(content.name.as_str())
            .or_insert_with(|| (content.version.as_str(), Vec::new()));
        row.1
            .push(format!("{} ({})", content.platform, content.origin));
    }
    let mut text = format!(
        "{}, with:\n\n| subsystem | version | platforms |\n|---|---|---|\n",
        ctx.project.name
    );
    for (name, (version, mut platforms)) in rows {
        platforms.sort();
        let _ = writeln!(text, "| {name} | {version} | {} |", platforms.join(", "));
    }
    let sections = all_changes(ctx, packages);
    if !sections.is_empty() {
        text += CHANGES;
        text += &shortened(&sections, LONGEST);
    }
    text
}

/// A section for each subsystem that has changed.
fn all_changes(ctx: &Context, packages: &[Packaged]) -> String {
    let mut text = String::new();
    let mut names: Vec<_> = packages
        .iter()
        .map(|package| &package.sidecar.content.name)
        .collect();
    names.sort();
    names.dedup();
    for name in names {
        let Some(subsystem) = ctx.project.subsystems.get(name) else {
            continue;
        };
        match changes(ctx, subsystem) {
            Ok(Changes::Text { title, text: list }) => {
                let _ = write!(
                    text,
                    "\n### {name} {}: {}\n\n{}\n",
                    subsystem.version,
                    title.to_lowercase(),
                    list.trim()
                );
            }
            Ok(Changes::Nothing) => {}
            // A release never fails because of its notes.
            Ok(Changes::Incomplete) => {
                let note = format!("the notes list no changes of {name}: {FETCH_HINT}");
                ctx.events.note(None, Level::Info, note);
            }
            Err(error) => {
                let note = format!("the notes list no changes of {name}: {error}");
                ctx.events.note(None, Level::Warning, note);
            }
        }
    }
    text
}
