//! From commits to groups of changes: reverts are taken out together with what they revert, equal
//! changes become one, and conventional commits are grouped by their types.

use std::collections::{BTreeMap, HashMap, HashSet};

use larder_core::formats::documents::{ChangeEntry, ChangeGroup, ChangeKind};
use larder_core::markdown::one_line;
use larder_remote::git::LogEntry;

use super::message::Message;

/// The changes of some commits, newest first. `merged` has the pull requests of commits that came
/// with a merge.
pub fn group(commits: &[LogEntry], merged: &HashMap<String, u64>) -> Vec<ChangeGroup> {
    let messages: Vec<Message> = commits
        .iter()
        .map(|commit| Message::parse(&commit.message))
        .collect();
    let cancelled = cancelled(commits, &messages);
    let left: Vec<(&LogEntry, &Message)> = commits
        .iter()
        .zip(&messages)
        .enumerate()
        .filter(|(number, _)| !cancelled.contains(number))
        .map(|(_, both)| both)
        .collect();
    let is_conventional = uses_conventional_commits(left.iter().map(|(_, message)| *message));
    let mut groups: BTreeMap<ChangeKind, Vec<ChangeEntry>> = BTreeMap::new();
    for (commit, message) in left {
        let kind = match message.kind() {
            ChangeKind::Breaking => ChangeKind::Breaking,
            kind if is_conventional => kind,
            _ => ChangeKind::Other,
        };
        add(
            groups.entry(kind).or_default(),
            entry(commit, message, is_conventional, merged),
        );
    }
    let group = |(kind, changes)| ChangeGroup {
        kind,
        title: if is_conventional || kind == ChangeKind::Breaking {
            kind.title()
        } else {
            "Changes"
        },
        changes,
    };
    groups.into_iter().map(group).collect()
}

/// Whether at least half of some messages have a type of conventional commits.
fn uses_conventional_commits<'m>(messages: impl Iterator<Item = &'m Message>) -> bool {
    let (mut all, mut typed) = (0, 0);
    for message in messages {
        all += 1;
        let has_type = message
            .head
            .as_ref()
            .is_some_and(|head| head.kind.is_some());
        typed += usize::from(has_type);
    }
    typed > 0 && typed * 2 >= all
}

/// The numbers of the commits that a later commit of the same range reverts, and of these later
/// ones.
///
/// The newest one is read first: what is reverted itself reverts nothing.
fn cancelled(commits: &[LogEntry], messages: &[Message]) -> HashSet<usize> {
    let mut gone = HashSet::new();
    for (number, message) in messages.iter().enumerate() {
        if gone.contains(&number) || !message.is_revert() {
            continue;
        }
        let older = || (number + 1..commits.len()).filter(|number| !gone.contains(number));
        let mut targets: Vec<usize> = Vec::new();
        let mut is_whole = true;
        if !message.reverted_commits.is_empty() {
            for id in &message.reverted_commits {
                match older().find(|number| commits[*number].id.starts_with(id.as_str())) {
                    Some(target) => targets.push(target),
                    None => is_whole = false,
                }
            }
        } else if !message.reverted_pull_requests.is_empty() {
            for request in &message.reverted_pull_requests {
                match older().find(|number| messages[*number].pull_requests.contains(request)) {
                    Some(target) => targets.push(target),
                    None => is_whole = false,
                }
            }
        } else if let Some(subject) = &message.reverted_subject {
            let target = older().find(|number| messages[*number].whole_subject == *subject);
            targets.extend(target);
        }
        if !targets.is_empty() {
            gone.extend(targets);
            if is_whole {
                gone.insert(number);
            }
        }
    }
    gone
}

fn entry(
    commit: &LogEntry,
    message: &Message,
    is_conventional: bool,
    merged: &HashMap<String, u64>,
) -> ChangeEntry {
    let head = message.head.as_ref();
    let (scope, summary) = match head {
        Some(head) if is_conventional && head.kind.is_some() => {
            (head.scope.clone(), &head.description)
        }
        _ => (None, &message.subject),
    };
    let mut pull_requests = message.pull_requests.clone();
    if let Some(number) = merged.get(&commit.id)
        && !pull_requests.contains(number)
    {
        pull_requests.push(*number);
    }
    let mut authors = vec![one_line(&commit.author)];
    for name in &message.co_authors {
        if !authors.contains(name) {
            authors.push(name.clone());
        }
    }
    authors.retain(|name| !name.is_empty());
    ChangeEntry {
        scope,
        summary: if summary.is_empty() {
            "(no message)".to_owned()
        } else {
            summary.clone()
        },
        breaking: message.breaking.clone(),
        pull_requests,
        commits: vec![commit.id.clone()],
        authors,
    }
}

