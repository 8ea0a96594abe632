//! Reads the headers of an executable: its system, its processors, and which C library it needs.
//!
//! This module reads only headers, with a limit on the bytes it reads, whatever size the file has
//! or claims. It never runs a file. It does not depend on archives or recipes.

use std::io::Read;
use std::path::Path;

use crate::archive;
use crate::error::{Error, Result};
use crate::fs::{self, IoContext};
use crate::model::{Os, Platform, WINDOWS_SCRIPTS};

mod capped;
mod dependencies;
mod elf;
mod macho;
mod native;
mod pe;
mod start;

use capped::CappedFile;
pub use dependencies::{CargoPackage, Dependencies, GoBuild, GoDependency, GoModule, dependencies};
pub use native::{Linkage, Machine, Native, System};
pub use start::{lacks_signature, why_not_started};

/// The kind of a file, as a system that runs it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Executable {
    /// It has no content.
    Empty,
    /// It starts with `#!`, or it is a portable file that is both a shell script and a PE file. It
    /// is accepted for any platform.
    Script,
    /// ELF, Mach-O or PE.
    Native(Native),
    /// Anything else: a `.jar`, a `.bat`, data.
    Other,
}

/// How many bytes are needed to distinguish the kinds of files.
const START: usize = 8;

/// Whether a file that starts with these bytes is a program: ELF, Mach-O, PE or a script.
pub fn is_program(start: &[u8]) -> bool {
    const MAGICS: [&[u8]; 9] = [
        b"#!",
        b"\x7fELF",
        b"MZ",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        b"jartsr",
    ];
    MAGICS.iter().any(|magic| start.starts_with(magic))
}

/// Reads a file's headers and returns its kind.
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
        // Cosmopolitan files are both a shell script and a PE file, and run on every system.
        s if s.starts_with(b"MZqFpD") || s.starts_with(b"jartsr") => return Ok(Executable::Script),
        s if s.starts_with(b"\x7fELF") => elf::inspect(&CappedFile::new(file)),
        s if s.starts_with(b"MZ") => pe::inspect(&CappedFile::new(file)),
        _ => macho::inspect(&CappedFile::new(file)),
    };
    Ok(native.map_or(Executable::Other, Executable::Native))
}

/// Returns an error for an empty file and for a native executable of another platform; otherwise
/// returns the kind of the file.
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

/// As [`check_platform`], and in addition the file must be a program: an executable or a script. With
/// `any`, it may be any file.
pub fn check_program(path: impl AsRef<Path>, platform: &Platform, any: bool) -> Result<()> {
    let path = path.as_ref();
    if check_platform(path, platform)? != Executable::Other || any {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".exe").unwrap_or(&name).to_lowercase();
    if platform.os == Os::Windows && WINDOWS_SCRIPTS.iter().any(|end| stem.ends_with(end)) {
        return Ok(());
    }
    let mut start = Vec::new();
    fs::open(path)?
        .take(1024)
        .read_to_end(&mut start)
        .at("read", path)?;
    Err(Error::failed(format!(
        "`{name}` is neither an executable nor a script: {}",
        archive::begins(&start)
    ))
    .hint("check which file the recipe names; if it is the right one, write `any: true` in the recipe"))
}

#[cfg(test)]
mod tests;
