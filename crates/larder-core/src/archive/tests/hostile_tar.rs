//! Invalid and hostile tars, made by hand. Each one must be refused as a whole, whether the bad
//! entry is selected or not, and no file must stay.

use tar::EntryType;

use super::tar_maker::*;
use super::*;

#[test]
fn one_hostile_entry_makes_the_whole_tar_refused() {
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
            "`a\\..\\x`: its name contains a backslash",
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
        (
            "control",
            vec![file("a\x1b[2Jb", b"")],
            "`a\\u{1b}[2Jb`: its name contains the control character '\\u{1b}'",
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
            "link out",
            vec![symlink("a/l", "../../x")],
            "`a/l`: it is a link to `../../x`, which leads outside of the archive",
        ),
        (
            "link to a root",
            vec![symlink("l", "/etc")],
            "`l`: it is a link to `/etc`, which leads outside of the archive",
        ),
        (
            "link to nothing",
            vec![symlink("l", "")],
            "`l`: it is a link to ``, which is empty",
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
            "`l`: it occurs twice",
        ),
        (
            "link chain",
            vec![symlink("a/b/up", "../.."), symlink("e", "a/b/up/../x")],
            "which leads outside of the archive",
        ),
        (
            "link chain, other order",
            vec![symlink("e", "a/b/up/../x"), symlink("a/b/up", "../..")],
            "`e`: it is a link to",
        ),
        (
            "link loop",
            vec![symlink("a", "b"), symlink("b", "a")],
            "which leads through too many links",
        ),
        (
            "hard link out",
            vec![link("h", EntryType::Link, "../x")],
            "`h`: it is a hard link to `../x`: its path contains `..`",
        ),
        (
            "hard link to nothing",
            vec![link("h", EntryType::Link, "x")],
            "`h`: it is a hard link to `x`, which is not an earlier",
        ),
        (
            "hard link to a link",
            vec![symlink("s", "good"), link("h", EntryType::Link, "s")],
            "`h`: it is a hard link to `s`, which is not an earlier file",
        ),
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
            "unknown type",
            vec![bare_entry("x", EntryType::new(b'Z'))],
            "`x`: entries of type `Z` are not supported",
        ),
        (
            "multi-volume",
            vec![bare_entry("x", EntryType::new(b'M'))],
            "`x`: entries of type `M` are not supported",
        ),
        (
            "setuid",
            vec![setuid],
            "`su`: it has setuid or setgid permissions",
        ),
        (
            "sparse",
            vec![bare_entry("s", EntryType::GNUSparse)],
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
            "`x`: it occurs twice",
        ),
        (
            "the wanted one twice",
            vec![file("good", b"evil")],
            "`good`: it occurs twice",
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
            try_good(ArchiveKind::Tar(Compression::Gz), &gzip(&bytes)).expect_err(what);
        assert_eq!(compressed, message, "{what}, compressed");
    }
    let packed: [(&str, Vec<u8>, &str); 4] = [
        (
            "garbage after gzip",
            [gzip(&whole), b"tail".to_vec()].concat(),
            "there is data after its end",
        ),
        (
            "a second tar in a second member",
            [gzip(&whole), gzip(&whole)].concat(),
            "there is data after its end mark",
        ),
        (
            "a page",
            b"\n<html>".to_vec(),
            "it is not in gzip format: it is an HTML page",
        ),
        (
            "half a member",
            gzip(&whole)[..20].to_vec(),
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
        let message = try_good(ArchiveKind::Tar(compression), &gzip(&whole)).unwrap_err();
        assert_eq!(
            message,
            format!(
                "it is not in {what} format: it begins with `\\x1f\\x8b\\x08\\x00\\x00\\x00\\x00\\x00`"
            )
        );
    }
}
