//! A strict reader of tar streams: ustar, GNU long names, pax, and sparse files in the forms of GNU
//! tar, pax and bsdtar. It refuses what two tar readers could interpret differently, and skips
//! entries that can't be extracted.

use std::collections::BTreeMap;

use tar::{EntryType, Header};

use super::names::{self, Cleaned, Node, escape_name};
use super::pipe::Pipe;
use super::sparse::{Body, Map};
use super::unpacker::{Meta, Unpacker};
use super::{kind, refused};
use crate::error::Result;

const BLOCK: usize = 512;
/// Largest pax header, in bytes.
const MAX_PAX: u64 = 1 << 20;
const SPARSE_MAP: &str = "GNU.sparse.map";

/// Extension headers that describe the next entry.
#[derive(Default)]
struct Pending {
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    pax: Option<Records>,
}

/// The records of a pax header.
type Records = BTreeMap<String, Vec<u8>>;

/// Whether a file starts with a header of a tar, or with the zeros of an empty one.
pub(super) fn is_tar(start: &[u8]) -> bool {
    let Some(block) = start.first_chunk::<BLOCK>() else {
        return false;
    };
    let header = Header::from_byte_slice(block);
    header.cksum().ok() == Some(checksum(header)) || block.iter().all(|b| *b == 0)
}

/// Reads a tar stream to its end.
pub(super) fn read(pipe: &mut Pipe<'_>, unpacker: &mut Unpacker<'_>) -> Result<()> {
    let mut pending = Pending::default();
    let mut first = true;
    let mut block = [0; BLOCK];
    loop {
        if !pipe.fill(&mut block)? {
            if first {
                return Err(refused("it is empty"));
            }
            if unpacker.is_strict() {
                return Err(refused("it ends early: the end mark is missing"));
            }
            // Some programs write no end mark. An archive that was cut off is noticed by its size,
            // its digest or the end of its compression.
            return nothing_pending(pending);
        }
        if block.iter().all(|b| *b == 0) {
            break;
        }
        let header = Header::from_byte_slice(&block);
        check_header(header, first)?;
        first = false;
        unpacker.count()?;
        let size = match header.entry_type().as_byte() {
            // GNU tar leaves the size of a volume's label empty.
            b'V' => 0,
            _ => header
                .entry_size()
                .map_err(|e| refused("a header in it has an invalid size").cause(e))?,
        };
        match header.entry_type() {
            EntryType::GNULongName => {
                set_once(&mut pending.long_name, text(pipe, size)?, "long name")?;
            }
            EntryType::GNULongLink => {
                set_once(&mut pending.long_link, text(pipe, size)?, "long link")?;
            }
            EntryType::XHeader => {
                let records = pax(pipe, size)?;
                set_once(&mut pending.pax, records, "pax header")?;
            }
            EntryType::XGlobalHeader => {
                // `git archive` writes its commit here. A record that would rename or resize
                // entries is refused.
                let records = pax(pipe, size)?;
                if let Some(key) = records.keys().find(|key| changes_entries(key)) {
                    return Err(refused(format!(
                        "a global pax header sets `{}`",
                        escape_name(key.as_bytes())
                    )));
                }
            }
            _ => entry(header, size, std::mem::take(&mut pending), pipe, unpacker)?,
        }
    }
    nothing_pending(pending)?;
    end(pipe)
}

fn nothing_pending(pending: Pending) -> Result<()> {
    let Pending {
        long_name: None,
        long_link: None,
        pax: None,
    } = pending
    else {
        return Err(refused(
            "a header in it describes an entry that does not follow",
        ));
    };
    Ok(())
}

/// Reads the rest of the stream after the first zero block: it must contain only zeros.
fn end(pipe: &mut Pipe<'_>) -> Result<()> {
    loop {
        let bytes = pipe.peek()?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.iter().any(|b| *b != 0) {
            return Err(refused("there is data after its end mark"));
        }
        let n = bytes.len();
        pipe.consume(n);
    }
}

fn checksum(header: &Header) -> u32 {
    let bytes = header.as_bytes().iter().enumerate();
    bytes
        .map(|(i, b)| {
            if (148..156).contains(&i) {
                32
            } else {
                u32::from(*b)
            }
        })
        .sum()
}

fn check_header(header: &Header, first: bool) -> Result<()> {
    if header.cksum().ok() == Some(checksum(header)) {
        return Ok(());
    }
    Err(if first {
        refused(format!(
            "it is not a tar archive: {}",
            kind::begins(header.as_bytes())
        ))
    } else {
        refused("it is damaged: a header's checksum is wrong")
    })
}

fn set_once<T>(slot: &mut Option<T>, value: T, what: &str) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(refused(format!(
            "an entry in it has two headers of the same kind ({what})"
        ))),
    }
}

/// The content of an extension header.
fn extension(pipe: &mut Pipe<'_>, size: u64, limit: u64) -> Result<Vec<u8>> {
    let bytes = pipe.read_small(size, limit)?;
    pipe.skip(padding(size))?;
    Ok(bytes)
}

