//! What the message of a commit says: its subject, the parts of a conventional commit, pull
//! requests, authors, and what it reverts. Knows no git.

use larder_core::formats::documents::ChangeKind;
use larder_core::markdown::one_line;

/// The types of conventional commits, and the kinds of changes that they are.
const TYPES: [(&str, ChangeKind); 18] = [
    ("feat", ChangeKind::Feature),
    ("feature", ChangeKind::Feature),
    ("fix", ChangeKind::Fix),
    ("bugfix", ChangeKind::Fix),
    ("hotfix", ChangeKind::Fix),
    ("perf", ChangeKind::Performance),
    ("docs", ChangeKind::Documentation),
    ("doc", ChangeKind::Documentation),
    ("revert", ChangeKind::Revert),
    ("build", ChangeKind::Other),
    ("chore", ChangeKind::Other),
    ("ci", ChangeKind::Other),
    ("deps", ChangeKind::Other),
    ("refactor", ChangeKind::Other),
    ("release", ChangeKind::Other),
    ("style", ChangeKind::Other),
    ("test", ChangeKind::Other),
    ("tests", ChangeKind::Other),
];

/// The head of a conventional commit: `type(scope)!: description`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The kind that the type is; `None` if the type is none that people agree on.
    pub kind: Option<ChangeKind>,
    /// The scope.
    pub scope: Option<String>,
    /// Whether it is marked with `!`.
    pub is_breaking: bool,
    /// The description.
    pub description: String,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The subject without the number of a pull request.
    pub subject: String,
    /// The subject as it is written.
    pub whole_subject: String,
    /// The parts of the subject, if it has the form of a conventional commit.
    pub head: Option<Head>,
    /// The text of the footer `BREAKING CHANGE:`.
    pub breaking: Option<String>,
    /// The numbers of pull requests in the subject.
    pub pull_requests: Vec<u64>,
    /// The names in `Co-authored-by:`.
    pub co_authors: Vec<String>,
    /// The commits that it says it reverts: their ids, or the beginnings of them.
    pub reverted_commits: Vec<String>,
    /// The pull requests that it says it reverts.
    pub reverted_pull_requests: Vec<u64>,
    /// The subject of the commit that it reverts, from `Revert "…"`.
    pub reverted_subject: Option<String>,
}

impl Message {
    /// Reads a message.
    pub fn parse(text: &str) -> Self {
        let text = text.trim_start();
        // As git does it: the subject is the first paragraph.
        let (subject, body) = match text.split_once("\n\n") {
            Some((subject, body)) => (subject, body),
            None => (text, ""),
        };
        let whole_subject = one_line(subject);
        let (subject, pull_requests) = without_numbers(&whole_subject);
        let head = head(&subject);
        let is_revert = whole_subject.starts_with("Revert ")
            || whole_subject.starts_with("Reapply ")
            || head
                .as_ref()
                .is_some_and(|head| head.kind == Some(ChangeKind::Revert));
        let mut message = Self {
            head,
            breaking: footer(body, &["BREAKING CHANGE", "BREAKING-CHANGE"]),
            pull_requests,
            co_authors: co_authors(body),
            reverted_commits: Vec::new(),
            reverted_pull_requests: Vec::new(),
            reverted_subject: None,
            subject,
            whole_subject,
        };
        if is_revert {
            message.read_reverted(body);
        }
        message
    }

    /// Whether it reverts something.
    pub fn is_revert(&self) -> bool {
        !self.reverted_commits.is_empty()
            || !self.reverted_pull_requests.is_empty()
            || self.reverted_subject.is_some()
    }

    /// The kind of change that it is, where conventional commits are used.
    pub fn kind(&self) -> ChangeKind {
        let of_head = self.head.as_ref().and_then(|head| head.kind);
        match of_head {
            _ if self.is_breaking() => ChangeKind::Breaking,
            Some(kind) => kind,
            None if self.is_revert() => ChangeKind::Revert,
            None => ChangeKind::Other,
        }
    }

    /// Whether it says that users have to change something.
    pub fn is_breaking(&self) -> bool {
        self.breaking.is_some() || self.head.as_ref().is_some_and(|head| head.is_breaking)
    }

