//! winget: the three manifests of a version, for archives with programs that need no installer.
//!
//! winget unpacks zip only, which is what larder packs for Windows unless a recipe has another
//! format; then rendering is an error, because a version without some architectures would replace
//! one that had them.

use larder_core::error::{Error, Result};
use larder_core::model::{Arch, ChannelKind, Name, Os, RequiredText};
use larder_core::project::publish::{ChannelConfig, Winget};

use crate::output::Output;
use crate::quote::{lines, one_line, shorten, yaml};
use crate::release::{EARLIEST, PlatformRelease, Release};
use crate::render::{Facts, Render};

mod published;

#[cfg(test)]
mod tests;

pub use published::{package_folder, published_versions};

/// What winget supports.
pub const FACTS: Facts = Facts {
    kind: ChannelKind::Winget,
    takes: |platform| platform.os == Os::Windows,
    version: |version| Ok(version.number().to_owned()),
    prerelease: None,
    needs_urls: true,
    files: "`<Publisher>.<Name>.yaml`, `.installer.yaml`, `.locale.en-US.yaml`",
};

/// The version of the manifests' schemas.
const SCHEMA: &str = "1.12.0";
/// The longest part of an identifier.
const PART: usize = 32;
/// The most parts of an identifier, and the longest one as a whole.
const PARTS: usize = 8;
const IDENTIFIER: usize = 128;
/// The longest alias of a command, and the longest moniker.
const ALIAS: usize = 40;
/// The longest texts.
const SHORT: usize = 256;
const LONG: usize = 10_000;

impl Render for Winget {
    fn render(&self, release: &Release, config: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        let id = identifier(self, &release.name)?;
        let version = release.version.number();
        let start = |kind: &str| {
            let mut manifest = Manifest::new(kind);
            manifest.text("PackageIdentifier", &id);
            manifest.text("PackageVersion", version);
            manifest
        };
        let installers = installers(start("installer"), release)?;
        let locale = locale(start("defaultLocale"), self, release, config)?;
        let mut main = start("version");
        main.line("DefaultLocale: en-US");
        out.text(&format!("{id}.yaml"), &main.end())?;
        out.text(&format!("{id}.installer.yaml"), &installers.end())?;
        out.text(&format!("{id}.locale.en-US.yaml"), &locale.end())
    }
}

/// The package's identifier: the publisher and the name, without spaces and signs. Each dot of the
/// name starts a new part.
pub fn identifier(winget: &Winget, subsystem: &Name) -> Result<String> {
    let clean = |text: &str| -> String {
        let kept = |c: &char| c.is_alphanumeric() || "-_+".contains(*c);
        text.chars().filter(kept).collect()
    };
    let name = winget.name.as_deref().unwrap_or(subsystem.as_str());
    let mut parts = vec![clean(&winget.publisher)];
    parts.extend(name.split('.').map(clean).filter(|part| !part.is_empty()));
    let id = parts.join(".");
    let too_long = |part: &String| part.is_empty() || part.chars().count() > PART;
    if parts.len() < 2
        || parts.len() > PARTS
        || parts.iter().any(too_long)
        || id.chars().count() > IDENTIFIER
    {
        return Err(Error::usage(format!("winget can't have a package `{id}`"))
            .cause(format!(
                "an identifier has two to {PARTS} parts of one to {PART} letters and digits"
            ))
            .hint("change `winget.publisher` or `winget.name`"));
    }
    Ok(id)
}

fn installers(mut manifest: Manifest, release: &Release) -> Result<Manifest> {
    let platforms = release.for_os(Os::Windows);
    manifest.line("InstallerType: zip");
    manifest.line("NestedInstallerType: portable");
    let programs: Vec<_> = platforms
        .iter()
        .map(|platform| programs(release, platform))
        .collect::<Result<_>>()?;
    let same = programs.iter().all(|list| *list == programs[0]);
    if same {
        manifest.programs(&programs[0], "");
    }
    if release.time > EARLIEST {
        manifest.text("ReleaseDate", &date(release.time)?);
    }
    manifest.line("Installers:");
    for (platform, programs) in platforms.iter().zip(&programs) {
        if platform.asset.as_str().strip_suffix(".zip").is_none() {
            return Err(
                Error::usage(format!("winget can't install {}", platform.asset))
                    .cause("it unpacks zip only")
                    .hint("leave out `package.format` in the recipe, so that packages for Windows are zip, or write `winget: {enabled: false}` under `publish:`"),
            );
        }
        manifest.line(&format!("- Architecture: {}", word(platform)));
        manifest.text("  InstallerUrl", platform.url()?);
        let digest = platform.sidecar.sha256.to_string().to_uppercase();
        manifest.text("  InstallerSha256", &digest);
        if !same {
            manifest.programs(programs, "  ");
        }
    }
    Ok(manifest)
}

