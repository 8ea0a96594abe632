//! Keeping the whole folder of an archive, and packages with folders and links.

use tar::EntryType;

use super::odd::extract;
use super::tar_maker::*;
use super::*;

const PROGRAM: &[u8] = b"#!/bin/sh\necho program\n";

fn names(names: &[&str]) -> Vec<FileName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn archive(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), vec![0; 1024]].concat()
}

fn whole(bytes: &[u8], wanted: &[&str]) -> Result<(Vec<String>, UnpackedTree)> {
    let (place, names) = (Place::new(), names(wanted));
    let select = Select::Whole(WholeSelection {
        globs: &[],
        names: &names,
        platform: Platform::host(),
    });
    match extract(&place, TAR, bytes, &select) {
        Ok(extracted) => {
            let mut files = Vec::new();
            for file in extracted.files {
                assert_eq!(file.path, place.out.join(&file.name));
                let meta = crate::fs::lstat(&file.path).unwrap().unwrap();
                assert!(meta.is_file() && meta.len() == file.size, "{file:?}");
                files.push(file.name);
            }
            files.sort();
            Ok((files, extracted.tree.unwrap()))
        }
        Err(error) => {
            assert_eq!(place.left(), [""; 0], "{error}");
            Err(error)
        }
    }
}

#[test]
fn a_single_folder_at_the_top_is_left_out() {
    for (prefix, expected) in [
        ("nvim-1.0/", ["bin/nvim", "share/a"]),
        ("", ["bin/nvim", "share/a"]),
        // The names of the folder and of what is in it may be the same.
        ("bin/", ["bin/nvim", "share/a"]),
        ("share/", ["bin/nvim", "share/a"]),
        ("a/b/", ["b/bin/nvim", "b/share/a"]),
    ] {
        let bytes = archive(&[
            bare_entry(&format!("{prefix}empty/"), EntryType::Directory),
            file(&format!("{prefix}bin/nvim"), PROGRAM),
            file(&format!("{prefix}share/a"), b"a"),
            symlink(&format!("{prefix}bin/vi"), "./nvim"),
        ]);
        let (files, tree) = whole(&bytes, &["nvim"]).unwrap();
        assert_eq!(files, expected, "{prefix}");
        let below = expected[0].trim_end_matches("bin/nvim");
        assert_eq!(tree.links, [(format!("{below}bin/vi"), "nvim".to_owned())]);
        assert_eq!(tree.binaries[0].1, expected[0]);
    }
}

#[test]
fn links_that_stay_inside_are_returned_and_none_is_made() {
    let bytes = archive(&[
        file("t/bin/tool", PROGRAM),
        symlink("t/inside", "bin/tool"),
        symlink("t/folder", "bin/"),
        symlink("t/chain", "folder/tool"),
        symlink("t/itself", "itself"),
        symlink("t/here", "."),
        symlink("t/nowhere", "bin/none"),
        symlink("t/out", "../../etc"),
        symlink("t/absolute", "/etc"),
        // The folder at the top is left out, so this leads outside.
        symlink("t/over", "../t/bin/tool"),
        link("t/hard", EntryType::Link, "t/bin/tool"),
        link("t/lost", EntryType::Link, "t/none"),
    ]);
    let (files, tree) = whole(&bytes, &["tool"]).unwrap();
    assert_eq!(files, ["bin/tool", "hard"]);
    let links = [
        ("chain", "folder/tool"),
        ("folder", "bin"),
        ("inside", "bin/tool"),
    ];
    let links = links.map(|(name, target)| (name.to_owned(), target.to_owned()));
    assert_eq!(tree.links, links);
}

