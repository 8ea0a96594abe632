//! Restoring: what is whole, what is damaged, and what changes meanwhile.

use std::io::{Seek as _, SeekFrom, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Cache, Entry, Restored};
use crate::trust::Shown;
use larder_core::formats::Observed;
use larder_core::fs;
use larder_core::model::{Artifact, ArtifactFile, Digest, Origin, Platform, SourceKind};

/// A cache with the artifact of these files, in a folder of its own.
struct Kept {
    _dir: tempfile::TempDir,
    root: Utf8PathBuf,
    cache: Cache,
    artifact: Artifact,
}

/// Sizes around the limits between one thread, two threads, and flushing early.
const SIZES: [usize; 6] = [0, 1, 256 << 10, (512 << 10) + 1, 5_000_000, 40_000_000];

fn bytes(size: usize) -> Vec<u8> {
    let mut state = size as u64 | 1;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_le_bytes()[5]
    };
    (0..size).map(next).collect()
}

impl Kept {
    fn new(parent: &str, sizes: &[usize]) -> Self {
        let dir = tempfile::tempdir_in(parent).unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().canonicalize().unwrap()).unwrap();
        let files = sizes.iter().enumerate().map(|(number, size)| {
            let content = bytes(*size);
            let name = format!("file{number}");
            fs::create_dir_all(root.join("from")).unwrap();
            let mut file = fs::create(root.join("from").join(&name)).unwrap();
            file.write_all(&content).unwrap();
            ArtifactFile {
                name: name.parse().unwrap(),
                mode: 0o755,
                size: *size as u64,
                sha256: Digest::of(&content),
            }
        });
        let artifact = Artifact {
            name: "tool".parse().unwrap(),
            version: "v1.0.0".parse().unwrap(),
            platform: Platform::host(),
            emulated: None,
            origin: Origin::Build,
            inputs: Digest::of(b"inputs"),
            commit: None,
            files: files.collect(),
        };
        let cache = Cache::new(&root.join("cache"), root.as_std_path(), None);
        let entry = Entry {
            artifact: artifact.clone(),
            source: SourceKind::Build,
            places: std::collections::BTreeSet::new(),
            file: None,
            observed: Observed::default(),
            proof: None,
            shown: Shown::default(),
        };
        cache.insert(&root.join("from"), None, &entry).unwrap();
        Self {
            _dir: dir,
            root,
            cache,
            artifact,
        }
    }

    fn restore_to(&self, into: &Utf8Path, progress: impl FnMut(u64)) -> Restored {
        fs::create_dir_all(into).unwrap();
        let restored = self.cache.restore(&self.artifact, into, progress).unwrap();
        if restored == Restored::Whole {
            for file in &self.artifact.files {
                let path = into.join(&file.name);
                let found = larder_core::keys::tree::hash_file(&path).unwrap();
                assert_eq!(found, (file.sha256, file.size), "{}", file.name);
            }
        }
        restored
    }

    fn cached(&self, number: usize) -> Utf8PathBuf {
        self.cache.file(&self.artifact.files[number].sha256)
    }
}

/// Writes something else over a part of a file, in place.
fn scribble(path: &Utf8Path, at: u64) {
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(b"something else").unwrap();
}

#[test]
fn what_is_restored_is_what_was_stored() {
    let kept = Kept::new(".", &SIZES);
    let mut seen = Vec::new();
    let restored = kept.restore_to(&kept.root.join("to"), |bytes| seen.push(bytes));
    assert_eq!(restored, Restored::Whole);
    assert!(seen.is_sorted());
    assert_eq!(seen.last(), Some(&(SIZES.iter().sum::<usize>() as u64)));
}

/// `/dev/shm` is another file system: blocks can't be shared with it, and files not renamed into it.
#[cfg(target_os = "linux")]
#[test]
fn a_cache_on_another_file_system_is_restored_from_too() {
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("skipped: no /dev/shm");
        return;
    };
    let into = Utf8Path::from_path(elsewhere.path()).unwrap().join("to");
    let kept = Kept::new(".", &SIZES);
    assert_eq!(kept.restore_to(&into, |_| ()), Restored::Whole);
    let kept = Kept::new("/dev/shm", &[3, 600_000]);
    let to = tempfile::tempdir_in(".").unwrap();
    let into = Utf8Path::from_path(to.path()).unwrap().join("to");
    assert_eq!(kept.restore_to(&into, |_| ()), Restored::Whole);
}

