//! The header that describes an RPM package: its texts, dependencies and files.

use larder_core::error::Result;
use larder_core::model::{Libc, RequiredText};

use super::dependency::Dependency;
use super::header::{IMMUTABLE, Value, encode};
use super::{Package, Payload, RELEASE, mode, too_large};
use crate::linux::files::{Content, Entry, Kind, Tree};
use crate::linux::needs::{NeededLibc, needed_libc};
use crate::linux::text;

/// The version of rpm that first read everything which these headers have.
const RPM_VERSION: &str = "4.14.0";
/// SHA-256, among the digests of `OpenPGP`.
const SHA256: u32 = 8;
/// Distributions no longer use groups, but rpmlint demands one.
const GROUP: &str = "Applications/System";
/// rpmlint demands the name of a machine. This one says nothing about it.
const BUILD_HOST: &str = "localhost";
const FLAG_DOC: u32 = 1 << 1;
const FLAG_LICENSE: u32 = 1 << 7;
/// All attributes of a file are verified.
const VERIFY_ALL: u32 = u32::MAX;

impl Package<'_> {
    /// The header. Its size does not depend on `payload`.
    pub(super) fn description(&self, files: &Tree, payload: Payload) -> Result<Vec<u8>> {
        let mut tags = self.texts()?;
        tags.extend(self.dependencies()?);
        tags.extend(self.file_tags(files)?);
        tags.extend([
            (1124, Value::Text("cpio".into())),
            (1125, Value::Text("gzip".into())),
            (1126, Value::Text("6".into())),
            (5092, Value::Texts(vec![payload.compressed.to_string()])),
            (5093, Value::Number(vec![SHA256])),
            (5097, Value::Texts(vec![payload.plain.to_string()])),
        ]);
        encode(IMMUTABLE, tags)
    }

    fn texts(&self) -> Result<Vec<(u32, Value)>> {
        let release = self.release;
        let description = release.text(RequiredText::Description)?;
        let synopsis = text::synopsis(self.name, description);
        let paragraphs: Vec<String> = text::paragraphs(release, &synopsis)
            .iter()
            .map(|lines| lines.join("\n"))
            .collect();
        let maintainer = text::one_line(release.text(RequiredText::Maintainer)?);
        let time = u32::try_from(release.time).unwrap_or(u32::MAX);
        let mut tags = vec![
            (100, Value::Texts(vec!["C".into()])),
            (1000, Value::Text(self.name.into())),
            (1001, Value::Text(self.version.into())),
            (1002, Value::Text(RELEASE.into())),
            (1004, Value::Translated(capitalised(&synopsis))),
            (1005, Value::Translated(paragraphs.join("\n\n"))),
            (1006, Value::Number(vec![time])),
            (1007, Value::Text(BUILD_HOST.into())),
            (
                1014,
                Value::Text(text::one_line(release.text(RequiredText::License)?)),
            ),
            (1015, Value::Text(maintainer.clone())),
            (1016, Value::Translated(GROUP.into())),
            (1021, Value::Text("linux".into())),
            (1022, Value::Text(self.arch.name.into())),
            // A package without the name of its source would count as a source itself.
            (
                1044,
                Value::Text(format!("{}-{}-{RELEASE}.src.rpm", self.name, self.version)),
            ),
            (1064, Value::Text(RPM_VERSION.into())),
            (1080, Value::Number(vec![time])),
            (
                1081,
                Value::Texts(vec![format!("{maintainer} - {}-{RELEASE}", self.version)]),
            ),
            (1082, Value::Texts(vec![self.changelog()])),
            (5062, Value::Text("utf-8".into())),
        ];
        if let Some(homepage) = &release.homepage {
            tags.push((1020, Value::Text(text::one_line(homepage))));
        }
        if let Some(script) = self.post_install_script() {
            tags.push((1024, Value::Text(script)));
            tags.push((1086, Value::Text("/bin/sh".into())));
        }
        Ok(tags)
    }

    fn dependencies(&self) -> Result<Vec<(u32, Value)>> {
        let own = format!("{}-{RELEASE}", self.version);
        let parse = |key: &str, texts: &[String]| -> Result<Vec<Dependency>> {
            texts
                .iter()
                .map(|text| Dependency::parse(key, text))
                .collect()
        };
        let mut provides = parse("provides", &self.rpm.provides)?;
        provides.push(Dependency::exactly(self.name, &own));
        let isa = format!("{}({})", self.name, self.arch.isa);
        provides.push(Dependency::exactly(isa, &own));

        let mut requires = parse("depends", &self.rpm.depends)?;
        requires.extend(self.libc()?);
        requires.push(Dependency::feature("CompressedFileNames", "3.0.4-1"));
        requires.push(Dependency::feature("FileDigests", "4.6.0-1"));
        requires.push(Dependency::feature("PayloadFilesHavePrefix", "4.0-1"));
        if self.version.contains('~') {
            requires.push(Dependency::feature("TildeInVersions", "4.10.0-1"));
        }
        if self.post_install.is_some() {
            requires.push(Dependency::shell());
        }
        let conflicts = parse("conflicts", &self.rpm.conflicts)?;

        let mut tags = Vec::new();
        for (mut list, [name, version, flags]) in [
            (provides, [1047, 1113, 1112]),
            (requires, [1049, 1050, 1048]),
            (conflicts, [1054, 1055, 1053]),
        ] {
            // rpm searches these lists by bisection.
            list.sort();
            list.dedup();
            if list.is_empty() {
                continue;
            }
            let each = |get: fn(&Dependency) -> &String| list.iter().map(get).cloned().collect();
            tags.push((name, Value::Texts(each(|one| &one.name))));
            tags.push((version, Value::Texts(each(|one| &one.version))));
            let all = list.iter().map(|one| one.flags).collect();
            tags.push((flags, Value::Number(all)));
        }
        Ok(tags)
    }

    /// The C library as packages of distributions provide it.
    fn libc(&self) -> Result<Option<Dependency>> {
        let Some(NeededLibc { libc, glibc }) = needed_libc(self.release, self.platform)? else {
            return Ok(None);
        };
        let bits = if self.arch.bits == 64 { "(64bit)" } else { "" };
        Ok(Some(match (libc, glibc) {
            (Libc::Musl, _) => Dependency::any("musl"),
            (Libc::Gnu, Some(version)) => {
                Dependency::any(format!("libc.so.6(GLIBC_{version}){bits}"))
            }
            (Libc::Gnu, None) => Dependency::any("glibc"),
        }))
    }

    fn file_tags(&self, files: &Tree) -> Result<Vec<(u32, Value)>> {
        let count = files.len();
        let numbers =
            |get: &dyn Fn(&Entry) -> u32| Value::Number(files.values().map(get).collect());
        let same = |text: &str| Value::Texts(vec![text.to_owned(); count]);
        let mut folders: Vec<String> = Vec::new();
        let mut folder_of = Vec::new();
        let mut names = Vec::new();
        for path in files.keys() {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let folder = format!("/{folder}/");
            let known = folders.iter().position(|known| *known == folder);
            let n = known.unwrap_or_else(|| {
                folders.push(folder);
                folders.len() - 1
            });
            folder_of.push(u32::try_from(n).map_err(|_| too_large())?);
            names.push(name.to_owned());
        }
        let total: u64 = files.values().map(Entry::size).sum();
        let total = u32::try_from(total).map_err(|_| too_large())?;
        let time = u32::try_from(self.release.time).unwrap_or(u32::MAX);
        let inodes = (1..).take(count).collect();
        Ok(vec![
            (1009, Value::Number(vec![total])),
            // No file is larger than the total.
            (
                1028,
                numbers(&|entry| u32::try_from(entry.size()).unwrap_or(total)),
            ),
            (
                1030,
                Value::Short(
                    files
                        .values()
                        .map(|entry| u16::try_from(mode(entry)).unwrap_or_default())
                        .collect(),
                ),
            ),
            (1033, Value::Short(vec![0; count])),
            (1034, Value::Number(vec![time; count])),
            (1035, Value::Texts(files.values().map(digest).collect())),
            (1036, same("")),
            (
                1037,
                numbers(&|entry| match entry.kind {
                    Kind::Plain => 0,
                    Kind::Doc => FLAG_DOC,
                    Kind::License => FLAG_LICENSE,
                }),
            ),
            (1039, same("root")),
            (1040, same("root")),
            (1045, Value::Number(vec![VERIFY_ALL; count])),
            (1095, Value::Number(vec![1; count])),
            (1096, Value::Number(inodes)),
            (1097, same("")),
            (1116, Value::Number(folder_of)),
            (1117, Value::Texts(names)),
            (1118, Value::Texts(folders)),
            (5011, Value::Number(vec![SHA256])),
        ])
    }
}

fn digest(entry: &Entry) -> String {
    match &entry.content {
        Content::Folder => String::new(),
        Content::Bytes(bytes) => larder_core::model::Digest::of(bytes).to_string(),
        Content::File { sha256, .. } => sha256.to_string(),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
