//! Invalid and hostile zips, made by hand.

use super::tar_maker::try_good;
use super::zip_maker::*;
use super::*;

fn refusal(bytes: &[u8]) -> String {
    try_good(ArchiveKind::Zip, bytes).unwrap_err()
}

#[test]
fn one_hostile_entry_makes_the_whole_zip_refused() {
    let with = |change: fn(&mut Entry)| {
        let mut entry = file("x");
        change(&mut entry);
        vec![entry]
    };
    let cases: Vec<(Vec<Entry>, &str)> = vec![
        (vec![file("../x")], "`../x`: its path contains `..`"),
        (vec![file("/x")], "`/x`: its path is absolute"),
        (
            vec![file("c:/x")],
            "`c:/x`: its path begins with a drive letter",
        ),
        (vec![file("a\\..\\..\\x")], "its path contains `..`"),
        (vec![file("\\x")], "its path is absolute"),
        (vec![file("a\0x")], "its name contains a NUL"),
        (vec![file("")], "``: its name is empty"),
        (
            vec![file("good")],
            "`good`: it occurs twice, with different contents",
        ),
        (
            vec![stored("l", 0o120_777, b"d"), file("l/x")],
            "`l/x`: it would be written through a link",
        ),
        (
            vec![stored("l", 0o120_777, &[b'x'; 5000])],
            "a header in it is 5000 bytes long",
        ),
        (
            vec![stored("x", 0o040_755, b"")],
            "`x`: its name and its type contradict each other",
        ),
        (
            vec![stored("x/", 0o100_644, b"")],
            "`x/`: its name and its type contradict each other",
        ),
        (
            vec![stored("d/", 0o040_755, b"data")],
            "`d/`: it is a folder but has content",
        ),
        (with(|e| e.crc ^= 1), "`x`: its checksum is wrong"),
        (
            with(|e| e.size = 3),
            "`x`: it is stored without compression, but its two sizes differ",
        ),
        (
            with(|e| e.local_size = Some(3)),
            "`x`: its local header differs from the directory",
        ),
        (
            with(|e| e.local_name = Some(b"y".to_vec())),
            "`x`: its local header differs from the directory",
        ),
        (
            with(|e| e.local_flags = Some(8)),
            "`x`: its local header differs from the directory",
        ),
        (
            with(|e| {
                let crc = u64::from(crc(b"x"));
                e.extra = le(&[(2, 0x7075), (2, 7), (1, 1), (4, crc), (2, 0x7979)]);
            }),
            "`x`: it has two names",
        ),
        (
            with(|e| e.after = b"gap".to_vec()),
            "`x`: it overlaps the next entry, or there is extra data after it",
        ),
        (
            with(|e| (e.flags, e.after) = (8, b"sixteen bytes...".to_vec())),
            "`x`: its data descriptor differs from the directory",
        ),
        (
            with(|e| e.offset = Some(5)),
            "`x`: it overlaps another entry, or there is extra data before it",
        ),
        (
            vec![
                file("x"),
                Entry {
                    offset: Some(0),
                    ..file("y")
                },
            ],
            "overlap",
        ),
        (
            vec![Entry {
                size: 5,
                ..deflated("x", b"data")
            }],
            "`x`: it is shorter than stated",
        ),
        (
            vec![Entry {
                size: 3,
                ..deflated("x", b"data")
            }],
            "`x`: it is larger than stated",
        ),
        (
            vec![Entry {
                data: [deflated("x", b"data").data, b"more".to_vec()].concat(),
                ..deflated("x", b"data")
            }],
            "there is data after its compressed content",
        ),
        (
            vec![Entry {
                data: vec![7; 9],
                ..deflated("x", b"data")
            }],
            "`x`: it is damaged",
        ),
        (
            vec![Entry {
                size: 0xffff_fff0,
                ..deflated("bomb", b"data")
            }],
            "it unpacks to more than",
        ),
    ];
    for (entries, expected) in cases {
        let message = refusal(&zip(&entries));
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[test]
fn a_zip_with_malformed_framing_is_refused() {
    let whole = zip(&[]);
    assert_eq!(
        refusal(&[&b"PK\x03\x04"[..], &whole].concat()),
        "`good`: it overlaps another entry, or there is extra data before it"
    );
    let directory = whole.len() - 22 - 50;
    let between = [&whole[..directory], b"gap", &whole[directory..]].concat();
    assert!(
        refusal(&between).contains("extra data"),
        "{}",
        refusal(&between)
    );
    let after = [&whole[..directory + 50], b"gap", &whole[directory + 50..]].concat();
    assert!(refusal(&after).contains("damaged"), "{}", refusal(&after));
    assert!(
        refusal(&[&whole, &b"tail"[..]].concat())
            .contains("its end record is missing, or there is data after it")
    );
    assert!(
        refusal(&[whole.clone(), whole.clone()].concat()).contains("there is extra data before")
    );
    assert!(refusal(&whole[..whole.len() - 1]).contains("its end record is missing"));
    assert!(refusal(b"PK\x03\x04").contains("its end record is missing"));
    assert_eq!(refusal(b""), "it is not a zip archive: it is empty");
    assert_eq!(
        refusal(b"<html>"),
        "it is not a zip archive: it is an HTML page"
    );
    // The comment contains another end record, and readers differ in which one they use.
    let mut two = whole.clone();
    let length = two.len();
    two[length - 2] = 22;
    two.extend(end(0, 0, 0));
    assert_eq!(refusal(&two), "it has two end records");
    // A directory with fewer entries than the archive has.
    let mut fewer = whole.clone();
    fewer[length - 14] = 0;
    fewer[length - 12] = 0;
    assert_eq!(refusal(&fewer), "it is a damaged zip archive");
    let mut disks = whole.clone();
    disks[length - 18] = 1;
    assert_eq!(
        refusal(&disks),
        "it is one part of a split zip archive, or it is damaged"
    );
    // An ordinary comment is accepted.
    let mut comment = whole.clone();
    comment[length - 2] = 2;
    comment.extend_from_slice(b"hi");
    assert!(try_good(ArchiveKind::Zip, &comment).is_ok());
}

#[test]
fn legitimate_zips_are_unpacked() {
    let descriptor = |entry: &Entry, sign: bool| {
        let body = le(&[
            (4, entry.crc.into()),
            (4, entry.data.len() as u64),
            (4, entry.size.into()),
        ]);
        if sign {
            [b"PK\x07\x08".to_vec(), body].concat()
        } else {
            body
        }
    };
    let later = |sign| {
        let entry = deflated("x", b"some data, some data");
        Entry {
            flags: 8,
            local_size: Some(0),
            after: descriptor(&entry, sign),
            ..entry
        }
    };
    let cases: Vec<(&str, Vec<Entry>)> = vec![
        (
            "folders and links",
            vec![
                stored("d/", 0o040_755, b""),
                stored("d/l", 0o120_777, b"../good"),
                deflated("d/x", b"data"),
            ],
        ),
        ("a descriptor", vec![later(true)]),
        ("a descriptor without a signature", vec![later(false)]),
        (
            "no Unix modes",
            vec![
                Entry {
                    made_by: 0,
                    mode: 0,
                    ..file("x")
                },
                Entry {
                    made_by: 0,
                    mode: 0,
                    ..stored("d/", 0, b"")
                },
            ],
        ),
        (
            "flags of no weight",
            vec![Entry {
                flags: 2,
                local_flags: Some(4),
                ..file("x")
            }],
        ),
        (
            "UTF-8",
            vec![Entry {
                flags: 1 << 11,
                ..file("\u{e9}")
            }],
        ),
    ];
    for (what, entries) in cases {
        assert_eq!(
            try_good(ArchiveKind::Zip, &zip(&entries)),
            Ok(vec!["good".to_owned()]),
            "{what}"
        );
    }
    // If the archive has no modes, the content decides.
    let place = Place::new();
    let entries = [
        ("script", &b"#!/bin/sh"[..]),
        ("text", b"text"),
        ("a.exe", b""),
    ];
    let entries = entries.map(|(name, data)| Entry {
        made_by: 0,
        mode: 0,
        ..stored(name, 0, data)
    });
    let files = place
        .unpack(ArchiveKind::Zip, &zip(&entries), &Select::Flat)
        .unwrap();
    let modes: Vec<_> = files.iter().map(|f| (f.name.as_str(), f.mode)).collect();
    assert_eq!(
        modes,
        [
            ("script", 0o755),
            ("text", 0o644),
            ("a.exe", 0o755),
            ("good", 0o755)
        ]
    );
}
