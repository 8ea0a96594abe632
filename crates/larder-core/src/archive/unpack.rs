//! The entry point of unpacking: connects the source, the reader, the selection and the output.

use std::io::Read;

use camino::Utf8Path;

use super::pipe::{Shared, Source, with_pump};
use super::unpacker::{Output, Unpacker};
use super::{ArchiveKind, Budget, Select, Unpacked, decode, untar, unzip};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::model::FileName;

/// Unpacks the selected files into an existing empty folder. The contract is in the module's
/// documentation.
///
/// For [`ArchiveKind::Single`], `single_name` is the name of the extracted file, and `select` is
/// ignored. `archive_size` is the archive's size in bytes, if the caller knows it. The result is in
/// the order of the archive.
#[expect(
    clippy::too_many_arguments,
    reason = "each is an independent value, and there is one caller per source"
)]
pub fn unpack(
    kind: ArchiveKind,
    single_name: Option<&FileName>,
    reader: impl Read + Send,
    select: &Select<'_>,
    into: &Utf8Path,
    budget: &Budget,
    archive_size: Option<u64>,
    cancel: &Cancel,
) -> Result<Vec<Unpacked>> {
    let shared = Shared::new(cancel, budget, archive_size);
    let source = Source::new(reader, &shared);
    let output = Output::new(into);
    match kind {
        ArchiveKind::Single(compression) => {
            let name = single_name.ok_or_else(|| {
                Error::usage("the name under which the single file is extracted is missing")
            })?;
            let mut output = output;
            with_pump(
                &shared,
                source,
                |source, pump| decode::decode(compression, source, pump),
                |pipe| output.write_all_of(name.as_str(), pipe),
            )?;
            Ok(output.keep())
        }
        ArchiveKind::Tar(compression) => {
            let mut unpacker = Unpacker::new(select, budget, output)?;
            with_pump(
                &shared,
                source,
                |source, pump| decode::decode(compression, source, pump),
                |pipe| untar::read(pipe, &mut unpacker),
            )?;
            unpacker.finish()
        }
        ArchiveKind::Zip => {
            let mut unpacker = Unpacker::new(select, budget, output)?;
            unzip::read(&shared, source, into, &mut unpacker)?;
            unpacker.finish()
        }
    }
}
