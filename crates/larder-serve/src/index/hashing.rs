//! Hashing files on several threads. A digest counts only if the file had the same size,
//! modification time and inode before and after it was read.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use larder_core::error::{Error, Result};
use larder_core::model::{Digest, Hasher};

use super::folder::{Folder, Stamp};
use super::keeper::Message;

/// How much is read at once.
const PIECE: usize = 256 * 1024;

/// The threads that hash.
#[derive(Debug)]
pub struct Hashing {
    threads: rayon::ThreadPool,
    folder: Arc<Folder>,
    answers: Sender<Message>,
}

impl Hashing {
    /// Starts the threads: one for each processor.
    pub fn new(folder: Arc<Folder>, answers: Sender<Message>) -> Result<Self> {
        let threads = rayon::ThreadPoolBuilder::new()
            .thread_name(|n| format!("larder-hash-{n}"))
            .build()
            .map_err(|e| Error::failed("cannot start the threads that hash").cause(e))?;
        Ok(Self {
            threads,
            folder,
            answers,
        })
    }

    /// Hashes a file. The answer comes as a message.
    pub fn start(&self, file: String) {
        let (folder, answers) = (self.folder.clone(), self.answers.clone());
        self.threads.spawn(move || {
            let result = hash(&folder, &file);
            let _ = answers.send(Message::Hashed { file, result });
        });
    }
}

/// Reads a file. `None` if it changed in the meantime.
fn hash(folder: &Folder, file: &str) -> io::Result<Option<(Stamp, Digest)>> {
    let (mut open, before) = folder.open_file(file)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; PIECE];
    let mut read = 0;
    loop {
        let length = open.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
        read += length as u64;
    }
    let after = Stamp::of(&open.metadata()?);
    Ok((after == before && read == before.size).then(|| (before, hasher.finish())))
}
