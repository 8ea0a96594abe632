//! Reads the header of an RPM package that larder renders.

use std::collections::BTreeMap;
use std::io::Read as _;

use larder_core::error::Result;
use larder_core::fs::{self, IoContext};

use crate::package_index::PackageFile;

/// The tag of the time at which a package was made.
pub(super) const BUILD_TIME: u32 = 1006;
/// The tag of the size of the cpio, in the header with signatures. The main header has something else
/// under this number.
const PAYLOAD_SIZE: u32 = 1007;
/// The bytes before the first header.
const LEAD: usize = 96;
/// More bytes than the headers of most packages have.
const USUAL: u64 = 1 << 20;
/// More bytes than those of any have.
const LARGEST: u64 = 64 << 20;

/// The headers of a package.
pub(super) struct Header {
    tags: BTreeMap<u32, Value>,
    signatures: BTreeMap<u32, Value>,
    /// Where the main header starts in the file, and where it ends.
    pub(super) range: (usize, usize),
}

/// The values of a tag that are needed.
enum Value {
    Numbers(Vec<u32>),
    Texts(Vec<String>),
}

impl Header {
    pub(super) fn read(package: &PackageFile) -> Result<Self> {
        let mut bytes = Vec::new();
        for most in [USUAL, LARGEST] {
            bytes.clear();
            let file = fs::open(&package.path)?;
            file.take(most)
                .read_to_end(&mut bytes)
                .at("read", &package.path)?;
            if let Some(header) = Self::parse(&bytes) {
                return Ok(header);
            }
        }
        Err(package.damaged("it does not have the form of an RPM package"))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (signatures, end) = tags(bytes, LEAD)?;
        let start = end.next_multiple_of(8);
        let (tags, end) = tags(bytes, start)?;
        Some(Self {
            tags,
            signatures,
            range: (start, end),
        })
    }

    /// The first text of a tag, which may be empty.
    pub(super) fn text(&self, tag: u32) -> &str {
        self.texts(tag).first().map_or("", String::as_str)
    }

    /// All texts of a tag.
    pub(super) fn texts(&self, tag: u32) -> &[String] {
        match self.tags.get(&tag) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// The first number of a tag.
    pub(super) fn number(&self, tag: u32) -> u32 {
        self.numbers(tag).first().copied().unwrap_or_default()
    }

    /// All numbers of a tag.
    pub(super) fn numbers(&self, tag: u32) -> &[u32] {
        match self.tags.get(&tag) {
            Some(Value::Numbers(numbers)) => numbers,
            _ => &[],
        }
    }

    /// The size of the cpio.
    pub(super) fn payload_size(&self) -> u32 {
        match self.signatures.get(&PAYLOAD_SIZE) {
            Some(Value::Numbers(numbers)) => numbers.first().copied().unwrap_or_default(),
            _ => 0,
        }
    }

    /// The paths of the files, and whether each is a folder.
    pub(super) fn files(&self) -> Vec<(String, bool)> {
        let (folders, of) = (self.texts(1118), self.numbers(1116));
        let modes = self.numbers(1030).iter();
        let names = self.texts(1117).iter().zip(of).zip(modes);
        names
            .map(|((name, folder), mode)| {
                let folder = usize::try_from(*folder).ok().and_then(|n| folders.get(n));
                let path = format!("{}{name}", folder.map_or("", String::as_str));
                (path, mode & 0o170_000 == 0o040_000)
            })
            .collect()
    }
}

/// The tags of a header that starts here, and where it ends.
fn tags(bytes: &[u8], start: usize) -> Option<(BTreeMap<u32, Value>, usize)> {
    let header = bytes.get(start..)?;
    if header.get(..3)? != b"\x8e\xad\xe8" {
        return None;
    }
    let (entries, size) = (number(header, 8)?, number(header, 12)?);
    let data = 16 + entries.checked_mul(16)?;
    let end = data.checked_add(size)?;
    let store = header.get(data..end)?;
    let mut tags = BTreeMap::new();
    for entry in header.get(16..data)?.chunks_exact(16) {
        let [tag, kind, offset, count] = [0, 4, 8, 12].map(|at| number(entry, at).unwrap_or(0));
        let at = store.get(offset..)?;
        let value = match kind {
            3 => Value::Numbers(numbers::<2>(at, count)?),
            4 => Value::Numbers(numbers::<4>(at, count)?),
            6 | 8 | 9 => {
                let mut texts = at.split(|byte| *byte == 0);
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                Value::Texts(texts.by_ref().take(count).map(text).collect())
            }
            _ => continue,
        };
        tags.insert(u32::try_from(tag).ok()?, value);
    }
    Some((tags, start + end))
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

/// Numbers of `N` bytes.
fn numbers<const N: usize>(bytes: &[u8], count: usize) -> Option<Vec<u32>> {
    let bytes = bytes.get(..count.checked_mul(N)?)?;
    let value = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
    };
    Some(bytes.chunks_exact(N).map(value).collect())
}
