//! Files that are read again when they change: tokens and certificates.
//!
//! The files are looked at twice per second. That works on every file system, and however a file is
//! changed: written in place, renamed, or by a link to another folder. What has changed is read once
//! it stays the same for one look, so that nobody reads a half of it, or a certificate without its
//! new key.

use std::time::Duration;

use camino::Utf8PathBuf;
use larder_core::error::Result;
use larder_core::fs;
use tokio::sync::watch;

use crate::index::Stamp;
use crate::log::Log;

const PAUSE: Duration = Duration::from_millis(500);

/// What is known of each file; `None` where there is none.
type Stamps = Vec<Option<Stamp>>;

/// Files to be read again.
#[derive(Debug)]
pub struct Reloaded {
    /// What they are, for the log.
    what: &'static str,
    files: Vec<Utf8PathBuf>,
    read: Stamps,
}

impl Reloaded {
    /// Remembers how the files are. This comes before they are read for the first time.
    pub fn new(what: &'static str, files: Vec<Utf8PathBuf>) -> Self {
        let read = stamps(&files);
        Self { what, files, read }
    }

    /// Reads the files whenever they change, until the server stops. `read` keeps what was there if
    /// it fails.
    pub async fn follow(
        mut self,
        log: Log,
        mut stopping: watch::Receiver<bool>,
        read: impl Fn() -> Result<String> + Clone + Send + 'static,
    ) {
        let mut seen = self.read.clone();
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            let files = self.files.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || stamps(&files)).await else {
                return;
            };
            if now == self.read || now != seen {
                seen = now;
                continue;
            }
            let work = read.clone();
            let Ok(done) = tokio::task::spawn_blocking(work).await else {
                return;
            };
            let what = self.what;
            match done {
                Ok(count) => log.info(&format!("{what} read again: {count}"), &[]),
                Err(error) => log.warning(
                    &format!("{what} changed and can't be used, so the old one stays: {error}"),
                    &[],
                ),
            }
            self.read = now;
        }
    }
}

fn stamps(files: &[Utf8PathBuf]) -> Stamps {
    let stamp = |file: &Utf8PathBuf| {
        let meta = fs::stat(file).ok().flatten()?;
        Some(Stamp::of(&meta))
    };
    files.iter().map(stamp).collect()
}
