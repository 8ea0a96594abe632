//! What publishers are asked with, and what they give.

use std::io::{self, Read};

use super::checks::Stated;
use crate::http::Client;
use crate::settings::RemoteSettings;
use larder_core::fs;

/// How publishers are asked.
#[derive(Clone, Copy)]
pub struct Publishers<'a> {
    /// For direct downloads; its settings decide whether anyone may be asked.
    pub client: &'a Client,
    /// Mirror, token, and what the registries' own clients need.
    pub settings: &'a RemoteSettings,
}

/// A publisher's file on its way.
pub struct Fetched {
    /// Exactly its bytes, or an error.
    pub reader: Box<dyn Read + Send>,
    /// How many there are, where that is known.
    pub size: Option<u64>,
    /// Its name, which tells what kind of archive it is.
    pub file_name: String,
    /// Digests that the publisher's checksums file or the registry states of it.
    pub stated: Vec<Stated>,
    /// For the lock and for people: its url, or its registry coordinate.
    pub place: String,
}

/// A file in a temporary folder, which is removed once the file was read.
pub(super) struct Kept {
    pub(super) file: std::fs::File,
    pub(super) _folder: fs::Scratch,
}

impl Read for Kept {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}
