//! Homebrew: a formula for macOS and Linux that installs the hub's own archives.
//!
//! Where only one operating system or one architecture is released, the formula has no block for
//! it but a requirement, so that the others get a sentence that says so. A formula without a url on
//! some platform can't even be read there.

use std::fmt::Write;

use larder_core::error::{Error, Result};
use larder_core::model::{Arch, ChannelKind, Os, RequiredText};
use larder_core::project::publish::{ChannelConfig, Homebrew};

use crate::contents::{self, Entry};
use crate::output::Output;
use crate::quote::{lines, one_line, ruby, ruby_heredoc};
use crate::release::{PlatformRelease, Release};
use crate::render::{Facts, Render};

mod published;
mod words;

#[cfg(test)]
mod tests;

pub use published::published_version;
use words::{class_name, description, included_line, license};

/// What Homebrew supports.
pub const FACTS: Facts = Facts {
    kind: ChannelKind::Homebrew,
    takes: |platform| {
        matches!(platform.os, Os::Darwin | Os::Linux)
            && matches!(platform.arch, Arch::Amd64 | Arch::Arm64)
    },
    version: |version| Ok(version.number().to_owned()),
    prerelease: None,
    needs_urls: true,
    files: "`<name>.rb`",
};

impl Render for Homebrew {
    fn render(&self, release: &Release, config: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        let formula = formula(self, release, config)?;
        out.text(&format!("{}.rb", release.name), &formula)
    }
}

fn formula(homebrew: &Homebrew, release: &Release, config: &ChannelConfig) -> Result<String> {
    let name = release.name.as_str();
    let class = class_name(name).ok_or_else(|| {
        Error::usage(format!("homebrew can't have a formula `{name}`"))
            .cause("a formula is a class of Ruby, whose name is made of the formula's")
            .hint("rename the subsystem so that it starts with a letter and has no two signs in a row, or write `homebrew: {enabled: false}` under `publish:`")
    })?;
    let mut text = format!(
        "# Rendered by larder from the release {}. The next release overwrites it.\nclass {class} < Formula\n",
        release.platforms[0].tag
    );
    let description = description(name, release.text(RequiredText::Description)?);
    let mut add = |line: &str| {
        if !line.is_empty() {
            text.push_str("  ");
            text.push_str(line);
        }
        text.push('\n');
    };
    add(&format!("desc {}", ruby(&description)));
    let homepage = one_line(release.text(RequiredText::Homepage)?);
    add(&format!("homepage {}", ruby(&homepage)));

    let platforms = Platforms::of(release);
    let top = platforms.top()?;
    for line in &top.source {
        add(line);
    }
    add(&format!("version {}", ruby(release.version.number())));
    for line in &top.digest {
        add(line);
    }
    add(&format!(
        "license {}",
        license(release.text(RequiredText::License)?)
    ));
    if !top.requirements.is_empty() {
        add("");
    }
    for line in &top.requirements {
        add(line);
    }
    for line in platforms.blocks()? {
        add(&line);
    }

    if !homebrew.conflicts.is_empty() {
        add("");
        for other in &homebrew.conflicts {
            let because = format!("both install `{}` binaries", release.binaries[0]);
            add(&format!(
                "conflicts_with {}, because: {}",
                ruby(&one_line(other)),
                ruby(&because)
            ));
        }
    }
    let used = platforms.all();
    add("");
    add("def install");
    for entry in contents::binaries(release, &used) {
        add(&install_line(
            entry,
            &format!("bin.install {}", ruby(entry.name)),
        ));
    }
    for entry in contents::included(release, &used) {
        if let Some(line) = included_line(entry.name) {
            add(&install_line(entry, &line));
        }
    }
    add("end");
    let notes = config.post_install.as_deref().map(lines);
    if let Some(notes) = notes.filter(|notes| !notes.is_empty()) {
        let end = terminator(&notes);
        add("");
        add("def caveats");
        add(&format!("  <<~{end}"));
        for line in &notes {
            let line = ruby_heredoc(line);
            add(&if line.is_empty() {
                line
            } else {
                format!("    {line}")
            });
        }
        add(&format!("  {end}"));
        add("end");
    }
    add("");
    add("test do");
    add(&format!(
        "  system bin/{}, \"--version\"",
        ruby(release.binaries[0].as_str())
    ));
    add("end");
    text.push_str("end\n");
    Ok(text)
}

