//! `larder publish`: the order of a run, the gate, what is tried again, the exit codes, the record
//! and the reports. The places are bare repositories on this machine.

use std::collections::BTreeMap;

use serde_json::Value;

use super::git;
use crate::env::{Output, TestEnv};
use crate::servers::files::{Fault, FileServer};
use crate::servers::ports::free_port;
use crate::servers::scripted::{Reply, Script};

/// A project with a folder hub that a server shows to everybody, a tap and a bucket.
struct Published {
    env: TestEnv,
    public: FileServer,
}

impl Published {
    /// `more` are further channels and `run` further settings of the run.
    fn with(more: &str, run: &str) -> Self {
        let env = TestEnv::new();
        std::fs::create_dir_all(env.path(".larder-hub")).unwrap();
        let public = FileServer::start(&env.path(".larder-hub"));
        env.write(
            "versions.yml",
            format!(
                "versions: {{arc: v1.2.3}}\nplatforms: [linux-amd64, darwin-arm64, windows-amd64]\npublish:\n  \
                 maintainer: Acme <tools@acme-tools.org>\n  url: \"{}/{{{{ tag }}}}/{{{{ asset }}}}\"\n  \
                 retry: {{max: 1, base_delay: 1ms}}\n{run}",
                public.url()
            ),
        );
        env.write(
            "subsystems/arc/recipe.yml",
            format!(
                "description: Draws an arc on the terminal\nhomepage: https://acme-tools.org/arc\nlicense: MIT\nbinaries: [arc]\n\
                 build:\n  source: {{dir: src}}\n  platforms: all\n  commands: ['cp arc \"{{{{ out }}}}/arc{{{{ exe }}}}\"']\n\
                 publish:\n  homebrew: {{tap: {{git: {}}}}}\n  scoop: {{bucket: {{git: {}}}}}\n{more}",
                env.base().join("tap.git"),
                env.base().join("bucket.git"),
            ),
        );
        env.write("subsystems/arc/src/arc", "#!/bin/sh\necho arc 1.2.3\n");
        env.write(".gitignore", ".bin/\n.dist/\n.larder/\n.larder-hub/\n");
        for name in ["tap", "bucket"] {
            let path = env.base().join(format!("{name}.git"));
            git(&env, &["init", "-q", "--bare", "-b", "main", path.as_str()]);
        }
        Self { env, public }
    }

    fn new() -> Self {
        Self::with("", "")
    }

    /// The same with everything installed.
    fn installed(self) -> Self {
        self.env
            .larder(["ensure", "all", "--platform", "all"])
            .success();
        self
    }

    fn bump(&self, version: &str) {
        let versions = self.env.read("versions.yml");
        let (_, rest) = versions.split_once('}').unwrap();
        self.env.write(
            "versions.yml",
            format!("versions: {{arc: {version}}}{rest}"),
        );
        self.env
            .larder(["ensure", "all", "--platform", "all"])
            .success();
    }

    /// The subjects of the commits of a repository, newest first.
    fn commits(&self, repository: &str) -> Vec<String> {
        let log = self.env.sh(&format!(
            "git -C '{}/{repository}.git' log --all --format=%s",
            self.env.base()
        ));
        log.lines().map(str::to_owned).collect()
    }

    /// A file on the default branch of a repository.
    fn file(&self, repository: &str, path: &str) -> String {
        self.env.sh(&format!(
            "git -C '{}/{repository}.git' show HEAD:{path}",
            self.env.base()
        ))
    }

    fn publish(&self) -> Output {
        self.env.larder_json(["publish", "all"])
    }
}

/// The outcome of each channel, and its reason.
fn outcomes(output: &Output) -> BTreeMap<String, String> {
    let lines = output.json();
    let published = lines.iter().filter(|line| line["action"] == "publish");
    published
        .map(|line| {
            let channel = line["channel"].as_str().unwrap_or("all").to_owned();
            (channel, line["outcome"].as_str().unwrap().to_owned())
        })
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(one, other): &(&str, &str)| ((*one).to_owned(), (*other).to_owned());
    expected.iter().map(owned).collect()
}

