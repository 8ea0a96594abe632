//! The file `copyright` of a Debian package, as text for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use larder_core::error::Result;
use larder_core::model::RequiredText;

use crate::linux::text::{lines, one_line};
use crate::release::Release;

/// The licences whose texts are on every Debian system: the start of SPDX identifiers, the file, and
/// words that stand in this order near the start of the text.
const COMMON: [(&str, &str, &[&str]); 12] = [
    (
        "Apache-2.0",
        "Apache-2.0",
        &["apache license", "version 2.0"],
    ),
    (
        "GPL-1",
        "GPL-1",
        &["gnu general public license", "version 1"],
    ),
    (
        "GPL-2",
        "GPL-2",
        &["gnu general public license", "version 2"],
    ),
    (
        "GPL-3",
        "GPL-3",
        &["gnu general public license", "version 3"],
    ),
    (
        "LGPL-2.0",
        "LGPL-2",
        &["gnu library general public license", "version 2"],
    ),
    (
        "LGPL-2.1",
        "LGPL-2.1",
        &["gnu lesser general public license", "version 2.1"],
    ),
    (
        "LGPL-3",
        "LGPL-3",
        &["gnu lesser general public license", "version 3"],
    ),
    (
        "GFDL-1.2",
        "GFDL-1.2",
        &["gnu free documentation license", "version 1.2"],
    ),
    (
        "GFDL-1.3",
        "GFDL-1.3",
        &["gnu free documentation license", "version 1.3"],
    ),
    (
        "MPL-1.1",
        "MPL-1.1",
        &["mozilla public license", "version 1.1"],
    ),
    (
        "MPL-2.0",
        "MPL-2.0",
        &["mozilla public license", "version 2.0"],
    ),
    ("CC0-1.0", "CC0-1.0", &["cc0 1.0 universal"]),
];

/// How many characters of a text are searched for the name of the licence.
const START: usize = 600;
/// A shorter text only mentions one of these licences.
const SHORTEST: usize = 4000;

/// The file. `texts` are the names and texts of the included licences.
pub(super) fn copyright(release: &Release, texts: &[(String, String)]) -> Result<String> {
    let license = one_line(release.text(RequiredText::License)?);
    let mut common: BTreeSet<&str> = COMMON
        .iter()
        .filter(|(id, ..)| names(&license, id))
        .map(|(_, file, _)| *file)
        .collect();
    let mut notices = BTreeSet::new();
    let mut body = String::new();
    for (name, text) in texts {
        notices.extend(copyright_notices(text));
        if let Some(file) = common_file(text) {
            common.insert(file);
            continue;
        }
        if !body.is_empty() {
            body += " .\n";
        }
        if texts.len() > 1 {
            let _ = writeln!(body, " {name}:\n .");
        }
        body += &indented(text);
    }
    for file in &common {
        let gap = if body.is_empty() { "" } else { " .\n" };
        let _ = writeln!(
            body,
            "{gap} On Debian systems, the text of the licence {file} is in\n /usr/share/common-licenses/{file}."
        );
    }
    if body.is_empty() {
        body = " The texts of licences are at https://spdx.org/licenses/.\n".into();
    }
    if notices.is_empty() {
        notices.insert(format!("the authors of {}", release.name));
    }
    let notices: Vec<String> = notices.into_iter().collect();

    let mut text = format!("Upstream-Name: {}\n", release.name);
    if let Some(maintainer) = &release.maintainer {
        let _ = writeln!(text, "Upstream-Contact: {}", one_line(maintainer));
    }
    if let Some(homepage) = &release.homepage {
        let _ = writeln!(text, "Source: {}", one_line(homepage));
    }
    let _ = writeln!(
        text,
        "Comment: The licence as an SPDX expression is {license}"
    );
    let _ = write!(
        text,
        "\nFiles: *\nCopyright: {}\nLicense: {}\n{body}",
        notices.join("\n "),
        debian_name(&license)
    );
    Ok(text)
}

/// Whether an SPDX expression names a licence that starts so.
fn names(expression: &str, id: &str) -> bool {
    expression
        .split([' ', '(', ')'])
        .filter_map(|word| word.strip_prefix(id))
        .any(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The file of a licence whose text every Debian system has.
fn common_file(text: &str) -> Option<&'static str> {
    if text.len() < SHORTEST {
        return None;
    }
    let start: String = text.chars().take(START).collect();
    let start = one_line(&start).to_lowercase();
    COMMON
        .iter()
        .filter(|(.., words)| {
            let mut rest = start.as_str();
            words.iter().all(|word| match rest.split_once(word) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            })
        })
        .map(|(_, file, _)| *file)
        .next()
}

