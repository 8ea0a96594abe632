//! Words that name one or more platforms: an os, an architecture, a platform, `host` or `all`.

use schemars::{Schema, json_schema};

use crate::model::{Arch, Invalid, Os, Platform};
use crate::suggestions;

use crate::project::syntax::decode::Word;
use crate::project::syntax::keys::words;

const WORDS: [&str; 7] = ["linux", "darwin", "windows", "amd64", "arm64", "386", "arm"];

/// An os or an architecture; an alias such as `macos` has become larder's word for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OsOrArch(pub &'static str);

impl Word for OsOrArch {
    const ALIASES: bool = true;
    fn word(text: &str) -> Result<Self, Invalid> {
        let os = text.parse::<Os>().map(Os::as_str);
        os.or_else(|_| text.parse::<Arch>().map(Arch::as_str))
            .map(Self)
            .map_err(|_| {
                Invalid::new(format!("`{text}` is neither an os nor an architecture"))
                    .hint(suggestions::hint(text, WORDS))
            })
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "os or architecture", "type": "string" })
    }
}

/// An os, an architecture or a platform; aliases have become larder's words for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformWord(pub String);

impl Word for PlatformWord {
    const ALIASES: bool = true;
    fn word(text: &str) -> Result<Self, Invalid> {
        // `x86-64` is an architecture although it has a dash.
        if let Ok(word) = OsOrArch::word(text) {
            return Ok(Self(word.0.to_owned()));
        }
        if text.contains('-') {
            return text
                .parse::<Platform>()
                .map(|platform| Self(platform.to_string()));
        }
        Err(Invalid::new(format!(
            "`{text}` is neither an os, an architecture nor a platform"
        ))
        .hint(suggestions::nearest(text, WORDS).map_or_else(
            || "such as windows, arm64 or linux-arm64".to_owned(),
            |near| format!("did you mean `{near}`?"),
        )))
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "os, architecture or platform", "type": "string" })
    }
}

words! {
    /// A value of `build.platforms:` that is not a list.
    pub enum HostOrAll("`platforms` value") {
        /// Only the host platform.
        Host = "host",
        /// Every platform of the subsystem.
        All = "all",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_become_the_printed_words() {
        for (text, word) in [
            ("macos", "darwin"),
            ("x86_64", "amd64"),
            ("macos-aarch64", "darwin-arm64"),
            ("x86-64", "amd64"),
        ] {
            assert_eq!(PlatformWord::word(text), Ok(PlatformWord(word.into())));
        }
        assert!(PlatformWord::word("solaris").is_err());
        assert!(OsOrArch::word("linux-amd64").is_err());
    }
}
