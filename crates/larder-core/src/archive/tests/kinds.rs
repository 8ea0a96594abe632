//! What a file is, is read from its bytes.

use super::tar_maker::*;
use super::*;
use crate::Kind;

fn read_as(format: FileFormat, name: &str, bytes: &[u8]) -> Result<(ArchiveKind, Vec<u8>)> {
    let place = Place::new();
    let tool: FileName = "tool".parse().unwrap();
    let extracted = unpack(
        ReadAs::File { format, name },
        Some(&tool),
        bytes,
        &Select::Programs {
            globs: &[],
            names: std::slice::from_ref(&tool),
            platform: Platform::host(),
        },
        &place.out,
        &Budget::default(),
        None,
        &Cancel::new(),
    );
    let extracted = extracted.inspect_err(|_| assert_eq!(place.left(), Vec::<String>::new()))?;
    assert_eq!(place.left(), ["tool"]);
    Ok((extracted.kind, crate::fs::read(&extracted.files[0].path)?))
}

/// Files of every kind that contain a program `tool`, by the command that makes them from the
/// files `tool` and `tool.tar`.
fn samples(place: &Place) -> Vec<(&'static str, ArchiveKind, Vec<u8>)> {
    use ArchiveKind::{Deb, Single, Tar, Zip};
    use Compression::{Bz2, Gz, Lz4, Lzma, Plain, Xz, Zst};
    sh(
        "printf '#!/bin/sh\\necho tool\\n' >tool; chmod 755 tool; tar cf tool.tar tool",
        &place.root,
    );
    let commands = [
        ("cat tool", Single(Plain)),
        ("cat tool.tar", Tar(Plain)),
        ("tar --format=v7 -c tool", Tar(Plain)),
        ("tar --format=posix -c tool", Tar(Plain)),
        ("gzip -c tool", Single(Gz)),
        ("gzip -c tool.tar", Tar(Gz)),
        ("xz -c tool", Single(Xz)),
        ("xz -c tool.tar", Tar(Xz)),
        ("bzip2 -c tool", Single(Bz2)),
        ("bzip2 -c tool.tar", Tar(Bz2)),
        ("zstd -qc tool", Single(Zst)),
        ("zstd -qc tool.tar", Tar(Zst)),
        ("lz4 -qc tool", Single(Lz4)),
        ("lz4 -qc tool.tar", Tar(Lz4)),
        ("lz4 -qcBD --no-frame-crc tool.tar", Tar(Lz4)),
        ("xz -c --format=lzma tool", Single(Lzma)),
        ("xz -c --format=lzma -9 tool.tar", Tar(Lzma)),
        ("zip -q - tool", Zip),
        (
            "mkdir -p p/DEBIAN p/usr/bin; cp tool p/usr/bin; printf 'Package: tool\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@example.com>\\nDescription: x\\n' >p/DEBIAN/control; dpkg-deb -Zxz --root-owner-group -b p p.deb >/dev/null; cat p.deb",
            Deb,
        ),
        (
            "dpkg-deb -Zzstd --root-owner-group -b p p.deb >/dev/null; cat p.deb",
            Deb,
        ),
        (
            "dpkg-deb -Znone --root-owner-group -b p p.deb >/dev/null; cat p.deb",
            Deb,
        ),
    ];
    commands
        .into_iter()
        .filter(|(command, _)| have(command))
        .map(|(command, kind)| {
            sh(&format!("({command}) >sample"), &place.root);
            let bytes = crate::fs::read(place.root.join("sample")).unwrap();
            (command, kind, bytes)
        })
        .collect()
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs a POSIX shell and its programs")]
fn the_bytes_say_what_a_file_is_whatever_its_name() {
    let place = Place::new();
    let program = b"#!/bin/sh\necho tool\n";
    for (command, kind, bytes) in samples(&place) {
        for name in [
            "download",
            "tool",
            "v1.0.0",
            "tool.tar.gz",
            "tool.tgz",
            "tool.zip",
            "tool.tar.xz",
            "tool.gz",
            "tool.deb",
            "tool.7z",
            "tool.exe",
            "tool.rpm",
            "",
        ] {
            let read = read_as(FileFormat::Auto, name, &bytes);
            let read = read.unwrap_or_else(|e| panic!("{command} as {name}: {e}"));
            assert_eq!(read, (kind, program.to_vec()), "{command} as {name}");
        }
        // Nothing of the kind is accepted when it is cut off.
        if kind != ArchiveKind::Single(Compression::Plain) {
            // The last byte of a Debian package may be padding, which is not required.
            for cut in [bytes.len() - 2, bytes.len() / 2, bytes.len() / 3] {
                // A tar has no checksum over its blocks, and does not need its end mark.
                let maybe = matches!(kind, ArchiveKind::Tar(Compression::Plain)) && cut > 1024;
                let read = read_as(FileFormat::Auto, "download", &bytes[..cut]);
                assert!(read.is_err() || maybe, "{command} cut at {cut}: {read:?}");
            }
        }
    }
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs a POSIX shell and its programs")]
fn the_recipe_overrides_what_the_bytes_say() {
    let place = Place::new();
    for (command, kind, bytes) in samples(&place) {
        let plain = read_as(FileFormat::Plain, "tool.tar.gz", &bytes);
        let expected = (ArchiveKind::Single(Compression::Plain), bytes.clone());
        assert_eq!(plain.unwrap(), expected, "{command}");
        let format = match kind {
            ArchiveKind::Tar(_) => FileFormat::Tar,
            ArchiveKind::Zip => FileFormat::Zip,
            ArchiveKind::SevenZip => FileFormat::SevenZip,
            ArchiveKind::Deb => FileFormat::Deb,
            ArchiveKind::Single(Compression::Gz) => FileFormat::Gz,
            ArchiveKind::Single(Compression::Xz) => FileFormat::Xz,
            ArchiveKind::Single(Compression::Zst) => FileFormat::Zst,
            ArchiveKind::Single(Compression::Bz2) => FileFormat::Bz2,
            ArchiveKind::Single(Compression::Lz4) => FileFormat::Lz4,
            ArchiveKind::Single(Compression::Lzma) => FileFormat::Lzma,
            ArchiveKind::Single(Compression::Plain) => FileFormat::Plain,
        };
        let read = read_as(format, "download", &bytes).unwrap();
        assert_eq!(
            read,
            (kind, b"#!/bin/sh\necho tool\n".to_vec()),
            "{command}"
        );
        // Another format is an error, not a guess. One compressed file may be a tar, though.
        for other in [FileFormat::Zip, FileFormat::SevenZip, FileFormat::Deb] {
            if other != format {
                let error = read_as(other, "download", &bytes).unwrap_err();
                assert_eq!(error.kind(), Kind::Integrity, "{command} {other}: {error}");
            }
        }
    }
    let gz = gzipped(&tar(&[]));
    let (kind, bytes) = read_as(FileFormat::Gz, "x.tar.gz", &gz).unwrap();
    assert_eq!(
        (kind, bytes),
        (ArchiveKind::Single(Compression::Gz), tar(&[]))
    );
    // A jar is a zip, but it is run as it is.
    let jar = b"PK\x03\x04 and so on";
    let (kind, _) = read_as(FileFormat::Auto, "tool-1.0.jar", jar).unwrap();
    assert_eq!(kind, ArchiveKind::Single(Compression::Plain));
}

#[test]
fn a_kind_that_cannot_be_opened_is_named() {
    for (start, name, expected) in [
        (&b"\xed\xab\xee\xdb\x03\0"[..], "x", "an RPM package (.rpm)"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "x",
            "a Windows installer (.msi)",
        ),
        (b"xar!\0\x1c", "x", "a macOS installer package (.pkg)"),
        (b"xar!\0\x1c", "x", "a cpio archive within a xar archive"),
        (b"BZh91AY&SY", "x.dmg", "only macOS mounts it"),
        (b"MSCF\0\0", "x", "a Windows cabinet (.cab)"),
        (b"Rar!\x1a\x07\x01\0", "x", "a RAR archive (.rar)"),
        (b"LZIP\x01\x0c", "x.tar.lz", "an lzip file (.lz)"),
        (b"\x89LZO\0\r\n\x1a\n", "x", "an lzop file (.lzo)"),
        (b"\x1f\x9d\x90", "x.tar.Z", "a file of `compress` (.Z)"),
        (b"070701000", "x", "a cpio archive"),
        (b"hsqs\0", "x", "a SquashFS image"),
        (b"!<arch>\nfoo.o/          ", "x", "an `ar` archive"),
        (b"\0asm\x01\0\0\0", "x", "a WebAssembly module"),
        (
            b"\x78\x01\x73\x0d",
            "Tool-1.0.DMG",
            "a macOS disk image (.dmg)",
        ),
        (b"\x0b\x02\x80", "tool.br", "a Brotli file (.br)"),
    ] {
        let error = read_as(FileFormat::Auto, name, start).unwrap_err();
        assert_eq!(error.kind(), Kind::Failed, "{expected}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hints()[0].contains("format: plain"), "{error}");
        assert!(read_as(FileFormat::Plain, name, start).is_ok());
    }
}

#[test]
fn a_name_that_promises_an_archive_explains_bytes_that_say_nothing() {
    for (name, bytes, expected) in [
        (
            "x.tar.gz",
            &b"nonsense"[..],
            "it is not in gzip format: it begins with `nonsense`",
        ),
        (
            "x.tar.gz",
            b"<!DOCTYPE html><html>",
            "it is not in gzip format: it is an HTML page",
        ),
        (
            "x.zip",
            b"nonsense",
            "it is not a zip archive: it begins with `nonsense`",
        ),
        ("x.7z", b"nonsense", "it is not a 7z archive"),
        ("x.deb", b"nonsense", "it is not a Debian package"),
        ("x.tar", b"nonsense", "it ends early"),
        (
            "x.tgz",
            &gzipped(&b"nonsense".repeat(100)),
            "it is not a tar archive: it begins with",
        ),
    ] {
        let error = read_as(FileFormat::Auto, name, bytes).unwrap_err();
        assert_eq!(error.kind(), Kind::Integrity, "{name}");
        assert!(error.message().contains(expected), "{name}: {error}");
    }
}

#[test]
fn only_pages_start_like_pages() {
    for page in [
        "<!DOCTYPE html><html>",
        "  \r\n<html lang=en>",
        "\u{feff}<!doctype HTML PUBLIC>",
        "<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML\">",
        "<!-- saved from url -->\n<html>",
        "<head><title>Sign in</title>",
        "<script>location.href='/login'</script>",
    ] {
        assert!(is_page(page.as_bytes()), "{page}");
    }
    for other in [
        &b""[..],
        b"\x1f\x8b\x08",
        b"PK\x03\x04",
        b"#!/bin/sh\necho '<html>'",
        b"\x7fELF",
        b"<?xml version=\"1.0\"?><plist>",
        b"<!-- a comment",
        b"0123456789abcdef  tool.html",
    ] {
        assert!(!is_page(other), "{other:?}");
    }
}

/// Archives that 7-Zip's format allows; the methods of the first four differ.
const SEVEN: [&[u8]; 4] = [
    include_bytes!("data/a.7z"),
    include_bytes!("data/lzma.7z"),
    include_bytes!("data/bzip2.7z"),
    include_bytes!("data/copy.7z"),
];

#[test]
fn seven_zip_archives_are_unpacked() {
    let select = [
        ("d/tool".to_owned(), "tool".parse().unwrap()),
        ("d/readme".to_owned(), "readme".parse().unwrap()),
        ("d/empty".to_owned(), "empty".parse().unwrap()),
        ("d/l".to_owned(), "l".parse().unwrap()),
    ];
    for bytes in SEVEN {
        let place = Place::new();
        let files = place
            .unpack(ArchiveKind::SevenZip, bytes, &Select::Globs(&select))
            .unwrap();
        let mut seen: Vec<_> = files
            .iter()
            .map(|f| (f.name.as_str(), f.mode, f.sha256))
            .collect();
        seen.sort_unstable();
        let tool = Digest::of(b"0123456789");
        assert_eq!(
            seen,
            [
                ("empty", 0o644, Digest::of(b"")),
                // It is a link to `tool`.
                ("l", 0o755, tool),
                ("readme", 0o644, Digest::of(b"x")),
                ("tool", 0o755, tool),
            ]
        );
        for at in 0..bytes.len() {
            let place = Place::new();
            let cut = place.unpack(ArchiveKind::SevenZip, &bytes[..at], &Select::Globs(&select));
            assert_eq!(cut.unwrap_err().kind(), Kind::Integrity, "cut at {at}");
            assert_eq!(place.left(), Vec::<String>::new());
        }
        let tail = [bytes, b"tail"].concat();
        let error = Place::new()
            .unpack(ArchiveKind::SevenZip, &tail, &Select::All)
            .unwrap_err();
        assert!(error.message().contains("data after its end"), "{error}");
        let padded = [bytes, &[0; 700]].concat();
        assert!(
            Place::new()
                .unpack(ArchiveKind::SevenZip, &padded, &Select::Globs(&select))
                .is_ok()
        );
    }
}

#[test]
fn hostile_seven_zip_archives_are_refused() {
    let refusal = |bytes: &[u8]| try_good(ArchiveKind::SevenZip, bytes).unwrap_err();
    assert!(refusal(include_bytes!("data/up.7z")).contains("`../x`: its path contains `..`"));
    assert!(refusal(include_bytes!("data/through.7z")).contains("written through a link"));
    assert!(refusal(include_bytes!("data/memory.7z")).contains("more than 72 MiB of memory"));
    assert!(try_good(ArchiveKind::SevenZip, include_bytes!("data/odd.7z")).is_ok());
    let budget = Budget {
        entries: 2,
        ..Budget::default()
    };
    let place = Place::new();
    let error = unpack_into(
        &place.out,
        ArchiveKind::SevenZip,
        SEVEN[0],
        &Select::All,
        &budget,
    );
    assert!(error.unwrap_err().message().contains("more than 2 entries"));
    let budget = Budget {
        unpacked: 9,
        ..Budget::default()
    };
    let error = unpack_into(
        &place.out,
        ArchiveKind::SevenZip,
        SEVEN[0],
        &Select::All,
        &budget,
    );
    assert!(error.unwrap_err().message().contains("more than 9 bytes"));
}

#[test]
fn hostile_debian_packages_are_refused() {
    let member = |name: &str, data: &[u8]| {
        let mut bytes = format!(
            "{name:<16}0           0     0     100644  {:<10}`\n",
            data.len()
        )
        .into_bytes();
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        bytes
    };
    let deb = |members: &[Vec<u8>]| {
        [
            b"!<arch>\n".to_vec(),
            member("debian-binary", b"2.0\n"),
            members.concat(),
        ]
        .concat()
    };
    let data = member("data.tar", &tar(&[]));
    let kind = ArchiveKind::Deb;
    for fine in [
        deb(&[member("control.tar.gz", b"odd"), data.clone()]),
        deb(&[data.clone(), member("_gpgorigin", b"x")]),
        deb(&[member("data.tar.gz/", &gzipped(&tar(&[])))]),
    ] {
        assert_eq!(try_good(kind, &fine), Ok(vec!["good".to_owned()]));
    }
    for (bytes, expected) in [
        (deb(&[]), "a Debian package without files"),
        (deb(&[data.clone(), data.clone()]), "two archives of files"),
        (deb(&vec![member("x", b""); 40]), "too many members"),
        (deb(&[data.clone(), b"tail".to_vec()]), "it ends early"),
        (deb(&[data[..200].to_vec()]), "it ends early"),
        (
            deb(&[member("data.tar", &tar(&[file("../x", b"")]))]),
            "its path contains `..`",
        ),
        (
            [b"!<arch>\n".to_vec(), member("x", b"")].concat(),
            "not a Debian package",
        ),
        (
            deb(&[{
                let mut broken = data.clone();
                broken[58] = b'x';
                broken
            }]),
            "a damaged Debian package",
        ),
        (
            deb(&[{
                let mut broken = data.clone();
                broken[48] = b'-';
                broken
            }]),
            "a damaged Debian package",
        ),
    ] {
        let message = try_good(kind, &bytes).unwrap_err();
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs a POSIX shell and its programs")]
fn hostile_lz4_and_lzma_files_are_refused() {
    let place = Place::new();
    sh("head -c 300000 /dev/urandom >x", &place.root);
    for (command, kind) in [
        ("lz4 -qc x >y", ArchiveKind::Single(Compression::Lz4)),
        (
            "lz4 -qcB4 --no-frame-crc x >y",
            ArchiveKind::Single(Compression::Lz4),
        ),
        (
            "xz -c --format=lzma x >y",
            ArchiveKind::Single(Compression::Lzma),
        ),
    ]
    .into_iter()
    .filter(|(command, _)| have(command))
    {
        sh(command, &place.root);
        let bytes = crate::fs::read(place.root.join("y")).unwrap();
        assert!(
            Place::new().unpack(kind, &bytes, &Select::Flat).is_ok(),
            "{command}"
        );
        // Also where a block ends: the decoder alone would take that for the end of the file.
        let cuts = [
            1,
            4,
            7,
            11,
            15,
            65_554,
            65_558,
            65_562,
            bytes.len() - 4,
            bytes.len() - 1,
        ];
        for cut in cuts
            .into_iter()
            .chain((0..bytes.len()).step_by(4999).skip(1))
        {
            let out = Place::new();
            let error = out.unpack(kind, &bytes[..cut], &Select::Flat).unwrap_err();
            assert_eq!(
                (error.kind(), out.left()),
                (Kind::Integrity, vec![]),
                "{command} {cut}"
            );
        }
        let tail = [&bytes, &b"tail"[..]].concat();
        assert!(
            Place::new().unpack(kind, &tail, &Select::Flat).is_err(),
            "{command}"
        );
    }
    // A dictionary of 256 MiB.
    let memory = b"\x5d\0\0\0\x10\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0";
    let error = Place::new()
        .unpack(
            ArchiveKind::Single(Compression::Lzma),
            memory,
            &Select::Flat,
        )
        .unwrap_err();
    assert!(
        error.message().contains("more than 72 MiB of memory"),
        "{error}"
    );
}
