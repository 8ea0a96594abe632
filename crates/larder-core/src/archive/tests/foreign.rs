//! Archives that other programs make, and the selection of files from them.

use super::*;
use crate::Kind;

fn globs(pairs: &[(&str, &str)]) -> Vec<(String, FileName)> {
    pairs
        .iter()
        .map(|(glob, name)| ((*glob).to_owned(), name.parse().unwrap()))
        .collect()
}

/// Makes a folder like a publisher's release: with a binary, texts and links.
fn release(root: &Utf8Path) {
    sh(
        "mkdir -p tool-1.2/bin tool-1.2/share/doc; cd tool-1.2
         printf '#!/bin/sh\\necho tool' >bin/tool; chmod 755 bin/tool; printf text >README; chmod 640 README
         ln -s tool bin/t; ln -s ../README share/README; ln bin/tool bin/hard; printf x >share/doc/tool",
        root,
    );
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs a POSIX shell and its programs")]
fn archives_made_by_other_programs_are_unpacked() {
    let place = Place::new();
    release(&place.root);
    let makers = [
        ("a.tar", "tar cf a.tar tool-1.2"),
        ("b.tar", "tar --format=v7 -cf b.tar tool-1.2"),
        ("c.tar", "tar --format=posix -cf c.tar tool-1.2"),
        ("d.tar", "tar --format=ustar -cf d.tar ./tool-1.2"),
        ("a.tar.gz", "tar czf a.tar.gz tool-1.2"),
        ("a.tar.bz2", "tar cjf a.tar.bz2 tool-1.2"),
        ("a.tar.xz", "tar cJf a.tar.xz tool-1.2"),
        (
            "b.tar.xz",
            "tar c tool-1.2 | xz -9 --x86 --lzma2=preset=9 -C sha256 >b.tar.xz",
        ),
        (
            "c.tar.xz",
            "(tar c tool-1.2 | head -c 3000 | xz; tar c tool-1.2 | tail -c +3001 | xz -T2) >c.tar.xz",
        ),
        ("a.tar.zst", "tar c tool-1.2 | zstd -q -19 >a.tar.zst"),
        (
            "b.tar.zst",
            "(tar c tool-1.2 | head -c 3000 | zstd -q; tar c tool-1.2 | tail -c +3001 | zstd -q) >b.tar.zst",
        ),
        (
            "p.tar.gz",
            "python3 -c \"import tarfile; t = tarfile.open('p.tar.gz', 'w:gz'); t.add('tool-1.2'); t.close()\"",
        ),
        (
            "g.tar.gz",
            "git init -q g 2>/dev/null; cp -r tool-1.2 g/; cd g; git add -A; git -c user.name=n -c user.email=e commit -qm m; git archive --format=tar.gz -o ../g.tar.gz HEAD",
        ),
        ("a.zip", "zip -qr a.zip tool-1.2"),
        ("b.zip", "zip -qry b.zip tool-1.2"),
        ("c.zip", "zip -q0r - tool-1.2 >c.zip </dev/null"),
        ("d.zip", "zip -qry -Z bzip2 d.zip tool-1.2"),
        ("e.zip", "zip -qry -fz e.zip tool-1.2"),
        (
            "p.zip",
            "python3 -c \"import shutil; shutil.make_archive('p', 'zip', '.', 'tool-1.2')\"",
        ),
    ];
    for (name, command) in makers.into_iter().filter(|(_, command)| have(command)) {
        sh(command, &place.root);
        let out = place.root.join("x");
        sh("rm -rf x; mkdir x", &place.root);
        let bytes = crate::fs::read(place.root.join(name)).unwrap();
        let wanted = globs(&[("*/bin/tool", "tool"), ("**/READM?", "readme")]);
        // Without -y, zip stores the file that a link points to.
        let wanted = if matches!(name, "a.zip" | "c.zip" | "p.zip") {
            &wanted[..1]
        } else {
            &wanted[..]
        };
        let kind = ArchiveKind::of_name(name);
        let files = unpack_into(
            &out,
            kind,
            &bytes,
            &Select::Globs(wanted),
            &Budget::default(),
        );
        // A tar stores the second name of a file as a hard link. Which name comes first depends on
        // the order of the folder's entries; both are found.
        let files = files.unwrap_or_else(|e| panic!("{name}: {e} {:?}", e.hints()));
        let mut seen: Vec<_> = files
            .iter()
            .map(|f| (f.name.as_str(), f.mode, f.sha256))
            .collect();
        seen.sort_unstable();
        let expected = [
            ("readme", 0o644, Digest::of(b"text")),
            ("tool", 0o755, Digest::of(b"#!/bin/sh\necho tool")),
        ];
        assert_eq!(seen, expected[2 - wanted.len()..], "{name}");
        assert_eq!(crate::fs::list(&out).unwrap().len(), wanted.len());
    }
}

/// A command that makes a tar of one file with Python, after some change to the entry.
fn tarfile(name: &str, change: &str) -> String {
    format!(
        "python3 -c \"import tarfile; t = tarfile.open('{name}', 'w'); i = t.gettarinfo('abs.txt'); {change}; t.addfile(i, open('abs.txt', 'rb')); t.close()\""
    )
}

/// A command that makes a zip of files with these names with Python.
fn zipfile(name: &str, names: &str) -> String {
    format!(
        "python3 -W ignore -c \"import zipfile; z = zipfile.ZipFile('{name}', 'w'); [z.writestr(n, 'x') for n in [{names}]]; z.close()\""
    )
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs a POSIX shell and its programs")]
fn unsafe_archives_made_by_other_programs_are_refused() {
    let place = Place::new();
    let cases = [
        (
            "abs.tar",
            "tar cPf abs.tar $PWD/abs.txt",
            "its path is absolute",
        ),
        (
            "up.tar",
            "cd out; tar cPf ../up.tar ../abs.txt",
            "its path contains `..`",
        ),
        (
            "cat.tar",
            "touch s; tar cf c1.tar abs.txt; tar cf c2.tar s; cat c1.tar c2.tar >cat.tar",
            "there is data after its end mark",
        ),
        (
            "through.tar",
            "ln -s c w; tar cf through.tar w; rm w; mkdir w; echo x >w/x; tar rf through.tar w/x",
            "it would be written through a link",
        ),
        (
            "drive.tar",
            &tarfile("drive.tar", "i.name = 'C:x'"),
            "its path begins with a drive letter",
        ),
        (
            "empty.tar",
            &tarfile("empty.tar", "i.name = ''"),
            "its name is empty",
        ),
        (
            "nul.tar",
            &tarfile("nul.tar", "i.pax_headers = {'path': 'a' + chr(0) + 'b'}"),
            "its name contains a NUL",
        ),
        (
            "desync.tar",
            &tarfile("desync.tar", "i.pax_headers = {'size': '512'}"),
            "its pax header and its header state different sizes",
        ),
        (
            "up.zip",
            &zipfile("up.zip", "'../x'"),
            "its path contains `..`",
        ),
        (
            "abs.zip",
            &zipfile("abs.zip", "'/x'"),
            "its path is absolute",
        ),
        (
            "drive.zip",
            &zipfile("drive.zip", "'C:x'"),
            "its path begins with a drive letter",
        ),
        (
            "long.tar.zst",
            "head -c 1000000 /dev/zero | zstd -q --ultra -22 --long=28 >long.tar.zst",
            "it needs a window of more than 64 MiB",
        ),
        (
            "huge.tar.xz",
            "head -c 1000 /dev/zero | xz --lzma2=dict=512MiB >huge.tar.xz",
            "it needs more than 72 MiB of memory",
        ),
    ];
    sh("echo x >abs.txt", &place.root);
    for (name, command, why) in cases.into_iter().filter(|(_, command, _)| have(command)) {
        sh(command, &place.root);
        let bytes = crate::fs::read(place.root.join(name)).unwrap();
        let result = place.unpack(
            ArchiveKind::of_name(name),
            &bytes,
            &Select::Globs(&globs(&[("**/abs.txt", "x")])),
        );
        let error = result.expect_err(name);
        assert_eq!(error.kind(), Kind::Integrity, "{name}: {error}");
        assert!(error.message().contains(why), "{name}: {error}");
        assert_eq!(place.left(), Vec::<String>::new(), "{name}");
    }
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs a POSIX shell and its programs")]
fn each_pattern_must_match_exactly_one_file() {
    let place = Place::new();
    release(&place.root);
    sh(
        "rm tool-1.2/bin/hard; tar --sort=name -cf a.tar tool-1.2",
        &place.root,
    );
    let bytes = crate::fs::read(place.root.join("a.tar")).unwrap();
    let tell = |pairs: &[(&str, &str)]| {
        let error = place
            .unpack(
                ArchiveKind::Tar(Compression::Plain),
                &bytes,
                &Select::Globs(&globs(pairs)),
            )
            .unwrap_err();
        assert_eq!(place.left(), Vec::<String>::new());
        (
            error.kind(),
            format!("{error}\n{}", error.hints().join("\n")),
        )
    };
    let failed = |text: &str| (Kind::Failed, text.to_owned());
    // `*` does not match `/`.
    assert_eq!(
        tell(&[("*/READMEE", "readme")]),
        failed(
            "`*/READMEE` matches no file of the archive\nthe archive's 3 files: `tool-1.2/README`, `tool-1.2/bin/tool`, `tool-1.2/share/doc/tool`"
        )
    );
    assert_eq!(
        tell(&[("*DME", "readme")]).1.lines().next().unwrap(),
        "`*DME` matches no file of the archive"
    );
    assert_eq!(
        tell(&[("tool-1.2/**", "all")]),
        failed(
            "`tool-1.2/**` matches 3 files of the archive, but it must match exactly one\nmake the pattern more specific; it matches `tool-1.2/README`, `tool-1.2/bin/tool`, `tool-1.2/share/doc/tool`"
        )
    );
    assert_eq!(
        tell(&[("*/README", "a"), ("**/README", "b")])
            .1
            .lines()
            .next()
            .unwrap(),
        "`*/README` and `**/README` both match `tool-1.2/README`"
    );
    assert_eq!(
        tell(&[("*/README", "a"), ("**/bin/tool", "A")]).0,
        Kind::Usage
    );
    assert_eq!(tell(&[("a[", "a")]).0, Kind::Usage);
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs a POSIX shell and its programs")]
fn a_single_file_that_is_no_archive_is_unpacked() {
    let place = Place::new();
    let elf = b"\x7fELF and so on".repeat(20_000);
    crate::fs::write_atomic(place.root.join("tool"), &elf).unwrap();
    for (name, command) in [
        ("tool-linux", "cp tool tool-linux"),
        ("tool.gz", "gzip -k tool"),
        ("tool.xz", "xz -k tool"),
        ("tool.zst", "zstd -qk tool"),
        ("tool.bz2", "bzip2 -k tool"),
    ]
    .into_iter()
    .filter(|(_, command)| have(command))
    {
        sh(command, &place.root);
        let bytes = crate::fs::read(place.root.join(name)).unwrap();
        sh("rm -rf x; mkdir x", &place.root);
        let out = place.root.join("x");
        let files = unpack_into(
            &out,
            ArchiveKind::of_name(name),
            &bytes,
            &Select::Flat,
            &Budget::default(),
        )
        .unwrap();
        assert_eq!(
            (files[0].mode, files[0].size, files[0].sha256),
            (0o755, elf.len() as u64, Digest::of(&elf)),
            "{name}"
        );
        assert_eq!(files[0].path, out.join("single"));
        if name != "tool-linux" {
            let error = place
                .unpack(
                    ArchiveKind::of_name(name),
                    &bytes[..bytes.len() - 1],
                    &Select::Flat,
                )
                .unwrap_err();
            assert_eq!(
                (error.kind(), place.left()),
                (Kind::Integrity, vec![]),
                "{name}"
            );
            let error = place
                .unpack(
                    ArchiveKind::of_name(name),
                    &[&bytes, &b"\0tail"[..]].concat(),
                    &Select::Flat,
                )
                .unwrap_err();
            assert_eq!(
                (error.kind(), place.left()),
                (Kind::Integrity, vec![]),
                "{name}"
            );
        }
    }
    let files = place
        .unpack(
            ArchiveKind::Single(Compression::Plain),
            b"text",
            &Select::Flat,
        )
        .unwrap();
    assert_eq!(files[0].mode, 0o644);
}
