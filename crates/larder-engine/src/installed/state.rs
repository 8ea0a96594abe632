//! The state snapshot `.larder/state`: the file metadata of the last good run, so that the next run only compares metadata.
//!
//! It is a cache: if it is deleted, damaged or in another format, the files are hashed again and nothing is lost. The file
//! is an 8-byte mark that names the format; the length of the head (8 bytes) and its checksum (8 bytes); the head, which is
//! the version of larder and the project's folder, each with a zero byte at its end, and the checklist; then another
//! checksum and the state in the postcard format. A run with nothing to do reads the head only.
//!
//! It is about the project in one folder. The file names that folder, and paths in it are relative to it; the state of
//! a project that was copied or moved counts as empty, so that a copy is never compared with the files of the original.

use std::collections::BTreeMap;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::checklist::{self, Checklist};
use super::{Place, Watched};
use crate::trust::Vouched;
use larder_core::error::Result;
use larder_core::formats::PinKind;
use larder_core::fs::{self, OwnFolder};
use larder_core::model::{Digest, Platform, SourceKind};
use larder_core::project::SourceFolder;

/// The version of this larder as the snapshot names it. A larder of another version ignores the snapshot.
const LARDER: &str = concat!(env!("CARGO_PKG_VERSION"), "/5");

/// The length of what precedes the head: the mark, a length and a checksum.
const START: usize = 3 * 8;

const MARK: &[u8; 8] = b"larder\x005";
/// The size of the largest snapshot that is read: many times that of a project with a million source files.
const MAX_BYTES: u64 = 1 << 30;

/// Everything that the snapshot records about a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The version of the larder that wrote this; a larder of another version ignores it.
    pub larder: String,
    /// `versions.yml`, recipes and the folders that list them.
    pub definition: Vec<Watched>,
    /// Source folders.
    pub sources: Vec<SourceState>,
    /// Installed targets, sorted by name and platform.
    pub targets: Vec<TargetState>,
    /// Every subsystem that exists on the host: what `all` selects there.
    pub all: Vec<String>,
    /// The platforms of this machine, by subsystem, where they are not the usual one.
    pub hosts: BTreeMap<String, String>,
    /// Whether `all` lists all of the project's subsystems.
    pub complete: bool,
    /// The user's configuration, which can demand signatures; `None` if the environment did not say
    /// where it would be.
    pub user: Option<Watched>,
    /// Counts the changes of `definition`. A target that was recorded in another generation may have been compared with
    /// other recipes.
    pub generation: u64,
}

/// A source folder; its digest is valid as long as its files' metadata is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// The folder.
    pub folder: SourceFolder,
    /// The digest of its content.
    pub digest: Digest,
    /// All files and folders in it, and those that its links lead to, if they are followed.
    pub watched: Vec<Watched>,
}

/// An installed target that was undamaged and up to date when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetState {
    /// The subsystem's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The platform.
    pub platform: String,
    /// The source that it was installed from, if known.
    pub source: Option<SourceKind>,
    /// Names of the subsystems that were ensured with it.
    pub needs: Vec<String>,
    /// The artifact's digest.
    pub artifact: Digest,
    /// The file that it was unpacked from, as far as that is known.
    pub file: Option<(PinKind, Digest)>,
    /// What vouches for it, as it was decided when it was installed.
    pub vouched: Vouched,
    /// The installed files.
    pub watched: Vec<Watched>,
    /// The source folders that its keys depend on, with the digests they had.
    pub sources: Vec<(SourceFolder, Digest)>,
    /// The state's generation when it was recorded.
    pub generation: u64,
}

impl State {
    /// Path of the snapshot of a project.
    pub fn path(root: &Utf8Path) -> Utf8PathBuf {
        root.join(".larder/state")
    }

    /// Reads the snapshot. It is empty if there is none, or if another version of larder wrote it.
    pub fn load(root: &Utf8Path) -> Self {
        Self::written_by(LARDER, root)
    }

