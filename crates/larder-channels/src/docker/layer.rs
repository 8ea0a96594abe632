//! Writes the layer with the programs.

use std::io::{self, Write};

use larder_core::archive::gzip;
use larder_core::error::{Error, Result};
use larder_core::model::{ArtifactFile, Digest, Hasher};
use tar::{EntryType, Header};

use super::layout::{Descriptor, Layout};
use crate::included::{Included, included};
use crate::release::{PlatformRelease, Release};

/// The folder of programs, without the first `/`.
pub const PROGRAMS: &str = "usr/local/bin";

/// Writes the layer. Returns its descriptor and the digest of the uncompressed tar.
pub fn write(
    release: &Release,
    platform: &PlatformRelease,
    media_type: &str,
    layout: &Layout<'_>,
) -> Result<(Descriptor, Digest)> {
    let programs = platform
        .binaries(release)
        .map(|file| (format!("{PROGRAMS}/{}", file.name), 0o755, file));
    let licenses = platform
        .included(release)
        .filter(|file| included(file.name.as_str()) == Included::License)
        .map(|file| {
            let name = format!("usr/share/licenses/{}/{}", release.name, file.name);
            (name, 0o644, file)
        });
    let mut entries: Vec<(String, u32, &ArtifactFile)> = programs.chain(licenses).collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));

    let mut diff_id = None;
    let descriptor = layout.blob(media_type, |file| {
        let packed = gzip(file, layout.out.threads(), |to| {
            let mut tar = Hashing {
                to,
                hasher: Hasher::new(),
            };
            for (name, mode, file) in &entries {
                add(release, platform, (name, *mode, file), layout, &mut tar)?;
            }
            put(layout, &mut tar, &[0; 1024])?;
            diff_id = Some(tar.hasher.finish());
            Ok(())
        })?;
        Ok((packed.sha256, packed.size))
    })?;
    let diff_id = diff_id.ok_or_else(|| Error::failed("the layer was not written"))?;
    Ok((descriptor, diff_id))
}

fn add(
    release: &Release,
    platform: &PlatformRelease,
    (name, mode, file): (&str, u32, &ArtifactFile),
    layout: &Layout<'_>,
    tar: &mut Hashing<'_>,
) -> Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header
        .set_path(name)
        .map_err(|error| Error::failed(format!("can't name `{name}` in a tar")).cause(error))?;
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(release.time.unsigned_abs());
    header.set_size(file.size);
    header.set_cksum();
    put(layout, tar, header.as_bytes())?;
    let path = platform.path(file);
    let copied = layout.out.copy(&path, tar)?;
    if copied != file.size {
        return Err(Error::integrity(format!(
            "{path} has {copied} bytes, and its sidecar says {}",
            file.size
        )));
    }
    // Less than 512, so the cast loses nothing.
    let padding = ((512 - file.size % 512) % 512) as usize;
    put(layout, tar, &[0; 512][..padding])
}

fn put(layout: &Layout<'_>, tar: &mut Hashing<'_>, bytes: &[u8]) -> Result<()> {
    tar.write_all(bytes)
        .map_err(|error| layout.out.cannot_write("", &error))
}

/// Hashes the tar while it is written.
struct Hashing<'a> {
    to: &'a mut dyn Write,
    hasher: Hasher,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.to.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
