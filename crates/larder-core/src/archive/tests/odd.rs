//! Entries that can't be extracted, duplicates, missing end marks and padding: they do not matter for
//! what is selected, and a note says what was skipped. When such an entry is what was selected, that
//! is an error.

use tar::EntryType;

use super::tar_maker::*;
use super::*;
use crate::Kind;

/// Unpacks `good` and returns the notes.
fn notes(kind: ArchiveKind, bytes: &[u8]) -> Vec<String> {
    let place = Place::new();
    let extracted = extract(&place, kind, bytes, &Select::Globs(&good()));
    let extracted = extracted.unwrap_or_else(|e| panic!("{e} {:?}", e.hints()));
    assert_eq!(place.left(), ["good"]);
    assert_eq!(crate::fs::read(place.out.join("good")).unwrap(), b"good");
    extracted.notes
}

pub(super) fn extract(
    place: &Place,
    kind: ArchiveKind,
    bytes: &[u8],
    select: &Select<'_>,
) -> Result<Extracted> {
    unpack(
        ReadAs::Exactly(kind),
        None,
        bytes,
        select,
        &place.out,
        &Budget::default(),
        None,
        &Cancel::new(),
    )
}

#[test]
fn odd_entries_of_a_tar_are_skipped_and_told() {
    let setuid = with_data(&header("su", EntryType::Regular, 0o4755, 1), b"1");
    let mut label = header("volume", EntryType::new(b'V'), 0, 0);
    label.as_old_mut().size = [0; 12];
    label.set_cksum();
    let mut latin = header("caf_", EntryType::Regular, 0o644, 1);
    latin.as_old_mut().name[3] = 0xe9;
    latin.set_cksum();
    let cases: Vec<(&str, Vec<Vec<u8>>, &str)> = vec![
        (
            "device",
            vec![bare_entry("dev", EntryType::Char)],
            "`dev`: it is a device",
        ),
        (
            "block device",
            vec![bare_entry("dev", EntryType::Block)],
            "`dev`: it is a device",
        ),
        (
            "fifo",
            vec![bare_entry("pipe", EntryType::Fifo)],
            "`pipe`: it is a FIFO",
        ),
        (
            "unknown type with content",
            vec![with_data(
                &header("x", EntryType::new(b'Z'), 0o644, 3),
                b"abc",
            )],
            "`x`: entries of type `Z` are not supported",
        ),
        (
            "volume label",
            vec![label.as_bytes().to_vec()],
            "`volume`: entries of type `V` are not supported",
        ),
        (
            "setuid",
            vec![setuid],
            "`su`: it has setuid or setgid permissions, which are dropped",
        ),
        (
            "link out",
            vec![symlink("a/l", "../../x")],
            "`a/l`: it is a link to `../../x`, which leads outside of the archive",
        ),
        (
            "link to a root",
            vec![symlink("l", "/etc/passwd")],
            "`l`: it is a link to `/etc/passwd`, which leads outside of the archive",
        ),
        (
            "link of Windows",
            vec![symlink("l", "..\\x")],
            "`l`: it is a link to `..\\x`, which contains a backslash",
        ),
        (
            "link to nothing",
            vec![symlink("l", "")],
            "`l`: it is a link to ``, which is empty",
        ),
        (
            "hard link out",
            vec![link("h", EntryType::Link, "../x")],
            "`h`: it is a link to `../x`, which leads outside of the archive",
        ),
        (
            "equal duplicate",
            vec![file("x", b"1"), file("./x", b"1")],
            "`x`: it occurs twice",
        ),
        (
            "duplicate that nobody asks for",
            vec![file("x", b"1"), file("x", b"2")],
            "`x`: it occurs twice",
        ),
        (
            "equal duplicate of the selected file",
            vec![file("good", b"good")],
            "`good`: it occurs twice",
        ),
        (
            "hard link to itself",
            vec![file("x", b"1"), link("x", EntryType::Link, "x")],
            "`x`: it occurs twice",
        ),
        (
            "equal links",
            vec![symlink("l", "a"), symlink("l", "a")],
            "`l`: it occurs twice",
        ),
        (
            "case",
            vec![file("Read", b""), file("READ", b"")],
            "`READ`: it differs from an earlier path only in case",
        ),
        (
            "case of a folder",
            vec![file("a/x", b""), file("A/y", b"")],
            "`A/y`: it differs from an earlier path only in case",
        ),
        (
            "Unicode form",
            vec![file("\u{e9}", b""), file("e\u{301}", b"")],
            "it differs from an earlier path only in case",
        ),
        (
            "control character",
            vec![file("Icon\r", b"x")],
            "`Icon\\r`: its name contains the control character '\\r'",
        ),
        (
            "backslash",
            vec![file("dev-x2d\\x2d.device", b"x")],
            "its name contains a backslash",
        ),
        (
            "other character set",
            vec![with_data(&latin, b"x")],
            "its name is not UTF-8",
        ),
        (
            "pax character set",
            vec![pax(&[("hdrcharset", "BINARY")]), file("x", b"")],
            "`x`: its name is in another character set",
        ),
    ];
    for (what, parts, expected) in cases {
        let told = notes(TAR, &tar(&parts));
        assert!(
            told.iter().any(|note| note.contains(expected)),
            "{what}: {told:?}"
        );
        // The same if the selected file comes first.
        let last = [file("good", b"good"), parts.concat(), vec![0; 1024]].concat();
        assert!(!notes(TAR, &last).is_empty(), "{what}");
        // Larder's own packages contain nothing of the kind.
        let place = Place::new();
        let error = place.unpack(TAR, &tar(&parts), &Select::Flat).unwrap_err();
        assert_eq!(
            (error.kind(), place.left()),
            (Kind::Integrity, vec![]),
            "{what}"
        );
    }
    // Links inside the archive are not even told.
    for fine in [symlink("l", "good"), symlink("a/l", "../nowhere")] {
        assert_eq!(notes(TAR, &tar(&[fine])), Vec::<String>::new());
    }
    // There is a limit for notes.
    let many: Vec<_> = (0..50)
        .map(|n| bare_entry(&format!("dev{n}"), EntryType::Char))
        .collect();
    let told = notes(TAR, &tar(&many));
    assert_eq!(
        (told.len(), &*told[20]),
        (21, "30 more entries were skipped")
    );
}

