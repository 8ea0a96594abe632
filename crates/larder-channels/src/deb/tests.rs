//! Tests of Debian packages, which read them back.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use larder_core::project::publish::{Channel, ChannelConfig};

use super::*;
use crate::render::{Rendered, Skip};
use crate::tests::{Sample, read};

fn config(deb: Deb, post_install: Option<&str>) -> ChannelConfig {
    ChannelConfig {
        channel: Channel::Deb(deb),
        priority: 0,
        timeout: None,
        retry: None,
        prerelease: false,
        post_install: post_install.map(str::to_owned),
    }
}

/// The members of a package by their names.
fn members(package: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut rest = package.strip_prefix(b"!<arch>\n").unwrap();
    let mut members = BTreeMap::new();
    while !rest.is_empty() {
        let (header, after) = rest.split_at(60);
        assert!(header.ends_with(b"`\n"));
        let field = |from: usize, to: usize| {
            let text = str::from_utf8(&header[from..to]).unwrap();
            text.trim_end().to_owned()
        };
        let size: usize = field(48, 58).parse().unwrap();
        members.insert(field(0, 16), after[..size].to_vec());
        rest = &after[size.next_multiple_of(2)..];
    }
    members
}

/// What is in a compressed tar: path → mode, owner, time and content.
fn untar(bytes: &[u8]) -> BTreeMap<String, (u32, String, u64, Vec<u8>)> {
    let mut archive = ::tar::Archive::new(GzDecoder::new(bytes));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        let owner = format!(
            "{}:{} {}/{}",
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.username().unwrap().unwrap(),
            header.groupname().unwrap().unwrap()
        );
        let (mode, time) = (header.mode().unwrap(), header.mtime().unwrap());
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (path, (mode, owner, time, content))
    });
    entries.collect()
}

/// The control files and the installed files of the one package of a sample.
fn package(sample: &Sample, config: &ChannelConfig) -> [BTreeMap<String, String>; 2] {
    let (rendered, folder) = sample.render_with(config);
    assert_eq!(rendered, Rendered::Files);
    let (_, bytes) = read(&folder).pop_first().unwrap();
    let members = members(&bytes);
    assert_eq!(members["debian-binary"], b"2.0\n");
    ["control.tar.gz", "data.tar.gz"].map(|name| {
        untar(&members[name])
            .into_iter()
            .map(|(path, (mode, owner, time, content))| {
                assert_eq!(owner, "0:0 root/root", "{path}");
                assert_eq!(time, 315_532_800, "{path}");
                let is_run = path.ends_with('/')
                    || path.starts_with("./usr/bin/")
                    || path.ends_with("/postinst");
                assert_eq!(mode, if is_run { 0o755 } else { 0o644 }, "{path}");
                (path, String::from_utf8_lossy(&content).into_owned())
            })
            .collect()
    })
}

#[test]
fn each_architecture_has_a_package() {
    let all = [
        "linux-amd64",
        "linux-amd64-gnu",
        "linux-arm64-musl",
        "linux-386",
        "linux-arm",
        "darwin-arm64",
    ];
    let sample = Sample::with_binaries("arc_two", "v1.2.3-rc.1", &["arc", "arcd"], &all);
    let (_, folder) = sample.render(Channel::Deb(Deb::default()));
    let files = read(&folder);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let wanted =
        ["amd64", "arm64", "armhf", "i386"].map(|arch| format!("arc-two_1.2.3~rc.1_{arch}.deb"));
    assert_eq!(names, wanted);
    let data = untar(&members(&files[&wanted[0]])["data.tar.gz"]);
    for program in ["arc", "arcd"] {
        let (.., content) = &data[&format!("./usr/bin/{program}")];
        assert_eq!(*content, format!("{program} for linux-amd64\n").as_bytes());
    }
}

