//! `recipe.yml`: as typed → a [`Subsystem`], each problem at its place. Other recipes are none of its business: what it
//! needs is handed on by name.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::fs;
use crate::model::{FileName, Limits, Name, PackageFormat, Platform, Version};

use super::domain::{
    Build, BuildPlatforms, BuildSource, Include, PackageConfig, RawChecksums, RenderedSource,
    Subsystem, Template, Upstream, UpstreamKeys,
};
use super::render::{Flaw, Half, Place};
use super::syntax::decode::{At, Decode, NonEmpty, Pairs, Reader, Spot, distinct};
use super::syntax::yaml::Node;
use super::template::{self, Fault, Scope};
use super::typed::platform_words;
use super::typed::platform_words::HostOrAll;
use super::typed::recipe::{
    self as raw, RawBuild, RawBuildPlatforms, RawLimits, RawPackage, RawRecipe, RawSource,
    RawUpstream, RawUpstreamKeys,
};
use super::typed::words::{Count, FormatWord, Repo, Size, Timeout};
use super::user::UserConfig;

/// What a recipe takes from the project.
pub(super) struct Surroundings<'a> {
    /// The project's name.
    pub(super) project: &'a str,
    /// The project's platforms.
    pub(super) platforms: &'a [Platform],
    /// Whose permission plain http needs.
    pub(super) user: &'a UserConfig,
}

/// A recipe that was read.
pub(super) struct Read {
    /// The subsystem, as far as it could be read; `None` where a part is missing that nothing can stand in for.
    pub(super) subsystem: Option<Subsystem>,
    /// `needs` and `build.needs` with their places.
    pub(super) needs: Vec<At<Name>>,
    /// The package's name and the place that gives it.
    pub(super) package: Option<At<FileName>>,
}

/// Without `timeout:`.
const DEFAULT_TIMEOUT: Duration = Duration::from_hours(1);

/// Reads a recipe.
pub(super) fn read(
    node: &Node,
    name: &Name,
    version: &Version,
    dir: Utf8PathBuf,
    around: &Surroundings<'_>,
    reader: &mut Reader<'_>,
) -> Read {
    let nothing = Read {
        subsystem: None,
        needs: Vec::new(),
        package: None,
    };
    let Some(recipe) = RawRecipe::decode(node, Spot::File, reader) else {
        return nothing;
    };
    let faults = check_templates(&recipe, reader);

    let key = |key: &str| recipe.span(key).cloned();
    let binaries_at: Option<Vec<At<FileName>>> = recipe.binaries.clone().map(|NonEmpty(list)| list);
    let binaries = binaries_at.clone().map(|list| binaries(list, reader));
    let platforms = match recipe.platforms.clone() {
        Some(NonEmpty(list)) => distinct("platforms", list, reader),
        None => around.platforms.to_vec(),
    };
    let needs_at: Vec<At<Name>> = recipe.needs.clone().unwrap_or_default();
    let build_needs_at: Vec<At<Name>> = recipe
        .build
        .as_ref()
        .and_then(|build| build.needs.clone())
        .unwrap_or_default();
    if key("upstream").is_none() && key("build").is_none() {
        let hint = "add `upstream:` for what its publisher releases, `build:` to build it from source, or both";
        reader.problem(
            &node.span,
            "the recipe has neither `upstream` nor `build`",
            hint,
        );
    }
    let package = package(recipe.package.as_ref(), binaries_at.as_deref(), reader);
    let upstream = recipe
        .upstream
        .as_ref()
        .and_then(|raw| upstream(raw, key("upstream"), reader));
    let build = recipe
        .build
        .as_ref()
        .and_then(|raw| build(raw, key("build"), reader));
    let limits = recipe.limits.as_ref().map(limits).unwrap_or_default();
    let text = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());

    let needs = distinct("needs", needs_at.clone(), reader);
    let all_needs = [needs_at, build_needs_at].concat();
    let (Some(binaries), Some((package, package_at))) =
        (binaries.filter(|list| !list.is_empty()), package)
    else {
        return Read {
            subsystem: None,
            needs: all_needs,
            package: None,
        };
    };
    let subsystem = Subsystem {
        name: name.clone(),
        version: version.clone(),
        dir,
        description: text(&recipe.description),
        homepage: text(&recipe.homepage),
        license: text(&recipe.license),
        binaries,
        platforms,
        needs,
        upstream,
        build,
        package,
        verify: recipe.verify.as_ref().map(|at| Template(at.value.clone())),
        limits,
        project: around.project.to_owned(),
    };
    if faults == 0 {
        check_rendering(&subsystem, &recipe, around.user, reader);
    }
    Read {
        subsystem: Some(subsystem),
        needs: all_needs,
        package: Some(package_at),
    }
}

