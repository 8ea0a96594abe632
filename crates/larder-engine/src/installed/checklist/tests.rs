//! The checklist finds what comparing every recorded path finds, on any number of threads, and whatever
//! its bytes are, it answers or gives no answer.

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;

use super::*;
use crate::installed::state::{SourceState, State, TargetState};
use crate::installed::{Place, Watched};
use crate::trust::Vouched;
use larder_core::fs;
use larder_core::model::Digest;
use larder_core::project::{Links, SourceFolder};

const HOST: &str = "linux-amd64";

/// A project of `targets` with `files` installed files each. Target `n` needs target `n - 2`, and every
/// second one has the source of the one before.
fn project(root: &Utf8Path, targets: usize, files: usize) -> State {
    let folder = |n: usize| Utf8PathBuf::from(format!("subsystems/t{n:03}"));
    let watch = |path: &Utf8Path| {
        let watched = Watched::read(&root.join(path), true).unwrap();
        let path = path.to_owned();
        Watched { path, ..watched }
    };
    let source = |n: usize| SourceFolder {
        path: folder(n / 2 * 2).join("src"),
        links: Links::Refuse,
    };
    let mut state = State {
        complete: true,
        ..State::default()
    };
    fs::write_atomic(root.join("versions.yml"), b"versions").unwrap();
    for n in 0..targets {
        fs::create_dir_all(root.join(folder(n)).join("src")).unwrap();
        for file in 0..files {
            fs::write_atomic(root.join(folder(n)).join(format!("f{file}")), b"x").unwrap();
        }
        fs::write_atomic(root.join(folder(n)).join("src/main"), b"x").unwrap();
    }
    state.definition = vec![watch("versions.yml".into()), watch("versions.lock".into())];
    for n in 0..targets {
        state.all.push(format!("t{n:03}"));
        let files = (0..files).map(|file| watch(&folder(n).join(format!("f{file}"))));
        state.targets.push(TargetState {
            name: format!("t{n:03}"),
            version: format!("v{n}"),
            platform: HOST.into(),
            source: None,
            needs: n
                .checked_sub(2)
                .map(|n| format!("t{n:03}"))
                .into_iter()
                .collect(),
            artifact: Digest::of(b""),
            file: None,
            vouched: Vouched::default(),
            watched: files.collect(),
            sources: vec![(source(n), Digest::of(b""))],
            generation: 0,
        });
        if n % 2 == 0 {
            let path = source(n).path;
            state.sources.push(SourceState {
                watched: vec![watch(&path), watch(&path.join("main"))],
                folder: source(n),
                digest: Digest::of(b""),
            });
        }
    }
    state
}

/// What comparing every path of the named target and its needs finds.
fn by_hand(root: &Utf8Path, state: &State, name: &str) -> bool {
    let mut place = Place::new(root);
    let mut is_unchanged = |watched: &Watched| {
        let path = place.path(&watched.path).to_owned();
        let now = Watched::read(&path, watched.follow).unwrap();
        now.signature == watched.signature
    };
    let mut open = vec![name.to_owned()];
    let mut all: Vec<&Watched> = state.definition.iter().collect();
    while let Some(name) = open.pop() {
        let target = state.target(&name, HOST).unwrap();
        all.extend(&target.watched);
        for (folder, _) in &target.sources {
            let source = state.sources.iter().find(|source| source.folder == *folder);
            all.extend(&source.unwrap().watched);
        }
        open.extend(target.needs.clone());
    }
    all.into_iter().all(&mut is_unchanged)
}

fn words(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

#[test]
fn every_change_is_found_on_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    let state = project(root, 12, 200);
    let list = Checklist::new(checklist(&state, HOST)).unwrap();
    assert_eq!(list.host(), Some(HOST));
    assert_eq!(list.user(), None);
    assert!(list.select(&words("unknown")).is_none());
    let check = |what: &str| {
        for name in ["all", "t000", "t001", "t007", "t011"] {
            let selected = list.select(&words(name)).unwrap();
            let expected = match name {
                "all" => ["t010", "t011"]
                    .iter()
                    .all(|name| by_hand(root, &state, name)),
                name => by_hand(root, &state, name),
            };
            let ranges = if name == "all" {
                std::iter::once(0..list.field(Field::Paths) as usize).collect()
            } else {
                list.ranges(&selected).unwrap()
            };
            for threads in [1, 2, 16] {
                let found = list.are_unchanged(root, &ranges, || threads);
                assert_eq!(found, expected, "{what}: {name}, {threads} threads");
            }
            assert_eq!(
                list.is_unchanged(root, &selected),
                expected,
                "{what}: {name}"
            );
        }
    };
    check("nothing changed");
    for path in [
        "t000/f0",
        "t007/f199",
        "t011/f100",
        "t004/src/main",
        "t010/src/new",
    ] {
        let path = root.join("subsystems").join(path);
        let before = fs::read_opt(&path).unwrap();
        fs::write_atomic(&path, b"changed").unwrap();
        check(path.as_str());
        assert!(!list.is_unchanged(root, &list.select(&words("all")).unwrap()));
        // It can't become what it was, since it is another file; so the rest goes on with a new list.
        fs::write_atomic(&path, &before.unwrap_or_default()).unwrap();
    }
    let listed = list.select(&words("t003")).unwrap();
    let names: Vec<_> = list
        .listed(&listed)
        .map(|target| target.unwrap().name)
        .collect();
    assert_eq!(names, ["t001", "t003"]);
}

/// What is changed, how, and the words that then have no answer.
type Change = (&'static str, fn(&mut State), &'static [&'static str]);

#[test]
fn what_was_not_good_is_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    let good = project(root, 4, 1);
    let listed = |state: &State, name: &str| {
        let list = Checklist::new(checklist(state, HOST)).unwrap();
        list.select(&words(name)).is_some()
    };
    assert!(
        ["all", "t000", "t003"]
            .iter()
            .all(|name| listed(&good, name))
    );
    let changes: [Change; 6] = [
        (
            "another generation",
            |state| state.targets[1].generation = 1,
            &["all", "t001", "t003"],
        ),
        (
            "another source",
            |state| state.sources[0].digest = Digest::of(b"x"),
            &["all", "t000", "t001", "t002", "t003"],
        ),
        (
            "another platform",
            |state| state.targets[2].platform = "linux-arm64".into(),
            &["all", "t002"],
        ),
        (
            "no definition",
            |state| state.definition.clear(),
            &["all", "t000", "t001", "t002", "t003"],
        ),
        (
            "not all are known",
            |state| state.complete = false,
            &["all"],
        ),
        (
            "one is new",
            |state| state.all.push("t004".into()),
            &["all"],
        ),
    ];
    for (what, change, lost) in changes {
        let mut state = good.clone();
        change(&mut state);
        for name in ["all", "t000", "t001", "t002", "t003"] {
            assert_eq!(
                listed(&state, name),
                !lost.contains(&name),
                "{what}: {name}"
            );
        }
    }
}

proptest! {
    #[test]
    fn changed_bytes_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let mut bytes = checklist(&project(root, 3, 1), HOST);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Some(list) = Checklist::new(bytes) {
            let _ = (list.host(), list.user());
            for name in ["all", "t000", "t002", ""] {
                if let Some(selected) = list.select(&words(name)) {
                    let _ = list.is_unchanged(root, &selected);
                    let _ = list.listed(&selected).count();
                }
            }
        }
    }
}
