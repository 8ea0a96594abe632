//! The intake: the only way by which bytes from outside become an artifact.
//!
//! 1. The archive is read once, to its end, and hashed while it is read. The selected files are
//!    written to an empty folder that no other process uses.
//! 2. Every stated digest must match. A digest that differs explains a failed unpacking better than
//!    the error of the unpacking does, so it is reported first.
//! 3. The expected files must be there. Binaries must not be empty and must be executables of the
//!    platform.
//! 4. The unpacked files must match their description (in a sidecar, or in the stamp inside the
//!    archive).
//!
//! Until all of this holds, nothing is executed, stored in the cache or moved to its final name.
//! This module does not know which source the bytes come from, nor what happens to the artifact
//! afterwards.

mod tree;

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use camino::Utf8Path;

use larder_core::archive::{
    self, ArchiveKind, Budget, Destination, Extracted, ReadAs, Select, Unpacked, UnpackedTree,
};
use larder_core::error::{Error, Kind, Result};
use larder_core::executable;
use larder_core::formats::stamp;
use larder_core::fs;
use larder_core::model::{Artifact, ArtifactFile, Digest, FileName, Name, Origin, Platform};
use larder_core::project::{Keep, Subsystem};
use larder_remote::http::{page, read_error};
use larder_remote::origin::{Checks, SignedBy, Stated};

use larder_core::cancel::Cancel;
use larder_core::model::Target;

use crate::events::{Events, Level, Phase};
pub use tree::make_links;
use tree::{programs, whole_tree};

/// The target of a transfer, the receiver of its progress events, and the token that cancels it.
#[derive(Clone, Copy)]
pub struct Transfer<'a> {
    /// The target that the transfer is for.
    pub target: &'a Target,
    /// Receives the progress.
    pub events: &'a Events,
    /// Cancels it.
    pub cancel: &'a Cancel,
}

/// A file that is to be received.
pub struct Arrival<'a> {
    /// Where it comes from, for messages: a url, a path, a registry coordinate.
    pub place: &'a str,
    /// What kind of file it is.
    pub read_as: ReadAs<'a>,
    /// Its bytes.
    pub reader: Box<dyn Read + Send>,
    /// The number of bytes, if it is known.
    pub size: Option<u64>,
    /// The digests that it must have, and who stated them.
    pub stated: &'a [Stated],
    /// The signature that it must have.
    pub signature: Option<&'a SignedBy>,
    /// Which files to unpack from it.
    pub select: Select<'a>,
    /// The name of the file to write, if what arrives is a single file and not an archive.
    pub single: Option<&'a FileName>,
    /// What unpacking may cost.
    pub budget: Budget,
}

/// What arrived: the digest of the file, and what was unpacked from it.
pub struct Arrived {
    /// The digest of the file as it arrived.
    pub sha256: Digest,
    /// The size of the file as it arrived, in bytes.
    pub size: u64,
    /// What the file was.
    pub kind: ArchiveKind,
    /// The files that were unpacked into the folder.
    pub files: Vec<Unpacked>,
    /// What else there is, if the folder of the archive is kept.
    pub tree: Option<UnpackedTree>,
}

/// What an archive should hold.
pub enum Contents<'a> {
    /// Exactly these files, and perhaps a stamp.
    Stated(&'a Artifact),
    /// Exactly the files that the stamp inside it lists; the name is the subsystem that the stamp
    /// must name.
    Stamped(&'a Name),
    /// The files that a recipe names.
    Named {
        /// The recipe.
        subsystem: &'a Subsystem,
        /// The platform that they must be for.
        platform: Platform,
        /// The platform whose programs they may be instead.
        emulated: Option<Platform>,
        /// The origin of the files.
        origin: Origin,
        /// The key of the artifact that they make up.
        inputs: Digest,
        /// What of the archive becomes part of the artifact.
        keep: Keep,
    },
}

/// What to unpack from a package that larder made.
pub fn packaged(is_tree: bool) -> Select<'static> {
    if is_tree {
        Select::FlatTree
    } else {
        Select::Flat
    }
}