fn binaries(list: Vec<At<FileName>>, reader: &mut Reader<'_>) -> Vec<FileName> {
    for At { value, span } in &list {
        if let Some(stem) = value.as_str().strip_suffix(".exe") {
            reader.problem(
                span,
                format!("`{value}` is written with .exe"),
                format!("write `{stem}`; on windows .exe is added"),
            );
        }
    }
    distinct("binaries", list, reader)
}

/// The package, and the place of its name. Names of its files are told apart as on a disk that ignores case.
fn package(
    raw: Option<&RawPackage>,
    binaries: Option<&[At<FileName>]>,
    reader: &mut Reader<'_>,
) -> Option<(PackageConfig, At<FileName>)> {
    let first = binaries.and_then(|list| list.first());
    let name = raw.and_then(|raw| raw.name.as_ref()).or(first)?.clone();
    let mut include: Vec<Include> = Vec::new();
    let mut taken: HashMap<String, &'static str> = HashMap::new();
    for At { value, .. } in binaries.unwrap_or_default() {
        let lower = value.as_str().to_lowercase();
        taken.insert(format!("{lower}.exe"), "a binary");
        taken.insert(lower, "a binary");
    }
    for At { value, span } in raw
        .and_then(|raw| raw.include.as_ref())
        .into_iter()
        .flatten()
    {
        let parts: Vec<&str> = value.split('/').collect();
        let outside =
            value.starts_with('/') || value.contains(['\\', ':', '\0']) || parts.contains(&"..");
        if outside {
            let hint =
                "a path with `/`, relative to {{ out }}, the source or the archive's top folder";
            reader.problem(
                span,
                format!("the included file `{value}` may lie outside"),
                hint,
            );
            continue;
        }
        if parts.iter().any(|part| part.is_empty() || *part == ".") {
            reader.problem(
                span,
                format!("`{value}` is not the path of a file"),
                "such as LICENSE or docs/README.md",
            );
            continue;
        }
        let file = match parts[parts.len() - 1].parse::<FileName>() {
            Ok(file) => file,
            Err(invalid) => {
                reader.invalid(span, invalid);
                continue;
            }
        };
        let lower = file.as_str().to_lowercase();
        if let Some(what) = taken.get(&lower) {
            let hint = "files of an artifact lie side by side, so each needs a name of its own, whatever its case";
            reader.problem(
                span,
                format!("the included file `{file}` has the name of {what}"),
                hint,
            );
            continue;
        }
        taken.insert(lower, "another included file");
        include.push(Include {
            path: value.clone(),
            name: file,
        });
    }
    let format = raw
        .and_then(|raw| raw.format.as_ref())
        .map(|at| match at.value {
            FormatWord::TarGz => PackageFormat::TarGz,
            FormatWord::TarZst => PackageFormat::TarZst,
            FormatWord::Zip => PackageFormat::Zip,
        });
    Some((
        PackageConfig {
            name: name.value.clone(),
            include,
            format,
        },
        name,
    ))
}

fn limits(raw: &RawLimits) -> Limits {
    let RawLimits {
        unpacked,
        ratio,
        entries,
        spans: _,
    } = raw;
    Limits {
        unpacked: unpacked.as_ref().map(
            |At {
                 value: Size(bytes), ..
             }| *bytes,
        ),
        ratio: ratio.as_ref().map(
            |At {
                 value: Count(count),
                 ..
             }| *count,
        ),
        entries: entries.as_ref().map(
            |At {
                 value: Count(count),
                 ..
             }| *count,
        ),
    }
}

const KINDS: [&str; 4] = ["github", "url", "npm", "pypi"];

fn upstream(
    raw: &RawUpstream,
    key: Option<Range<usize>>,
    reader: &mut Reader<'_>,
) -> Option<Upstream> {
    let key = key?;
    let RawUpstream { keys, overrides } = raw;
    let mut words: Vec<(String, UpstreamKeys)> = Vec::new();
    let overridden = overrides
        .as_ref()
        .map(|Pairs(pairs)| pairs.as_slice())
        .unwrap_or_default();
    for layer in
        std::iter::once(keys).chain(overridden.iter().filter_map(|(_, keys)| keys.as_ref()))
    {
        let mut kinds = layer.spans.iter().filter(|(key, _)| KINDS.contains(key));
        if let (Some((first, _)), Some((second, span))) = (kinds.next(), kinds.next()) {
            let hint = "an original comes from one place; keep one of them";
            reader.problem(
                span,
                format!("`upstream` names both `{first}` and `{second}`"),
                hint,
            );
        }
    }
    let layers =
        || std::iter::once(keys).chain(overridden.iter().filter_map(|(_, keys)| keys.as_ref()));
    if layers().any(RawUpstreamKeys::refused) {
        // What was refused is told; what follows from it would only confuse.
        return None;
    }
    if !layers().any(|layer| layer.spans.iter().any(|(key, _)| KINDS.contains(key))) {
        let hint = "one of github: owner/name, url: ..., npm: PACKAGE, pypi: PACKAGE";
        reader.problem(&key, "`upstream` does not say where to get it", hint);
        return None;
    }
    if !layers().any(|layer| layer.span("github").is_some()) {
        for span in layers().filter_map(|layer| layer.span("asset")) {
            reader.problem(
                span,
                "`asset` has a meaning beside `github` only",
                "remove it, or name the repository with `github:`",
            );
        }
    }
    for (word, keys) in overridden {
        if let Some(keys) = keys {
            words.push((word.value.0.clone(), upstream_keys(keys)));
        }
    }
    Some(Upstream {
        base: upstream_keys(keys),
        overrides: words,
    })
}

