//! The stamp `.version`: describes an installed artifact in `key: value` lines (which are also
//! valid YAML).
//!
//! ```text
//! version: v2.10.24
//! checksum: <sha256 of the first binary>
//! platform: linux-amd64
//! emulated: <only where the programs are those of another platform>
//! origin: build
//! inputs: <64 hex>
//! artifact: <64 hex>
//! commit: <only for a git source>
//! files:
//!   - {name: nats-server, mode: 0755, size: 16822272, sha256: <64 hex>}
//! ```
//!
//! In the stamp of a tree, the names of files are paths, and two more lists follow:
//!
//! ```text
//! binaries:
//!   - {name: nvim, path: bin/nvim}
//! links:
//!   - {name: bin/vi, target: nvim}
//! ```
//!
//! A path with other characters than letters, digits and `._+@/-` is quoted as in JSON.
//!
//! It contains nothing that depends on the machine, the time or the source of the artifact: the
//! same artifact has the same stamp everywhere, also inside its package. An unknown or damaged
//! stamp means *not installed*.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::model::{Artifact, ArtifactFile, Name, Tree, TreeBinary, TreeLink};

/// File name of the stamp.
pub const FILE: &str = ".version";

const BINARIES: &str = "binaries:\n";
const LINKS: &str = "links:\n";

/// The text of the stamp of an artifact.
pub fn render(artifact: &Artifact) -> String {
    let Artifact {
        name: _,
        version,
        platform,
        emulated,
        origin,
        inputs,
        commit,
        files,
        tree,
    } = artifact;
    let mut text = String::new();
    // Writing to a `String` can't fail.
    let _ = writeln!(text, "version: {version}");
    if let Some(first) = files.first() {
        let _ = writeln!(text, "checksum: {}", first.sha256);
    }
    let _ = writeln!(text, "platform: {platform}");
    if let Some(emulated) = emulated {
        let _ = writeln!(text, "emulated: {emulated}");
    }
    let _ = writeln!(
        text,
        "origin: {origin}\ninputs: {inputs}\nartifact: {}",
        artifact.digest()
    );
    if let Some(commit) = commit {
        let _ = writeln!(text, "commit: {commit}");
    }
    text.push_str("files:\n");
    for ArtifactFile {
        name,
        mode,
        size,
        sha256,
    } in files
    {
        let name = quoted(name.as_str());
        let _ = writeln!(
            text,
            "  - {{name: {name}, mode: {mode:04o}, size: {size}, sha256: {sha256}}}"
        );
    }
    if let Some(Tree { binaries, links }) = tree {
        text.push_str(BINARIES);
        for TreeBinary { name, path } in binaries {
            let path = quoted(path.as_str());
            let _ = writeln!(text, "  - {{name: {name}, path: {path}}}");
        }
        text.push_str(LINKS);
        for TreeLink { name, target } in links {
            let (name, target) = (quoted(name.as_str()), quoted(target.as_str()));
            let _ = writeln!(text, "  - {{name: {name}, target: {target}}}");
        }
    }
    text
}

/// A path as YAML and [`Fields`] read it.
fn quoted(path: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+@/-".contains(c);
    let starts = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
    if path.starts_with(starts) && path.chars().all(is_plain) {
        return path.into();
    }
    serde_json::Value::from(path).to_string().into()
}

