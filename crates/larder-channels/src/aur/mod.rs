//! The Arch User Repository: a `PKGBUILD` that installs the hub's own archives, and the `.SRCINFO`
//! that `makepkg --printsrcinfo` prints for it, byte for byte.

use std::fmt::Write;

use larder_core::error::{Error, Result};
use larder_core::model::{Arch, ChannelKind, Name, Os, RequiredText, Version};
use larder_core::project::publish::{Aur, ChannelConfig};

use crate::contents::{self, Entry};
use crate::included::{Included, included};
use crate::output::Output;
use crate::quote::{lines, one_line, shell};
use crate::release::{PlatformRelease, Release};
use crate::render::{Facts, Render};

mod published;

#[cfg(test)]
mod tests;

pub use published::published_version;

/// What the AUR supports.
pub const FACTS: Facts = Facts {
    kind: ChannelKind::Aur,
    takes: |platform| platform.os == Os::Linux,
    version: |version| Ok(package_version(version)),
    prerelease: Some("a version with `_`, such as `1.2.3_rc.1`"),
    needs_urls: true,
    files: "`PKGBUILD`, `.SRCINFO`, `<package>.install` with `post_install`",
};

impl Render for Aur {
    fn render(&self, release: &Release, config: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        let package = Package::of(self, release, config)?;
        out.text("PKGBUILD", &package.pkgbuild(release))?;
        out.text(".SRCINFO", &package.srcinfo())?;
        if !package.notes.is_empty() {
            out.text(&package.install_file(), &install_script(&package.notes))?;
        }
        Ok(())
    }
}

/// A package's name: the last part of the url of its repository, or the subsystem's with `-bin`,
/// which the AUR wants for packages that compile nothing.
pub fn package_name(aur: &Aur, subsystem: &Name) -> Result<String> {
    let Some(git) = &aur.git else {
        return Ok(format!("{subsystem}-bin"));
    };
    let path = git.trim_end_matches('/');
    let last = path.rsplit(['/', ':']).next().unwrap_or_default();
    let name = last.strip_suffix(".git").unwrap_or(last);
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "@._+-".contains(c);
    if name.is_empty() || name.starts_with(['-', '.']) || !name.chars().all(allowed) {
        return Err(Error::usage(format!(
            "the AUR can't have a package `{}`",
            one_line(name)
        ))
        .cause("a package's name has only lower-case letters, digits, `@`, `.`, `_`, `+` and `-`, and starts with none of `-` and `.`")
        .hint("let `aur.git` end in the package's name, such as ssh://aur@…/arc-bin.git"));
    }
    Ok(name.to_owned())
}

/// The version without `-`, which is no part of a version there.
fn package_version(version: &Version) -> String {
    version.number().replace('-', "_")
}

/// Arch Linux's word for an architecture.
fn word(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "x86_64",
        Arch::Arm64 => "aarch64",
        Arch::I386 => "i686",
        Arch::Arm => "armv7h",
    }
}

/// What both files say.
struct Package<'a> {
    name: String,
    version: String,
    description: String,
    homepage: String,
    license: String,
    maintainer: Option<String>,
    provides: Vec<String>,
    conflicts: Vec<String>,
    notes: Vec<String>,
    platforms: Vec<&'a PlatformRelease>,
    /// For each platform its architecture, its source and its digest.
    sources: Vec<(&'static str, String, String)>,
}

/// The binaries are the hub's, so nothing strips them or takes their debug symbols out.
const OPTIONS: [&str; 2] = ["!strip", "!debug"];

impl<'a> Package<'a> {
    fn of(aur: &Aur, release: &'a Release, config: &ChannelConfig) -> Result<Self> {
        let name = package_name(aur, &release.name)?;
        let version = package_version(&release.version);
        let plain = name.strip_suffix("-bin");
        let or_plain = |list: &[String]| match plain {
            Some(plain) if list.is_empty() => vec![plain.to_owned()],
            _ => list.iter().map(|text| one_line(text)).collect(),
        };
        let platforms = release.for_os(Os::Linux);
        let mut sources = Vec::new();
        for platform in &platforms {
            let arch = word(platform.platform().arch);
            let asset = platform.asset.as_str();
            let extension = ["tar.gz", "tar.zst", "zip"]
                .into_iter()
                .find(|extension| asset.ends_with(extension))
                .unwrap_or_default();
            // The name is unique, as people keep the sources of all packages in one folder.
            let url = platform.url()?;
            let source = format!("{name}-{version}-{arch}.{extension}::{url}");
            sources.push((arch, source, platform.sidecar.sha256.to_string()));
        }
        Ok(Self {
            provides: or_plain(&aur.provides),
            conflicts: or_plain(&aur.conflicts),
            name,
            version,
            description: one_line(release.text(RequiredText::Description)?),
            homepage: one_line(release.text(RequiredText::Homepage)?),
            license: one_line(release.text(RequiredText::License)?),
            maintainer: release.maintainer.as_deref().map(one_line),
            notes: config
                .post_install
                .as_deref()
                .map(lines)
                .unwrap_or_default(),
            platforms,
            sources,
        })
    }

