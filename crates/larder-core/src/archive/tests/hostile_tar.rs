//! Invalid and hostile tars, made by hand. Each one must be refused as a whole, whether the bad
//! entry is selected or not, and no file must stay.

use tar::EntryType;

use super::tar_maker::*;
use super::*;

#[test]
fn one_hostile_entry_makes_the_whole_tar_refused() {
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
            "`../x`: its path contains `..`",
        ),
        (
            "inner parent",
            vec![file("a/../../x", b"")],
            "`a/../../x`: its path contains `..`",
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
            "`a\\..\\x`: its path contains `..`",
        ),
        (
            "nul in a header",
            vec![nul.as_bytes().to_vec()],
            "`a`: its name contains a NUL",
        ),
        (
            "nul in pax",
            vec![pax(&[("path", "a\0b")]), file("x", b"")],
            "`a\\u{0}b`: its name contains a NUL",
        ),
        ("empty", vec![file("", b"")], "``: its name is empty"),
        ("only dots", vec![file("./.", b"")], "``: its name is empty"),
        (
            "folder's parent",
            vec![bare_entry("..", EntryType::Directory)],
            "`..`: its path contains `..`",
        ),
        (
            "hidden in pax",
            vec![pax(&[("path", "../x")]), file("x", b"")],
            "`../x`: its path contains `..`",
        ),
        (
            "hidden in a long name",
            vec![extension(b'L', b"../x\0"), file("x", b"")],
            "`../x`: its path contains `..`",
        ),
        (
            "written through",
            vec![symlink("l", "d"), file("l/x", b"")],
            "`l/x`: it would be written through a link",
        ),
        (
            "written through, other case",
            vec![symlink("l", "d"), file("L/x", b"")],
            "`L/x`: it would be written through a link",
        ),
        (
            "link in a folder's place",
            vec![file("l/x", b""), symlink("l", "d")],
            "`l`: it occurs twice",
        ),
        (
            "the wanted one twice",
            vec![file("good", b"evil")],
            "`good`: it occurs twice, with different contents",
        ),
        (
            "one name, two links",
            vec![symlink("l", "a"), symlink("l", "b")],
            "`l`: it occurs twice",
        ),
        (
            "a link and a file of one name",
            vec![symlink("x", "a"), file("x", b"")],
            "`x`: it occurs twice",
        ),
        (
            "old names",
            vec![bare_entry("x", EntryType::new(b'N'))],
            "`x`: entries of type `N` are not supported",
        ),
        (
            "outside, and not UTF-8",
            vec![{
                let mut header = header("../", EntryType::Regular, 0o644, 0);
                header.as_old_mut().name[3] = 0xff;
                header.set_cksum();
                header.as_bytes().to_vec()
            }],
            "its path contains `..`",
        ),
        (
            "a folder's device",
            vec![bare_entry("/dev/null", EntryType::Char)],
            "`/dev/null`: its path is absolute",
        ),
        (
            "a map of no sense",
            vec![pax(&[("GNU.sparse.major", "7")]), file("s", b"")],
            "the map of a sparse file in it is wrong",
        ),
        (
            "a map behind the end",
            vec![
                pax(&[("GNU.sparse.size", "4"), ("GNU.sparse.map", "2,3")]),
                file("s", b"abc"),
            ],
            "the map of a sparse file in it is wrong",
        ),
        (
            "parts that overlap",
            vec![
                pax(&[("GNU.sparse.size", "9"), ("GNU.sparse.map", "0,3,2,1")]),
                file("s", b"abcd"),
            ],
            "the map of a sparse file in it is wrong",
        ),
        (
            "less content than its map",
            vec![
                pax(&[("GNU.sparse.size", "9"), ("GNU.sparse.map", "0,3")]),
                file("s", b"ab"),
            ],
            "the map of a sparse file in it is wrong",
        ),
        (
            "a map without end",
            vec![
                pax(&[
                    ("GNU.sparse.major", "1"),
                    ("GNU.sparse.minor", "0"),
                    ("GNU.sparse.realsize", "9"),
                ]),
                file("s", &[b'1'; 512]),
            ],
            "the map of a sparse file in it is wrong",
        ),
        (
            "file as a folder",
            vec![file("x", b""), file("x/y", b"")],
            "`x/y`: the archive has a file at the path of its folder",
        ),
        (
            "folder as a file",
            vec![file("x/y", b""), file("x", b"")],
            "`x`: it occurs twice",
        ),
        (
            "pax size",
            vec![pax(&[("size", "512")]), file("x", b"")],
            "`x`: its pax header and its header state different sizes",
        ),
        (
            "pax twice",
            vec![pax(&[("path", "a")]), pax(&[("path", "b")]), file("x", b"")],
            "two headers of the same kind",
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
            "`d`: it has content but is not a regular file",
        ),
        (
            "target of a file",
            vec![extension(b'K', b"x\0"), file("f", b"")],
            "`f`: it has a link target but is a regular file",
        ),
        (
            "checksum",
            vec![bad_sum, file("z", b"")],
            "it is not a tar archive: it begins with `y",
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
        // The same if the selected file has been written before the bad entry is read.
        let end = [file("good", b"good"), parts.concat(), vec![0; 1024]].concat();
        assert!(try_good(TAR, &end).is_err(), "{what}");
    }
}

#[test]
fn a_tar_with_malformed_framing_is_refused() {
    let whole = tar(&[]);
    let plain: [(&str, Vec<u8>, &str); 7] = [
        ("cut in a header", whole[..700].to_vec(), "it ends early"),
        (
            "cut in content",
            file("good", b"good")[..514].to_vec(),
            "it ends early",
        ),
        (
            "a tar after it",
            [whole.clone(), whole.clone()].concat(),
            "there is data after its end mark",
        ),
        (
            "a lone zero block",
            [vec![0; 512], whole.clone()].concat(),
            "there is data after its end mark",
        ),
        (
            "a tail",
            [whole.clone(), b"tail".to_vec()].concat(),
            "there is data after its end mark",
        ),
        ("empty", vec![], "it is empty"),
        (
            "a page",
            b"<!DOCTYPE html><html>".repeat(50),
            "it is not a tar archive: it is an HTML page",
        ),
    ];
    for (what, bytes, expected) in plain {
        let message = try_good(TAR, &bytes).expect_err(what);
        assert!(message.contains(expected), "{what}: {message}");
        let compressed =
            try_good(ArchiveKind::Tar(Compression::Gz), &gzipped(&bytes)).expect_err(what);
        assert_eq!(compressed, message, "{what}, compressed");
    }
    let packed: [(&str, Vec<u8>, &str); 4] = [
        (
            "garbage after gzip",
            [gzipped(&whole), b"tail".to_vec()].concat(),
            "there is data after its end",
        ),
        (
            "a second tar in a second member",
            [gzipped(&whole), gzipped(&whole)].concat(),
            "there is data after its end mark",
        ),
        (
            "a page",
            b"\n<html>".to_vec(),
            "it is not in gzip format: it is an HTML page",
        ),
        (
            "half a member",
            gzipped(&whole)[..20].to_vec(),
            "it ends early",
        ),
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
        let message = try_good(ArchiveKind::Tar(compression), &gzipped(&whole)).unwrap_err();
        assert_eq!(
            message,
            format!("it is not in {what} format: it is a gzip file")
        );
    }
}
