//! What a file is: read from its first bytes. Its name says nothing reliable (a url may have no
//! ending, and `.tar.gz` may be anything), so it is only used where the bytes say nothing.

use super::{ArchiveKind, Compression, untar};
use crate::error::{Error, Result};
use crate::executable;
use crate::model::FileFormat;

/// How many bytes are read to recognise a file.
pub(super) const START: usize = 1024;

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sniffed {
    /// A compressed stream; what is in it is not known yet.
    Compressed(Compression),
    Tar,
    Zip,
    SevenZip,
    Deb,
    /// An executable or a script.
    Program,
    /// A known format that can't be opened, with its name.
    Foreign(&'static str),
    Unknown,
}

/// What to read a file as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// As this.
    As(ArchiveKind),
    /// Decompress it; its content says whether it is a tar or one file. `tar`: the name says that it
    /// is a tar.
    Inside {
        /// How the file is compressed.
        compression: Compression,
        /// Whether the file's name says that it is a tar.
        tar: bool,
    },
    /// A program whose name says that it is a zip archive: a zip if it ends like one, else one file.
    ZipOrProgram,
}

impl Plan {
    /// Whether it can only be read from a file.
    pub(super) fn needs_seeking(self) -> bool {
        matches!(
            self,
            Self::ZipOrProgram | Self::As(ArchiveKind::Zip | ArchiveKind::SevenZip)
        )
    }
}

/// The magic bytes of formats that can't be opened, and their names for messages.
const FOREIGN: [(&[u8], &str); 18] = [
    (b"\xed\xab\xee\xdb", "an RPM package (.rpm)"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a Windows installer (.msi)",
    ),
    (b"xar!", PKG),
    (b"koly", DMG),
    (b"MSCF", "a Windows cabinet (.cab)"),
    (b"Rar!\x1a\x07", "a RAR archive (.rar)"),
    (b"LZIP", "an lzip file (.lz)"),
    (b"\x89LZO\0\r\n\x1a\n", "an lzop file (.lzo)"),
    (b"\x1f\x9d", "a file of `compress` (.Z)"),
    (b"\x02\x21\x4c\x18", "an lz4 file of the old format"),
    (b"\xff\x06\0\0sNaPpY", "a Snappy file (.sz)"),
    (b"070701", "a cpio archive"),
    (b"070702", "a cpio archive"),
    (b"070707", "a cpio archive"),
    (b"hsqs", "a SquashFS image"),
    (b"!<arch>\n", "an `ar` archive (a static library)"),
    (b"\0asm", "a WebAssembly module"),
    (b"conectix", "a disk image (.vhd)"),
];

/// Why formats of macOS can't be opened, of which many publishers have nothing else.
const WHY: [(&str, &str); 2] = [
    (
        PKG,
        "its files are a cpio archive within a xar archive, and scripts decide where they belong: only macOS installs it",
    ),
    (
        DMG,
        "its files are in a file system of macOS within the image: only macOS mounts it",
    ),
];
const PKG: &str = "a macOS installer package (.pkg)";
const DMG: &str = "a macOS disk image (.dmg)";

/// The endings of formats that can't be opened and that have no magic bytes at their start.
const FOREIGN_ENDINGS: [(&str, &str); 9] = [
    (".dmg", DMG),
    (".iso", "a disk image (.iso)"),
    (".rpm", "an RPM package (.rpm)"),
    (".msi", "a Windows installer (.msi)"),
    (".pkg", PKG),
    (".lz", "an lzip file (.lz)"),
    (".br", "a Brotli file (.br)"),
    (".rar", "a RAR archive (.rar)"),
    (".snap", "a Snap package (.snap)"),
];

/// The endings of zip archives that are run as they are.
const RUN_AS_THEY_ARE: [&str; 8] = [
    ".jar", ".war", ".ear", ".pyz", ".pex", ".vsix", ".xpi", ".nupkg",
];

