//! The binary form of an RPM package's headers.

use larder_core::error::Result;
use larder_core::model::Digest;

use super::{Payload, too_large};

/// The type of a header's region, and of the tags for it.
const BINARY: u32 = 7;
/// The tag of the region that digests of a package cover.
pub(super) const IMMUTABLE: u32 = 63;
/// The tag of the region of a signature header.
const SIGNATURES: u32 = 62;

/// The value of a tag.
pub(super) enum Value {
    /// 16-bit numbers.
    Short(Vec<u16>),
    /// 32-bit numbers.
    Number(Vec<u32>),
    /// One text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// A text that could have translations.
    Translated(String),
}

impl Value {
    /// Its type, the number of its items and their alignment.
    fn form(&self) -> (u32, usize, usize) {
        match self {
            Self::Short(items) => (3, items.len(), 2),
            Self::Number(items) => (4, items.len(), 4),
            Self::Text(_) => (6, 1, 1),
            Self::Texts(items) => (8, items.len(), 1),
            Self::Translated(_) => (9, 1, 1),
        }
    }

    fn write(&self, store: &mut Vec<u8>) {
        match self {
            Self::Short(items) => items
                .iter()
                .for_each(|item| store.extend(item.to_be_bytes())),
            Self::Number(items) => items
                .iter()
                .for_each(|item| store.extend(item.to_be_bytes())),
            Self::Text(text) | Self::Translated(text) => push_text(text, store),
            Self::Texts(items) => items.iter().for_each(|item| push_text(item, store)),
        }
    }
}

fn push_text(text: &str, store: &mut Vec<u8>) {
    // A text ends at its first zero.
    store.extend(text.bytes().filter(|byte| *byte != 0));
    store.push(0);
}

/// A header: an index of tags, then their values. Its first tag is a region that has all others.
pub(super) fn encode(region: u32, mut tags: Vec<(u32, Value)>) -> Result<Vec<u8>> {
    tags.sort_by_key(|(tag, _)| *tag);
    let mut index = Vec::new();
    let mut store = Vec::new();
    for (tag, value) in &tags {
        let (kind, count, alignment) = value.form();
        store.resize(store.len().next_multiple_of(alignment), 0);
        push_entry(&mut index, *tag, kind, store.len(), count)?;
        value.write(&mut store);
    }
    let entries = tags.len() + 1;
    let mut first = Vec::new();
    push_entry(&mut first, region, BINARY, store.len(), 16)?;
    // The region ends in an entry that says where it starts, as a negative offset.
    let back = u32::try_from(16 * entries).map_err(|_| too_large())?;
    for number in [region, BINARY, back.wrapping_neg(), 16] {
        store.extend(number.to_be_bytes());
    }

    let mut header = b"\x8e\xad\xe8\x01\0\0\0\0".to_vec();
    for number in [entries, store.len()] {
        header.extend(
            u32::try_from(number)
                .map_err(|_| too_large())?
                .to_be_bytes(),
        );
    }
    for part in [first, index, store] {
        header.extend(part);
    }
    Ok(header)
}

fn push_entry(index: &mut Vec<u8>, tag: u32, kind: u32, offset: usize, count: usize) -> Result<()> {
    let offset = u32::try_from(offset).map_err(|_| too_large())?;
    let count = u32::try_from(count).map_err(|_| too_large())?;
    for number in [tag, kind, offset, count] {
        index.extend(number.to_be_bytes());
    }
    Ok(())
}

/// The lead, of which programs today only read that it is there.
pub(super) fn lead(name: &str) -> Vec<u8> {
    let mut lead = b"\xed\xab\xee\xdb\x03\0\0\0\0\x01".to_vec();
    let mut end = name.len().min(65);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    lead.extend(&name.as_bytes()[..end]);
    lead.resize(76, 0);
    // Linux; a signature in the form of a header.
    lead.extend([0, 1, 0, 5]);
    lead.resize(96, 0);
    lead
}

/// The header with what verifies the main header and the cpio. The digest of the cpio is in the
/// main header, so that a digest of that one covers everything.
pub(super) fn signature(header: &[u8], payload: Payload) -> Result<Vec<u8>> {
    const SHA256: u32 = 273;
    const SIZE: u32 = 1000;
    const PLAIN_SIZE: u32 = 1007;
    let number = |size: u64| {
        let size = u32::try_from(size).map_err(|_| too_large())?;
        Ok::<_, larder_core::error::Error>(Value::Number(vec![size]))
    };
    let mut signature = encode(
        SIGNATURES,
        vec![
            (SHA256, Value::Text(Digest::of(header).to_string())),
            (SIZE, number(header.len() as u64 + payload.compressed_size)?),
            (PLAIN_SIZE, number(payload.plain_size)?),
        ],
    )?;
    signature.resize(signature.len().next_multiple_of(8), 0);
    Ok(signature)
}
