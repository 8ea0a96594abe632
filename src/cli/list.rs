//! `larder list`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::Global;
use crate::report::table::{Table, stdout_width};
use crate::report::{self, Paint, Tone, Verbosity};
use larder_core::error::Result;
use larder_core::formats::documents::{ListDocument, ListEntry};
use larder_core::model::{Name, Platform};
use larder_core::project::Project;
use larder_engine::inspect::list;

/// List the subsystems of the project
///
/// Shows their names, versions, platforms, needs and descriptions. With `-v` it also shows their
/// binaries, homepage, licence and origins.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder list
  larder list -v
  larder list --json | jq -r '.subsystems[].name'")]
pub struct Args {}

/// Runs it.
pub fn run(_args: &Args, global: &Global) -> Result<ExitCode> {
    let project = global.load(&global.root()?)?;
    let document = list::document(&project);
    if global.json {
        global.print_json(&document)?;
    } else if document.subsystems.is_empty() {
        global.message(&format!(
            "{} has no subsystems yet; add one under `versions:` in versions.yml",
            project.name
        ));
    } else if global.verbosity() >= Verbosity::Verbose {
        global.print(&blocks(&document, &project, global.stdout_paint()))?;
    } else {
        global.print(&table(&document, &project).render(stdout_width(), global.stdout_paint()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(document: &ListDocument, project: &Project) -> Table {
    let mut table =
        Table::new(["name", "version", "platforms", "needs", "description"]).flexible(4);
    for entry in &document.subsystems {
        table.row([
            (entry.name.as_str(), Tone::Strong),
            (entry.version.as_str(), Tone::Plain),
            (
                &platforms(&entry.platforms, &project.platforms),
                Tone::Plain,
            ),
            (&or_dash(&names(&entry.needs)), Tone::Plain),
            (entry.description.as_deref().unwrap_or("-"), Tone::Plain),
        ]);
    }
    table
}

fn blocks(document: &ListDocument, project: &Project, paint: Paint) -> String {
    let redactor = report::Redactor::default();
    let mut text = String::new();
    for (number, entry) in document.subsystems.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        let ListEntry {
            name,
            version,
            description,
            homepage,
            license,
            binaries,
            platforms: there,
            emulate,
            needs,
            build_needs,
            origins,
        } = entry;
        let _ = writeln!(
            text,
            "{} {version}",
            paint.tone(Tone::Strong, name.as_str())
        );
        let origins: Vec<&str> = origins.iter().map(|origin| origin.as_str()).collect();
        let lines = [
            ("what", description.clone().unwrap_or_default()),
            ("homepage", homepage.clone().unwrap_or_default()),
            ("licence", license.clone().unwrap_or_default()),
            ("binaries", binaries.join(", ")),
            ("platforms", platforms(there, &project.platforms)),
            (
                "emulated",
                emulate
                    .iter()
                    .map(|(platform, other)| format!("{other} on {platform}"))
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            ("needs", names(needs)),
            ("to build", names(build_needs)),
            ("origins", origins.join(", ")),
        ];
        for (title, value) in lines {
            if !value.is_empty() {
                let _ = writeln!(
                    text,
                    "  {}  {}",
                    paint.tone(Tone::Dim, &format!("{title:<9}")),
                    redactor.clean_line(&value)
                );
            }
        }
    }
    text
}

fn names(names: &[Name]) -> String {
    names
        .iter()
        .map(Name::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn or_dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.to_owned()
    }
}

/// Platforms in short form: `all` if they are all platforms of a project with several, otherwise
/// grouped by operating system.
fn platforms(there: &[Platform], projects: &[Platform]) -> String {
    if there.len() > 1
        && there.len() == projects.len()
        && projects.iter().all(|platform| there.contains(platform))
    {
        return "all".to_owned();
    }
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for platform in there {
        let os = platform.os.as_str();
        let rest = platform
            .to_string()
            .trim_start_matches(os)
            .trim_start_matches('-')
            .to_owned();
        match groups.iter_mut().find(|(known, _)| *known == os) {
            Some((_, list)) => list.push(rest),
            None => groups.push((os, vec![rest])),
        }
    }
    let group = |(os, list): (&str, Vec<String>)| match list.as_slice() {
        [one] => format!("{os}-{one}"),
        many => format!("{os}-{{{}}}", many.join(",")),
    };
    groups.into_iter().map(group).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_grouped() {
        let parse = |text: &str| {
            text.split(' ')
                .map(|word| word.parse().unwrap())
                .collect::<Vec<Platform>>()
        };
        let all = parse("linux-amd64 linux-arm64 darwin-arm64");
        assert_eq!(platforms(&all, &all), "all");
        assert_eq!(platforms(&all[..2], &all), "linux-{amd64,arm64}");
        assert_eq!(
            platforms(&parse("linux-amd64-musl darwin-arm64"), &all),
            "linux-amd64-musl darwin-arm64"
        );
        assert_eq!(platforms(&all[..1], &all[..1]), "linux-amd64");
    }
}
