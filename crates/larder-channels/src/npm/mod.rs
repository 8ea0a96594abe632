//! npm: a main package with a launcher, and a package for each platform that has the programs. npm
//! installs the one that fits, because the main package names all of them as optional dependencies.
//! No script runs at installation.
//!
//! Each package is a folder and the tarball of it, which is what is pushed.

use larder_core::archive::{Content, PackEntry, pack};
use larder_core::error::{Error, Result};
use larder_core::model::{
    Arch, ArtifactFile, ChannelKind, Libc, Os, PackageFormat, Platform, RequiredText, Version,
};
use larder_core::project::publish::{ChannelConfig, Npm};
use serde_json::{Map, Value, json};

use crate::included::{Included, included};
use crate::linux::linkage::{Needs, needs};
use crate::output::Output;
use crate::readme::{one_line, readme, repository};
use crate::release::{PlatformRelease, Release};
use crate::render::{Facts, Render};
use crate::version::VersionParts;

#[cfg(test)]
mod tests;

const LAUNCHER: &str = include_str!("run.js");

/// What the channel supports.
pub(crate) const FACTS: Facts = Facts {
    kind: ChannelKind::Npm,
    takes: |_| true,
    version,
    prerelease: Some("the dist-tag `next`"),
    needs_urls: false,
    files: "`<package>/` and `<package>-<os>-<cpu>/`, each with its tarball",
};

/// The version as semver. Missing numbers are zeros. npm ignores metadata of builds, so two
/// versions that differ only there would be the same one.
fn version(version: &Version) -> std::result::Result<String, String> {
    let parts = VersionParts::of(version);
    if parts.build.is_some() {
        return Err("npm ignores what follows `+`".into());
    }
    let mut numbers = parts.release.to_owned();
    for _ in numbers.split('.').count()..3 {
        numbers.push_str(".0");
    }
    let text = match parts.pre {
        Some(pre) => format!("{numbers}-{pre}"),
        None => numbers,
    };
    match semver::Version::parse(&text) {
        Ok(version) => Ok(version.to_string()),
        Err(error) => Err(format!("npm needs a version of semver: {error}")),
    }
}

/// A file of a package.
struct Entry<'a> {
    name: String,
    mode: u32,
    content: Bytes<'a>,
}

enum Bytes<'a> {
    Text(String),
    File(&'a PlatformRelease, &'a ArtifactFile),
}

/// A package of one platform.
struct PlatformPackage<'a> {
    name: String,
    platform: &'a PlatformRelease,
    libc: Option<&'static str>,
}

impl Render for Npm {
    fn render(&self, release: &Release, _: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        let name = self.package.as_deref().unwrap_or(release.name.as_str());
        check_name(name)?;
        let version = version(&release.version).map_err(Error::failed)?;
        let platforms = platform_packages(name, release)?;
        for package in &platforms {
            let entries = platform_entries(release, package, &version)?;
            write(out, &package.name, &version, &entries)?;
        }
        let entries = main_entries(release, name, &version, &platforms)?;
        write(out, name, &version, &entries)
    }
}

/// npm's rules for the names of new packages.
fn check_name(name: &str) -> Result<()> {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '_'])
            && part
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-._".contains(&c))
    };
    let is_name = match name.strip_prefix('@') {
        Some(rest) => rest
            .split_once('/')
            .is_some_and(|(scope, name)| is_part(scope) && is_part(name)),
        None => is_part(name),
    };
    // The names of platforms add up to 20 characters.
    if is_name && name.len() <= 190 {
        return Ok(());
    }
    Err(Error::usage(format!("`{name}` is no name of an npm package"))
            .cause("it consists of lower-case letters, digits, `-`, `.` and `_`, with or without a scope")
            .hint("write `npm: {package: \"@scope/name\"}` in the recipe"))
}