#[test]
fn a_damaged_file_is_set_aside_wherever_the_damage_is() {
    for size in [300_u32, 700_000, 5_000_000] {
        for at in [0, size / 2, size - 20] {
            let kept = Kept::new(".", &[10, usize::try_from(size).unwrap()]);
            scribble(&kept.cached(1), at.into());
            let into = kept.root.join("to");
            assert_eq!(kept.restore_to(&into, |_| ()), Restored::Incomplete);
            assert!(!kept.cached(1).exists() && kept.cached(0).exists());
            let aside = fs::list(kept.cache.root().join("quarantine")).unwrap();
            assert_eq!(aside.len(), 1);
        }
    }
    for grown in [false, true] {
        let kept = Kept::new(".", &[700_000]);
        let file = std::fs::OpenOptions::new().write(true).open(kept.cached(0));
        file.unwrap()
            .set_len(if grown { 700_001 } else { 1 })
            .unwrap();
        let restored = kept.restore_to(&kept.root.join("to"), |_| ());
        assert_eq!(restored, Restored::Incomplete);
    }
}

/// Whatever happens to a cached file while it is restored, wrong bytes are never taken for right.
#[test]
fn a_cached_file_that_changes_meanwhile_is_not_restored_as_whole_with_other_bytes() {
    const SIZE: usize = 20_000_000;
    // Before the place that was read last, and behind all that was read in advance.
    for (at, is_read) in [(0, true), (SIZE as u64 - 100, false)] {
        let kept = Kept::new(".", &[SIZE]);
        let path = kept.cached(0);
        let mut changed = false;
        let restored = kept.restore_to(&kept.root.join("to"), |_| {
            if !std::mem::replace(&mut changed, true) {
                scribble(&path, at);
            }
        });
        assert!(changed);
        // Where blocks are shared, the copy was made before the change.
        let shares = {
            let probe = tempfile::tempfile_in(&kept.root).unwrap();
            fs::share_blocks(&fs::open(kept.root.join("from/file0")).unwrap(), &probe)
        };
        let expected = if is_read || shares {
            Restored::Whole
        } else {
            Restored::Incomplete
        };
        assert_eq!(restored, expected, "changed at {at}");
        // Either way the next restore notices it.
        let again = kept.restore_to(&kept.root.join("again"), |_| ());
        assert_eq!(again, Restored::Incomplete);
    }
    // Cut off, and replaced by another file.
    let kept = Kept::new(".", &[SIZE]);
    let path = kept.cached(0);
    let mut steps = 0;
    kept.restore_to(&kept.root.join("to"), |_| {
        steps += 1;
        if steps == 3 {
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(1_000_000).unwrap();
        }
    });
    assert!(steps >= 3);
}

/// Copies that unpacking made are taken over; what is missing or cut off is copied from the file.
#[test]
fn second_copies_are_taken_over_and_do_without_is_possible() {
    let kept = Kept::new(".", &[2_000_000, 2_000_001, 2_000_002]);
    let digests: Vec<Digest> = kept.artifact.files.iter().map(|f| f.sha256).collect();
    let copies = kept.cache.copies(&kept.root.join("from"), Some(1 << 30));
    let Some(copies) = copies else {
        eprintln!("skipped: blocks are shared here");
        return;
    };
    fs::rename(kept.cached(0), copies.path().join(digests[0].to_string())).unwrap();
    fs::write_atomic(copies.path().join(digests[1].to_string()), b"cut off").unwrap();
    for number in [1, 2] {
        fs::remove_file(kept.cached(number)).unwrap();
    }
    let entry = kept.cache.lookup(Origin::Build, &kept.artifact.inputs);
    let entry = entry.unwrap().unwrap();
    let from = kept.root.join("from");
    kept.cache
        .insert(&from, Some(copies.path()), &entry)
        .unwrap();
    assert!(!fs::exists(copies.path().join(digests[0].to_string())));
    let restored = kept.restore_to(&kept.root.join("to"), |_| ());
    assert_eq!(restored, Restored::Whole);
    assert!(kept.cache.copies(&from, Some(1000)).is_none());
    drop(copies);
    assert!(fs::list(kept.cache.root().join("tmp")).unwrap().is_empty());
}