fn upstream_keys(raw: &RawUpstreamKeys) -> UpstreamKeys {
    let RawUpstreamKeys {
        github,
        url,
        npm,
        pypi,
        tag,
        asset,
        checksums,
        extract,
        replacements,
        spans: _,
    } = raw;
    let template = |at: &Option<At<String>>| at.as_ref().map(|at| Template(at.value.clone()));
    UpstreamKeys {
        github: github.as_ref().map(
            |At {
                 value: Repo(repo), ..
             }| repo.clone(),
        ),
        url: template(url),
        npm: template(npm),
        pypi: template(pypi),
        tag: template(tag),
        asset: template(asset),
        checksums: checksums.as_ref().map(|checksums| match checksums {
            raw::RawChecksums::File(at) => RawChecksums::File(Template(at.value.clone())),
            raw::RawChecksums::Pinned(Pairs(pairs)) => RawChecksums::Pinned(
                pairs
                    .iter()
                    .filter_map(|(platform, digest)| Some((platform.value, digest.as_ref()?.value)))
                    .collect(),
            ),
        }),
        extract: extract.as_ref().map(|Pairs(pairs)| {
            pairs
                .iter()
                .filter_map(|(glob, file)| {
                    Some((
                        Template(glob.value.clone()),
                        Template(file.as_ref()?.value.clone()),
                    ))
                })
                .collect()
        }),
        replacements: replacements
            .iter()
            .flat_map(|Pairs(pairs)| pairs)
            .filter_map(|(word, text)| {
                Some((word.value.0.to_owned(), text.as_ref()?.value.0.clone()))
            })
            .collect(),
    }
}

fn build(raw: &RawBuild, key: Option<Range<usize>>, reader: &mut Reader<'_>) -> Option<Build> {
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
        // A value that was refused is told already.
        Some(_) => raw.commands.as_ref().is_some_and(Vec::is_empty),
    };
    // A `source` that was refused may have meant a crate.
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
        timeout: raw.timeout.as_ref().map_or(
            DEFAULT_TIMEOUT,
            |At {
                 value: Timeout(time),
                 ..
             }| *time,
        ),
    })
}

