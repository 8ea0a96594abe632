//! The entry point of unpacking: finds out what the file is, and connects the source, the reader, the
//! selection and the output.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use camino::Utf8Path;

use super::kind::{self, Plan};
use super::pipe::{Shared, Source, with_pump};
use super::select::Followed;
use super::unpacker::{Reading, Unpacker};
use super::{
    ArchiveKind, Budget, Compression, Destination, Extracted, ReadAs, Select, decode, seven, untar,
    unzip,
};
use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result};
use crate::executable;
use crate::fs::IoContext;
use crate::model::FileName;

/// Unpacks the selected files into an existing empty folder. The contract is in the module's
/// documentation.
///
/// If the file is not an archive, `single_name` is the name of the extracted file, and `select` is
/// ignored. `archive_size` is the archive's size in bytes, if the caller knows it. The result is in
/// the order of the archive.
#[expect(
    clippy::too_many_arguments,
    reason = "each is an independent value, and there is one caller per source"
)]
pub fn unpack<'d>(
    read_as: ReadAs<'_>,
    single_name: Option<&FileName>,
    reader: impl Read + Send,
    select: &Select<'_>,
    destination: impl Into<Destination<'d>>,
    budget: &Budget,
    archive_size: Option<u64>,
    cancel: &Cancel,
) -> Result<Extracted> {
    let destination = destination.into();
    let into = destination.folder;
    let shared = Shared::new(cancel, budget, archive_size);
    let mut source = Source::new(reader, &shared);
    let plan = match read_as {
        ReadAs::Exactly(kind) => Plan::As(kind),
        ReadAs::File { format, name } => kind::plan(format, name, source.start(kind::START)?)?,
    };
    let mut unpacker = Unpacker::new(select, budget, destination, &Followed::new())?;
    // The archive is stored for a second reading: of a directory at its end, or to follow links
    // whose target is not known before the end of the first reading.
    let mut stored = if plan.needs_seeking() || unpacker.follows_links() {
        Some(tempfile::tempfile_in(into).at("create a file in", into)?)
    } else {
        None
    };
    let kind = match &mut stored {
        Some(file) if plan.needs_seeking() => {
            let size = store(&shared, &mut source, file, into)?;
            let kind = match plan {
                Plan::As(kind) => kind,
                _ if unzip::is_zip(file, size, into)? => ArchiveKind::Zip,
                _ => ArchiveKind::Single(Compression::Plain),
            };
            read_stored(kind, &shared, file, size, single_name, into, &mut unpacker)?;
            kind
        }
        stored => {
            if let Some(file) = stored {
                source.copy_to(file.try_clone().at("open a file in", into)?);
            }
            read_stream(plan, &shared, source, single_name, &mut unpacker)?
        }
    };
    let followed = match finish(kind, unpacker)? {
        Reading::Done(read) => return Ok(read.of(kind)),
        Reading::Again(followed) => followed,
    };

    let size = shared.bytes_read();
    let is_complete = |file: &File| file.metadata().is_ok_and(|meta| meta.len() == size);
    let Some(mut file) = stored.filter(is_complete) else {
        return Err(
            Error::failed("the archive can't be read a second time, to follow its links")
                .hint("check the free space of the disk"),
        );
    };
    let shared = Shared::new(cancel, budget, archive_size);
    let mut unpacker = Unpacker::new(select, budget, destination, &followed)?;
    read_stored(
        kind,
        &shared,
        &mut file,
        size,
        single_name,
        into,
        &mut unpacker,
    )?;
    match finish(kind, unpacker)? {
        Reading::Done(read) => Ok(read.of(kind)),
        Reading::Again(_) => Err(Error::failed("the links of the archive can't be followed")),
    }
}

fn finish(kind: ArchiveKind, unpacker: Unpacker<'_>) -> Result<Reading> {
    match kind {
        ArchiveKind::Single(_) => Ok(unpacker.finish_single()),
        _ => unpacker.finish(),
    }
}

/// Copies the archive to a file and returns its size.
fn store<R: Read>(
    shared: &Shared<'_>,
    source: &mut Source<'_, R>,
    file: &mut File,
    into: &Utf8Path,
) -> Result<u64> {
    let mut buffer = vec![0; 128 << 10];
    let mut size = 0;
    loop {
        let n = match source.read(&mut buffer).map_err(|e| shared.explain(&e)) {
            Err(error) if error.kind() == Kind::Integrity => {
                source.drain();
                return Err(error);
            }
            other => other?,
        };
        if n == 0 {
            return Ok(size);
        }
        file.write_all(&buffer[..n]).at("write a file in", into)?;
        size += n as u64;
    }
}

/// Reads a stored archive from its start.
fn read_stored(
    kind: ArchiveKind,
    shared: &Shared<'_>,
    file: &mut File,
    size: u64,
    single_name: Option<&FileName>,
    into: &Utf8Path,
    unpacker: &mut Unpacker<'_>,
) -> Result<()> {
    match kind {
        ArchiveKind::Zip => unzip::read(shared, file, size, into, unpacker),
        ArchiveKind::SevenZip => seven::read(shared, file, size, into, unpacker),
        kind => {
            file.seek(SeekFrom::Start(0)).at("read a file in", into)?;
            let source = Source::new(file, shared);
            read_stream(Plan::As(kind), shared, source, single_name, unpacker).map(drop)
        }
    }
}

/// Reads an archive while it arrives, and returns what it was.
fn read_stream<'s, R: Read + Send>(
    plan: Plan,
    shared: &'s Shared<'s>,
    source: Source<'s, R>,
    single_name: Option<&FileName>,
    unpacker: &mut Unpacker<'_>,
) -> Result<ArchiveKind> {
    let single_name = || {
        single_name.ok_or_else(|| {
            Error::usage("the name under which the single file is extracted is missing")
        })
    };
    let (compression, tar) = match plan {
        Plan::As(ArchiveKind::Deb) => {
            with_pump(
                shared,
                source,
                |source, pump| decode::decode_deb(source, pump),
                |pipe| untar::read(pipe, unpacker),
            )?;
            return Ok(ArchiveKind::Deb);
        }
        Plan::As(ArchiveKind::Tar(compression)) => (compression, Some(true)),
        Plan::As(ArchiveKind::Single(compression)) => (compression, Some(false)),
        Plan::Inside { compression, .. } => (compression, None),
        Plan::As(ArchiveKind::Zip | ArchiveKind::SevenZip) | Plan::ZipOrProgram => {
            return Err(Error::failed("this archive can't be read as a stream"));
        }
    };
    let named_tar = matches!(plan, Plan::Inside { tar: true, .. });
    with_pump(
        shared,
        source,
        |source, pump| decode::decode(compression, source, pump),
        |pipe| {
            let is_tar = if let Some(tar) = tar {
                tar
            } else {
                let start = pipe.peek()?;
                untar::is_tar(start) || named_tar && !executable::is_program(start)
            };
            if is_tar {
                untar::read(pipe, unpacker)?;
                Ok(ArchiveKind::Tar(compression))
            } else {
                unpacker.single(single_name()?.as_str(), pipe)?;
                Ok(ArchiveKind::Single(compression))
            }
        },
    )
}
