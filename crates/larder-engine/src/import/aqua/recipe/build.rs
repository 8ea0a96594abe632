//! The `build` of packages that aqua builds: `go install`, `go build` and crates.

use std::fmt::Write as _;

use super::super::answer::{Answer, Place};
use super::templates::Pin;
use crate::import::recipe::{list, map, quoted};

/// The text of `build`; `None` if nothing is built.
pub(super) fn text<'a>(pin: &Pin, answers: impl Iterator<Item = &'a Answer>) -> Option<String> {
    let built = |answer: &&Answer| !matches!(answer.place, Place::Asset { .. } | Place::Url(_));
    let answer = { answers }.find(built)?;
    let mut text = "build:\n".to_owned();
    let mut line = |key: &str, value: &str| {
        // Writing to a String can't fail.
        let _ = writeln!(text, "  {key}: {value}");
    };
    let tag = pin.template();
    match &answer.place {
        Place::Asset { .. } | Place::Url(_) => return None,
        Place::GoInstall(path) => {
            line("tools", "{go: \"\"}");
            // The module's own source comes through Go.
            line("source", "{dir: .}");
            line("env", "{GOBIN: \"{{ out }}\"}");
            line(
                "commands",
                &list(std::iter::once(format!("go install {path}@{tag}"))),
            );
        }
        Place::GoBuild { repo } => {
            let url = format!("https://github.com/{repo}");
            line("tools", "{go: \"\"}");
            line(
                "source",
                &map([("git", url.as_str()), ("rev", &tag)].into_iter()),
            );
            line("env", "{GOOS: \"{{ os }}\", GOARCH: \"{{ arch }}\"}");
            line(
                "commands",
                &list(answer.programs.iter().map(|program| {
                    let (package, folder) = &program.build;
                    // The first folder is that of the archive of the source.
                    let folder = folder.split_once('/').map_or("", |(_, folder)| folder);
                    let change = if folder.is_empty() {
                        String::new()
                    } else {
                        format!("cd {folder} && ")
                    };
                    let package = if package.is_empty() { "." } else { package };
                    format!(
                        "{change}go build -o \"{{{{ out }}}}/{}{{{{ exe }}}}\" {package}",
                        program.name
                    )
                })),
            );
            line("platforms", "all");
        }
        Place::Cargo { name, features: _ } => {
            line("source", &format!("{{crate: {}}}", quoted(name)));
        }
    }
    Some(text)
}
