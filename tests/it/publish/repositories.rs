//! Channels that are files in a git repository, on bad days: the branch moves, the server refuses.

use std::collections::BTreeSet;
use std::process::Stdio;

use camino::Utf8PathBuf;

use super::git;
use super::record::Recorder;
use crate::env::TestEnv;
use crate::servers::files::FileServer;

/// The repositories with the file that has the version of `arc`.
const PLACES: [(&str, &str); 4] = [
    ("tap", "Formula/arc.rb"),
    ("bucket", "bucket/arc.json"),
    ("aur", ".SRCINFO"),
    ("winget", "manifests/a/Acme/arc/1.2.3/Acme.arc.yaml"),
];

/// A project whose channels are bare repositories, which are empty.
pub struct Repositories {
    pub env: TestEnv,
    _public: FileServer,
}

impl Repositories {
    pub fn new() -> Self {
        let env = TestEnv::new();
        std::fs::create_dir_all(env.path(".larder-hub")).unwrap();
        let public = FileServer::start(&env.path(".larder-hub"));
        env.write(
            "versions.yml",
            format!(
                "versions: {{arc: v1.2.3, bow: v1.2.3}}\nplatforms: [linux-amd64, darwin-arm64, windows-amd64]\npublish:\n  \
                 maintainer: Acme <tools@acme-tools.org>\n  url: \"{}/{{{{ tag }}}}/{{{{ asset }}}}\"\n  \
                 retry: {{max: 2, base_delay: 1ms}}\n",
                public.url()
            ),
        );
        let base = env.base().to_owned();
        for name in ["arc", "bow"] {
            env.write(
                &format!("subsystems/{name}/recipe.yml"),
                format!(
                    "description: Draws a thing on the terminal\nhomepage: https://acme-tools.org/{name}\nlicense: MIT\nbinaries: [{name}]\n\
                     build:\n  source: {{dir: src}}\n  platforms: all\n  commands: ['cp tool \"{{{{ out }}}}/{name}{{{{ exe }}}}\"']\n\
                     publish:\n  homebrew: {{tap: {{git: \"file://{base}/tap.git\"}}}}\n  \
                     scoop: {{bucket: {{git: \"file://{base}/bucket.git\"}}}}\n  \
                     winget: {{publisher: Acme, repository: {{git: \"file://{base}/winget.git\"}}}}\n{}",
                    if name == "arc" { format!("  aur: {{git: \"file://{base}/aur.git\"}}\n") } else { String::new() }
                ),
            );
            env.write(
                &format!("subsystems/{name}/src/tool"),
                "#!/bin/sh\necho 1.2.3\n",
            );
        }
        for (name, _) in PLACES {
            let path = base.join(format!("{name}.git"));
            git(&env, &["init", "-q", "--bare", "-b", "main", path.as_str()]);
        }
        env.larder(["ensure", "all", "--platform", "all"]).success();
        Self {
            env,
            _public: public,
        }
    }

    pub fn repository(&self, name: &str) -> Utf8PathBuf {
        self.env.base().join(format!("{name}.git"))
    }

    fn git(&self, name: &str, arguments: &str) -> String {
        self.env
            .sh(&format!("git -C '{}' {arguments}", self.repository(name)))
    }

    pub fn subjects(&self, name: &str) -> Vec<String> {
        let log = self.git(name, "log --all --format=%s");
        log.lines().map(str::to_owned).collect()
    }

    fn hook(&self, name: &str, hook: &str, lines: &str) {
        let folder = self.repository(name).join("hooks");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(hook);
        std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        crate::env::set_mode(&path, 0o755);
    }
}

/// Lines of shell that push a commit of somebody else into a tap.
fn somebody_else(tap: &str) -> String {
    format!(
        "work=\"$folder/work-$$\"; unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE\n\
         \"$real\" clone -q '{tap}' \"$work\" && echo theirs > \"$work/theirs-$$.rb\"\n\
         (cd \"$work\" && \"$real\" add -A && \"$real\" -c user.name=x -c user.email=x@y.z commit -qm theirs && \"$real\" push -q origin HEAD:main)"
    )
}

