//! Copies of hubs are the same whatever way they took, and nothing that is needed is removed.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Copy, Gc, copy, gc};
use crate::context::{Context, Options};
use crate::events::{Event, Events};
use crate::settings::Settings;
use larder_core::cancel::Cancel;
use larder_core::error::Kind;
use larder_core::formats::{Observed, Sidecar};
use larder_core::fs;
use larder_core::model::{Artifact, ArtifactFile, AssetName, Digest, Origin, Outcome, Tag};
use larder_core::project::Project;
use larder_core::project::user::UserConfig;
use larder_remote::hub::{DirHub, Hub, HubPublisher, MemoryHub, PlainFile, PublishOptions, Upload};

/// A project with the subsystem `tool` at v1.10.0, and room for hubs.
struct Fixture {
    _dir: tempfile::TempDir,
    root: Utf8PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let fixture = Self {
            _dir: dir,
            root,
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
        };
        fixture.write(
            "versions.yml",
            b"versions: {tool: v1.10.0}\nhub: {dir: a}\n",
        );
        let recipe = b"binaries: [tool]\nupstream: {url: \"https://publisher.example/tool\"}\n";
        fixture.write("subsystems/tool/recipe.yml", recipe);
        fixture
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write_atomic(&path, bytes).unwrap();
    }

    /// Runs something, and gives the outcomes that it reported by subject or version.
    fn run<T>(
        &self,
        dry_run: bool,
        what: impl FnOnce(&Context) -> T,
    ) -> (T, BTreeMap<String, Outcome>) {
        let project = Project::load(&self.root, &UserConfig::default()).unwrap();
        let settings = Settings {
            cache: self.root.join("cache"),
            ..Settings::default()
        };
        let options = Options {
            dry_run,
            ..Options::default()
        };
        let (events, received) = Events::channel();
        let runtime = self.runtime.handle().clone();
        let ctx =
            Context::open(project, options, settings, runtime, events, Cancel::new()).unwrap();
        let done = what(&ctx);
        drop(ctx);
        let outcome = |event| match event {
            Event::Did(did) => Some((did.subject, did.outcome)),
            Event::Finished(step) => Some((
                format!("{} {}", step.version.as_str(), step.target.platform),
                step.outcome,
            )),
            _ => None,
        };
        (done, received.try_iter().filter_map(outcome).collect())
    }

    fn dir(&self, name: &str) -> Hub {
        Hub::new(DirHub::new(&self.root.join(name)))
    }

    /// Publishes an asset. Its sidecar has a key that a later larder may know.
    fn publish(&self, hub: &dyn HubPublisher, name: &str, version: &str, platform: &str) {
        let bytes = format!("{name} {version} {platform}");
        let file = self.root.join("package");
        fs::write_atomic(&file, bytes.as_bytes()).unwrap();
        let sha256 = Digest::of(bytes.as_bytes());
        let content = Artifact {
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
            platform: platform.parse().unwrap(),
            emulated: None,
            origin: Origin::Original,
            inputs: Digest::of(platform.as_bytes()),
            commit: None,
            tree: None,
            files: vec![ArtifactFile {
                name: "tool".parse().unwrap(),
                mode: 0o755,
                size: 1,
                sha256,
            }],
        };
        let size = bytes.len() as u64;
        let sidecar = Sidecar::new(content, sha256, size, Observed::default(), Vec::new());
        let text = sidecar.to_json().replace("\n}", ",\n  \"later\": 1\n}");
        let upload = Upload {
            name: format!("{name}-{platform}.tar.gz").parse().unwrap(),
            file: &file,
            sidecar,
            text: Some(&text),
            signer: None,
        };
        let tag: Tag = format!("{name}-{version}").parse().unwrap();
        let options = PublishOptions::default();
        hub.publish(&tag, &[upload], options, &|| None, None, &|_| {})
            .unwrap();
    }

    fn plain(&self, hub: &dyn HubPublisher, tag: &str, files: &[(&str, &str)]) {
        let mut paths = Vec::new();
        for (name, text) in files {
            self.write(name, text.as_bytes());
            paths.push((name, self.root.join(name), text));
        }
        let files: Vec<_> = paths
            .iter()
            .map(|(name, file, text)| PlainFile {
                name: name.parse().unwrap(),
                file,
                sha256: Digest::of(text.as_bytes()),
                size: text.len() as u64,
            })
            .collect();
        let options = PublishOptions::default();
        hub.publish_project(&tag.parse().unwrap(), &files, "notes", options, &|_| {})
            .unwrap();
    }

    /// A hub with everything that a hub can have.
    fn full(&self) -> Hub {
        let hub = DirHub::new(&self.root.join("a"));
        for platform in ["linux-amd64", "darwin-arm64"] {
            self.publish(&hub, "tool", "v1.9.0", platform);
        }
        self.publish(&hub, "other", "v1", "linux-amd64");
        let release = "a/tool-v1.9.0";
        let signature = b"someone's signature\n";
        self.write(
            &format!("{release}/tool-linux-amd64.tar.gz.json.minisig"),
            signature,
        );
        self.write(
            &format!("{release}/tool-linux-amd64.tar.gz.cdx.json"),
            b"{}",
        );
        self.write(&format!("{release}/sbom.cdx.json"), b"{\"all\":1}");
        self.write(&format!("{release}/provenance.intoto.jsonl"), b"{\"by\":1}");
        self.write(&format!("{release}/tool_1.9.0_amd64.deb"), b"deb");
        self.write("a/begun-v1/begun-linux-amd64.tar.gz", b"no sidecar");
        let sums = format!("{}  bundle-linux-amd64.tar.gz\n", Digest::of(b"bundle"));
        let files = [
            ("bundle-linux-amd64.tar.gz", "bundle"),
            ("checksums.txt", &sums),
        ];
        self.plain(&hub, "v1.0.0", &files);
        let files = [
            ("tombstone.json", "{}"),
            ("tombstone.json.minisig", "signed"),
        ];
        self.plain(&hub, "tool-v1.8.0-yanked", &files);
        Hub::new(hub)
    }

    /// Every file of a folder hub with its bytes, and when it was written.
    fn files(&self, hub: &str) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
        let root = self.root.join(hub);
        let mut files = BTreeMap::new();
        for tag in fs::list(&root).unwrap() {
            for name in fs::list(root.join(&tag)).unwrap_or_default() {
                let path = root.join(&tag).join(&name);
                let time = fs::stat(&path).unwrap().unwrap().modified().unwrap();
                files.insert(format!("{tag}/{name}"), (fs::read(&path).unwrap(), time));
            }
        }
        files.retain(|name, _| Utf8Path::new(name).file_name() != Some(".lock"));
        files
    }

    fn copy(&self, from: &Hub, to: &Hub) -> (Vec<Kind>, BTreeMap<String, Outcome>) {
        let (errors, outcomes) = self.run(false, |ctx| {
            let what = Copy {
                from,
                to,
                tags: &[],
                jobs: None,
            };
            copy(ctx, &what).unwrap()
        });
        (
            errors.iter().map(larder_core::Error::kind).collect(),
            outcomes,
        )
    }
}

