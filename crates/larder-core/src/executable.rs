//! What an executable's headers say: which system and processors it is for, and what it needs of the C library.
//!
//! Reads only headers, in capped pieces, whatever the file's size or what it claims; never runs anything. Knows nothing
//! of archives or recipes.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};
use object::{ReadCache, ReadRef};

use crate::error::{Error, Result};
use crate::fs::{self, IoContext};
use crate::model::{Arch, Libc, Os, Platform};

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

/// A native executable or library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Native {
    /// For which system.
    pub system: System,
    /// For which processors: several in a universal Mach-O file.
    pub machines: Vec<Machine>,
    /// What it needs of a C library (ELF only; else `None`).
    pub libc: Option<Linkage>,
    /// Lowest glibc it runs on, `2.28`.
    pub glibc: Option<String>,
}

/// A system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// One of ours.
    Known(Os),
    /// Another.
    Other(&'static str),
}

/// A processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machine {
    /// One of ours.
    Known(Arch),
    /// Another, by its number in the header.
    Other(u32),
}

/// How an ELF file gets its C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// It needs none.
    Static,
    /// It loads this one.
    Dynamic(Libc),
    /// It loads something, which of them can't be told.
    Unknown,
}

impl fmt::Display for Native {
    /// As a platform is written: `darwin-arm64`, `darwin-amd64+arm64`, `linux-amd64-musl`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.system {
            System::Known(os) => write!(f, "{}-", os.as_str())?,
            System::Other(name) => write!(f, "{name}-")?,
        }
        for (i, machine) in self.machines.iter().enumerate() {
            f.write_str(if i > 0 { "+" } else { "" })?;
            match machine {
                Machine::Known(arch) => f.write_str(arch.as_str())?,
                Machine::Other(number) => write!(f, "machine{number}")?,
            }
        }
        match self.libc {
            Some(Linkage::Dynamic(libc)) => write!(f, "-{}", libc.as_str()),
            _ => Ok(()),
        }
    }
}

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
        s if s.starts_with(b"\x7fELF") => elf(file),
        s if s.starts_with(b"MZ") => pe(s, &mut file).at("read", path)?,
        s => macho(s),
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

impl Native {
    fn suits(&self, platform: Platform) -> bool {
        let Platform { os, arch, libc } = platform;
        let libc_suits = match (self.libc, libc) {
            (Some(Linkage::Dynamic(needs)), Some(wanted)) => needs == wanted,
            _ => true,
        };
        self.system == System::Known(os)
            && self.machines.contains(&Machine::Known(arch))
            && libc_suits
    }
}

/// Bytes read at once: room for the fat header of a universal file and for where a PE header usually is.
const START: usize = 4096;

fn at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
}

fn pe(start: &[u8], file: &mut File) -> std::io::Result<Option<Native>> {
    let Some(offset) = at(start, 0x3c).map(u32::from_le_bytes) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(offset.into()))?;
    let mut header = Vec::new();
    file.take(6).read_to_end(&mut header)?;
    let [b'P', b'E', 0, 0, low, high] = header[..] else {
        return Ok(None);
    };
    let machine = match u16::from_le_bytes([low, high]) {
        0x8664 => Machine::Known(Arch::Amd64),
        // The second is what Windows calls ARM64X.
        0xaa64 | 0xa64e => Machine::Known(Arch::Arm64),
        0x014c => Machine::Known(Arch::I386),
        0x01c0 | 0x01c4 => Machine::Known(Arch::Arm),
        other => Machine::Other(other.into()),
    };
    Ok(Some(Native {
        system: System::Known(Os::Windows),
        machines: vec![machine],
        libc: None,
        glibc: None,
    }))
}

