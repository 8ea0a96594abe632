//! What a tree is, and its digest.

use super::*;

fn file(name: &str, mode: u32) -> ArtifactFile {
    ArtifactFile {
        name: name.parse().unwrap(),
        mode,
        size: 3,
        sha256: Digest::of(name.as_bytes()),
    }
}

fn tree(binaries: &[(&str, &str)], links: &[(&str, &str)]) -> Tree {
    let binary = |(name, path): &(&str, &str)| TreeBinary {
        name: name.parse().unwrap(),
        path: path.parse().unwrap(),
    };
    let link = |(name, target): &(&str, &str)| TreeLink {
        name: name.parse().unwrap(),
        target: target.parse().unwrap(),
    };
    Tree {
        binaries: binaries.iter().map(binary).collect(),
        links: links.iter().map(link).collect(),
    }
}

#[test]
fn a_tree_holds_together() {
    let files = [file("bin/nvim", 0o755), file("share/a", 0o644)];
    for good in [
        tree(&[("nvim", "bin/nvim")], &[]),
        tree(
            &[("nvim", "bin/nvim")],
            &[("bin/vi", "nvim"), ("lib", "share")],
        ),
        tree(
            &[("nvim", "bin/nvim"), ("vi", "bin/vi")],
            &[("bin/vi", "../bin/nvim")],
        ),
        tree(
            &[("nvim", "bin/nvim"), ("vi", "bin/nvim")],
            &[("here", "share/..")],
        ),
    ] {
        assert_eq!(good.check(&files), Ok(()), "{good:?}");
    }
    for (bad, why) in [
        (tree(&[], &[]), "no binaries"),
        (tree(&[("nvim", "bin/none")], &[]), "no program"),
        (tree(&[("a", "share/a")], &[]), "no program"),
        (
            tree(&[("share", "bin/nvim")], &[]),
            "something else called `share`",
        ),
        (
            tree(&[("SHARE", "bin/nvim")], &[]),
            "something else called `SHARE`",
        ),
        (
            tree(&[("nvim", "bin/nvim")], &[("x", "../out")]),
            "not in it",
        ),
        (
            tree(&[("nvim", "bin/nvim")], &[("x", "y"), ("y", "x")]),
            "not in it",
        ),
        (
            tree(&[("nvim", "bin/nvim")], &[("x", "share/b")]),
            "not in it",
        ),
        (
            tree(&[("nvim", "bin/nvim")], &[("share", "bin")]),
            "both a folder",
        ),
        (
            tree(&[("nvim", "bin/nvim")], &[("Share/b", "../bin")]),
            "only in case",
        ),
        (
            tree(&[("nvim", "bin/nvim")], &[("bin/NVIM", "nvim")]),
            "only in case",
        ),
        (
            tree(&[("nvim", "bin/nvim")], &[("share/a", "../bin")]),
            "twice",
        ),
        (
            tree(&[("nvim", "bin/nvim")], &[(".Version", "bin")]),
            "the stamp",
        ),
        (
            tree(&[("nvim", "bin/nvim"), ("nvim", "bin/nvim")], &[]),
            "something else",
        ),
    ] {
        let error = bad.check(&files).unwrap_err();
        assert!(error.contains(why), "{error} instead of {why}");
    }
    let good = tree(&[("nvim", "bin/nvim")], &[]);
    for (files, why) in [
        (
            [file("share/a", 0o644), file("bin/nvim", 0o755)],
            "first file",
        ),
        (
            [file("bin/nvim", 0o755), file("bin/nvim/a", 0o644)],
            "both a folder",
        ),
        ([file("bin/nvim", 0o755), file("con", 0o644)], "a device"),
    ] {
        let error = good.check(&files).unwrap_err();
        assert!(error.contains(why), "{error} instead of {why}");
    }
}

/// Other versions of larder compare this digest, so it must never change.
#[test]
fn its_digest_is_this_and_covers_everything() {
    let files = [file("bin/nvim", 0o755), file("share/a", 0o644)];
    let whole = tree(
        &[("nvim", "bin/nvim"), ("vi", "bin/vi")],
        &[("bin/vi", "nvim"), ("x", "share")],
    );
    let digest = whole.digest(&files);
    insta::assert_snapshot!(digest, @"19b5dc3ba72c5313735885d861c1eaf83214aed440842b6bbf21535a41e5554d");
    let mut other = whole.clone();
    other.links.reverse();
    assert_eq!(other.digest(&[files[1].clone(), files[0].clone()]), digest);
    let changed = [
        tree(
            &[("nvim", "bin/nvim"), ("vi", "bin/nvim")],
            &[("bin/vi", "nvim"), ("x", "share")],
        ),
        tree(
            &[("nvim", "bin/nvim"), ("v", "bin/vi")],
            &[("bin/vi", "nvim"), ("x", "share")],
        ),
        tree(
            &[("nvim", "bin/nvim"), ("vi", "bin/vi")],
            &[("bin/vi", "nvim")],
        ),
        tree(
            &[("nvim", "bin/nvim"), ("vi", "bin/vi")],
            &[("bin/vi", "nvim"), ("x", "bin")],
        ),
    ];
    for other in changed {
        assert_ne!(other.digest(&files), digest);
    }
    assert_ne!(whole.digest(&files[..1]), digest);
}

#[test]
fn the_files_of_binaries_come_first() {
    let mut files = ["z", "bin/b", "a/x", "bin/a"].map(|name| file(name, 0o755));
    let tree = tree(&[("b", "bin/c"), ("a", "bin/a")], &[("bin/c", "b")]);
    tree.sort(&mut files);
    assert_eq!(
        files.map(|file| file.name.to_string()),
        ["bin/b", "bin/a", "a/x", "z"]
    );
    assert_eq!(tree.folders(&[file("a/b/c", 0o644)]), ["a", "a/b", "bin"]);
}