/// The platforms of a formula.
struct Platforms<'a> {
    macos: Vec<&'a PlatformRelease>,
    linux: Vec<&'a PlatformRelease>,
}

/// What stands at the formula's top rather than in a block.
#[derive(Default)]
struct Top {
    source: Vec<String>,
    digest: Vec<String>,
    requirements: Vec<String>,
}

impl<'a> Platforms<'a> {
    fn of(release: &'a Release) -> Self {
        let of = |os| {
            // `on_arm` comes before `on_intel`.
            [Arch::Arm64, Arch::Amd64]
                .into_iter()
                .filter_map(|arch| release.best(os, arch))
                .collect()
        };
        Self {
            macos: of(Os::Darwin),
            linux: of(Os::Linux),
        }
    }

    fn all(&self) -> Vec<&'a PlatformRelease> {
        self.macos.iter().chain(&self.linux).copied().collect()
    }

    fn top(&self) -> Result<Top> {
        let mut top = Top::default();
        let all = self.all();
        if let [only] = all[..] {
            top.source.push(url(only)?);
            top.digest.push(sha256(only));
            top.requirements.push(requirement(only).into());
        }
        if self.linux.is_empty() {
            top.requirements.push("depends_on :macos".into());
        }
        if self.macos.is_empty() {
            top.requirements.push("depends_on :linux".into());
        }
        Ok(top)
    }

    fn blocks(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        match (&self.macos[..], &self.linux[..]) {
            ([_], []) | ([], [_]) => {}
            (list, []) | ([], list) => {
                lines.push(String::new());
                lines.extend(for_architectures(list)?);
            }
            (macos, linux) => {
                for (block, list) in [("on_macos", macos), ("on_linux", linux)] {
                    lines.push(String::new());
                    lines.push(format!("{block} do"));
                    let inner = match list {
                        [only] => vec![
                            url(only)?,
                            sha256(only),
                            String::new(),
                            requirement(only).into(),
                        ],
                        list => for_architectures(list)?,
                    };
                    lines.extend(indented(inner));
                    lines.push("end".into());
                }
            }
        }
        Ok(lines)
    }
}

fn for_architectures(platforms: &[&PlatformRelease]) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for platform in platforms {
        let block = match platform.platform().arch {
            Arch::Arm64 => "on_arm do",
            _ => "on_intel do",
        };
        lines.push(block.to_owned());
        lines.extend(indented(vec![url(platform)?, sha256(platform)]));
        lines.push("end".into());
    }
    Ok(lines)
}

fn indented(lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| match &line[..] {
        "" => line,
        text => format!("  {text}"),
    })
}

fn url(platform: &PlatformRelease) -> Result<String> {
    Ok(format!("url {}", ruby(platform.url()?)))
}

fn sha256(platform: &PlatformRelease) -> String {
    format!("sha256 \"{}\"", platform.sidecar.sha256)
}

fn requirement(platform: &PlatformRelease) -> &'static str {
    match platform.platform().arch {
        Arch::Arm64 => "depends_on arch: :arm64",
        _ => "depends_on arch: :x86_64",
    }
}

fn install_line(entry: Entry<'_>, line: &str) -> String {
    let mut line = format!("  {line}");
    if !entry.everywhere {
        write!(line, " if File.exist?({})", ruby(entry.name)).expect("a string grows");
    }
    line
}

/// A word to end a heredoc that is none of its lines.
fn terminator(lines: &[String]) -> String {
    let mut word = "EOS".to_owned();
    while lines.iter().any(|line| line.trim() == word) {
        word.push('S');
    }
    word
}
