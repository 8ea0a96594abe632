//! Runs every target on its seeds and on mutations of them, a fixed number of times and always the
//! same, so that it needs no nightly compiler and no fuzzer.
//!
//! `LARDER_TEST_FUZZ=100` makes a hundred times as many mutations, and other ones. An input that
//! fails is written to a file whose name the test prints; it belongs among the seeds of its target,
//! in `fuzz/seeds/`, when the fault is corrected.
#![expect(clippy::disallowed_methods, reason = "a test reads its own files")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use larder_fuzz::mutate::{Mutator, Random};

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");

/// Seeds that other tests use too.
const ARCHIVES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../larder-core/src/archive/tests/data"
);

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
    entries
        .map(|entry| name(entry).into_string().expect("a name in UTF-8"))
        .collect()
}

/// The seeds of a target with their names.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut folders = vec![format!("{FUZZ}/seeds/{target}")];
    if target == "archive" {
        folders.push(ARCHIVES.to_owned());
    }
    let read = |folder: String| {
        let names = names_in(Path::new(&folder));
        names.into_iter().map(move |name| {
            let path = format!("{folder}/{name}");
            let bytes = std::fs::read(&path).expect("a seed");
            (path, bytes)
        })
    };
    folders.into_iter().flat_map(read).collect()
}

fn survives(target: &str, place: &Path, bytes: &[u8], what: &str) {
    let run = AssertUnwindSafe(|| larder_fuzz::run(target, place, bytes));
    if let Err(panic) = catch_unwind(run) {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}"));
        std::fs::write(&file, bytes).expect("a written input");
        eprintln!("{target}: {what} fails; the input is {}", file.display());
        resume_unwind(panic);
    }
}

/// Runs a target on its seeds, and on this many mutations of them.
fn fuzz(target: &str, times: u64) {
    let place = tempfile::tempdir().expect("a folder");
    let seeds = seeds(target);
    assert!(seeds.len() > 1, "{target} has no seeds");
    for (path, bytes) in &seeds {
        survives(target, place.path(), bytes, path);
    }
    let longer = std::env::var("LARDER_TEST_FUZZ").ok();
    let factor: u64 = longer.map_or(1, |text| text.parse().expect("a number"));
    let bytes = seeds.into_iter().map(|(_, bytes)| bytes).collect();
    let mut mutator = Mutator::new(bytes, Random::new(factor));
    for n in 0..times * factor {
        let input = mutator.next_input();
        survives(target, place.path(), &input, &format!("mutation {n}"));
    }
}

macro_rules! fuzzed {
    ($($target:ident: $times:literal),+ $(,)?) => {
        $(#[test]
        fn $target() {
            fuzz(stringify!($target), $times);
        })+

        const FUZZED: &[&str] = &[$(stringify!($target)),+];
    };
}

fuzzed! {
    archive: 400,
    checksums: 10_000,
    executable: 2_000,
    http: 20_000,
    ignore: 600,
    lock: 4_000,
    minisign: 20_000,
    package: 500,
    recipe: 1_500,
    sidecar: 5_000,
    stamp: 20_000,
    state: 2_000,
    template: 1_500,
    words: 2_500,
}

#[test]
fn every_target_is_run_by_fuzzers_and_by_this_test() {
    let targets: Vec<&str> = larder_fuzz::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(targets, FUZZED);
    let known: BTreeSet<String> = targets.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names_in(&Path::new(FUZZ).join("seeds")), known);
    let files = names_in(&Path::new(FUZZ).join("fuzz_targets"));
    let files: BTreeSet<String> = files
        .iter()
        .map(|file| file.trim_end_matches(".rs").to_owned())
        .collect();
    assert_eq!(files, known);
    let manifest = std::fs::read_to_string(format!("{FUZZ}/Cargo.toml")).expect("a manifest");
    for name in targets {
        let source = std::fs::read_to_string(format!("{FUZZ}/fuzz_targets/{name}.rs"));
        assert!(source.expect("a file").contains(&format!("{name:?}")));
        assert!(manifest.contains(&format!("\nname = {name:?}\n")), "{name}");
    }
}

#[test]
fn the_mutator_is_deterministic_and_changes_its_seeds() {
    let seed = b"a seed with some words".to_vec();
    let inputs = || {
        let mut mutator = Mutator::new(vec![seed.clone()], Random::new(7));
        (0..200).map(|_| mutator.next_input()).collect::<Vec<_>>()
    };
    assert_eq!(inputs(), inputs());
    let different: BTreeSet<_> = inputs().into_iter().collect();
    assert!(different.len() > 150, "{}", different.len());
    let mut nothing = Mutator::new(vec![Vec::new()], Random::new(7));
    assert!((0..100).all(|_| nothing.next_input().is_empty()));
}
