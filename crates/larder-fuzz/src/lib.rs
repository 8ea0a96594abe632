//! What fuzzers run: for each format that larder reads from elsewhere, a function that takes any
//! bytes, reads them as larder does, and panics if a promise about the result is broken.
//!
//! Two callers use these functions: the cargo-fuzz targets in `fuzz/fuzz_targets/`, which search for
//! new inputs with the compiler's help, and the test of this crate, which needs only a stable
//! compiler, and mutates the seeds in `fuzz/seeds/` a fixed number of times ([`mutate`]).
//!
//! A new target is a function, a line in [`TARGETS`], a file in `fuzz/fuzz_targets/` with its
//! section in `fuzz/Cargo.toml`, a folder in `fuzz/seeds/`, and a line in `tests/seeds.rs`.

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::fs;

mod archives;
mod executables;
mod formats;
mod http;
pub mod mutate;
mod projects;
mod sources;
mod words;

/// A target: its name, and its function.
pub type Target = (&'static str, fn(&[u8], &Scratch<'_>));

/// All targets, sorted by name.
pub const TARGETS: [Target; 14] = [
    ("archive", archives::archive),
    ("checksums", words::checksums),
    ("executable", executables::executable),
    ("http", http::requests),
    ("ignore", sources::ignore_files),
    ("lock", formats::lock),
    ("minisign", formats::minisign),
    ("package", archives::package),
    ("recipe", projects::recipe),
    ("sidecar", formats::sidecar),
    ("stamp", formats::stamp),
    ("state", formats::state),
    ("template", projects::template),
    ("words", words::words),
];

/// Where a function may make folders: each gets an empty one, which is removed when it returns.
#[derive(Clone, Copy, Debug)]
pub struct Scratch<'a>(&'a Utf8Path);

impl<'a> Scratch<'a> {
    /// Folders are made in this one.
    pub fn new(parent: &'a Utf8Path) -> Self {
        Self(parent)
    }

    /// Calls a function with an empty folder.
    fn with_folder(self, work: impl FnOnce(&Utf8Path)) {
        let folder = fs::Scratch::new(self.0.as_std_path(), "fuzz").expect("a folder");
        work(folder.path());
    }
}

/// Runs the target of that name. Panics if there is none, or if a promise is broken.
pub fn run(name: &str, parent: &std::path::Path, bytes: &[u8]) {
    let (_, target) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target of that name");
    let parent = Utf8Path::from_path(parent).expect("a folder with a name in UTF-8");
    target(bytes, &Scratch::new(parent));
}

/// Writes a file into a new folder.
fn write(folder: &Utf8Path, path: &str, bytes: &[u8]) -> Utf8PathBuf {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let mut file = fs::create(&path).expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("a written file");
    path
}

/// The bytes as text; what is no text is replaced.
fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