/// How many bytes are read at most after a failed unpacking, to hash the rest of the file.
const DRAIN: u64 = 16 << 30;
/// How many of the first bytes are kept, to recognise a page.
const START: usize = 1024;

/// Receives a file into an existing, empty folder: steps 1 and 2.
pub fn receive<'d>(
    transfer: Transfer<'_>,
    arrival: Arrival<'_>,
    into: impl Into<Destination<'d>>,
) -> Result<Arrived> {
    let Arrival {
        place,
        read_as,
        reader,
        size: total,
        stated,
        signature,
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
    let mut checks = Checks::new(stated).signed(signature);
    let mut reader = CountingReader {
        transfer,
        reader: checks.reader(reader),
        bytes: 0,
        start: Vec::new(),
    };
    let unpacked = archive::unpack(
        read_as,
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
        // Read the rest of the file to get its digest: it shows whether the transfer or the archive
        // itself is at fault. A read error here is ignored, because the error of the unpacking is
        // reported anyway.
        let _ = std::io::copy(&mut reader.by_ref().take(DRAIN), &mut std::io::sink());
    }
    let (size, start) = (reader.bytes, reader.start);
    // A page of a proxy or a portal instead of the file says nothing about the file.
    let sha256 = checks.verify(place).map_err(|error| {
        if archive::is_page(&start) {
            page(place)
        } else {
            error
        }
    })?;
    let Extracted {
        kind,
        files,
        tree,
        notes,
    } = unpacked.map_err(|error| error.context(format!("{place} can't be taken in")))?;
    for note in notes {
        let text = format!("{place}: skipped {note}");
        events.note(Some(target), Level::Detail, text);
    }
    Ok(Arrived {
        sha256,
        size,
        kind,
        files,
        tree,
    })
}

/// Downloads a file without unpacking it and checks every stated digest. `import` uses this,
/// because it has to inspect an archive before it knows which files to select.
pub fn download(
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

/// Checks what arrived in a folder and makes an artifact of it: steps 3 and 4.
pub fn artifact(
    place: &str,
    arrived: &Arrived,
    contents: &Contents<'_>,
    folder: &Utf8Path,
) -> Result<Artifact> {
    let mut artifact = match contents {
        Contents::Stated(artifact) => (*artifact).clone(),
        Contents::Stamped(name) => {
            let text = fs::read_text_opt(folder.join(stamp::FILE))?;
            text.and_then(|text| stamp::parse(name, &text))
                .ok_or_else(|| Error::integrity(format!("{place} holds no valid stamp")))?
        }
        Contents::Named {
            subsystem,
            platform,
            emulated,
            origin,
            inputs,
            keep,
        } => {
            let (files, tree) = match keep {
                Keep::Files => (named_files(place, arrived, subsystem, platform)?, None),
                Keep::Tree => whole_tree(place, arrived)?,
            };
            Artifact {
                name: subsystem.name.clone(),
                version: subsystem.version.clone(),
                platform: *platform,
                emulated: *emulated,
                origin: *origin,
                inputs: *inputs,
                commit: None,
                files,
                tree,
            }
        }
    };
    compare(place, arrived, &artifact)?;
    let mut is_emulated = false;
    let programs = programs(&artifact);
    for file in &artifact.files {
        let path = folder.join(&file.name);
        if programs.contains(file.name.as_str()) {
            if file.size == 0 {
                return Err(Error::failed(format!(
                    "{place} has an empty `{}`",
                    file.name
                )));
            }
            let suits = platform_of(&path, artifact.platform, artifact.emulated);
            let suits = suits.map_err(|error| {
                error.context(format!("{place} is not for {}", artifact.platform))
            })?;
            is_emulated |= suits != artifact.platform;
            // What is on the hub was checked when it was made.
            if let Contents::Named { subsystem, .. } = contents {
                executable::check_program(&path, &suits, subsystem.any)
                    .map_err(|error| error.context(format!("{place} is not what it should be")))?;
            }
        }
        fs::set_mode(&path, file.mode)?;
    }
    // Programs for both platforms run without emulation.
    if !is_emulated && matches!(contents, Contents::Named { .. }) {
        artifact.emulated = None;
    }
    Ok(artifact)
}

/// The platform that a program is for: the first one, or else one whose programs that runs. A file
/// that is no executable suits both. The error is about the first one.
pub fn platform_of(
    path: &Utf8Path,
    platform: Platform,
    emulated: Option<Platform>,
) -> Result<Platform> {
    match (executable::check_platform(path, &platform), emulated) {
        (Ok(_), _) => Ok(platform),
        (Err(_), Some(other)) if executable::check_platform(path, &other).is_ok() => Ok(other),
        (Err(error), _) => Err(error),
    }
}

/// Removes everything in a folder, for a second attempt.
pub fn clear_folder(folder: &Utf8Path) -> Result<()> {
    fs::list(folder)?.into_iter().try_for_each(|name| {
        let path = folder.join(name);
        let is_folder = fs::lstat(&path)?.is_some_and(|meta| meta.is_dir());
        if is_folder {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        }
    })
}

/// The files that a recipe names, as they were unpacked; the binaries come first.
fn named_files(
    place: &str,
    arrived: &Arrived,
    subsystem: &Subsystem,
    platform: &Platform,
) -> Result<Vec<ArtifactFile>> {
    let binaries = subsystem.binaries_on(platform).len();
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
                name: name.into(),
                mode,
                size: *size,
                sha256: *sha256,
            })
        })
        .collect()
}

