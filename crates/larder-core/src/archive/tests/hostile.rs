//! Odd and hostile tars, made by hand: refused whole, wanted or not, with nothing left behind.

use tar::{EntryType, Header};

use super::*;
use crate::Kind;

const TAR: ArchiveKind = ArchiveKind::Tar(Compression::Plain);

fn header(name: &str, kind: EntryType, mode: u32, size: u64) -> Header {
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

fn with_data(header: &Header, data: &[u8]) -> Vec<u8> {
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str, data: &[u8]) -> Vec<u8> {
    with_data(
        &header(name, EntryType::Regular, 0o755, data.len() as u64),
        data,
    )
}

fn odd(name: &str, kind: EntryType) -> Vec<u8> {
    header(name, kind, 0o644, 0).as_bytes().to_vec()
}

fn link(name: &str, kind: EntryType, target: &str) -> Vec<u8> {
    let mut header = header(name, kind, 0o777, 0);
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn symlink(name: &str, target: &str) -> Vec<u8> {
    link(name, EntryType::Symlink, target)
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let text: String = records
        .iter()
        .map(|(key, value)| super::super::pack::pax_record(key, value))
        .collect();
    with_data(
        &header("pax", EntryType::XHeader, 0o644, text.len() as u64),
        text.as_bytes(),
    )
}

fn extension(kind: u8, data: &[u8]) -> Vec<u8> {
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

/// The parts, a file `good` that is the one wanted, and the end mark.
fn tar(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), file("good", b"good"), vec![0; 1024]].concat()
}

fn good() -> [(String, FileName); 1] {
    [("good".to_owned(), "good".parse().unwrap())]
}

/// Unpacks `good`: the files on success, the message if refused, having checked that nothing stays.
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

#[test]
fn what_is_odd_in_a_tar_refuses_it_whole() {
    let setuid = header("su", EntryType::Regular, 0o4755, 0)
        .as_bytes()
        .to_vec();
    let mut bad_sum = file("x", b"");
    bad_sum[0] = b'y';
    let mut nul = header("a", EntryType::Regular, 0o644, 0);
    nul.as_old_mut().name[..5].copy_from_slice(b"a\0evl");
    nul.set_cksum();
    let mut negative = header("n", EntryType::Regular, 0o644, 0);
    negative.as_old_mut().size = [0xff; 12];
    negative.set_cksum();
    let mut huge = header("h", EntryType::Regular, 0o644, 0);
    huge.as_old_mut().size = *b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff";
    huge.set_cksum();
    let long = "n".repeat(5000);
    let with_size = with_data(&header("d", EntryType::Directory, 0o755, 4), b"good");
    let cases: Vec<(&str, Vec<Vec<u8>>, &str)> = vec![
        (
            "parent",
            vec![file("../x", b"")],
            "`../x`: its path holds `..`",
        ),
        (
            "inner parent",
            vec![file("a/../../x", b"")],
            "`a/../../x`: its path holds `..`",
        ),
        (
            "absolute",
            vec![file("/etc/passwd", b"")],
            "`/etc/passwd`: its path is absolute",
        ),
        (
            "drive",
            vec![file("C:x", b"")],
            "`C:x`: its path begins with a drive letter",
        ),
        (
            "backslash",
            vec![file("a\\..\\x", b"")],
            "`a\\..\\x`: its name holds a backslash",
        ),
        (
            "nul in a header",
            vec![nul.as_bytes().to_vec()],
            "`a`: its name holds a NUL",
        ),
        (
            "nul in pax",
            vec![pax(&[("path", "a\0b")]), file("x", b"")],
            "`a\\u{0}b`: its name holds a NUL",
        ),
        (
            "control",
            vec![file("a\x1b[2Jb", b"")],
            "`a\\u{1b}[2Jb`: its name holds the control character '\\u{1b}'",
        ),
        ("empty", vec![file("", b"")], "``: its name is empty"),
        ("only dots", vec![file("./.", b"")], "``: its name is empty"),
        (
            "folder's parent",
            vec![odd("..", EntryType::Directory)],
            "`..`: its path holds `..`",
        ),
        (
            "hidden in pax",
            vec![pax(&[("path", "../x")]), file("x", b"")],
            "`../x`: its path holds `..`",
        ),
        (
            "hidden in a long name",
            vec![extension(b'L', b"../x\0"), file("x", b"")],
            "`../x`: its path holds `..`",
        ),
        (
            "link out",
            vec![symlink("a/l", "../../x")],
            "`a/l`: it is a link to `../../x`, which leads outside",
        ),
        (
            "link to a root",
            vec![symlink("l", "/etc")],
            "`l`: it is a link to `/etc`, which leads outside",
        ),
        (
            "link to nothing",
            vec![symlink("l", "")],
            "`l`: it is a link to ``, which leads nowhere",
        ),
        (
            "written through",
            vec![symlink("l", "d"), file("l/x", b"")],
            "`l/x`: it would be written through a link",
        ),
        (
            "written through, other case",
            vec![symlink("l", "d"), file("L/x", b"")],
            "only in case",
        ),
        (
            "link in a folder's place",
            vec![file("l/x", b""), symlink("l", "d")],
            "`l`: it is there twice",
        ),
        (
            "link chain",
            vec![symlink("a/b/up", "../.."), symlink("e", "a/b/up/../x")],
            "which leads outside",
        ),
        (
            "link chain, other order",
            vec![symlink("e", "a/b/up/../x"), symlink("a/b/up", "../..")],
            "`e`: it is a link to",
        ),
        (
            "link loop",
            vec![symlink("a", "b"), symlink("b", "a")],
            "which never ends",
        ),
        (
            "hard link out",
            vec![link("h", EntryType::Link, "../x")],
            "`h`: it is a hard link to `../x`: its path holds `..`",
        ),
        (
            "hard link to nothing",
            vec![link("h", EntryType::Link, "x")],
            "`h`: it is a hard link to `x`, which is no earlier",
        ),
        (
            "hard link to a link",
            vec![symlink("s", "good"), link("h", EntryType::Link, "s")],
            "`h`: it is a hard link to `s`, which is no earlier file",
        ),
        (
            "device",
            vec![odd("dev", EntryType::Char)],
            "`dev`: it is a device",
        ),
        (
            "block device",
            vec![odd("dev", EntryType::Block)],
            "`dev`: it is a device",
        ),
        (
            "fifo",
            vec![odd("pipe", EntryType::Fifo)],
            "`pipe`: it is a FIFO",
        ),
        (
            "unknown type",
            vec![odd("x", EntryType::new(b'Z'))],
            "`x`: its type `Z` is none that an archive of files has",
        ),
        (
            "multi-volume",
            vec![odd("x", EntryType::new(b'M'))],
            "`x`: its type `M` is none",
        ),
        (
            "setuid",
            vec![setuid],
            "`su`: it has setuid or setgid permissions",
        ),
        (
            "sparse",
            vec![odd("s", EntryType::GNUSparse)],
            "`s`: it is a sparse file",
        ),
        (
            "sparse in pax",
            vec![pax(&[("GNU.sparse.major", "1")]), file("s", b"")],
            "`s`: it is a sparse file",
        ),
        (
            "twice",
            vec![file("x", b"1"), file("./x", b"2")],
            "`x`: it is there twice",
        ),
        (
            "the wanted one twice",
            vec![file("good", b"evil")],
            "`good`: it is there twice",
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
            "sharp s",
            vec![file("\u{df}", b""), file("SS", b"")],
            "`SS`: it differs from an earlier path only in case",
        ),
        (
            "file as a folder",
            vec![file("x", b""), file("x/y", b"")],
            "`x/y`: it lies in what is a file",
        ),
        (
            "folder as a file",
            vec![file("x/y", b""), file("x", b"")],
            "`x`: it is there twice",
        ),
        (
            "pax size",
            vec![pax(&[("size", "512")]), file("x", b"")],
            "`x`: its pax header and its header state different sizes",
        ),
        (
            "pax twice",
            vec![pax(&[("path", "a")]), pax(&[("path", "b")]), file("x", b"")],
            "two headers of one kind",
        ),
        (
            "pax key twice",
            vec![pax(&[("path", "a"), ("path", "b")]), file("x", b"")],
            "a pax header in it is malformed",
        ),
        (
            "pax length",
            vec![extension(b'x', b"9 path=a\n99 path=b\n"), file("x", b"")],
            "a pax header in it is malformed",
        ),
        (
            "pax character set",
            vec![pax(&[("hdrcharset", "BINARY")]), file("x", b"")],
            "`x`: its name is in another character set",
        ),
        (
            "two names",
            vec![
                extension(b'L', b"a\0"),
                pax(&[("path", "b")]),
                file("x", b""),
            ],
            "an entry in it has two names",
        ),
        (
            "global path",
            vec![extension(b'g', b"13 path=../x\n")],
            "a global pax header sets `path`",
        ),
        (
            "long name of nothing",
            vec![extension(b'L', long.as_bytes()), file("x", b"")],
            "a header in it is 5000 bytes long",
        ),
        (
            "content of a folder",
            vec![with_size],
            "`d`: it has content and is no regular file",
        ),
        (
            "target of a file",
            vec![extension(b'K', b"x\0"), file("f", b"")],
            "`f`: it has a link target and is a regular file",
        ),
        (
            "checksum",
            vec![bad_sum, file("z", b"")],
            "it is no tar archive: it begins with `y",
        ),
        (
            "later checksum",
            vec![file("z", b""), {
                let mut b = file("x", b"");
                b[0] = b'y';
                b
            }],
            "a header's checksum is wrong",
        ),
        ("negative size", vec![negative.as_bytes().to_vec()], ""),
        ("huge size", vec![huge.as_bytes().to_vec()], ""),
    ];
    for (what, parts, expected) in cases {
        let message = try_good(TAR, &tar(&parts)).expect_err(what);
        assert!(message.contains(expected), "{what}: {message}");
        // The same after what is wanted was written already.
        let end = [file("good", b"good"), parts.concat(), vec![0; 1024]].concat();
        assert!(try_good(TAR, &end).is_err(), "{what}");
    }
}

#[test]
fn what_is_odd_around_a_tar_refuses_it_too() {
    let whole = tar(&[]);
    let gz = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let plain: [(&str, Vec<u8>, &str); 8] = [
        (
            "no end mark",
            whole[..1024].to_vec(),
            "it ends early: the end mark is missing",
        ),
        ("cut in a header", whole[..700].to_vec(), "it ends early"),
        (
            "cut in content",
            file("good", b"good")[..514].to_vec(),
            "it ends early",
        ),
        (
            "a tar after it",
            [whole.clone(), whole.clone()].concat(),
            "something follows after its end mark",
        ),
        (
            "a lone zero block",
            [vec![0; 512], whole.clone()].concat(),
            "something follows after its end mark",
        ),
        (
            "a tail",
            [whole.clone(), b"tail".to_vec()].concat(),
            "something follows after its end mark",
        ),
        ("empty", vec![], "it is empty"),
        (
            "a page",
            b"<!DOCTYPE html><html>".repeat(50),
            "it is no tar archive: it is an HTML page",
        ),
    ];
    for (what, bytes, expected) in plain {
        let message = try_good(TAR, &bytes).expect_err(what);
        assert!(message.contains(expected), "{what}: {message}");
        let inside = try_good(ArchiveKind::Tar(Compression::Gz), &gz(&bytes)).expect_err(what);
        assert_eq!(inside, message, "{what}, compressed");
    }
    let packed: [(&str, Vec<u8>, &str); 4] = [
        (
            "garbage after gzip",
            [gz(&whole), b"tail".to_vec()].concat(),
            "something follows after its end",
        ),
        (
            "a second tar in a second member",
            [gz(&whole), gz(&whole)].concat(),
            "something follows after its end mark",
        ),
        (
            "a page",
            b"\n<html>".to_vec(),
            "it is no gzip file: it is an HTML page",
        ),
        ("half a member", gz(&whole)[..20].to_vec(), "it ends early"),
    ];
    for (what, bytes, expected) in packed {
        let message = try_good(ArchiveKind::Tar(Compression::Gz), &bytes).expect_err(what);
        assert!(message.contains(expected), "{what}: {message}");
    }
    for (compression, what) in [
        (Compression::Xz, "xz"),
        (Compression::Zst, "zstd"),
        (Compression::Bz2, "bzip2"),
    ] {
        let message = try_good(ArchiveKind::Tar(compression), &gz(&whole)).unwrap_err();
        assert_eq!(
            message,
            format!(
                "it is no {what} file: it begins with `\\x1f\\x8b\\x08\\x00\\x00\\x00\\x00\\x00`"
            )
        );
    }
}

#[test]
fn what_is_legitimate_passes() {
    let deep = "d/".repeat(60) + "f";
    let spread = [gzip(&tar(&[])[..700]), gzip(&tar(&[])[700..])].concat();
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
                odd("e/", EntryType::Directory),
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
                odd("./", EntryType::Directory),
                odd("d/", EntryType::Directory),
                odd("d", EntryType::Directory),
            ],
        ),
        (
            "an old folder",
            vec![odd("old/", EntryType::Regular), file("old/x", b"")],
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

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_package_is_flat_and_holds_files_only() {
    for (parts, expected) in [
        (
            vec![file("a/b", b"")],
            "`a/b` is not a name that a package may hold",
        ),
        (
            vec![odd("a", EntryType::Directory)],
            "`a` is a folder, and a package is flat",
        ),
        (
            vec![symlink("a", "good")],
            "`a` is a link, and a package holds regular files only",
        ),
        (
            vec![file(".hidden", b"")],
            "`.hidden` is not a name that a package may hold",
        ),
        (
            vec![file("-rf", b"")],
            "`-rf` is not a name that a package may hold",
        ),
        (
            vec![file("a b", b"")],
            "`a b` is not a name that a package may hold",
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
    let parts = [odd("./", EntryType::Directory), file("./.version", b"v")];
    assert_eq!(
        place
            .unpack(TAR, &tar(&parts), &Select::Flat)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_cut_or_changed_package_leaves_nothing() {
    let binary = program(40_000);
    let entries = [
        bytes_entry("a", 0o755, &binary),
        bytes_entry("b", 0o644, &binary),
    ];
    for (format, kind) in FORMATS {
        let whole = packed(format, &entries, 1);
        for cut in [
            0,
            1,
            9,
            600,
            whole.len() / 2,
            whole.len() - 9,
            whole.len() - 1,
        ] {
            let place = Place::new();
            let error = place
                .unpack(kind, &whole[..cut], &Select::Flat)
                .unwrap_err();
            assert_eq!(error.kind(), Kind::Integrity, "{cut}: {error}");
            assert_eq!(place.left(), Vec::<String>::new());
        }
        for extra in [&b"\0"[..], b"more", &whole] {
            let place = Place::new();
            let error = place
                .unpack(kind, &[&whole, extra].concat(), &Select::Flat)
                .unwrap_err();
            assert_eq!(error.kind(), Kind::Integrity, "{extra:?}: {error}");
            assert_eq!(place.left(), Vec::<String>::new());
        }
        for at in (0..whole.len()).step_by(whole.len() / 40) {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            let place = Place::new();
            if let Ok(files) = place.unpack(kind, &changed, &Select::Flat) {
                // Some bits mean nothing to a reader: a gzip header's time, for one. The caller's digest differs.
                assert_eq!(
                    files.iter().map(|f| f.sha256).collect::<Vec<_>>(),
                    [Digest::of(&binary); 2],
                    "{format:?} {at}"
                );
            } else {
                assert_eq!(place.left(), Vec::<String>::new());
            }
        }
    }
}

#[test]
fn budgets_end_bombs_early() {
    let limited = |budget: Budget, kind, bytes: &[u8]| {
        let place = Place::new();
        let error =
            unpack_into(&place.out, kind, bytes, &Select::Globs(&good()), &budget).unwrap_err();
        assert_eq!((error.kind(), place.left()), (Kind::Integrity, vec![]));
        assert!(error.hints()[0].contains("limits"), "{error}");
        error
            .message()
            .trim_start_matches("the archive is refused: ")
            .to_owned()
    };
    let zeros = vec![0; (256 << 20) + 1];
    let entries = [
        bytes_entry("zeros", 0o644, &zeros),
        bytes_entry("good", 0o644, b"good"),
    ];
    for (format, kind) in FORMATS {
        let small = Budget {
            unpacked: 1 << 20,
            ..Budget::default()
        };
        let few = [bytes_entry("zeros", 0o644, &zeros[..2 << 20])];
        assert_eq!(
            limited(small, kind, &packed(format, &few, 1)),
            "it unpacks to more than 1048576 bytes",
            "{format:?}"
        );
        // One format is enough to see the ratio in a stream, zip knows it beforehand; gzip is slow to pack.
        if format != PackageFormat::TarGz {
            let bytes = packed(format, &entries, 2);
            assert_eq!(
                limited(Budget::default(), kind, &bytes),
                "it unpacks to more than 100 times its size",
                "{format:?}"
            );
        }
    }
    let many: Vec<Vec<u8>> = (0..200).map(|n| file(&n.to_string(), b"")).collect();
    let budget = Budget {
        entries: 100,
        ..Budget::default()
    };
    assert_eq!(
        limited(budget, TAR, &tar(&many)),
        "it has more than 100 entries"
    );
    let place = Place::new();
    let deep = tar(&[
        file(&"d/".repeat(45), b""),
        file(&("e/".repeat(45) + "f"), b""),
        file(&("g/".repeat(45) + "f"), b""),
    ]);
    let error = unpack_into(&place.out, TAR, &deep, &Select::Globs(&good()), &budget).unwrap_err();
    assert!(
        error.message().ends_with("there are more than 100 paths"),
        "{error}"
    );
}

#[test]
fn an_interruption_leaves_nothing() {
    let cancel = Cancel::new();
    cancel.cancel(2);
    let place = Place::new();
    let bytes = tar(&[]);
    let error = unpack(
        TAR,
        None,
        &bytes[..],
        &Select::Flat,
        &place.out,
        &Budget::default(),
        None,
        &cancel,
    )
    .unwrap_err();
    assert_eq!((error.kind(), place.left()), (Kind::Interrupted(2), vec![]));
    let entries = [bytes_entry("a", 0o644, b"a")];
    let error = pack(
        PackageFormat::TarGz,
        &entries,
        &mut Vec::new(),
        1,
        &cancel,
        &|_| {},
    )
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted(2));
}

/// Gives some bytes, then an error.
struct Failing<'a>(&'a [u8], fn() -> io::Error);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            Err(self.1())
        } else {
            self.0.read(buffer)
        }
    }
}

#[test]
fn a_failing_transfer_is_not_the_archives_fault() {
    let whole = packed(
        PackageFormat::TarGz,
        &[bytes_entry("good", 0o755, &program(100_000))],
        1,
    );
    let ours = || io::Error::other(Error::unavailable("the host went away"));
    for (kind, bytes) in [
        (FORMATS[0].1, &whole[..5000]),
        (ArchiveKind::Zip, b"PK\x03\x04"),
        (TAR, &tar(&[])[..600]),
    ] {
        for (error, expected) in [
            (
                ours as fn() -> io::Error,
                (Kind::Unavailable, "the host went away"),
            ),
            (
                || io::ErrorKind::ConnectionReset.into(),
                (Kind::Failed, "cannot read the archive"),
            ),
        ] {
            let place = Place::new();
            let reader = Failing(bytes, error);
            let select = Select::Globs(&good());
            let error = unpack(
                kind,
                None,
                reader,
                &select,
                &place.out,
                &Budget::default(),
                None,
                &Cancel::new(),
            )
            .unwrap_err();
            assert_eq!((error.kind(), error.message()), expected);
            assert_eq!(place.left(), Vec::<String>::new());
        }
    }
}
