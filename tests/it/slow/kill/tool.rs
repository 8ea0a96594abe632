//! The subsystem of these tests: two versions with different files, and what must hold at any
//! moment.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8PathBuf;
use larder_core::model::Digest;

use crate::env::{TestEnv, list, stamped};

/// A subsystem whose binaries differ by version: `tool` in both, `left` only in the first, `right`
/// only in the second.
pub struct Tool {
    pub env: TestEnv,
}

pub const VERSIONS: [&str; 2] = ["v1.0.0", "v2.0.0"];

pub fn names(version: &str) -> [&'static str; 2] {
    if version == VERSIONS[0] {
        ["left", "tool"]
    } else {
        ["right", "tool"]
    }
}

impl Tool {
    pub fn new() -> Self {
        let tool = Self {
            env: TestEnv::new(),
        };
        tool.env.write("subsystems/tool/src/NOTICE", "for all\n");
        tool.want(VERSIONS[0]);
        tool
    }

    pub fn want(&self, version: &str) {
        let [other, tool] = names(version);
        self.env
            .versions(&[("tool", version)], "sources: [build]\n");
        self.env.recipe(
            "tool",
            &format!(
                "binaries: [{tool}, {other}]\nbuild:\n  source: {{dir: .}}\n  commands:\n    \
                 - \"for b in {tool} {other}; do printf '#!/bin/sh\\necho %s {{{{ version }}}}\\n' $b > {{{{ out }}}}/$b; done\"\n\
                 package: {{include: [src/NOTICE]}}\n"
            ),
        );
    }

    pub fn bin(&self) -> Utf8PathBuf {
        self.env.path("subsystems/tool/.bin")
    }

    /// The installed version as any reader sees it; every visible name must belong to it and be
    /// intact.
    pub fn visible(&self, context: &str) -> Option<String> {
        let bin = self.bin();
        let stamp = std::fs::read_to_string(bin.join(".version")).ok();
        let version = stamp.as_ref().map(|text| {
            text.lines()
                .next()
                .unwrap()
                .strip_prefix("version: ")
                .unwrap()
                .to_owned()
        });
        let mut seen = BTreeSet::new();
        for entry in bin.read_dir_utf8().into_iter().flatten() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_owned();
            // A dangling link is not a binary.
            if name.starts_with('.') || !entry.path().exists() {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let version = version
                .as_deref()
                .unwrap_or_else(|| panic!("{context}: {name} is visible without a stamp"));
            assert_eq!(
                text,
                format!("#!/bin/sh\necho {name} {version}\n"),
                "{context}: {name} beside a stamp of {version}"
            );
            let mode = entry.path().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{context}: {name}");
            seen.insert(name);
        }
        let Some(version) = version else {
            assert!(seen.is_empty(), "{context}: {seen:?} without a stamp");
            return None;
        };
        assert_eq!(
            seen.iter().map(String::as_str).collect::<Vec<_>>(),
            names(&version),
            "{context}: names of {version}"
        );
        // The same through the pivot, compared by hash.
        let set = bin.join(".v").join(
            std::fs::read_link(bin.join(".v/current"))
                .unwrap()
                .to_str()
                .unwrap(),
        );
        assert_eq!(
            std::fs::read_to_string(set.join(".version")).ok(),
            stamp,
            "{context}"
        );
        let stamped = stamped(&stamp.unwrap());
        assert_eq!(stamped.len(), 3, "{context}: {stamped:?}");
        for (name, sha256) in stamped {
            let bytes =
                std::fs::read(set.join(&name)).unwrap_or_else(|e| panic!("{context}: {name}: {e}"));
            assert_eq!(Digest::of(&bytes).to_string(), sha256, "{context}: {name}");
        }
        Some(version)
    }

    /// Checks that the killed run has left nothing.
    pub fn assert_no_leftovers(&self, context: &str) {
        let bin = self.bin();
        let version = self.visible(context).unwrap();
        let wanted: BTreeSet<String> = names(&version)
            .iter()
            .map(ToString::to_string)
            .chain([".v".into(), ".version".into()])
            .collect();
        assert_eq!(list(&bin), wanted, "{context}: .bin");
        let mut wanted = BTreeSet::new();
        for link in ["current", "previous"] {
            if let Ok(target) = std::fs::read_link(bin.join(".v").join(link)) {
                wanted.extend([link.to_owned(), target.to_str().unwrap().to_owned()]);
            }
        }
        assert_eq!(list(&bin.join(".v")), wanted, "{context}: .bin/.v");
        assert_eq!(
            list(&self.env.path(".larder/work")),
            BTreeSet::new(),
            "{context}: .larder/work"
        );
        for folder in ["", ".larder"] {
            let staged = list(&self.env.path(folder))
                .into_iter()
                .find(|name| name.starts_with(".tmp-"));
            assert_eq!(staged, None, "{context}: {folder}");
        }
    }
}
