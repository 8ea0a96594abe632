//! Where an executable has the parts that hold what its compiler wrote about its dependencies.

use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::read::macho::{FatArch, MachHeader, MachOFatFile, Section, Segment};
use object::{Endianness, LittleEndian as LE, ReadRef, U16, U32, elf, macho, pe};

use crate::executable::capped::CappedFile;

/// The section of `cargo auditable`, in all formats.
const CARGO: &[u8] = b".dep-v0";
/// Go's section in ELF files.
const GO_ELF: &[u8] = b".go.buildinfo";
/// Go's section in Mach-O files.
const GO_MACHO: &[u8] = b"__go_buildinfo";
/// Most sections of a PE file: the format's own limit.
const MAX_SECTIONS: u16 = 96;
/// The field of PE's optional header that tells its size of words, and its value for 64 bits.
const PE_64: u16 = 0x20b;

/// A part of a file, and where it is in memory when the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) address: u64,
}

/// The parts of an executable. Offsets and sizes are as its headers claim.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Where Go's build information may be, the most likely part first.
    pub(super) go: Vec<Area>,
    /// The data of `cargo auditable`.
    pub(super) cargo: Option<Area>,
    /// All that is loaded.
    pub(super) loaded: Vec<Area>,
}

impl Layout {
    /// The layout of an ELF, PE or Mach-O file; of a universal Mach-O file, that of its first
    /// program. `None` if its headers are damaged.
    pub(super) fn of(data: &CappedFile) -> Option<Self> {
        let start: [u8; 4] = data.read_bytes_at(0, 4).ok()?.try_into().ok()?;
        match start {
            [0x7f, b'E', b'L', b'F'] => elf_file::<elf::FileHeader64<Endianness>>(data)
                .or_else(|| elf_file::<elf::FileHeader32<Endianness>>(data)),
            [b'M', b'Z', ..] => pe_file(data),
            _ => {
                let offset = match u32::from_be_bytes(start) {
                    macho::FAT_MAGIC => first_program::<macho::FatArch32>(data)?,
                    macho::FAT_MAGIC_64 => first_program::<macho::FatArch64>(data)?,
                    _ => 0,
                };
                macho_file::<macho::MachHeader64<Endianness>>(data, offset)
                    .or_else(|| macho_file::<macho::MachHeader32<Endianness>>(data, offset))
            }
        }
    }
}

fn elf_file<E: FileHeader<Endian = Endianness>>(data: &CappedFile) -> Option<Layout> {
    let header = E::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let mut layout = Layout::default();
    for segment in header.program_headers(endian, data).unwrap_or_default() {
        if segment.p_type(endian) != elf::PT_LOAD {
            continue;
        }
        let area = Area {
            offset: segment.p_offset(endian).into(),
            size: segment.p_filesz(endian).into(),
            address: segment.p_vaddr(endian).into(),
        };
        layout.loaded.push(area);
        // Without sections, the information is at the start of the data.
        let flags = segment.p_flags(endian).0;
        if flags & elf::PF_W.0 != 0 && flags & elf::PF_X.0 == 0 {
            layout.go.push(area);
        }
    }
    if let Ok(sections) = header.sections(endian, data) {
        for section in sections.iter() {
            let (Ok(name), Some((offset, size))) = (
                sections.section_name(endian, section),
                section.file_range(endian),
            ) else {
                continue;
            };
            let address = section.sh_addr(endian).into();
            let area = Area {
                offset,
                size,
                address,
            };
            match name {
                CARGO => layout.cargo = Some(area),
                GO_ELF => layout.go.insert(0, area),
                _ => {}
            }
        }
    }
    Some(layout)
}

/// Where the first program of a universal file starts.
fn first_program<Fat: FatArch>(data: &CappedFile) -> Option<u64> {
    let file = MachOFatFile::<Fat>::parse(data).ok()?;
    Some(file.arches().first()?.offset().into())
}

fn macho_file<Header: MachHeader<Endian = Endianness>>(
    data: &CappedFile,
    start: u64,
) -> Option<Layout> {
    let header = Header::parse(data, start).ok()?;
    let endian = header.endian().ok()?;
    let mut commands = header.load_commands(endian, data, start).ok()?;
    let mut layout = Layout::default();
    while let Ok(Some(command)) = commands.next() {
        let Ok(Some((segment, sections))) = Header::Segment::from_command(command) else {
            continue;
        };
        let (offset, size) = segment.file_range(endian);
        let area = Area {
            offset: start.checked_add(offset)?,
            size,
            address: segment.vmaddr(endian).into(),
        };
        layout.loaded.push(area);
        if segment.name() == b"__DATA" {
            layout.go.push(area);
        }
        for section in segment.sections(endian, sections).unwrap_or_default() {
            let area = Area {
                offset: start.checked_add(section.offset(endian).into())?,
                size: section.size(endian).into(),
                address: section.addr(endian).into(),
            };
            match section.name() {
                CARGO => layout.cargo = Some(area),
                GO_MACHO => layout.go.insert(0, area),
                _ => {}
            }
        }
    }
    Some(layout)
}

fn pe_file(data: &CappedFile) -> Option<Layout> {
    let mut offset = pe::ImageDosHeader::parse(data)
        .ok()?
        .nt_headers_offset()
        .into();
    let signature = data.read::<U32<LE>>(&mut offset).ok()?;
    if signature.get(LE) != pe::IMAGE_NT_SIGNATURE {
        return None;
    }
    let header = data.read::<pe::ImageFileHeader>(&mut offset).ok()?;
    let is_64 = data.read_at::<U16<LE>>(offset).ok()?.get(LE) == PE_64;
    let base = if is_64 {
        let optional = data.read_at::<pe::ImageOptionalHeader64>(offset).ok()?;
        optional.image_base.get(LE)
    } else {
        let optional = data.read_at::<pe::ImageOptionalHeader32>(offset).ok()?;
        optional.image_base.get(LE).into()
    };
    offset = offset.checked_add(header.size_of_optional_header.get(LE).into())?;
    let count = header.number_of_sections.get(LE).min(MAX_SECTIONS);
    let sections = data
        .read_slice::<pe::ImageSectionHeader>(&mut offset, count.into())
        .ok()?;
    let mut layout = Layout::default();
    for section in sections {
        let area = Area {
            offset: section.pointer_to_raw_data.get(LE).into(),
            size: section.size_of_raw_data.get(LE).into(),
            address: base.wrapping_add(section.virtual_address.get(LE).into()),
        };
        layout.loaded.push(area);
        let flags = section.characteristics.get(LE).0;
        let data = pe::IMAGE_SCN_CNT_INITIALIZED_DATA.0 | pe::IMAGE_SCN_MEM_WRITE.0;
        if flags & data == data {
            layout.go.push(area);
        }
        if section.name.strip_suffix(b"\0") == Some(CARGO) {
            let size = area.size.min(section.virtual_size.get(LE).into());
            layout.cargo = Some(Area { size, ..area });
        }
    }
    Some(layout)
}