fn platform_packages<'a>(name: &str, release: &'a Release) -> Result<Vec<PlatformPackage<'a>>> {
    let has = |platform: Platform, libc| {
        let wanted = Platform { libc, ..platform };
        release
            .platforms
            .iter()
            .any(|other| other.platform() == wanted)
    };
    let mut packages = Vec::new();
    for release_of in &release.platforms {
        let platform = release_of.platform();
        let plain = has(platform, None);
        let (end, libc) = match (platform.os, platform.libc) {
            (_, None) => ("", None),
            (Os::Linux, Some(Libc::Musl)) => {
                // A static program runs where glibc is, too. If it is the only one, npm must
                // install it there as well.
                let only = !plain && !has(platform, Some(Libc::Gnu));
                let anywhere = only && needs(release, release_of)? == Needs::Nothing;
                ("-musl", (!anywhere).then_some("musl"))
            }
            (Os::Linux, Some(Libc::Gnu)) => (if plain { "-gnu" } else { "" }, Some("glibc")),
            (_, Some(Libc::Musl)) => ("-musl", None),
            (_, Some(Libc::Gnu)) => (if plain { "-gnu" } else { "" }, None),
        };
        packages.push(PlatformPackage {
            name: format!("{name}-{}-{}{end}", os(platform), cpu(platform)),
            platform: release_of,
            libc,
        });
    }
    Ok(packages)
}

/// node's word for an operating system.
fn os(platform: Platform) -> &'static str {
    match platform.os {
        Os::Linux => "linux",
        Os::Darwin => "darwin",
        Os::Windows => "win32",
    }
}

/// node's word for an architecture.
fn cpu(platform: Platform) -> &'static str {
    match platform.arch {
        Arch::Amd64 => "x64",
        Arch::Arm64 => "arm64",
        Arch::I386 => "ia32",
        Arch::Arm => "arm",
    }
}

/// The fields that all packages have.
fn manifest(
    release: &Release,
    name: &str,
    version: &str,
    description: &str,
) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    let mut set = |key: &str, value: Value| {
        fields.insert(key.to_owned(), value);
    };
    set("name", name.into());
    set("version", version.into());
    set("description", description.into());
    if let Some(homepage) = &release.homepage {
        set("homepage", homepage.as_str().into());
    }
    if let Some(url) = repository(release) {
        let url = format!("git+{}.git", url.trim_end_matches('/'));
        set("repository", json!({"type": "git", "url": url}));
    }
    set("license", release.text(RequiredText::License)?.into());
    if let Some(maintainer) = &release.maintainer {
        set("author", maintainer.as_str().into());
    }
    let mut publish = json!({"access": "public"});
    if release.version.is_prerelease() {
        publish["tag"] = "next".into();
    }
    set("publishConfig", publish);
    Ok(fields)
}

fn platform_entries<'a>(
    release: &'a Release,
    package: &PlatformPackage<'a>,
    version: &str,
) -> Result<Vec<Entry<'a>>> {
    let platform = package.platform.platform();
    let what = format!("The programs of {} for {platform}", release.name);
    let mut fields = manifest(release, &package.name, version, &what)?;
    fields.insert("os".into(), json!([os(platform)]));
    fields.insert("cpu".into(), json!([cpu(platform)]));
    if let Some(libc) = package.libc {
        fields.insert("libc".into(), json!([libc]));
    }
    // Programs can't be started from an archive.
    fields.insert("preferUnplugged".into(), true.into());
    fields.insert("files".into(), json!(["bin"]));
    let about = format!(
        "# {}\n\n{what}. Install the package that needs it instead.\n",
        package.name
    );
    let mut entries = vec![
        text("package.json", json_text(fields)),
        text("README.md", about),
    ];
    for file in package.platform.binaries(release) {
        entries.push(Entry {
            name: format!("bin/{}", file.name),
            mode: 0o755,
            content: Bytes::File(package.platform, file),
        });
    }
    entries.extend(licenses(release, package.platform));
    Ok(entries)
}

