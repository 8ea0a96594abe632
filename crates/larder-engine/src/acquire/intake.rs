//! The one way in for bytes from elsewhere: fetched bytes are hashed and unpacked while they arrive, held to every digest
//! that is stated of them, checked to be for the platform, compared with what they should hold, and become an artifact.
//!
//! 1. The archive is read once, to its end, and hashed on the way; what is wanted of it is written to a folder that is
//!    empty and that nobody looks into yet.
//! 2. Every stated digest must agree. A digest that differs explains a failed unpacking better than the unpacking does, so
//!    it is told first.
//! 3. The wanted files must be there, binaries must not be empty and must be executables of the platform.
//! 4. What was unpacked must be what is stated of it (by a sidecar, or by the stamp inside).
//!
//! Nothing is executed, nothing enters the cache, and nothing gets its name before all of that holds. Does not know which
//! source the bytes come from, nor what becomes of the artifact.

use std::io::Read;

use camino::Utf8Path;

use larder_core::archive::{self, ArchiveKind, Budget, Select, Unpacked};
use larder_core::error::{Error, Kind, Result};
use larder_core::executable;
use larder_core::formats::stamp;
use larder_core::fs;
use larder_core::model::{Artifact, ArtifactFile, Digest, FileName, Name, Origin, Platform};
use larder_core::project::Subsystem;
use larder_remote::http::read_error;
use larder_remote::origin::{Checks, Stated};

use larder_core::cancel::Cancel;
use larder_core::model::Target;

use crate::events::{Events, Phase};

/// For whom something is transferred, who is told of it, and what stops it.
#[derive(Clone, Copy)]
pub struct Transfer<'a> {
    /// For which target.
    pub target: &'a Target,
    /// Who is told of the progress.
    pub events: &'a Events,
    /// Stops it.
    pub cancel: &'a Cancel,
}

/// A file on its way.
pub struct Arrival<'a> {
    /// Where it comes from, for messages: a url, a path, a registry coordinate.
    pub place: &'a str,
    /// Its name, which tells what kind of archive it is.
    pub file_name: &'a str,
    /// Its bytes.
    pub reader: Box<dyn Read + Send>,
    /// How many, where known.
    pub size: Option<u64>,
    /// Digests that it must have.
    pub stated: &'a [Stated],
    /// What is wanted of it.
    pub select: Select<'a>,
    /// The name of the only file, where the file is no archive.
    pub single: Option<&'a FileName>,
    /// What unpacking may cost.
    pub budget: Budget,
}

/// What arrived: its digest and what was unpacked of it.
pub struct Arrived {
    /// Digest of the file as it came.
    pub sha256: Digest,
    /// Bytes of the file as it came.
    pub size: u64,
    /// What stands in the folder now.
    pub files: Vec<Unpacked>,
}