/// Reads a GNU long name: one text that ends with a NUL.
fn text(pipe: &mut Pipe<'_>, size: u64) -> Result<Vec<u8>> {
    let mut bytes = extension(pipe, size, names::MAX_PATH as u64 + 1)?;
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(bytes)
}

/// Reads pax records: `<length> <key>=<value>\n`. The length includes its own digits.
fn pax(pipe: &mut Pipe<'_>, size: u64) -> Result<Records> {
    let bytes = extension(pipe, size, MAX_PAX)?;
    parse_pax(&bytes).ok_or_else(|| refused("a pax header in it is malformed"))
}

fn parse_pax(mut bytes: &[u8]) -> Option<Records> {
    let mut records = Records::new();
    // Version 0.0 of sparse files has these two keys once for each part. They are joined to the one
    // key of version 0.1.
    let mut map = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().take(8).position(|b| *b == b' ')?;
        let digits = std::str::from_utf8(&bytes[..space]).ok()?;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let length: usize = digits.parse().ok()?;
        let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|b| *b == b'=')?;
        let key = String::from_utf8(record[..equals].to_vec()).ok()?;
        let value = &record[equals + 1..];
        bytes = &bytes[length..];
        if matches!(&*key, "GNU.sparse.offset" | "GNU.sparse.numbytes") {
            map.extend_from_slice(value);
            map.push(b',');
            continue;
        }
        // If a key occurs twice, some readers use the first value and some the last.
        if key.is_empty() || records.insert(key, value.to_vec()).is_some() {
            return None;
        }
    }
    if !map.is_empty() && records.insert(SPARSE_MAP.to_owned(), map).is_some() {
        return None;
    }
    Some(records)
}

fn changes_entries(key: &str) -> bool {
    matches!(key, "path" | "linkpath" | "size" | "hdrcharset" | "charset")
        || key.starts_with("GNU.sparse")
}

fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64) - size
}

fn entry(
    header: &Header,
    size: u64,
    pending: Pending,
    pipe: &mut Pipe<'_>,
    unpacker: &mut Unpacker<'_>,
) -> Result<()> {
    let Pending {
        long_name,
        long_link,
        pax,
    } = pending;
    let mut pax = pax.unwrap_or_default();
    let stated_name = match (long_name, pax.remove("path")) {
        (Some(_), Some(_)) => return Err(refused("an entry in it has two names")),
        (Some(name), None) | (None, Some(name)) => name,
        (None, None) => header_name(header)?,
    };
    // The name of a sparse file; the one in the header names a folder that does not exist.
    let name = pax.remove("GNU.sparse.name").unwrap_or(stated_name);
    let refuse = |why: &str| refused(format!("`{}`: {why}", escape_name(&name)));
    let link = match (long_link, pax.remove("linkpath")) {
        (Some(_), Some(_)) => return Err(refuse("it has two link targets")),
        (Some(link), None) | (None, Some(link)) => Some(link),
        (None, None) => None,
    };
    if let Some(stated) = pax.remove("size") {
        // Another size in the pax header is only needed for a size that a plain header can't
        // express, and such a size exceeds the budget.
        if number(&stated) != Some(size) {
            return Err(refuse(
                "its pax header and its header state different sizes",
            ));
        }
    }
    let mut clean = names::clean(&name).map_err(|why| refuse(&why))?;
    // bsdtar says so for names that are not UTF-8.
    if pax.remove("hdrcharset").is_some() | pax.remove("charset").is_some() {
        clean.odd = Some("its name is in another character set".to_owned());
    }
    let kind = match header.entry_type() {
        // Before POSIX, a folder was stored as a file whose name ends with a slash.
        EntryType::Regular if name.ends_with(b"/") => EntryType::Directory,
        // A file whose blocks are contiguous on its disk.
        EntryType::Continuous => EntryType::Regular,
        kind => kind,
    };
    match kind {
        EntryType::Regular | EntryType::GNUSparse => {
            if link.is_some() {
                return Err(refuse("it has a link target but is a regular file"));
            }
            let mode = header.mode().map_err(|_| refuse("its mode is not valid"))?;
            if mode & 0o6000 != 0 {
                unpacker.note(
                    &clean.path,
                    "it has setuid or setgid permissions, which are dropped",
                )?;
            }
            let meta = if mode & 0o111 != 0 {
                Meta::Executable
            } else {
                Meta::Plain
            };
            let body = body(header, size, &pax, kind, pipe)?;
            if body != Body::Whole(size) && unpacker.is_strict() {
                return Err(refuse("it is a sparse file"));
            }
            unpacker.file(&clean, meta, &body, pipe)?;
            pipe.skip(padding(size))
        }
        EntryType::Directory | EntryType::Symlink | EntryType::Link if size > 0 => {
            // Some readers skip such a content, and some read it as the next header.
            Err(refuse("it has content but is not a regular file"))
        }
        EntryType::Directory => unpacker.folder_or_link(&clean, &Node::Dir),
        EntryType::Symlink | EntryType::Link => {
            let target = link.map_or_else(|| header_link(header), Ok)?;
            let Ok(target) = String::from_utf8(target) else {
                return unpacker.skip(&clean.path, "it is a link to a name that is not UTF-8");
            };
            unpacker.folder_or_link(&clean, &node(kind, target))
        }
        // These two are written by old programs and describe the names of other entries.
        other if matches!(other.as_byte(), b'X' | b'N') => Err(refuse(&format!(
            "entries of type `{}` are not supported",
            other.as_byte().escape_ascii()
        ))),
        other => {
            let why = match other {
                EntryType::Char | EntryType::Block => "it is a device".to_owned(),
                EntryType::Fifo => "it is a FIFO".to_owned(),
                other => format!(
                    "entries of type `{}` are not supported",
                    other.as_byte().escape_ascii()
                ),
            };
            unpacker.skip(&clean.path, &why)?;
            pipe.skip(size)?;
            pipe.skip(padding(size))
        }
    }
}