/// Parses a stamp; `None` if anything in it is unknown, missing or contradictory.
pub fn parse(name: &Name, text: &str) -> Option<Artifact> {
    let (head, list) = text.split_once("files:\n")?;
    let (mut version, mut checksum, mut platform, mut emulated) = (None, None, None, None);
    let (mut origin, mut inputs, mut artifact, mut commit) = (None, None, None, None);
    for line in head.lines() {
        let (key, value) = line.split_once(": ")?;
        let slot = match key {
            "version" => &mut version,
            "checksum" => &mut checksum,
            "platform" => &mut platform,
            "emulated" => &mut emulated,
            "origin" => &mut origin,
            "inputs" => &mut inputs,
            "artifact" => &mut artifact,
            "commit" => &mut commit,
            _ => return None,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    let (list, tree) = match list.split_once(BINARIES) {
        Some((list, tree)) => (list, Some(parse_tree(tree)?)),
        None => (list, None),
    };
    let files = list.lines().map(parse_file).collect::<Option<Vec<_>>>()?;
    let stamped = Artifact {
        name: name.clone(),
        version: version?.parse().ok()?,
        platform: platform?.parse().ok()?,
        emulated: match emulated {
            Some(emulated) => Some(emulated.parse().ok()?),
            None => None,
        },
        origin: origin?.parse().ok()?,
        inputs: inputs?.parse().ok()?,
        commit: commit.map(str::to_owned),
        files,
        tree,
    };
    stamped.check().ok()?;
    let whole = stamped.files.first()?.sha256 == checksum?.parse().ok()?
        && stamped.digest() == artifact?.parse().ok()?;
    // A stamp has exactly one valid text. Another text is damaged, even if it parses to the same
    // values.
    (whole && render(&stamped) == text).then_some(stamped)
}

fn parse_file(line: &str) -> Option<ArtifactFile> {
    let mut fields = Fields::of(line)?;
    let file = ArtifactFile {
        name: fields.next("name")?.parse().ok()?,
        mode: u32::from_str_radix(&fields.next("mode")?, 8).ok()?,
        size: fields.next("size")?.parse().ok()?,
        sha256: fields.next("sha256")?.parse().ok()?,
    };
    fields.end(file)
}

fn parse_tree(text: &str) -> Option<Tree> {
    let (binaries, links) = text.split_once(LINKS)?;
    let binary = |line| {
        let mut fields = Fields::of(line)?;
        let binary = TreeBinary {
            name: fields.next("name")?.parse().ok()?,
            path: fields.next("path")?.parse().ok()?,
        };
        fields.end(binary)
    };
    let link = |line| {
        let mut fields = Fields::of(line)?;
        let link = TreeLink {
            name: fields.next("name")?.parse().ok()?,
            target: fields.next("target")?.parse().ok()?,
        };
        fields.end(link)
    };
    Some(Tree {
        binaries: binaries.lines().map(binary).collect::<Option<_>>()?,
        links: links.lines().map(link).collect::<Option<_>>()?,
    })
}

/// The fields of a line: the rest of `{name: …, mode: …}`.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let fields = line.strip_prefix("  - {")?.strip_suffix('}')?;
        Some(Self(fields))
    }

    /// The value of the next field, which has this key.
    fn next(&mut self, key: &str) -> Option<Cow<'a, str>> {
        let text = self.0.strip_prefix(key)?.strip_prefix(": ")?;
        let (value, length) = if text.starts_with('"') {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
            let value = values.next()?.ok()?;
            (Cow::from(value), values.byte_offset())
        } else {
            let length = text.find(", ").unwrap_or(text.len());
            (Cow::from(&text[..length]), length)
        };
        let rest = &text[length..];
        self.0 = rest.strip_prefix(", ").unwrap_or(rest);
        Some(value)
    }

    /// The value of the whole line, if there are no more fields.
    fn end<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, Origin};

    fn artifact(commit: Option<&str>) -> Artifact {
        let file = |name: &str, mode| ArtifactFile {
            name: name.parse().unwrap(),
            mode,
            size: 3,
            sha256: Digest::of(name.as_bytes()),
        };
        Artifact {
            name: "nats".parse().unwrap(),
            version: "v2.10.24".parse().unwrap(),
            platform: "linux-amd64".parse().unwrap(),
            emulated: None,
            origin: Origin::Build,
            inputs: Digest::of(b"inputs"),
            commit: commit.map(str::to_owned),
            files: vec![file("nats-server", 0o755), file("LICENSE", 0o644)],
            tree: None,
        }
    }

    fn tree() -> Artifact {
        let mut artifact = artifact(None);
        let paths = [
            "bin/nvim",
            "bin/nvim.sh",
            "share/a b, c #d's {e}.vim",
            "share/é",
            "-x/y",
        ];
        artifact.files = paths
            .iter()
            .map(|path| ArtifactFile {
                name: path.parse().unwrap(),
                mode: if path.starts_with("bin") {
                    0o755
                } else {
                    0o644
                },
                size: 3,
                sha256: Digest::of(path.as_bytes()),
            })
            .collect();
        let link = |name: &str, target: &str| TreeLink {
            name: name.parse().unwrap(),
            target: target.parse().unwrap(),
        };
        artifact.tree = Some(Tree {
            binaries: vec![TreeBinary {
                name: "nvim".parse().unwrap(),
                path: "bin/nvim".parse().unwrap(),
            }],
            links: vec![link("lib", "share"), link("share/x y", "../bin/nvim")],
        });
        artifact
    }

    /// The same for a tree.
    #[test]
    fn the_text_of_a_tree_is_this() {
        insta::assert_snapshot!(render(&tree()), @r#"
        version: v2.10.24
        checksum: f7e853af08690200dddaa34a174a231934b4767c06e9e1f93ffdd293e0a809bb
        platform: linux-amd64
        origin: build
        inputs: 32381523e63197c929b67f793a8098bed0ae3a6fa902634fdbcc6fa4567f3346
        artifact: b92e28f5fcf61ce0a644d2e29b2f235b0255bb3946ebab2f9a023a53691bfb93
        files:
          - {name: bin/nvim, mode: 0755, size: 3, sha256: f7e853af08690200dddaa34a174a231934b4767c06e9e1f93ffdd293e0a809bb}
          - {name: bin/nvim.sh, mode: 0755, size: 3, sha256: e89500962959dc4ede6c40de61744362f0732e5e641f17f56339a18567b1271c}
          - {name: "share/a b, c #d's {e}.vim", mode: 0644, size: 3, sha256: 1d6ead98d0c791179de5719a3226327d8341f81504b7a95cec8cd10671e89bbf}
          - {name: "share/é", mode: 0644, size: 3, sha256: e6289efca78a4800a6474147358b0256095e81a166e2da9326a4d1a927fb01ef}
          - {name: "-x/y", mode: 0644, size: 3, sha256: 90e1b914661e77ec97c8089a44fa7374c0e4d1ad4df5ca823fa3d51c3dec952b}
        binaries:
          - {name: nvim, path: bin/nvim}
        links:
          - {name: lib, target: share}
          - {name: "share/x y", target: ../bin/nvim}
        "#);
    }

    #[test]
    fn a_tree_round_trips_and_any_damage_means_not_installed() {
        let artifact = tree();
        let text = render(&artifact);
        assert_eq!(parse(&artifact.name, &text), Some(artifact.clone()));
        for cut in 0..text.len() {
            if let Some(text) = text.get(..cut) {
                assert_eq!(parse(&artifact.name, text), None, "cut at {cut}");
            }
        }
        for i in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[i] ^= 1;
            if let Ok(damaged) = String::from_utf8(bytes) {
                let found = parse(&artifact.name, &damaged);
                assert_ne!(found.as_ref(), Some(&artifact), "bit flipped at {i}");
            }
        }
    }

    /// larder reads stamps that other versions of larder wrote, so this text must never change.
    #[test]
    fn its_text_is_this() {
        insta::assert_snapshot!(render(&artifact(Some("0123456789abcdef0123456789abcdef01234567"))), @r"
        version: v2.10.24
        checksum: 23863a25d3acc162f2db95b957bb804e0d114526e774c215a1a9299ff1d5f83a
        platform: linux-amd64
        origin: build
        inputs: 32381523e63197c929b67f793a8098bed0ae3a6fa902634fdbcc6fa4567f3346
        artifact: ebb187ba7d9939000295ce8a753fffa960496a0cb240d7032b59b823f455c10c
        commit: 0123456789abcdef0123456789abcdef01234567
        files:
          - {name: nats-server, mode: 0755, size: 3, sha256: 23863a25d3acc162f2db95b957bb804e0d114526e774c215a1a9299ff1d5f83a}
          - {name: LICENSE, mode: 0644, size: 3, sha256: c693279643b8cd5d248172d9c22cb7cf4ed163a3c98c8a3f69c2717edd3eacb7}
        ");
    }

    #[test]
    fn programs_of_another_platform_are_stated() {
        let mut emulated = artifact(None);
        emulated.platform = "windows-arm64".parse().unwrap();
        emulated.emulated = "windows-amd64".parse().ok();
        let text = render(&emulated);
        assert!(text.contains("\nplatform: windows-arm64\nemulated: windows-amd64\norigin: "));
        assert_eq!(parse(&emulated.name, &text), Some(emulated.clone()));
        // No platform emulates itself or one of another system.
        for other in ["windows-arm64", "linux-amd64"] {
            emulated.emulated = other.parse().ok();
            assert_eq!(parse(&emulated.name, &render(&emulated)), None, "{other}");
        }
    }

    #[test]
    fn it_round_trips_and_reads_as_key_value_lines() {
        for commit in [None, Some("0123456789abcdef0123456789abcdef01234567")] {
            let artifact = artifact(commit);
            let text = render(&artifact);
            assert!(text.starts_with("version: v2.10.24\nchecksum: "));
            assert_eq!(parse(&artifact.name, &text), Some(artifact));
        }
    }

    #[test]
    fn any_damage_means_not_installed() {
        let artifact = artifact(None);
        let text = render(&artifact);
        for cut in 0..text.len() {
            assert_eq!(parse(&artifact.name, &text[..cut]), None, "cut at {cut}");
        }
        for i in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[i] ^= 1;
            if let Ok(damaged) = String::from_utf8(bytes) {
                assert_ne!(
                    parse(&artifact.name, &damaged).as_ref(),
                    Some(&artifact),
                    "bit flipped at {i}"
                );
            }
        }
        assert_eq!(parse(&artifact.name, &format!("future: 1\n{text}")), None);
        assert_eq!(
            parse(&artifact.name, &text.replace("mode: 0755", "mode: 755")),
            None
        );
    }
}
