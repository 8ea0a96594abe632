//! What an executable's headers say: which system and processors it is for, and what it needs of
//! the C library.
//!
//! Reads only headers, in capped pieces, whatever the file's size or what it claims; never runs
//! anything. Knows nothing of archives or recipes.

use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};
use crate::fs::{self, IoContext};
use crate::model::Platform;

mod capped;
mod elf;
mod macho;
mod native;
mod pe;

use capped::CappedFile;
pub use native::{Linkage, Machine, Native, System};

/// What a file is to the system that is to run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Executable {
    /// Nothing in it.
    Empty,
    /// Begins with `#!` (or is a portable shell-and-PE file): suits any platform.
    Script,
    /// ELF, Mach-O or PE.
    Native(Native),
    /// Anything else: a `.jar`, a `.bat`, data.
    Other,
}

/// Bytes that tell the kinds of files apart.
const START: usize = 8;

/// Whether something that begins so is a program: ELF, Mach-O, PE or a script.
pub fn is_program(start: &[u8]) -> bool {
    const MAGICS: [&[u8]; 8] = [
        b"#!",
        b"\x7fELF",
        b"MZ",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
    ];
    MAGICS.iter().any(|magic| start.starts_with(magic))
}

/// Reads a file's headers.
pub fn inspect(path: impl AsRef<Path>) -> Result<Executable> {
    let path = path.as_ref();
    let mut file = fs::open(path)?;
    let mut start = Vec::with_capacity(START);
    (&mut file)
        .take(START as u64)
        .read_to_end(&mut start)
        .at("read", path)?;
    let native = match start.as_slice() {
        [] => return Ok(Executable::Empty),
        [b'#', b'!', ..] => return Ok(Executable::Script),
        // A shell script that is a PE file too, for every system (Cosmopolitan).
        s if s.starts_with(b"MZqFpD") || s.starts_with(b"jartsr") => return Ok(Executable::Script),
        s if s.starts_with(b"\x7fELF") => elf::inspect(&CappedFile::new(file)),
        s if s.starts_with(b"MZ") => pe::inspect(&CappedFile::new(file)),
        _ => macho::inspect(&CappedFile::new(file)),
    };
    Ok(native.map_or(Executable::Other, Executable::Native))
}

/// Refuses an empty file and a native executable of another platform. Gives what was found.
pub fn check_platform(path: impl AsRef<Path>, platform: &Platform) -> Result<Executable> {
    let path = path.as_ref();
    let found = inspect(path)?;
    let name = path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    match &found {
        Executable::Empty => Err(Error::failed(format!("{name} is empty"))),
        Executable::Native(native) if !native.suits(*platform) => {
            let error = Error::failed(format!(
                "{name} is a {native} executable where {platform} is wanted"
            ));
            Err(match (native.libc, platform.libc) {
                (Some(Linkage::Dynamic(needs)), Some(wanted)) if needs != wanted => error.hint(format!(
                    "it loads the C library of {}; link it statically, or against {}",
                    needs.as_str(),
                    wanted.as_str()
                )),
                _ => error.hint("check `asset`, `replacements` and `overrides`, or what the build makes for this platform"),
            })
        }
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests;
