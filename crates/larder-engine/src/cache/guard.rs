//! Decides whether a cache may be used.
//!
//! Whoever can write to a cache decides what is installed from it: its entries say which files
//! belong to which inputs, and an artifact that no lock pins is compared with nothing else. So a
//! cache is used only if its folders belong to the user or to root and nobody else can write to
//! them, and if nobody else can put another folder in its place: no folder above it may be writable
//! by all (a sticky one, such as `/tmp`, may be), and a link on the way to it must be the user's or
//! root's own. The owners of the folders above it, and the groups that may write there, are trusted:
//! in containers and with a umask of 002 they are often others than the user.
//!
//! Any other cache is treated as empty and unwritable. That is told once in a run, with the remedy.
//! The decision is made when the cache is first used, so a run that has nothing to do makes none.

use std::sync::{Arc, Once, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};

use crate::events::{Events, Level};
use larder_core::error::{Error, Result};
use larder_core::fs;

/// The folders in a cache whose owner and mode decide, relative to the cache.
#[cfg(unix)]
const FOLDERS: [&str; 10] = [
    "",
    "v1",
    "v1/index",
    "v1/index/original",
    "v1/index/build",
    "v1/files",
    "v1/tmp",
    "v1/locks",
    "v1/quarantine",
    "v1/explanations",
];

/// The part of a remedy for FAT and the like, where `chmod` changes nothing. Whether it does is not
/// tried, because a cache that is not used is not written either.
#[cfg(unix)]
const NO_MODES: &str = " (a file system that keeps no permissions can't hold a cache)";

/// Why a cache is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The folder of the cache.
    dir: Utf8PathBuf,
    /// What is wrong with it.
    why: String,
    /// What the user can do.
    remedy: String,
}

impl Ignored {
    /// The answer of a source that is not asked.
    pub fn answer(&self) -> String {
        format!("{} is not used: {}", self.dir, self.why)
    }

    /// The warning, which is told once.
    fn warning(&self) -> String {
        let Self { dir, why, remedy } = self;
        format!("the cache {dir} is not used: {why}; {remedy}")
    }

    /// The error of commands that work on the cache itself.
    pub fn error(&self) -> Error {
        Error::failed(format!("the cache {} is not used", self.dir))
            .cause(&self.why)
            .hint(&self.remedy)
    }
}

/// What was found where the cache should be.
enum Judged {
    /// Nothing; it can be created there.
    Missing,
    /// A folder that may be used.
    Usable,
    /// A folder that must not be used.
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "owners are only looked at on Unix")
    )]
    Ignored(Ignored),
}

/// The decision about one cache. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    dir: Utf8PathBuf,
    events: Option<Events>,
    decided: Arc<OnceLock<Option<Ignored>>>,
    unreadable: Arc<Once>,
    unkept: Arc<Once>,
}

impl Guard {
    /// The decision about the cache in a folder. If it is ignored, the events get a warning.
    pub(super) fn new(dir: &Utf8Path, events: Option<Events>) -> Self {
        Self {
            dir: dir.to_owned(),
            events,
            decided: Arc::default(),
            unreadable: Arc::new(Once::new()),
            unkept: Arc::new(Once::new()),
        }
    }

    /// Why the cache is not used, if that is so.
    pub(super) fn ignored(&self) -> Option<&Ignored> {
        self.decide()?.as_ref()
    }

    /// Whether the cache may be read. `false` also if there is none.
    pub(super) fn may_read(&self) -> bool {
        matches!(self.decide(), Some(None))
    }

    /// Warns once in a run that a part of the cache can't be read. It counts as absent.
    pub(super) fn note_unreadable(&self, error: &Error) {
        self.unreadable.call_once(|| {
            if let Some(events) = &self.events {
                let dir = &self.dir;
                let text = format!(
                    "not all of the cache {dir} can be read, so it is used only in part: {error}; let its owner \
                     run `chmod -R a+rX {dir}`, or set LARDER_CACHE_DIR to another folder"
                );
                events.note(None, Level::Warning, text);
            }
        });
    }

    /// Warns once in a run that something could not be stored in the cache.
    pub(super) fn note_unkept(&self, error: &Error) {
        self.unkept.call_once(|| {
            if let Some(events) = &self.events {
                events.note(
                    None,
                    Level::Warning,
                    format!("not kept in the cache: {error}"),
                );
            }
        });
    }

