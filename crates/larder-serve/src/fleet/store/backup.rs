//! A backup: a new file that is complete, or not there.

use camino::Utf8Path;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::staging::{self, StagedDir};

/// Lets `make` write a file under a temporary name, and then gives it its own. A file that is there
/// already stays as it is.
pub(super) async fn write(
    file: &Utf8Path,
    make: impl AsyncFnOnce(&Utf8Path) -> Result<()>,
) -> Result<()> {
    if fs::lstat(file)?.is_some() {
        return Err(Error::usage(format!("{file} exists already"))
            .hint("a backup replaces no file: choose another name, or remove it first"));
    }
    let Some(name) = file.file_name() else {
        return Err(Error::usage(format!("{file} is not the name of a file")));
    };
    let folder = fs::parent(file.as_std_path());
    // Only its owner can enter the folder, so that nobody else can open the file meanwhile.
    let staged = StagedDir::new(folder, &staging::prefix(name))?;
    let made = staged.path().join(name);
    make(&made).await?;
    fs::set_mode(&made, 0o600)?;
    fs::sync_file(&made)?;
    fs::rename_new(&made, file)?;
    fs::sync_dir(folder)
}
