//! Badges: the release, the licence, and for a Go module its version of Go, its report and its
//! documentation.

use std::fmt::Write as _;

use larder_core::markdown::{inline, link};
use larder_core::project::publish::{Channel, ChannelConfig};

use super::HubFacts;
use crate::release::Release;

/// The badges that apply, a line each.
pub(super) fn badges(release: &Release, channels: &[&ChannelConfig], hub: &HubFacts<'_>) -> String {
    const SHIELDS: &str = "https://img.shields.io";
    let module = channels.iter().find_map(|config| match &config.channel {
        Channel::Gomodule(module) => Some(module),
        _ => None,
    });
    // Services on the internet know github.com, and no server of one's own.
    let public = |_: &&str| {
        let is_githubs = |server: &str| server.trim_end_matches('/') == "https://github.com";
        hub.server.is_none_or(is_githubs)
    };
    let repository = hub.github.filter(public);
    let mut lines = Vec::new();
    if let (Some(repository), Some(file), Some(_)) = (repository, hub.go_mod, module) {
        let mut image = format!("{SHIELDS}/github/go-mod/go-version/{repository}");
        if file != "go.mod" {
            let _ = write!(image, "?filename={}", escaped(file));
        }
        let target = format!("https://github.com/{repository}");
        lines.push(badge("Go version", &image, &target));
    }
    if let Some(repository) = repository {
        let filter = escaped(&format!("{}-*", release.name));
        lines.push(badge(
            "release",
            &format!("{SHIELDS}/github/v/release/{repository}?filter={filter}&label=release"),
            &format!("https://github.com/{repository}/releases"),
        ));
    }
    if let Some(license) = &release.license {
        let word = license.replace('-', "--").replace('_', "__");
        let image = format!("{SHIELDS}/badge/license-{}-blue", escaped(&word));
        lines.push(match repository {
            Some(repository) => badge(
                "license",
                &image,
                &format!("https://github.com/{repository}"),
            ),
            None => picture("license", &image),
        });
    }
    if let Some(module) = module {
        let path = &module.module;
        if path.starts_with("github.com/") {
            lines.push(badge(
                "Go report",
                &format!("https://goreportcard.com/badge/{path}"),
                &format!("https://goreportcard.com/report/{path}"),
            ));
        }
        lines.push(badge(
            "Go reference",
            &format!("https://pkg.go.dev/badge/{path}.svg"),
            &format!("https://pkg.go.dev/{path}"),
        ));
    }
    lines.join("\n")
}

fn badge(name: &str, image: &str, target: &str) -> String {
    link(&picture(name, image), target)
}

fn picture(name: &str, image: &str) -> String {
    format!("!{}", link(&inline(name), image))
}

/// A text as a part of a url.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'*' => {
                out.push(char::from(byte));
            }
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
