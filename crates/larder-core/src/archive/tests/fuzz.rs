//! Mutated archives must never cause a panic, a file outside of the folder, or files that stay
//! after an error.

use proptest::prelude::*;

use super::*;

/// Archives of all kinds with links, folders and long names in them, made once.
fn seeds() -> &'static [(ArchiveKind, Vec<u8>)] {
    static SEEDS: std::sync::OnceLock<Vec<(ArchiveKind, Vec<u8>)>> = std::sync::OnceLock::new();
    SEEDS.get_or_init(|| {
        let place = Place::new();
        sh(
            "mkdir -p d/e; printf 0123456789 >d/tool; chmod 755 d/tool; ln -s ../tool d/e/l; ln d/tool d/e/h; printf x >d/$(printf %0120d 1)
             tar cf a.tar d; tar --format=posix -cf b.tar d; (zip -qry a.zip d; zip -qr - d >b.zip </dev/null
             tar --format=gnu -S -cf s.tar d; truncate -s 64K d/hole; tar --format=gnu -S -cf g.tar d; tar --format=posix -S --sparse-version=1.0 -cf p.tar d
             mkdir -p p/DEBIAN; cp -r d p; printf 'Package: t\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: x\n' >p/DEBIAN/control; dpkg-deb -Znone -b p a.deb
             xz --format=lzma -c <a.tar >a.tar.lzma
             for c in gzip xz zstd bzip2 lz4; do $c -c <a.tar >a.tar.$c; done) >/dev/null 2>&1 || true",
            &place.root,
        );
        let tar = ArchiveKind::Tar;
        [
            ("a.tar", tar(Compression::Plain)),
            ("b.tar", tar(Compression::Plain)),
            ("a.zip", ArchiveKind::Zip),
            ("b.zip", ArchiveKind::Zip),
            ("a.tar.gzip", tar(Compression::Gz)),
            ("a.tar.xz", tar(Compression::Xz)),
            ("a.tar.zstd", tar(Compression::Zst)),
            ("a.tar.bzip2", tar(Compression::Bz2)),
            ("a.tar.lz4", tar(Compression::Lz4)),
            ("a.tar.lzma", tar(Compression::Lzma)),
            ("g.tar", tar(Compression::Plain)),
            ("p.tar", tar(Compression::Plain)),
            ("a.deb", ArchiveKind::Deb),
        ]
        .into_iter()
        .filter_map(|(name, kind)| Some((kind, crate::fs::read_opt(place.root.join(name)).unwrap()?)))
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect()
    })
}

/// Corrects the checksums of tar headers, so that mutations test more than the checksum.
fn repair(bytes: &mut [u8]) {
    for block in bytes
        .chunks_exact_mut(512)
        .filter(|b| b[257..262] == *b"ustar")
    {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        header.set_cksum();
        block.copy_from_slice(header.as_bytes());
    }
}