/// Reads from the first bytes of a file what it is.
pub(super) fn sniff(start: &[u8]) -> Sniffed {
    let begins = |magic: &[u8]| start.starts_with(magic);
    // A tar that starts with a file named like some magic is a tar.
    if untar::is_tar(start) {
        Sniffed::Tar
    } else if begins(b"\x1f\x8b") {
        Sniffed::Compressed(Compression::Gz)
    } else if begins(b"\xfd7zXZ\0") {
        Sniffed::Compressed(Compression::Xz)
    } else if begins(b"BZh") && matches!(start.get(3), Some(b'1'..=b'9')) {
        Sniffed::Compressed(Compression::Bz2)
    } else if begins(b"\x28\xb5\x2f\xfd")
        || start.get(1..4) == Some(b"\x2a\x4d\x18") && matches!(start[0], 0x50..=0x5f)
    {
        Sniffed::Compressed(Compression::Zst)
    } else if begins(b"\x04\x22\x4d\x18") {
        Sniffed::Compressed(Compression::Lz4)
    } else if begins(b"PK\x03\x04") || begins(b"PK\x05\x06") || begins(b"PK00PK\x03\x04") {
        Sniffed::Zip
    } else if begins(b"7z\xbc\xaf\x27\x1c") {
        Sniffed::SevenZip
    } else if begins(b"!<arch>\ndebian-binary") {
        Sniffed::Deb
    } else if executable::is_program(start) {
        Sniffed::Program
    } else if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| begins(magic)) {
        Sniffed::Foreign(what)
    } else if is_lzma(start) {
        Sniffed::Compressed(Compression::Lzma)
    } else {
        Sniffed::Unknown
    }
}

/// Whether this can be the header of an `.lzma` file, which has no magic bytes: the usual
/// properties, a dictionary whose size is 2ⁿ or 2ⁿ + 2ⁿ⁻¹, and an unknown or a possible size.
fn is_lzma(start: &[u8]) -> bool {
    let Some((header, _)) = start.split_first_chunk::<13>() else {
        return false;
    };
    let dictionary = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
    let size = header[5..]
        .iter()
        .rev()
        .fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
    let usual = dictionary.is_power_of_two()
        || dictionary.is_multiple_of(3) && (dictionary / 3).is_power_of_two();
    header[0] == 0x5d
        && usual
        && (1 << 12..=1 << 30).contains(&dictionary)
        && (size == u64::MAX || size < 1 << 38)
}

/// Decides what to read a file as.
pub(super) fn plan(format: FileFormat, name: &str, start: &[u8]) -> Result<Plan> {
    use ArchiveKind::{Deb, SevenZip, Single, Tar, Zip};
    let sniffed = sniff(start);
    let named = ArchiveKind::of_name(name);
    let single = |compression| Plan::As(Single(compression));
    Ok(match format {
        FileFormat::Auto => match sniffed {
            // An image begins with its first block, which may be compressed.
            Sniffed::Compressed(_) if has_ending(name, &[".dmg"]) => return Err(foreign(DMG)),
            Sniffed::Compressed(compression) => Plan::Inside {
                compression,
                tar: matches!(named, Tar(_)),
            },
            Sniffed::Tar => Plan::As(Tar(Compression::Plain)),
            Sniffed::Zip if has_ending(name, &RUN_AS_THEY_ARE) => single(Compression::Plain),
            Sniffed::Zip => Plan::As(Zip),
            Sniffed::SevenZip => Plan::As(SevenZip),
            Sniffed::Deb => Plan::As(Deb),
            Sniffed::Program if named == Zip => Plan::ZipOrProgram,
            Sniffed::Program => single(Compression::Plain),
            Sniffed::Foreign(what) => return Err(foreign(what)),
            // The name promises something; reading the file as that gives the best error.
            Sniffed::Unknown if named != Single(Compression::Plain) => Plan::As(named),
            Sniffed::Unknown => {
                let lower = name.to_ascii_lowercase();
                let foreign_ending = FOREIGN_ENDINGS
                    .iter()
                    .find(|(ending, _)| lower.ends_with(ending) && !start.is_empty());
                match foreign_ending {
                    Some(_) if is_page(start) => single(Compression::Plain),
                    Some((_, what)) => return Err(foreign(what)),
                    None => single(Compression::Plain),
                }
            }
        },
        FileFormat::Tar => Plan::As(Tar(match sniffed {
            Sniffed::Compressed(compression) => compression,
            _ => Compression::Plain,
        })),
        FileFormat::Zip => Plan::As(Zip),
        FileFormat::SevenZip => Plan::As(SevenZip),
        FileFormat::Deb => Plan::As(Deb),
        FileFormat::Gz => single(Compression::Gz),
        FileFormat::Xz => single(Compression::Xz),
        FileFormat::Zst => single(Compression::Zst),
        FileFormat::Bz2 => single(Compression::Bz2),
        FileFormat::Lz4 => single(Compression::Lz4),
        FileFormat::Lzma => single(Compression::Lzma),
        FileFormat::Plain => single(Compression::Plain),
    })
}

