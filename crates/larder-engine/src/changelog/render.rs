//! A changelog as Markdown. Texts of commits are escaped: they show what they say and do nothing.

use std::fmt::Write as _;

use larder_core::formats::documents::{ChangeEntry, ChangeGroup, ChangeKind, UpstreamPages};
use larder_core::markdown::{code, inline, link};
use larder_core::model::Version;

/// Number of characters of a commit's id that are shown.
const SHORT: usize = 7;

/// What is rendered.
pub struct Content<'a> {
    /// The version before, if it is known.
    pub previous: Option<&'a Version>,
    /// The version.
    pub version: &'a Version,
    /// Whether it comes from a publisher.
    pub has_upstream: bool,
    /// The publisher's pages.
    pub upstream: Option<&'a UpstreamPages>,
    /// The changes.
    pub groups: &'a [ChangeGroup],
    /// The url of the repository on GitHub, for links.
    pub repository: Option<&'a str>,
}

/// The Markdown; empty if there is nothing to say.
pub fn markdown(content: &Content<'_>) -> String {
    let mut text = String::new();
    if content.has_upstream {
        text.push_str(&upstream_line(content));
    }
    let has_titles = match content.groups {
        [only] => only.kind != ChangeKind::Other,
        _ => true,
    };
    for group in content.groups {
        if !text.is_empty() {
            text.push('\n');
        }
        if has_titles {
            let _ = writeln!(text, "### {}\n", group.title);
        }
        for change in &group.changes {
            text.push_str(&line(change, content.repository));
        }
    }
    text
}

fn upstream_line(content: &Content<'_>) -> String {
    let mut line = match content.previous {
        Some(previous) => format!("Version {previous} → {}", content.version),
        None => format!("Version {}", content.version),
    };
    if let Some(UpstreamPages { release, compare }) = content.upstream {
        let _ = write!(line, ": {}", link("release notes", release));
        if let Some(compare) = compare {
            let _ = write!(line, ", {}", link("all changes", compare));
        }
    }
    line + "\n"
}

fn line(change: &ChangeEntry, repository: Option<&str>) -> String {
    let ChangeEntry {
        scope,
        summary,
        breaking,
        pull_requests,
        commits,
        authors,
    } = change;
    let mut text = String::from("- ");
    if let Some(scope) = scope {
        let _ = write!(text, "**{}:** ", inline(scope));
    }
    text.push_str(&inline(summary));
    let requests = pull_requests.iter().map(|number| match repository {
        Some(url) => link(&format!("#{number}"), &format!("{url}/pull/{number}")),
        None => format!("#{number}"),
    });
    let ids = commits.iter().map(|id| {
        let short = code(id.get(..SHORT).unwrap_or(id));
        match repository {
            Some(url) => link(&short, &format!("{url}/commit/{id}")),
            None => short,
        }
    });
    let places: Vec<String> = requests.chain(ids).collect();
    let _ = write!(text, " ({})", places.join(", "));
    let names: Vec<String> = authors.iter().map(|name| inline(name)).collect();
    if !names.is_empty() {
        let _ = write!(text, " by {}", names.join(", "));
    }
    text.push('\n');
    if let Some(breaking) = breaking {
        let _ = writeln!(text, "  - {}", inline(breaking));
    }
    text
}

/// A text of whole lines that is not longer than `max` bytes; what is left out is said.
pub fn shortened(text: &str, max: usize) -> String {
    const REST: &str = "\nFurther changes are left out here.\n";
    if text.len() <= max {
        return text.to_owned();
    }
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        if kept.len() + line.len() + REST.len() > max {
            break;
        }
        kept.push_str(line);
    }
    kept + REST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(summary: &str) -> ChangeEntry {
        ChangeEntry {
            scope: Some("a*b".into()),
            summary: summary.into(),
            breaking: None,
            pull_requests: vec![12],
            commits: vec!["0123456789abcdef".into()],
            authors: vec!["Ann".into(), "@bob".into()],
        }
    }

    #[test]
    fn changes_are_linked_where_the_repository_is_known() {
        let one = change("add <x> & @eve");
        assert_eq!(
            line(&one, Some("https://g.example/o/r")),
            "- **a\\*b:** add &lt;x> & `@eve` ([#12](https://g.example/o/r/pull/12), \
             [`0123456`](https://g.example/o/r/commit/0123456789abcdef)) by Ann, `@bob`\n"
        );
        let breaking = ChangeEntry {
            breaking: Some("use -y".into()),
            scope: None,
            ..one
        };
        assert_eq!(
            line(&breaking, None),
            "- add &lt;x> & `@eve` (#12, `0123456`) by Ann, `@bob`\n  - use -y\n"
        );
    }

    #[test]
    fn long_texts_end_with_a_whole_line() {
        let text = "- a line\n".repeat(20);
        let short = shortened(&text, 100);
        assert!(short.len() <= 100, "{short}");
        assert!(short.starts_with("- a line\n- a line\n") && short.ends_with("out here.\n"));
        assert_eq!(shortened("- a\n", 100), "- a\n");
    }
}
