//! An archive of source code: its folders and the links that stay inside are made too.

use tar::EntryType;

use super::tar_maker::*;
use super::*;

const TAR: ArchiveKind = ArchiveKind::Tar(Compression::Plain);

/// Everything in a folder except the file `good`, which every tar of these tests has: paths with a
/// mode, a link's target or a slash.
fn tree(folder: &Utf8Path) -> Vec<String> {
    let out = Command::new("find")
        .args([
            ".",
            "-mindepth",
            "1",
            "-type",
            "l",
            "-printf",
            "%P -> %l\\n",
        ])
        .args([",", "-type", "d", "-mindepth", "1", "-printf", "%P/\\n"])
        .args([",", "-type", "f", "-printf", "%P %m\\n"])
        .current_dir(folder)
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.retain(|line| line != "good 755");
    lines.sort_unstable();
    lines
}

/// One archive in three formats, as other programs make them.
#[test]
fn folders_modes_and_links_of_a_source_are_kept() {
    let place = Place::new();
    let made = Command::new("sh")
        .args(["-c", "mkdir -p s/empty/er s/bin && cd s && echo x > bin/run && chmod 755 bin/run && \
              echo y > plain && ln -s bin/run link && ln -s ../plain bin/up && ln -s bin folder && \
              ln -s nowhere dangling && cd .. && tar czf a.tgz s && tar cJf a.txz s && zip -qry a.zip s"])
        .current_dir(&place.root)
        .status();
    assert!(made.unwrap().success());
    for (file, kind) in [
        ("a.tgz", ArchiveKind::Tar(Compression::Gz)),
        ("a.txz", ArchiveKind::Tar(Compression::Xz)),
        ("a.zip", ArchiveKind::Zip),
    ] {
        let out = place.root.join(format!("{file}.out"));
        crate::fs::create_dir_all(&out).unwrap();
        let bytes = std::fs::read(place.root.join(file)).unwrap();
        unpack_into(&out, kind, &bytes, &Select::Source, &Budget::default()).unwrap();
        assert_eq!(
            tree(&out.join("s")),
            [
                "bin/",
                "bin/run 755",
                "bin/up -> ../plain",
                "dangling -> nowhere",
                "empty/",
                "empty/er/",
                "folder -> bin",
                "link -> bin/run",
                "plain 644",
            ],
            "{file}"
        );
    }
}

/// What an archive has, its entries, and what is made of them.
type Case = (&'static str, Vec<Vec<u8>>, &'static [&'static str]);

#[test]
fn links_that_lead_out_of_a_source_are_skipped() {
    let cases: Vec<Case> = vec![
        ("up", vec![symlink("a", "../x")], &[]),
        ("absolute", vec![symlink("a", "/etc/passwd")], &[]),
        (
            "up from a folder",
            vec![symlink("in/a", "../../x"), symlink("in/b", "../x")],
            &["in/", "in/b -> ../x"],
        ),
        (
            "through another link",
            vec![symlink("a", "b/x"), symlink("b", "..")],
            &[],
        ),
        (
            "through a link to a folder that is not as deep",
            vec![
                file("d/e/f", b""),
                symlink("q/r/s", "../.."),
                symlink("a", "q/r/s/../x"),
            ],
            &["d/", "d/e/", "d/e/f 755", "q/", "q/r/", "q/r/s -> ../.."],
        ),
        (
            "through what is not there",
            vec![symlink("a", "no/../../x"), symlink("b", "no/../x")],
            &["b -> no/../x"],
        ),
        (
            "a circle",
            vec![symlink("a", "b"), symlink("b", "a"), symlink("c", "d")],
            &["c -> d"],
        ),
        ("a backslash", vec![symlink("a", "..\\x")], &[]),
        (
            "a hard link out",
            vec![link("a", EntryType::Link, "../x")],
            &[],
        ),
        (
            "a hard link to nothing",
            vec![link("a", EntryType::Link, "x")],
            &[],
        ),
        (
            "a hard link to a link that leads out",
            vec![symlink("b", "/etc/passwd"), link("a", EntryType::Link, "b")],
            &[],
        ),
        (
            "a hard link before its file",
            vec![link("a", EntryType::Link, "x"), file("x", b"1")],
            &["a 755", "x 755"],
        ),
    ];
    for (what, parts, expected) in cases {
        let place = Place::new();
        place.unpack(TAR, &tar(&parts), &Select::Source).unwrap();
        assert_eq!(tree(&place.out), expected, "{what}");
    }
}

#[test]
fn a_refused_source_leaves_nothing() {
    for last in [
        file("l/x", b""),
        file("../x", b""),
        file("dir/file", b"other"),
        symlink("dir", "l"),
        file("DIR/file", b""),
    ] {
        let parts = [
            bare_entry("dir/deep/", EntryType::Directory),
            file("dir/file", b"x"),
            symlink("l", "dir"),
            last,
        ];
        for select in [Select::Source, Select::All] {
            let place = Place::new();
            let error = place.unpack(TAR, &tar(&parts), &select).unwrap_err();
            assert_eq!(error.kind(), crate::Kind::Integrity, "{error}");
            assert_eq!(place.left(), Vec::<String>::new(), "{error}");
        }
    }
}
