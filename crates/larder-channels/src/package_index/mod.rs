//! Repositories of packages, rendered as static files.
//!
//! The index of a repository is what is known of it: packages are added to what it lists, and what
//! other programs have listed stays as it is. So an earlier version stays, and no package has to be
//! read again. One file at the top names the digests of all others; it is the last to be replaced,
//! and it is what is signed.

mod order;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::{ChannelKind, Digest, Name, Version};

use crate::render::channel_version;
use crate::{deb, rpm};

pub use order::Order;

/// Reads a file of a repository by its path; `None` if it is not there.
pub type Reader<'a> = &'a dyn Fn(&str) -> Result<Option<Vec<u8>>>;

/// A package that a repository lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name of the package.
    pub name: String,
    /// Its version, as the package manager writes it.
    pub version: String,
    /// Its architecture, as the package manager names it.
    pub arch: String,
    /// The digest of its file.
    pub sha256: String,
    /// The path of its file in the repository.
    pub path: String,
}

/// The index of a repository.
pub trait PackageIndex {
    /// What it lists.
    fn listed(&self) -> Vec<Listed>;

    /// Lists a package on this machine, in place of one that has the same path. One that is listed
    /// already, with the same bytes, stays as it is. Returns how it is listed.
    fn add(&mut self, package: &Utf8Path) -> Result<Listed>;

    /// Lists the packages of a name and version no more. Returns what was removed.
    fn remove(&mut self, name: &str, version: &str) -> Vec<Listed>;

    /// The files of the index.
    fn render(&self) -> Result<IndexFiles>;

    /// Orders versions as the package manager does.
    fn order(&self) -> Order;
}

/// The files of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexFiles {
    /// All files but the one at the top: paths and bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// The path and the bytes of the file that names the digests of the others.
    pub top: (String, Vec<u8>),
    /// The folders with files that are named by their digests. What is in them and not in `used` is
    /// left of earlier indexes.
    pub folders: BTreeSet<String>,
    /// The paths in these folders that the index names, or named before: a reader may be about to
    /// ask for those.
    pub used: BTreeSet<String>,
}

/// The file with a signature of the file at the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// The text with its signature around it.
    Around,
    /// The signature alone.
    Detached,
}

/// Where the signatures of a repository are whose top file has this path.
pub fn signatures(top: &str) -> Vec<(String, Signature)> {
    let folder = top.strip_suffix("Release");
    match folder {
        Some(folder) => vec![
            (format!("{folder}Release.gpg"), Signature::Detached),
            (format!("{folder}InRelease"), Signature::Around),
        ],
        None => vec![(format!("{top}.asc"), Signature::Detached)],
    }
}

/// The name of a subsystem's package and its version, as the repositories of a channel, deb or rpm,
/// list them. The error says why there is none.
pub fn package(
    kind: ChannelKind,
    name: &Name,
    version: &Version,
) -> std::result::Result<(String, String), String> {
    let version = channel_version(kind, version)?;
    Ok(match kind {
        ChannelKind::Rpm => (name.to_string(), format!("{version}-{}", rpm::RELEASE)),
        _ => (deb::name(name), version),
    })
}

/// The newest of the listed versions of a package.
pub fn newest(repository: &dyn PackageIndex, name: &str) -> Option<String> {
    let order = repository.order();
    let listed = repository.listed();
    let versions = listed
        .into_iter()
        .filter(|package| package.name == name)
        .map(|package| package.version);
    versions.max_by(|one, other| order.compare(one, other))
}

/// A package file on this machine.
pub(crate) struct PackageFile {
    pub(crate) path: Utf8PathBuf,
    pub(crate) name: String,
    pub(crate) sha256: Digest,
    pub(crate) size: u64,
}

impl PackageFile {
    pub(crate) fn open(path: &Utf8Path) -> Result<Self> {
        let (sha256, size) = Digest::of_reader(fs::open(path)?).at("read", path)?;
        Ok(Self {
            path: path.to_owned(),
            name: path.file_name().unwrap_or_default().to_owned(),
            sha256,
            size,
        })
    }

    pub(crate) fn damaged(&self, why: &str) -> Error {
        Error::failed(format!("{} can't be read as a package", self.path)).cause(why)
    }
}

/// How a package is listed already, with the same bytes.
pub(crate) fn same(all: &[Listed], one: &Listed) -> Option<Listed> {
    let key = |listed: &Listed| {
        let Listed {
            name,
            version,
            arch,
            sha256,
            path: _,
        } = listed.clone();
        (name, version, arch, sha256)
    };
    all.iter().find(|other| key(other) == key(one)).cloned()
}

/// The error that a repository was made by another tool, in a form that is not understood.
pub(crate) fn foreign(path: &str, why: &str) -> Error {
    Error::failed(format!("{path} of the repository was not made by larder"))
        .cause(why)
        .hint("use a repository of its own")
}

/// Whether a name starts with a digest, as files of an index are named.
pub fn is_hashed(name: &str) -> bool {
    let digest = name.get(..64);
    digest.is_some_and(|digest| digest.parse::<Digest>().is_ok())
        && matches!(name.as_bytes().get(64), None | Some(b'-'))
}
