//! Texts of packages: one line, wrapped lines, and the description that judges accept.

use larder_core::model::Os;
use std::fmt::Write as _;

use jiff::Timestamp;
use larder_core::error::{Error, Result};

use crate::release::Release;

/// The most columns of a line. Judges of rpm refuse longer ones.
const COLUMNS: usize = 78;
/// The most characters of the line that says what a package is.
const SYNOPSIS: usize = 79;

/// A text on one line: control characters and runs of spaces become one space.
pub(crate) fn one_line(text: &str) -> String {
    let spaced = text.replace(|c: char| c.is_control(), " ");
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text of several lines without other control characters than the ends of lines.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| {
        let line = line.replace('\t', "    ");
        line.replace(char::is_control, "").trim_end().to_owned()
    })
}

/// Breaks a text between words, and inside words that are longer than a line.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut wrapped = Vec::new();
    let mut line = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for piece in letters.chunks(columns) {
            if width > 0 && width + 1 + piece.len() > columns {
                wrapped.push(std::mem::take(&mut line));
                width = 0;
            }
            if width > 0 {
                line.push(' ');
                width += 1;
            }
            line.extend(piece);
            width += piece.len();
        }
    }
    if width > 0 {
        wrapped.push(line);
    }
    wrapped
}

/// The one line that says what a package is, in a form that lintian and rpmlint accept: the first
/// line of the description. It is rewritten if it starts with the package's name (`arc draws arcs`
/// → `draws arcs`) or with an article, or if it is one word (`Drawing` → `Drawing command-line
/// program`). It is shortened between words.
pub(crate) fn synopsis(package: &str, description: &str) -> String {
    let line = one_line(description.trim().lines().next().unwrap_or_default());
    let mut text = line.as_str();
    loop {
        let rest = without_start(text, package);
        if rest == text {
            break;
        }
        text = rest;
    }
    let text = text.trim_end_matches(['.', ' ', ',', ':', ';']);
    let text = match text.split_whitespace().count() {
        0 if package.starts_with("command") => "program for the command line".to_owned(),
        0 => "command-line program".to_owned(),
        1 => format!("{} command-line program", shorten(text, 40)),
        _ => text.to_owned(),
    };
    shorten(&text, SYNOPSIS)
}

/// A text without the package's name, a separator or an article at its start.
fn without_start<'a>(text: &'a str, package: &str) -> &'a str {
    let text = text.trim_start_matches([' ', ':', ',', '.', '-', '–', '—']);
    for (word, in_the_middle) in [
        (package, false),
        ("is", true),
        ("a", true),
        ("an", true),
        ("the", true),
    ] {
        let Some(start) = text.get(..word.len()) else {
            continue;
        };
        let rest = &text[word.len()..];
        let ends = match rest.chars().next() {
            None => true,
            Some(c) if in_the_middle => c == ' ',
            Some(c) => !c.is_alphanumeric() && c != '_',
        };
        if ends && start.eq_ignore_ascii_case(word) {
            return rest.trim_start_matches([' ', ':', ',', '.', '-', '–', '—']);
        }
    }
    text
}

/// At most so many characters of a line, and only whole words if there are several.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most - 1).collect();
    let whole = match cut.rsplit_once(' ') {
        Some((words, _)) if words.contains(' ') => words,
        _ => &cut,
    };
    format!("{}…", whole.trim_end_matches([' ', ',', '.', ';', ':']))
}

/// The paragraphs that follow the synopsis, each as wrapped lines. There is always one.
pub(crate) fn paragraphs(release: &Release, synopsis: &str) -> Vec<Vec<String>> {
    let description = release.description.as_deref().unwrap_or_default();
    let mut paragraphs: Vec<Vec<String>> = description
        .split("\n\n")
        .map(one_line)
        .filter(|text| !text.is_empty() && !same_words(text, synopsis))
        .map(|text| wrap(&text, COLUMNS))
        .collect();
    let names: Vec<&str> = release.binaries_for(Os::Linux).map(AsRef::as_ref).collect();
    let programs = match names.as_slice() {
        [only] => format!("the program {only}"),
        [rest @ .., last] => format!("the programs {} and {last}", rest.join(", ")),
        [] => "no program".to_owned(),
    };
    let whole = format!(
        "This package installs {programs} in version {}, as {} has released it.",
        release.version.number(),
        one_line(&release.project),
    );
    paragraphs.push(wrap(&whole, COLUMNS));
    paragraphs
}

