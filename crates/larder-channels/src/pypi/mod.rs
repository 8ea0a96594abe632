//! PyPI: a wheel for each platform, whose programs pip puts beside python.
//!
//! Versions are those of PEP 440. Metadata of a build (`+build`) would make a local version, which
//! the index refuses, and without it two versions would be the same one: they are skipped.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use larder_core::error::{Error, Result};
use larder_core::model::{Arch, ArtifactFile, ChannelKind, Digest, Os, RequiredText};
use larder_core::project::publish::{ChannelConfig, Pypi};

use crate::included::{Included, included};
use crate::output::Output;
use crate::readme::{one_line, readme};
use crate::release::{PlatformRelease, Release};
use crate::render::{Facts, Render};
use crate::zip::ZipWriter;

mod tags;
#[cfg(test)]
mod tests;
mod version;

use version::version;

/// What the channel supports.
pub(crate) const FACTS: Facts = Facts {
    kind: ChannelKind::Pypi,
    takes: |platform| platform.os == Os::Linux || platform.arch != Arch::Arm,
    version,
    prerelease: Some("a version with `a`, `b`, `rc` or `.dev`"),
    needs_urls: false,
    files: "`<package>-<version>-py3-none-<platform>.whl` for each platform",
};

/// A file of a wheel.
struct Entry<'a> {
    name: String,
    mode: u32,
    content: Bytes<'a>,
}

enum Bytes<'a> {
    Text(String),
    File(&'a ArtifactFile),
}

impl Render for Pypi {
    fn render(&self, release: &Release, _: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        let name = self.package.as_deref().unwrap_or(release.name.as_str());
        check_name(name)?;
        let version = version(&release.version).map_err(Error::failed)?;
        let stem = format!("{}-{version}", escaped(name));
        for (platform, tags) in tags::wheels(release)? {
            let wheel = Wheel {
                release,
                platform,
                name,
                version: &version,
                stem: &stem,
                tags: &tags,
            };
            wheel.write(out)?;
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<()> {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_outer = |c: char| c.is_ascii_alphanumeric();
    if name.starts_with(is_outer) && name.ends_with(is_outer) && name.chars().all(is_inner) {
        return Ok(());
    }
    Err(Error::usage(format!("`{name}` is no name of a Python package"))
            .cause("it consists of letters, digits, `-`, `.` and `_`, and starts and ends with a letter or a digit")
            .hint("write `pypi: {package: NAME}` in the recipe"))
}

/// The name in file names: normalised, with `_` for each run of separators.
fn escaped(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("_").to_ascii_lowercase()
}

/// One wheel.
struct Wheel<'a> {
    release: &'a Release,
    platform: &'a PlatformRelease,
    name: &'a str,
    version: &'a str,
    /// `<name>-<version>`, as it begins all names.
    stem: &'a str,
    /// The platform tags, sorted.
    tags: &'a [String],
}

impl Wheel<'_> {
    fn write(&self, out: &Output<'_>) -> Result<()> {
        let mut entries = self.files();
        entries.push(self.info("METADATA", self.metadata()?));
        entries.push(self.info("WHEEL", self.wheel()));
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let record = self.record(&entries);
        // The last entry, as the specification recommends.
        entries.push(self.info("RECORD", record));
        let name = format!("{}-py3-none-{}.whl", self.stem, self.tags.join("."));
        out.file(&name, 0o644, |to| {
            let mut zip = ZipWriter::new(to, self.release.time, out.threads());
            for entry in &entries {
                let (name, mode) = (&entry.name, entry.mode);
                match &entry.content {
                    Bytes::Text(text) => zip.add(name, mode, text.len() as u64, |to| {
                        to.write_all(text.as_bytes())
                            .map_err(|error| out.cannot_write(name, &error))
                    })?,
                    Bytes::File(file) => zip.add(name, mode, file.size, |to| {
                        out.copy(&self.platform.path(file), to).map(|_| ())
                    })?,
                }
            }
            zip.finish()
        })
    }

    /// The programs and the included files that have a place.
    fn files(&self) -> Vec<Entry<'_>> {
        let data = format!("{}.data", self.stem);
        let mut entries: Vec<Entry<'_>> = self
            .platform
            .binaries(self.release)
            .map(|file| Entry {
                name: format!("{data}/scripts/{}", file.name),
                mode: 0o755,
                content: Bytes::File(file),
            })
            .collect();
        let share = format!("{data}/data/share");
        for file in self.platform.included(self.release) {
            let name = match included(file.name.as_str()) {
                Included::License => self.license(file),
                Included::Man { section, .. } => format!("{share}/man/man{section}/{}", file.name),
                Included::Bash(program) => format!("{share}/bash-completion/completions/{program}"),
                Included::Zsh(program) => format!("{share}/zsh/site-functions/_{program}"),
                Included::Fish(program) => {
                    format!("{share}/fish/vendor_completions.d/{program}.fish")
                }
                Included::PowerShell(_) | Included::Other => continue,
            };
            entries.push(Entry {
                name,
                mode: 0o644,
                content: Bytes::File(file),
            });
        }
        entries
    }

    fn license(&self, file: &ArtifactFile) -> String {
        format!("{}.dist-info/licenses/{}", self.stem, file.name)
    }

    fn info(&self, name: &str, text: String) -> Entry<'static> {
        Entry {
            name: format!("{}.dist-info/{name}", self.stem),
            mode: 0o644,
            content: Bytes::Text(text),
        }
    }

    fn metadata(&self) -> Result<String> {
        let release = self.release;
        let summary = one_line(release.text(RequiredText::Description)?);
        let license = one_line(release.text(RequiredText::License)?);
        let mut fields = vec![
            ("Metadata-Version", "2.4".to_owned()),
            ("Name", self.name.to_owned()),
            ("Version", self.version.to_owned()),
            ("Summary", summary),
        ];
        if let Some(maintainer) = &release.maintainer {
            fields.push(("Maintainer-email", one_line(maintainer)));
        }
        fields.push(("License-Expression", license));
        for file in self.platform.included(release) {
            if included(file.name.as_str()) == Included::License {
                fields.push(("License-File", file.name.to_string()));
            }
        }
        if let Some(homepage) = &release.homepage {
            fields.push(("Project-URL", format!("Homepage, {}", one_line(homepage))));
        }
        let content_type = "text/markdown; charset=UTF-8";
        fields.push(("Description-Content-Type", content_type.to_owned()));
        let mut text = String::new();
        for (key, value) in fields {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{key}: {value}");
        }
        let install = format!("pip install {}", self.name);
        let _ = write!(text, "\n{}", readme(release, &install));
        Ok(text)
    }

    fn wheel(&self) -> String {
        let generator = env!("CARGO_PKG_VERSION");
        let mut text =
            format!("Wheel-Version: 1.0\nGenerator: larder {generator}\nRoot-Is-Purelib: false\n");
        for tag in self.tags {
            let _ = writeln!(text, "Tag: py3-none-{tag}");
        }
        text
    }

    /// The list of all files with digests and sizes. It names itself without them.
    fn record(&self, entries: &[Entry<'_>]) -> String {
        let mut text = String::new();
        for entry in entries {
            let (digest, size) = match &entry.content {
                Bytes::Text(text) => (Digest::of(text.as_bytes()), text.len() as u64),
                Bytes::File(file) => (file.sha256, file.size),
            };
            let digest = URL_SAFE_NO_PAD.encode(digest.as_bytes());
            let _ = writeln!(text, "{},sha256={digest},{size}", entry.name);
        }
        let _ = writeln!(text, "{}.dist-info/RECORD,,", self.stem);
        text
    }
}
