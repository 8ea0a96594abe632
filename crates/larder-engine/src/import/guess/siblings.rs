//! Derives from one URL those that the same file may have for other platforms. The words for operating system and
//! architecture are replaced by the words that publishers use, in the same style.

use larder_core::model::{Arch, Os, Platform, Version};

use super::words::{self, Mark, MarkKind, Meaning};

/// The version in a URL's last segment: the first number with a dot, including a `v` before it.
pub fn version_in_url(url: &str) -> Option<&str> {
    let name = url.rsplit('/').next()?;
    let begins = |at: &usize| {
        let rest = name[*at..].strip_prefix('v').unwrap_or(&name[*at..]);
        !name[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.')
            && rest.starts_with(|c: char| c.is_ascii_digit())
    };
    name.char_indices()
        .map(|(at, _)| at)
        .filter(begins)
        .find_map(|at| {
            let rest = &name[at..];
            let number = rest.strip_prefix('v').unwrap_or(rest);
            let len = number
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(number.len());
            let number = number[..len].trim_end_matches('.');
            number
                .contains('.')
                .then(|| &rest[..rest.len() - rest.trim_start_matches('v').len() + number.len()])
        })
}

/// URLs that the file may have for a platform; the most likely is first. Empty if the URL names no operating system or no
/// architecture.
pub fn siblings(url: &str, version: &Version, platform: Platform) -> Vec<String> {
    let Some(parsed) = words::parse(url, version, &[]) else {
        return Vec::new();
    };
    let (Some(own_os), Some(Ok(own_arch))) = (parsed.os(), parsed.arch()) else {
        return Vec::new();
    };
    let mut urls = Vec::new();
    for ending in endings(parsed.ending, own_os, platform.os) {
        for arch in arches(own_arch, platform) {
            // The longest list of words for one operating system has four.
            for nth in 0..4 {
                let (mut text, mut at, mut whole) = (String::new(), 0, true);
                for Mark { range, kind } in &parsed.marks {
                    let own = &url[range.clone()];
                    let word = match kind {
                        MarkKind::Word(meaning @ (Meaning::Os(_) | Meaning::Triple(..))) => {
                            let words = systems(own, *meaning, platform.os);
                            whole &= nth < words.len();
                            words.get(nth).cloned().unwrap_or_default()
                        }
                        MarkKind::Word(Meaning::Arch(_))
                            if own_arch != platform.arch || arch == "universal" =>
                        {
                            arch.to_owned()
                        }
                        _ => own.to_owned(),
                    };
                    text.push_str(&url[at..range.start]);
                    text.push_str(&word);
                    at = range.end;
                }
                text.push_str(&url[at..url.len() - parsed.ending.len()]);
                text.push_str(ending);
                if whole && !urls.contains(&text) {
                    urls.push(text);
                }
            }
        }
    }
    urls
}

fn systems(own: &str, meaning: Meaning, wanted: Os) -> Vec<String> {
    let words: &[&str] = match (meaning, wanted) {
        (Meaning::Os(os) | Meaning::Triple(os, _), wanted) if os == wanted => {
            return vec![own.to_owned()];
        }
        (Meaning::Triple(..), Os::Linux) => {
            return ["unknown-linux-musl", "unknown-linux-gnu"]
                .map(str::to_owned)
                .into();
        }
        (Meaning::Triple(..), Os::Darwin) => return vec!["apple-darwin".to_owned()],
        (Meaning::Triple(..), Os::Windows) => return vec!["pc-windows-msvc".to_owned()],
        (_, Os::Linux) => &["linux"],
        (_, Os::Darwin) => &["darwin", "macos", "mac", "osx"],
        (_, Os::Windows) => &["windows", "win"],
    };
    let capital = |word: &str| match word {
        "macos" => "macOS".to_owned(),
        word => word[..1].to_ascii_uppercase() + &word[1..],
    };
    if own.starts_with(|c: char| c.is_ascii_uppercase()) || own == "macOS" {
        return words
            .iter()
            .map(|word| capital(word))
            .chain(words.iter().map(|word| (*word).to_owned()))
            .take(4)
            .collect();
    }
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn arches(own: Arch, platform: Platform) -> Vec<&'static str> {
    let mut words = match platform.arch {
        arch if arch == own => vec![arch.as_str()],
        Arch::Amd64 => vec!["amd64", "x86_64", "x64"],
        Arch::Arm64 => vec!["arm64", "aarch64"],
        Arch::I386 => vec!["386", "i386", "i686", "x86"],
        Arch::Arm => vec!["armv7", "arm", "armv6"],
    };
    if platform.os == Os::Darwin {
        words.push("universal");
    }
    words
}

fn endings(own: &str, own_os: Os, wanted: Os) -> Vec<&str> {
    match (own, own_os, wanted) {
        (own, own_os, wanted) if own_os == wanted => vec![own],
        ("", _, Os::Windows) => vec![".exe"],
        (".exe", ..) => vec![""],
        (".zip", Os::Windows, _) => vec![".tar.gz", ".zip"],
        (own, _, Os::Windows) => vec![".zip", own],
        (own, ..) => vec![own, ".zip"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_a_url() {
        for (url, version) in [
            (
                "https://dl.example/1.0/telegraf-1.33.0_linux_amd64.tar.gz",
                Some("1.33.0"),
            ),
            (
                "https://dl.example/tool-v2.1.0-linux-amd64.zip",
                Some("v2.1.0"),
            ),
            ("https://dl.example/tool_linux_x86_64-0.9.tgz", Some("0.9")),
            ("https://dl.example/tool-linux-amd64", None),
        ] {
            assert_eq!(version_in_url(url), version, "{url}");
        }
    }

    #[test]
    fn the_same_file_for_others_is_among_them() {
        let version = "1.33.0".parse().unwrap();
        for (url, platform, other) in [
            (
                "https://x/t-1.33.0_linux_amd64.tar.gz",
                "windows-arm64",
                "https://x/t-1.33.0_windows_arm64.zip",
            ),
            (
                "https://x/linux/t-linux-amd64",
                "darwin-amd64",
                "https://x/macos/t-macos-amd64",
            ),
            (
                "https://x/linux/t-linux-amd64",
                "windows-amd64",
                "https://x/windows/t-windows-amd64.exe",
            ),
            (
                "https://x/t_Linux_x86_64.tgz",
                "darwin-arm64",
                "https://x/t_macOS_arm64.tgz",
            ),
            (
                "https://x/t-aarch64-apple-darwin.tar.xz",
                "linux-amd64",
                "https://x/t-x86_64-unknown-linux-gnu.tar.xz",
            ),
            (
                "https://x/t-linux-amd64.tar.gz",
                "darwin-amd64",
                "https://x/t-darwin-universal.tar.gz",
            ),
            (
                "https://x/t-linux-amd64.tar.gz",
                "linux-amd64",
                "https://x/t-linux-amd64.tar.gz",
            ),
        ] {
            let all = siblings(url, &version, platform.parse().unwrap());
            assert!(
                all.iter().any(|url| url == other),
                "{other} is not in {all:#?}"
            );
            assert!(all.len() <= 24, "{}", all.len());
        }
        assert!(siblings("https://x/tool.tar.gz", &version, Platform::host()).is_empty());
    }
}
