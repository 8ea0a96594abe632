//! A backup: a new file that is complete, or not there.

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::staging::{self, StagedDir};

/// A backup that is being made. Dropping it removes what there is.
#[derive(Debug)]
pub(super) struct Backup {
    file: Utf8PathBuf,
    /// Only its owner can enter the folder, so that nobody else can open the file meanwhile.
    staged: StagedDir,
}

impl Backup {
    /// Begins a backup that is to have this path. A file that is there already stays as it is.
    pub fn begin(file: &Utf8Path) -> Result<Self> {
        if fs::lstat(file)?.is_some() {
            return Err(Error::usage(format!("{file} exists already"))
                .hint("a backup replaces no file: choose another name, or remove it first"));
        }
        let Some(name) = file.file_name() else {
            return Err(Error::usage(format!("{file} is not the name of a file")));
        };
        let folder = fs::parent(file.as_std_path());
        Ok(Self {
            file: file.to_owned(),
            staged: StagedDir::new(folder, &staging::prefix(name))?,
        })
    }

    /// Where to write it.
    pub fn path(&self) -> Utf8PathBuf {
        self.staged.path().join("copy.db")
    }

    /// Gives it its name.
    pub fn finish(self) -> Result<()> {
        let made = self.path();
        fs::set_mode(&made, 0o600)?;
        fs::sync_file(&made)?;
        fs::rename_new(&made, &self.file)?;
        fs::sync_dir(fs::parent(self.file.as_std_path()))
    }
}