fn foreign(what: &str) -> Error {
    let error = Error::failed(format!("it is {what}, which larder can't open"));
    let error = match WHY.iter().find(|(known, _)| *known == what) {
        Some((_, why)) => error.cause(why),
        None => error,
    };
    error.hint(
        "name another asset of the release, or build from source with `build:`; `format: plain` takes the file as it is",
    )
}

impl ArchiveKind {
    /// The format that the ending of a file's name says. Packages that larder made are read as this;
    /// for other files, the bytes decide.
    pub fn of_name(name: &str) -> Self {
        use Compression::{Bz2, Gz, Lz4, Lzma, Plain, Xz, Zst};
        let endings: [(&[&str], Self); 15] = [
            (&[".tar.gz", ".tgz", ".crate"], Self::Tar(Gz)),
            (&[".tar.xz", ".txz"], Self::Tar(Xz)),
            (&[".tar.zst", ".tzst"], Self::Tar(Zst)),
            (&[".tar.bz2", ".tbz2", ".tbz"], Self::Tar(Bz2)),
            (&[".tar.lz4"], Self::Tar(Lz4)),
            (&[".tar.lzma", ".tlz"], Self::Tar(Lzma)),
            (&[".tar"], Self::Tar(Plain)),
            (&[".zip", ".whl"], Self::Zip),
            (&[".7z"], Self::SevenZip),
            (&[".deb"], Self::Deb),
            (&[".gz"], Self::Single(Gz)),
            (&[".xz"], Self::Single(Xz)),
            (&[".zst"], Self::Single(Zst)),
            (&[".bz2"], Self::Single(Bz2)),
            (&[".lz4"], Self::Single(Lz4)),
        ];
        endings
            .into_iter()
            .find(|(endings, _)| has_ending(name, endings))
            .map_or(Self::Single(Plain), |(_, kind)| kind)
    }
}

fn has_ending(name: &str, endings: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    endings.iter().any(|ending| name.ends_with(ending))
}

/// Whether a file starts like an HTML page.
pub fn is_page(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text = String::from_utf8_lossy(&start[..start.len().min(START)]).to_lowercase();
    let mut text = text.trim_start();
    // An XHTML page starts with an XML declaration, and some pages with a comment.
    while let Some(rest) = text
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
        .or_else(|| {
            text.strip_prefix("<!--")
                .and_then(|rest| rest.split_once("-->"))
        })
        .map(|(_, rest)| rest)
    {
        text = rest.trim_start();
    }
    [
        "<!doctype html",
        "<html",
        "<head",
        "<title",
        "<body",
        "<script",
        "<meta",
    ]
    .iter()
    .any(|tag| text.starts_with(tag))
}

/// Describes the first bytes of a file, for error messages.
pub fn begins(start: &[u8]) -> String {
    if start.is_empty() {
        return "it is empty".into();
    }
    if is_page(start) {
        return "it is an HTML page".into();
    }
    let what = match sniff(start) {
        Sniffed::Compressed(compression) => Some(match compression {
            Compression::Plain => "a file",
            Compression::Gz => "a gzip file",
            Compression::Xz => "an xz file",
            Compression::Zst => "a zstd file",
            Compression::Bz2 => "a bzip2 file",
            Compression::Lz4 => "an lz4 file",
            Compression::Lzma => "an lzma file",
        }),
        Sniffed::Tar => Some("a tar archive"),
        Sniffed::Zip => Some("a zip archive"),
        Sniffed::SevenZip => Some("a 7z archive"),
        Sniffed::Deb => Some("a Debian package"),
        Sniffed::Foreign(what) => Some(what),
        Sniffed::Program | Sniffed::Unknown => None,
    };
    if let Some(what) = what {
        return format!("it is {what}");
    }
    let bytes: String = start
        .iter()
        .take(8)
        .flat_map(|b| b.escape_ascii())
        .map(char::from)
        .collect();
    format!("it begins with `{bytes}`")
}
