use std::cell::RefCell;
use std::collections::BTreeMap;

use larder_core::model::Digest;
use larder_core::project::publish::{Channel, Rpm};

use super::metadata::{attribute, content, elements};
use super::{LISTS, TOP, YumRepository, list};
use crate::package_index::{IndexFiles, PackageIndex, newest};
use crate::tests::Sample;

/// A repository in memory.
#[derive(Default)]
struct Files(RefCell<BTreeMap<String, Vec<u8>>>);

impl Files {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0.borrow().get(path).cloned()
    }

    fn open(&self) -> YumRepository {
        YumRepository::read(&|path| Ok(self.read(path))).unwrap()
    }

    fn top(&self) -> String {
        String::from_utf8(self.read(TOP).unwrap()).unwrap()
    }

    fn store(&self, index: IndexFiles) {
        self.0.borrow_mut().extend(index.files);
        self.0.borrow_mut().extend([index.top]);
    }

    /// Adds the packages of a version of `arc`.
    fn add(&self, version: &str, time: i64) -> YumRepository {
        let mut sample = Sample::new(version, &["linux-amd64", "linux-arm64"]);
        sample.release.time = time;
        sample.release.description = Some("Draws an <arc> & more".into());
        let rpm = Rpm {
            depends: vec!["glibc >= 2.28".into(), "zlib".into()],
            conflicts: vec!["arc-old < 2:1.0-3".into()],
            ..Rpm::default()
        };
        let (_, folder) = sample.render_after(Channel::Rpm(rpm), Some("hello"));
        let mut repository = self.open();
        for name in larder_core::fs::list(&folder).unwrap() {
            repository.add(&folder.join(name)).unwrap();
        }
        self.store(repository.render().unwrap());
        repository
    }

    /// The text of a list.
    fn list(&self, kind: &str) -> String {
        let top = self.top();
        let data = elements(&top, "data").into_iter();
        let mut data = data.filter(|data| attribute(data, "type").as_deref() == Some(kind));
        let path = attribute(data.next().unwrap(), "href").unwrap();
        list(&path, &|path| Ok(self.read(path))).unwrap()
    }
}

const MONDAY: i64 = 1_700_000_000;

#[test]
fn earlier_versions_stay_listed() {
    let files = Files::default();
    files.add("v1.0.0-rc.1", MONDAY);
    files.add("v1.0.0", MONDAY + 60);
    let repository = files.open();
    let paths: Vec<_> = repository
        .listed()
        .into_iter()
        .map(|one| one.path)
        .collect();
    let wanted = [
        "1.0.0-1.aarch64",
        "1.0.0-1.x86_64",
        "1.0.0~rc.1-1.aarch64",
        "1.0.0~rc.1-1.x86_64",
    ];
    assert_eq!(paths, wanted.map(|end| format!("Packages/a/arc-{end}.rpm")));
    assert_eq!(newest(&repository, "arc").as_deref(), Some("1.0.0-1"));
    assert_eq!(repository.render().unwrap().top.1, files.top().into_bytes());
    files.add("v0.9.0", MONDAY - 60);
    let revision = content(&files.top(), "revision");
    assert_eq!(revision.as_deref(), Some("1700000060"));
    for (kind, ..) in LISTS {
        let list = files.list(kind);
        assert!(list.contains(" packages=\"6\">"), "{list}");
        assert_eq!(elements(&list, "package").len(), 6);
    }
}

#[test]
fn the_lists_say_what_the_packages_say() {
    let files = Files::default();
    files.add("v1.0.0", MONDAY);
    let primary = files.list("primary");
    let package = elements(&primary, "package")[1];
    for part in [
        "<name>arc</name>\n  <arch>x86_64</arch>\n  <version epoch=\"0\" ver=\"1.0.0\" rel=\"1\"/>",
        "<summary>Draws an &lt;arc&gt; &amp; more</summary>",
        "<rpm:entry name=\"arc(x86-64)\" flags=\"EQ\" epoch=\"0\" ver=\"1.0.0\" rel=\"1\"/>",
        "<rpm:entry name=\"glibc\" flags=\"GE\" epoch=\"0\" ver=\"2.28\"/>",
        "<rpm:entry name=\"zlib\"/>",
        "<rpm:entry name=\"/bin/sh\" pre=\"1\"/>",
        "<rpm:entry name=\"arc-old\" flags=\"LT\" epoch=\"2\" ver=\"1.0\" rel=\"3\"/>",
        "<file>/usr/bin/arc</file>\n  </format>",
        "<rpm:buildhost>localhost</rpm:buildhost>",
    ] {
        assert!(package.contains(part), "{part}\n{package}");
    }
    assert!(!package.contains("rpmlib"), "{package}");
    let size = elements(package, "size")[0];
    let archive = attribute(size, "archive").unwrap();
    assert!(archive.parse::<u64>().unwrap() > 500, "{size}");
    let filelists = files.list("filelists");
    let folder = "<file type=\"dir\">/usr/share/doc/arc</file>";
    let manual = "<file>/usr/share/man/man1/arc.1.gz</file>";
    assert!(filelists.contains(manual), "{filelists}");
    assert!(!filelists.contains(folder), "{filelists}");
    let other = files.list("other");
    assert!(
        other.contains(" date=\"1700000000\">- a first version</changelog>"),
        "{other}"
    );
}

#[test]
fn the_top_names_the_lists_by_their_digests() {
    let files = Files::default();
    let before = files.add("v1.0.0", MONDAY).render().unwrap();
    let mut repository = files.add("v1.1.0", MONDAY);
    let top = files.top();
    let all = elements(&top, "data");
    assert_eq!(all.len(), 3);
    for data in all {
        let path = attribute(data, "href").unwrap();
        let digest = Digest::of(&files.read(&path).unwrap()).to_string();
        assert_eq!(content(data, "checksum").unwrap(), digest);
        assert!(path.starts_with(&format!("repodata/{digest}-")), "{path}");
    }
    let removed = repository.remove("arc", "1.1.0-1");
    assert_eq!(removed.len(), 2);
    let after = repository.render().unwrap();
    assert_eq!(after.files.len(), 3);
    let named: Vec<_> = before.files.iter().map(|(path, _)| path).collect();
    assert!(named.iter().all(|path| repository.before.contains(*path)));
    assert!(named.iter().all(|path| after.used.contains(*path)));
}

#[test]
fn what_others_listed_stays_as_it_is_and_other_forms_are_refused() {
    let files = Files::default();
    files.add("v1.0.0", MONDAY);
    let group = "<data type=\"group\">\n    <location href=\"repodata/comps.xml\"/>\n  </data>";
    let base = "<data type=\"primary_db\"><location href=\"repodata/x.sqlite.gz\"/></data>";
    let more = files
        .top()
        .replace("</repomd>", &format!("{group}{base}</repomd>"));
    files
        .0
        .borrow_mut()
        .insert(TOP.to_owned(), more.clone().into_bytes());
    files.add("v1.1.0", MONDAY);
    assert!(files.top().contains(group), "{}", files.top());
    assert!(!files.top().contains("sqlite"), "{}", files.top());
    let zstd = more.replace("-primary.xml.gz", "-primary.xml.zst");
    let error = YumRepository::read(&|_| Ok(Some(zstd.clone().into_bytes()))).unwrap_err();
    assert!(
        error.to_string().contains("was not made by larder"),
        "{error}"
    );
}
