//! What git's words say about why a server did not do what was asked: it can't be reached, it does
//! not allow it, or somebody else was faster.

use larder_core::error::{Error, Kind, Result};
use larder_core::redact::mask;

use super::super::{classify, reason};

/// What whoever pushes must be allowed.
pub(super) const RIGHT: &str = "pushing needs write access to the repository (for a token of GitHub: `contents: write`), and the branch must not be protected against it";

/// What became of a push that the server has answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Push {
    /// The branch has the commit.
    Done,
    /// It was not accepted, maybe because the branch has moved; why.
    Rejected(String),
    /// It is not allowed; why.
    Refused(String),
}

/// Words that say that the server knows who asks, or asks who it is, and does not allow it.
const CLOSED: [&str; 12] = [
    "authentication failed",
    "could not read username",
    "could not read password",
    "permission denied",
    "permission to ",
    "access denied",
    "not authorized",
    "write access to repository not granted",
    "returned error: 401",
    "returned error: 403",
    "host key verification failed",
    "certificate",
];

/// Words that say that there is no such repository, or none for us.
const MISSING: [&str; 5] = [
    "repository not found",
    "returned error: 404",
    "not found",
    "does not appear to be a git repository",
    "does not exist",
];

/// Words that say that the server or the way to it is at fault.
pub(in crate::git) const DOWN: [&str; 6] = [
    "returned error: 5",
    "returned error: 429",
    "early eof",
    "hung up unexpectedly",
    "rpc failed",
    "unexpected disconnect",
];

/// Reasons of a server that are its decision, and have nothing to do with other pushes.
const DECIDED: [&str; 6] = [
    "hook declined",
    "protected",
    "permission",
    "denied",
    "prohibited",
    "not allowed",
];

/// The error of a command that reads a repository.
pub(super) fn of_read(url: &str, err: &str) -> Error {
    let error = Error::failed(format!("git can't read {url}")).cause(mask(reason(err)));
    by_words(error, err).hint_if_refused(
        "reading needs access to the repository: check its url and the credentials for it",
    )
}

/// What became of a push, from its exit status and what it printed with `--porcelain`.
pub(super) fn of_push(url: &str, done: bool, out: &str, err: &str) -> Result<Push> {
    // `!<tab>from:to<tab>[rejected] (fetch first)`
    let rejected = out.lines().find_map(|line| {
        let mut fields = line.strip_prefix("!\t")?.splitn(2, '\t');
        fields.nth(1)
    });
    if let Some(summary) = rejected {
        let lower = summary.to_lowercase();
        let remote: Vec<&str> = err
            .lines()
            .filter_map(|line| line.trim().strip_prefix("remote:"))
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let mut reason = summary.to_owned();
        if !remote.is_empty() {
            reason = format!("{summary}: {}", remote.join(" · "));
        }
        let reason: String = mask(&reason).chars().take(600).collect();
        return Ok(if DECIDED.iter().any(|words| lower.contains(words)) {
            Push::Refused(reason)
        } else {
            Push::Rejected(reason)
        });
    }
    if done {
        return Ok(Push::Done);
    }
    let error = Error::failed(format!("git can't push to {url}")).cause(mask(reason(err)));
    Err(by_words(error, err).hint_if_refused(RIGHT))
}

/// Decides the kind of an error by what git has printed.
fn by_words(error: Error, err: &str) -> Error {
    let lower = err.to_lowercase();
    let says = |list: &[&str]| list.iter().any(|words| lower.contains(words));
    if says(&CLOSED) {
        error.with_kind(Kind::Refused)
    } else if says(&DOWN[..2]) {
        error.with_kind(Kind::Unavailable)
    } else if says(&MISSING) {
        error.with_kind(Kind::Refused)
    } else if says(&DOWN) {
        error.with_kind(Kind::Unavailable)
    } else {
        classify(error)
    }
}

trait HintIfRefused {
    fn hint_if_refused(self, hint: &str) -> Self;
}

impl HintIfRefused for Error {
    fn hint_if_refused(self, hint: &str) -> Self {
        if self.kind() == Kind::Refused {
            self.hint(hint)
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_git_are_understood() {
        use Kind::{Failed, Refused, Unavailable};
        for (words, kind) in [
            ("fatal: Authentication failed for 'https://x/'", Refused),
            (
                "fatal: could not read Username for 'https://x': terminal prompts disabled",
                Refused,
            ),
            (
                "git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.",
                Refused,
            ),
            (
                "remote: Permission to acme/x.git denied to bot.\nfatal: unable to access 'https://x/': The requested URL returned error: 403",
                Refused,
            ),
            (
                "remote: Repository not found.\nfatal: repository 'https://x/' not found",
                Refused,
            ),
            (
                "fatal: '/x' does not appear to be a git repository\nfatal: Could not read from remote repository.",
                Refused,
            ),
            (
                "fatal: unable to access 'https://x/': The requested URL returned error: 503",
                Unavailable,
            ),
            (
                "fatal: unable to access 'https://x/': Could not resolve host: x",
                Unavailable,
            ),
            (
                "fatal: unable to access 'https://x/': Failed to connect to x port 443 after 0 ms: Couldn't connect to server",
                Unavailable,
            ),
            (
                "ssh: connect to host x port 22: Connection refused\nfatal: Could not read from remote repository.",
                Unavailable,
            ),
            (
                "error: RPC failed; curl 18 transfer closed\nfatal: early EOF",
                Unavailable,
            ),
            ("fatal: the remote end hung up unexpectedly", Unavailable),
            ("fatal: bad object", Failed),
        ] {
            assert_eq!(of_read("x", words).kind(), kind, "{words}");
            assert_eq!(
                of_push("x", false, "", words).unwrap_err().kind(),
                kind,
                "{words}"
            );
        }
    }

    #[test]
    fn a_moved_branch_is_told_from_a_decision_of_the_server() {
        let line = |summary: &str| format!("To x\n!\ta:refs/heads/main\t{summary}\nDone\n");
        for summary in [
            "[rejected] (fetch first)",
            "[rejected] (non-fast-forward)",
            "[remote rejected] (cannot lock ref 'refs/heads/main': is at 1 but expected 2)",
            "[remote rejected] (failed to update ref)",
        ] {
            let push = of_push("x", false, &line(summary), "").unwrap();
            assert_eq!(push, Push::Rejected(summary.to_owned()));
        }
        for summary in [
            "[remote rejected] (pre-receive hook declined)",
            "[remote rejected] (protected branch hook declined)",
            "[remote rejected] (permission denied)",
        ] {
            let push = of_push("x", false, &line(summary), "remote: no\n").unwrap();
            assert_eq!(push, Push::Refused(format!("{summary}: no")));
        }
        let out = "To x\n \ta:refs/heads/main\t1..2\nDone\n";
        assert_eq!(of_push("x", true, out, "").unwrap(), Push::Done);
    }
}
