//! `.tool-versions` of asdf: a line `name version` for each tool.

use larder_core::project::foreign::Source;

use super::found::{Found, Place, Wanted, subsystem_name};
use super::short_names::{self, Known};

/// Reads the file.
pub(super) fn read(source: &Source, found: &mut Found) {
    for (number, line) in source.text.lines().enumerate() {
        let written = line.split('#').next().unwrap_or_default();
        let mut words = written.split_whitespace();
        let Some(name) = words.next() else { continue };
        let place = Place {
            file: source.file.clone(),
            line: number + 1,
            column: line.len() - line.trim_start().len() + 1,
        };
        let Some(version) = words.next() else {
            found.ask(
                place,
                format!("the tool `{name}`"),
                "it has no version",
                "larder add NAME SOURCE VERSION",
            );
            continue;
        };
        let more: Vec<&str> = words.collect();
        if !more.is_empty() {
            found.leave(
                place.clone(),
                format!("the tool `{name}`"),
                format!(
                    "it also lists {}, and a project has one version of a tool: {version} is taken",
                    more.join(", ")
                ),
            );
        }
        add(name, version, true, place, found);
    }
}

/// Adds a tool by the name that asdf and mise know it by. To asdf, `1.7` is a version and only if there is none the start of
/// one (`exact`); mise takes the newest that starts with it.
pub(super) fn add(name: &str, version: &str, exact: bool, place: Place, found: &mut Found) {
    let what = format!("the tool `{name}`");
    let wanted = match version_of(version, exact) {
        Ok(wanted) => wanted,
        Err(why) => return found.leave(place, what, why),
    };
    match short_names::lookup(name) {
        Some(Known::At(tool)) => {
            let mut tool = tool.wanted(wanted, place);
            tool.name = subsystem_name(name);
            found.tools.push(tool);
        }
        Some(Known::Toolchain(advice)) => {
            found.ask(place, what, format!("{name} {version}: larder has no recipe for this toolchain, which is more than one program"), advice);
        }
        None => found.ask(
            place,
            what,
            format!("larder does not know where `{name}` is released"),
            format!(
                "larder add {} github:owner/name {version}",
                subsystem_name(name)
            ),
        ),
    }
}

/// The version that a text of asdf or mise asks for; `Err` says why there is none.
pub(super) fn version_of(text: &str, exact: bool) -> Result<Wanted, String> {
    let numbers = |text: &str| {
        let bare = text.strip_prefix('v').unwrap_or(text);
        !bare.is_empty()
            && bare
                .split('.')
                .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
    };
    if text == "latest" {
        return Ok(Wanted::Latest);
    }
    if let Some(start) = text
        .strip_prefix("latest:")
        .or_else(|| text.strip_prefix("prefix:"))
    {
        return Ok(Wanted::Series {
            start: start.to_owned(),
            exact: false,
        });
    }
    if text == "system" {
        return Err("it is the system's own program, which nothing pins".to_owned());
    }
    if text == "lts" {
        return Err("`lts` is not the number of a version".to_owned());
    }
    if let Some((kind @ ("ref" | "branch" | "tag" | "rev"), rest)) = text.split_once(':') {
        return Err(format!(
            "{kind} `{rest}` is built from source: write a recipe with `build:`"
        ));
    }
    if text.starts_with("path:") || text.starts_with("sub-") {
        return Err(format!("`{text}` is no version that a publisher announces"));
    }
    if text.parse::<larder_core::model::Version>().is_err() {
        return Err(format!("`{text}` is a range, and larder pins one version"));
    }
    if numbers(text) && text.split('.').count() < 3 {
        return Ok(Wanted::Series {
            start: text.to_owned(),
            exact,
        });
    }
    Ok(Wanted::Exact(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_asdf_and_mise_are_understood() {
        let series = |start: &str, exact| {
            Ok(Wanted::Series {
                start: start.to_owned(),
                exact,
            })
        };
        assert_eq!(version_of("1.2.3", true), Ok(Wanted::Exact("1.2.3".into())));
        assert_eq!(
            version_of("v1.2.3-rc1", true),
            Ok(Wanted::Exact("v1.2.3-rc1".into()))
        );
        assert_eq!(version_of("latest", true), Ok(Wanted::Latest));
        assert_eq!(version_of("22", true), series("22", true));
        assert_eq!(version_of("1.7", true), series("1.7", true));
        assert_eq!(version_of("latest:1.20", true), series("1.20", false));
        for text in [
            "system",
            "lts",
            "ref:main",
            "path:/opt/x",
            "sub-2:latest",
            ">=1.2",
        ] {
            version_of(text, true).unwrap_err();
        }
    }

    #[test]
    fn a_file_is_read_line_by_line() {
        let text = "# Ours.\nnodejs 22.3.0\nterraform 1.9.5 1.8.0\n\njq 1.7 # small\nmystery 1.0.0\nripgrep\nkubectl 1.31.0\n";
        let (source, _) = Source::new(".tool-versions".into(), text.into());
        let mut found = Found::default();
        read(&source, &mut found);
        let tools: Vec<String> = found
            .tools
            .iter()
            .map(|tool| format!("{} {} {}", tool.name, tool.version, tool.sources.join(" ")))
            .collect();
        insta::assert_snapshot!(tools.join("\n"), @r"
        terraform 1.9.5 aqua:hashicorp/terraform github:hashicorp/terraform
        jq 1.7 aqua:jqlang/jq github:jqlang/jq
        kubectl 1.31.0 aqua:kubernetes/kubernetes/kubectl
        ");
        let left: Vec<String> = found
            .left
            .iter()
            .map(|left| format!("{} {}: {}", left.place, left.what, left.why))
            .collect();
        insta::assert_snapshot!(left.join("\n"), @r"
        .tool-versions:2 the tool `nodejs`: nodejs 22.3.0: larder has no recipe for this toolchain, which is more than one program
        .tool-versions:3 the tool `terraform`: it also lists 1.8.0, and a project has one version of a tool: 1.9.5 is taken
        .tool-versions:6 the tool `mystery`: larder does not know where `mystery` is released
        .tool-versions:7 the tool `ripgrep`: it has no version
        ");
    }
}
