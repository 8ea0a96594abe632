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
//! It contains nothing that depends on the machine, the time or the source of the artifact: the
//! same artifact has the same stamp everywhere, also inside its package. An unknown or damaged
//! stamp means *not installed*.

use std::fmt::Write as _;

use crate::model::{Artifact, ArtifactFile, Name};

/// File name of the stamp.
pub const FILE: &str = ".version";

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
        let _ = writeln!(
            text,
            "  - {{name: {name}, mode: {mode:04o}, size: {size}, sha256: {sha256}}}"
        );
    }
    text
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
    };
    stamped.check().ok()?;
    let whole = stamped.files.first()?.sha256 == checksum?.parse().ok()?
        && stamped.digest() == artifact?.parse().ok()?;
    // A stamp has exactly one valid text. Another text is damaged, even if it parses to the same
    // values.
    (whole && render(&stamped) == text).then_some(stamped)
}

fn parse_file(line: &str) -> Option<ArtifactFile> {
    let mut fields = line.strip_prefix("  - {")?.strip_suffix('}')?.split(", ");
    let mut field = |key: &str| fields.next()?.strip_prefix(key)?.strip_prefix(": ");
    let file = ArtifactFile {
        name: field("name")?.parse().ok()?,
        mode: u32::from_str_radix(field("mode")?, 8).ok()?,
        size: field("size")?.parse().ok()?,
        sha256: field("sha256")?.parse().ok()?,
    };
    fields.next().is_none().then_some(file)
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
