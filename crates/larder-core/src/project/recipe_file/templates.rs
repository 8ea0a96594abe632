//! Checks the templates of a recipe: that each of them parses, including those in `overrides`, and
//! that they render for every platform.

use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};

use super::places::place_of;
use super::upstream::{Layer, all_layers};
use crate::fs;
use crate::model::{Platform, VersionRange};
use crate::project::domain::{RenderedSource, SourceFolder, Subsystem, VersionKeys};
use crate::project::render::{Flaw, Place};
use crate::project::syntax::decode::{Pairs, Reader};
use crate::project::template::{self, Fault, Scope};
use crate::project::typed::recipe::{RawRecipe, RawSource};
use crate::project::typed::upstream::RawChecksums;
use crate::project::user::UserConfig;

/// Parses every template of a recipe, including overridden ones. Reports each fault and returns how
/// many there are.
pub(super) fn check_templates(recipe: &RawRecipe, reader: &mut Reader<'_>) -> usize {
    let mut templates: Vec<(&str, &Range<usize>, Scope)> = Vec::new();
    if let Some(upstream) = &recipe.upstream {
        for Layer { keys: layer, .. } in all_layers(upstream) {
            for at in [
                &layer.url,
                &layer.npm,
                &layer.pypi,
                &layer.tag,
                &layer.asset,
            ]
            .into_iter()
            .flatten()
            {
                templates.push((&at.value, &at.span, Scope::Plain));
            }
            if let Some(at) = layer.signature.as_ref().and_then(|raw| raw.file.as_ref()) {
                templates.push((&at.value, &at.span, Scope::Asset));
            }
            if let Some(RawChecksums::File(at)) = &layer.checksums {
                templates.push((&at.value, &at.span, Scope::Plain));
            }
            for (glob, file) in layer.extract.iter().flat_map(|Pairs(pairs)| pairs) {
                templates.extend(
                    std::iter::once(glob)
                        .chain(file)
                        .map(|at| (at.value.as_str(), &at.span, Scope::Plain)),
                );
            }
        }
    }
    if let Some(build) = &recipe.build {
        if let Some(RawSource {
            dir,
            links: _,
            git,
            rev,
            url,
            sha256: _,
            crate_name,
            spans: _,
        }) = &build.source
        {
            for at in [dir, git, rev, url, crate_name].into_iter().flatten() {
                templates.push((&at.value, &at.span, Scope::Plain));
            }
        }
        for (_, value) in build.env.iter().flat_map(|Pairs(pairs)| pairs) {
            templates.extend(
                value
                    .iter()
                    .map(|at| (at.value.0.as_str(), &at.span, Scope::Build)),
            );
        }
        templates.extend(
            build
                .commands
                .iter()
                .flatten()
                .map(|at| (at.value.as_str(), &at.span, Scope::Build)),
        );
    }
    templates.extend(
        recipe
            .verify
            .iter()
            .map(|at| (at.value.as_str(), &at.span, Scope::Plain)),
    );

    templates
        .into_iter()
        .map(|(text, span, scope)| check_template(text, span, scope, reader))
        .sum()
}

/// Parses a template. Reports each fault and returns how many there are.
pub fn check_template(
    text: &str,
    span: &Range<usize>,
    scope: Scope,
    reader: &mut Reader<'_>,
) -> usize {
    let faults = template::faults(text, scope);
    for fault in &faults {
        report(fault, span, text, reader);
    }
    faults.len()
}

