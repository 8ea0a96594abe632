use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;

use larder_core::model::Digest;
use larder_core::project::publish::{Channel, Deb};

use super::{AptRepository, Layout, top};
use crate::package_index::{IndexFiles, Order, PackageIndex, newest, signatures};
use crate::tests::Sample;

/// A repository in memory.
#[derive(Default)]
struct Files(RefCell<BTreeMap<String, Vec<u8>>>);

impl Files {
    fn open(&self, layout: Layout) -> AptRepository {
        AptRepository::read(layout, &|path| Ok(self.0.borrow().get(path).cloned())).unwrap()
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.0.borrow()[path].clone()).unwrap()
    }

    fn store(&self, index: IndexFiles) {
        self.0.borrow_mut().extend(index.files);
        self.0.borrow_mut().extend([index.top]);
    }

    /// Adds the packages of a version of `arc`.
    fn add(&self, layout: Layout, version: &str, time: i64) -> AptRepository {
        let mut sample = Sample::new(version, &["linux-amd64", "linux-arm64"]);
        sample.release.time = time;
        let (_, folder) = sample.render(Channel::Deb(Deb::default()));
        let mut repository = self.open(layout);
        for name in larder_core::fs::list(&folder).unwrap() {
            repository.add(&folder.join(name)).unwrap();
        }
        self.store(repository.render().unwrap());
        repository
    }
}

const MONDAY: i64 = 1_700_000_000;

#[test]
fn earlier_versions_stay_listed() {
    for layout in [Layout::Pool, Layout::Flat] {
        let files = Files::default();
        files.add(layout, "v1.0.0-rc.1", MONDAY);
        files.add(layout, "v1.0.0", MONDAY + 60);
        let repository = files.open(layout);
        let versions: Vec<_> = repository
            .listed()
            .into_iter()
            .map(|one| one.version)
            .collect();
        assert_eq!(versions, ["1.0.0", "1.0.0", "1.0.0~rc.1", "1.0.0~rc.1"]);
        assert_eq!(newest(&repository, "arc").as_deref(), Some("1.0.0"));
        assert_eq!(newest(&repository, "other"), None);
        let again = repository.render().unwrap();
        assert_eq!(files.text(&top(layout)).into_bytes(), again.top.1);
        // The time is that of the newest package, even if an older one is added.
        files.add(layout, "v0.9.0", MONDAY - 60);
        let release = files.text(&top(layout));
        assert!(
            release.contains("Date: Tue, 14 Nov 2023 22:14:20 UTC\n"),
            "{release}"
        );
    }
}

#[test]
fn release_names_what_is_there() {
    let files = Files::default();
    files.add(Layout::Pool, "v1.0.0", MONDAY);
    let release = files.text("dists/stable/Release");
    let start = "Suite: stable\nCodename: stable\nDate: Tue, 14 Nov 2023 22:13:20 UTC\n\
                 Architectures: amd64 arm64\nComponents: main\nAcquire-By-Hash: yes\nSHA256:\n ";
    assert!(release.starts_with(start), "{release}");
    let mut named = 0;
    for line in release.lines().filter(|line| line.starts_with(' ')) {
        let [digest, size, path] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let bytes = files.0.borrow()[&format!("dists/stable/{path}")].clone();
        assert_eq!(
            (digest, size),
            (&*Digest::of(&bytes).to_string(), &*bytes.len().to_string())
        );
        let (folder, _) = path.rsplit_once('/').unwrap();
        let hashed = format!("dists/stable/{folder}/by-hash/SHA256/{digest}");
        assert_eq!(files.0.borrow()[&hashed], bytes);
        if let Some(plain) = path.strip_suffix(".gz") {
            let mut text = String::new();
            let mut decoder = flate2::read::GzDecoder::new(bytes.as_slice());
            decoder.read_to_string(&mut text).unwrap();
            assert_eq!(text, files.text(&format!("dists/stable/{plain}")));
        }
        named += 1;
    }
    assert_eq!(named, 4);
    let list = files.text("dists/stable/main/binary-arm64/Packages");
    assert!(
        list.starts_with("Package: arc\nVersion: 1.0.0\nArchitecture: arm64\n"),
        "{list}"
    );
    assert!(
        list.contains("\nFilename: pool/main/a/arc/arc_1.0.0_arm64.deb\nSize: "),
        "{list}"
    );
}

