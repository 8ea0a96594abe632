//! Listings of outputs that a cluster could send.

use super::*;
use larder_core::error::Kind;

fn tree(root: re::Directory, children: Vec<re::Directory>) -> Vec<u8> {
    re::Tree {
        root: Some(root),
        children,
    }
    .encode_to_vec()
}

fn file(name: &str, size: i64) -> re::FileNode {
    let digest = re::Digest {
        hash: Digest::of(b"x").to_string(),
        size_bytes: size,
    };
    re::FileNode {
        name: name.to_owned(),
        digest: Some(digest),
        ..re::FileNode::default()
    }
}

fn link(name: &str, target: &str) -> re::SymlinkNode {
    re::SymlinkNode {
        name: name.to_owned(),
        target: target.to_owned(),
        node_properties: None,
    }
}

fn plan(tree: &[u8]) -> Result<Plan> {
    let tuning = Tuning {
        outputs: 1000,
        entries: 10,
        ..Tuning::default()
    };
    Plan::new(tree, Utf8Path::new("/out"), &tuning)
}

fn files(files: Vec<re::FileNode>) -> re::Directory {
    re::Directory {
        files,
        ..re::Directory::default()
    }
}

/// A chain of folders that ends with one that has these links.
fn links_below(depth: usize, links: Vec<re::SymlinkNode>) -> Vec<u8> {
    let mut folder = re::Directory {
        symlinks: links,
        ..re::Directory::default()
    };
    let mut children = Vec::new();
    for _ in 0..depth {
        let digest = Some(BlobId::of(&folder.encode_to_vec()).to_wire());
        children.push(folder);
        let node = re::DirectoryNode {
            name: "d".to_owned(),
            digest,
        };
        folder = re::Directory {
            directories: vec![node],
            ..re::Directory::default()
        };
    }
    tree(folder, children)
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["", ".", "..", "a/b", "/a", "a\\b", "a\0b"] {
        let error = plan(&tree(files(vec![file(name, 1)]), vec![])).unwrap_err();
        assert_eq!(error.kind(), Kind::Failed, "{name}: {error}");
    }
    let error = plan(&tree(files(vec![file("a", 1), file("a", 1)]), vec![])).unwrap_err();
    assert!(error.to_string().contains("twice"), "{error}");
    let both = re::Directory {
        files: vec![file("a", 1)],
        symlinks: vec![link("a", "b")],
        ..re::Directory::default()
    };
    plan(&tree(both, vec![])).unwrap_err();
    plan(&tree(files(vec![file("a", 1), file("b", 1)]), vec![])).unwrap();
}

#[test]
fn links_that_lead_out_are_refused() {
    for (depth, target) in [
        (0, ".."),
        (0, "../a"),
        (0, "/etc/passwd"),
        (0, "a/.."),
        (0, "a/../.."),
        (1, "../.."),
        (1, "../../out"),
        (2, "../../../a"),
        (2, "a/../b"),
        (0, ""),
        (0, "a//b"),
        (0, "a\\b"),
    ] {
        let error = plan(&links_below(depth, vec![link("l", target)])).unwrap_err();
        assert!(error.to_string().contains("leads out"), "{target}: {error}");
    }
    for (depth, target) in [
        (0, "a"),
        (0, "./a/b"),
        (1, ".."),
        (1, "../a"),
        (2, "../../a/b"),
    ] {
        plan(&links_below(depth, vec![link("l", target)])).unwrap();
    }
}

#[test]
fn limits_end_what_is_too_large() {
    plan(&tree(files(vec![file("a", 500), file("b", 500)]), vec![])).unwrap();
    plan(&tree(files(vec![file("a", 500), file("b", 501)]), vec![])).unwrap_err();
    plan(&tree(
        files(vec![file("a", i64::MAX), file("b", i64::MAX)]),
        vec![],
    ))
    .unwrap_err();
    let many = (0..11).map(|number| file(&number.to_string(), 1)).collect();
    plan(&tree(files(many), vec![])).unwrap_err();
    // Few messages can describe a great many folders: here 2 to the power of 30.
    let mut folder = re::Directory::default();
    let mut children = Vec::new();
    for _ in 0..30 {
        let digest = Some(BlobId::of(&folder.encode_to_vec()).to_wire());
        children.push(folder);
        let node = |name: &str| re::DirectoryNode {
            name: name.to_owned(),
            digest: digest.clone(),
        };
        folder = re::Directory {
            directories: vec![node("a"), node("b")],
            ..re::Directory::default()
        };
    }
    plan(&tree(folder, children)).unwrap_err();
}

#[test]
fn a_listing_that_is_in_many_folders_counts_for_each() {
    // A field that is unknown here, of one MiB.
    let mut folder = vec![0x7a, 0x80, 0x80, 0x40];
    folder.resize(folder.len() + (1 << 20), 0);
    let digest = Some(BlobId::of(&folder).to_wire());
    for (count, is_accepted) in [(200, true), (300, false)] {
        let node = |number: usize| re::DirectoryNode {
            name: number.to_string(),
            digest: digest.clone(),
        };
        let root = re::Directory {
            directories: (0..count).map(node).collect(),
            ..re::Directory::default()
        };
        let tree = RawTree {
            root: root.encode_to_vec(),
            children: vec![folder.clone()],
        };
        let accepted = acceptable(&tree.encode_to_vec(), &Tuning::default());
        assert_eq!(accepted.is_ok(), is_accepted, "{accepted:?}");
    }
}

#[test]
fn listings_that_contradict_themselves_are_an_integrity_error() {
    let node = |id: Option<re::Digest>| re::Directory {
        directories: vec![re::DirectoryNode {
            name: "d".to_owned(),
            digest: id,
        }],
        ..re::Directory::default()
    };
    for bytes in [
        tree(
            node(Some(BlobId::of(b"another").to_wire())),
            vec![re::Directory::default()],
        ),
        tree(node(None), vec![re::Directory::default()]),
        tree(files(vec![file("a", -1)]), vec![]),
        vec![0xff; 5],
    ] {
        assert_eq!(plan(&bytes).unwrap_err().kind(), Kind::Integrity);
    }
}
