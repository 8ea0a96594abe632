//! Tests of the arguments and variables that external programs get. Each program is a script that
//! records them.
#![cfg(unix)]

use std::ffi::OsStr;

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::Kind;
use larder_core::fs;
use larder_core::redact::Redactor;
use larder_process::Log;

use super::*;
use crate::RemoteSettings;
use crate::git::Git;
use crate::github::{GitHubConfig, TokenSource};

/// A folder with scripts that replace programs.
struct Scripts(tempfile::TempDir);

impl Scripts {
    fn new(scripts: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, lines) in scripts {
            let path = dir.path().join(name);
            fs::write_atomic(&path, format!("#!/bin/sh\n{lines}\n").as_bytes()).unwrap();
            fs::set_mode(&path, 0o755).unwrap();
        }
        Self(dir)
    }

    fn file(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.0.path().join(name)).unwrap()
    }

    fn text(&self, name: &str) -> String {
        fs::read_text(self.file(name)).unwrap()
    }

    /// A user's environment with these programs on PATH, and with larder's token.
    fn environment(&self) -> Environment {
        let path = format!("{}:/usr/bin:/bin", self.0.path().display());
        [
            ("PATH", path.as_str()),
            ("HOME", self.file("").as_str()),
            ("A", "of another"),
            ("LARDER_GITHUB_TOKEN", "ours"),
            ("GH_TOKEN", "theirs"),
            ("GIT_DIR", "/elsewhere"),
            ("GIT_TERMINAL_PROMPT", "1"),
        ]
        .into_iter()
        .collect()
    }
}

#[test]
fn gh_is_run_once_and_only_when_a_token_is_needed() {
    let scripts = Scripts::new(&[(
        "gh",
        "echo \"$* ${LARDER_GITHUB_TOKEN-none}\" >> $HOME/asked; echo token-of-gh",
    )]);
    let config = GitHubConfig {
        token: TokenSource::gh(&scripts.environment()),
        ..GitHubConfig::default()
    };
    let same = config.clone();
    assert!(fs::lstat(scripts.file("asked")).unwrap().is_none());
    for config in [&config, &same, &config] {
        let token = config.find_token(&Cancel::new()).unwrap();
        assert!(format!("{token:?}").len() < 100 && !format!("{token:?}").contains("token-of-gh"));
    }
    assert_eq!(
        scripts.text("asked"),
        "auth token --hostname github.com none\n"
    );
    let none = |scripts: Scripts| {
        let mut environment = Environment::default();
        environment.set("PATH", scripts.file("").as_str());
        let config = GitHubConfig {
            token: TokenSource::gh(&environment),
            ..GitHubConfig::default()
        };
        config.find_token(&Cancel::new()).is_none()
    };
    assert!(none(Scripts::new(&[])));
    assert!(none(Scripts::new(&[("gh", "echo a-token; exit 1")])));
    assert!(none(Scripts::new(&[("gh", "echo")])));
}

#[test]
fn git_gets_none_of_our_tokens_and_never_prompts() {
    let git = "env > $HOME/seen; echo \"$*\" > $HOME/asked
printf 'c0\\trefs/tags/v1\\nc1\\trefs/tags/v1^{}\\nc2\\trefs/heads/v1\\n'";
    let scripts = Scripts::new(&[("git", git)]);
    let cancel = Cancel::new();
    let commit = Git::new(&scripts.environment(), false, &cancel)
        .remote_commit("https://git.example/r", "v1")
        .unwrap();
    assert_eq!(
        commit.as_deref(),
        Some("c1"),
        "the commit of an annotated tag"
    );
    assert_eq!(
        scripts.text("asked"),
        "ls-remote -- https://git.example/r refs/tags/v1^{} refs/tags/v1 refs/heads/v1\n"
    );
    let seen = scripts.text("seen");
    for line in [
        "GIT_ALLOW_PROTOCOL=https:ssh",
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_KEY_0=http.lowSpeedLimit",
        "GIT_TERMINAL_PROMPT=0",
    ] {
        assert!(seen.lines().any(|seen| seen == line), "{line}: {seen}");
    }
    assert!(
        !seen.contains("theirs") && !seen.contains("ours") && !seen.contains("/elsewhere"),
        "{seen}"
    );
    let environment = scripts.environment();
    let offline = Git::new(&environment, true, &cancel);
    let error = offline
        .remote_commit("https://git.example/r", "v1")
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    offline.remote_commit("file:///r", "v1").unwrap();
    let seen = scripts.text("seen");
    assert!(seen.contains("GIT_ALLOW_PROTOCOL=file\n"), "{seen}");
}

#[test]
fn git_output_of_a_failed_fetch_is_logged_and_decides_the_error_kind() {
    let into = tempfile::tempdir().unwrap();
    let into = Utf8PathBuf::from_path_buf(into.path().to_owned()).unwrap();
    fs::create_dir_all(&into).unwrap();
    // A server that can't be reached is asked once; another may know the revision as something else.
    for (words, kind, tries) in [
        (
            "fatal: unable to access 'https://git.example/r': Could not resolve host",
            Kind::Unavailable,
            1,
        ),
        ("fatal: remote error: no such thing", Kind::Failed, 3),
    ] {
        let scripts = Scripts::new(&[(
            "git",
            &format!("case \"$*\" in *fetch*) echo \"{words}\" >&2; exit 128;; esac"),
        )]);
        let (cancel, log) = (
            Cancel::new(),
            Log::at(scripts.file("log"), Redactor::default()),
        );
        let error = Git::new(&scripts.environment(), false, &cancel)
            .clone("https://git.example/r", "v1", &into, &log)
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.message(), "cannot fetch https://git.example/r");
        assert_eq!(error.causes(), ["git fetch failed", words]);
        let log = scripts.text("log");
        assert!(
            log.starts_with("$ git init --quiet .\n$ git remote add -- origin"),
            "{log}"
        );
        assert_eq!(log.matches(words).count(), tries, "{log}");
    }
}

#[test]
fn registry_clients_get_defaults_for_variables_the_user_did_not_set() {
    let scripts = Scripts::new(&[(
        "client",
        "echo \"$* A=$A GH_TOKEN=$GH_TOKEN ours=$LARDER_GITHUB_TOKEN B=$B\"; \
         echo \"get https://user:secret@registry.example/p?key=1 failed\" >&2; exit 2",
    )]);
    let settings = RemoteSettings {
        environment: scripts.environment(),
        ..RemoteSettings::default()
    };
    let cancel = Cancel::new();
    let tools = Tools::new(&settings, &cancel);
    let variables = ClientVariables {
        own: &["GH_*"],
        defaults: &[("A", "default"), ("GH_TOKEN", "default")],
    };
    let output = tools
        .run(&["client", "-m"], &[OsStr::new("view")], &variables)
        .unwrap()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.out, "-m view A=default GH_TOKEN=theirs ours= B=\n");
    let last = output.last_lines();
    assert!(
        last.starts_with("get https://")
            && last.contains("registry.example")
            && !last.contains("secret"),
        "{last}"
    );
    // The caller tries the next name.
    let absent = tools.run(&["no-such-client"], &[], &variables);
    assert!(absent.unwrap().is_none());
}