    fn read_reverted(&mut self, body: &str) {
        let body = one_line(body);
        // `Refs: #12` and the like name no commit.
        for rest in texts_after(&body, &["reverts commit", "Refs:"]) {
            let ids = rest.split([' ', ',', ';']).filter(|word| !word.is_empty());
            let ids = ids.map(|id| id.trim_end_matches('.'));
            let ids = ids.take_while(|id| is_id(id)).map(str::to_owned);
            self.reverted_commits.extend(ids);
        }
        for rest in texts_after(&body, &["Reverts "]) {
            let word = rest.split(' ').next().unwrap_or_default();
            let number: Option<u64> = word.rsplit_once('#').and_then(|(_, number)| {
                number
                    .trim_end_matches(|c: char| !c.is_ascii_digit())
                    .parse()
                    .ok()
            });
            self.reverted_pull_requests.extend(number);
        }
        let quoted = |start: &str| {
            let rest = self.subject.strip_prefix(start)?;
            Some(rest.strip_suffix('"')?.to_owned())
        };
        // What is applied again is a revert of a revert.
        self.reverted_subject =
            quoted("Revert \"").or_else(|| Some(format!("Revert \"{}\"", quoted("Reapply \"")?)));
    }
}

/// The texts after each of some words.
fn texts_after<'t>(text: &'t str, words: &'static [&str]) -> impl Iterator<Item = &'t str> {
    words.iter().flat_map(|word| {
        text.match_indices(word)
            .map(|(at, found)| text[at + found.len()..].trim_start())
    })
}

fn is_id(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A subject without the pull requests at its end, `(#12)`, and their numbers.
fn without_numbers(subject: &str) -> (String, Vec<u64>) {
    let mut rest = subject;
    let mut numbers = Vec::new();
    while let Some((before, number)) = rest
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once("(#"))
    {
        let Ok(number) = number.parse() else { break };
        numbers.insert(0, number);
        rest = before.trim_end();
    }
    if rest.is_empty() {
        (subject.to_owned(), Vec::new())
    } else {
        (rest.to_owned(), numbers)
    }
}

