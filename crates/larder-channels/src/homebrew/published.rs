//! Reads a formula that is in a tap.

/// The version of a formula: what it says itself, else the version in its first url.
pub fn published_version(formula: &str) -> Option<String> {
    let value = |word: &str| {
        formula
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'))
            .find_map(|line| quoted(line.strip_prefix(word)?))
    };
    let version = value("version ").map(str::to_owned);
    version.or_else(|| value("url ").and_then(in_url))
}

/// The text in the quotes that a line starts with.
fn quoted(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let text = &text[1..];
    Some(&text[..text.find(quote)?])
}

/// The last numbers with dots in a url, such as `1.2.3` in `…/v1.2.3/arc.tar.gz`.
fn in_url(url: &str) -> Option<String> {
    let (_, path) = url.split_once("://")?.1.split_once('/')?;
    path.rsplit(['/', '-', '_'])
        .map(|part| part.strip_prefix('v').unwrap_or(part))
        .find_map(|part| {
            let end = part.find(|c: char| !c.is_ascii_digit() && c != '.');
            let numbers = part[..end.unwrap_or(part.len())].trim_end_matches('.');
            (numbers.contains('.') && !numbers.starts_with('.')).then(|| numbers.to_owned())
        })
}

#[cfg(test)]
mod tests {
    use super::published_version;

    #[test]
    fn the_version_of_a_formula_is_read() {
        for (formula, version) in [
            (
                "class Arc < Formula\n  version \"1.2.3\"\nend\n",
                Some("1.2.3"),
            ),
            (
                "  version '1.2.3-rc.1'\n  resource \"x\" do\n    version \"9\"\n  end\n",
                Some("1.2.3-rc.1"),
            ),
            ("  # version \"9\"\n  version \"1\"\n", Some("1")),
            (
                "  url \"https://x.example/a/v1.2.3/arc.tar.gz\"\n",
                Some("1.2.3"),
            ),
            (
                "  url \"https://x.example/1.2/arc-1.2.3.tar.gz\"\n",
                Some("1.2.3"),
            ),
            ("  url \"https://10.0.0.1/arc.tar.gz\"\n", None),
            (
                "  version_scheme 1\n  head \"https://x.example/a.git\"\n",
                None,
            ),
            ("", None),
        ] {
            assert_eq!(published_version(formula).as_deref(), version, "{formula}");
        }
    }
}