    fn written_by(larder: &str, root: &Utf8Path) -> Self {
        let mut state = Self::read(larder, root);
        let mut place = Place::new(root);
        state.each_path(|path| *path = place.path(path).to_owned());
        state
    }

    fn read(larder: &str, root: &Utf8Path) -> Self {
        let read = || {
            let bytes = fs::read_bounded(Self::path(root), MAX_BYTES).ok()??;
            let (check_head, length, rest) = start(&bytes)?;
            let (head, rest) = rest.split_at_checked(length)?;
            let (check, body) = rest.split_first_chunk()?;
            if check_head != checksum(head) || *check != checksum(body) {
                return None;
            }
            Self::decode(body, root).filter(|state| state.larder == larder)
        };
        read().unwrap_or_else(|| Self::empty(larder))
    }

    /// Reads what follows the last checksum: the state of the project in `root`, by any larder.
    pub fn decode(body: &[u8], root: &Utf8Path) -> Option<Self> {
        let (place, state): (&str, Self) = postcard::from_bytes(body).ok()?;
        (place == root).then_some(state)
    }

    /// Reads only the checklist; `None` if there is none, or if another version of larder wrote it.
    pub fn checklist(root: &Utf8Path) -> Option<Checklist> {
        Self::checklist_by(LARDER, root)
    }

    fn checklist_by(larder: &str, root: &Utf8Path) -> Option<Checklist> {
        let mut file = fs::open_opt(Self::path(root)).ok()??;
        let mut first = [0; START];
        file.read_exact(&mut first).ok()?;
        let (check, length, _) = start(&first)?;
        let mut head = vec![0; length];
        file.read_exact(&mut head).ok()?;
        if check != checksum(&head) {
            return None;
        }
        let own = head_start(larder, root);
        head.starts_with(&own).then_some(())?;
        head.drain(..own.len());
        Checklist::new(head)
    }

    /// An empty snapshot.
    pub fn new() -> Self {
        Self::empty(LARDER)
    }

    fn empty(larder: &str) -> Self {
        Self {
            larder: larder.to_owned(),
            ..Self::default()
        }
    }

    /// Replaces the snapshot's file atomically.
    pub fn save(&self, root: &Utf8Path) -> Result<()> {
        let mut stored = self.clone();
        stored.each_path(|path| {
            if let Ok(relative) = path.strip_prefix(root) {
                *path = relative.to_owned();
            }
        });
        let mut head = head_start(&self.larder, root);
        head.extend(checklist::checklist(&stored, &Platform::host().to_string()));
        let body = postcard::to_allocvec(&(root.as_str(), stored)).unwrap_or_default();
        let mut bytes = MARK.to_vec();
        bytes.extend((head.len() as u64).to_le_bytes());
        bytes.extend(checksum(&head));
        bytes.extend(head);
        bytes.extend(checksum(&body));
        bytes.extend(body);
        OwnFolder::create(root, ".larder")?.write_atomic("state", &bytes)
    }

    fn each_path(&mut self, mut change: impl FnMut(&mut Utf8PathBuf)) {
        for source in &mut self.sources {
            change(&mut source.folder.path);
        }
        for (folder, _) in self
            .targets
            .iter_mut()
            .flat_map(|target| &mut target.sources)
        {
            change(&mut folder.path);
        }
        let sources = self.sources.iter_mut().map(|source| &mut source.watched);
        let targets = self.targets.iter_mut().map(|target| &mut target.watched);
        for watched in sources
            .chain(targets)
            .chain([&mut self.definition])
            .flatten()
        {
            change(&mut watched.path);
        }
    }

    /// The record of a target, if there is one. They are sorted by name and platform.
    pub fn target(&self, name: &str, platform: &str) -> Option<&TargetState> {
        let of = |target: &TargetState| (&*target.name, &*target.platform).cmp(&(name, platform));
        let at = self.targets.binary_search_by(of).ok()?;
        self.targets.get(at)
    }
}