#[test]
fn a_release_reaches_its_channels_once_and_the_next_version_replaces_it() {
    let published = Published::new().installed();
    let first = published.publish().success();
    let both = [("homebrew", "published"), ("scoop", "published")];
    assert_eq!(outcomes(&first), pairs(&both));
    assert_eq!(published.commits("tap"), ["arc 1.2.3"]);
    assert_eq!(published.commits("bucket"), ["arc 1.2.3"]);
    // Each asset was fetched from its public url.
    let fetched = published.public.take();
    for platform in [
        "linux-amd64.tar.gz",
        "darwin-arm64.tar.gz",
        "windows-amd64.zip",
    ] {
        let request = format!("GET /arc-v1.2.3/arc-{platform}");
        assert!(fetched.contains(&request), "{request} of {fetched:?}");
    }
    let digest = larder_core::model::Digest::of(
        &std::fs::read(
            published
                .env
                .path(".larder-hub/arc-v1.2.3/arc-darwin-arm64.tar.gz"),
        )
        .unwrap(),
    );
    let formula = published.file("tap", "Formula/arc.rb");
    assert!(formula.contains(&digest.to_string()), "{formula}");

    // Again: nothing is written, and nothing is fetched because nothing is pushed.
    let again = published.publish().success();
    let same = [("homebrew", "up-to-date"), ("scoop", "up-to-date")];
    assert_eq!(outcomes(&again), pairs(&same));
    assert_eq!(published.commits("tap"), ["arc 1.2.3"]);
    assert!(published.public.take().is_empty());

    published.bump("v1.3.0");
    assert_eq!(outcomes(&published.publish().success()), pairs(&both));
    assert_eq!(published.commits("tap"), ["arc 1.3.0", "arc 1.2.3"]);
    assert!(
        published
            .file("bucket", "bucket/arc.json")
            .contains("1.3.0")
    );

    // An older version does not take its place.
    published.bump("v1.2.3");
    let older = published.publish().success();
    let skipped = [("homebrew", "skipped"), ("scoop", "skipped")];
    assert_eq!(outcomes(&older), pairs(&skipped));
    assert!(
        older.stdout.contains("has 1.3.0, which is newer"),
        "{}",
        older.stdout
    );
    assert_eq!(published.commits("tap").len(), 2);
}

#[test]
fn nothing_is_pushed_before_every_asset_is_public_and_right() {
    let asset = "/arc-v1.2.3/arc-darwin-arm64.tar.gz";
    let missing = Fault::Status(404, "gone".into());
    let other = Fault::Status(200, "<html>another page</html>".into());
    for (fault, code, word) in [
        (missing, 5, "not public yet"),
        (other, 4, "not what was released"),
    ] {
        let published = Published::new().installed();
        published.public.fault(asset, fault);
        let run = published.env.larder(["publish", "all"]).exits(code);
        assert!(run.stderr.contains(word), "{}", run.stderr);
        assert!(published.commits("tap").is_empty() && published.commits("bucket").is_empty());
        // One channel has the error, the other one says why it was left out.
        assert_eq!(
            run.stderr.matches("did not pass the gate").count(),
            2,
            "{}",
            run.stderr
        );
        published.public.heal();
        published.publish().success();
        assert_eq!(published.commits("tap"), ["arc 1.2.3"]);
    }
}

