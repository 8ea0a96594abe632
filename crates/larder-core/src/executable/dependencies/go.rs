//! What Go's linker writes into every program: the text that `go version -m` prints.
//!
//! The information starts with 14 fixed bytes at a multiple of 16. Since Go 1.18 two texts follow
//! at byte 32, each after its length; before that, bytes 16 and following were the addresses of two
//! strings.

use super::source::Source;

const MAGIC: &[u8; 14] = b"\xff Go buildinf:";
/// The information starts at a multiple of this.
const ALIGN: usize = 16;
/// The bytes before the texts.
const HEADER: usize = 32;
/// Most bytes of one text. Programs with a thousand modules have about 100 KiB.
const MAX_TEXT: u64 = 4 << 20;
/// Most bytes of one part of the file that are searched for the information.
const MAX_SEARCHED: u64 = 16 << 20;
/// How many bytes are searched at once.
const CHUNK: u64 = 256 << 10;
/// Most parts of the file that are searched.
const MAX_AREAS: usize = 8;
/// Bytes around the list of modules, which are meaningless in a file.
const SENTINEL: usize = 16;

/// What Go's linker writes into a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoBuild {
    /// The version of Go, such as `go1.22.3`.
    pub go: String,
    /// The package of `main`, such as `github.com/cli/cli/v2/cmd/gh`.
    pub path: Option<String>,
    /// The module of the program itself.
    pub main: Option<GoModule>,
    /// The modules that it is built from.
    pub dependencies: Vec<GoDependency>,
}

/// A Go module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoModule {
    /// Its path.
    pub path: String,
    /// Its version; `None` for a folder.
    pub version: Option<String>,
    /// Its line in `go.sum`, such as `h1:…=`.
    pub sum: Option<String>,
}

/// A module that a program is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoDependency {
    /// The module that is required.
    pub required: GoModule,
    /// The module or the folder that replaces it, by a `replace` line.
    pub replaced_by: Option<GoModule>,
}

/// Reads the information of a program. `None` if it has none, or if that is damaged.
pub(super) fn read(source: &mut Source) -> Option<GoBuild> {
    let offset = find(source)?;
    let header = source.read(offset, HEADER as u64)?;
    let [size, flags] = *header.get(14..16)? else {
        return None;
    };
    let (go, modules) = if flags & 2 != 0 {
        let mut at = offset.checked_add(HEADER as u64)?;
        (text(source, &mut at)?, text(source, &mut at)?)
    } else {
        let mut both = Vec::new();
        for n in [0, 1] {
            let size = usize::from(size);
            let start = ALIGN + n * size;
            let pointer = number(header.get(start..start.checked_add(size)?)?, flags)?;
            both.push(string(source, pointer, size, flags).unwrap_or_default());
        }
        let modules = both.pop()?;
        (both.pop()?, modules)
    };
    let go = String::from_utf8(go).ok()?;
    if go.is_empty() || go.contains(char::is_control) {
        return None;
    }
    let mut build = parse(&modules);
    build.go = go;
    Some(build)
}

/// Where the information starts in the file.
fn find(source: &mut Source) -> Option<u64> {
    let areas: Vec<_> = source.layout.go.iter().take(MAX_AREAS).copied().collect();
    for area in areas {
        let end = area.offset.checked_add(area.size.min(MAX_SEARCHED))?;
        let mut at = area.offset;
        while at < end {
            let chunk = source.read(at, CHUNK.min(end - at))?;
            // What starts at a multiple of 16 is never cut by the end of a chunk.
            let found = chunk
                .chunks_exact(ALIGN)
                .position(|bytes| bytes.starts_with(MAGIC));
            if let Some(n) = found {
                return at.checked_add((n * ALIGN) as u64);
            }
            if (chunk.len() as u64) < CHUNK {
                break;
            }
            at += CHUNK;
        }
    }
    None
}

/// A text after its length, which is a number in groups of seven bits.
fn text(source: &mut Source, at: &mut u64) -> Option<Vec<u8>> {
    let start = source.read(*at, 10)?;
    let mut length = 0_u64;
    let mut used = 0;
    for byte in start {
        length |= u64::from(byte & 0x7f).checked_shl(7 * used)?;
        used += 1;
        if byte & 0x80 == 0 {
            *at = at.checked_add(used.into())?;
            if length > MAX_TEXT {
                return None;
            }
            let text = source.read(*at, length)?;
            *at = at.checked_add(length)?;
            return (text.len() as u64 == length).then_some(text);
        }
    }
    None
}

/// A string of Go in memory, which is an address and a length, at an address.
fn string(source: &mut Source, pointer: u64, size: usize, flags: u8) -> Option<Vec<u8>> {
    let header = source.read_address(pointer, 2 * size as u64)?;
    let (address, length) = header.split_at_checked(size)?;
    let (address, length) = (number(address, flags)?, number(length, flags)?);
    if length > MAX_TEXT {
        return None;
    }
    source.read_address(address, length)
}

/// A number of four or eight bytes. The lowest bit of the flags says that the first byte is the
/// highest.
fn number(bytes: &[u8], flags: u8) -> Option<u64> {
    let is_big = flags & 1 != 0;
    Some(match *bytes {
        [a, b, c, d] if is_big => u32::from_be_bytes([a, b, c, d]).into(),
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]).into(),
        _ => {
            let bytes: [u8; 8] = bytes.try_into().ok()?;
            if is_big {
                u64::from_be_bytes(bytes)
            } else {
                u64::from_le_bytes(bytes)
            }
        }
    })
}

/// Reads the list of modules. Lines that are not understood are left out.
fn parse(modules: &[u8]) -> GoBuild {
    let mut build = GoBuild::default();
    let inner = modules.len().checked_sub(SENTINEL);
    let Some(inner) = inner.and_then(|end| modules.get(SENTINEL..end)) else {
        return build;
    };
    for line in String::from_utf8_lossy(inner).lines() {
        let Some((key, value)) = line.split_once('\t') else {
            continue;
        };
        match key {
            "path" if is_word(value) => build.path = Some(value.to_owned()),
            "mod" => build.main = module(value),
            "dep" => build
                .dependencies
                .extend(module(value).map(|required| GoDependency {
                    required,
                    replaced_by: None,
                })),
            "=>" => {
                let replacement = module(value);
                if let Some(last) = build.dependencies.last_mut() {
                    last.replaced_by = replacement;
                }
            }
            _ => {}
        }
    }
    build
}

fn module(line: &str) -> Option<GoModule> {
    let mut fields = line.split('\t');
    let path = fields.next().filter(|path| is_word(path))?;
    let mut next = || fields.next().filter(|field| is_word(field));
    Some(GoModule {
        path: path.to_owned(),
        // Go's word for a folder, which has no version.
        version: next()
            .filter(|version| *version != "(devel)")
            .map(str::to_owned),
        sum: next().map(str::to_owned),
    })
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}