/// The number of the pull request that a merge brought: `Merge pull request #12 from …`.
pub fn merged_pull_request(message: &str) -> Option<u64> {
    let rest = message.trim_start().strip_prefix("Merge pull request #")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

fn head(subject: &str) -> Option<Head> {
    let (head, description) = subject.split_once(": ")?;
    let (head, is_breaking) = match head.strip_suffix('!') {
        Some(head) => (head, true),
        None => (head, false),
    };
    let (word, scope) = match head.strip_suffix(')') {
        Some(rest) => {
            let (word, scope) = rest.split_once('(')?;
            (word, Some(scope.trim()))
        }
        None => (head, None),
    };
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_plain = |scope: &str| !scope.is_empty() && !scope.contains(['(', ')']);
    if word.is_empty() || !word.chars().all(is_word) || !scope.is_none_or(is_plain) {
        return None;
    }
    let description = description.trim();
    let lower = word.to_ascii_lowercase();
    let kind = TYPES.iter().find(|(name, _)| *name == lower);
    (!description.is_empty()).then(|| Head {
        kind: kind.map(|(_, kind)| *kind),
        scope: scope.map(str::to_owned),
        is_breaking,
        description: description.to_owned(),
    })
}

/// The text of a footer. It may go on in further lines, up to an empty line or the next footer.
fn footer(body: &str, names: &[&str]) -> Option<String> {
    let mut lines = body.lines();
    let first = lines.by_ref().find_map(|line| {
        let of = |name: &&str| line.strip_prefix(*name)?.strip_prefix(": ");
        names.iter().find_map(of)
    })?;
    let further = lines.take_while(|line| !line.trim().is_empty() && !is_footer(line));
    let text: Vec<&str> = [first].into_iter().chain(further).collect();
    Some(one_line(&text.join(" "))).filter(|text| !text.is_empty())
}

/// Whether a line is a footer such as `Reviewed-by: Ann` or `Refs #12`.
fn is_footer(line: &str) -> bool {
    let Some((name, _)) = line.split_once(": ").or_else(|| line.split_once(" #")) else {
        return false;
    };
    name == "BREAKING CHANGE"
        || !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn co_authors(body: &str) -> Vec<String> {
    const TRAILER: &str = "co-authored-by:";
    let name = |line: &str| {
        let line = line.trim();
        let start = line.get(..TRAILER.len())?;
        if !start.eq_ignore_ascii_case(TRAILER) {
            return None;
        }
        let name = line[TRAILER.len()..].split('<').next().unwrap_or_default();
        Some(one_line(name)).filter(|name| !name.is_empty())
    };
    body.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_taken_apart() {
        use ChangeKind::{Breaking, Documentation, Feature, Fix, Other, Performance, Revert};
        for (text, kind, scope, description, numbers) in [
            ("feat: add x", Feature, None, "add x", &[][..]),
            (
                "feat(cli)!: drop y (#12)",
                Breaking,
                Some("cli"),
                "drop y",
                &[12],
            ),
            ("FIX( a b ): z", Fix, Some("a b"), "z", &[]),
            ("perf: w (#1) (#2)", Performance, None, "w", &[1, 2]),
            ("docs(readme): v", Documentation, Some("readme"), "v", &[]),
            (
                "chore(deps): bump a from 1 to 2 (#7)",
                Other,
                Some("deps"),
                "bump a from 1 to 2",
                &[7],
            ),
            ("revert: feat: x", Revert, None, "feat: x", &[]),
            (
                "build!: needs Rust 1.90",
                Breaking,
                None,
                "needs Rust 1.90",
                &[],
            ),
        ] {
            let message = Message::parse(text);
            let head = message.head.clone().unwrap_or_else(|| panic!("{text}"));
            assert_eq!(message.kind(), kind, "{text}");
            assert_eq!(head.scope.as_deref(), scope, "{text}");
            assert_eq!(head.description, description, "{text}");
            assert_eq!(message.pull_requests, numbers, "{text}");
        }
    }

    #[test]
    fn other_subjects_stay_whole() {
        for (text, subject, numbers) in [
            ("Add x", "Add x", &[][..]),
            ("feat:no space", "feat:no space", &[]),
            ("two words: x", "two words: x", &[]),
            ("feat(a)b: x", "feat(a)b: x", &[]),
            ("feat(): x", "feat(): x", &[]),
            ("feat: ", "feat:", &[]),
            ("(#12)", "(#12)", &[]),
            ("see (#x)", "see (#x)", &[]),
            ("Add x (#12)", "Add x", &[12]),
            ("one\nline (#3)\n\nbody (#4)", "one line", &[3]),
        ] {
            let message = Message::parse(text);
            assert_eq!(message.head, None, "{text}");
            assert_eq!(message.subject, subject, "{text}");
            assert_eq!(message.pull_requests, numbers, "{text}");
        }
        let unknown = Message::parse("area: what");
        assert_eq!(unknown.head.unwrap().kind, None);
    }

    #[test]
    fn footers_are_read() {
        let message = Message::parse(
            "fix: x\n\nWhy.\n\nBREAKING CHANGE: the flag\nis gone\nReviewed-by: Eve <e@e.example>\n\
             co-authored-by: Ann Lee <ann@a.example>\nCo-Authored-By: Bob\n",
        );
        assert_eq!(message.breaking.as_deref(), Some("the flag is gone"));
        assert_eq!(message.kind(), ChangeKind::Breaking);
        assert_eq!(message.co_authors, ["Ann Lee", "Bob"]);
        let message = Message::parse("fix: x\n\nBREAKING-CHANGE: y\n\nmore");
        assert_eq!(message.breaking.as_deref(), Some("y"));
        // In the middle of a line it is no footer.
        let message = Message::parse("fix: x\n\nno BREAKING CHANGE: here");
        assert_eq!(message.breaking, None);
    }

    #[test]
    fn reverts_name_what_they_revert() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let message = Message::parse(&format!("Revert \"feat: x\"\n\nThis reverts commit {id}."));
        assert_eq!(message.reverted_commits, [id]);
        assert_eq!(message.reverted_subject.as_deref(), Some("feat: x"));
        assert_eq!(message.kind(), ChangeKind::Revert);
        let message = Message::parse("Revert \"feat: x (#3)\" (#4)\n\nReverts acme/arc#3");
        assert_eq!(message.reverted_pull_requests, [3]);
        assert_eq!(message.reverted_subject.as_deref(), Some("feat: x (#3)"));
        let message = Message::parse("revert: feat: x\n\nRefs: 676104e, a215868");
        assert_eq!(message.reverted_commits, ["676104e", "a215868"]);
        let message = Message::parse("Reapply \"feat: x\"\n\nThis reverts commit 676104e0.");
        assert_eq!(message.reverted_commits, ["676104e0"]);
        assert_eq!(
            message.reverted_subject.as_deref(),
            Some("Revert \"feat: x\"")
        );
        // Other commits may mention commits too.
        let message = Message::parse("fix: x\n\nThis reverts commit 676104e0 in part.");
        assert!(!message.is_revert());
    }

    #[test]
    fn merges_of_pull_requests_have_a_number() {
        for (text, number) in [
            ("Merge pull request #12 from acme/topic\n\nAdd x", Some(12)),
            ("Merge branch 'topic'", None),
            ("Merge pull request #x", None),
            ("Add x (#12)", None),
        ] {
            assert_eq!(merged_pull_request(text), number, "{text}");
        }
    }
}
