//! The output and exit status of a command; redaction removes what differs between machines and
//! runs.

use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;
use serde_json::Value;

use super::{TestEnv, host};

/// The result of a command.
#[derive(Clone, Debug)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output: data.
    pub stdout: String,
    /// Standard error: messages.
    pub stderr: String,
    pub(super) base: Utf8PathBuf,
}

impl Output {
    /// It must have exited 0.
    #[track_caller]
    pub fn success(self) -> Self {
        self.exits(0)
    }
    /// It must have exited with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert!(
            self.code == Some(code),
            "`{}` ended with {:?}, signal {:?}, wanted {code}\n--- stdout\n{}--- stderr\n{}",
            self.command,
            self.code,
            self.signal,
            self.stdout,
            self.stderr
        );
        self
    }
    /// The lines of standard output as JSON objects.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|e| {
                panic!(
                    "`{}` printed no JSON: {e}: {line}\n{}",
                    self.command, self.stderr
                )
            })
        };
        self.stdout.lines().map(parse).collect()
    }
    /// The one JSON document on standard output.
    #[track_caller]
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| {
            panic!(
                "`{}` printed no JSON document: {e}\n{}\n{}",
                self.command, self.stdout, self.stderr
            )
        })
    }
    /// The `finished` lines of an action (`ensure`, `release`…).
    #[track_caller]
    pub fn finished(&self, action: &str) -> Vec<Value> {
        self.json()
            .into_iter()
            .filter(|line| line["event"] == "finished" && line["action"] == action)
            .collect()
    }
    /// The outcome of `ensure` for a subsystem according to the `--json` lines (of the first
    /// platform if there are several).
    #[track_caller]
    pub fn outcome(&self, subsystem: &str) -> String {
        let line = self
            .finished("ensure")
            .into_iter()
            .find(|line| line["subsystem"] == subsystem);
        let line = line.unwrap_or_else(|| {
            panic!(
                "no ensure of {subsystem} in\n{}{}",
                self.stdout, self.stderr
            )
        });
        line["outcome"].as_str().expect("an outcome").to_owned()
    }
    /// `name=outcome` of every ensured subsystem, sorted.
    #[track_caller]
    pub fn outcomes(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let mut all: Vec<_> = self
            .finished("ensure")
            .iter()
            .map(|line| format!("{}={}", text(&line["subsystem"]), text(&line["outcome"])))
            .collect();
        all.sort();
        all
    }
    /// The last line of `--json`.
    #[track_caller]
    pub fn summary(&self) -> Value {
        let mut lines = self.json();
        let last = lines.pop().expect("a line");
        assert_eq!(last["event"], "summary", "{last}");
        assert!(
            !lines.iter().any(|line| line["event"] == "summary"),
            "more than one summary:\n{}",
            self.stdout
        );
        last
    }
    /// Both streams and the exit code for snapshots, with everything replaced that differs from
    /// machine to machine.
    pub fn redacted(&self) -> String {
        let exit = match (self.code, self.signal) {
            (Some(code), _) => code.to_string(),
            (None, signal) => format!("signal {signal:?}"),
        };
        let text = format!(
            "exit: {exit}\n--- stdout\n{}--- stderr\n{}",
            self.stdout, self.stderr
        );
        redact(&text, &self.base)
    }
}

/// Replaces paths, times, digests and this machine's platform: the one place for redactions.
pub fn redact(text: &str, base: &Utf8Path) -> String {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let rules = [
            (r"\b[0-9a-f]{64}\b", "[SHA256]"),
            (r"\b[0-9a-f]{40}\b", "[COMMIT]"),
            (r"\b[0-9a-f]{12}\b", "[HEX12]"),
            (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[DATE]"),
            (r"\b\d+(\.\d+)? [KMG]?i?B/s", "[SPEED]"),
            (r"\b\d+m \d+s\b", "[TIME]"),
            (r"\b\d+(\.\d+)? ?(ns|µs|ms|s)\b", "[TIME]"),
            (r#""seconds":[0-9.e-]+"#, r#""seconds":"[TIME]""#),
            (r"127\.0\.0\.1:\d+", "[SERVER]"),
        ];
        rules
            .iter()
            .map(|(pattern, with)| (Regex::new(pattern).expect("a rule"), *with))
            .collect()
    });
    let mut text = text.to_owned();
    for (part, with) in [
        ("project", "[PROJECT]"),
        ("cache", "[CACHE]"),
        ("home", "[HOME]"),
        ("tmp", "[TMP]"),
    ] {
        text = text.replace(base.join(part).as_str(), with);
    }
    text = text
        .replace(base.as_str(), "[BASE]")
        .replace(&host(), "[HOST]");
    for (rule, with) in RULES.iter() {
        text = rule.replace_all(&text, *with).into_owned();
    }
    text
}

#[test]
fn redaction_removes_everything_machine_specific() {
    let env = TestEnv::new();
    let sha = "0".repeat(64);
    let text = format!(
        "{}/x took 1.25s at 3.1 MiB/s, {sha} on {} 3f2a9c01d2e4-7 in {}",
        env.project(),
        host(),
        env.cache()
    );
    assert_eq!(
        redact(&text, env.base()),
        "[PROJECT]/x took [TIME] at [SPEED], [SHA256] on [HOST] [HEX12]-7 in [CACHE]"
    );
}