/// The lines of a licence that say who has the copyright, without that word.
fn copyright_notices(text: &str) -> impl Iterator<Item = String> {
    lines(text).filter_map(|line| {
        let rest = line.trim().strip_prefix("Copyright ")?;
        let rest = rest
            .trim_start_matches("(c)")
            .trim_start_matches("(C)")
            .trim_start_matches('©')
            .trim();
        // Not a sentence about copyright, nor a form to fill in.
        let is_notice = rest.starts_with(|c: char| c.is_ascii_digit());
        is_notice.then(|| rest.to_owned())
    })
}

/// A text as the value of a field.
fn indented(text: &str) -> String {
    let lines: Vec<String> = lines(text).collect();
    let text = lines.join("\n");
    text.trim_matches('\n')
        .lines()
        .map(|line| {
            if line.is_empty() {
                " .\n".to_owned()
            } else if line.starts_with('.') {
                format!("  {line}\n")
            } else {
                format!(" {line}\n")
            }
        })
        .collect()
}

/// An SPDX expression with the names that Debian gives to licences.
fn debian_name(expression: &str) -> String {
    expression
        .replace(['(', ')'], "")
        .split(' ')
        .map(|word| {
            let name = match word {
                "OR" => return "or".to_owned(),
                "AND" => return "and".to_owned(),
                "WITH" => return "with".to_owned(),
                "MIT" => return "Expat".to_owned(),
                name => name,
            };
            let (name, later) = match name.strip_suffix("-or-later") {
                Some(name) => (name, "+"),
                None => (name.strip_suffix("-only").unwrap_or(name), ""),
            };
            let is_gnu = ["GPL-", "LGPL-", "AGPL-"]
                .iter()
                .any(|family| name.starts_with(family));
            let name = match name.strip_suffix(".0") {
                Some(short) if is_gnu => short,
                _ => name,
            };
            format!("{name}{later}")
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Sample;

    fn file(license: &str, texts: &[(&str, &str)]) -> String {
        let mut sample = Sample::new("1.2.3", &["linux-amd64"]);
        sample.release.license = Some(license.into());
        let texts: Vec<(String, String)> = texts
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        copyright(&sample.release, &texts).unwrap()
    }

    #[test]
    fn a_licence_is_quoted_or_referred_to() {
        let mit = "MIT License\n\nCopyright (c) 2020 Jane <j@x.example>\n\n.dot\tPermission\r\n";
        let text = file("MIT", &[("LICENSE", mit)]);
        let wanted = "\nFiles: *\nCopyright: 2020 Jane <j@x.example>\nLicense: Expat\n MIT License\n .\n Copyright (c) 2020 Jane <j@x.example>\n .\n  .dot    Permission\n";
        assert!(text.ends_with(wanted), "{text}");

        let heading = format!(
            "{:>50}\n{:>40}\n",
            "Apache License", "Version 2.0, January 2004"
        );
        let apache = heading + &"Terms and conditions\n".repeat(300);
        let text = file(
            "MIT OR Apache-2.0",
            &[("LICENSE-APACHE", &apache), ("LICENSE-MIT", mit)],
        );
        assert!(text.contains("License: Expat or Apache-2.0\n LICENSE-MIT:\n .\n MIT License\n"));
        assert!(text.contains("/usr/share/common-licenses/Apache-2.0.\n"));
        assert!(!text.contains("January 2004"));
    }

    #[test]
    fn licences_have_the_names_that_debian_gives_them() {
        for (license, name, common) in [
            ("MIT", "Expat", None),
            ("(MIT AND ISC) OR 0BSD", "Expat and ISC or 0BSD", None),
            ("GPL-3.0-or-later", "GPL-3+", Some("GPL-3")),
            ("GPL-2.0-only", "GPL-2", Some("GPL-2")),
            ("LGPL-2.1-or-later", "LGPL-2.1+", Some("LGPL-2.1")),
            ("AGPL-3.0-only", "AGPL-3", None),
            ("MPL-2.0", "MPL-2.0", Some("MPL-2.0")),
        ] {
            let text = file(license, &[]);
            assert!(text.contains(&format!("\nLicense: {name}\n")), "{text}");
            let common = common.map(|file| format!("/usr/share/common-licenses/{file}."));
            match common {
                Some(common) => assert!(text.contains(&common), "{text}"),
                None => assert!(!text.contains("common-licenses"), "{text}"),
            }
            assert!(text.contains("Copyright: the authors of arc\n"), "{text}");
        }
    }
}
