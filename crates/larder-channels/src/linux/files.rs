//! The files of a package and where they go on a Linux system.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use camino::Utf8PathBuf;
use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::{ArtifactFile, Digest};

use crate::included::{Included, included};
use crate::output::Output;
use crate::release::{PlatformRelease, Release};

/// The most bytes of a page of the manual or of a licence. These are kept in memory.
const MOST_TEXT: u64 = 16 << 20;

/// A file or a folder of a package.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its permission bits.
    pub(crate) mode: u32,
    /// What it is for.
    pub(crate) kind: Kind,
    /// Its content.
    pub(crate) content: Content,
}

/// What a file of a package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program, completions.
    Plain,
    /// A page of the manual, other documentation.
    Doc,
    /// A licence.
    License,
}

/// The content of a file of a package.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// There is none: it is a folder.
    Folder,
    /// In memory.
    Bytes(Vec<u8>),
    /// In a file of the artifact.
    File {
        /// Its path.
        path: Utf8PathBuf,
        /// Its size.
        size: u64,
        /// Its digest.
        sha256: Digest,
    },
}

impl Entry {
    /// A file that is made in memory.
    pub(crate) fn made(kind: Kind, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            mode: 0o644,
            kind,
            content: Content::Bytes(bytes.into()),
        }
    }

    /// A folder.
    pub(crate) fn folder() -> Self {
        Self {
            mode: 0o755,
            kind: Kind::Plain,
            content: Content::Folder,
        }
    }

    fn file(platform: &PlatformRelease, file: &ArtifactFile, mode: u32, kind: Kind) -> Self {
        Self {
            mode,
            kind,
            content: Content::File {
                path: platform.path(file),
                size: file.size,
                sha256: file.sha256,
            },
        }
    }

    /// Whether it is a folder.
    pub(crate) fn is_folder(&self) -> bool {
        matches!(self.content, Content::Folder)
    }

    /// Its size in bytes; 0 for a folder.
    pub(crate) fn size(&self) -> u64 {
        match &self.content {
            Content::Folder => 0,
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File { size, .. } => *size,
        }
    }

    /// Writes its content.
    pub(crate) fn copy(&self, out: &Output<'_>, to: &mut dyn Write) -> Result<()> {
        match &self.content {
            Content::Folder => Ok(()),
            Content::Bytes(bytes) => to.write_all(bytes).map_err(|e| out.cannot_write("", &e)),
            Content::File { path, size, .. } => {
                if out.copy(path, to)? != *size {
                    return Err(
                        Error::failed(format!("{path} changed while it was being packed"))
                            .hint("run again"),
                    );
                }
                Ok(())
            }
        }
    }
}

/// Files by their path without the first slash.
pub(crate) type Tree = BTreeMap<String, Entry>;

/// The folders that differ between distributions.
pub(crate) struct Places {
    /// For completions of zsh.
    pub(crate) zsh: &'static str,
    /// For the package's documentation.
    pub(crate) docs: String,
    /// For its licences; `None` if they are not files of their own.
    pub(crate) licenses: Option<String>,
}

/// The binaries and included files of a platform, where they go.
pub(crate) fn tree(release: &Release, platform: &PlatformRelease, places: &Places) -> Result<Tree> {
    let mut tree = Tree::new();
    for file in platform.binaries(release) {
        let entry = Entry::file(platform, file, 0o755, Kind::Plain);
        tree.insert(format!("usr/bin/{}", file.name), entry);
    }
    for file in platform.included(release) {
        let plain = |kind| Entry::file(platform, file, 0o644, kind);
        let (path, entry) = match included(file.name.as_str()) {
            Included::Man { section, gzip } => {
                let page = if gzip {
                    unzipped(&text(platform, file)?, file)?
                } else {
                    text(platform, file)?
                };
                let name = file.name.as_str().trim_end_matches(".gz");
                (
                    format!("usr/share/man/man{section}/{name}.gz"),
                    Entry::made(Kind::Doc, gzip9(&page)),
                )
            }
            Included::Bash(program) => (
                format!("usr/share/bash-completion/completions/{program}"),
                plain(Kind::Plain),
            ),
            Included::Zsh(program) => (format!("{}/_{program}", places.zsh), plain(Kind::Plain)),
            Included::Fish(program) => (
                format!("usr/share/fish/vendor_completions.d/{program}.fish"),
                plain(Kind::Plain),
            ),
            Included::License => match &places.licenses {
                Some(folder) => (format!("{folder}/{}", file.name), plain(Kind::License)),
                None => continue,
            },
            Included::PowerShell(_) | Included::Other => {
                (format!("{}/{}", places.docs, file.name), plain(Kind::Doc))
            }
        };
        tree.insert(path, entry);
    }
    Ok(tree)
}

/// Names and texts of the licences, in the recipe's order.
pub(crate) fn licenses(
    release: &Release,
    platform: &PlatformRelease,
) -> Result<Vec<(String, String)>> {
    platform
        .included(release)
        .filter(|file| included(file.name.as_str()) == Included::License)
        .map(|file| {
            let text = text(platform, file)?;
            Ok((
                file.name.to_string(),
                String::from_utf8_lossy(&text).into_owned(),
            ))
        })
        .collect()
}

/// Adds the folders above each file.
pub(crate) fn add_folders(tree: &mut Tree) {
    let paths: Vec<String> = tree.keys().cloned().collect();
    for path in paths {
        for (end, _) in path.match_indices('/') {
            tree.entry(path[..end].to_owned())
                .or_insert_with(Entry::folder);
        }
    }
}

/// Compresses like `gzip -9n`, in memory: judges of Debian packages demand it of small files.
pub(crate) fn gzip9(bytes: &[u8]) -> Vec<u8> {
    const UNIX: u8 = 3;
    let mut encoder = GzBuilder::new()
        .operating_system(UNIX)
        .write(Vec::new(), Compression::best());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    // A vector takes everything.
    written.unwrap_or_default()
}

fn text(platform: &PlatformRelease, file: &ArtifactFile) -> Result<Vec<u8>> {
    if file.size > MOST_TEXT {
        return Err(too_large(file));
    }
    fs::read(platform.path(file))
}

fn unzipped(bytes: &[u8], file: &ArtifactFile) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(MOST_TEXT + 1)
        .read_to_end(&mut text)
        .at("decompress", file.name.as_str())?;
    if text.len() as u64 > MOST_TEXT {
        return Err(too_large(file));
    }
    Ok(text)
}

fn too_large(file: &ArtifactFile) -> Error {
    Error::failed(format!("{} can't be part of a package", file.name))
        .cause("pages of the manual and licences may have 16 MiB")
        .hint("leave it out of `package: {include: …}` in the recipe")
}