/// Corrects the checksums of the headers of a 7z archive, so that mutations test more than the
/// checksums.
fn repair_seven(bytes: &mut [u8]) {
    let Some((head, rest)) = bytes.split_at_mut_checked(32) else {
        return;
    };
    let number = |bytes: &[u8]| {
        let number = bytes
            .iter()
            .rev()
            .fold(0_u64, |n, b| n << 8 | u64::from(*b));
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let (at, size) = (number(&head[12..20]), number(&head[20..28]));
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    if let Some(header) = rest.get(at..at.saturating_add(size)) {
        head[28..32].copy_from_slice(&crc(header));
    }
    let start = crc(&head[12..32]);
    head[8..12].copy_from_slice(&start);
}

const FORMATS_OF_RECIPES: [FileFormat; 6] = [
    FileFormat::Auto,
    FileFormat::Tar,
    FileFormat::Zip,
    FileFormat::SevenZip,
    FileFormat::Deb,
    FileFormat::Plain,
];

#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Cut(usize),
    Insert(usize, Vec<u8>),
    Copy(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (any::<usize>(), prop::sample::select(&b"/.\\\0:0127L"[..])).prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => any::<usize>().prop_map(Change::Cut),
        1 => (any::<usize>(), prop::collection::vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (any::<usize>(), any::<usize>(), 1_usize..600).prop_map(|(from, to, n)| Change::Copy(from, to, n)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: Change) {
    let length = bytes.len().max(1);
    match change {
        Change::Set(at, byte) => {
            if let Some(b) = bytes.get_mut(at % length) {
                *b = byte;
            }
        }
        Change::Cut(at) => bytes.truncate(at % length),
        Change::Insert(at, more) => {
            let at = (at % length).min(bytes.len());
            bytes.splice(at..at, more);
        }
        Change::Copy(from, to, n) => {
            let from = (from % length).min(bytes.len());
            let piece = bytes[from..(from + n).min(bytes.len())].to_vec();
            let to = (to % length).min(bytes.len());
            bytes.splice(to..(to + piece.len()).min(bytes.len()), piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    #[cfg_attr(not(unix), ignore = "it needs a POSIX shell and its programs")]
    fn mutated_archives_write_nothing_outside_their_folder(seed in 0_usize..13, changes in prop::collection::vec(change(), 1..6), fix: bool) {
        let (kind, mut bytes) = seeds()[seed % seeds().len()].clone();
        for change in changes {
            apply(&mut bytes, change);
        }
        if fix && kind == ArchiveKind::Tar(Compression::Plain) {
            repair(&mut bytes);
        }
        let place = Place::new();
        let wanted = [("d/too?".to_owned(), "tool".parse().unwrap()), ("d/00*".to_owned(), "long".parse().unwrap())];
        let budget = Budget { unpacked: 1 << 20, ..Budget::default() };
        let result = unpack_into(&place.out, kind, &bytes, &Select::Globs(&wanted), &budget);
        prop_assert_eq!(crate::fs::list(&place.root).unwrap(), ["out"]);
        let expected: &[&str] = if result.is_ok() { &["long", "tool"] } else { &[] };
        prop_assert_eq!(place.left(), expected);
    }

    #[test]
    #[cfg_attr(not(unix), ignore = "it needs a POSIX shell and its programs")]
    fn mutated_files_of_any_name_and_format_write_nothing_outside_their_folder(
        seed in 0_usize..17,
        changes in prop::collection::vec(change(), 0..4),
        format in prop::sample::select(&FORMATS_OF_RECIPES[..]),
        name in prop::sample::select(&["x", "x.tar.gz", "x.zip", "x.7z", "x.deb"][..]),
    ) {
        let seven: [&[u8]; 4] = [
            include_bytes!("data/a.7z"),
            include_bytes!("data/lzma.7z"),
            include_bytes!("data/bzip2.7z"),
            include_bytes!("data/odd.7z"),
        ];
        let all = seeds();
        let mut bytes = match seed.checked_sub(13) {
            Some(n) => seven[n].to_vec(),
            None => all[seed % all.len()].1.clone(),
        };
        for change in changes {
            apply(&mut bytes, change);
        }
        let place = Place::new();
        let tool: FileName = "tool".parse().unwrap();
        let result = unpack(
            ReadAs::File { format, name },
            Some(&tool),
            &bytes[..],
            &Select::Programs { globs: &[], names: std::slice::from_ref(&tool), platform: Platform::host() },
            &place.out,
            &Budget { unpacked: 1 << 20, ..Budget::default() },
            None,
            &Cancel::new(),
        );
        prop_assert_eq!(crate::fs::list(&place.root).unwrap(), ["out"]);
        let expected: &[&str] = if result.is_ok() { &["tool"] } else { &[] };
        prop_assert_eq!(place.left(), expected);
    }

    #[test]
    fn mutated_seven_zip_archives_write_nothing_outside_their_folder(
        seed in 0_usize..5,
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let seeds: [&[u8]; 5] = [
            include_bytes!("data/a.7z"),
            include_bytes!("data/lzma.7z"),
            include_bytes!("data/bzip2.7z"),
            include_bytes!("data/copy.7z"),
            include_bytes!("data/through.7z"),
        ];
        let mut bytes = seeds[seed].to_vec();
        for change in changes {
            apply(&mut bytes, change);
        }
        repair_seven(&mut bytes);
        let place = Place::new();
        let wanted = [("d/too?".to_owned(), "tool".parse().unwrap())];
        let budget = Budget { unpacked: 1 << 20, ..Budget::default() };
        let result = unpack_into(&place.out, ArchiveKind::SevenZip, &bytes, &Select::Globs(&wanted), &budget);
        prop_assert_eq!(crate::fs::list(&place.root).unwrap(), ["out"]);
        let expected: &[&str] = if result.is_ok() { &["tool"] } else { &[] };
        prop_assert_eq!(place.left(), expected);
    }

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000), zip: bool) {
        let kind = if zip { ArchiveKind::Zip } else { ArchiveKind::Tar(Compression::Plain) };
        let bytes = if zip { [&b"PK\x03\x04"[..], &bytes].concat() } else { bytes };
        let place = Place::new();
        prop_assert!(place.unpack(kind, &bytes, &Select::Flat).is_err());
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn random_files_survive_packing_and_unpacking(
        files in prop::collection::btree_map("[a-zA-Z0-9][a-z0-9_+@-]{0,110}", (prop::collection::vec(any::<u8>(), 0..3000), any::<bool>()), 0..6),
    ) {
        let mut folded: Vec<_> = files.keys().map(|name| name.to_lowercase()).collect();
        folded.sort();
        folded.dedup();
        prop_assume!(folded.len() == files.len());
        let mode = |x: bool| if x { 0o755 } else { 0o644 };
        let entries: Vec<_> = files.iter().map(|(name, (bytes, x))| bytes_entry(name, mode(*x), bytes)).collect();
        let expected: Vec<_> =
            files.iter().map(|(name, (bytes, x))| (name.clone(), mode(*x), bytes.len() as u64, Digest::of(bytes))).collect();
        for (format, kind) in FORMATS {
            let place = Place::new();
            let bytes = packed(format, &entries, 1);
            if kind == ArchiveKind::Zip && entries.is_empty() {
                continue;
            }
            let seen = place.unpack(kind, &bytes, &Select::Flat).unwrap();
            let seen: Vec<_> = seen.into_iter().map(|f| (f.name, f.mode, f.size, f.sha256)).collect();
            prop_assert_eq!(&seen, &expected);
        }
    }
}
