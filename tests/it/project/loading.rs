//! Loads a project of a few files from a temporary folder; problems are returned as rendered text.

use camino::{Utf8Path, Utf8PathBuf};
use larder::report::snippet;
use larder_core::project::Project;
use larder_core::project::user::UserConfig;

/// Some digest.
pub const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A temporary project.
pub struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }
    pub fn root(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join("box")
    }
    /// Adds a file.
    pub fn file(self, path: &str, text: &str) -> Self {
        self.bytes(path, text.as_bytes())
    }
    /// Adds a file of any bytes.
    pub fn bytes(self, path: &str, bytes: &[u8]) -> Self {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        self
    }
    /// Loads the project, or returns all problems as users see them.
    pub fn load(&self) -> Result<Project, String> {
        Project::load(&self.root(), &UserConfig::default()).map_err(|error| {
            assert_eq!(error.kind(), larder_core::Kind::Usage, "{error}");
            if error.file_problems().is_empty() {
                return self.shown(&format!("{error} | {:?}", error.hints()));
            }
            let shown: Vec<String> = error
                .file_problems()
                .iter()
                .map(|problem| snippet::render(problem, false))
                .collect();
            self.shown(&shown.join("\n\n"))
        })
    }
    /// The text without the path of the folder, and with the slashes of Unix in paths of files.
    fn shown(&self, text: &str) -> String {
        let text = text.replace(self.root().as_str(), "[root]");
        if !cfg!(windows) {
            return text;
        }
        let words = text.split_inclusive(char::is_whitespace);
        let is_path = |word: &str| word.contains("[root]\\") || word.contains("subsystems\\");
        let word = |word: &str| {
            if is_path(word) {
                word.replace('\\', "/")
            } else {
                word.to_owned()
            }
        };
        words.map(word).collect()
    }
    /// The rendered problems; there must be at least one.
    pub fn problems(&self) -> String {
        self.load().expect_err("the project has problems")
    }
}
