//! A strict reader of zip archives: spooled to an anonymous file, since the directory is at the end.
use std::io::Read;

use camino::Utf8Path;

use super::pipe::{Shared, Source};
use super::refused;
use super::unpack::Unpacker;
use crate::error::Result;

pub(super) fn read<R: Read + Send>(
    _shared: &Shared<'_>,
    _source: Source<'_, R>,
    _into: &Utf8Path,
    _unpacker: &mut Unpacker<'_>,
) -> Result<()> {
    Err(refused("zip is not read yet"))
}
