//! Inputs: the key. For each origin, a fingerprint of everything declared that affects the
//! artifact. It is computed offline from the text of recipes and from source files.
//!
//! One walk collects the fields. [`Inputs`] keeps them as the explanation and hashes them as the
//! key, so key and explanation always agree.
//!
//! Encoding, version 1: SHA-256 over length-prefixed byte strings (length as 8 bytes,
//! little-endian, then the bytes): first `larder-inputs-v1`, then for each field of the walk its
//! path and its value. Lists give `path.0`, `path.1` …; maps give their entries sorted by the bytes
//! of their keys. Because of the length prefixes, two different walks never give the same bytes.
//!
//! Not part of the key: comments, the order of YAML keys, checksums, signatures, `verify`,
//! `timeout`, texts such as the description, `needs`, `any`, `build.platforms`, package name and format, folders, hub.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::model::{Digest, Hasher, Name, Origin, Platform};
use crate::project::{
    Binary, Build, BuildSource, Coordinate, Emulated, Include, Keep, Original, PackageConfig,
    Project, RenderedBuild, RenderedSource, SourceFolder, Subsystem, Template, Upstream,
    UpstreamKeys, VersionKeys,
};
use crate::redact::mask;

/// A fingerprint with its explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// The key.
    pub digest: Digest,
    /// The fields that it was computed from, in the order of the walk.
    pub fields: Vec<(String, String)>,
}

impl Inputs {
    /// The fields without the secrets that a recipe may have in its urls and commands, for sidecars,
    /// the cache and documents. The key is computed from the whole text.
    pub fn explanation(&self) -> Vec<(String, String)> {
        let masked = |(path, value): &(String, String)| (path.clone(), mask(value).into_owned());
        self.fields.iter().map(masked).collect()
    }
}

/// The fingerprints of a target: one for each origin that its recipe declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The key of the original, if the recipe declares one.
    pub original: Option<Inputs>,
    /// The key of the build, if the recipe declares one.
    pub build: Option<Inputs>,
}

impl Wanted {
    /// The key for an origin.
    pub fn of(&self, origin: Origin) -> Option<&Inputs> {
        match origin {
            Origin::Original => self.original.as_ref(),
            Origin::Build => self.build.as_ref(),
        }
    }
    /// The keys, in the order in which a hub is searched for their assets.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        let Self { original, build } = self;
        [build, original]
            .into_iter()
            .flatten()
            .map(|inputs| &inputs.digest)
    }
    /// Whether an artifact with this recorded origin and these recorded inputs is accepted.
    pub fn accepts(&self, origin: Origin, inputs: &Digest) -> bool {
        self.of(origin)
            .is_some_and(|wanted| wanted.digest == *inputs)
    }
}

/// Collects the fields of a fingerprint.
#[derive(Default)]
struct Walk {
    fields: Vec<(String, String)>,
}

impl Walk {
    fn field(&mut self, path: &str, value: impl ToString) {
        self.fields.push((path.to_owned(), value.to_string()));
    }
    fn list<T: ToString>(&mut self, path: &str, values: impl IntoIterator<Item = T>) {
        for (i, value) in values.into_iter().enumerate() {
            self.field(&format!("{path}.{i}"), value);
        }
    }
    fn map<K: AsRef<str>, V: ToString>(
        &mut self,
        path: &str,
        entries: impl IntoIterator<Item = (K, V)>,
    ) {
        let sorted: BTreeMap<String, String> = entries
            .into_iter()
            .map(|(key, value)| (key.as_ref().to_owned(), value.to_string()))
            .collect();
        for (key, value) in sorted {
            self.field(&format!("{path}.{key}"), value);
        }
    }
    fn finish(self) -> Inputs {
        let mut hasher = Hasher::new();
        hasher.field(ENCODING);
        for (path, value) in &self.fields {
            hasher.field(path.as_bytes());
            hasher.field(value.as_bytes());
        }
        Inputs {
            digest: hasher.finish(),
            fields: self.fields,
        }
    }
}

/// Computes the digests of source folders. Implementations can cache them, so that each folder is
/// read only once.
pub trait SourceDigests {
    /// Digest of a `dir:` source.
    fn dir(&self, folder: &SourceFolder) -> Result<Digest>;
    /// The identity of a need, if it is kept. Many builds may need the same one, which may need others.
    fn known_identity(&self, name: &Name) -> Option<Digest> {
        let _ = name;
        None
    }
    /// Keeps the identity of a need as long as no source folder changes.
    fn keep_identity(&self, name: &Name, identity: Digest) {
        let _ = (name, identity);
    }
}

/// Computes the fingerprints of a subsystem on a platform.
pub fn wanted(
    project: &Project,
    subsystem: &Subsystem,
    platform: Platform,
    sources: &dyn SourceDigests,
) -> Result<Wanted> {
    let original = subsystem
        .original(&platform)?
        .map(|original| of_original(subsystem, platform, &original));
    let build = match (
        &subsystem.build,
        subsystem.rendered_build(&platform, "<out>", "<src>")?,
    ) {
        (Some(declared), Some(rendered)) => Some(of_build(
            project, subsystem, platform, declared, &rendered, sources,
        )?),
        _ => None,
    };
    Ok(Wanted { original, build })
}

