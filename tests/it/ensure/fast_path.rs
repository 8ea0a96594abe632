//! The fast answer agrees with the slow one, whatever was changed where: a run that only compares
//! metadata with the recorded state finds up to date what reading and hashing finds up to date.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use crate::env::TestEnv;

/// What is done to a path of the project.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Nothing,
    Append,
    /// Other bytes of the same length, with the old modification time.
    Overwrite,
    Touch,
    Delete,
    /// The same bytes in a new file.
    Replace,
    ChangeMode,
    /// A new file beside it.
    AddBeside,
    RenameAway,
}

fn edits() -> impl Strategy<Value = Edit> {
    use Edit::{
        AddBeside, Append, ChangeMode, Delete, Nothing, Overwrite, RenameAway, Replace, Touch,
    };
    prop::sample::select(vec![
        Nothing, Append, Overwrite, Touch, Delete, Replace, ChangeMode, AddBeside, RenameAway,
    ])
}

/// Every file, link and folder of the project, except for what the runs themselves write.
fn paths(env: &TestEnv) -> Vec<std::path::PathBuf> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .collect();
        names.sort_by_key(std::fs::DirEntry::file_name);
        for entry in names {
            let name = entry.file_name();
            if name == "locks" || name == "logs" || name == ".larder-hub" {
                continue;
            }
            found.push(entry.path());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), found);
            }
        }
    }
    let mut found = Vec::new();
    walk(env.project().as_std_path(), &mut found);
    found
}

fn apply(edit: Edit, path: &std::path::Path) {
    let meta = path.symlink_metadata().unwrap();
    let is_file = meta.is_file();
    match edit {
        Edit::Nothing => {}
        Edit::Append if is_file => {
            let mut bytes = std::fs::read(path).unwrap();
            bytes.push(b'\n');
            std::fs::write(path, bytes).unwrap();
        }
        Edit::Overwrite if is_file && meta.len() > 0 => {
            let mut bytes = std::fs::read(path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(path, bytes).unwrap();
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_modified(meta.modified().unwrap()).unwrap();
            assert_eq!(path.metadata().unwrap().mtime(), meta.mtime());
        }
        Edit::Touch if is_file => {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            let later = SystemTime::now() + Duration::from_secs(5);
            file.set_modified(later).unwrap();
        }
        Edit::Delete if meta.is_dir() => std::fs::remove_dir_all(path).unwrap(),
        Edit::Delete => std::fs::remove_file(path).unwrap(),
        Edit::Replace if is_file => {
            let copy = path.with_extension("copy");
            std::fs::copy(path, &copy).unwrap();
            std::fs::rename(copy, path).unwrap();
        }
        Edit::ChangeMode if is_file => {
            let mode = meta.permissions().mode() ^ 0o100;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        Edit::AddBeside => std::fs::write(path.with_file_name("added"), "x").unwrap(),
        Edit::RenameAway => std::fs::rename(path, path.with_extension("away")).unwrap(),
        Edit::Append | Edit::Overwrite | Edit::Touch | Edit::Replace | Edit::ChangeMode => {}
    }
}

/// What a dry run says, and its exit code: all of it depends on the files.
fn answer(env: &TestEnv, words: &[&str]) -> (Option<i32>, Vec<String>) {
    let args = [&["ensure", "--dry-run"], words].concat();
    let output = env.larder_json(args);
    (output.code, output.outcomes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn the_fast_answer_is_the_slow_one(
        edit in edits(),
        which in any::<prop::sample::Index>(),
        words in prop::sample::select(vec!["all", "one", "two"]),
    ) {
        let env = TestEnv::new();
        env.script_subsystem("one", "v1.0.0");
        env.script_subsystem("two", "v2.0.0");
        env.edit("subsystems/two/recipe.yml", "binaries: [two]\n", "binaries: [two]\nneeds: [one]\n");
        env.larder(["ensure", "all"]).success();
        let paths = paths(&env);
        let path = which.get(&paths);
        apply(edit, path);
        // The state is absent or an old one for the first answer, and absent for the second.
        let fast = answer(&env, &[words]);
        let state = env.project().join(".larder/state");
        let _ = std::fs::remove_file(&state);
        let slow = answer(&env, &[words]);
        prop_assert_eq!(fast, slow, "{:?} of {}", edit, path.display());
    }
}
