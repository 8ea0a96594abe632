//! Zips as programs of Windows, self-extracting archives and old programs write them, and entries
//! that can't be extracted.

use super::odd::extract;
use super::tar_maker::good;
use super::zip_maker::*;
use super::*;
use crate::Kind;

fn notes(bytes: &[u8]) -> Vec<String> {
    let place = Place::new();
    let extracted = extract(&place, ArchiveKind::Zip, bytes, &Select::Globs(&good()));
    let extracted = extracted.unwrap_or_else(|e| panic!("{e} {:?}", e.causes()));
    assert_eq!(place.left(), ["good"]);
    assert_eq!(crate::fs::read(place.out.join("good")).unwrap(), b"good");
    extracted.notes
}

#[test]
fn odd_entries_of_a_zip_are_skipped_and_told() {
    let with = |change: fn(&mut Entry)| {
        let mut entry = file("x");
        change(&mut entry);
        vec![entry]
    };
    let cases: Vec<(Vec<Entry>, &str)> = vec![
        (with(|e| e.flags = 1), "`x`: it is encrypted"),
        (
            with(|e| e.method = 99),
            "`x`: its compression method 99 is unknown",
        ),
        (
            with(|e| (e.method, e.size) = (9, 400)),
            "`x`: its compression method 9 is unknown",
        ),
        (vec![stored("x", 0o020_644, b"data")], "`x`: it is a device"),
        (vec![stored("x", 0o010_644, b"")], "`x`: it is a FIFO"),
        (
            vec![stored("x", 0o140_644, b"")],
            "`x`: entries of its type are not supported",
        ),
        (
            vec![stored("x", 0o104_755, b"")],
            "`x`: it has setuid or setgid permissions, which are dropped",
        ),
        (
            vec![stored("l", 0o120_777, b"../x")],
            "`l`: it is a link to `../x`, which leads outside of the archive",
        ),
        (
            vec![stored("l", 0o120_777, b"\xff")],
            "`l`: it is a link to a name that is not UTF-8",
        ),
        (vec![file("x"), file("x")], "`x`: it occurs twice"),
        (
            vec![file("x"), stored("x", 0o100_644, b"other")],
            "`x`: it occurs twice",
        ),
        (
            vec![stored("good", 0o100_755, b"good")],
            "`good`: it occurs twice",
        ),
        (
            vec![file("x"), file("X")],
            "`X`: it differs from an earlier path only in case",
        ),
        (vec![file("Icon\r")], "contains the control character"),
    ];
    for (entries, expected) in cases {
        let told = notes(&zip(&entries));
        assert!(
            told.iter().any(|note| note.contains(expected)),
            "{expected}: {told:?}"
        );
        let place = Place::new();
        let error = place
            .unpack(ArchiveKind::Zip, &zip(&entries), &Select::Flat)
            .unwrap_err();
        assert_eq!(
            (error.kind(), place.left()),
            (Kind::Integrity, vec![]),
            "{expected}"
        );
    }
    // What is selected must be readable.
    let closed = [Entry {
        flags: 1,
        ..stored("bin/tool", 0o100_755, b"data")
    }];
    let select = [("bin/tool".to_owned(), "tool".parse().unwrap())];
    let error = extract(
        &Place::new(),
        ArchiveKind::Zip,
        &zip(&closed),
        &Select::Globs(&select),
    );
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Failed);
    assert!(error.message().contains("it is encrypted"), "{error}");
}

#[test]
fn names_of_old_and_of_windows_programs_are_read() {
    let unicode = |plain: &[u8], text: &str| {
        let mut field = le(&[
            (2, 0x7075),
            (2, 5 + text.len() as u64),
            (1, 1),
            (4, crc(plain).into()),
        ]);
        field.extend_from_slice(text.as_bytes());
        field
    };
    let named = |name: &[u8], extra: Vec<u8>| Entry {
        name: name.to_vec(),
        extra,
        ..stored("", 0o100_755, b"data")
    };
    for (entry, expected) in [
        (named(b"bin\\tool.exe", vec![]), "bin/tool.exe"),
        (named(b"a\\b\\c", vec![]), "a/b/c"),
        (named(b"caf\x82/tool", vec![]), "caf\u{e9}/tool"),
        (named("caf\u{e9}/tool".as_bytes(), vec![]), "caf\u{e9}/tool"),
        (
            named(b"caf\x82", unicode(b"caf\x82", "caf\u{e9}")),
            "caf\u{e9}",
        ),
        (
            named(b"???", unicode(b"???", "\u{65e5}\u{672c}\u{8a9e}")),
            "\u{65e5}\u{672c}\u{8a9e}",
        ),
        // A second name that was made for another name does not count.
        (named(b"new", unicode(b"old", "\u{e9}")), "new"),
    ] {
        let select = [(expected.to_owned(), "out".parse().unwrap())];
        let place = Place::new();
        extract(
            &place,
            ArchiveKind::Zip,
            &zip(&[entry]),
            &Select::Globs(&select),
        )
        .unwrap_or_else(|e| panic!("{expected}: {e} {:?}", e.hints()));
        assert_eq!(crate::fs::read(place.out.join("out")).unwrap(), b"data");
    }
    // A folder of a Windows program.
    assert!(notes(&zip(&[stored("d\\", 0, b""), file("d\\x")])).is_empty());
}

