//! Mach-O: macOS. A file is for one processor, or for several (a universal file).

use object::macho::{self, CpuType, FatArch32, FatArch64, FatHeader, MachHeader32, MachHeader64};
use object::read::macho::{FatArch, MachHeader, MachOFatFile};
use object::{BigEndian, Endianness, ReadRef};

use super::capped::CappedFile;
use super::native::{Machine, Native, System};
use crate::model::{Arch, Os};

/// Java classes start with the same bytes as universal files, and have their version where
/// universal files have the number of processors. Versions start at 45, and no universal file has
/// so many processors.
const MAX_PROCESSORS: u32 = 30;

/// Returns `None` if it is not a Mach-O file.
pub(super) fn inspect(data: &CappedFile) -> Option<Native> {
    let start: [u8; 4] = data.read_bytes_at(0, 4).ok()?.try_into().ok()?;
    let machines = match (u32::from_be_bytes(start), u32::from_le_bytes(start)) {
        (macho::FAT_MAGIC, _) => universal::<FatArch32>(data)?,
        (macho::FAT_MAGIC_64, _) => universal::<FatArch64>(data)?,
        (macho::MH_MAGIC, _) | (_, macho::MH_MAGIC) => {
            vec![single::<MachHeader32<Endianness>>(data)?]
        }
        (macho::MH_MAGIC_64, _) | (_, macho::MH_MAGIC_64) => {
            vec![single::<MachHeader64<Endianness>>(data)?]
        }
        _ => return None,
    };
    let mut native = Native {
        system: System::Known(Os::Darwin),
        machines,
        libc: None,
        glibc: None,
        signed: None,
    };
    if native.is_for_arm64_macs() {
        native.signed = is_signed(data);
    }
    Some(native)
}

/// Whether the program for arm64 in a file has a signature. `None` if its commands can't be read.
fn is_signed(data: &CappedFile) -> Option<bool> {
    let slices: Vec<u64> = match MachOFatFile::<FatArch32>::parse(data) {
        Ok(file) => arm64(file.arches()),
        Err(_) => match MachOFatFile::<FatArch64>::parse(data) {
            Ok(file) => arm64(file.arches()),
            Err(_) => vec![0],
        },
    };
    let offset = *slices.first()?;
    let header = MachHeader64::<Endianness>::parse(data, offset).ok()?;
    let mut commands = header
        .load_commands(header.endian().ok()?, data, offset)
        .ok()?;
    while let Some(command) = commands.next().ok()? {
        if command.cmd() == macho::LC_CODE_SIGNATURE {
            return Some(true);
        }
    }
    Some(false)
}

/// Where the programs for arm64 start in a universal file.
fn arm64<Fat: FatArch>(arches: &[Fat]) -> Vec<u64> {
    let is_arm64 = |arch: &&Fat| arch.cputype() == macho::CPU_TYPE_ARM64;
    let offset = |arch: &Fat| arch.offset().into();
    arches.iter().filter(is_arm64).map(offset).collect()
}

fn single<Header: MachHeader>(data: &CappedFile) -> Option<Machine> {
    let header = Header::parse(data, 0).ok()?;
    Some(machine(header.cputype(header.endian().ok()?)))
}

fn universal<Fat: FatArch>(data: &CappedFile) -> Option<Vec<Machine>> {
    let header = data.read_at::<FatHeader>(0).ok()?;
    if !(1..=MAX_PROCESSORS).contains(&header.nfat_arch.get(BigEndian)) {
        return None;
    }
    let file = MachOFatFile::<Fat>::parse(data).ok()?;
    let machines = file.arches().iter().map(|arch| machine(arch.cputype()));
    Some(machines.collect())
}

fn machine(cpu: CpuType) -> Machine {
    match cpu {
        macho::CPU_TYPE_X86_64 => Machine::Known(Arch::Amd64),
        macho::CPU_TYPE_ARM64 => Machine::Known(Arch::Arm64),
        macho::CPU_TYPE_X86 => Machine::Known(Arch::I386),
        macho::CPU_TYPE_ARM => Machine::Known(Arch::Arm),
        other => Machine::Other(other.0),
    }
}