/// The version of the encoding, which every key begins with.
pub const ENCODING: &[u8] = b"larder-inputs-v1";

fn start(subsystem: &Subsystem, platform: Platform, origin: Origin) -> Walk {
    let mut walk = Walk::default();
    walk.field("origin", origin);
    walk.field("name", &subsystem.name);
    walk.field("version", &subsystem.version);
    walk.field("platform", platform);
    walk
}

fn contents(walk: &mut Walk, subsystem: &Subsystem, binaries: &[Binary]) {
    let PackageConfig {
        name: _,
        include,
        format: _,
    } = &subsystem.package;
    walk.list("binaries", binaries);
    walk.list(
        "include",
        include.iter().map(|Include { path, name: _ }| path),
    );
}

fn of_original(subsystem: &Subsystem, platform: Platform, original: &Original) -> Inputs {
    let mut walk = start(subsystem, platform, Origin::Original);
    let Original {
        coordinate,
        checksum: _,
        signature: _,
        extract,
        format,
        keep,
        emulated,
    } = original;
    let (field, text) = coordinate_field(coordinate);
    walk.field(&format!("upstream.{field}"), text);
    walk.map("extract", extract.iter().map(|(glob, file)| (glob, file)));
    if let Some(format) = format {
        walk.field("upstream.format", format);
    }
    if *keep != Keep::Files {
        walk.field("upstream.keep", keep);
    }
    if let Some(emulated) = emulated {
        of_emulated(&mut walk, original, emulated);
    }
    contents(&mut walk, subsystem, subsystem.binaries_on(&platform));
    walk.finish()
}

/// The field for where an original comes from, and the text that says it.
fn coordinate_field(coordinate: &Coordinate) -> (&'static str, String) {
    match coordinate {
        Coordinate::GitHub { repo, tag, asset } => (
            "url",
            format!("https://github.com/{repo}/releases/download/{tag}/{asset}"),
        ),
        Coordinate::Url(url) => ("url", url.clone()),
        Coordinate::Npm { package, version } => ("npm", format!("{package}@{version}")),
        Coordinate::Pypi { package, version } => ("pypi", format!("{package}=={version}")),
    }
}

/// What is used where there is nothing for the platform itself. What is the same as for the
/// platform itself is left out.
fn of_emulated(walk: &mut Walk, native: &Original, emulated: &Emulated) {
    let Emulated { platform, original } = emulated;
    let Original {
        coordinate,
        checksum: _,
        signature: _,
        extract,
        format,
        keep,
        emulated: _,
    } = original;
    let path = format!("emulate.{platform}");
    let (_, text) = coordinate_field(coordinate);
    walk.field(&path, text);
    if *extract != native.extract {
        let extract = extract.iter().map(|(glob, file)| (glob, file));
        walk.map(&format!("{path}.extract"), extract);
    }
    if *format != native.format {
        walk.field(&format!("{path}.format"), format.unwrap_or_default());
    }
    if *keep != native.keep {
        walk.field(&format!("{path}.keep"), keep);
    }
}

fn of_build(
    project: &Project,
    subsystem: &Subsystem,
    platform: Platform,
    declared: &Build,
    rendered: &RenderedBuild,
    sources: &dyn SourceDigests,
) -> Result<Inputs> {
    let mut walk = start(subsystem, platform, Origin::Build);
    let Build {
        needs,
        tools,
        source: _,
        env: _,
        commands: _,
        platforms: _,
        timeout: _,
        remote: _,
    } = declared;
    let RenderedBuild {
        source,
        env,
        commands,
    } = rendered;
    match source {
        RenderedSource::Dir(folder) => walk.field("source.dir", sources.dir(folder)?),
        RenderedSource::Git { url, rev } => walk.field("source.git", format!("{url} {rev}")),
        RenderedSource::Url { url: _, sha256 } => walk.field("source.sha256", sha256),
        RenderedSource::Crate { name, version } => {
            walk.field("source.crate", format!("{name} {version}"));
        }
    }
    walk.map("env", env.iter().map(|(key, value)| (key, value)));
    walk.list("commands", commands);
    walk.map("tools", tools);
    contents(&mut walk, subsystem, subsystem.binaries_on(&platform));
    let mut identities = BTreeMap::new();
    for need in needs {
        identities.insert(
            need.to_string(),
            identity(project, need, sources, &mut Vec::new())?,
        );
    }
    walk.map("build.needs", identities);
    Ok(walk.finish())
}