/// Whether two texts differ at most in case and punctuation.
fn same_words(a: &str, b: &str) -> bool {
    let letters = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    letters(a) == letters(b)
}

/// The changes of a release: the bullets, headings and paragraphs of the Markdown, each on one line.
/// There is always one.
pub(crate) fn changes(release: &Release) -> Vec<String> {
    let mut changes: Vec<String> = Vec::new();
    for line in lines(release.changelog.as_deref().unwrap_or_default()) {
        let text = line.trim_start();
        let marked = text.trim_start_matches(['#', '*', '-', '+', ' ']);
        if marked.is_empty() {
            continue;
        }
        let continues = line.starts_with(' ') && marked == text;
        match changes.last_mut() {
            Some(last) if continues => {
                last.push(' ');
                last.push_str(&one_line(marked));
            }
            _ => changes.push(one_line(marked)),
        }
    }
    if changes.is_empty() {
        changes.push(format!("Version {}.", release.version.number()));
    }
    changes
}

/// A time in a form such as `%a, %d %b %Y`, in UTC and English.
pub(crate) fn date(time: i64, form: &str) -> Result<String> {
    let time = Timestamp::from_second(time).map_err(|error| {
        Error::failed(format!("can't write the time {time} as a date")).cause(error)
    })?;
    Ok(time.strftime(form).to_string())
}

/// Commands of a shell that print a text, whatever it contains.
pub(crate) fn print_commands(text: &str) -> String {
    let mut commands = String::new();
    for line in lines(text) {
        let _ = writeln!(commands, "printf '%s\\n' '{}'", line.replace('\'', r"'\''"));
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Sample;

    #[test]
    fn descriptions_that_judges_refuse_are_rewritten() {
        for (package, description, wanted) in [
            (
                "arc",
                "Draws an arc on the terminal",
                "Draws an arc on the terminal",
            ),
            ("arc", "arc: draws an arc.", "draws an arc"),
            ("arc", "Arc is a tool that draws", "tool that draws"),
            ("arc", "arc - arc draws", "draws command-line program"),
            ("arc", "The drawing tool", "drawing tool"),
            ("arc", "Drawing", "Drawing command-line program"),
            ("arc", "arc", "command-line program"),
            ("arc", "arc-welding for all", "welding for all"),
            ("arc", "arcs on the terminal", "arcs on the terminal"),
            ("arc", "\nDraws\tan\u{7}arc\nand more", "Draws an arc"),
            ("arc", "", "command-line program"),
            ("command", "", "program for the command line"),
            ("nats", "é", "é command-line program"),
        ] {
            let line = synopsis(package, description);
            assert_eq!(line, wanted, "{description:?}");
        }
        let long = "word ".repeat(60);
        let line = synopsis("arc", &long);
        assert!(
            line.chars().count() <= 79 && line.ends_with("word…"),
            "{line}"
        );
        assert_eq!(synopsis("arc", &"x".repeat(300)).chars().count(), 61);
    }

    #[test]
    fn no_line_is_longer_than_the_limit() {
        let text = format!("a few words {} 😀 and more", "x".repeat(200));
        let wrapped = wrap(&text, 78);
        assert!(
            wrapped.iter().all(|line| line.chars().count() <= 78),
            "{wrapped:?}"
        );
        assert_eq!(wrapped.concat().replace(' ', ""), text.replace(' ', ""));
        assert_eq!(wrap("  ", 78), Vec::<String>::new());
    }

    #[test]
    fn a_changelog_has_one_change_a_line() {
        let mut sample = Sample::new("1.2.3", &["linux-amd64"]);
        for (markdown, wanted) in [
            (
                Some("### Features\n\n- one\n  goes on\n* two\n"),
                vec!["Features", "one goes on", "two"],
            ),
            (Some("---\n"), vec!["Version 1.2.3."]),
            (None, vec!["Version 1.2.3."]),
        ] {
            sample.release.changelog = markdown.map(str::to_owned);
            assert_eq!(changes(&sample.release), wanted, "{markdown:?}");
        }
    }

    #[test]
    fn texts_are_quoted_for_the_shell() {
        assert_eq!(
            print_commands("it's $x `y`\n\n#{z} %s \\n"),
            "printf '%s\\n' 'it'\\''s $x `y`'\nprintf '%s\\n' ''\nprintf '%s\\n' '#{z} %s \\n'\n"
        );
    }
}