    fn install_file(&self) -> String {
        format!("{}.install", self.name)
    }

    /// The fields that have one value, in the order of both files.
    fn single(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("pkgdesc", &self.description),
            ("pkgver", &self.version),
            ("pkgrel", "1"),
            ("url", &self.homepage),
        ]
    }

    /// The fields that have several, in the order of both files.
    fn multiple(&self) -> Vec<(String, Vec<&str>)> {
        let arches = self.sources.iter().map(|(arch, ..)| *arch).collect();
        let mut fields = vec![
            ("arch".to_owned(), arches),
            ("license".to_owned(), vec![self.license.as_str()]),
            ("provides".to_owned(), as_strs(&self.provides)),
            ("conflicts".to_owned(), as_strs(&self.conflicts)),
            ("options".to_owned(), OPTIONS.to_vec()),
        ];
        for (arch, source, digest) in &self.sources {
            fields.push((format!("source_{arch}"), vec![source]));
            fields.push((format!("sha256sums_{arch}"), vec![digest]));
        }
        fields.retain(|(_, values)| !values.is_empty());
        fields
    }

    fn srcinfo(&self) -> String {
        let mut text = format!("pkgbase = {}\n", self.name);
        let mut add = |key: &str, value: &str| {
            writeln!(text, "\t{key} = {value}").expect("a string grows");
        };
        for (key, value) in self.single() {
            add(key, value);
        }
        if !self.notes.is_empty() {
            add("install", &self.install_file());
        }
        for (key, values) in self.multiple() {
            for value in values {
                add(&key, value);
            }
        }
        writeln!(text, "\npkgname = {}", self.name).expect("a string grows");
        text
    }

    fn pkgbuild(&self, release: &Release) -> String {
        let mut text = String::new();
        let mut add = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        if let Some(maintainer) = &self.maintainer {
            add(format!("# Maintainer: {maintainer}"));
        }
        add(format!(
            "# Rendered by larder from the release {}. The next release overwrites it.",
            self.platforms[0].tag
        ));
        add(format!("pkgname={}", self.name));
        add(format!("pkgver={}", self.version));
        add("pkgrel=1".into());
        add(format!("pkgdesc={}", shell(&self.description)));
        add(format!("url={}", shell(&self.homepage)));
        for (key, values) in self.multiple() {
            let values: Vec<_> = values.into_iter().map(shell).collect();
            add(format!("{key}=({})", values.join(" ")));
            if key == "options" && !self.notes.is_empty() {
                add(format!("install={}", self.install_file()));
            }
        }
        add("\npackage() {".into());
        let binaries = contents::binaries(release, &self.platforms);
        for entry in &binaries {
            add(install_line(
                *entry,
                "755",
                &format!("/usr/bin/{}", entry.name),
            ));
        }
        for entry in contents::included(release, &self.platforms) {
            add(install_line(entry, "644", &self.target(entry.name)));
        }
        add("}".into());
        text
    }

    /// Where an included file is installed.
    fn target(&self, name: &str) -> String {
        match included(name) {
            Included::Man { section, .. } => format!("/usr/share/man/man{section}/{name}"),
            Included::Bash(program) => {
                format!("/usr/share/bash-completion/completions/{program}")
            }
            Included::Zsh(program) => format!("/usr/share/zsh/site-functions/_{program}"),
            Included::Fish(program) => {
                format!("/usr/share/fish/vendor_completions.d/{program}.fish")
            }
            Included::License => format!("/usr/share/licenses/{}/{name}", self.name),
            Included::PowerShell(_) | Included::Other => {
                format!("/usr/share/doc/{}/{name}", self.name)
            }
        }
    }
}

fn as_strs(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

fn install_line(entry: Entry<'_>, mode: &str, target: &str) -> String {
    let file = shell(entry.name);
    // No name has a character that is special in double quotes.
    let line = format!("install -Dm{mode} {file} \"$pkgdir{target}\"");
    if entry.everywhere {
        format!("  {line}")
    } else {
        format!("  if [[ -f {file} ]]; then\n    {line}\n  fi")
    }
}

/// The script that shows a text after the installation.
fn install_script(notes: &[String]) -> String {
    let mut text = "post_install() {\n  printf '%s\\n'".to_owned();
    for line in notes {
        write!(text, " \\\n    {}", shell(line)).expect("a string grows");
    }
    text.push_str("\n}\n");
    text
}
