//! A hub of a test, of any kind: how a machine reaches it, what was written to it, and what it holds.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::model::Digest;
use serde_json::Value;

use crate::env::TestEnv;
use crate::fake_github::{FakeGitHub, Visibility, WRITE};
use crate::servers::docker_registry::DockerRegistry;
use crate::servers::moto::{KEYS, Moto};
use crate::servers::tripwire::{Side, Tripwire};

/// The name of the server at the proxy.
pub const SERVER: &str = "hub";
/// The repository on GitHub and in the registry.
const REPOSITORY: &str = "acme/tools";
/// The bucket on S3.
const BUCKET: &str = "releases";
/// What its keys begin with.
const PREFIX: &str = "acme/tools";

/// The kinds of hubs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Folder,
    GitHub,
    S3,
    Oci,
}

enum Server {
    Folder(tempfile::TempDir),
    GitHub(FakeGitHub),
    S3(Moto),
    Oci(DockerRegistry),
}

/// Which requests do what, as faults name them.
pub struct Words {
    /// The method of the requests that write files.
    pub write: &'static str,
    /// What the path of the request that writes the asset ends with.
    pub asset_write: &'static str,
    /// The method and the path of a request on the way to that, which may be sent again.
    pub again: (&'static str, &'static str),
    /// The same for the sidecar.
    pub sidecar_write: &'static str,
    /// What the path of the request that reads the asset ends with.
    pub asset: &'static str,
    /// The same for the sidecar.
    pub sidecar: &'static str,
    /// What the path of the request that lists a release has.
    pub list: &'static str,
}

/// A file of a folder, with what a write would change.
type Files = BTreeMap<Utf8PathBuf, (std::time::SystemTime, u64)>;

/// A hub, and the proxy in front of it if it is on a server of another program.
pub struct Place {
    server: Server,
    /// The proxy.
    pub wire: Tripwire,
    front: String,
    /// The folder as it was at [`Place::mark`].
    before: Mutex<Files>,
}

impl Place {
    /// A new, empty hub.
    pub fn start(kind: Kind) -> Self {
        let wire = Tripwire::new();
        let front = wire.front(SERVER);
        let server = match kind {
            Kind::Folder => {
                let folder = tempfile::Builder::new().prefix("larder-hub-").tempdir();
                Server::Folder(folder.expect("create a folder"))
            }
            Kind::GitHub => {
                let github = FakeGitHub::start();
                github.repo(REPOSITORY, Visibility::Public);
                Server::GitHub(github)
            }
            Kind::S3 => {
                let moto = Moto::start();
                moto.bucket(BUCKET);
                wire.point(SERVER, &moto.url());
                Server::S3(moto)
            }
            Kind::Oci => {
                let registry = DockerRegistry::start();
                wire.point(SERVER, &registry.url());
                Server::Oci(registry)
            }
        };
        Self {
            server,
            wire,
            front,
            before: Mutex::new(Files::new()),
        }
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        match self.server {
            Server::Folder(_) => Kind::Folder,
            Server::GitHub(_) => Kind::GitHub,
            Server::S3(_) => Kind::S3,
            Server::Oci(_) => Kind::Oci,
        }
    }

    /// Makes the hub empty again.
    pub fn empty(&self) {
        match &self.server {
            Server::Folder(_) => {
                crate::env::remove(&self.folder());
                std::fs::create_dir(self.folder()).expect("create the folder");
            }
            Server::GitHub(github) => github.with_repo(REPOSITORY, |repo| repo.releases.clear()),
            Server::S3(moto) => {
                moto.reset();
                moto.bucket(BUCKET);
            }
            Server::Oci(registry) => registry.clear(),
        }
    }

    /// The value of `hub:`.
    pub fn setting(&self) -> String {
        match &self.server {
            Server::Folder(_) => format!("{{dir: {:?}}}", self.folder()),
            Server::GitHub(_) => format!("{{github: {REPOSITORY}}}"),
            Server::S3(_) => format!("{{s3: \"s3://{BUCKET}/{PREFIX}\", region: us-east-1}}"),
            Server::Oci(_) => format!("{{oci: \"{}/{REPOSITORY}\"}}", self.host()),
        }
    }

    /// The value of `--hub`.
    pub fn argument(&self) -> String {
        match &self.server {
            Server::Folder(_) => self.folder().to_string(),
            Server::GitHub(_) => format!("github:{REPOSITORY}"),
            Server::S3(_) => format!("s3://{BUCKET}/{PREFIX}"),
            Server::Oci(_) => format!("oci://{}/{REPOSITORY}", self.host()),
        }
    }

