//! `larder publish` into repositories on the hub's server: git with the hub's token, and pull requests
//! for winget.

use std::path::PathBuf;

use super::record::Recorder;
use super::repositories::Repositories;
use super::{commit, git};
use crate::env::TestEnv;
use crate::fake_github::{ADMIN, Act, FakeGitHub, Fault, Visibility, WRITE};
use crate::servers::scripted::{Reply, Script};

const PULLS: &str = "acme/winget-pkgs";
const BRANCH: &str = "Acme.arc-1.2.3";
const FOLDER: &str = "manifests/a/Acme/arc/1.2.3";

/// A project whose hub, tap and manifests are on GitHub.
struct Hosted {
    env: TestEnv,
    github: FakeGitHub,
}

impl Hosted {
    fn with(channels: &str) -> Self {
        let github = FakeGitHub::start();
        for repo in ["acme/tools", "acme/homebrew-tools", PULLS] {
            github.repo(repo, Visibility::Public);
        }
        let mut env = TestEnv::new();
        env.write(
            "versions.yml",
            "versions: {arc: v1.2.3}\nplatforms: [linux-amd64, windows-amd64]\nhub: {github: acme/tools}\npublish:\n  \
             maintainer: Acme <tools@acme-tools.org>\n  retry: {max: 1, base_delay: 1ms}\n",
        );
        env.write(
            "subsystems/arc/recipe.yml",
            format!(
                "description: Draws an arc on the terminal\nhomepage: https://acme-tools.org/arc\nlicense: MIT\nbinaries: [arc]\n\
                 build:\n  source: {{dir: src}}\n  platforms: all\n  commands: ['cp arc \"{{{{ out }}}}/arc{{{{ exe }}}}\"']\n\
                 publish:\n{channels}"
            ),
        );
        env.write("subsystems/arc/src/arc", "#!/bin/sh\necho arc 1.2.3\n");
        env.set("GITHUB_API_URL", github.api_url())
            .set("GITHUB_SERVER_URL", github.web_url())
            .set("GH_TOKEN", WRITE)
            .set("LARDER_GITHUB_PACE", "0s")
            .set("LARDER_GITHUB_SETTLE", "1s");
        env.larder(["ensure", "all", "--platform", "all"]).success();
        Self { env, github }
    }

    fn tap() -> Self {
        let hosted = Self::with("  homebrew: {tap: acme/homebrew-tools}\n");
        hosted.github.with_git("acme/homebrew-tools");
        hosted
    }

    fn winget() -> Self {
        let hosted = Self::with(&format!(
            "  winget: {{repository: {PULLS}, publisher: Acme}}\n"
        ));
        hosted.github.commit_file(PULLS, "README.md", "manifests\n");
        hosted
    }

    /// With a token that may not push to a repository, but fork it.
    fn locked(mut self, repo: &str) -> Self {
        self.github.with_repo(repo, |repo| repo.locked = true);
        self.env.set("GH_TOKEN", ADMIN);
        self
    }

    fn git(&self, repo: &str, arguments: &str) -> String {
        let path: PathBuf = self.github.with_git(repo);
        self.env
            .sh(&format!("git -C '{}' {arguments}", path.display()))
    }

    fn publish(&self) -> crate::env::Output {
        self.env.larder(["publish", "all"])
    }

    /// The requests that made or changed something there.
    fn writes(&self) -> Vec<String> {
        let entries = self.github.writes().into_iter();
        let all = entries.map(|entry| format!("{} {}", entry.method, entry.target));
        all.filter(|text| text.contains("winget-pkgs")).collect()
    }
}

#[test]
fn the_token_of_the_hub_pushes_and_is_found_nowhere() {
    let mut hosted = Hosted::tap();
    let recorder = Recorder::new(&mut hosted.env);
    let run = hosted.publish().success();
    let tap = "acme/homebrew-tools";
    assert_eq!(hosted.git(tap, "log --format=%s main"), "arc 1.2.3\n");
    let by = hosted.git(tap, "log --format='%an %ae' main");
    assert_eq!(by, "Acme tools@acme-tools.org\n");
    let formula = hosted.git(tap, "show main:Formula/arc.rb");
    assert!(formula.contains("version \"1.2.3\""), "{formula}");
    // Again: nothing is written.
    let again = hosted.publish().success();
    assert_eq!(hosted.git(tap, "log --format=%s main"), "arc 1.2.3\n");

    let seen = recorder.commands();
    assert!(seen.contains("push --porcelain"), "{seen}");
    recorder.assert_absent(WRITE);
    for text in [&run.stdout, &run.stderr, &again.stdout, &again.stderr] {
        assert!(!text.contains(WRITE), "{text}");
    }
    let files = format!(
        "grep -rlF {WRITE} '{}' '{}' || true",
        hosted.env.base(),
        hosted.env.home()
    );
    assert_eq!(hosted.env.sh(&files), "");
}

