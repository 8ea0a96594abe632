//! Installation scripts: `install.sh` for POSIX shells, and `install.ps1` for PowerShell on
//! Windows. The templates are in the files beside this one. Each script has the urls and digests of
//! all packages, so it needs nothing else that could differ.

use std::fmt::Write as _;
use std::io::Write as _;

use larder_core::error::{Error, Result};
use larder_core::model::{ChannelKind, Os, PackageFormat};
use larder_core::project::publish::ChannelConfig;

use crate::output::Output;
use crate::release::{PlatformRelease, Release};
use crate::render::{Facts, Render};

#[cfg(test)]
mod tests;

const SHELL: &str = include_str!("install.sh");
const POWERSHELL: &str = include_str!("install.ps1");

/// The channel has no settings of its own.
pub struct Installer;

/// What the channel supports.
pub(crate) const FACTS: Facts = Facts {
    kind: ChannelKind::Installer,
    takes: |_| true,
    version: |version| Ok(version.number().to_owned()),
    prerelease: Some("scripts of their own release"),
    needs_urls: true,
    files: "`install.sh` and `install.ps1`",
};

impl Render for Installer {
    fn render(&self, release: &Release, config: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        for platform in &release.platforms {
            check_url(platform.url()?)?;
        }
        let post = config.post_install.as_deref();
        let shell = shell(release, post)?;
        out.file("install.sh", 0o755, |to| {
            to.write_all(shell.as_bytes())
                .map_err(|error| out.cannot_write("install.sh", &error))
        })?;
        out.text("install.ps1", &powershell(release, post)?)
    }
}

/// The scripts refuse plain http except from this machine.
fn check_url(url: &str) -> Result<()> {
    let is_loopback = ["127.0.0.1", "localhost", "[::1]"].into_iter().any(|host| {
        url.strip_prefix("http://")
            .and_then(|rest| rest.strip_prefix(host))
            .is_some_and(|rest| rest.starts_with([':', '/']))
    });
    if url.starts_with("https://") || is_loopback {
        return Ok(());
    }
    Err(Error::usage(format!("the installer can't download {url}"))
        .cause("it downloads with https, and with plain http only from this machine")
        .hint("serve the packages with https, and write `publish: {url: \"https://…\"}`"))
}

fn format(platform: &PlatformRelease) -> &'static str {
    let asset = platform.asset.as_str();
    [PackageFormat::TarZst, PackageFormat::Zip]
        .into_iter()
        .find(|format| asset.ends_with(&format!(".{}", format.extension())))
        .unwrap_or(PackageFormat::TarGz)
        .extension()
}

fn programs<'a>(release: &'a Release, platform: &'a PlatformRelease) -> Vec<&'a str> {
    let binaries = platform.binaries(release);
    binaries.map(|file| file.name.as_str()).collect()
}

fn platforms(release: &Release) -> String {
    let names = release.platforms.iter().map(|it| it.platform().to_string());
    names.collect::<Vec<_>>().join(", ")
}

fn shell(release: &Release, post: Option<&str>) -> Result<String> {
    let mut packages = String::new();
    for platform in &release.platforms {
        // Names of programs have no character that the shell reads in another way; see `FileName`.
        let _ = write!(
            packages,
            "        {})\n            url={}\n            sha256={}\n            format={}\n            programs={}\n            ;;\n",
            platform.platform(),
            shell_quoted(platform.url()?),
            platform.sidecar.sha256,
            format(platform),
            shell_quoted(&programs(release, platform).join(" ")),
        );
    }
    let usage = usage(release);
    let post_text = post.unwrap_or_default();
    let end = delimiter(&[&usage, post_text]);
    let post = match post {
        Some(text) => format!("    cat <<'{end}'\n{}\n{end}", text.trim_end_matches('\n')),
        None => String::new(),
    };
    Ok(fill(
        SHELL,
        &[
            ("NAME", release.name.as_str()),
            ("VERSION", release.version.number()),
            ("PLATFORMS", &platforms(release)),
            ("END", &end),
            ("USAGE", &usage),
            ("PACKAGES", packages.trim_end_matches('\n')),
            ("POST", &post),
        ],
    ))
}

fn usage(release: &Release) -> String {
    let mut text = format!("Installs {} {}", release.name, release.version.number());
    if let Some(description) = &release.description {
        let _ = write!(text, ": {}", description.trim());
    }
    text.push_str(
        "\n\nusage: sh install.sh [--to DIR]\n\n  --to DIR    the folder for the programs (default: $HOME/.local/bin)\n  -h, --help  this text",
    );
    if let Some(homepage) = &release.homepage {
        let _ = write!(text, "\n\n{homepage}");
    }
    text
}

/// The end of literal texts: a line that none of them has.
fn delimiter(texts: &[&str]) -> String {
    let mut end = "END_OF_TEXT".to_owned();
    while texts
        .iter()
        .any(|text| text.lines().any(|line| line == end))
    {
        end.push('_');
    }
    end
}

fn powershell(release: &Release, post: Option<&str>) -> Result<String> {
    let mut packages = String::new();
    for platform in &release.platforms {
        if platform.platform().os != Os::Windows {
            continue;
        }
        let programs: Vec<String> = programs(release, platform)
            .into_iter()
            .map(powershell_quoted)
            .collect();
        let _ = write!(
            packages,
            "        '{}' = @{{\n            Url = {}\n            Sha256 = '{}'\n            Format = '{}'\n            Programs = @({})\n        }}\n",
            platform.platform(),
            powershell_quoted(platform.url()?),
            platform.sidecar.sha256,
            format(platform),
            programs.join(", "),
        );
    }
    let post = match post {
        Some(text) => format!(
            "    Write-Host {}",
            powershell_quoted(text.trim_end_matches('\n'))
        ),
        None => String::new(),
    };
    Ok(fill(
        POWERSHELL,
        &[
            ("NAME", release.name.as_str()),
            ("VERSION", release.version.number()),
            ("PLATFORMS", &platforms(release)),
            ("PACKAGES", packages.trim_end_matches('\n')),
            ("POST", &post),
        ],
    ))
}

/// Replaces `@@KEY@@` by its value, once: what a value contains stays as it is. A line that only
/// has an empty value is left out.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    for line in template.split_inclusive('\n') {
        let mut parts = line.split("@@");
        let mut text = parts.next().unwrap_or_default().to_owned();
        let mut is_left_out = false;
        while let (Some(key), Some(rest)) = (parts.next(), parts.next()) {
            let value = values.iter().find(|(name, _)| *name == key);
            let value = value.map_or("", |(_, value)| value);
            is_left_out |= value.is_empty() && text.is_empty() && rest == "\n";
            text.push_str(value);
            text.push_str(rest);
        }
        if !is_left_out {
            filled.push_str(&text);
        }
    }
    filled
}

/// A text as a word of a POSIX shell.
fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A text as an expression of PowerShell, in ASCII only: Windows PowerShell reads a script without
/// a byte order mark in the code page of the machine, and with one it can't be piped to `iex`.
fn powershell_quoted(text: &str) -> String {
    if text.is_ascii() {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut escaped = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        match c {
            '\'' => escaped.push_str("''"),
            '\\' => escaped.push_str(r"\\"),
            c if c.is_ascii() => escaped.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    format!("([regex]::Unescape('{escaped}'))")
}