#[test]
fn stubs_and_padding_are_no_extra_data() {
    let whole = zip(&[file("x")]);
    let place = Place::new();
    let archive = |name: &str, bytes: &[u8]| {
        let tool: FileName = "good".parse().unwrap();
        let read = unpack(
            ReadAs::File {
                format: FileFormat::Auto,
                name,
            },
            Some(&tool),
            bytes,
            &Select::Globs(&good()),
            &Place::new().out,
            &Budget::default(),
            None,
            &Cancel::new(),
        );
        read.unwrap().kind
    };
    for stub in [
        &b"#!/bin/sh\nexit\n"[..],
        b"MZ and so on",
        b"\x7fELF",
        b"PK00",
    ] {
        // The positions in the archive do not count the stub.
        let appended = [stub, &whole].concat();
        assert!(notes(&appended).is_empty());
        assert_eq!(archive("x.zip", &appended), ArchiveKind::Zip);
        // They do, as `zip -A` makes them.
        if have("zip -A") {
            crate::fs::write_atomic(place.root.join("a.zip"), &appended).unwrap();
            sh("zip -qA a.zip 2>/dev/null || true", &place.root);
            assert!(notes(&crate::fs::read(place.root.join("a.zip")).unwrap()).is_empty());
        }
        // Without the name of an archive, a program is a program.
        if stub != b"PK00" {
            let single = ArchiveKind::Single(Compression::Plain);
            assert_eq!(archive("x.exe", &appended), single);
            assert_eq!(archive("x.zip", stub), single);
        }
    }
    for zeros in [1, 2, 3, 22, 512, 70_000, 300_000] {
        assert!(
            notes(&[&whole[..], &vec![0; zeros]].concat()).is_empty(),
            "{zeros}"
        );
    }
    // Zeros between entries, as programs write them that align the contents.
    let aligned = zip(&[Entry {
        after: vec![0; 77],
        ..file("x")
    }]);
    assert!(notes(&aligned).is_empty());
    let commented = {
        let mut bytes = whole.clone();
        let length = bytes.len();
        bytes[length - 2] = 3;
        bytes.extend_from_slice(b"a\0b");
        bytes
    };
    assert!(notes(&commented).is_empty());
    assert!(notes(&[&commented[..], &[0; 9]].concat()).is_empty());
}

#[test]
fn zip64_archives_are_unpacked() {
    let place = Place::new();
    let script = "import zipfile, io
zipfile.ZIP64_LIMIT = 10
for name, kind in (('a', 0), ('b', 8)):
    with zipfile.ZipFile(name + '.zip', 'w', kind) as z:
        with z.open(zipfile.ZipInfo('good'), 'w', force_zip64=True) as f: f.write(b'good')
        for n in range(20): z.writestr('f%d' % n, 'x' * 40)
class Stream(io.RawIOBase):
    def __init__(self): self.b = bytearray()
    def writable(self): return True
    def write(self, b): self.b += bytes(b); return len(b)
s = Stream()
with zipfile.ZipFile(s, 'w', 8) as z:
    with z.open('good', 'w', force_zip64=True) as f: f.write(b'good')
    with z.open('other', 'w', force_zip64=True) as f: f.write(b'x' * 1000)
open('c.zip', 'wb').write(s.b)";
    if have("python3") {
        python(script, &place.root);
        for name in ["a.zip", "b.zip", "c.zip"] {
            let bytes = crate::fs::read(place.root.join(name)).unwrap();
            assert!(notes(&bytes).is_empty(), "{name}");
            assert!(
                notes(&[b"#!/bin/sh\n", &bytes[..]].concat()).is_empty(),
                "{name} with a stub"
            );
        }
    }
    if have("zip") {
        sh(
            "printf good >good; cat good | zip -q -fz s.zip - 2>/dev/null; zip -q -fz t.zip good",
            &place.root,
        );
        assert!(notes(&crate::fs::read(place.root.join("t.zip")).unwrap()).is_empty());
    }
}