/// A helper of the user that gives a password.
fn helper(env: &mut TestEnv, password: &str) {
    let file = env.base().join("gitconfig");
    let line = format!("!f() {{ echo username=me; echo password={password}; }}; f");
    let text = format!("[credential]\n\thelper = \"{line}\"\n");
    std::fs::write(&file, text).unwrap();
    env.set("GIT_CONFIG_GLOBAL", file);
}

#[test]
fn the_token_of_the_hub_comes_before_what_the_user_has_configured() {
    let mut hosted = Hosted::tap();
    helper(&mut hosted.env, "ghp_unknown");
    hosted.publish().success();
    assert_eq!(
        hosted.git("acme/homebrew-tools", "rev-list --count main"),
        "1\n"
    );
}

#[test]
fn the_user_logs_in_to_every_other_repository() {
    let github = FakeGitHub::start();
    github.repo("other/tap", Visibility::Private);
    let url = format!("{}/other/tap.git", github.web_url());
    let mut hosted = Hosted::with(&format!("  homebrew: {{tap: {{git: \"{url}\"}}}}\n"));
    hosted.github.repo("other/tap", Visibility::Private);
    let path = github.with_git("other/tap");
    let recorder = Recorder::new(&mut hosted.env);
    let run = hosted.publish().exits(1);
    assert!(
        run.stderr.contains("check its url and the credentials"),
        "{}",
        run.stderr
    );
    helper(&mut hosted.env, ADMIN);
    hosted.publish().success();
    let count = format!("git -C '{}' rev-list --count main", path.display());
    assert_eq!(hosted.env.sh(&count), "1\n");
    for secret in [WRITE, ADMIN] {
        recorder.assert_absent(secret);
    }
}

#[test]
fn a_server_that_redirects_elsewhere_does_not_get_the_token_there() {
    let log_in = || Reply::status(401).header("www-authenticate", "Basic realm=\"x\"");
    let other = Script::start(move |_, _| log_in());
    let target = format!(
        "{}/acme/tools.git/info/refs?service=git-upload-pack",
        other.url
    );
    let web = Script::start(move |_, _| Reply::to(302, &target));
    let mut places = Repositories::new();
    let tap = format!("{{git: \"file://{}\"}}", places.repository("tap"));
    places
        .env
        .edit("subsystems/arc/recipe.yml", &tap, "acme/tools");
    places
        .env
        .set("GITHUB_SERVER_URL", &web.url)
        .set("GH_TOKEN", WRITE);
    places
        .env
        .larder(["publish", "arc", "--to", "homebrew"])
        .exits(1);
    assert!(!other.seen().is_empty());
    for request in other.seen().iter().chain(&web.seen()) {
        assert_eq!(request.header("authorization"), None, "{request:?}");
    }
}

#[test]
fn a_token_without_the_right_is_told_once_which_right_it_lacks() {
    let hosted = Hosted::tap().locked("acme/homebrew-tools");
    for arguments in [&["publish", "all"][..], &["publish", "all", "--dry-run"]] {
        hosted.github.clear_log();
        let run = hosted.env.larder(arguments).exits(1);
        for word in ["contents: write", "homebrew-tools.git"] {
            assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
        }
        assert!(!run.stderr.contains(ADMIN), "{}", run.stderr);
        let log = hosted.github.log();
        let refused = log.iter().filter(|entry| entry.status == 403).count();
        assert_eq!(refused, 1, "{log:#?}");
    }
    // A token that nobody knows, and none.
    let mut hosted = hosted;
    hosted.env.set("GH_TOKEN", "ghp_unknown");
    hosted.publish().exits(1);
    assert_eq!(
        hosted.git("acme/homebrew-tools", "log --all --format=%s"),
        ""
    );
}