fn build_source(
    raw: &RawSource,
    key: &Range<usize>,
    reader: &mut Reader<'_>,
) -> Option<BuildSource> {
    let RawSource {
        dir,
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
                    format!("`{companion}` has a meaning beside `{of}` only"),
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
    let template = |at: &At<String>| Template(at.value.clone());
    match *kind {
        "dir" => dir.as_ref().map(template).map(BuildSource::Dir),
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

/// Parses every template of a recipe, overridden ones too; returns how many are faulty.
fn check_templates(recipe: &RawRecipe, reader: &mut Reader<'_>) -> usize {
    let mut templates: Vec<(&str, &Range<usize>, Scope)> = Vec::new();
    if let Some(RawUpstream { keys, overrides }) = &recipe.upstream {
        let over = overrides
            .iter()
            .flat_map(|Pairs(pairs)| pairs)
            .filter_map(|(_, keys)| keys.as_ref());
        for layer in std::iter::once(keys).chain(over) {
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
            if let Some(raw::RawChecksums::File(at)) = &layer.checksums {
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

    let mut count = 0;
    for (text, span, scope) in templates {
        for fault in template::faults(text, scope) {
            count += 1;
            note(&fault, span, text, reader);
        }
    }
    count
}

/// Renders everything for every platform once.
fn check_rendering(
    subsystem: &Subsystem,
    recipe: &RawRecipe,
    user: &UserConfig,
    reader: &mut Reader<'_>,
) {
    let user = Some(user);
    let mut told: Vec<(Range<usize>, String)> = Vec::new();
    let mut folders: Vec<Utf8PathBuf> = Vec::new();
    for &platform in &subsystem.platforms {
        let mut flaws = Vec::new();
        flaws.extend(
            subsystem
                .try_original(platform, user)
                .err()
                .into_iter()
                .flatten(),
        );
        flaws.extend(subsystem.try_verify(platform).err().into_iter().flatten());
        match subsystem.try_build(platform, "<out>", "<src>", user) {
            Err(more) => flaws.extend(more),
            Ok(Some(build)) => {
                if let RenderedSource::Dir { path } = build.source
                    && !folders.contains(&path)
                {
                    flaws.extend(folder_fault(&path, &subsystem.dir).map(|fault| Flaw {
                        place: Place::Source("dir"),
                        fault,
                    }));
                    folders.push(path);
                }
            }
            Ok(None) => {}
        }
        for Flaw { place, fault } in flaws {
            let Some((span, text)) = place_of(&place, recipe, platform) else {
                continue;
            };
            // One fault shows once, not once per platform.
            if told.iter().all(|(at, _)| *at != span) {
                told.push((span.clone(), fault.message.clone()));
                note(&fault, &span, text.unwrap_or(""), reader);
            }
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
        "`dir` is relative to the recipe's folder: {path} is to be a folder, which may be empty"
    );
    Some(Fault {
        message,
        hint: Some(hint),
        range: None,
    })
}

fn note(fault: &Fault, span: &Range<usize>, text: &str, reader: &mut Reader<'_>) {
    let place = fault.range.as_ref().map_or_else(
        || span.clone(),
        |range| within(&reader.source.text, span, text, range),
    );
    let problem = reader
        .source
        .problem(place, fault.message.clone(), fault.hint.clone());
    reader.problems.push(problem);
}

/// The place in the file of a part of a text, where quotes, escapes and folding let it be found; else the whole text's.
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

/// Where in the file a flaw is, and the text that stands there.
fn place_of<'a>(
    place: &Place,
    recipe: &'a RawRecipe,
    platform: Platform,
) -> Option<(Range<usize>, Option<&'a str>)> {
    let text = |at: &'a At<String>| Some((at.span.clone(), Some(at.value.as_str())));
    let upstream = || recipe.span("upstream").map(|span| (span.clone(), None));
    let source = || {
        recipe
            .build
            .as_ref()
            .and_then(|build| build.source.as_ref())
    };
    let winner = |key: &str| -> Option<&'a RawUpstreamKeys> {
        let RawUpstream { keys, overrides } = recipe.upstream.as_ref()?;
        let over = overrides
            .as_ref()
            .map(|Pairs(pairs)| pairs.as_slice())
            .unwrap_or_default();
        let layer = |word: &String| {
            over.iter()
                .find(|(known, _)| known.value.0 == *word)
                .and_then(|(_, keys)| keys.as_ref())
        };
        let words = platform_words::layers(platform);
        words
            .iter()
            .rev()
            .filter_map(layer)
            .chain([keys])
            .find(|layer| layer.span(key).is_some())
    };
    match place {
        Place::Upstream => upstream(),
        Place::UpstreamKey(key) => {
            let Some(layer) = winner(key) else {
                return upstream();
            };
            let at = match *key {
                "url" => layer.url.as_ref(),
                "npm" => layer.npm.as_ref(),
                "pypi" => layer.pypi.as_ref(),
                "tag" => layer.tag.as_ref(),
                "asset" => layer.asset.as_ref(),
                "checksums" => match &layer.checksums {
                    Some(raw::RawChecksums::File(at)) => Some(at),
                    _ => None,
                },
                _ => None,
            };
            at.map_or_else(|| layer.span(key).map(|span| (span.clone(), None)), text)
        }
        Place::Extract(n, half) => {
            let Pairs(pairs) = winner("extract")?.extract.as_ref()?;
            let (glob, file) = pairs.iter().filter(|(_, file)| file.is_some()).nth(*n)?;
            match half {
                Half::Key => text(glob),
                Half::Value => text(file.as_ref()?),
            }
        }
        Place::Source(key) => {
            let source = source()?;
            let at = match *key {
                "dir" => source.dir.as_ref(),
                "git" => source.git.as_ref(),
                "rev" => source.rev.as_ref(),
                "url" => source.url.as_ref(),
                _ => source.crate_name.as_ref(),
            };
            at.and_then(text)
        }
        Place::Env(n) => {
            let Pairs(pairs) = recipe.build.as_ref()?.env.as_ref()?;
            let at = pairs
                .iter()
                .filter_map(|(_, value)| value.as_ref())
                .nth(*n)?;
            Some((at.span.clone(), Some(at.value.0.as_str())))
        }
        Place::Command(n) => recipe
            .build
            .as_ref()?
            .commands
            .as_ref()?
            .get(*n)
            .and_then(text),
        Place::Verify => recipe.verify.as_ref().and_then(text),
    }
}
