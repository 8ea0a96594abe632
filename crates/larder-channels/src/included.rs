//! What an included file is, by its name: where package managers put it depends on that.

/// What an included file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Included<'a> {
    /// A page of the manual, uncompressed or compressed with gzip.
    Man {
        /// The section, 1 to 9.
        section: char,
        /// Whether it is compressed.
        gzip: bool,
    },
    /// Completions for bash; the program's name.
    Bash(&'a str),
    /// Completions for zsh; the program's name.
    Zsh(&'a str),
    /// Completions for fish; the program's name.
    Fish(&'a str),
    /// Completions for PowerShell; the program's name.
    PowerShell(&'a str),
    /// A licence, a copyright or a notice.
    License,
    /// Any other file, such as a readme.
    Other,
}

/// Tells what an included file is.
///
/// The names are those that generators of completions write: `tool.bash` and `tool.bash-completion`,
/// `_tool` and `tool.zsh`, `tool.fish`, `_tool.ps1`.
pub fn included(name: &str) -> Included<'_> {
    let (plain, gzip) = match name.strip_suffix(".gz") {
        Some(plain) => (plain, true),
        None => (name, false),
    };
    if let Some((stem, end)) = plain.rsplit_once('.')
        && !stem.is_empty()
        && let [section @ b'1'..=b'9'] = end.as_bytes()
        // `tool-1.2` is no page of section 2.
        && !stem.ends_with(|c: char| c.is_ascii_digit())
    {
        return Included::Man {
            section: char::from(*section),
            gzip,
        };
    }
    for end in [".bash", ".bash-completion"] {
        if let Some(stem) = name.strip_suffix(end) {
            return Included::Bash(stem);
        }
    }
    if let Some(stem) = name.strip_suffix(".fish") {
        return Included::Fish(stem);
    }
    if let Some(stem) = name.strip_suffix(".ps1") {
        return Included::PowerShell(stem.trim_start_matches('_'));
    }
    if let Some(stem) = name.strip_suffix(".zsh") {
        return Included::Zsh(stem.trim_start_matches('_'));
    }
    if let Some(stem) = name.strip_prefix('_')
        && !stem.contains('.')
    {
        return Included::Zsh(stem);
    }
    let lower = name.to_ascii_lowercase();
    let is_license = [
        "license",
        "licence",
        "copying",
        "copyright",
        "notice",
        "unlicense",
    ]
    .iter()
    .any(|word| lower.starts_with(word));
    if is_license {
        Included::License
    } else {
        Included::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_included_files_say_what_they_are() {
        let man = |section, gzip| Included::Man { section, gzip };
        for (name, what) in [
            ("tool.1", man('1', false)),
            ("tool-sub.5.gz", man('5', true)),
            ("tool.bash", Included::Bash("tool")),
            ("tool.bash-completion", Included::Bash("tool")),
            ("_tool", Included::Zsh("tool")),
            ("tool.zsh", Included::Zsh("tool")),
            ("tool.fish", Included::Fish("tool")),
            ("_tool.ps1", Included::PowerShell("tool")),
            ("LICENSE", Included::License),
            ("LICENSE-MIT", Included::License),
            ("COPYING.txt", Included::License),
            ("README.md", Included::Other),
            ("notes-1.2", Included::Other),
            ("data.gz", Included::Other),
        ] {
            assert_eq!(included(name), what, "{name}");
        }
    }
}