fn macho(start: &[u8]) -> Option<Native> {
    let magic = at(start, 0).map(u32::from_be_bytes)?;
    let cpu = |number: u32| match number {
        0x0100_0007 => Machine::Known(Arch::Amd64),
        0x0100_000c => Machine::Known(Arch::Arm64),
        7 => Machine::Known(Arch::I386),
        12 => Machine::Known(Arch::Arm),
        other => Machine::Other(other),
    };
    let machines = match magic {
        0xfeed_face | 0xfeed_facf => vec![cpu(u32::from_be_bytes(at(start, 4)?))],
        0xcefa_edfe | 0xcffa_edfe => vec![cpu(u32::from_le_bytes(at(start, 4)?))],
        0xcafe_babe | 0xcafe_babf => {
            let count = usize::try_from(u32::from_be_bytes(at(start, 4)?)).ok()?;
            // Java classes begin like universal files; there a version of at least 45 stands in this place.
            if count == 0 || count > 30 {
                return None;
            }
            let entry = if magic == 0xcafe_babe { 20 } else { 32 };
            (0..count)
                .map(|i| at(start, 8 + i * entry).map(u32::from_be_bytes).map(cpu))
                .collect::<Option<Vec<_>>>()?
        }
        _ => return None,
    };
    Some(Native {
        system: System::Known(Os::Darwin),
        machines,
        libc: None,
        glibc: None,
    })
}

/// Pieces of a file, each at most so large, all together too: a header can claim what it likes.
#[derive(Clone, Copy)]
struct Capped<'a> {
    cache: &'a ReadCache<File>,
    left: &'a Cell<u64>,
}

const ELF_BYTES: u64 = 8 << 20;

impl<'a> ReadRef<'a> for Capped<'a> {
    fn len(self) -> Result<u64, ()> {
        self.cache.len()
    }
    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        self.left.set(self.left.get().checked_sub(size).ok_or(())?);
        self.cache.read_bytes_at(offset, size)
    }
    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        const LONGEST: u64 = 4096;
        self.left
            .set(self.left.get().checked_sub(LONGEST).ok_or(())?);
        let end = range.end.min(range.start.saturating_add(LONGEST));
        self.cache.read_bytes_at_until(range.start..end, delimiter)
    }
}

fn elf(file: File) -> Option<Native> {
    let cache = ReadCache::new(file);
    let data = Capped {
        cache: &cache,
        left: &Cell::new(ELF_BYTES),
    };
    match data.read_bytes_at(4, 1).ok()? {
        [1] => elf_of::<elf::FileHeader32<object::Endianness>>(data),
        [2] => elf_of::<elf::FileHeader64<object::Endianness>>(data),
        _ => None,
    }
}

fn elf_of<E: FileHeader<Endian = object::Endianness>>(data: Capped<'_>) -> Option<Native> {
    let header = E::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let machine = match header.e_machine(endian) {
        elf::EM_X86_64 => Machine::Known(Arch::Amd64),
        elf::EM_AARCH64 => Machine::Known(Arch::Arm64),
        elf::EM_386 => Machine::Known(Arch::I386),
        elf::EM_ARM => Machine::Known(Arch::Arm),
        other => Machine::Other(other.0.into()),
    };
    let segments = header.program_headers(endian, data).unwrap_or_default();
    let interpreter = segments
        .iter()
        .find_map(|segment| segment.interpreter(endian, data).ok().flatten());
    let interpreter = interpreter.map(|path| String::from_utf8_lossy(path).into_owned());
    let glibc = glibc_floor(header, endian, data).map(|(major, minor)| format!("{major}.{minor}"));
    let system = match (header.e_ident().os_abi, interpreter.as_deref()) {
        (elf::ELFOSABI_FREEBSD, _) => System::Other("freebsd"),
        (elf::ELFOSABI_NETBSD, _) => System::Other("netbsd"),
        (elf::ELFOSABI_OPENBSD, _) => System::Other("openbsd"),
        (elf::ELFOSABI_SOLARIS, _) => System::Other("solaris"),
        (_, Some(path)) if path.contains("/libexec/ld-elf") => System::Other("freebsd"),
        (_, Some(path)) if path.contains("/libexec/ld.") => System::Other("openbsd"),
        (_, Some(path)) if path.starts_with("/system/bin/linker") => System::Other("android"),
        _ => System::Known(Os::Linux),
    };
    let linkage = match interpreter.as_deref() {
        Some(path) if path.contains("ld-musl") => Linkage::Dynamic(Libc::Musl),
        Some(path)
            if path.contains("ld-linux") || path.contains("/ld.so") || path.contains("/ld64") =>
        {
            Linkage::Dynamic(Libc::Gnu)
        }
        _ if glibc.is_some() => Linkage::Dynamic(Libc::Gnu),
        Some(_) => Linkage::Unknown,
        // A library has no interpreter of its own.
        None if segments.iter().any(|s| s.p_type(endian) == elf::PT_DYNAMIC)
            && header.e_type(endian) == elf::ET_DYN =>
        {
            needs_library(header, endian, data)
        }
        None => Linkage::Static,
    };
    Some(Native {
        system,
        machines: vec![machine],
        libc: Some(linkage),
        glibc,
    })
}

