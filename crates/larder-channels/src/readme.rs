//! The readme of packages whose registry shows one.

use std::fmt::Write as _;

use crate::release::Release;

/// A readme in Markdown: what it is, how it is installed, where its home is.
pub fn readme(release: &Release, install: &str) -> String {
    let mut text = format!("# {}\n", escape(release.name.as_str()));
    if let Some(description) = &release.description {
        // Writing to a text does not fail.
        let _ = write!(text, "\n{}\n", escape(description.trim()));
    }
    let _ = write!(text, "\n```\n{install}\n```\n");
    if let Some(homepage) = &release.homepage {
        let _ = write!(text, "\nHome page: <{}>\n", url(homepage));
    }
    if let Some(license) = &release.license {
        let _ = write!(text, "\nLicence: {}\n", escape(license));
    }
    text
}

/// A text of one line: line breaks and other control characters become spaces.
pub fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The url of the source's repository, if the home page is one on a server of repositories.
pub fn repository(release: &Release) -> Option<&str> {
    let homepage = release.homepage.as_deref()?;
    let path = ["github.com", "gitlab.com", "codeberg.org"]
        .into_iter()
        .find_map(|host| {
            homepage
                .strip_prefix("https://")?
                .strip_prefix(host)?
                .strip_prefix('/')
        })?;
    let mut parts = path.trim_end_matches('/').split('/');
    let is_repository = parts
        .by_ref()
        .take(2)
        .filter(|part| !part.is_empty())
        .count()
        == 2
        && parts.next().is_none()
        && !path.contains(['?', '#']);
    is_repository.then_some(homepage)
}

/// Escapes what Markdown or HTML would read as markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut at_start = true;
    for c in text.chars() {
        if "\\`*_{}[]<>&#|$~!@".contains(c) || (at_start && "-+=".contains(c)) {
            escaped.push('\\');
        }
        at_start = c == '\n' || (at_start && c.is_whitespace());
        escaped.push(c);
    }
    escaped
}

/// A url between `<` and `>`.
fn url(text: &str) -> String {
    let mut url = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => url.push_str("%3C"),
            '>' => url.push_str("%3E"),
            c if c.is_whitespace() || c.is_control() => url.push_str("%20"),
            c => url.push(c),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Sample;

    #[test]
    fn texts_are_no_markup() {
        assert_eq!(
            escape("a <b> & #{x} `c` $x\n- 🎉"),
            "a \\<b\\> \\& \\#\\{x\\} \\`c\\` \\$x\n\\- 🎉"
        );
        assert_eq!(one_line(" two\n lines\t\u{1b}here "), "two lines here");
        assert_eq!(
            url("https://a.example/<x y>"),
            "https://a.example/%3Cx%20y%3E"
        );
    }

    #[test]
    fn only_home_pages_that_are_repositories_name_the_source() {
        for (homepage, is_repository) in [
            ("https://github.com/acme/arc", true),
            ("https://gitlab.com/acme/arc/", true),
            ("https://github.com/acme", false),
            ("https://github.com/acme/arc/wiki", false),
            ("https://github.com/acme/arc?tab=readme", false),
            ("https://arc.example/acme/arc", false),
            ("https://github.community/acme/arc", false),
        ] {
            let mut sample = Sample::new("1.0.0", &["linux-amd64"]);
            sample.release.homepage = Some(homepage.into());
            let found = repository(&sample.release);
            assert_eq!(found, is_repository.then_some(homepage), "{homepage}");
        }
    }
}