#[test]
fn one_channel_that_fails_does_not_stop_the_others() {
    let nobody = format!("http://127.0.0.1:{}/arc-bin.git", free_port());
    let published = Published::with(&format!("  aur: {{git: \"{nobody}\"}}\n"), "").installed();
    // Only a channel without an answer failed: trying later can help.
    let run = published.publish().exits(5);
    let expected = [
        ("aur", "failed"),
        ("homebrew", "published"),
        ("scoop", "published"),
    ];
    assert_eq!(outcomes(&run), pairs(&expected));
    // Another one failed for good.
    std::fs::rename(
        published.env.base().join("tap.git"),
        published.env.base().join("away.git"),
    )
    .unwrap();
    let run = published.env.larder(["publish", "all"]).exits(1);
    for word in [
        "name  version  channel",
        "arc   v1.2.3   homebrew  failed",
        "arc   v1.2.3   scoop     up-to-date",
    ] {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
    let status = published
        .env
        .larder_json(["publish", "status"])
        .success()
        .document();
    let channels = &status["subsystems"][0]["channels"];
    let of = |name: &str| {
        let all = channels.as_array().unwrap();
        all.iter()
            .find(|channel| channel["channel"] == name)
            .unwrap()
            .clone()
    };
    let counts = |channel: &Value| (channel["publishes"].clone(), channel["errors"].clone());
    assert_eq!(of("scoop")["state"], "published");
    assert_eq!(counts(&of("scoop")), (1.into(), 0.into()));
    assert_eq!(of("homebrew")["state"], "unknown");
    assert_eq!(counts(&of("homebrew")), (1.into(), 1.into()));
    assert_eq!(counts(&of("aur")), (0.into(), 2.into()));
    assert_eq!(of("aur")["last"]["outcome"], "failed");
    assert_eq!(status["complete"], false);
}

#[test]
fn other_bytes_under_the_same_version_are_an_error_with_both_digests() {
    let published = Published::new().installed();
    published.publish().success();
    let formula = published.file("tap", "Formula/arc.rb");
    let theirs = formula.replace("sha256 \"", "sha256 \"0");
    let work = published.env.base().join("work");
    published.env.sh(&format!(
        "git clone -q '{}/tap.git' '{work}'",
        published.env.base()
    ));
    std::fs::write(work.join("Formula/arc.rb"), &theirs).unwrap();
    published.env.sh(&format!(
        "cd '{work}' && git -c user.name=x -c user.email=x@y.z commit -qam other && git push -q"
    ));
    let run = published.env.larder(["publish", "all"]).exits(4);
    for text in [&formula, &theirs] {
        let digest = larder_core::model::Digest::of(text.as_bytes()).to_string();
        assert!(run.stderr.contains(&digest), "{digest}: {}", run.stderr);
    }
    assert_eq!(published.commits("tap"), ["other", "arc 1.2.3"]);
}

#[test]
fn a_dry_run_asks_and_writes_nothing() {
    let published = Published::new().installed();
    let run = published
        .env
        .larder(["publish", "all", "--dry-run"])
        .success();
    for word in ["would be released", "would be pushed"] {
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
    assert!(published.commits("tap").is_empty());
    assert!(!published.env.exists(".larder-hub/arc-v1.2.3"));
    assert!(!published.env.exists(".larder/publish") && !published.env.exists(".dist/channels"));
    published.publish().success();
    let after = published.env.larder(["publish", "all", "-n"]).success();
    assert!(!after.stderr.contains("would be"), "{}", after.stderr);
}

#[test]
fn what_does_not_hold_is_said_before_anything_is_released() {
    let published = Published::new();
    let run = published.env.larder(["publish", "all"]).exits(1);
    assert!(
        run.stderr.contains("larder ensure arc --platform all"),
        "{}",
        run.stderr
    );
    assert!(!published.env.exists(".larder-hub/arc-v1.2.3"));
    let skipped = published
        .env
        .larder(["publish", "all", "--to", "npm"])
        .success();
    assert!(
        skipped.stderr.contains("it is not on for arc"),
        "{}",
        skipped.stderr
    );
    published
        .env
        .larder(["publish", "all", "--to", "npm", "--skip", "npm"])
        .exits(2);
    published.env.larder(["publish", "arcc"]).exits(2);
}

#[test]
fn a_channel_without_a_place_is_skipped_with_the_key_that_is_missing() {
    let published = Published::with("  aur: {}\n  chocolatey: {enabled: false}\n", "").installed();
    let run = published.publish().success();
    assert_eq!(outcomes(&run)["aur"], "skipped");
    assert!(
        run.stdout.contains("not configured: `git`"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_channel_that_does_not_answer_in_time_is_given_up() {
    // Connections are accepted by the system and never answered.
    let unanswered = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("http://{}/arc-bin.git", unanswered.local_addr().unwrap());
    let channels = format!("  aur: {{git: \"{place}\", timeout: 1s, priority: -1}}\n");
    let published = Published::with(&channels, "").installed();
    let run = published.env.larder(["publish", "all"]).exits(5);
    assert!(
        run.stderr.contains("arc aur was not done within 1"),
        "{}",
        run.stderr
    );
    assert_eq!(published.commits("tap"), ["arc 1.2.3"]);
}

#[test]
fn a_run_is_reported_to_a_log_and_to_a_webhook_whose_url_is_secret() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks/s3cr3t", listener.local_addr().unwrap());
    let webhook = Script::on(listener, |_, _| Reply::ok(""));
    let notify = "  notify: {log: .larder/publish.log, webhook: \"{{ env.PUBLISH_WEBHOOK }}\"}\n";
    let mut published = Published::with("", notify).installed();
    let unset = published.env.larder(["publish", "all"]).success();
    assert!(
        unset.stderr.contains("`publish.notify.webhook`"),
        "{}",
        unset.stderr
    );
    published.env.set("PUBLISH_WEBHOOK", &url);
    let told = published.env.larder(["publish", "all"]).success();
    assert!(!told.stderr.contains("webhook"), "{}", told.stderr);
    let seen = webhook.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (1, "/hooks/s3cr3t"));
    let report: Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(report["ok"], true);
    assert_eq!(report["channels"][0]["outcome"], "up-to-date");
    // A webhook that is away is a warning, which does not show its url.
    published
        .env
        .set("PUBLISH_WEBHOOK", "http://127.0.0.1:1/hooks/s3cr3t");
    let away = published.env.larder(["publish", "all"]).success();
    assert!(away.stderr.contains("did not answer"), "{}", away.stderr);
    let log = published.env.read(".larder/publish.log");
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(
        log.lines()
            .next()
            .unwrap()
            .ends_with("ok: arc v1.2.3 homebrew published, arc v1.2.3 scoop published"),
        "{log}"
    );
    for text in [&unset.stderr, &told.stderr, &away.stderr, &log] {
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}

#[test]
fn a_version_is_taken_back_where_that_is_possible() {
    let published = Published::new().installed();
    published.publish().success();
    let first = published.file("tap", "Formula/arc.rb");
    published.bump("v1.3.0");
    published.publish().success();
    let dry = published
        .env
        .larder(["unpublish", "arc@v1.3.0", "--dry-run"])
        .success();
    assert!(dry.stderr.contains("would be withdrawn"), "{}", dry.stderr);
    let back = published
        .env
        .larder(["unpublish", "arc@v1.3.0", "--to", "homebrew"])
        .success();
    assert!(back.stderr.contains("withdrawn"), "{}", back.stderr);
    assert_eq!(published.file("tap", "Formula/arc.rb"), first);
    assert!(
        published
            .file("bucket", "bucket/arc.json")
            .contains("1.3.0")
    );
    let again = published
        .env
        .larder(["unpublish", "arc@v1.3.0", "--to", "homebrew"])
        .success();
    assert!(again.stderr.contains("is not there"), "{}", again.stderr);
    published.env.larder(["unpublish", "arc"]).exits(2);
    published.env.larder(["unpublish", "arrc@v1"]).exits(2);
}
