//! chocolatey: a manifest, a script that downloads the zip of the machine's architecture, and the
//! package of both.

use std::fmt::Write as _;

use camino::Utf8Path;
use larder_core::error::{Error, Result};
use larder_core::model::{Arch, ChannelKind, Os, Platform, RequiredText, Version};
use larder_core::project::publish::{ChannelConfig, Chocolatey};

use crate::linux::text::{one_line, shorten};
use crate::output::Output;
use crate::release::{PlatformRelease, Release};
use crate::render::{Facts, Render};
use crate::version::VersionParts;

mod package;

use crate::quote::xml as escape;

/// What the channel supports.
pub(crate) const FACTS: Facts = Facts {
    kind: ChannelKind::Chocolatey,
    takes,
    version,
    prerelease: None,
    needs_urls: true,
    files: "`<name>.nuspec`, `tools/chocolateyinstall.ps1`, `<name>.<version>.nupkg`",
};

const SCRIPT: &str = "tools/chocolateyinstall.ps1";
/// The most characters of a description or of release notes that the community's feed accepts.
const MOST_TEXT: usize = 4000;

impl Render for Chocolatey {
    fn render(&self, release: &Release, config: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        let name = release.name.as_str();
        let version = version(&release.version).map_err(Error::usage)?;
        let manifest = manifest(release, self, &version)?;
        let script = script(release, config.post_install.as_deref())?;
        let nuspec = format!("{name}.nuspec");
        out.text(&nuspec, &manifest)?;
        out.text(SCRIPT, &script)?;
        package::write(
            &package::Package {
                name,
                version: &version,
                creator: &authors(release)?,
                description: &one_line(release.text(RequiredText::Description)?),
                manifest: &manifest,
                script: &script,
            },
            out,
        )
    }
}

fn takes(platform: &Platform) -> bool {
    // The script knows urls for two architectures. Windows on arm64 runs programs for amd64.
    platform.os == Os::Windows && matches!(platform.arch, Arch::Amd64 | Arch::I386)
}

/// The version as `NuGet` normalises it, with the pre-releases of `SemVer` 1: `1.2-rc.1`
/// → `1.2.0-rc1`.
fn version(version: &Version) -> std::result::Result<String, String> {
    let parts = VersionParts::of(version);
    let mut numbers = parts
        .numbers()
        .filter(|numbers| numbers.len() <= 4)
        .ok_or("its versions are up to four numbers with dots between them")?;
    if numbers.iter().any(|number| *number > i32::MAX as u64) {
        return Err("the numbers of its versions are at most 2147483647".into());
    }
    if parts.build.is_some() {
        return Err("its versions have no `+`".into());
    }
    while numbers.len() < 3 {
        numbers.push(0);
    }
    if numbers.len() == 4 && numbers[3] == 0 {
        numbers.pop();
    }
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let mut text = numbers.join(".");
    if let Some(pre) = parts.pre {
        let word = pre.replace(['.', '_'], "");
        if !word.starts_with(|c: char| c.is_ascii_alphabetic()) || word.len() > 20 {
            return Err(
                "its pre-releases start with a letter and have at most 20 characters".into(),
            );
        }
        text = format!("{text}-{word}");
    }
    Ok(text)
}

/// The maintainer's name without the address.
fn authors(release: &Release) -> Result<String> {
    let maintainer = one_line(release.text(RequiredText::Maintainer)?);
    let name = maintainer.split('<').next().unwrap_or_default().trim();
    Ok(if name.is_empty() {
        maintainer.trim_matches(['<', '>']).to_owned()
    } else {
        name.to_owned()
    })
}

fn manifest(release: &Release, config: &Chocolatey, version: &str) -> Result<String> {
    let description = release.text(RequiredText::Description)?;
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <package xmlns=\"http://schemas.microsoft.com/packaging/2015/06/nuspec.xsd\">\n  <metadata>\n",
    );
    let mut element = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(xml, "    <{name}>{}</{name}>", escape(value));
        }
    };
    element("id", release.name.as_str());
    element("version", version);
    element("title", release.name.as_str());
    element("authors", &authors(release)?);
    element(
        "owners",
        &one_line(config.owners.as_deref().unwrap_or_default()),
    );
    if let Some(license) = &release.license
        && license
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
    {
        // There is an address for one licence, but none for an expression.
        let url = format!("https://spdx.org/licenses/{license}.html");
        element("licenseUrl", &url);
    }
    element(
        "projectUrl",
        release.homepage.as_deref().unwrap_or_default(),
    );
    element("requireLicenseAcceptance", "false");
    element("description", &shorten(description.trim(), MOST_TEXT));
    element("summary", &one_line(description));
    element(
        "releaseNotes",
        &shorten(
            release.changelog.as_deref().unwrap_or_default().trim(),
            MOST_TEXT,
        ),
    );
    element("tags", &format!("{} cli", release.name));
    xml += "  </metadata>\n</package>\n";
    Ok(xml)
}

/// The script that installs the package.
fn script(release: &Release, post_install: Option<&str>) -> Result<String> {
    let mut fields = vec![
        (
            "packageName".to_owned(),
            "$env:ChocolateyPackageName".to_owned(),
        ),
        (
            "unzipLocation".to_owned(),
            "Split-Path -Parent $MyInvocation.MyCommand.Definition".to_owned(),
        ),
    ];
    for (arch, url, suffix) in [(Arch::I386, "url", ""), (Arch::Amd64, "url64bit", "64")] {
        let Some(platform) = release.best(Os::Windows, arch) else {
            continue;
        };
        fields.push((url.into(), quoted(zip_url(platform)?)));
        let digest = platform.sidecar.sha256.to_string();
        fields.push((format!("checksum{suffix}"), quoted(&digest)));
        fields.push((format!("checksumType{suffix}"), quoted("sha256")));
    }
    let mut script = "$ErrorActionPreference = 'Stop'\n\n$packageArgs = @{\n".to_owned();
    for (name, value) in fields {
        let _ = writeln!(script, "  {name:<14} = {value}");
    }
    script += "}\n\nInstall-ChocolateyZipPackage @packageArgs\n";
    for line in post_install.unwrap_or_default().lines() {
        let _ = writeln!(script, "Write-Host {}", quoted(line));
    }
    if script.is_ascii() {
        return Ok(script);
    }
    // Windows PowerShell reads a file without this mark in the code page of the machine.
    Ok(format!("\u{feff}{script}"))
}

fn zip_url(platform: &PlatformRelease) -> Result<&str> {
    let asset = platform.asset.as_str();
    if Utf8Path::new(asset).extension() != Some("zip") {
        return Err(
            Error::usage(format!("chocolatey can't install {asset}"))
                .cause("it unpacks zip archives only")
                .hint("leave `format` out of `package` in the recipe: packages for Windows are zip archives then"),
        );
    }
    platform.url()
}

/// A text between single quotes, in which PowerShell expands nothing. It takes typographic quotes
/// for single quotes, too.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests;