    /// Gives a machine what it needs to reach the hub and to write there. Pauses are short.
    pub fn reach(&self, env: &mut TestEnv) {
        env.set("LARDER_HTTP_BACKOFF", "5ms");
        match &self.server {
            Server::Folder(_) | Server::Oci(_) => {}
            Server::GitHub(github) => {
                env.set("GITHUB_API_URL", github.api_url())
                    .set("GITHUB_SERVER_URL", github.web_url())
                    .set("GH_TOKEN", WRITE)
                    .set("LARDER_GITHUB_PACE", "0s")
                    .set("LARDER_GITHUB_SETTLE", "10s");
            }
            Server::S3(_) => {
                env.set("AWS_ENDPOINT_URL_S3", &self.front);
                for (key, value) in KEYS {
                    env.set(key, value);
                }
            }
        }
    }

    /// From here on writes are counted.
    pub fn mark(&self) {
        match &self.server {
            Server::Folder(_) => *self.lock() = files(&self.folder()),
            Server::GitHub(github) => github.clear_log(),
            Server::S3(_) | Server::Oci(_) => self.wire.clear(),
        }
    }

    /// What was written since [`Place::mark`].
    pub fn writes(&self) -> Vec<String> {
        match &self.server {
            Server::Folder(_) => {
                let (before, now) = (self.lock().clone(), files(&self.folder()));
                let changed = now
                    .iter()
                    .filter(|(path, at)| before.get(*path) != Some(*at));
                let gone = before.keys().filter(|path| !now.contains_key(*path));
                changed
                    .map(|(path, _)| path)
                    .chain(gone)
                    .map(ToString::to_string)
                    .collect()
            }
            Server::GitHub(github) => {
                let writes = github.writes().into_iter();
                writes
                    .map(|entry| format!("{} {}", entry.method, entry.target))
                    .collect()
            }
            Server::S3(_) | Server::Oci(_) => self
                .wire
                .writes()
                .iter()
                .map(super::super::servers::tripwire::Passed::line)
                .collect(),
        }
    }

    /// What was asked since [`Place::mark`]; nothing for a folder.
    pub fn requests(&self) -> usize {
        match &self.server {
            Server::Folder(_) => 0,
            Server::GitHub(github) => github.log().len(),
            Server::S3(_) | Server::Oci(_) => self.wire.log().len(),
        }
    }

    /// Stops at the n-th request from now on (the next is 1), until [`Place::disarm`].
    pub fn arm(&self, n: usize, side: Side) {
        match &self.server {
            Server::Folder(_) => panic!("a folder has no requests"),
            Server::GitHub(github) => github.kill_at(n, side == Side::After),
            Server::S3(_) | Server::Oci(_) => self.wire.arm(n, side),
        }
    }

    /// Whether it has stopped at the request.
    pub fn struck(&self) -> bool {
        match &self.server {
            Server::Folder(_) => false,
            Server::GitHub(github) => github.struck(),
            Server::S3(_) | Server::Oci(_) => self.wire.struck(),
        }
    }

    /// Answers requests again.
    pub fn disarm(&self) {
        match &self.server {
            Server::Folder(_) => {}
            Server::GitHub(github) => drop(github.revive()),
            Server::S3(_) | Server::Oci(_) => self.wire.disarm(),
        }
    }

    /// The files of a release that readers see, straight from the server.
    pub fn files(&self, tag: &str) -> BTreeMap<String, Vec<u8>> {
        match &self.server {
            Server::Folder(_) => {
                let names = crate::env::list(&self.folder().join(tag)).into_iter();
                let visible = names.filter(|name| !name.starts_with('.'));
                let read = |name: &String| std::fs::read(self.folder().join(tag).join(name));
                visible
                    .map(|name| (name.clone(), read(&name).expect("a file")))
                    .collect()
            }
            Server::GitHub(github) => {
                let releases = github.releases(REPOSITORY).into_iter();
                let visible = releases.filter(|release| release.tag == tag && !release.draft);
                let assets = visible.flat_map(|release| release.assets);
                assets
                    .map(|asset| (asset.name, asset.bytes.to_vec()))
                    .collect()
            }
            Server::S3(moto) => {
                let folder = format!("{PREFIX}/{tag}/");
                let keys = moto.keys(BUCKET).into_keys();
                let file = |key: String| {
                    let name = key.strip_prefix(&folder)?.to_owned();
                    let visible = !name.starts_with('.') && !name.contains('/');
                    visible.then(|| (name, moto.get(BUCKET, &key).expect("an object")))
                };
                keys.filter_map(file).collect()
            }
            Server::Oci(registry) => {
                let mut files = BTreeMap::new();
                for at in registry.tags(REPOSITORY) {
                    let manifest = registry.manifest(REPOSITORY, &at).expect("a manifest");
                    if manifest["annotations"]["vnd.larder.release"] != tag {
                        continue;
                    }
                    let blob = |descriptor: &Value| {
                        let digest = descriptor["digest"].as_str().expect("a digest");
                        registry.blob(REPOSITORY, digest).expect("a blob")
                    };
                    for layer in manifest["layers"].as_array().into_iter().flatten() {
                        let title = &layer["annotations"]["org.opencontainers.image.title"];
                        let name = title.as_str().expect("a name").to_owned();
                        if manifest["artifactType"] == "application/vnd.larder.asset.v1" {
                            files.insert(format!("{name}.json"), blob(&manifest["config"]));
                        }
                        files.insert(name, blob(layer));
                    }
                }
                files
            }
        }
    }