#[test]
fn the_control_file_has_what_is_configured() {
    let sample = Sample::new("1.2.3", &["linux-arm64"]);
    let deb = Deb {
        section: Some("net".into()),
        conflicts: vec!["other (<< 2)".into(), "more".into()],
        provides: vec!["arc-tool".into()],
        depends: vec!["libc6 (>= 2.28)".into()],
        ..Deb::default()
    };
    let [control, files] = package(&sample, &config(deb, None));
    let size = control["./control"]
        .lines()
        .find_map(|line| line.strip_prefix("Installed-Size: "))
        .unwrap();
    assert_eq!(
        control["./control"],
        format!(
            "Package: arc\nVersion: 1.2.3\nArchitecture: arm64\n\
             Maintainer: Acme Tools <tools@acme.example>\nInstalled-Size: {size}\n\
             Depends: libc6 (>= 2.28)\nConflicts: other (<< 2), more\nProvides: arc-tool\n\
             Section: net\nPriority: optional\nHomepage: https://arc.example\n\
             Description: Draws an arc on the terminal\n This package installs the program arc \
             in version 1.2.3, as acme-tools has\n released it.\n"
        )
    );
    let folders = files.keys().filter(|path| path.ends_with('/')).count() - 1;
    let plain = files.len() - 1 - folders;
    assert_eq!(size.parse::<usize>().unwrap(), folders + plain);
    assert!(!control.contains_key("./postinst"));
    let paths: Vec<&str> = files
        .keys()
        .map(String::as_str)
        .filter(|path| !path.ends_with('/'))
        .collect();
    assert_eq!(
        paths,
        [
            "./usr/bin/arc",
            "./usr/share/doc/arc/changelog.gz",
            "./usr/share/doc/arc/copyright",
            "./usr/share/lintian/overrides/arc",
            "./usr/share/man/man1/arc.1.gz",
        ]
    );
    for path in paths {
        assert!(control["./md5sums"].contains(&format!("  {}\n", &path[2..])));
    }
}

#[test]
fn texts_cannot_leave_their_place() {
    let mut sample = Sample::new("1.2.3", &["linux-amd64"]);
    sample.release.description = Some("It's #{x} $x\nDepends: evil\n\n.dot\n\n<&> 😀".into());
    sample.release.maintainer = Some("A\nDepends: evil <a@b.example>".into());
    let [control, _] = package(&sample, &config(Deb::default(), Some("it's $x\n`y`")));
    let text = &control["./control"];
    assert!(!text.contains("\nDepends:"), "{text}");
    let wanted = "Description: It's #{x} $x\n It's #{x} $x Depends: evil\n .\n  .dot\n .\n <&> 😀\n .\n This";
    assert!(text.contains(wanted), "{text}");
    assert_eq!(
        control["./postinst"],
        "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then\nprintf '%s\\n' 'it'\\''s $x'\nprintf '%s\\n' '`y`'\nfi\n"
    );
}

#[test]
fn long_paths_are_kept() {
    let long = format!("{}.txt", "x".repeat(150));
    let mut tree = Tree::new();
    tree.insert(long.clone(), Entry::made(Kind::Doc, "text"));
    let cancel = larder_core::cancel::Cancel::new();
    let mut bytes = Vec::new();
    let out = Output::new("", 1, &cancel);
    gzip(&mut bytes, 1, |to| tar::write(&tree, 0, to, &out)).unwrap();
    let mut archive = ::tar::Archive::new(GzDecoder::new(bytes.as_slice()));
    let last = archive.entries().unwrap().last().unwrap().unwrap();
    assert_eq!(last.path_bytes(), format!("./{long}").as_bytes());
}

#[test]
fn what_debian_cannot_name_is_skipped_or_an_error() {
    for (version, platform, skip) in [
        (
            "1_2",
            "linux-amd64",
            Skip::Version("its versions have no underscore".into()),
        ),
        (
            "r12",
            "linux-amd64",
            Skip::Version("its versions start with a digit".into()),
        ),
        ("1.2.3", "windows-amd64", Skip::NoPlatform),
    ] {
        let (rendered, _) = Sample::new(version, &[platform]).render(Channel::Deb(Deb::default()));
        assert_eq!(rendered, Rendered::Skipped(skip), "{version} {platform}");
    }
    let mut sample = Sample::new("1.2.3", &["linux-amd64"]);
    sample.release.name = "x".parse().unwrap();
    assert_eq!(
        package_name(&sample.release).unwrap_err().message(),
        "`x` can't be the name of a Debian package"
    );
}

#[test]
fn a_file_that_changed_is_an_error() {
    let sample = Sample::new("1.2.3", &["linux-amd64"]);
    let platform = &sample.release.platforms[0];
    std::fs::File::options()
        .append(true)
        .open(platform.folder.join("arc"))
        .and_then(|mut file| file.write_all(b"more"))
        .unwrap();
    let cancel = larder_core::cancel::Cancel::new();
    let out = Output::new(platform.folder.clone(), 1, &cancel);
    let error = Deb::default()
        .render(&sample.release, &config(Deb::default(), None), &out)
        .unwrap_err();
    assert!(
        error
            .message()
            .ends_with("changed while it was being packed")
    );
}
