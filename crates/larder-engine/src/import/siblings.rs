//! Whether a program probably needs what lies beside it in its archive, such as neovim its
//! `share/nvim`, so that the whole folder has to be kept.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::inspect::is_library;

/// Folders beside a program, or beside its `bin`, that programs read.
const READ: [&str; 9] = [
    "jre",
    "lib",
    "lib32",
    "lib64",
    "libexec",
    "modules",
    "plugins",
    "resources",
    "runtime",
];

/// Folders in `share` that people and shells read, and not the program.
const FOR_OTHERS: [&str; 18] = [
    "appdata",
    "applications",
    "bash-completion",
    "completions",
    "doc",
    "docs",
    "elvish",
    "fish",
    "icons",
    "info",
    "licenses",
    "locale",
    "man",
    "metainfo",
    "nushell",
    "pixmaps",
    "pkgconfig",
    "zsh",
];

/// What the program at `main` probably needs of an archive with these paths: folders and libraries
/// that lie beside it.
pub(super) fn needed(paths: &[&Utf8Path], main: &Utf8Path) -> Vec<String> {
    let own = main.parent().unwrap_or(Utf8Path::new(""));
    let base = match own.file_name() {
        Some("bin") => own.parent().unwrap_or(Utf8Path::new("")),
        _ => own,
    };
    let mut needed = BTreeSet::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default();
        let is_static = matches!(path.extension(), Some("a" | "lib"));
        if path.parent() == Some(own) && is_library(name) && !is_static {
            needed.insert(name.to_owned());
        }
        let Ok(below) = path.strip_prefix(base) else {
            continue;
        };
        let mut parts = below.components().map(|part| part.as_str());
        match (parts.next(), parts.next(), parts.next()) {
            (Some("share"), Some(folder), Some(_)) if !FOR_OTHERS.contains(&folder) => {
                needed.insert(format!("share/{folder}"));
            }
            (Some(folder), Some(_), _) if READ.contains(&folder) => {
                needed.insert(folder.to_owned());
            }
            _ => {}
        }
    }
    needed.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_programs_read_are_told_from_those_that_people_read() {
        for (paths, wanted) in [
            (
                "nvim-linux/bin/nvim nvim-linux/lib/nvim/parser/c.so nvim-linux/share/nvim/runtime/a.vim \
                 nvim-linux/share/man/man1/nvim.1",
                "lib share/nvim",
            ),
            ("gh_2/bin/gh gh_2/share/man/man1/gh.1 gh_2/LICENSE", ""),
            ("rg-14/rg rg-14/complete/_rg rg-14/doc/rg.1", ""),
            (
                "bin/node include/node/node.h lib/node_modules/npm/cli.js",
                "lib",
            ),
            ("tool.exe libcurl.dll README", "libcurl.dll"),
            ("tool libtool.a", ""),
            ("t/tool t/runtime/x t/share/tool", "runtime"),
            ("other/lib/x top/tool", ""),
            (
                "bin/tool share/zsh/site-functions/_tool share/icons/a.png",
                "",
            ),
        ] {
            let paths: Vec<&Utf8Path> = paths.split_whitespace().map(Utf8Path::new).collect();
            let is_main = |path: &&&Utf8Path| {
                ["nvim", "gh", "rg", "node", "tool", "tool.exe"]
                    .contains(&path.file_name().unwrap_or_default())
                    && !path.as_str().contains("share")
            };
            let main = paths.iter().find(is_main).expect("a program");
            assert_eq!(needed(&paths, main).join(" "), wanted, "{paths:?}");
        }
    }
}
