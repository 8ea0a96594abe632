//! A strict reader of tar streams: ustar, GNU long names and pax. It refuses everything that two
//! tar readers could interpret differently.

use std::collections::BTreeMap;

use tar::{EntryType, Header};

use super::names::{self, Node, escape_name};
use super::pipe::Pipe;
use super::unpacker::{Meta, Unpacker};
use super::{decode, refused};
use crate::error::Result;

const BLOCK: usize = 512;
/// Largest pax header, in bytes.
const MAX_PAX: u64 = 1 << 20;

/// Extension headers that describe the next entry.
#[derive(Default)]
struct Pending {
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    pax: Option<BTreeMap<String, Vec<u8>>>,
}

/// Reads a tar stream to its end.
pub(super) fn read(pipe: &mut Pipe<'_>, unpacker: &mut Unpacker<'_>) -> Result<()> {
    let mut pending = Pending::default();
    let mut first = true;
    let mut block = [0; BLOCK];
    loop {
        if !pipe.fill(&mut block)? {
            return Err(refused(if first {
                "it is empty"
            } else {
                "it ends early: the end mark is missing"
            }));
        }
        if block.iter().all(|b| *b == 0) {
            break;
        }
        let header = Header::from_byte_slice(&block);
        check_header(header, first)?;
        first = false;
        unpacker.count()?;
        let size = header
            .entry_size()
            .map_err(|e| refused("a header in it has an invalid size").cause(e))?;
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
    end(pipe)
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

fn check_header(header: &Header, first: bool) -> Result<()> {
    let bytes = header.as_bytes();
    let sum: u32 = bytes
        .iter()
        .enumerate()
        .map(|(i, b)| {
            if (148..156).contains(&i) {
                32
            } else {
                u32::from(*b)
            }
        })
        .sum();
    if header.cksum().ok() == Some(sum) {
        return Ok(());
    }
    Err(if first {
        refused(format!(
            "it is not a tar archive: {}",
            decode::begins(bytes)
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
fn pax(pipe: &mut Pipe<'_>, size: u64) -> Result<BTreeMap<String, Vec<u8>>> {
    let bytes = extension(pipe, size, MAX_PAX)?;
    parse_pax(&bytes).ok_or_else(|| refused("a pax header in it is malformed"))
}

fn parse_pax(mut bytes: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut records = BTreeMap::new();
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
        // If a key occurs twice, some readers use the first value and some the last.
        if key.is_empty() || records.insert(key, record[equals + 1..].to_vec()).is_some() {
            return None;
        }
        bytes = &bytes[length..];
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
    let name = match (long_name, pax.remove("path")) {
        (Some(_), Some(_)) => return Err(refused("an entry in it has two names")),
        (Some(name), None) | (None, Some(name)) => name,
        (None, None) => header_name(header)?,
    };
    let refuse = |why: &str| refused(format!("`{}`: {why}", escape_name(&name)));
    let link = match (long_link, pax.remove("linkpath")) {
        (Some(_), Some(_)) => return Err(refuse("it has two link targets")),
        (Some(link), None) | (None, Some(link)) => Some(link),
        (None, None) => None,
    };
    if let Some(stated) = pax.remove("size") {
        // Another size in the pax header is only needed for a size that a plain header can't
        // express, and such a size exceeds the budget.
        if std::str::from_utf8(&stated)
            .ok()
            .and_then(|text| text.parse().ok())
            != Some(size)
        {
            return Err(refuse(
                "its pax header and its header state different sizes",
            ));
        }
    }
    if let Some(key) = pax.keys().find(|key| changes_entries(key)) {
        let why = if key.starts_with("GNU.sparse") {
            "it is a sparse file"
        } else {
            "its name is in another character set"
        };
        return Err(refuse(why));
    }
    let mode = header.mode().map_err(|_| refuse("its mode is not valid"))?;
    let kind = match header.entry_type() {
        // Before POSIX, a folder was stored as a file whose name ends with a slash.
        EntryType::Regular if name.ends_with(b"/") => EntryType::Directory,
        kind => kind,
    };
    let path = names::clean(&name).map_err(|why| refuse(&why))?;
    if size > 0 && kind != EntryType::Regular {
        return Err(refuse("it has content but is not a regular file"));
    }
    let target = || link.clone().map_or_else(|| header_link(header), Ok);
    match kind {
        EntryType::Regular => {
            if link.is_some() {
                return Err(refuse("it has a link target but is a regular file"));
            }
            if mode & 0o6000 != 0 {
                return Err(refuse("it has setuid or setgid permissions"));
            }
            let mode = if mode & 0o111 != 0 {
                Meta::Executable
            } else {
                Meta::Plain
            };
            unpacker.file(&path, mode, size, pipe)?;
            pipe.skip(padding(size))
        }
        EntryType::Directory => unpacker.folder_or_link(&path, Node::Dir),
        EntryType::Symlink => {
            let target = target()?;
            let text = String::from_utf8(target)
                .map_err(|_| refuse("it is a link to a name that is not UTF-8"))?;
            unpacker.folder_or_link(&path, Node::Symlink(text))
        }
        EntryType::Link => {
            let target = target()?;
            let clean = names::clean(&target).map_err(|why| {
                refuse(&format!(
                    "it is a hard link to `{}`: {why}",
                    escape_name(&target)
                ))
            })?;
            unpacker.folder_or_link(&path, Node::Hardlink(clean))
        }
        EntryType::GNUSparse => Err(refuse("it is a sparse file")),
        EntryType::Char | EntryType::Block => Err(refuse("it is a device")),
        EntryType::Fifo => Err(refuse("it is a FIFO")),
        other => Err(refuse(&format!(
            "entries of type `{}` are not supported",
            other.as_byte().escape_ascii()
        ))),
    }
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