/// Checks that every file and link of the artifact was unpacked with the stated size and digest, or
/// target, and that nothing else than the stamp was unpacked.
fn compare(place: &str, arrived: &Arrived, artifact: &Artifact) -> Result<()> {
    let found = arrived.files.iter().map(|file| (file.name.as_str(), file));
    let mut found: HashMap<&str, &Unpacked> = found.collect();
    let missing = |name: &dyn fmt::Display| {
        Error::integrity(format!("{place} does not hold the {name} that is stated"))
    };
    let odd = |name: &str| Error::integrity(format!("{place} holds {name}, which is not stated"));
    for file in &artifact.files {
        let same = |found: &Unpacked| (found.sha256, found.size) == (file.sha256, file.size);
        if !found.remove(file.name.as_str()).is_some_and(same) {
            return Err(missing(&file.name));
        }
    }
    found.remove(stamp::FILE);
    if let Some(name) = found.into_keys().min() {
        return Err(odd(name));
    }
    let links = arrived.tree.iter().flat_map(|tree| &tree.links);
    let mut found: HashMap<&str, &str> = links
        .map(|(name, target)| (name.as_str(), target.as_str()))
        .collect();
    for link in artifact.tree.iter().flat_map(|tree| &tree.links) {
        if found.remove(link.name.as_str()) != Some(link.target.as_str()) {
            return Err(missing(&link.name));
        }
    }
    match found.into_keys().min() {
        Some(name) => Err(odd(name)),
        None => Ok(()),
    }
}

/// A reader that counts the bytes and reports them as progress.
struct CountingReader<'a, R> {
    transfer: Transfer<'a>,
    reader: R,
    bytes: u64,
    /// The first bytes.
    start: Vec<u8>,
}

impl<R: Read> Read for CountingReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.bytes += n as u64;
        let missing = START.saturating_sub(self.start.len()).min(n);
        self.start.extend_from_slice(&buffer[..missing]);
        let Transfer {
            target,
            events,
            cancel: _,
        } = self.transfer;
        events.progress(target, self.bytes);
        Ok(n)
    }
}
