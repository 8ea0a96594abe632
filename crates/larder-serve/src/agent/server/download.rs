//! Makes a binary present: download, resume, compare, ask the server, take in. Its calls block.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs::{self, IoContext, io_error};
use larder_core::human;
use larder_remote::http::{Method, Request, read_error};

use super::http::{Catalog, success};
use crate::agent::binaries::{Binaries, digest};
use crate::agent::release::Release;

/// How much of the rest of a download is asked for at once.
const PIECE: u64 = 8 * 1024 * 1024;

/// What is left free on the disk, for the agent's own files and those of the child.
const RESERVE: u64 = 1024 * 1024;

impl Catalog {
    /// Makes a binary present: nothing is done if it is there and right. What had arrived of it
    /// before is used.
    pub fn fetch(&self, release: &Release, binaries: &Binaries, cancel: &Cancel) -> Result<()> {
        if binaries.holds(release)? {
            return Ok(());
        }
        let part = binaries.part(release.checksum);
        for is_second in [false, true] {
            cancel.check()?;
            self.complete(release, binaries, cancel)?;
            let found = digest(&part)?;
            if found == Some(release.checksum) {
                self.verify(release, cancel)?;
                return binaries.accept(release);
            }
            fs::remove_file(&part)?;
            if is_second {
                let found = found.map_or("nothing".to_owned(), |digest| digest.to_string());
                return Err(Error::integrity(format!(
                    "{} from the server has the wrong bytes",
                    release.file
                ))
                .cause(format!("expected sha256 {}, got {found}", release.checksum))
                .hint("the file on the server is damaged, or something on the way changes it"));
            }
        }
        Ok(())
    }

    /// Downloads what is missing of a file.
    fn complete(&self, release: &Release, binaries: &Binaries, cancel: &Cancel) -> Result<()> {
        let part = binaries.part(release.checksum);
        let has = fs::stat(&part)?.map_or(0, |meta| meta.len());
        let missing = release.size.saturating_sub(has);
        if let Some(free) = fs::free_space(fs::parent(part.as_std_path()))
            && missing > 0
            && free < missing + RESERVE
        {
            return Err(
                Error::failed(format!("there is no room for {}", release.file))
                    .cause(format!(
                        "{} are needed, and {} are free",
                        human::bytes(missing + RESERVE),
                        human::bytes(free)
                    ))
                    .hint("free some space on the file system of `data_dir`"),
            );
        }
        if has > 0 && has < release.size && self.resume(release, &part, has, cancel)? {
            return Ok(());
        }
        if has > 0 && has == release.size {
            return Ok(());
        }
        self.whole(release, &part, cancel)
    }

    /// Downloads a file from its start.
    fn whole(&self, release: &Release, part: &camino::Utf8Path, cancel: &Cancel) -> Result<()> {
        let url = self.url(&["binaries", &release.file]);
        let client = self.client(cancel);
        let download = self.with_credentials(
            |credential| {
                let request = Request::new(Method::GET, url.clone())?;
                client.get(request.credential(credential).pinned())
            },
            |result| {
                matches!(result, Err(error) if error.kind() == Kind::Refused
                    || error.to_string().contains(" 403 "))
            },
        )?;
        let Some(mut download) = download else {
            return Err(Error::unavailable(format!(
                "the server has no file {}",
                release.file
            )));
        };
        let mut file = fs::create(part)?;
        let mut buffer = vec![0; 256 * 1024];
        let doing = format!("cannot download {}", release.file);
        loop {
            cancel.check()?;
            let count = download
                .read(&mut buffer)
                .map_err(|error| read_error(&error, &doing))?;
            if count == 0 {
                break;
            }
            write(&mut file, &buffer[..count], part)?;
        }
        fs::flush(&file).at("flush", part)
    }

    /// Downloads the rest of a file. Returns whether the server has given it; it does not if it has
    /// other bytes than those that are here.
    fn resume(
        &self,
        release: &Release,
        part: &camino::Utf8Path,
        mut has: u64,
        cancel: &Cancel,
    ) -> Result<bool> {
        let url = self.url(&["binaries", &release.file]);
        let client = self.client(cancel);
        let mut file = OpenOptions::new()
            .append(true)
            .open(part)
            .at("open", part)?;
        while has < release.size {
            let last = (has + PIECE).min(release.size) - 1;
            let answer = self.with_credentials(
                |credential| {
                    let request = Request::new(Method::GET, url.clone())?
                        .header("range", &format!("bytes={has}-{last}"))?
                        .header("if-range", &format!("\"{}\"", release.checksum))?;
                    client.send(request.credential(credential).anything().limit(PIECE))
                },
                |answer| {
                    answer
                        .as_ref()
                        .is_ok_and(|answer| matches!(answer.status, 401 | 403))
                },
            );
            let answer = match answer {
                // A server without ranges sends more than a piece.
                Err(error) if error.to_string().contains("more than") => return Ok(false),
                answer => answer?,
            };
            let is_this_piece = answer
                .header("content-range")
                .is_some_and(|range| range.starts_with(&format!("bytes {has}-{last}/")));
            if matches!(answer.status, 200 | 416) {
                return Ok(false);
            }
            success(&answer)?;
            if answer.status != 206 || !is_this_piece || answer.body.len() as u64 != last + 1 - has
            {
                return Ok(false);
            }
            write(&mut file, &answer.body, part)?;
            has = last + 1;
        }
        fs::flush(&file).at("flush", part)?;
        Ok(true)
    }
}

/// Appends to a download. On a full disk what has arrived makes room again.
fn write(file: &mut File, bytes: &[u8], part: &camino::Utf8Path) -> Result<()> {
    file.write_all(bytes).map_err(|error| {
        if matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
        ) {
            let _ = file.set_len(0);
            let _ = fs::remove_file(part);
        }
        io_error("write", part, &error)
    })
}
