//! Recognises whose file it is: by its name, and where names vary by its content.

use camino::Utf8Path;

use larder_core::error::{Error, Result};
use larder_core::project::foreign::Source;

/// A kind of file that tools can be taken over from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A Taskfile of Task.
    Taskfile,
    /// `mise.toml` of mise.
    Mise,
    /// `.tool-versions` of asdf and mise.
    ToolVersions,
    /// `aqua.yaml` of aqua.
    Aqua,
    /// A DotSlash file.
    DotSlash,
    /// `.goreleaser.yaml` of GoReleaser.
    GoReleaser,
}

impl FileKind {
    /// The word for it in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Taskfile => "taskfile",
            Self::Mise => "mise",
            Self::ToolVersions => "tool-versions",
            Self::Aqua => "aqua",
            Self::DotSlash => "dotslash",
            Self::GoReleaser => "goreleaser",
        }
    }

    /// Recognises a file.
    pub(super) fn of(path: &Utf8Path, source: &Source) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_ascii_lowercase();
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let is_yaml = matches!(ending, "yml" | "yaml");
        let is_toml = ending == "toml";
        let has_line = |starts: &[&str]| {
            source
                .text
                .lines()
                .any(|line| starts.iter().any(|start| line.starts_with(start)))
        };
        let known = if source.text.starts_with("#!/usr/bin/env dotslash") {
            Self::DotSlash
        } else if is_yaml && name.starts_with("taskfile.") {
            Self::Taskfile
        } else if name == ".tool-versions" || name.ends_with(".tool-versions") {
            Self::ToolVersions
        } else if is_yaml && name.trim_start_matches('.').starts_with("aqua") {
            Self::Aqua
        } else if is_yaml && name.trim_start_matches('.').starts_with("goreleaser") {
            Self::GoReleaser
        } else if is_toml && (name.contains("mise") || has_line(&["[tools]", "[tasks."])) {
            Self::Mise
        } else if is_yaml && has_line(&["builds:", "archives:", "nfpms:"]) {
            Self::GoReleaser
        } else if is_yaml && has_line(&["registries:", "packages:"]) {
            Self::Aqua
        } else if is_yaml && has_line(&["tasks:", "includes:"]) {
            Self::Taskfile
        } else {
            return Err(unknown(&source.file));
        };
        Ok(known)
    }
}

fn unknown(path: &Utf8Path) -> Error {
    Error::usage(format!("larder does not know what kind of file {path} is"))
        .hint(
            "`--from` takes Taskfile.yml, mise.toml, .tool-versions, aqua.yaml, a DotSlash file \
             (`#!/usr/bin/env dotslash` in its first line), and .goreleaser.yaml",
        )
        .hint("for a single tool: `larder add NAME github:owner/name VERSION`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised() {
        for (path, text, kind) in [
            ("Taskfile.yml", "", Some(FileKind::Taskfile)),
            ("taskfile.dist.yaml", "", Some(FileKind::Taskfile)),
            (
                "ci/tasks.yml",
                "version: '3'\ntasks:\n  a: x\n",
                Some(FileKind::Taskfile),
            ),
            ("mise.toml", "", Some(FileKind::Mise)),
            (".mise.local.toml", "", Some(FileKind::Mise)),
            (
                ".config/mise/config.toml",
                "[tools]\nnode = 1\n",
                Some(FileKind::Mise),
            ),
            ("Cargo.toml", "[package]\n", None),
            (".tool-versions", "", Some(FileKind::ToolVersions)),
            ("aqua.yaml", "", Some(FileKind::Aqua)),
            (".aqua.yml", "", Some(FileKind::Aqua)),
            ("tools.yaml", "registries:\n", Some(FileKind::Aqua)),
            (
                "bin/node",
                "#!/usr/bin/env dotslash\n{}",
                Some(FileKind::DotSlash),
            ),
            (".goreleaser.yaml", "", Some(FileKind::GoReleaser)),
            ("release.yml", "builds:\n", Some(FileKind::GoReleaser)),
            ("Makefile", "all:\n", None),
            ("docker-compose.yml", "services:\n", None),
        ] {
            let (source, _) = Source::new(path.into(), text.into());
            let found = FileKind::of(path.into(), &source);
            match (kind, found) {
                (Some(kind), Ok(found)) => assert_eq!(kind, found, "{path}"),
                (None, Err(error)) => {
                    assert!(error.hints()[0].contains(".goreleaser.yaml"), "{path}");
                }
                (kind, found) => panic!("{path}: {kind:?}, {found:?}"),
            }
        }
    }
}