    /// Whether the cache may be written. Creates its folder if necessary.
    pub(super) fn may_write(&self) -> Result<bool> {
        if self.decide().is_none() {
            fs::create_own_dir_all(&self.dir)?;
        }
        Ok(self.may_read())
    }

    /// The decision; `None` as long as there is no folder. A folder that appears later, made by
    /// whomever, is judged then.
    fn decide(&self) -> Option<&Option<Ignored>> {
        if let Some(decided) = self.decided.get() {
            return Some(decided);
        }
        let ignored = match judge(&self.dir) {
            Judged::Missing => return None,
            Judged::Usable => None,
            Judged::Ignored(ignored) => Some(ignored),
        };
        Some(self.decided.get_or_init(|| {
            if let (Some(events), Some(ignored)) = (&self.events, &ignored) {
                events.note(None, Level::Warning, ignored.warning());
            }
            ignored
        }))
    }
}

#[cfg(unix)]
fn judge(dir: &Utf8Path) -> Judged {
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt;

    let user = rustix::process::geteuid().as_raw();
    let is_trusted = |meta: &Metadata| meta.uid() == user || meta.uid() == 0;
    let shown = |path: &Utf8Path, meta: &Metadata| {
        let mode = meta.mode() & 0o7777;
        format!("{path} (owner {}, mode {mode:04o})", meta.uid())
    };
    let ignored = |why: String, remedy: &str| {
        Judged::Ignored(Ignored {
            dir: dir.to_owned(),
            why,
            remedy: format!("{remedy} LARDER_CACHE_DIR names another folder"),
        })
    };
    let lstat = |path: &Utf8Path| fs::lstat(path).ok().flatten();

    // The way to the cache, as it is written and as it is with its links followed.
    let existing = dir.ancestors().find(|path| fs::exists(path));
    let real = existing.and_then(|path| fs::canonicalize(path).ok());
    let is_there = existing == Some(dir);
    let above_real = real
        .iter()
        .flat_map(|real| real.ancestors().skip(usize::from(is_there)));
    let mut open = Vec::new();
    for path in dir.ancestors().chain(above_real) {
        let Some(meta) = lstat(path) else { continue };
        if meta.is_symlink() {
            if !is_trusted(&meta) {
                let why = format!("the link {} belongs to another user", shown(path, &meta));
                return ignored(why, "remove the link;");
            }
        } else if path != dir && meta.mode() & 0o1002 == 0o0002 && !open.contains(&path) {
            open.push(path);
        }
    }
    if !open.is_empty() {
        let paths: Vec<&str> = open.iter().map(|path| path.as_str()).collect();
        let paths = paths.join(" ");
        return ignored(
            format!("anyone can replace it, because all can write to {paths}"),
            &format!("use `chmod o-w {paths}` to change that{NO_MODES};"),
        );
    }
    let Some(real) = real.filter(|_| is_there) else {
        return Judged::Missing;
    };
    for folder in FOLDERS {
        let path = if folder.is_empty() {
            real.clone()
        } else {
            real.join(folder)
        };
        let meta = match fs::lstat(&path) {
            Ok(Some(meta)) => meta,
            Ok(None) => continue,
            Err(error) => return ignored(error.to_string(), "make it readable;"),
        };
        if meta.is_symlink() {
            return ignored(format!("{path} is a link"), "remove the link;");
        }
        if !is_trusted(&meta) {
            let why = format!("{} belongs to another user", shown(&path, &meta));
            return ignored(why, "remove it, or make it yours;");
        }
        if meta.mode() & 0o022 != 0 {
            let why = format!("others can write to {}", shown(&path, &meta));
            let remedy =
                format!("if you trust what it holds, use `chmod -R go-w {dir}`{NO_MODES};");
            return ignored(why, &remedy);
        }
    }
    Judged::Usable
}

/// Elsewhere the cache is in a folder of the user's profile, which others can't write to.
#[cfg(not(unix))]
fn judge(dir: &Utf8Path) -> Judged {
    if fs::exists(dir) {
        Judged::Usable
    } else {
        Judged::Missing
    }
}
