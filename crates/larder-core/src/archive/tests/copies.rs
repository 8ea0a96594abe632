//! Second copies of what is unpacked.

use super::*;

const LARGE: usize = 3 << 20;

fn unpack_to(
    place: &Place,
    bytes: &[u8],
    select: &Select<'_>,
    copies: &Utf8Path,
) -> Result<Extracted> {
    let destination = Destination {
        folder: &place.out,
        copies: Some(copies),
        durable: true,
    };
    unpack(
        ReadAs::Exactly(ArchiveKind::Tar(Compression::Gz)),
        None,
        bytes,
        select,
        destination,
        &Budget::default(),
        None,
        &Cancel::new(),
    )
}

fn entry<'a>(name: &'a str, content: &'a [u8]) -> PackEntry<'a> {
    PackEntry {
        name,
        mode: 0o755,
        size: content.len() as u64,
        content: Content::Bytes(content),
    }
}

fn archive(large: &[u8]) -> Vec<u8> {
    let entries = [
        entry("large", large),
        entry("other", &large[1..]),
        entry("small", b"x"),
    ];
    packed(PackageFormat::TarGz, &entries, 2)
}

fn large() -> Vec<u8> {
    (0..LARGE).map(|i| (i * i / 977).to_le_bytes()[0]).collect()
}

#[test]
fn a_large_file_has_a_copy_named_by_its_digest() {
    let (place, large) = (Place::new(), large());
    let copies = place.root.join("copies");
    crate::fs::create_dir_all(&copies).unwrap();
    let files = unpack_to(&place, &archive(&large), &Select::Flat, &copies)
        .unwrap()
        .files;
    let mut expected = Vec::new();
    for file in files.iter().filter(|file| file.name != "small") {
        let copy = std::fs::read(copies.join(file.sha256.to_string())).unwrap();
        assert_eq!(copy, std::fs::read(&file.path).unwrap());
        assert_eq!(Digest::of(&copy), file.sha256);
        expected.push(file.sha256.to_string());
    }
    expected.sort();
    assert_eq!(expected.len(), 2);
    assert_eq!(crate::fs::list(&copies).unwrap(), expected);
    assert_eq!(place.left(), ["large", "other", "small"]);
}

/// A copy is not worth an error: it is made from the file later.
#[test]
fn where_copies_cannot_be_written_the_files_are_unpacked_all_the_same() {
    let (place, large) = (Place::new(), large());
    let missing = place.root.join("missing");
    let unpacked = unpack_to(&place, &archive(&large), &Select::Flat, &missing).unwrap();
    assert_eq!(unpacked.files.len(), 3);
}

#[test]
fn a_refused_archive_leaves_nothing_in_its_folder_and_no_copy_under_a_digest() {
    let (place, large) = (Place::new(), large());
    let copies = place.root.join("copies");
    crate::fs::create_dir_all(&copies).unwrap();
    let bytes = archive(&large);
    assert!(unpack_to(&place, &bytes[..bytes.len() / 3], &Select::Flat, &copies).is_err());
    assert!(place.left().is_empty());
    for name in crate::fs::list(&copies).unwrap() {
        assert!(name.len() < 64, "{name}");
    }
}