#[test]
fn every_kind_of_repository_gets_one_commit_where_its_users_look() {
    let places = Repositories::new();
    places.env.larder(["publish", "arc"]).success();
    for (name, path) in PLACES {
        assert_eq!(places.subjects(name), ["arc 1.2.3"], "{name}");
        let branch = if name == "aur" { "master" } else { "main" };
        let text = places.git(name, &format!("show {branch}:{path}"));
        assert!(text.contains("1.2.3"), "{name}: {text}");
        let by = places.git(name, &format!("log --format='%an %ae %cn' {branch}"));
        assert_eq!(by, "Acme tools@acme-tools.org Acme\n");
    }
    let before: Vec<_> = PLACES
        .map(|(name, _)| places.git(name, "for-each-ref"))
        .into();
    places.env.larder(["publish", "arc"]).success();
    let after: Vec<_> = PLACES
        .map(|(name, _)| places.git(name, "for-each-ref"))
        .into();
    assert_eq!(before, after);
    // The second subsystem of the tap leaves the first one alone.
    places.env.larder(["publish", "bow"]).success();
    assert_eq!(places.subjects("tap"), ["bow 1.2.3", "arc 1.2.3"]);
    let files = places.git("tap", "ls-tree -r --name-only main");
    assert_eq!(files, "Formula/arc.rb\nFormula/bow.rb\n");
}

#[test]
fn a_commit_that_arrives_during_the_push_is_kept() {
    for times in [1, 4, 5] {
        let mut places = Repositories::new();
        let tap = places.repository("tap");
        let before = format!(
            "case \" $* \" in *' push '*) n=$(cat \"$folder/n\" 2>/dev/null || echo 0)\n\
             if [ \"$n\" -lt {times} ]; then echo $((n + 1)) > \"$folder/n\"; ({}); fi;; esac",
            somebody_else(tap.as_str())
        );
        let recorder = Recorder::with(&mut places.env, &before, "");
        let arguments = ["publish", "arc", "--to", "homebrew"];
        // Five pushes were not enough; the run tries again.
        places.env.larder(arguments).success();
        let mut expected = vec!["theirs"; times];
        expected.insert(0, "arc 1.2.3");
        assert_eq!(places.subjects("tap"), expected);
        let pushes = recorder.commands().matches("push --porcelain").count();
        assert_eq!(pushes, times + 1);
    }
}

#[test]
fn two_runs_push_into_one_tap_at_once() {
    let places = Repositories::new();
    places
        .env
        .larder(["release", "all", "--platform", "all"])
        .success();
    let start = |name: &str| {
        let mut command = places.env.command(["publish", name, "--to", "homebrew"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    for child in [start("arc"), start("bow")] {
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{err}");
    }
    let subjects: BTreeSet<String> = places.subjects("tap").into_iter().collect();
    assert_eq!(
        subjects,
        BTreeSet::from(["arc 1.2.3".into(), "bow 1.2.3".into()])
    );
    assert_eq!(places.git("tap", "rev-list --count main"), "2\n");
}

#[test]
fn a_hook_that_declines_is_asked_once_and_its_words_are_shown() {
    let places = Repositories::new();
    places.hook(
        "tap",
        "pre-receive",
        "echo x >> ../tries; echo 'formulae are reviewed here' >&2; exit 1",
    );
    let run = places.env.larder(["publish", "arc"]).exits(1);
    for word in ["formulae are reviewed here", "contents: write", "tap.git"] {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
    let tries = std::fs::read_to_string(places.env.base().join("tries"));
    let tries = tries.or_else(|_| std::fs::read_to_string(places.repository("tap").join("tries")));
    assert_eq!(tries.unwrap(), "x\n");
    assert!(places.subjects("tap").is_empty());
    assert_eq!(places.subjects("bucket"), ["arc 1.2.3"]);
}