/// Renders everything once for every platform and reports what fails.
pub(super) fn check_rendering(
    subsystem: &Subsystem,
    recipe: &RawRecipe,
    user: &UserConfig,
    reader: &mut Reader<'_>,
) {
    let mut reported: Vec<Range<usize>> = Vec::new();
    let mut folders: Vec<Utf8PathBuf> = Vec::new();
    let upstream = subsystem.upstream.as_ref();
    let entry = upstream.and_then(|upstream| upstream.entry(&subsystem.version));
    for &platform in &subsystem.platforms {
        let mut flaws = original_flaws(subsystem, platform, user);
        flaws.extend(subsystem.try_verify(platform).err().into_iter().flatten());
        match subsystem.try_build(platform, "<out>", "<src>", Some(user)) {
            Err(more) => flaws.extend(more),
            Ok(Some(build)) => {
                if let RenderedSource::Dir(SourceFolder { path, links: _ }) = build.source
                    && !folders.contains(&path)
                {
                    flaws.extend(folder_fault(&path, &subsystem.dir).map(|fault| Flaw {
                        place: Place::Source("dir"),
                        fault,
                        platform: None,
                        is_about_value: false,
                    }));
                    folders.push(path);
                }
            }
            Ok(None) => {}
        }
        report_flaws(flaws, recipe, platform, entry, &mut reported, reader);
    }
    // What applies to other versions is checked too, as far as it does not depend on the version.
    for other in 0..upstream.map_or(0, |upstream| upstream.versions.len()) {
        if Some(other) == entry {
            continue;
        }
        let mut subsystem = subsystem.clone();
        if let Some(upstream) = &mut subsystem.upstream {
            let keys = upstream.versions.swap_remove(other);
            upstream.versions = vec![VersionKeys {
                range: VersionRange::any(),
                ..keys
            }];
        }
        for &platform in &subsystem.platforms {
            let mut flaws = original_flaws(&subsystem, platform, user);
            flaws.retain(|flaw| !flaw.is_about_value);
            report_flaws(flaws, recipe, platform, Some(other), &mut reported, reader);
        }
    }
}

fn original_flaws(subsystem: &Subsystem, platform: Platform, user: &UserConfig) -> Vec<Flaw> {
    subsystem
        .try_original(platform, Some(user))
        .err()
        .unwrap_or_default()
}

/// Reports each fault once, not once for each platform. `entry` is the entry of `versions` that
/// applies.
fn report_flaws(
    flaws: Vec<Flaw>,
    recipe: &RawRecipe,
    platform: Platform,
    entry: Option<usize>,
    reported: &mut Vec<Range<usize>>,
    reader: &mut Reader<'_>,
) {
    for Flaw {
        place,
        fault,
        platform: other,
        is_about_value: _,
    } in flaws
    {
        let platform = other.unwrap_or(platform);
        let Some((span, text)) = place_of(&place, recipe, platform, entry) else {
            continue;
        };
        if !reported.contains(&span) {
            reported.push(span.clone());
            report(&fault, &span, text.unwrap_or(""), reader);
        }
    }
}

fn folder_fault(path: &Utf8Path, dir: &Utf8Path) -> Option<Fault> {
    let shown = path.strip_prefix(dir).map_or(path, |inside| {
        if inside.as_str().is_empty() {
            path
        } else {
            inside
        }
    });
    let message = match fs::stat(path) {
        Ok(Some(meta)) if meta.is_dir() => return None,
        Ok(Some(_)) => format!("the source `{shown}` is not a folder"),
        Ok(None) => format!("there is no folder `{shown}`"),
        Err(error) => error.to_string(),
    };
    let hint = format!(
        "create this folder or correct `dir`, which is relative to the recipe's folder: {path}"
    );
    Some(Fault {
        message,
        hint: Some(hint),
        range: None,
    })
}

fn report(fault: &Fault, span: &Range<usize>, text: &str, reader: &mut Reader<'_>) {
    let place = fault.range.as_ref().map_or_else(
        || span.clone(),
        |range| within(&reader.source.text, span, text, range),
    );
    let problem = reader
        .source
        .problem(place, fault.message.clone(), fault.hint.clone());
    reader.problems.push(problem);
}

/// The place in the file of a part of a text. If quotes, escapes or folding keep the part from
/// being found, it is the place of the whole text.
fn within(file: &str, span: &Range<usize>, text: &str, part: &Range<usize>) -> Range<usize> {
    let (Some(written), Some(wanted)) = (file.get(span.clone()), text.get(part.clone())) else {
        return span.clone();
    };
    if let Some(start) = written.find(text) {
        return span.start + start + part.start..span.start + start + part.end;
    }
    match written.find(wanted) {
        Some(start) if !wanted.trim().is_empty() => {
            span.start + start..span.start + start + wanted.len()
        }
        _ => span.clone(),
    }
}
