//! `build:`: how it is built from source.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::{FileName, Os};
use crate::project::domain::{
    Build, BuildPlatforms, BuildSource, IMAGE_PROPERTY, Links, OS_PROPERTY, RemoteBuild,
};
use crate::project::syntax::decode::{At, NonEmpty, Pairs, Reader, distinct};
use crate::project::template::Template;
use crate::project::typed::platform_words::HostOrAll;
use crate::project::typed::recipe::{RawBuild, RawBuildPlatforms, RawRemote, RawSource};
use crate::project::typed::words::{Flag, LinksWord};

pub(super) fn build(
    raw: &RawBuild,
    key: Option<Range<usize>>,
    reader: &mut Reader<'_>,
) -> Option<Build> {
    let key = key?;
    let source = raw
        .source
        .as_ref()
        .and_then(|source| build_source(source, raw.span("source").unwrap_or(&key), reader));
    let is_crate = raw
        .source
        .as_ref()
        .is_some_and(|source| source.span("crate").is_some());
    let commands = raw.commands.clone().unwrap_or_default();
    let no_commands = match raw.span("commands") {
        None => true,
        // A value that could not be read, or the items in it, are already reported.
        Some(span) => {
            let is_reported = reader.problems.iter().any(|problem| {
                problem.span.start > span.start && problem.message.contains("in `commands`")
            });
            raw.commands.as_ref().is_some_and(Vec::is_empty) && !is_reported
        }
    };
    // A `source` that could not be read may be a crate, which needs no commands.
    let may_be_crate = is_crate || raw.source.is_none();
    if no_commands && !may_be_crate {
        let place = raw.span("commands").unwrap_or(&key);
        reader.problem(
            place,
            "`build` has no commands",
            "add `commands: [...]`; only a `crate:` source builds without",
        );
    }
    for line in commands.iter().filter(|line| line.value.trim().is_empty()) {
        reader.problem(
            &line.span,
            "an empty line in `commands`",
            "write a command, or remove it",
        );
    }
    let mut tools = BTreeMap::new();
    for (tool, version) in raw.tools.iter().flat_map(|Pairs(pairs)| pairs) {
        match tool.value.parse::<FileName>() {
            Ok(_) if !tool.value.starts_with('-') => {
                tools.extend(
                    version
                        .as_ref()
                        .map(|version| (tool.value.clone(), version.value.0.clone())),
                );
            }
            _ => {
                let hint = "the name of a command on PATH, such as go or cargo";
                reader.problem(
                    &tool.span,
                    format!("`{}` can't name a tool", tool.value),
                    hint,
                );
            }
        }
    }
    let platforms = match raw.platforms.clone() {
        None
        | Some(RawBuildPlatforms::Word(At {
            value: HostOrAll::Host,
            ..
        })) => BuildPlatforms::Host,
        Some(RawBuildPlatforms::Word(At {
            value: HostOrAll::All,
            ..
        })) => BuildPlatforms::All,
        Some(RawBuildPlatforms::List(NonEmpty(list))) => {
            BuildPlatforms::List(distinct("platforms", list, reader))
        }
    };
    let remote = remote(raw, is_crate, &platforms, reader);
    Some(Build {
        needs: distinct("needs", raw.needs.clone().unwrap_or_default(), reader),
        tools,
        source: source?,
        env: raw
            .env
            .iter()
            .flat_map(|Pairs(pairs)| pairs)
            .filter_map(|(name, value)| {
                Some((
                    name.value.0.clone(),
                    Template(value.as_ref()?.value.0.clone()),
                ))
            })
            .collect(),
        commands: commands.into_iter().map(|at| Template(at.value)).collect(),
        platforms,
        timeout: raw.timeout.as_ref().map(|at| at.value.0),
        remote,
    })
}

