//! Installation instructions: `INSTALL.md` with a section for each channel, and a block for a readme
//! with badges. `readme` puts the block into a text; `commands` knows the command lines.

mod badges;
mod commands;
mod readme;

use std::fmt::Write as _;

use larder_core::error::Result;
use larder_core::markdown::inline;
use larder_core::project::publish::ChannelConfig;

use crate::release::Release;
use crate::render::skip;

pub use readme::{END, START, update};

use commands::{Block, Channel};

/// What is known about the hub.
#[derive(Clone, Copy, Debug, Default)]
pub struct HubFacts<'a> {
    /// `owner/name` of the repository on GitHub, if the hub is one.
    pub github: Option<&'a str>,
    /// The url of the website of the server, on which `owner/name` of channels is, without a slash
    /// at its end.
    pub server: Option<&'a str>,
    /// The path of the `go.mod` of the module in that repository, if it is there.
    pub go_mod: Option<&'a str>,
}

/// The text of `INSTALL.md`.
pub fn install_md(
    release: &Release,
    channels: &[&ChannelConfig],
    hub: &HubFacts<'_>,
) -> Result<String> {
    let mut text = format!("# Install {}\n", release.name);
    if let Some(description) = &release.description {
        let _ = write!(text, "\n{}\n", inline(description));
    }
    for (title, blocks) in sections(release, channels, hub)? {
        let _ = write!(text, "\n## {title}\n");
        for block in blocks {
            block.write(&mut text);
        }
    }
    Ok(text)
}

/// The block of a readme between its markers: badges, and the first command of each channel.
pub fn readme_block(
    release: &Release,
    channels: &[&ChannelConfig],
    hub: &HubFacts<'_>,
) -> Result<String> {
    let mut text = format!("{START}\n");
    let badges = badges::badges(release, channels, hub);
    if !badges.is_empty() {
        text += &badges;
        text.push('\n');
    }
    for (title, blocks) in sections(release, channels, hub)? {
        if let Some(block) = blocks.first() {
            let _ = write!(text, "\n**{title}**\n");
            block.write(&mut text);
        }
    }
    text.push('\n');
    text += "[INSTALL.md](INSTALL.md) has all commands.\n";
    text += END;
    text.push('\n');
    Ok(text)
}

/// The channels that people can install from, in the order of their kinds.
fn sections(
    release: &Release,
    channels: &[&ChannelConfig],
    hub: &HubFacts<'_>,
) -> Result<Vec<(&'static str, Vec<Block>)>> {
    let mut channels: Vec<&ChannelConfig> = channels.to_vec();
    channels.sort_by_key(|config| config.channel.kind());
    let mut sections = Vec::new();
    for config in channels {
        if skip(release, config).is_some() {
            continue;
        }
        let channel = Channel {
            release,
            config,
            hub,
        };
        if let Some(section) = channel.section()? {
            sections.push(section);
        }
    }
    Ok(sections)
}

#[cfg(test)]
mod tests;
