//! Random bytes and random files. Mutated archives are in the crate `larder-fuzz`.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000), zip: bool) {
        let kind = if zip { ArchiveKind::Zip } else { ArchiveKind::Tar(Compression::Plain) };
        let bytes = if zip { [&b"PK\x03\x04"[..], &bytes].concat() } else { bytes };
        let place = Place::new();
        prop_assert!(place.unpack(kind, &bytes, &Select::Flat).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

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