/// The worker that may run the build elsewhere. Such a build must promise that it needs nothing of
/// this machine.
fn remote(
    raw: &RawBuild,
    is_crate: bool,
    platforms: &BuildPlatforms,
    reader: &mut Reader<'_>,
) -> Option<RemoteBuild> {
    let place = raw.span("remote")?;
    if !matches!(
        raw.hermetic,
        Some(At {
            value: Flag(true),
            ..
        })
    ) {
        let place = raw.span("hermetic").unwrap_or(place);
        reader.problem(
            place,
            "a build with `remote` must promise that it is hermetic",
            "write `hermetic: true` if the commands use nothing but the source, `env`, \
             `build.needs` and the image: no network, and no other file of the machine",
        );
    }
    if is_crate {
        reader.problem(
            place,
            "a `crate` source can't be built remotely: cargo downloads it while it builds",
            "use another source, with the dependencies in it (`cargo vendor`), or remove `remote`",
        );
    }
    let RawRemote {
        image,
        properties,
        spans: _,
    } = raw.remote.as_ref()?;
    let mut checked = BTreeMap::new();
    for (name, value) in properties.iter().flat_map(|Pairs(pairs)| pairs) {
        let Some(value) = value else { continue };
        if name.value == IMAGE_PROPERTY {
            reader.problem(
                &name.span,
                format!("`{IMAGE_PROPERTY}` is what `image` says"),
                "remove it from `properties`",
            );
        }
        if name.value == OS_PROPERTY && value.value.0.parse() == Ok(Os::Windows) {
            reader.problem(
                &value.span,
                "a remote build can't run on Windows: its commands are lines for /bin/sh",
                "use a worker with Linux; it can cross-compile",
            );
        }
        checked.insert(name.value.clone(), value.value.0.clone());
    }
    let remote = RemoteBuild {
        image: image.as_ref()?.value.0.clone(),
        properties: checked,
    };
    // It would be built on this machine, and nobody would know why.
    if let (Err(unknown), BuildPlatforms::Host) = (remote.worker(), platforms)
        && let Some((_, Some(value))) = properties
            .iter()
            .flat_map(|Pairs(pairs)| pairs)
            .find(|(name, _)| name.value == unknown)
    {
        reader.problem(
            &value.span,
            format!("larder knows no workers whose `{unknown}` is `{}`", value.value.0),
            "write OSFamily as linux or macos, and ISA as x86-64 or arm-a64; for other workers list \
             `build.platforms`",
        );
    }
    Some(remote)
}

fn build_source(
    raw: &RawSource,
    key: &Range<usize>,
    reader: &mut Reader<'_>,
) -> Option<BuildSource> {
    let RawSource {
        dir,
        links,
        git,
        rev,
        url,
        sha256,
        crate_name,
        spans,
    } = raw;
    let mut kinds = spans
        .iter()
        .filter(|(key, _)| matches!(*key, "dir" | "git" | "url" | "crate"));
    let Some((kind, _)) = kinds.next() else {
        let hint = "one of {dir: .}, {git: ..., rev: ...}, {url: ..., sha256: ...}, {crate: NAME}";
        reader.problem(key, "`source` does not say what is built", hint);
        return None;
    };
    if let Some((second, span)) = kinds.next() {
        let hint = "a build has one source; keep one of them";
        reader.problem(
            span,
            format!("`source` names both `{kind}` and `{second}`"),
            hint,
        );
        return None;
    }
    for (companion, of) in [("rev", "git"), ("sha256", "url")] {
        match (raw.span(companion), raw.span(of)) {
            (Some(span), None) => {
                let hint = format!("remove it, or name the source with `{of}:`");
                reader.problem(
                    span,
                    format!("`{companion}` can be used only with `{of}`"),
                    hint,
                );
            }
            (None, Some(span)) => {
                let hint = match companion {
                    "rev" => "add the tag, branch or commit: rev: \"{{ version }}\"",
                    _ => "add the digest of the archive: sha256: ...",
                };
                reader.problem(
                    span,
                    format!("`source` has `{of}` without `{companion}`"),
                    hint,
                );
            }
            _ => {}
        }
    }
    if let (Some(span), None) = (raw.span("links"), raw.span("dir")) {
        reader.problem(
            span,
            "`links` can be used only with `dir`",
            "remove it; links in other sources stay links",
        );
    }
    let template = |at: &At<String>| Template(at.value.clone());
    match *kind {
        "dir" => Some(BuildSource::Dir {
            path: template(dir.as_ref()?),
            links: match links.as_ref().map(|at| at.value) {
                None => Links::Refuse,
                Some(LinksWord::Follow) => Links::Follow,
            },
        }),
        "git" => Some(BuildSource::Git {
            url: template(git.as_ref()?),
            rev: template(rev.as_ref()?),
        }),
        "url" => Some(BuildSource::Url {
            url: template(url.as_ref()?),
            sha256: sha256.as_ref()?.value,
        }),
        _ => crate_name.as_ref().map(template).map(BuildSource::Crate),
    }
}