fn bytes<T>(files: BTreeMap<String, (Vec<u8>, T)>) -> BTreeMap<String, Vec<u8>> {
    files
        .into_iter()
        .map(|(name, (bytes, _))| (name, bytes))
        .collect()
}

#[test]
fn a_copy_of_a_copy_is_a_copy_of_the_first_and_a_second_one_writes_nothing() {
    let fixture = Fixture::new();
    let (a, memory) = (fixture.full(), Hub::new(MemoryHub::new()));
    let (c, d) = (fixture.dir("c"), fixture.dir("d"));
    for (from, to) in [(&a, &memory), (&memory, &c), (&a, &d)] {
        assert_eq!(fixture.copy(from, to).0, []);
    }
    let mut expected = bytes(fixture.files("a"));
    expected.retain(|name, _| !name.starts_with("begun"));
    assert_eq!(bytes(fixture.files("d")), expected);
    assert_eq!(bytes(fixture.files("c")), expected);
    assert!(
        expected
            .values()
            .any(|bytes| String::from_utf8_lossy(bytes).contains("later"))
    );

    let before = fixture.files("d");
    let (errors, outcomes) = fixture.copy(&a, &d);
    assert_eq!(errors, []);
    assert_eq!(fixture.files("d"), before);
    let written: Vec<_> = outcomes
        .iter()
        .filter(|(_, outcome)| **outcome == Outcome::Released)
        .collect();
    assert!(written.is_empty(), "{written:?}");
    assert_eq!(outcomes["begun-v1"], Outcome::Skipped);
    assert_eq!(outcomes["v1.0.0"], Outcome::UpToDate);
}