/// winget's word for an architecture.
fn word(platform: &PlatformRelease) -> &'static str {
    match platform.platform().arch {
        Arch::Amd64 => "x64",
        Arch::Arm64 => "arm64",
        Arch::I386 => "x86",
        Arch::Arm => "arm",
    }
}

/// The file names of the programs. Scripts are left out, as winget makes commands of programs only.
fn programs(release: &Release, platform: &PlatformRelease) -> Result<Vec<String>> {
    let programs: Vec<String> = platform
        .binaries(release)
        .map(|file| file.name.to_string())
        .filter(|name| name.strip_suffix(".exe").is_some())
        .collect();
    if programs.is_empty() {
        return Err(Error::usage(format!(
            "winget can't install {}",
            platform.asset
        ))
        .cause("none of its binaries ends in `.exe`, and winget has commands for programs only")
        .hint("write `winget: {enabled: false}` under `publish:`"));
    }
    Ok(programs)
}

fn locale(
    mut manifest: Manifest,
    winget: &Winget,
    release: &Release,
    config: &ChannelConfig,
) -> Result<Manifest> {
    let publisher = one_line(&winget.publisher);
    let name = one_line(winget.name.as_deref().unwrap_or(release.name.as_str()));
    // The schema wants at least two characters of names, and three of texts.
    let at_least = |min: usize, text: &str, otherwise: String| match text.chars().count() {
        length if length < min => otherwise,
        _ => text.to_owned(),
    };
    let shown = at_least(2, &name, format!("{publisher} {name}"));
    let description = release.text(RequiredText::Description)?;
    let short = one_line(description);
    let short = shorten(&at_least(3, &short, format!("{shown}: {short}")), SHORT);
    let license = one_line(release.text(RequiredText::License)?);

    manifest.line("PackageLocale: en-US");
    let publisher = at_least(2, &publisher, format!("{publisher} {}", release.project));
    manifest.text("Publisher", &shorten(&publisher, SHORT));
    manifest.text("PackageName", &shorten(&shown, SHORT));
    if let Some(homepage) = release.homepage.as_deref().map(one_line) {
        let lower = homepage.to_ascii_lowercase();
        if lower.starts_with("https://") || lower.starts_with("http://") {
            manifest.text("PackageUrl", &homepage);
        }
    }
    let license = at_least(3, &license, format!("{license} licence"));
    manifest.text("License", &shorten(&license, 512));
    manifest.text("ShortDescription", &short);
    let long = joined(description);
    if long != short && long.chars().count() >= 3 {
        manifest.text("Description", &shorten(&long, LONG));
    }
    if release.name.as_str().len() <= ALIAS {
        manifest.text("Moniker", release.name.as_str());
    }
    for (key, text) in [
        ("ReleaseNotes", &release.changelog),
        ("InstallationNotes", &config.post_install),
    ] {
        if let Some(text) = text.as_deref().map(joined).filter(|text| !text.is_empty()) {
            manifest.text(key, &shorten(&text, LONG));
        }
    }
    Ok(manifest)
}

fn joined(text: &str) -> String {
    lines(text).join("\n")
}

/// The day, as `2026-01-31`.
fn date(seconds: i64) -> Result<String> {
    let time = jiff::Timestamp::from_second(seconds)
        .map_err(|error| Error::usage(format!("{seconds} is no time of a release")).cause(error))?;
    Ok(time.strftime("%Y-%m-%d").to_string())
}

/// A manifest that is being written.
struct Manifest {
    text: String,
    kind: String,
}

impl Manifest {
    fn new(kind: &str) -> Self {
        let text = format!(
            "# Rendered by larder.\n# yaml-language-server: $schema=https://aka.ms/winget-manifest.{kind}.{SCHEMA}.schema.json\n\n"
        );
        Self {
            text,
            kind: kind.to_owned(),
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn text(&mut self, key: &str, value: &str) {
        self.line(&format!("{key}: {}", yaml(value)));
    }

    fn programs(&mut self, programs: &[String], indentation: &str) {
        self.line(&format!("{indentation}NestedInstallerFiles:"));
        for program in programs {
            let path = yaml(program);
            self.line(&format!("{indentation}- RelativeFilePath: {path}"));
            let alias = program.strip_suffix(".exe").unwrap_or(program);
            // Without an alias, the command has the file's name.
            if alias.len() <= ALIAS {
                let alias = yaml(alias);
                self.line(&format!("{indentation}  PortableCommandAlias: {alias}"));
            }
        }
    }

    fn end(mut self) -> String {
        let kind = std::mem::take(&mut self.kind);
        self.line(&format!("ManifestType: {kind}"));
        self.line(&format!("ManifestVersion: {SCHEMA}"));
        self.text
    }
}
