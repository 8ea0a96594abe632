//! The binaries on this machine, by digest. A binary is visible under its digest only if it is
//! whole, right and executable. Does not know where bytes come from.

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::Result;
use larder_core::fs::{self, IoContext};
use larder_core::model::{Digest, Platform};

use super::release::Release;

/// The binaries of a data folder.
#[derive(Clone, Debug)]
pub struct Binaries {
    root: Utf8PathBuf,
}

impl Binaries {
    /// The binaries in a data folder.
    pub fn of(data_dir: &Utf8Path) -> Self {
        Self {
            root: data_dir.to_owned(),
        }
    }

    /// The path of a binary, whether it is there or not.
    pub fn path(&self, release: &Release) -> Utf8PathBuf {
        let file = format!("{}{}", release.name, Platform::host().exe());
        self.folder(release.checksum).join(file)
    }

    /// The path of what has arrived of a binary.
    pub fn part(&self, digest: Digest) -> Utf8PathBuf {
        self.root.join("downloads").join(format!("{digest}.part"))
    }

    fn folder(&self, digest: Digest) -> Utf8PathBuf {
        self.root.join("binaries").join(digest.to_string())
    }

    /// Whether a binary is there and right. One that is damaged is removed.
    pub fn holds(&self, release: &Release) -> Result<bool> {
        let path = self.path(release);
        match digest(&path)? {
            Some(found) if found == release.checksum => {
                fs::set_mode(&path, 0o755)?;
                Ok(true)
            }
            Some(_) => {
                fs::remove_dir_all(self.folder(release.checksum))?;
                Ok(false)
            }
            None => Ok(false),
        }
    }

    /// Takes in what has arrived, whose digest the caller has compared.
    pub fn accept(&self, release: &Release) -> Result<()> {
        let part = self.part(release.checksum);
        let path = self.path(release);
        let folder = self.folder(release.checksum);
        fs::create_own_dir_all(&folder)?;
        fs::set_mode(&part, 0o755)?;
        fs::sync_file(&part)?;
        fs::rename(&part, &path)?;
        fs::sync_dir(&folder)?;
        fs::sync_dir(self.root.join("binaries"))
    }

    /// Removes all binaries and downloads but these.
    pub fn clean(&self, keep: &[Digest]) -> Result<()> {
        let is_kept = |name: &str| {
            let digest = name.trim_end_matches(".part");
            keep.iter().any(|kept| kept.to_string() == digest)
        };
        for folder in ["binaries", "downloads"] {
            let folder = self.root.join(folder);
            for name in fs::list(&folder)? {
                if !is_kept(&name) {
                    fs::remove_dir_all(folder.join(&name))
                        .or_else(|_| fs::remove_file(folder.join(&name)))?;
                }
            }
        }
        Ok(())
    }
}

/// The digest of a file; `None` if there is none.
pub fn digest(path: &Utf8Path) -> Result<Option<Digest>> {
    let Some(file) = fs::open_opt(path)? else {
        return Ok(None);
    };
    let (digest, _) =
        Digest::of_reader(std::io::BufReader::with_capacity(1 << 20, file)).at("read", path)?;
    Ok(Some(digest))
}