/// Takes the mark, the length of the head and its checksum. Returns the checksum, the length, and what follows.
fn start(bytes: &[u8]) -> Option<([u8; 8], usize, &[u8])> {
    let (length, rest) = bytes.strip_prefix(MARK)?.split_first_chunk()?;
    let (check, rest) = rest.split_first_chunk()?;
    let length = u64::from_le_bytes(*length);
    (length <= MAX_BYTES).then_some((*check, usize::try_from(length).ok()?, rest))
}

/// What the head starts with: who wrote it, and about which folder.
fn head_start(larder: &str, root: &Utf8Path) -> Vec<u8> {
    format!("{larder}\0{root}\0").into_bytes()
}

/// Detects accidental damage, not manipulation: FNV-1a over 8-byte words, four of which are mixed at a time, because the
/// processor does that at once. A megabyte takes a tenth of a millisecond.
fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mix = |sum: u64, word: u64| {
        (sum ^ word)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(23)
    };
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut sums = [0xcbf2_9ce4_8422_2325_u64, 1, 2, 3];
    for block in blocks {
        for (sum, word) in sums.iter_mut().zip(block.as_chunks::<8>().0) {
            *sum = mix(*sum, u64::from_le_bytes(*word));
        }
    }
    let sum = sums.into_iter().reduce(mix).unwrap_or_default();
    let sum = rest
        .iter()
        .fold(sum, |sum, byte| mix(sum, u64::from(*byte)));
    mix(sum, bytes.len() as u64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_core::project::Links;

    #[test]
    fn the_state_of_another_folder_is_empty_and_paths_outside_stay() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let source = |path: &Utf8Path| SourceState {
            folder: SourceFolder {
                path: path.to_owned(),
                links: Links::Follow,
            },
            digest: Digest::of(b""),
            watched: vec![Watched::read(&path.join("file"), false).unwrap()],
        };
        let elsewhere = if cfg!(windows) {
            r"C:\elsewhere"
        } else {
            "/elsewhere"
        };
        let state = State {
            larder: "me".into(),
            definition: vec![Watched::read(root, true).unwrap()],
            sources: vec![
                source(&root.join("src")),
                source(root),
                source(elsewhere.into()),
            ],
            ..State::default()
        };
        state.save(root).unwrap();
        assert_eq!(State::written_by("me", root), state);
        let copy = root.join("copy");
        fs::create_dir_all(copy.join(".larder")).unwrap();
        let bytes = fs::read(State::path(root)).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("/src"));
        fs::write_atomic(State::path(&copy), &bytes).unwrap();
        assert_eq!(State::written_by("me", &copy), State::empty("me"));
    }

    #[test]
    fn any_flipped_bit_or_cut_gives_an_empty_state() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let state = State {
            larder: "me".into(),
            all: vec!["one".into(), "two".into()],
            complete: true,
            ..State::default()
        };
        state.save(root).unwrap();
        assert_eq!(State::written_by("me", root), state);
        assert_eq!(
            State::written_by("another", root),
            State {
                larder: "another".into(),
                ..State::default()
            }
        );
        let path = State::path(root);
        let bytes = fs::read(&path).unwrap();
        let empty = State {
            larder: "me".into(),
            ..State::default()
        };
        let (_, head, _) = start(&bytes).unwrap();
        assert!(State::checklist_by("me", root).is_some());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write_atomic(&path, &damaged).unwrap();
            assert_eq!(State::written_by("me", root), empty, "bit {bit}");
            let checklist = State::checklist_by("me", root);
            assert!(checklist.is_none() || bit / 8 >= START + head, "bit {bit}");
        }
        for cut in 0..bytes.len() {
            fs::write_atomic(&path, &bytes[..cut]).unwrap();
            assert_eq!(State::written_by("me", root), empty, "cut at {cut}");
        }
    }
}