/// Adds a change, or its commit to an equal one that is there.
fn add(changes: &mut Vec<ChangeEntry>, new: ChangeEntry) {
    let is_same = |old: &&mut ChangeEntry| {
        old.scope == new.scope && old.summary == new.summary && old.breaking == new.breaking
    };
    let Some(old) = changes.iter_mut().find(is_same) else {
        changes.push(new);
        return;
    };
    old.commits.extend(new.commits);
    for number in new.pull_requests {
        if !old.pull_requests.contains(&number) {
            old.pull_requests.push(number);
        }
    }
    for name in new.authors {
        if !old.authors.contains(&name) {
            old.authors.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commits(messages: &[&str]) -> Vec<LogEntry> {
        let commit = |(number, message): (usize, &&str)| LogEntry {
            id: format!("{:040x}", 0xabc_0000 + messages.len() - number),
            parents: Vec::new(),
            author: "Ann".into(),
            message: (*message).to_owned(),
        };
        messages.iter().enumerate().map(commit).collect()
    }

    /// The groups in one line: `Features: a, b; Fixes: c`.
    fn grouped(messages: &[&str]) -> String {
        let groups = group(&commits(messages), &HashMap::new());
        let text = |group: &ChangeGroup| {
            let changes: Vec<&str> = group.changes.iter().map(|c| c.summary.as_str()).collect();
            format!("{}: {}", group.title, changes.join(", "))
        };
        groups.iter().map(text).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn conventional_commits_are_grouped_and_others_are_one_list() {
        let all = [
            "chore: e", "docs: d", "perf: c", "fix: b", "feat: a", "feat!: z", "Words",
        ];
        assert_eq!(
            grouped(&all),
            "Breaking changes: z; Features: a; Fixes: b; Performance: c; Documentation: d; \
             Other changes: e, Words"
        );
        assert_eq!(
            grouped(&["Add b", "fix: a", "Remove c"]),
            "Changes: Add b, fix: a, Remove c"
        );
        assert_eq!(
            grouped(&["Add b", "engine!: a"]),
            "Breaking changes: engine!: a; Changes: Add b"
        );
        assert_eq!(grouped(&[]), "");
    }

    #[test]
    fn a_revert_and_what_it_reverts_cancel_each_other_out() {
        let first = "This reverts commit 000000000000000000000000000000000abc0001.";
        let revert = format!("Revert \"feat: a\"\n\n{first}");
        assert_eq!(grouped(&[&revert, "feat: a"]), "");
        assert_eq!(grouped(&["Revert \"feat: a\"", "feat: a"]), "");
        assert_eq!(
            grouped(&[
                "Revert \"feat: a (#1)\" (#2)\n\nReverts o/r#1",
                "fix: b",
                "feat: a (#1)"
            ]),
            "Fixes: b"
        );
        // A revert of the revert: the change is there.
        let again = "Reapply \"feat: a\"\n\nThis reverts commit \
                     000000000000000000000000000000000abc0002.";
        assert_eq!(grouped(&[again, &revert, "feat: a"]), "Features: a");
        assert_eq!(
            grouped(&["Reapply \"feat: a\"", "Revert \"feat: a\"", "feat: a"]),
            "Features: a"
        );
        // What was reverted is before the range.
        assert_eq!(
            grouped(&[
                "Revert \"feat: a\"\n\nThis reverts commit 1234567890.",
                "fix: b"
            ]),
            "Fixes: b; Reverts: Revert \"feat: a\""
        );
    }

    #[test]
    fn equal_changes_become_one() {
        let messages = [
            "fix(x): a (#2)\n\nCo-authored-by: Bob <b@b>",
            "fix(x): a (#1)",
            "fix: a",
        ];
        let groups = group(&commits(&messages), &HashMap::new());
        let changes = &groups[0].changes;
        assert_eq!(changes.len(), 2);
        assert_eq!(changes[0].commits.len(), 2);
        assert_eq!(changes[0].pull_requests, [2, 1]);
        assert_eq!(changes[0].authors, ["Ann", "Bob"]);
    }
}