fn main_entries<'a>(
    release: &'a Release,
    name: &str,
    version: &str,
    platforms: &[PlatformPackage<'a>],
) -> Result<Vec<Entry<'a>>> {
    let description = one_line(release.text(RequiredText::Description)?);
    let mut fields = manifest(release, name, version, &description)?;
    let programs: Map<String, Value> = release
        .binaries
        .iter()
        .map(|binary| (binary.to_string(), format!("bin/{binary}.js").into()))
        .collect();
    fields.insert("bin".into(), programs.into());
    fields.insert("files".into(), json!(["bin", "man", "run.js"]));
    fields.insert("engines".into(), json!({"node": ">=16"}));
    let optional: Map<String, Value> = platforms
        .iter()
        .map(|package| (package.name.clone(), version.into()))
        .collect();
    fields.insert("optionalDependencies".into(), optional.into());

    let mut entries = Vec::new();
    for binary in &release.binaries {
        let script =
            format!("#!/usr/bin/env node\n'use strict';\nrequire('../run.js')('{binary}');\n");
        let mut entry = text(&format!("bin/{binary}.js"), script);
        entry.mode = 0o755;
        entries.push(entry);
    }
    entries.push(text("run.js", launcher(release, name, platforms)));
    let install = format!("npm install --global {name}");
    entries.push(text("README.md", readme(release, &install)));
    // The included files are those of the first platform.
    if let Some(first) = release.platforms.first() {
        entries.extend(licenses(release, first));
        let mut pages = Vec::new();
        for file in first.included(release) {
            if let Included::Man { .. } = included(file.name.as_str()) {
                let name = format!("man/{}", file.name);
                pages.push(Value::from(format!("./{name}")));
                entries.push(Entry {
                    name,
                    mode: 0o644,
                    content: Bytes::File(first, file),
                });
            }
        }
        if !pages.is_empty() {
            fields.insert("man".into(), pages.into());
        }
    }
    entries.push(text("package.json", json_text(fields)));
    Ok(entries)
}

/// The launcher with its table of platforms.
fn launcher(release: &Release, name: &str, packages: &[PlatformPackage<'_>]) -> String {
    let mut platforms = Map::new();
    for package in packages {
        let platform = package.platform.platform();
        let key = format!("{}-{}", os(platform), cpu(platform));
        let libc = platform.libc.map(|libc| match libc {
            Libc::Musl => "musl",
            Libc::Gnu => "glibc",
        });
        let files: Map<String, Value> = release
            .binaries
            .iter()
            .map(|name| (name.to_string(), json!([platform.program(name.as_str())])))
            .collect();
        let entry = json!({"name": package.name, "libc": libc, "files": files});
        let list = platforms.entry(key).or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.push(entry);
        }
    }
    // No name can contain a placeholder.
    LAUNCHER
        .replace("@@PACKAGE@@", &Value::from(name).to_string())
        .replace("@@PLATFORMS@@", &format!("{:#}", Value::from(platforms)))
}

fn licenses<'a>(
    release: &'a Release,
    platform: &'a PlatformRelease,
) -> impl Iterator<Item = Entry<'a>> {
    platform
        .included(release)
        .filter(|file| included(file.name.as_str()) == Included::License)
        .map(move |file| Entry {
            name: file.name.to_string(),
            mode: 0o644,
            content: Bytes::File(platform, file),
        })
}

fn text(name: &str, text: String) -> Entry<'static> {
    Entry {
        name: name.to_owned(),
        mode: 0o644,
        content: Bytes::Text(text),
    }
}

fn json_text(fields: Map<String, Value>) -> String {
    format!("{:#}\n", Value::from(fields))
}

/// Writes a package as a folder and as the tarball that `npm pack` would name so.
fn write(out: &Output<'_>, name: &str, version: &str, entries: &[Entry<'_>]) -> Result<()> {
    let folder = out.folder(name)?;
    let mut packed = Vec::new();
    for entry in entries {
        folder.file(&entry.name, entry.mode, |to| match &entry.content {
            Bytes::Text(text) => std::io::Write::write_all(to, text.as_bytes())
                .map_err(|error| folder.cannot_write(&entry.name, &error)),
            Bytes::File(platform, file) => folder.copy(&platform.path(file), to).map(|_| ()),
        })?;
        let path = match &entry.content {
            Bytes::Text(_) => None,
            Bytes::File(platform, file) => Some(platform.path(file)),
        };
        packed.push((format!("package/{}", entry.name), path, entry));
    }
    let packed: Vec<PackEntry<'_>> = packed
        .iter()
        .map(|(name, path, entry)| PackEntry {
            name,
            mode: entry.mode,
            size: match &entry.content {
                Bytes::Text(text) => text.len() as u64,
                Bytes::File(_, file) => file.size,
            },
            content: match (&entry.content, path) {
                (Bytes::Text(text), _) => Content::Bytes(text.as_bytes()),
                (Bytes::File(..), Some(path)) => Content::File(path),
                (Bytes::File(..), None) => Content::Bytes(&[]),
            },
        })
        .collect();
    let file = name.trim_start_matches('@').replace('/', "-");
    out.file(&format!("{file}-{version}.tgz"), 0o644, |to| {
        let (format, cancel) = (PackageFormat::TarGz, out.cancel());
        pack(format, &packed, to, out.threads(), cancel, &|_| ()).map(|_| ())
    })
}