#[test]
fn manifests_are_proposed_within_the_repository_by_a_token_that_may_push() {
    let hosted = Hosted::winget();
    hosted.publish().success();
    let pulls = hosted.github.pulls(PULLS);
    assert_eq!(pulls.len(), 1);
    let pull = &pulls[0];
    assert_eq!(pull.title, "New version: Acme.arc version 1.2.3");
    assert_eq!(
        (&pull.head_repo[..], &pull.branch[..], pull.open),
        (PULLS, BRANCH, true)
    );
    assert_eq!(hosted.git(PULLS, "rev-list --count main"), "1\n");
    let changed = hosted.git(PULLS, &format!("diff --name-only main {BRANCH}"));
    let expected = ["installer.yaml", "locale.en-US.yaml", "yaml"];
    let expected: String = expected
        .map(|end| format!("{FOLDER}/Acme.arc.{end}\n"))
        .concat();
    assert_eq!(changed, expected);
    let rendered = hosted.env.read(".dist/channels/arc/winget/Acme.arc.yaml");
    let proposed = hosted.git(PULLS, &format!("show {BRANCH}:{FOLDER}/Acme.arc.yaml"));
    assert_eq!(proposed, rendered);

    // Open, merged, and merged with the branch gone: nothing is written again.
    hosted.github.clear_log();
    hosted.publish().success();
    hosted.github.decide_pull(PULLS, 1, true);
    hosted.publish().success();
    hosted.git(PULLS, &format!("branch -D {BRANCH}"));
    hosted.publish().success();
    assert_eq!(hosted.writes(), [""; 0]);
}

#[test]
fn manifests_are_proposed_from_a_fork_by_a_token_that_may_not_push() {
    let hosted = Hosted::winget().locked(PULLS);
    hosted.github.clear_log();
    hosted.publish().success();
    let pulls = hosted.github.pulls(PULLS);
    assert_eq!(pulls[0].head_repo, "admin/winget-pkgs");
    let repo = "/repos/acme/winget-pkgs";
    let fork = "/repos/admin/winget-pkgs";
    let expected = [
        format!("POST {repo}/forks"),
        format!("POST {fork}/git/trees"),
        format!("POST {fork}/git/commits"),
        format!("POST {fork}/git/refs"),
        format!("POST {repo}/pulls"),
    ];
    assert_eq!(hosted.writes(), expected);
    // The repository goes on; the fork of the next version does not know its newest commit.
    hosted.github.decide_pull(PULLS, 1, true);
    hosted.github.commit_file(PULLS, "README.md", "more\n");
    hosted.env.edit("versions.yml", "v1.2.3", "v1.3.0");
    hosted
        .env
        .larder(["ensure", "all", "--platform", "all"])
        .success();
    hosted.publish().success();
    let pulls = hosted.github.pulls(PULLS);
    assert_eq!((pulls.len(), &pulls[1].branch[..]), (2, "Acme.arc-1.3.0"));
    let count = hosted.git(PULLS, "rev-list --count refs/pull/2/head ^main");
    assert_eq!(count, "1\n");
}

#[test]
fn a_proposal_that_was_cut_off_anywhere_is_completed() {
    for (method, path) in [
        ("POST", "/forks"),
        ("POST", "/git/trees"),
        ("POST", "/git/commits"),
        ("POST", "/git/refs"),
        ("POST", "winget-pkgs/pulls"),
    ] {
        for act in [Act::KillBefore, Act::KillAfter] {
            let hosted = Hosted::winget().locked(PULLS);
            hosted.env.edit("versions.yml", "max: 1", "max: 0");
            hosted.github.fault(Fault::on(method, path, act.clone()));
            let first = hosted.publish();
            assert_eq!(hosted.github.clear_faults(), 0, "{method} {path}");
            if first.code != Some(0) {
                assert_eq!(first.code, Some(5), "{}", first.stderr);
                hosted.publish().success();
            }
            assert_eq!(
                hosted.github.pulls(PULLS).len(),
                1,
                "{method} {path} {act:?}"
            );
            hosted.github.clear_log();
            hosted.publish().success();
            assert_eq!(hosted.writes(), [""; 0]);
        }
    }
}

#[test]
fn what_is_there_with_other_content_or_was_refused_is_told() {
    let hosted = Hosted::winget();
    hosted
        .github
        .commit_file(PULLS, &format!("{FOLDER}/Acme.arc.yaml"), "theirs\n");
    let run = hosted.publish().exits(4);
    let digest = larder_core::model::Digest::of(b"theirs\n").to_string();
    assert!(run.stderr.contains(&digest), "{}", run.stderr);

    let hosted = Hosted::winget();
    hosted.publish().success();
    hosted.github.decide_pull(PULLS, 1, false);
    let run = hosted.publish().exits(1);
    for word in ["pull/1", "was closed and not merged"] {
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }

    let hosted = Hosted::winget();
    hosted.git(PULLS, &format!("branch {BRANCH} main"));
    let run = hosted.publish().exits(1);
    assert!(
        run.stderr.contains("with another content"),
        "{}",
        run.stderr
    );
    assert!(hosted.github.pulls(PULLS).is_empty());
}