fn node(kind: EntryType, target: String) -> Node {
    if kind == EntryType::Symlink {
        return Node::Symlink(target);
    }
    Node::Hardlink(match names::clean(target.as_bytes()) {
        Ok(Cleaned { path, odd: None }) => path,
        // It is noted as odd, and can't be followed.
        _ => target,
    })
}

/// What the archive contains of a file. Reads the map of a sparse file where it precedes the
/// content.
fn body(
    header: &Header,
    size: u64,
    pax: &Records,
    kind: EntryType,
    pipe: &mut Pipe<'_>,
) -> Result<Body> {
    let wrong = || refused("the map of a sparse file in it is wrong");
    let get = |key: &str| pax.get(&format!("GNU.sparse.{key}"));
    let map = if kind == EntryType::GNUSparse {
        old_gnu_map(header, pipe)?.of_stored(size)?
    } else if let Some(major) = get("major") {
        let minor = get("minor").map(Vec::as_slice);
        let real = get("realsize").and_then(|text| number(text));
        match (&major[..], minor, real) {
            (b"1", Some(b"0"), Some(real)) => {
                let (map, taken) = Map::of_content(pipe, real, size)?;
                map.of_stored(size - taken)?
            }
            _ => return Err(wrong()),
        }
    } else if let Some(text) = pax.get(SPARSE_MAP) {
        let real = get("size")
            .and_then(|text| number(text))
            .ok_or_else(wrong)?;
        Map::of_pax(text, real)?.of_stored(size)?
    } else if pax.keys().any(|key| key.starts_with("GNU.sparse")) {
        return Err(wrong());
    } else {
        return Ok(Body::Whole(size));
    };
    Ok(Body::Sparse(map))
}

/// The map of a sparse file as GNU tar wrote it before pax: four parts in the header, and 21 in each
/// block that follows it.
fn old_gnu_map(header: &Header, pipe: &mut Pipe<'_>) -> Result<Map> {
    let wrong = || refused("the map of a sparse file in it is wrong");
    let gnu = header.as_gnu().ok_or_else(wrong)?;
    let mut parts = Vec::new();
    let mut add = |part: &tar::GnuSparseHeader| -> Result<()> {
        if !part.is_empty() {
            let (Ok(at), Ok(length)) = (part.offset(), part.length()) else {
                return Err(wrong());
            };
            parts.push((at, length));
        }
        Ok(())
    };
    gnu.sparse.iter().try_for_each(&mut add)?;
    let mut more = gnu.is_extended();
    let mut blocks = 0;
    while more {
        blocks += 1;
        if blocks > MAX_PAX / BLOCK as u64 {
            return Err(wrong());
        }
        let mut extended = tar::GnuExtSparseHeader::new();
        if !pipe.fill(extended.as_mut_bytes())? {
            return Err(refused("it ends early"));
        }
        extended.sparse.iter().try_for_each(&mut add)?;
        more = extended.is_extended();
    }
    Map::new(&parts, gnu.real_size().map_err(|_| wrong())?)
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The name in the header itself, including the ustar prefix.
fn header_name(header: &Header) -> Result<Vec<u8>> {
    let old = header.as_old();
    let name = field(&old.name)?;
    match header.as_ustar() {
        Some(ustar) => {
            let mut prefix = field(&ustar.prefix)?;
            if prefix.is_empty() {
                return Ok(name);
            }
            prefix.push(b'/');
            prefix.extend_from_slice(&name);
            Ok(prefix)
        }
        None => Ok(name),
    }
}

fn header_link(header: &Header) -> Result<Vec<u8>> {
    field(&header.as_old().linkname)
}

/// A text field: the bytes up to the first NUL. Other bytes after the NUL are refused, because some
/// readers would use them and others would not.
fn field(bytes: &[u8]) -> Result<Vec<u8>> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    if bytes[end..].iter().any(|b| *b != 0) {
        return Err(refused(format!(
            "`{}`: its name contains a NUL",
            escape_name(&bytes[..end])
        )));
    }
    Ok(bytes[..end].to_vec())
}