    /// How faults name the requests for the release of one asset.
    pub fn words(&self) -> Words {
        match &self.server {
            Server::Folder(_) | Server::GitHub(_) => panic!("there is no proxy"),
            Server::S3(_) => Words {
                write: "PUT",
                asset_write: ".tar.gz$",
                again: ("PUT", ".tar.gz$"),
                sidecar_write: ".tar.gz.json$",
                asset: ".tar.gz$",
                sidecar: ".tar.gz.json$",
                list: "list-type",
            },
            Server::Oci(_) => Words {
                write: "PUT",
                asset_write: "/blobs/uploads/",
                // A session of an upload ends with its first answer.
                again: ("HEAD", "/blobs/sha256:"),
                sidecar_write: "/manifests/tool-v1.0.0-linux-amd64$",
                asset: "/blobs/sha256:",
                sidecar: "/manifests/tool-v1.0.0-linux-amd64$",
                list: "/tags/list",
            },
        }
    }

    /// Whether the hub keeps `manifest.json` and `checksums.txt`; otherwise readers make them.
    pub fn keeps_derived_files(&self) -> bool {
        self.kind() != Kind::Oci
    }

    /// Whether a release lists what is there; otherwise it asks for each name.
    pub fn is_listed_by_writers(&self) -> bool {
        self.kind() != Kind::Oci
    }

    /// Changes one bit of a file of a release, behind larder's back.
    pub fn damage(&self, tag: &str, name: &str) {
        let mut bytes = self.files(tag).remove(name).expect("a file of the release");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        match &self.server {
            Server::Folder(_) => {
                std::fs::write(self.folder().join(tag).join(name), bytes).expect("write");
            }
            Server::GitHub(github) => github.with_repo(REPOSITORY, |repo| {
                let releases = repo.releases.iter_mut().filter(|one| one.tag == tag);
                let asset = releases
                    .flat_map(|release| &mut release.assets)
                    .find(|asset| asset.name == name);
                asset.expect("an asset").bytes = bytes.into();
            }),
            Server::S3(moto) => moto.put(BUCKET, &format!("{PREFIX}/{tag}/{name}"), &bytes),
            // The registry itself does not look at what is in its files.
            Server::Oci(registry) => {
                let whole = self.files(tag).remove(name).expect("a file of the release");
                let digest = format!("sha256:{}", Digest::of(&whole));
                std::fs::write(registry.blob_file(&digest), bytes).expect("write");
                // A manifest also has what is small, so it loses that.
                for at in registry.tags(REPOSITORY) {
                    let mut manifest = registry.manifest(REPOSITORY, &at).expect("a manifest");
                    if manifest["config"]["digest"] == digest {
                        let config = manifest["config"].as_object_mut().expect("a config");
                        config.remove("data");
                        registry.put_manifest(REPOSITORY, &at, &manifest);
                    }
                }
            }
        }
    }

    fn host(&self) -> &str {
        self.front.trim_start_matches("http://")
    }

    fn folder(&self) -> Utf8PathBuf {
        let Server::Folder(folder) = &self.server else {
            panic!("it is no folder");
        };
        Utf8PathBuf::from_path_buf(folder.path().join("hub")).expect("UTF-8")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Files> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every file below a folder, except lock files, which name their last holder.
fn files(folder: &Utf8Path) -> Files {
    let mut found = Files::new();
    for entry in folder.read_dir_utf8().into_iter().flatten() {
        let entry = entry.expect("an entry");
        let meta = entry.metadata().expect("metadata");
        if meta.is_dir() {
            found.append(&mut files(entry.path()));
        } else if entry.file_name() != ".lock" {
            let inode = std::os::unix::fs::MetadataExt::ino(&meta);
            found.insert(
                entry.path().to_owned(),
                (meta.modified().expect("a time"), inode),
            );
        }
    }
    found
}