#[test]
fn what_is_selected_must_be_a_file() {
    for (parts, expected) in [
        (vec![bare_entry("tool", EntryType::Char)], "it is a device"),
        (
            vec![bare_entry("bin/tool", EntryType::Fifo)],
            "it is a FIFO",
        ),
        (vec![symlink("tool", "/usr/bin/tool")], "leads outside"),
        (vec![symlink("bin/tool", "../../tool")], "leads outside"),
        (vec![symlink("tool", "tool")], "too many links"),
        (
            vec![symlink("tool", "nowhere")],
            "is not a file of the archive",
        ),
        (
            vec![bare_entry("d", EntryType::Directory), symlink("tool", "d")],
            "is not a file of the archive",
        ),
        (
            vec![link("tool", EntryType::Link, "nowhere")],
            "is not a file of the archive",
        ),
        (
            vec![symlink("up", "../.."), symlink("a/tool", "../up/x")],
            "leads outside",
        ),
    ] {
        let bytes = [parts.concat(), vec![0; 1024]].concat();
        let name: FileName = "tool".parse().unwrap();
        for select in [
            Select::Globs(&[("**/tool".to_owned(), name.clone())]),
            Select::Programs {
                globs: &[],
                names: std::slice::from_ref(&name),
                platform: Platform::host(),
            },
        ] {
            let place = Place::new();
            let error = extract(&place, TAR, &bytes, &select).unwrap_err();
            assert_eq!((error.kind(), place.left()), (Kind::Failed, vec![]));
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
    // Everything is asked for in a source, so two files must not have one name.
    for parts in [
        vec![file("x", b"1"), file("x", b"2")],
        vec![file("Read", b""), file("READ", b"")],
        vec![file("a\\b", b"")],
    ] {
        let place = Place::new();
        let error = extract(&place, TAR, &tar(&parts), &Select::All).unwrap_err();
        assert_eq!(error.kind(), Kind::Integrity, "{error}");
        assert_eq!(place.left(), Vec::<String>::new());
    }
    let place = Place::new();
    let parts = [
        file("x", b"1"),
        file("x", b"1"),
        bare_entry("dev", EntryType::Char),
    ];
    assert_eq!(
        extract(&place, TAR, &tar(&parts), &Select::All)
            .unwrap()
            .files
            .len(),
        2
    );
}

#[test]
fn tars_may_lack_their_end_mark_and_files_may_be_padded() {
    let whole = tar(&[file("x", b"x")]);
    let unmarked = &whole[..whole.len() - 1024];
    assert_eq!(notes(TAR, unmarked), Vec::<String>::new());
    assert_eq!(
        notes(TAR, &whole[..whole.len() - 512]),
        Vec::<String>::new()
    );
    let gz = ArchiveKind::Tar(Compression::Gz);
    assert_eq!(notes(gz, &gzipped(unmarked)), Vec::<String>::new());
    // Packages of Alpine: tars without end marks, one gzip member each.
    let members = [gzipped(&file(".SIGN", b"x")), gzipped(&whole)].concat();
    assert_eq!(notes(gz, &members), Vec::<String>::new());
    for zeros in [1, 4, 511, 512, 100_000] {
        assert_eq!(
            notes(gz, &[gzipped(&whole), vec![0; zeros]].concat()),
            Vec::<String>::new()
        );
    }
    // Larder's own packages have an end mark.
    let place = Place::new();
    let error = place
        .unpack(TAR, &file("good", b"good"), &Select::Flat)
        .unwrap_err();
    assert!(
        error.message().contains("the end mark is missing"),
        "{error}"
    );
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs a POSIX shell and its programs")]
fn sparse_files_are_unpacked() {
    let content = {
        let mut bytes = b"#!/bin/sh\nexit 0\n".to_vec();
        bytes.resize(300_000, 0);
        bytes[200_000..200_004].copy_from_slice(b"data");
        bytes
    };
    let place = Place::new();
    crate::fs::write_atomic(place.root.join("s"), &content).unwrap();
    sh(
        "cp --sparse=always s sparse; mv sparse s; truncate -s 1M hole; for n in $(seq 60); do printf x; truncate -s +8K /dev/stdout 2>/dev/null || true; done >/dev/null
         for n in 0.0 0.1 1.0; do tar --format=posix -S --sparse-version=$n -cf $n.tar s hole; done; tar --format=gnu -S -cf gnu.tar s hole",
        &place.root,
    );
    for name in ["0.0.tar", "0.1.tar", "1.0.tar", "gnu.tar"] {
        let bytes = crate::fs::read(place.root.join(name)).unwrap();
        assert!(bytes.len() < 100_000, "{name} is not sparse");
        for (glob, wanted) in [("s", &content[..]), ("hole", &vec![0; 1 << 20])] {
            let out = Place::new();
            let select = [(glob.to_owned(), "out".parse().unwrap())];
            let files = extract(&out, TAR, &bytes, &Select::Globs(&select)).unwrap();
            assert_eq!(
                (files.files[0].size, files.files[0].sha256),
                (wanted.len() as u64, Digest::of(wanted)),
                "{name} {glob}"
            );
            assert_eq!(crate::fs::read(out.out.join("out")).unwrap(), wanted);
        }
    }
    // A file with more parts than fit in its header.
    let mut many = vec![0; 60 * 8192];
    for part in many.chunks_mut(8192) {
        part[..4096].fill(7);
    }
    crate::fs::write_atomic(place.root.join("many"), &many).unwrap();
    sh(
        "cp --sparse=always many m; tar --format=gnu -S -cf many.tar m",
        &place.root,
    );
    let bytes = crate::fs::read(place.root.join("many.tar")).unwrap();
    let select = [("m".to_owned(), "out".parse().unwrap())];
    let files = extract(&Place::new(), TAR, &bytes, &Select::Globs(&select)).unwrap();
    assert_eq!(files.files[0].sha256, Digest::of(&many));
}

#[test]
fn holes_count_for_the_budget_only_where_they_are_written() {
    let huge = (64_u64 << 30).to_string();
    let sparse = |name| {
        vec![
            pax(&[("GNU.sparse.size", &huge), ("GNU.sparse.map", "0,4")]),
            file(name, b"good"),
        ]
    };
    assert_eq!(notes(TAR, &tar(&sparse("disk.img"))), Vec::<String>::new());
    let bytes = [sparse("good").concat(), vec![0; 1024]].concat();
    let place = Place::new();
    let error = extract(&place, TAR, &bytes, &Select::Globs(&good())).unwrap_err();
    assert_eq!((error.kind(), place.left()), (Kind::Integrity, vec![]));
    assert!(
        error.message().contains("it unpacks to more than"),
        "{error}"
    );
}