#[test]
fn what_contradicts_itself_is_not_copied_and_the_rest_is() {
    let fixture = Fixture::new();
    let a = fixture.full();
    fixture.write("a/tool-v1.9.0/tool-darwin-arm64.tar.gz", b"damaged");
    fixture.write("a/v1.0.0/bundle-linux-amd64.tar.gz", b"damage");
    let to = fixture.dir("b");
    let (errors, outcomes) = fixture.copy(&a, &to);
    assert_eq!(errors, [Kind::Integrity; 2]);
    assert_eq!(outcomes["v1.9.0 darwin-arm64"], Outcome::Failed);
    assert_eq!(outcomes["v1.9.0 linux-amd64"], Outcome::Released);
    let has = |tag: &str, name: &str| {
        let (tag, name): (Tag, AssetName) = (tag.parse().unwrap(), name.parse().unwrap());
        to.reader().fetch(&tag, &name).unwrap().is_some()
    };
    assert!(has("tool-v1.9.0", "tool-linux-amd64.tar.gz"));
    assert!(!has("tool-v1.9.0", "tool-darwin-arm64.tar.gz"));
    assert!(!has("v1.0.0", "checksums.txt"));
}

#[test]
fn another_artifact_under_the_name_stands() {
    let fixture = Fixture::new();
    let (a, b) = (fixture.full(), fixture.dir("b"));
    let own = DirHub::new(&fixture.root.join("b"));
    // The same name and inputs, other bytes.
    fixture.publish(&own, "other", "v1", "linux-amd64");
    let path = fixture
        .root
        .join("b/other-v1/other-linux-amd64.tar.gz.json");
    let there = Sidecar::parse(&fs::read(&path).unwrap(), "there").unwrap();
    let mut content = there.content;
    content.files[0].sha256 = Digest::of(b"other");
    let other = Sidecar::new(
        content,
        there.sha256,
        there.size,
        there.observed,
        Vec::new(),
    );
    fs::write_atomic(&path, other.to_json().as_bytes()).unwrap();
    let before = fs::read(&path).unwrap();
    let (errors, outcomes) = fixture.copy(&a, &b);
    assert_eq!(errors, [Kind::Failed]);
    assert_eq!(outcomes["v1 linux-amd64"], Outcome::Failed);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn gc_removes_old_versions_that_nothing_needs() {
    let fixture = Fixture::new();
    let hub = fixture.full();
    let publisher = DirHub::new(&fixture.root.join("a"));
    for version in ["v1.2.0", "v1.3.0", "v1.10.0", "v1.11.0"] {
        fixture.publish(&publisher, "tool", version, "linux-amd64");
    }
    let digest = Digest::of(b"x");
    let line = format!(
        "tool v1.3.0 linux-amd64 original asset {digest} {digest} {digest} 1 a/tool-v1.3.0/tool-linux-amd64.tar.gz\n"
    );
    fixture.write("versions.lock", line.as_bytes());
    let what = Gc {
        keep: 1,
        older_than: Duration::ZERO,
        published: false,
    };
    let before = fixture.files("a");
    let (errors, planned) = fixture.run(true, |ctx| gc(ctx, what).unwrap());
    assert!(errors.is_empty());
    assert_eq!(fixture.files("a"), before);
    assert_eq!(planned["tool v1.2.0"], Outcome::Skipped);

    let (errors, outcomes) = fixture.run(false, |ctx| gc(ctx, what).unwrap());
    assert!(errors.is_empty(), "{errors:?}");
    for (version, goes) in [
        ("v1.2.0", true),
        ("v1.9.0", true),
        ("v1.3.0", false),
        ("v1.10.0", false),
        ("v1.11.0", false),
    ] {
        let tag: Tag = format!("tool-{version}").parse().unwrap();
        let is_there = hub.reader().release(&tag).unwrap().is_some();
        assert_eq!(is_there, !goes, "{version}");
        let expected = if goes {
            Outcome::Cleaned
        } else {
            Outcome::UpToDate
        };
        assert_eq!(outcomes[&format!("tool {version}")], expected, "{version}");
    }
    for kept in ["other-v1", "v1.0.0", "tool-v1.8.0-yanked", "begun-v1"] {
        assert!(
            hub.reader()
                .release(&kept.parse().unwrap())
                .unwrap()
                .is_some(),
            "{kept}"
        );
    }
}

#[test]
fn gc_removes_leftovers_that_are_old_enough() {
    let fixture = Fixture::new();
    fixture.write("a/tool-v1.0.0/tool-linux-amd64.tar.gz", b"no sidecar");
    let what = |older_than| Gc {
        keep: 1,
        older_than,
        published: false,
    };
    let path = fixture.root.join("a/tool-v1.0.0/tool-linux-amd64.tar.gz");
    fixture.run(false, |ctx| {
        gc(ctx, what(Duration::from_hours(24))).unwrap()
    });
    assert!(fs::exists(&path));
    fixture.run(false, |ctx| gc(ctx, what(Duration::ZERO)).unwrap());
    assert!(!fs::exists(&path));
}