#[test]
fn binaries_may_be_links_and_the_best_one_is_taken() {
    let bytes = archive(&[
        file("t/lib/npm/bin/npm-cli.js", b"#!/usr/bin/env node\n"),
        file("t/lib/npm/bin/npm", PROGRAM),
        symlink("t/bin/npm", "../lib/npm/bin/npm-cli.js"),
        file("t/share/node/node", b"no program"),
        file("t/bin/node", PROGRAM),
    ]);
    let (_, tree) = whole(&bytes, &["node", "npm"]).unwrap();
    let paths: Vec<&str> = tree
        .binaries
        .iter()
        .map(|(_, path)| path.as_str())
        .collect();
    assert_eq!(paths, ["bin/node", "bin/npm"]);
    for (wanted, why) in [
        ("none", "no file named `none`"),
        ("same", "2 files named `same`"),
    ] {
        let bytes = archive(&[
            file("a/same", PROGRAM),
            file("b/same", PROGRAM),
            symlink("c/none", "../d"),
        ]);
        let error = whole(&bytes, &[wanted]).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn what_can_not_be_kept_refuses_the_archive() {
    let tool = file("t/tool", PROGRAM);
    for (part, why) in [
        (file("t/d/aux", b""), "a device"),
        (file("t/a:b", b""), "Windows"),
        (symlink("t/x:y", "tool"), "Windows"),
        (file("t/TOOL", b""), "only in case"),
        (symlink("t/Tool", "tool"), "only in case"),
        (file("t/a\\b", b""), "a backslash"),
        (file("../t", b""), "`..`"),
        (
            [symlink("t/l", "."), file("t/l/x", b"")].concat(),
            "through a link",
        ),
        (
            [file("t/x", b"1"), file("t/x", b"2")].concat(),
            "occurs twice",
        ),
    ] {
        let error = whole(&archive(&[tool.clone(), part]), &["tool"]).unwrap_err();
        let causes = format!("{error} {:?}", error.causes());
        assert!(causes.contains(why), "{causes} instead of {why}");
    }
}

/// Links of any length are packed and read, with the same bytes on any number of threads.
#[test]
fn packages_with_folders_and_links_round_trip() {
    let long = format!("lib/{}/{}", "d".repeat(90), "f".repeat(90));
    let back = format!("{}bin/tool", "../".repeat(2));
    let deep = format!("lib/{}/link", "d".repeat(90));
    let entries = [
        bytes_entry(".version", 0o644, b"version: v1\n"),
        bytes_entry("bin/tool", 0o755, PROGRAM),
        bytes_entry(&long, 0o644, b"x"),
        PackEntry::link("bin/t", "tool"),
        PackEntry::link("far", &long),
        PackEntry::link(&deep, &back),
    ];
    for (format, kind) in FORMATS {
        let bytes = packed(format, &entries, 2);
        let reversed: Vec<_> = entries.iter().rev().copied().collect();
        assert_eq!(bytes, packed(format, &reversed, 5), "{format:?}");
        let place = Place::new();
        let extracted = extract(&place, kind, &bytes, &Select::FlatTree).unwrap();
        let mut files: Vec<_> = extracted
            .files
            .iter()
            .map(|f| (f.name.as_str(), f.mode))
            .collect();
        files.sort_unstable();
        assert_eq!(
            files,
            [
                (".version", 0o644),
                ("bin/tool", 0o755),
                (long.as_str(), 0o644)
            ]
        );
        let links = [("bin/t", "tool"), ("far", &*long), (&*deep, &*back)];
        let links = links.map(|(name, target)| (name.to_owned(), target.to_owned()));
        assert_eq!(extracted.tree.unwrap().links, links, "{format:?}");
        // Other programs read it alike.
        crate::fs::write_atomic(place.root.join("p"), &bytes).unwrap();
        let unpack = match format {
            PackageFormat::Zip => "unzip -q ../p",
            PackageFormat::TarGz => "tar xzf ../p",
            PackageFormat::TarZst => "tar --zstd -xf ../p",
        };
        let script =
            format!("mkdir -p x && cd x && {unpack} && readlink bin/t far '{deep}' && cat bin/t");
        let shown = sh(&script, &place.root);
        assert_eq!(
            shown,
            format!("tool\n{long}\n{back}\n{}", String::from_utf8_lossy(PROGRAM))
        );
    }
}

#[test]
fn nothing_unusual_is_accepted_in_a_package() {
    for (part, why) in [
        (symlink("bin/x", "../../out"), "leads outside"),
        (symlink("bin/x", "/etc"), "leads outside"),
        (link("bin/x", EntryType::Link, "bin/tool"), "a hard link"),
        (bare_entry("share/", EntryType::Directory), "a folder"),
        (
            file("share/a:b", b""),
            "a path that a file of a package can have",
        ),
        (
            symlink("share/aux", "../bin"),
            "a path that a file of a package can have",
        ),
        (file("bin/Tool", b""), "only in case"),
        (file("bin/tool", PROGRAM), "occurs twice"),
        (bare_entry("pipe", EntryType::Fifo), "a FIFO"),
    ] {
        let place = Place::new();
        let bytes = archive(&[file("bin/tool", PROGRAM), part]);
        let error = extract(&place, TAR, &bytes, &Select::FlatTree).unwrap_err();
        assert_eq!(error.kind(), Kind::Integrity, "{error}");
        assert!(error.to_string().contains(why), "{error} instead of {why}");
        assert_eq!(place.left(), [""; 0], "{error}");
    }
}
