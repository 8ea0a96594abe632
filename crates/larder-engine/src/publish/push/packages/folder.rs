//! A repository of packages in a folder, which a web server gives to everybody.
//!
//! Each file is staged beside its name and renamed, so that a reader sees none of it or all. Links
//! in the folder are not followed. Two programs that add packages at once take turns.

use std::io::{Read, Write as _};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use larder_core::error::{Error, Result};
use larder_core::file_lock::{FileLock, Waiting};
use larder_core::fs::{self, IoContext, OwnFolder};
use larder_core::model::Digest;
use larder_core::staging::StagedFile;

use super::{Attempt, Change, Place, Stored};

/// The file that is locked while the repository is changed.
const LOCK: &str = ".larder-lock";
/// The beginning of the names of staged files.
const STAGED: &str = ".tmp-";
/// More bytes than a file of an index has.
const LARGEST: u64 = 1 << 30;

/// A folder.
pub(super) struct Folder {
    /// Below it, no link is followed: the project, if the folder is in it, else the folder itself.
    base: Utf8PathBuf,
    below: Utf8PathBuf,
}

impl Folder {
    pub(super) fn new(project: &Utf8Path, path: &str) -> Self {
        let path = Utf8Path::new(path);
        let is_inside = path
            .components()
            .all(|part| matches!(part, Utf8Component::Normal(_) | Utf8Component::CurDir));
        if is_inside {
            let parts = path.components();
            let parts = parts.filter(|part| matches!(part, Utf8Component::Normal(_)));
            return Self {
                base: project.to_owned(),
                below: parts.collect(),
            };
        }
        Self {
            base: project.join(path),
            below: Utf8PathBuf::new(),
        }
    }

    fn path(&self) -> Utf8PathBuf {
        if self.below.as_str().is_empty() {
            self.base.clone()
        } else {
            self.base.join(&self.below)
        }
    }
}

impl Place for Folder {
    fn target(&self) -> String {
        crate::publish::plain(&self.path()).into_string()
    }

    fn read(
        &self,
        _attempt: &Attempt<'_>,
        with: &mut dyn FnMut(&dyn Stored) -> Result<()>,
    ) -> Result<()> {
        with(&Opened(OwnFolder::open(&self.base, &self.below)?))
    }

    fn change(
        &self,
        attempt: &Attempt<'_>,
        make: &dyn Fn(&dyn Stored) -> Result<Option<Change>>,
    ) -> Result<()> {
        let is_new = !fs::exists(self.path());
        let top = OwnFolder::create(&self.base, &self.below)?;
        if is_new {
            let _ = top.set_mode(0o755);
        }
        let locks = attempt.remote.locks.clone();
        let waiting = Waiting::new(locks, attempt.cancel.clone(), |_| ());
        let _lock = FileLock::take(top.path(), LOCK, &waiting)?;
        let opened = Opened(Some(top.clone()));
        let Some(change) = make(&opened)? else {
            return Ok(());
        };
        for (path, file) in &change.packages {
            attempt.cancel.check()?;
            let (folder, name) = make_folder(&top, path)?;
            copy(file, &folder, name)?;
        }
        for (path, bytes) in &change.files {
            let (folder, name) = make_folder(&top, path)?;
            folder.write_atomic(name, bytes)?;
        }
        for path in &change.removed {
            if let Some((folder, name)) = opened.folder(path)? {
                folder.remove_file(name)?;
            }
        }
        Ok(())
    }
}

/// Opens the folder of a file, and makes it if it is missing.
fn make_folder<'p>(top: &OwnFolder, path: &'p str) -> Result<(OwnFolder, &'p str)> {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut folder = top.clone();
    for part in folders.split('/').filter(|part| !part.is_empty()) {
        if let Some(inner) = folder.folder(part)? {
            folder = inner;
            continue;
        }
        let made = folder.make_folder(part)?;
        // Everybody may read it, whatever the umask is.
        let _ = made.set_mode(0o755);
        folder.sync()?;
        folder = made;
    }
    Ok((folder, name))
}

/// Copies a package into the repository.
fn copy(from: &Utf8Path, folder: &OwnFolder, name: &str) -> Result<()> {
    let mut file = fs::open(from)?;
    let mut staged = StagedFile::new(folder.path(), STAGED)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let n = file.read(&mut buffer).at("read", from)?;
        if n == 0 {
            break;
        }
        let written = staged.file_mut().write_all(&buffer[..n]);
        written.at("write", folder.path().join(name))?;
    }
    staged.flush(0o644)?;
    staged.rename_over(folder.path().join(name))?;
    folder.sync()
}

/// The folder of a repository, if it exists.
struct Opened(Option<OwnFolder>);

impl Opened {
    /// The folder of a file, and its name; `None` if the folder does not exist.
    fn folder<'p>(&self, path: &'p str) -> Result<Option<(OwnFolder, &'p str)>> {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(mut folder) = self.0.clone() else {
            return Ok(None);
        };
        for part in folders.split('/').filter(|part| !part.is_empty()) {
            match folder.folder(part)? {
                Some(inner) => folder = inner,
                None => return Ok(None),
            }
        }
        Ok(Some((folder, name)))
    }

    fn open(&self, path: &str) -> Result<Option<std::fs::File>> {
        let folder = self.folder(path)?;
        folder.map_or(Ok(None), |(folder, name)| folder.open_file(name))
    }
}

impl Stored for Opened {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.open(path)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .at("read", path)?;
        if bytes.len() as u64 > LARGEST {
            return Err(Error::failed(format!(
                "{path} of the repository is too large"
            )));
        }
        Ok(Some(bytes))
    }

    fn has(&self, path: &str) -> Result<bool> {
        Ok(self.open(path)?.is_some())
    }

    fn digest(&self, path: &str) -> Result<Option<Digest>> {
        let Some(file) = self.open(path)? else {
            return Ok(None);
        };
        Ok(Some(Digest::of_reader(file).at("read", path)?.0))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let Some((folder, _)) = self.folder(&format!("{folder}/"))? else {
            return Ok(Vec::new());
        };
        folder.list()
    }
}