/// What an archive should hold.
pub enum Contents<'a> {
    /// Exactly these files, and perhaps a stamp.
    Stated(&'a Artifact),
    /// What the stamp inside it says, and nothing else.
    Stamped(&'a Name),
    /// The files that a recipe names.
    Named {
        /// The recipe.
        subsystem: &'a Subsystem,
        /// For which platform.
        platform: Platform,
        /// Who made them.
        origin: Origin,
        /// The key that they answer.
        inputs: Digest,
    },
}

/// Reads to the end after a failed unpacking, but no further than this.
const DRAIN: u64 = 16 << 30;

/// Receives a file into an existing, empty folder: steps 1 and 2.
pub fn receive(transfer: Transfer<'_>, arrival: Arrival<'_>, into: &Utf8Path) -> Result<Arrived> {
    let Arrival {
        place,
        file_name,
        reader,
        size: total,
        stated,
        select,
        single,
        budget,
    } = arrival;
    let Transfer {
        target,
        events,
        cancel,
    } = transfer;
    events.phase(target, Phase::Downloading, total);
    let mut checks = Checks::new(stated);
    let mut reader = Telling {
        transfer,
        reader: checks.reader(reader),
        bytes: 0,
    };
    let kind = ArchiveKind::of_name(file_name);
    let unpacked = archive::unpack(
        kind,
        single,
        &mut reader,
        &select,
        into,
        &budget,
        total,
        cancel,
    );
    if let Err(error) = &unpacked {
        if matches!(error.kind(), Kind::Interrupted(_) | Kind::Unavailable) {
            return Err(error.clone());
        }
        // The digest is of the whole file: it says whether the bytes or the archive are to blame. What can't be read is
        // told by the unpacking.
        let _ = std::io::copy(&mut reader.by_ref().take(DRAIN), &mut std::io::sink());
    }
    let size = reader.bytes;
    let sha256 = checks.verify(place)?;
    let files = unpacked.map_err(|error| error.context(format!("{place} can't be taken in")))?;
    Ok(Arrived {
        sha256,
        size,
        files,
    })
}

/// Receives a file as it is and holds it to every stated digest: for who has to look into it before it is
/// known what is wanted of it.
pub fn keep(
    place: &str,
    reader: Box<dyn Read + Send>,
    stated: &[Stated],
    file: &Utf8Path,
) -> Result<()> {
    let mut checks = Checks::new(stated);
    std::io::copy(&mut checks.reader(reader), &mut fs::create(file)?)
        .map_err(|e| read_error(&e, &format!("cannot download {place}")))?;
    checks.verify(place).map(drop)
}

/// Makes an artifact of what arrived in a folder: steps 3 and 4.
pub fn artifact(
    place: &str,
    arrived: &Arrived,
    contents: &Contents<'_>,
    folder: &Utf8Path,
) -> Result<Artifact> {
    let artifact = match contents {
        Contents::Stated(artifact) => (*artifact).clone(),
        Contents::Stamped(name) => {
            let text = fs::read_text_opt(folder.join(stamp::FILE))?;
            text.and_then(|text| stamp::parse(name, &text))
                .ok_or_else(|| Error::integrity(format!("{place} holds no valid stamp")))?
        }
        Contents::Named {
            subsystem,
            platform,
            origin,
            inputs,
        } => Artifact {
            name: subsystem.name.clone(),
            version: subsystem.version.clone(),
            platform: *platform,
            origin: *origin,
            inputs: *inputs,
            commit: None,
            files: named_files(place, arrived, subsystem, platform)?,
        },
    };
    compare(place, arrived, &artifact)?;
    for file in &artifact.files {
        let path = folder.join(&file.name);
        if file.mode == 0o755 {
            if file.size == 0 {
                return Err(Error::failed(format!(
                    "{place} has an empty `{}`",
                    file.name
                )));
            }
            executable::check_platform(&path, &artifact.platform).map_err(|error| {
                error.context(format!("{place} is not for {}", artifact.platform))
            })?;
        }
        fs::set_mode(&path, file.mode)?;
    }
    Ok(artifact)
}

/// Makes a folder empty again, for a second try.
pub fn empty(folder: &Utf8Path) -> Result<()> {
    fs::list(folder)?
        .into_iter()
        .try_for_each(|name| fs::remove_file(folder.join(name)))
}

/// The files of a recipe, by its names; the binaries come first.
fn named_files(
    place: &str,
    arrived: &Arrived,
    subsystem: &Subsystem,
    platform: &Platform,
) -> Result<Vec<ArtifactFile>> {
    let binaries = subsystem.binaries.len();
    let names = subsystem.file_names(platform).into_iter().enumerate();
    names
        .map(|(number, name)| {
            let found = arrived.files.iter().find(|file| file.name == name.as_str());
            let Some(Unpacked { size, sha256, .. }) = found else {
                return Err(Error::failed(format!("{place} gave no `{name}`"))
                    .hint("map it in `upstream.extract`, glob in the archive to file name"));
            };
            let mode = if number < binaries { 0o755 } else { 0o644 };
            Ok(ArtifactFile {
                name,
                mode,
                size: *size,
                sha256: *sha256,
            })
        })
        .collect()
}

/// Every file of the artifact was unpacked as it is stated, and nothing but those and the stamp.
fn compare(place: &str, arrived: &Arrived, artifact: &Artifact) -> Result<()> {
    for file in &artifact.files {
        let same = |found: &Unpacked| {
            (found.name.as_str(), found.sha256, found.size)
                == (file.name.as_str(), file.sha256, file.size)
        };
        if !arrived.files.iter().any(same) {
            return Err(Error::integrity(format!(
                "{place} does not hold the {} that is stated",
                file.name
            )));
        }
    }
    let stated = |name: &str| {
        name == stamp::FILE || artifact.files.iter().any(|file| file.name.as_str() == name)
    };
    match arrived.files.iter().find(|found| !stated(&found.name)) {
        Some(odd) => Err(Error::integrity(format!(
            "{place} holds {}, which is not stated",
            odd.name
        ))),
        None => Ok(()),
    }
}

/// Tells progress of what passes through, and counts it.
struct Telling<'a, R> {
    transfer: Transfer<'a>,
    reader: R,
    bytes: u64,
}

impl<R: Read> Read for Telling<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.bytes += n as u64;
        let Transfer {
            target,
            events,
            cancel: _,
        } = self.transfer;
        events.progress(target, self.bytes);
        Ok(n)
    }
}
