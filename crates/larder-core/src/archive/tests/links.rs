//! What is selected may be a link in the archive: it is followed to a file of the archive.

use tar::EntryType;

use super::odd::extract;
use super::tar_maker::*;
use super::*;

const PROGRAM: &[u8] = b"#!/bin/sh\necho tool\n";

#[test]
fn a_selected_link_is_followed_inside_the_archive() {
    let program = |name| file(name, PROGRAM);
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        (
            "a link to a sibling that follows",
            vec![symlink("bin/tool", "tool-18"), program("bin/tool-18")],
        ),
        (
            "a link to a sibling that precedes",
            vec![program("bin/tool-18"), symlink("bin/tool", "./tool-18")],
        ),
        (
            "a hard link",
            vec![
                program("bin/aaa"),
                link("bin/tool", EntryType::Link, "bin/aaa"),
            ],
        ),
        (
            "a hard link to `./`",
            vec![
                program("./bin/aaa"),
                link("bin/tool", EntryType::Link, "./bin/aaa"),
            ],
        ),
        (
            "into another folder",
            vec![symlink("bin/tool", "../lib/x/main"), program("lib/x/main")],
        ),
        (
            "through a link to a folder",
            vec![
                symlink("current", "v1"),
                symlink("bin/tool", "../current/main"),
                program("v1/main"),
            ],
        ),
        (
            "through links of both kinds",
            vec![
                program("a"),
                link("b", EntryType::Link, "a"),
                symlink("c", "b"),
                symlink("d/tool", "../c"),
            ],
        ),
        (
            "two links to one file",
            vec![
                program("main"),
                symlink("bin/tool", "../main"),
                symlink("sbin/tool", "../main"),
            ],
        ),
        (
            "one link that leads nowhere",
            vec![
                symlink("a/tool", "nowhere"),
                program("main"),
                symlink("bin/tool", "../main"),
            ],
        ),
        (
            "a file of that name comes before links",
            vec![
                symlink("bin/tool", "../main"),
                file("main", b"#!/bin/sh\necho other"),
                program("x/tool"),
            ],
        ),
    ];
    let name: FileName = "tool".parse().unwrap();
    for (what, parts) in cases {
        let plain = [parts.concat(), vec![0; 1024]].concat();
        for (kind, bytes) in [
            (TAR, plain.clone()),
            (ArchiveKind::Tar(Compression::Gz), gzipped(&plain)),
        ] {
            for select in [
                Select::Globs(&[("**/tool".to_owned(), name.clone())]),
                Select::Programs {
                    globs: &[],
                    names: std::slice::from_ref(&name),
                    platform: Platform::host(),
                },
            ] {
                let place = Place::new();
                let files = extract(&place, kind, &bytes, &select)
                    .unwrap_or_else(|e| panic!("{what}: {e} {:?}", e.hints()))
                    .files;
                assert_eq!(place.left(), ["tool"], "{what}");
                let meta = crate::fs::lstat(place.out.join("tool")).unwrap().unwrap();
                assert!(meta.is_file(), "{what}");
                assert_eq!(
                    (files[0].mode, files[0].sha256),
                    (0o755, Digest::of(PROGRAM)),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn one_file_can_have_several_selected_names() {
    let names: Vec<FileName> = ["busybox", "ls", "cat"].map(|n| n.parse().unwrap()).into();
    let bytes = [
        symlink("bin/ls", "busybox"),
        file("bin/busybox", PROGRAM),
        link("bin/cat", EntryType::Link, "bin/busybox"),
        vec![0; 1024],
    ]
    .concat();
    let place = Place::new();
    let select = Select::Programs {
        globs: &[],
        names: &names,
        platform: Platform::host(),
    };
    let files = extract(&place, TAR, &bytes, &select).unwrap().files;
    assert_eq!(place.left(), ["busybox", "cat", "ls"]);
    for file in files {
        assert_eq!((file.mode, file.sha256), (0o755, Digest::of(PROGRAM)));
        assert_eq!(crate::fs::read(&file.path).unwrap(), PROGRAM);
    }
}

#[test]
fn links_to_different_files_are_ambiguous() {
    let bytes = [
        file("a", PROGRAM),
        file("b", b"#!/bin/sh\necho b"),
        symlink("x/tool", "../a"),
        symlink("y/tool", "../b"),
        vec![0; 1024],
    ]
    .concat();
    let select = [("**/tool".to_owned(), "tool".parse().unwrap())];
    let place = Place::new();
    let error = extract(&place, TAR, &bytes, &Select::Globs(&select)).unwrap_err();
    assert!(error.to_string().contains("matches 2 files"), "{error}");
    assert_eq!(place.left(), Vec::<String>::new());
}
