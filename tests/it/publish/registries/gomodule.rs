//! `larder publish` of a Go module: a tag in a repository, and a proxy that is asked for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{commit, git};
use super::{Project, ended, said};
use crate::servers::scripted::{Reply, Script};

const TAG: &str = "refs/tags/subsystems/arc/module/v1.2.3";
const MODULE: &str = "hub.example/Acme/arc";

/// A proxy that has the version after it was asked some times, and says which commit it is.
struct Proxy {
    script: Script,
}

impl Proxy {
    fn start(missing: usize, commit: &str) -> Self {
        let left = Arc::new(AtomicUsize::new(missing));
        let info = if commit.is_empty() {
            "{\"Version\": \"v1.2.3\"}".to_owned()
        } else {
            format!(
                "{{\"Version\": \"v1.2.3\", \"Origin\": {{\"VCS\": \"git\", \"Hash\": \"{commit}\"}}}}"
            )
        };
        let script = Script::start(move |_, _| {
            let counted =
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            match counted {
                Ok(_) => Reply::status(404),
                Err(_) => Reply::ok(info.clone()),
            }
        });
        Self { script }
    }
}

/// A project in a repository, whose branch is on the remote `origin`.
fn project(proxy: &Proxy) -> Project {
    let channel = format!("  gomodule: {{module: {MODULE}, dir: module}}\n");
    let mut project = Project::new("v1.2.3", &channel);
    project
        .env
        .set("GOPROXY", format!("{},direct", proxy.script.url));
    let env = &project.env;
    let go_mod = format!("module {MODULE}\n\ngo 1.21\n");
    env.write("subsystems/arc/module/go.mod", go_mod);
    let text = "// Package arc is a module.\npackage arc\n";
    env.write("subsystems/arc/module/arc.go", text);
    env.write(".gitignore", ".bin/\n.dist/\n.larder/\nhub/\n");
    git(env, &["init", "-q", "-b", "main", "."]);
    commit(env, "feat: a module", "2024-05-06T07:08:09Z");
    git(env, &["init", "-q", "--bare", "../origin.git"]);
    let origin = env.path("../origin.git");
    git(env, &["remote", "add", "origin", origin.as_str()]);
    git(env, &["push", "-q", "origin", "main"]);
    project.install();
    project
}

/// What git prints about the remote repository.
fn remote(project: &Project, arguments: &str) -> String {
    let line = format!("git --git-dir=../origin.git {arguments}");
    project.env.sh(&line).trim().to_owned()
}

#[test]
fn a_tag_is_pushed_once_and_the_proxy_asked_after_it() {
    let proxy = Proxy::start(0, "");
    let project = project(&proxy);
    let output = project.publish(&["--dry-run"]).success();
    assert_eq!(ended(&output, "gomodule"), "skipped would be pushed");
    assert_eq!(
        proxy.script.count(),
        0,
        "a proxy remembers what was missing"
    );
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "gomodule"), "published ");
    let head = project.env.sh("git rev-parse HEAD");
    let tagged = remote(&project, &format!("rev-parse {TAG}^{{commit}}"));
    assert_eq!(tagged, head.trim());
    let tag = remote(&project, &format!("cat-file -p {TAG}"));
    assert!(tag.contains("tagger Acme <tools@acme-tools.org>"), "{tag}");
    assert!(tag.ends_with("hub.example/Acme/arc v1.2.3"), "{tag}");
    let asked = proxy.script.seen();
    assert_eq!(asked[0].path, "/hub.example/!acme/arc/@v/v1.2.3.info");
    let object = remote(&project, &format!("rev-parse {TAG}"));
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "gomodule"), "up-to-date already there");
    assert_eq!(remote(&project, &format!("rev-parse {TAG}")), object);
    // No tag is left here, where the next fetch brings it.
    assert_eq!(project.env.sh("git tag"), "");
    let status = project
        .env
        .larder(["publish", "status", "--json"])
        .success();
    let channel = &status.document()["subsystems"][0]["channels"][0];
    assert_eq!(channel["current"], "v1.2.3");
    let text = said(&project.env.larder(["unpublish", "arc@v1.2.3"]));
    assert!(text.contains("retract v1.2.3"), "{text}");

    // A later commit that leaves the module alone changes nothing; another module is another version.
    project.env.write("README.md", "# Tools\n");
    commit(&project.env, "docs: a readme", "2024-06-01T00:00:00Z");
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "gomodule"), "up-to-date already there");
    let file = "subsystems/arc/module/arc.go";
    project.env.edit(file, "is a module", "is another module");
    commit(&project.env, "fix: the text", "2024-06-02T00:00:00Z");
    let output = project.publish(&[]).exits(4);
    let text = ended(&output, "gomodule");
    assert!(text.contains("subsystems/arc/module/v1.2.3"), "{text}");
    assert_eq!(remote(&project, &format!("rev-parse {TAG}")), object);
}

#[test]
fn a_proxy_that_lags_is_waited_for_and_then_told() {
    let proxy = Proxy::start(2, "");
    let project = project(&proxy);
    let text = said(&project.publish_plain(&[]).exits(5));
    assert!(
        text.contains("`go list -m hub.example/Acme/arc@v1.2.3`"),
        "{text}"
    );
    let object = remote(&project, &format!("rev-parse {TAG}"));
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "gomodule"), "up-to-date already there");
    assert_eq!(remote(&project, &format!("rev-parse {TAG}")), object);
}

#[test]
fn a_proxy_with_another_commit_is_an_error() {
    let proxy = Proxy::start(0, "0123456789012345678901234567890123456789");
    let project = project(&proxy);
    let output = project.publish(&[]).exits(4);
    let text = ended(&output, "gomodule");
    assert!(text.contains("0123456789012345"), "{text}");
}

#[test]
fn private_modules_ask_no_proxy() {
    for (name, value) in [
        ("GOPRIVATE", "hub.example/Acme"),
        ("GONOPROXY", "*.example"),
        ("GOPROXY", "direct"),
        ("GOPROXY", "off"),
    ] {
        let proxy = Proxy::start(0, "");
        let mut project = project(&proxy);
        project.env.set(name, value);
        let output = project.publish(&[]).success();
        assert_eq!(ended(&output, "gomodule"), "published ", "{name}");
        assert_eq!(proxy.script.count(), 0, "{name}");
        assert_ne!(remote(&project, "tag"), "", "{name}");
    }
}

#[test]
fn nothing_is_tagged_that_others_do_not_have() {
    let proxy = Proxy::start(0, "");
    let project = project(&proxy);
    let file = "subsystems/arc/module/arc.go";
    project.env.edit(file, "is a module", "is changed");
    for more in [&["--dry-run"][..], &[]] {
        let text = said(&project.publish_plain(more).exits(1));
        assert!(
            text.contains("in no commit") && text.contains(file),
            "{text}"
        );
    }
    commit(&project.env, "fix: the text", "2024-06-02T00:00:00Z");
    let text = said(&project.publish_plain(&[]).exits(1));
    assert!(text.contains("push the branch first"), "{text}");
    assert_eq!(remote(&project, "tag"), "");
    // The remote refuses the tag.
    git(&project.env, &["push", "-q", "origin", "main"]);
    let hook = "#!/bin/sh\necho 'tags are protected here' >&2\nexit 1\n";
    project
        .env
        .write_executable("../origin.git/hooks/pre-receive", hook);
    let text = said(&project.publish_plain(&[]).exits(1));
    assert!(text.contains("write access to the repository"), "{text}");
    assert_eq!(remote(&project, "tag"), "");
    assert_eq!(proxy.script.count(), 0);
}
