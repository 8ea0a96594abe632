//! ELF: Linux and other Unix systems. In addition to the processor, its headers show the system (by
//! the interpreter), how the C library is linked, and the lowest glibc version.

use object::Endianness;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};

use super::capped::CappedFile;
use super::native::{Linkage, Machine, Native, System};
use crate::model::{Arch, Libc, Os};

/// Returns `None` if the headers are damaged.
pub(super) fn inspect(data: &CappedFile) -> Option<Native> {
    of_class::<elf::FileHeader64<Endianness>>(data)
        .or_else(|| of_class::<elf::FileHeader32<Endianness>>(data))
}

fn of_class<E: FileHeader<Endian = Endianness>>(data: &CappedFile) -> Option<Native> {
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
        // A shared library has no interpreter.
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
        signed: None,
    })
}

/// The highest glibc version that any symbol needs.
fn glibc_floor<E: FileHeader>(
    header: &E,
    endian: E::Endian,
    data: &CappedFile,
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
            // Some names have no number, such as `GLIBC_PRIVATE`.
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

/// Distinguishes a library from a static executable that is position-independent: only a library
/// names other libraries.
fn needs_library<E: FileHeader>(header: &E, endian: E::Endian, data: &CappedFile) -> Linkage {
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
