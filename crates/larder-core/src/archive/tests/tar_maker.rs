//! Makes tars by hand, header by header, and unpacks them.

use tar::{EntryType, Header};

use super::*;
use crate::Kind;

pub(super) const TAR: ArchiveKind = ArchiveKind::Tar(Compression::Plain);

pub(super) fn header(name: &str, kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    header
}

pub(super) fn with_data(header: &Header, data: &[u8]) -> Vec<u8> {
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(super) fn file(name: &str, data: &[u8]) -> Vec<u8> {
    with_data(
        &header(name, EntryType::Regular, 0o755, data.len() as u64),
        data,
    )
}

pub(super) fn bare_entry(name: &str, kind: EntryType) -> Vec<u8> {
    header(name, kind, 0o644, 0).as_bytes().to_vec()
}

pub(super) fn link(name: &str, kind: EntryType, target: &str) -> Vec<u8> {
    let mut header = header(name, kind, 0o777, 0);
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_cksum();
    header.as_bytes().to_vec()
}

pub(super) fn symlink(name: &str, target: &str) -> Vec<u8> {
    link(name, EntryType::Symlink, target)
}

pub(super) fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let text: String = records
        .iter()
        .map(|(key, value)| super::super::pack::pax_record(key, value))
        .collect();
    with_data(
        &header("pax", EntryType::XHeader, 0o644, text.len() as u64),
        text.as_bytes(),
    )
}

pub(super) fn extension(kind: u8, data: &[u8]) -> Vec<u8> {
    with_data(
        &header(
            "././@LongLink",
            EntryType::new(kind),
            0o644,
            data.len() as u64,
        ),
        data,
    )
}

/// A tar with these parts, then a file `good`, which the tests select, and the end mark.
pub(super) fn tar(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), file("good", b"good"), vec![0; 1024]].concat()
}

pub(super) fn good() -> [(String, FileName); 1] {
    [("good".to_owned(), "good".parse().unwrap())]
}

/// Unpacks `good` and checks which files are left. Returns the names of the files, or the message
/// if the archive is refused.
pub(super) fn try_good(kind: ArchiveKind, bytes: &[u8]) -> Result<Vec<String>, String> {
    let place = Place::new();
    let result = place.unpack(kind, bytes, &Select::Globs(&good()));
    assert_eq!(
        crate::fs::list(&place.root).unwrap(),
        ["out"],
        "something is outside of the folder"
    );
    match result {
        Ok(files) => {
            assert_eq!(place.left(), ["good"]);
            assert_eq!(crate::fs::read(place.out.join("good")).unwrap(), b"good");
            Ok(files.into_iter().map(|file| file.name).collect())
        }
        Err(error) => {
            assert_eq!(
                place.left(),
                Vec::<String>::new(),
                "something stayed after {error}"
            );
            assert_eq!(error.kind(), Kind::Integrity, "{error}");
            Err(error
                .message()
                .trim_start_matches("the archive is refused: ")
                .to_owned())
        }
    }
}

pub(super) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}
