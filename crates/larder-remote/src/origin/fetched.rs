//! What is needed to access publishers, and what they return.

use std::io::{self, Read};

use super::checks::{SignedBy, Stated};
use crate::http::Client;
use crate::settings::RemoteSettings;
use larder_core::fs;

/// What is needed to access publishers.
#[derive(Clone, Copy)]
pub struct Publishers<'a> {
    /// The client for direct downloads. Its settings decide whether the network may be used.
    pub client: &'a Client,
    /// The mirror, the token, and what the registries' own clients need.
    pub settings: &'a RemoteSettings,
}

/// What an original is requested for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To know whether it is there.
    Probe,
    /// To read it. `pinned`: the caller knows its digest, so that even an HTML page may be the right
    /// file.
    Read {
        /// Whether the caller knows its digest.
        pinned: bool,
    },
}

/// A publisher's file that is being transferred.
pub struct Fetched {
    /// Returns exactly the file's bytes, or an error.
    pub reader: Box<dyn Read + Send>,
    /// The number of bytes, if it is known.
    pub size: Option<u64>,
    /// The file's name, which determines the kind of archive.
    pub file_name: String,
    /// The digests that the publisher's checksums file or the registry states for the file.
    pub stated: Vec<Stated>,
    /// The publisher's signature of the file, if the recipe names one.
    pub signature: Option<SignedBy>,
    /// The file's url or registry coordinate, for the lock and for messages.
    pub place: String,
}

/// A file in a temporary folder. The folder is removed when this value is dropped.
pub(super) struct TempFile {
    pub(super) file: std::fs::File,
    pub(super) _folder: fs::Scratch,
}

impl Read for TempFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}
