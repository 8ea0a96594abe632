//! Tests of removing assets and leftovers, and of what a copy of a release keeps.

use super::{Packages, content, publish, tag};
use crate::hub::{
    DirHub, HubPublisher, HubReader, MemoryHub, PlainFile, PublishOptions, Published, Upload,
};
use larder_core::fs;
use larder_core::model::Tag;

#[test]
fn a_removed_asset_takes_along_what_belongs_to_it_and_the_last_one_its_release() {
    let packages = Packages::new();
    for hub in packages.hubs() {
        let publisher = hub.publisher().unwrap();
        let first = packages.package("first", "inputs");
        let mut second = packages.package("second", "others");
        second.name = "arc-darwin-arm64.tar.gz".parse().unwrap();
        publish(&hub, &first, false);
        publish(&hub, &second, false);
        let sums = || content(&hub, &"checksums.txt".parse().unwrap()).unwrap_or_default();
        assert!(publisher.remove(&tag(), &first.name).unwrap());
        assert!(!publisher.remove(&tag(), &first.name).unwrap());
        assert_eq!(content(&hub, &first.name), None);
        assert_eq!(hub.reader().sidecar(&tag(), &first.name).unwrap(), None);
        assert!(sums().contains("darwin") && !sums().contains("linux"));
        assert_eq!(content(&hub, &second.name).as_deref(), Some("second"));

        assert!(publisher.remove(&tag(), &second.name).unwrap());
        assert!(hub.reader().releases().unwrap().is_empty());
        assert_eq!(publish(&hub, &first, false), Published::Added);
    }
}

#[test]
fn what_a_killed_publisher_left_is_found_and_goes() {
    let packages = Packages::new();
    let memory = MemoryHub::new();
    let package = packages.package("bytes", "inputs");
    let text = package.sidecar.to_json();
    memory.put(&tag(), &package.name, b"bytes");
    let left = memory.leftovers().unwrap();
    assert_eq!(left.len(), 1);
    // Its sidecar arrives after all.
    memory.put(&tag(), &package.name.sidecar(), text.as_bytes());
    memory.remove_leftover(&left[0]).unwrap();
    assert!(memory.fetch(&tag(), &package.name).unwrap().is_some());
    assert_eq!(memory.leftovers().unwrap(), []);

    let root = packages.root.join("hub");
    let hub = DirHub::new(&root);
    let put = |path: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write_atomic(&path, b"bytes").unwrap();
    };
    put("arc-v1/arc-linux-amd64.tar.gz");
    put("arc-v1/.tmp-Ab12Cd");
    put("arc-v1/.next-arc-linux-amd64.tar.gz.json");
    put("v1.0.0/bundle-linux-amd64.tar.gz");
    put("v1.0.0/checksums.txt");
    let left = hub.leftovers().unwrap();
    let keys: Vec<_> = left.iter().map(|left| left.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "arc-v1/arc-linux-amd64.tar.gz",
            "arc-v1/.next-arc-linux-amd64.tar.gz.json",
            "arc-v1/.tmp-Ab12Cd",
        ]
    );
    assert!(left.iter().all(|left| left.since.is_some()));
    for left in &left {
        hub.remove_leftover(left).unwrap();
        hub.remove_leftover(left).unwrap();
    }
    assert_eq!(hub.leftovers().unwrap(), []);
    assert_eq!(fs::list(&root).unwrap(), ["v1.0.0"]);
}

#[test]
fn a_copied_sidecar_keeps_its_text_and_notes_can_be_read() {
    let packages = Packages::new();
    for hub in packages.hubs() {
        let package = packages.package("bytes", "inputs");
        let text = package
            .sidecar
            .to_json()
            .replace("\n}", ",\n  \"later\": 1\n}");
        assert!(text.contains("later"));
        let upload = Upload {
            text: Some(&text),
            ..package.upload()
        };
        let publisher = hub.publisher().unwrap();
        let publish = |options| {
            publisher.publish(
                &tag(),
                std::slice::from_ref(&upload),
                options,
                &|| None,
                None,
                &|_| {},
            )
        };
        publish(PublishOptions::default()).unwrap();
        let found = hub.reader().described(&tag(), &package.name).unwrap();
        assert_eq!(found.unwrap().text, text);
        let again = publish(PublishOptions::default()).unwrap();
        assert_eq!(again.assets[0].1, Published::Present);

        let release: Tag = "v1.0.0".parse().unwrap();
        assert_eq!(hub.reader().notes(&release).unwrap(), None);
        let file = PlainFile {
            name: package.name.clone(),
            file: &package.file,
            sha256: package.sidecar.sha256,
            size: package.sidecar.size,
        };
        publisher
            .publish_project(
                &release,
                &[file],
                "news",
                PublishOptions::default(),
                &|_| {},
            )
            .unwrap();
        assert_eq!(
            hub.reader().notes(&release).unwrap().as_deref(),
            Some("news")
        );
        assert_eq!(
            hub.reader()
                .release(&release)
                .unwrap()
                .unwrap()
                .assets
                .len(),
            1
        );
    }
}
