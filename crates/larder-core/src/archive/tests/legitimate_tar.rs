//! Unusual tars that must be accepted, and entries that are only refused in larder's own packages.

use tar::EntryType;

use super::tar_maker::*;
use super::*;
use crate::Kind;

#[test]
fn legitimate_tars_are_unpacked() {
    let deep = "d/".repeat(60) + "f";
    let spread = [gzipped(&tar(&[])[..700]), gzipped(&tar(&[])[700..])].concat();
    assert_eq!(
        try_good(ArchiveKind::Tar(Compression::Gz), &spread),
        Ok(vec!["good".to_owned()]),
        "several gzip members"
    );
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        (
            "inner links",
            vec![
                symlink("bin/tool", "../lib/tool"),
                file("lib/tool", b""),
                symlink("lib/t", "tool"),
            ],
        ),
        (
            "a chain of inner links",
            vec![
                symlink("a", "b"),
                symlink("b", "c/d"),
                symlink("c", "e/.."),
                bare_entry("e/", EntryType::Directory),
            ],
        ),
        ("a dangling inner link", vec![symlink("a", "not/here")]),
        (
            "hard links",
            vec![
                file("a", b"a"),
                link("b", EntryType::Link, "a"),
                link("c", EntryType::Link, "./a"),
            ],
        ),
        (
            "folders, one twice",
            vec![
                bare_entry("./", EntryType::Directory),
                bare_entry("d/", EntryType::Directory),
                bare_entry("d", EntryType::Directory),
            ],
        ),
        (
            "an old folder",
            vec![bare_entry("old/", EntryType::Regular), file("old/x", b"")],
        ),
        (
            "a setgid folder",
            vec![
                header("d/", EntryType::Directory, 0o2775, 0)
                    .as_bytes()
                    .to_vec(),
            ],
        ),
        (
            "a commit",
            vec![extension(
                b'g',
                b"52 comment=0123456789abcdef0123456789abcdef01234567\n",
            )],
        ),
        (
            "times and attributes",
            vec![
                pax(&[("mtime", "1.5"), ("SCHILY.xattr.user.x", "y")]),
                file("x", b"x"),
            ],
        ),
        (
            "pax name",
            vec![pax(&[("path", &deep), ("size", "1")]), file("short", b"x")],
        ),
        (
            "GNU names",
            vec![
                extension(b'K', b"good\0"),
                extension(b'L', b"long\0"),
                symlink("l", "cut"),
            ],
        ),
        (
            "names with colons and dots",
            vec![
                file("File::Spec.3", b""),
                file("...", b""),
                file("a..b", b""),
            ],
        ),
        (
            "letters of other alphabets",
            vec![file("\u{e9}t\u{e9}", b""), file("\u{65e5}\u{672c}", b"")],
        ),
    ];
    for (what, parts) in cases {
        assert_eq!(
            try_good(TAR, &tar(&parts)),
            Ok(vec!["good".to_owned()]),
            "{what}"
        );
    }
}

#[test]
fn a_package_is_flat_and_holds_files_only() {
    for (parts, expected) in [
        (
            vec![file("a/b", b"")],
            "`a/b` is not a name that a file of a package can have",
        ),
        (
            vec![bare_entry("a", EntryType::Directory)],
            "`a` is a folder, but a package has no folders",
        ),
        (
            vec![symlink("a", "good")],
            "`a` is a link, but a package contains only regular files",
        ),
        (
            vec![file(".hidden", b"")],
            "`.hidden` is not a name that a file of a package can have",
        ),
        (
            vec![file("-rf", b"")],
            "`-rf` is not a name that a file of a package can have",
        ),
        (
            vec![file("a b", b"")],
            "`a b` is not a name that a file of a package can have",
        ),
    ] {
        let place = Place::new();
        let error = place.unpack(TAR, &tar(&parts), &Select::Flat).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (
                Kind::Integrity,
                &*format!("the archive is refused: {expected}")
            )
        );
        assert_eq!(place.left(), Vec::<String>::new());
    }
    let place = Place::new();
    let parts = [
        bare_entry("./", EntryType::Directory),
        file("./.version", b"v"),
    ];
    assert_eq!(
        place
            .unpack(TAR, &tar(&parts), &Select::Flat)
            .unwrap()
            .len(),
        2
    );
}
