//! Originals: where a publisher's file is and what is stated of it. One file per kind of publisher.
//!
//! Gives bytes on their way and statements about them; does not know what is wanted of the file, nor the lock.

mod checks;
mod github;

use std::io::Read;

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::model::Platform;
use crate::net::Client;
use crate::project::{Coordinate, Original};

pub use checks::{Algorithm, Checks, Stated};

/// A publisher's file on its way.
pub struct Fetched {
    /// Exactly its bytes, or an error.
    pub reader: Box<dyn Read + Send>,
    /// How many, where known.
    pub size: Option<u64>,
    /// Its name, which tells what kind of archive it is.
    pub file_name: String,
    /// Digests that the publisher's checksums file or the registry states of it.
    pub stated: Vec<Stated>,
    /// For the lock and for people: its url, or its registry coordinate.
    pub place: String,
}

/// Asks for an original; `None` where the publisher has none. With `ask_statements` also asks what the publisher states
/// of its digest (its checksums file); what a registry states comes for free.
pub fn fetch(
    client: &Client,
    original: &Original,
    platform: Platform,
    ask_statements: bool,
    cancel: &Cancel,
) -> Result<Option<Fetched>> {
    cancel.check()?;
    let _ = platform;
    match &original.coordinate {
        Coordinate::GitHub { repo, tag, asset } => {
            github::fetch(client, repo, tag, asset, original.checksum.as_ref(), ask_statements)
        }
        other => Err(Error::failed(format!("{} can't be fetched by this larder", describe(other)))),
    }
}

/// A coordinate for people.
pub fn describe(coordinate: &Coordinate) -> String {
    match coordinate {
        Coordinate::GitHub { repo, tag, asset } => format!("github.com/{repo} {tag}/{asset}"),
        Coordinate::Url(url) => url.clone(),
        Coordinate::Npm { package, version } => format!("npm {package}@{version}"),
        Coordinate::Pypi { package, version } => format!("pypi {package}=={version}"),
    }
}
