//! PE: the executable format of Windows.

use object::pe::{self, ImageDosHeader, ImageFileHeader};
use object::{LittleEndian as LE, ReadRef, U32};

use super::capped::CappedFile;
use super::native::{Machine, Native, System};
use crate::model::{Arch, Os};

/// ARM64X: one file for native arm64 code and for x64 code that Windows translates.
const ARM64X: pe::Machine = pe::Machine(0xa64e);

/// Returns `None` if the file starts like a PE file but is not one, such as a program for DOS.
pub(super) fn inspect(data: &CappedFile) -> Option<Native> {
    let mut offset = ImageDosHeader::parse(data).ok()?.nt_headers_offset().into();
    let signature = data.read::<U32<LE>>(&mut offset).ok()?;
    if signature.get(LE) != pe::IMAGE_NT_SIGNATURE {
        return None;
    }
    let header = data.read::<ImageFileHeader>(&mut offset).ok()?;
    Some(Native {
        system: System::Known(Os::Windows),
        machines: vec![machine(header.machine.get(LE))],
        libc: None,
        glibc: None,
        signed: None,
    })
}

fn machine(machine: pe::Machine) -> Machine {
    match machine {
        pe::IMAGE_FILE_MACHINE_AMD64 => Machine::Known(Arch::Amd64),
        pe::IMAGE_FILE_MACHINE_ARM64 | ARM64X => Machine::Known(Arch::Arm64),
        pe::IMAGE_FILE_MACHINE_I386 => Machine::Known(Arch::I386),
        pe::IMAGE_FILE_MACHINE_ARM | pe::IMAGE_FILE_MACHINE_ARMNT => Machine::Known(Arch::Arm),
        other => Machine::Other(other.0.into()),
    }
}
