//! rpm: an RPM package for each architecture of Linux, which needs no tool of RPM.
//!
//! A package is a lead, a header with digests, a header that describes the package, and a
//! compressed cpio of its files. The digest of the cpio stands before it, in headers whose size
//! does not depend on it: the cpio is written first, behind a gap, and the headers then fill the
//! gap. Memory stays small however large the binaries are, which is why the crate `rpm` is not used:
//! it keeps the whole compressed cpio in memory.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

use larder_core::archive::gzip;
use larder_core::error::{Error, Result};
use larder_core::model::{Arch, ChannelKind, Digest, Hasher, Os};
use larder_core::project::publish::{ChannelConfig, Rpm};

use crate::linux::files::{Entry, Places, Tree, add_folders, tree};
use crate::linux::{text, version};
use crate::output::Output;
use crate::release::{PlatformRelease, Release};
use crate::render::{Facts, Render};

mod cpio;
mod dependency;
mod header;
mod tags;

/// What the channel supports.
pub(crate) const FACTS: Facts = Facts {
    kind: ChannelKind::Rpm,
    takes: |platform| platform.os == Os::Linux,
    version: version::with_tilde,
    prerelease: Some("a version with `~`"),
    needs_urls: false,
    files: "`<name>-<version>-1.<arch>.rpm`",
};

/// The number of the packaging of a version.
pub(crate) const RELEASE: &str = "1";

impl Render for Rpm {
    fn render(&self, release: &Release, config: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        let version = version::with_tilde(&release.version).map_err(Error::usage)?;
        for platform in release.for_os(Os::Linux) {
            let package = Package {
                name: release.name.as_str(),
                version: &version,
                arch: Architecture::of(platform.platform().arch),
                release,
                platform,
                rpm: self,
                post_install: config.post_install.as_deref(),
            };
            let Package { name, arch, .. } = package;
            let file = format!("{name}-{version}-{RELEASE}.{}.rpm", arch.name);
            out.file(&file, 0o644, |to| package.write(&file, to, out))?;
        }
        Ok(())
    }
}

/// How RPM names an architecture.
#[derive(Clone, Copy)]
struct Architecture {
    name: &'static str,
    /// The suffix of what packages for it provide.
    isa: &'static str,
    bits: u8,
}

impl Architecture {
    fn of(arch: Arch) -> Self {
        let (name, isa, bits) = match arch {
            Arch::Amd64 => ("x86_64", "x86-64", 64),
            Arch::Arm64 => ("aarch64", "aarch-64", 64),
            Arch::I386 => ("i686", "x86-32", 32),
            Arch::Arm => ("armv7hl", "armv7hl-32", 32),
        };
        Self { name, isa, bits }
    }
}

/// One package.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    arch: Architecture,
    release: &'a Release,
    platform: &'a PlatformRelease,
    rpm: &'a Rpm,
    post_install: Option<&'a str>,
}

/// What is known of the cpio when it is written.
#[derive(Clone, Copy)]
struct Payload {
    /// The digest of the compressed cpio.
    compressed: Digest,
    /// The size of the compressed cpio.
    compressed_size: u64,
    /// The digest of the cpio.
    plain: Digest,
    /// The size of the cpio.
    plain_size: u64,
}

impl Package<'_> {
    fn write(&self, file: &str, to: &mut BufWriter<File>, out: &Output<'_>) -> Result<()> {
        let failed = |error: std::io::Error| out.cannot_write(file, &error);
        let files = self.files()?;
        let unknown = Payload {
            compressed: Digest::of(b""),
            compressed_size: 0,
            plain: Digest::of(b""),
            plain_size: 0,
        };
        let gap = self.headers(&files, unknown)?.len();
        to.seek(SeekFrom::Start(gap as u64)).map_err(failed)?;
        let mut plain = (Digest::of(b""), 0);
        let packed = gzip(to, out.threads(), |to| {
            let mut to = Counting::new(to);
            cpio::write(&files, self.release.time, &mut to, out)?;
            plain = to.finish();
            Ok(())
        })?;
        let headers = self.headers(
            &files,
            Payload {
                compressed: packed.sha256,
                compressed_size: packed.size,
                plain: plain.0,
                plain_size: plain.1,
            },
        )?;
        debug_assert_eq!(headers.len(), gap);
        to.seek(SeekFrom::Start(0)).map_err(failed)?;
        to.write_all(&headers).map_err(failed)
    }

    /// Everything before the cpio. Its size does not depend on `payload`.
    fn headers(&self, files: &Tree, payload: Payload) -> Result<Vec<u8>> {
        let header = self.description(files, payload)?;
        let mut all = header::lead(&format!("{}-{}-{RELEASE}", self.name, self.version));
        all.extend(header::signature(&header, payload)?);
        all.extend(header);
        Ok(all)
    }

    /// The files that are installed, and the folders that belong to the package alone.
    fn files(&self) -> Result<Tree> {
        let docs = format!("usr/share/doc/{}", self.name);
        let licenses = format!("usr/share/licenses/{}", self.name);
        let places = Places {
            zsh: "usr/share/zsh/site-functions",
            docs: docs.clone(),
            licenses: Some(licenses.clone()),
        };
        let mut files = tree(self.release, self.platform, &places)?;
        add_folders(&mut files);
        files.retain(|path, entry| !entry.is_folder() || *path == docs || *path == licenses);
        Ok(files)
    }

    fn changelog(&self) -> String {
        let changes = text::changes(self.release);
        let lines: Vec<String> = changes.iter().map(|text| format!("- {text}")).collect();
        lines.join("\n")
    }

    fn post_install_script(&self) -> Option<String> {
        self.post_install
            .map(|text| text::print_commands(text).trim_end().to_owned())
    }
}

/// Hashes and counts what is written.
struct Counting<'a> {
    to: &'a mut dyn Write,
    hasher: Hasher,
    size: u64,
}

impl<'a> Counting<'a> {
    fn new(to: &'a mut dyn Write) -> Self {
        Self {
            to,
            hasher: Hasher::new(),
            size: 0,
        }
    }

    fn finish(self) -> (Digest, u64) {
        (self.hasher.finish(), self.size)
    }
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.to.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.size += n as u64;
        Ok(n)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// The mode of an entry with its type.
fn mode(entry: &Entry) -> u32 {
    entry.mode
        | if entry.is_folder() {
            0o040_000
        } else {
            0o100_000
        }
}

fn too_large() -> Error {
    Error::failed("the files are too large for an RPM package")
        .cause("such a package has less than 4 GiB")
}

#[cfg(test)]
mod tests;