#[test]
fn a_flat_repository_has_names_that_hubs_allow() {
    let files = Files::default();
    files.add(Layout::Flat, "v1.0.0-rc.1", MONDAY);
    let list = files.text("Packages");
    assert!(
        list.contains("\nFilename: arc_1.0.0.rc.1_amd64.deb\n"),
        "{list}"
    );
    let release = files.text("Release");
    assert!(
        release.contains(" Packages.gz\n") && !release.contains("By-Hash"),
        "{release}"
    );
}

#[test]
fn a_version_that_is_removed_leaves_the_others() {
    let files = Files::default();
    files.add(Layout::Pool, "v1.0.0", MONDAY);
    let before = files.add(Layout::Pool, "v1.1.0", MONDAY).render().unwrap();
    let mut repository = files.open(Layout::Pool);
    let removed = repository.remove("arc", "1.1.0");
    let paths: Vec<_> = removed.into_iter().map(|one| one.path).collect();
    let wanted = ["amd64", "arm64"].map(|arch| format!("pool/main/a/arc/arc_1.1.0_{arch}.deb"));
    assert_eq!(paths, wanted);
    assert!(repository.remove("arc", "1.1.0").is_empty());
    let after = repository.render().unwrap();
    // Who has the earlier Release still finds what it names.
    let hashed = before
        .files
        .iter()
        .filter(|(path, _)| path.contains("by-hash"));
    assert!(
        hashed
            .map(|(path, _)| path)
            .all(|path| after.used.contains(path))
    );
    assert_eq!(newest(&repository, "arc").as_deref(), Some("1.0.0"));
    assert_eq!(repository.order(), Order::Dpkg);
}

#[test]
fn what_others_listed_stays_as_it_is_and_other_layouts_are_refused() {
    let files = Files::default();
    files.add(Layout::Pool, "v1.0.0", MONDAY);
    let list = "dists/stable/main/binary-amd64/Packages";
    let other = "Package: zed\nVersion: 3\nArchitecture: amd64\nFilename: pool/z.deb\n\
                 Odd: x\n more\nSHA256: 00\n";
    let both = format!("{}\n{other}", files.text(list));
    files
        .0
        .borrow_mut()
        .insert(list.to_owned(), both.into_bytes());
    files.add(Layout::Pool, "v1.1.0", MONDAY);
    assert!(
        files.text(list).ends_with(&format!("\n\n{other}")),
        "{}",
        files.text(list)
    );
    // Only compressed, and with a name.
    let release = files.text("dists/stable/Release");
    let release = release.replace("Suite: stable", "Origin: Acme\nSuite: stable");
    let zipped = crate::linux::files::gzip9(files.text(list).as_bytes());
    files.0.borrow_mut().remove(list);
    files.0.borrow_mut().insert(format!("{list}.gz"), zipped);
    files
        .0
        .borrow_mut()
        .insert("dists/stable/Release".into(), release.clone().into_bytes());
    files.add(Layout::Pool, "v1.2.0", MONDAY);
    assert!(
        files.text(list).ends_with(&format!("\n\n{other}")),
        "{}",
        files.text(list)
    );
    let kept = files.text("dists/stable/Release");
    assert!(
        kept.starts_with("Origin: Acme\nSuite: stable\nCodename: stable\nDate"),
        "{kept}"
    );
    let sources = format!("{release} 00 1 main/source/Sources.gz\n");
    let contrib = release.replace("Components: main", "Components: main contrib");
    for (release, why) in [
        (sources, "Sources.gz"),
        (contrib, "main contrib"),
        (release, "gzip"),
    ] {
        let read = |path: &str| {
            Ok(path
                .ends_with("Release")
                .then(|| release.as_bytes().to_vec()))
        };
        let error = AptRepository::read(Layout::Pool, &read).unwrap_err();
        assert!(error.causes()[0].contains(why), "{error}");
    }
}

#[test]
fn signatures_are_beside_what_is_signed() {
    let paths =
        |top: &str| -> Vec<String> { signatures(top).into_iter().map(|(path, _)| path).collect() };
    let wanted = ["dists/stable/Release.gpg", "dists/stable/InRelease"];
    assert_eq!(paths("dists/stable/Release"), wanted);
    assert_eq!(paths("Release"), ["Release.gpg", "InRelease"]);
    assert_eq!(paths("repodata/repomd.xml"), ["repodata/repomd.xml.asc"]);
}
