//! Makes zips by hand, field by field.

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    /// The name in the local header, if it differs.
    pub(super) local_name: Option<Vec<u8>>,
    pub(super) made_by: u16,
    pub(super) flags: u16,
    pub(super) local_flags: Option<u16>,
    pub(super) method: u16,
    pub(super) mode: u32,
    pub(super) crc: u32,
    pub(super) size: u32,
    pub(super) local_size: Option<u32>,
    pub(super) data: Vec<u8>,
    /// Bytes after the data.
    pub(super) after: Vec<u8>,
    pub(super) extra: Vec<u8>,
    pub(super) offset: Option<u32>,
}

pub(super) fn crc(data: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    crc.sum()
}

pub(super) fn stored(name: &str, mode: u32, data: &[u8]) -> Entry {
    Entry {
        name: name.as_bytes().to_vec(),
        local_name: None,
        made_by: 3 << 8,
        flags: 0,
        local_flags: None,
        method: 0,
        mode,
        crc: crc(data),
        size: u32::try_from(data.len()).unwrap(),
        local_size: None,
        data: data.to_vec(),
        after: Vec::new(),
        extra: Vec::new(),
        offset: None,
    }
}

pub(super) fn file(name: &str) -> Entry {
    stored(name, 0o100_644, b"data")
}

pub(super) fn deflated(name: &str, data: &[u8]) -> Entry {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, data).unwrap();
    Entry {
        method: 8,
        data: encoder.finish().unwrap(),
        ..stored(name, 0o100_644, data)
    }
}

pub(super) fn le(numbers: &[(usize, u64)]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|(width, n)| n.to_le_bytes()[..*width].to_vec())
        .collect()
}

/// The entries and a file `good`, with a directory and an end record.
pub(super) fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    let all = [entries, &[stored("good", 0o100_755, b"good")]].concat();
    for entry in &all {
        let Entry {
            name,
            local_name,
            made_by,
            flags,
            local_flags,
            method,
            mode,
            crc,
            size,
            local_size,
            data,
            after,
            extra,
            offset,
        } = entry.clone();
        let at = offset.map_or(bytes.len() as u64, u64::from);
        let local_name = local_name.unwrap_or_else(|| name.clone());
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend(le(&[
            (2, 20),
            (2, local_flags.unwrap_or(flags).into()),
            (2, method.into()),
            (4, 0),
            (4, crc.into()),
        ]));
        bytes.extend(le(&[
            (4, data.len() as u64),
            (4, local_size.unwrap_or(size).into()),
        ]));
        bytes.extend(le(&[(2, local_name.len() as u64), (2, 0)]));
        bytes.extend(local_name);
        directory.extend_from_slice(b"PK\x01\x02");
        directory.extend(le(&[
            (2, made_by.into()),
            (2, 20),
            (2, flags.into()),
            (2, method.into()),
            (4, 0),
            (4, crc.into()),
        ]));
        directory.extend(le(&[
            (4, data.len() as u64),
            (4, size.into()),
            (2, name.len() as u64),
            (2, extra.len() as u64),
        ]));
        directory.extend(le(&[
            (2, 0),
            (2, 0),
            (2, 0),
            (4, u64::from(mode) << 16),
            (4, at),
        ]));
        directory.extend(name);
        directory.extend(extra);
        bytes.extend(data);
        bytes.extend(after);
    }
    let at = bytes.len() as u64;
    bytes.extend_from_slice(&directory);
    bytes.extend(end(all.len() as u64, directory.len() as u64, at));
    bytes
}

pub(super) fn end(count: u64, size: u64, at: u64) -> Vec<u8> {
    [
        b"PK\x05\x06".to_vec(),
        le(&[(4, 0), (2, count), (2, count), (4, size), (4, at), (2, 0)]),
    ]
    .concat()
}
