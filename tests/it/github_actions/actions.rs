//! The actions that a workflow may use: checkout, and the hand-over of files from job to job.

use camino::Utf8Path;
use serde_json::{Value, json};

use super::expression::{Scope, shown};
use super::{Actions, git, keys};
use crate::env::TestEnv;

impl Actions<'_> {
    /// Runs one of the actions that a workflow may use, which must be pinned by commit. Returns
    /// whether it succeeded.
    pub(super) fn use_action(
        &self,
        machine: &TestEnv,
        action: &str,
        step: &Value,
        contexts: &Value,
    ) -> bool {
        let (name, commit) = action.split_once('@').expect("action@commit");
        assert!(
            commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()),
            "{action} is not pinned"
        );
        let scope = Scope {
            contexts,
            success: true,
        };
        let with = |key: &str| shown(&scope.render(step["with"][key].as_str().expect("a text")));
        let artifact = || self.env.base().join("artifacts").join(with("name"));
        match name {
            "actions/checkout" => {
                assert_eq!(step["with"], json!({"persist-credentials": false}));
                let repo = self.repo.as_str();
                git(machine, machine.project(), &["clone", "--quiet", repo, "."]);
                let commit = shown(&contexts["github"]["sha"]);
                let checkout = ["checkout", "--quiet", "--detach", &commit];
                git(machine, machine.project(), &checkout);
                true
            }
            // Files lose their modes on the way, as on GitHub.
            "actions/upload-artifact" => {
                let known = ["name", "path", "include-hidden-files", "if-no-files-found"];
                keys(
                    &step["with"],
                    &[&known[..], &["retention-days"]].concat(),
                    name,
                );
                let folder = machine.path(with("path"));
                if !folder.is_dir() {
                    assert_eq!(step["with"]["if-no-files-found"], "error");
                    return false;
                }
                crate::env::remove(&artifact());
                copy_plain(&folder, &artifact());
                true
            }
            "actions/download-artifact" => {
                keys(&step["with"], &["name", "path"], name);
                let found = artifact().is_dir();
                if found {
                    copy_plain(&artifact(), &machine.path(with("path")));
                }
                found
            }
            _ => panic!("{name} is an action that is not known here"),
        }
    }
}

/// Copies the files of a folder without their modes.
fn copy_plain(from: &Utf8Path, to: &Utf8Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in crate::env::list(from) {
        let bytes = std::fs::read(from.join(&file)).expect("a file");
        std::fs::write(to.join(&file), bytes).expect("a file");
    }
}