#[test]
fn a_dry_run_proposes_nothing() {
    let hosted = Hosted::winget().locked(PULLS);
    hosted.github.clear_log();
    hosted.env.larder(["publish", "all", "--dry-run"]).success();
    assert_eq!(hosted.writes(), [""; 0]);
    let mut hosted = hosted;
    hosted.env.set("GH_TOKEN", "");
    let run = hosted.env.larder(["publish", "all", "--dry-run"]).exits(1);
    assert!(run.stderr.contains("GH_TOKEN"), "{}", run.stderr);
}

#[test]
fn a_proposal_is_closed_and_a_merged_version_is_proposed_to_be_removed() {
    let hosted = Hosted::winget();
    hosted.publish().success();
    let unpublish = || hosted.env.larder(["unpublish", "arc@v1.2.3"]).success();
    let run = unpublish();
    assert!(run.stderr.contains("pull/1 is closed"), "{}", run.stderr);
    assert!(!hosted.github.pulls(PULLS)[0].open);
    assert_eq!(
        hosted.git(PULLS, "branch --list --format='%(refname:short)'"),
        "main\n"
    );
    assert!(unpublish().stderr.contains("is not there"));

    let hosted = Hosted::winget();
    hosted.publish().success();
    hosted.github.decide_pull(PULLS, 1, true);
    let unpublish = || hosted.env.larder(["unpublish", "arc@v1.2.3"]).success();
    for _ in 0..2 {
        let run = unpublish();
        assert!(
            run.stderr.contains("pull/2 proposes to remove it"),
            "{}",
            run.stderr
        );
    }
    let pulls = hosted.github.pulls(PULLS);
    assert_eq!(pulls[1].title, "Remove version: Acme.arc version 1.2.3");
    assert_eq!(pulls.len(), 2);
    let files = hosted.git(PULLS, "ls-tree -r --name-only refs/pull/2/head");
    assert_eq!(files, "README.md\n");
    hosted.github.decide_pull(PULLS, 2, true);
    assert!(unpublish().stderr.contains("is not there"));
}

#[test]
fn the_tag_of_a_go_module_is_pushed_with_the_token_of_the_hub() {
    let channel = "  gomodule: {module: hub.example/acme/tools/module, dir: ../../module}\n";
    let mut hosted = Hosted::with(channel);
    hosted.env.set("GOPROXY", "off");
    let env = &hosted.env;
    env.write(
        "module/go.mod",
        "module hub.example/acme/tools/module\n\ngo 1.21\n",
    );
    env.write(
        "module/arc.go",
        "// Package arc is a module.\npackage arc\n",
    );
    env.write(".gitignore", ".bin/\n.dist/\n.larder/\n");
    let repository = hosted.github.with_git("acme/tools");
    git(env, &["init", "-q", "-b", "main", "."]);
    commit(env, "feat: a module", "2024-05-06T07:08:09Z");
    git(env, &["push", "-q", repository.to_str().unwrap(), "main"]);
    let url = format!("{}/acme/tools.git", hosted.github.web_url());
    git(env, &["remote", "add", "origin", &url]);
    env.larder(["publish", "all", "--to", "gomodule"]).success();
    let tag = "rev-parse refs/tags/module/v1.2.3^{commit}";
    assert_eq!(
        hosted.git("acme/tools", tag),
        hosted.git("acme/tools", "rev-parse main")
    );
    let again = env.larder(["publish", "all", "--to", "gomodule"]).success();
    assert!(again.stderr.contains("already there"), "{}", again.stderr);
}

#[test]
fn a_private_hub_feeds_nobody_unless_its_users_may_read_it() {
    let hosted = Hosted::tap();
    hosted
        .github
        .with_repo("acme/tools", |repo| repo.visibility = Visibility::Private);
    let refused = hosted.env.larder(["publish", "all"]).exits(2);
    for words in ["the hub is private", "gate: token"] {
        assert!(
            refused.stderr.contains(words),
            "{words}: {}",
            refused.stderr
        );
    }
    assert_eq!(hosted.git("acme/homebrew-tools", "for-each-ref"), "");
    hosted
        .env
        .edit("versions.yml", "publish:\n", "publish:\n  gate: token\n");
    hosted.env.larder(["publish", "all"]).success();
    let log = hosted.git("acme/homebrew-tools", "log --all --format=%s");
    assert_eq!(log.trim(), "arc 1.2.3");
}