/// The highest glibc version that any symbol asks for.
fn glibc_floor<E: FileHeader>(
    header: &E,
    endian: E::Endian,
    data: Capped<'_>,
) -> Option<(u32, u32)> {
    let sections = header.sections(endian, data).ok()?;
    let (mut needs, strings) = sections.gnu_verneed(endian, data).ok()??;
    let strings = sections.strings(endian, data, strings).ok()?;
    let mut floor = None;
    while let Ok(Some((_, mut versions))) = needs.next() {
        while let Ok(Some(version)) = versions.next() {
            let name = version.name(endian, strings).ok()?;
            let number = std::str::from_utf8(name)
                .ok()
                .and_then(|text| text.strip_prefix("GLIBC_"));
            // Not every name has a number: `GLIBC_PRIVATE`.
            let Some((major, rest)) = number.and_then(|text| text.split_once('.')) else {
                continue;
            };
            let minor = rest.split('.').next().unwrap_or(rest);
            if let (Ok(major), Ok(minor)) = (major.parse::<u32>(), minor.parse::<u32>()) {
                floor = floor.max(Some((major, minor)));
            }
        }
    }
    floor
}

/// Static executables may be position-independent too; what sets libraries apart is that they name other libraries.
fn needs_library<E: FileHeader>(header: &E, endian: E::Endian, data: Capped<'_>) -> Linkage {
    let names_one = || -> Option<bool> {
        let sections = header.sections(endian, data).ok()?;
        let (entries, _) = sections.dynamic(endian, data).ok()??;
        Some(
            entries
                .iter()
                .any(|entry| object::read::elf::Dyn::d_tag(entry, endian) == elf::DT_NEEDED),
        )
    };
    if names_one() == Some(true) {
        Linkage::Unknown
    } else {
        Linkage::Static
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::Builder::new().prefix("tool").tempfile().unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
        file
    }

    fn of(bytes: &[u8]) -> String {
        match inspect(file(bytes).path()).unwrap() {
            Executable::Native(native) => native.to_string(),
            other => format!("{other:?}"),
        }
    }

    fn wanted(bytes: &[u8], platform: &str) -> Result<(), String> {
        check_platform(file(bytes).path(), &platform.parse().unwrap())
            .map(drop)
            .map_err(|e| e.message().to_owned())
    }

    /// An ELF header with one program header, for an interpreter if there is one.
    fn elf64(machine: u16, abi: u8, interpreter: &str) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, abi]);
        bytes[16] = 2;
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[20] = 1;
        bytes[32] = 64;
        bytes[52] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        if !interpreter.is_empty() {
            bytes[64] = 3;
            bytes[64 + 8] = 64 + 56;
            bytes[64 + 32] = u8::try_from(interpreter.len() + 1).unwrap();
            bytes.extend_from_slice(interpreter.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    fn pe_file(machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 0x80];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[0x3c] = 0x80;
        bytes.extend_from_slice(b"PE\0\0");
        bytes.extend_from_slice(&machine.to_le_bytes());
        bytes
    }

    const MACHO_ARM64: &[u8] = b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0";

    fn universal() -> Vec<u8> {
        let mut bytes = b"\xca\xfe\xba\xbe\0\0\0\x02".to_vec();
        for cpu in [0x0100_0007_u32, 0x0100_000c] {
            bytes.extend_from_slice(&cpu.to_be_bytes());
            bytes.extend_from_slice(&[0; 16]);
        }
        bytes
    }

    #[test]
    fn headers_are_told_apart() {
        assert_eq!(of(b""), "Empty");
        assert_eq!(of(b"#!/bin/sh\n"), "Script");
        assert_eq!(of(b"MZqFpD='\n"), "Script");
        assert_eq!(of(b"PK\x03\x04"), "Other");
        assert_eq!(of(b"MZ is how this text begins"), "Other");
        assert_eq!(of(b"\xca\xfe\xba\xbe\0\0\0\x34 a Java class"), "Other");
        assert_eq!(of(&elf64(62, 0, "")), "linux-amd64");
        assert_eq!(
            of(&elf64(183, 0, "/lib/ld-musl-aarch64.so.1")),
            "linux-arm64-musl"
        );
        assert_eq!(
            of(&elf64(62, 0, "/lib64/ld-linux-x86-64.so.2")),
            "linux-amd64-gnu"
        );
        assert_eq!(of(&elf64(62, 9, "/libexec/ld-elf.so.1")), "freebsd-amd64");
        assert_eq!(of(&elf64(243, 0, "")), "linux-machine243");
        assert_eq!(of(MACHO_ARM64), "darwin-arm64");
        assert_eq!(of(&universal()), "darwin-amd64+arm64");
        assert_eq!(of(&pe_file(0x8664)), "windows-amd64");
        assert_eq!(of(&pe_file(0x14c)), "windows-386");
    }

    #[test]
    fn only_the_right_platform_suits() {
        let static_elf = elf64(62, 0, "");
        let gnu_elf = elf64(62, 0, "/lib64/ld-linux-x86-64.so.2");
        assert_eq!(wanted(&static_elf, "linux-amd64-musl"), Ok(()));
        assert_eq!(wanted(&static_elf, "linux-amd64"), Ok(()));
        assert_eq!(wanted(&gnu_elf, "linux-amd64"), Ok(()));
        assert_eq!(wanted(&universal(), "darwin-amd64"), Ok(()));
        assert_eq!(wanted(b"#!/bin/sh\n", "windows-amd64"), Ok(()));
        assert_eq!(wanted(b"@echo off", "windows-amd64"), Ok(()));
        for (bytes, platform, what) in [
            (&gnu_elf[..], "linux-amd64-musl", "a linux-amd64-gnu"),
            (&static_elf, "linux-arm64", "a linux-amd64"),
            (MACHO_ARM64, "linux-amd64", "a darwin-arm64"),
            (&universal(), "linux-arm64", "a darwin-amd64+arm64"),
            (&pe_file(0xaa64), "windows-amd64", "a windows-arm64"),
            (&elf64(62, 9, ""), "linux-amd64", "a freebsd-amd64"),
        ] {
            let error = wanted(bytes, platform).unwrap_err();
            assert!(
                error.ends_with(&format!("is {what} executable where {platform} is wanted")),
                "{error}"
            );
        }
        assert!(
            wanted(b"", "linux-amd64")
                .unwrap_err()
                .ends_with("is empty")
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_real_executable_is_of_this_platform() {
        let me = std::env::current_exe().unwrap();
        let Executable::Native(native) = check_platform(&me, &Platform::host()).unwrap() else {
            panic!("no native executable")
        };
        if native.libc == Some(Linkage::Dynamic(Libc::Gnu)) {
            let glibc = native.glibc.unwrap();
            assert!(
                glibc.starts_with("2.") && glibc.split('.').count() == 2,
                "{glibc}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn damaged_headers_never_panic(at in 0_usize..120, byte: u8, cut in 0_usize..200, abi: u8) {
            let mut bytes = elf64(62, abi, "/lib64/ld-linux-x86-64.so.2");
            bytes[at] = byte;
            bytes.truncate(cut);
            let _ = inspect(file(&bytes).path());
        }
    }
}