/// Identity of a need: its name, version, recipe in canonical form and the digest of its source. It
/// is independent of the platform and of the source that the need was installed from.
fn identity(
    project: &Project,
    name: &Name,
    sources: &dyn SourceDigests,
    path: &mut Vec<Name>,
) -> Result<Digest> {
    if let Some(known) = sources.known_identity(name) {
        return Ok(known);
    }
    let subsystem = project.subsystems.get(name).ok_or_else(|| {
        Error::usage(format!(
            "`{name}` is needed but is not a subsystem of this project"
        ))
    })?;
    if path.contains(name) {
        return Err(Error::usage(format!("`{name}` needs itself")));
    }
    path.push(name.clone());
    let mut walk = Walk::default();
    walk.field("name", &subsystem.name);
    walk.field("version", &subsystem.version);
    contents(&mut walk, subsystem, &subsystem.binaries);
    if let Some(upstream) = &subsystem.upstream {
        let Upstream {
            base,
            overrides,
            versions,
        } = upstream;
        upstream_layer(&mut walk, "upstream", base, overrides);
        // Only the entry that applies, and not for which versions it would.
        if let Some(entry) = upstream.entry(&subsystem.version) {
            let VersionKeys {
                range: _,
                base,
                overrides,
            } = &versions[entry];
            upstream_layer(&mut walk, "upstream.versions", base, overrides);
        }
    }
    if let Some(Build {
        needs,
        tools,
        source,
        env,
        commands,
        platforms: _,
        timeout: _,
        remote: _,
    }) = &subsystem.build
    {
        match source {
            BuildSource::Dir { path: _, links: _ } => {
                let rendered = subsystem.rendered_build(&Platform::host(), "<out>", "<src>")?;
                if let Some(RenderedBuild {
                    source: RenderedSource::Dir(folder),
                    env: _,
                    commands: _,
                }) = rendered
                {
                    walk.field("source.dir", sources.dir(&folder)?);
                }
            }
            BuildSource::Git {
                url: Template(url),
                rev: Template(rev),
            } => walk.field("source.git", format!("{url} {rev}")),
            BuildSource::Url { url: _, sha256 } => walk.field("source.sha256", sha256),
            BuildSource::Crate(Template(name)) => walk.field("source.crate", name),
        }
        walk.map("env", env.iter().map(|(key, Template(value))| (key, value)));
        walk.list("commands", commands.iter().map(|Template(command)| command));
        walk.map("tools", tools);
        for need in needs {
            walk.field(
                &format!("build.needs.{need}"),
                identity(project, need, sources, path)?,
            );
        }
    }
    path.pop();
    let identity = walk.finish().digest;
    sources.keep_identity(name, identity);
    Ok(identity)
}

fn upstream_layer(
    walk: &mut Walk,
    path: &str,
    base: &UpstreamKeys,
    overrides: &[(String, UpstreamKeys)],
) {
    upstream_keys(walk, path, base);
    for (word, keys) in overrides {
        upstream_keys(walk, &format!("{path}.overrides.{word}"), keys);
    }
}

fn upstream_keys(walk: &mut Walk, path: &str, keys: &UpstreamKeys) {
    let UpstreamKeys {
        github,
        url,
        npm,
        pypi,
        tag,
        asset,
        checksums: _,
        signature: _,
        extract,
        format,
        keep,
        emulate,
        replacements,
        binaries,
    } = keys;
    if let Some(github) = github {
        walk.field(&format!("{path}.github"), github);
    }
    for (key, template) in [
        ("url", url),
        ("npm", npm),
        ("pypi", pypi),
        ("tag", tag),
        ("asset", asset),
    ] {
        if let Some(Template(text)) = template {
            walk.field(&format!("{path}.{key}"), text);
        }
    }
    if let Some(extract) = extract {
        walk.map(
            &format!("{path}.extract"),
            extract
                .iter()
                .map(|(Template(glob), Template(file))| (glob, file)),
        );
    }
    if let Some(format) = format {
        walk.field(&format!("{path}.format"), format);
    }
    if let Some(keep) = keep {
        walk.field(&format!("{path}.keep"), keep);
    }
    match emulate {
        Some(platforms) if platforms.is_empty() => walk.field(&format!("{path}.emulate"), false),
        Some(platforms) => walk.map(
            &format!("{path}.emulate"),
            platforms
                .iter()
                .map(|(platform, other)| (platform.to_string(), other)),
        ),
        None => {}
    }
    walk.map(&format!("{path}.replacements"), replacements);
    if let Some(binaries) = binaries {
        walk.list(&format!("{path}.binaries"), binaries);
    }
}

/// A field in which two explanations differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Path of the field.
    pub field: String,
    /// The value that was found; `None` if there was no such field.
    pub found: Option<String>,
    /// The value that is wanted; `None` if the field no longer exists.
    pub wanted: Option<String>,
}

/// The fields in which two explanations differ, in the order of the walk.
pub fn difference(found: &[(String, String)], wanted: &[(String, String)]) -> Vec<Difference> {
    let old: BTreeMap<&str, &str> = found
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let new: BTreeMap<&str, &str> = wanted
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let mut out = Vec::new();
    for (field, value) in wanted {
        let found = old.get(field.as_str());
        if found != Some(&value.as_str()) {
            let found = found.map(|value| (*value).to_owned());
            out.push(Difference {
                field: field.clone(),
                found,
                wanted: Some(value.clone()),
            });
        }
    }
    for (field, value) in found {
        if !new.contains_key(field.as_str()) {
            out.push(Difference {
                field: field.clone(),
                found: Some(value.clone()),
                wanted: None,
            });
        }
    }
    out
}
