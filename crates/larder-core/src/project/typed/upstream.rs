//! The keys of `upstream:` as they are written: those for all platforms, and in `overrides` and
//! `versions` the exceptions for some of them and for some versions.

use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::platform_words::{OsOrArch, PlatformWord};
use super::recipe::RawBinary;
use super::trust::RawSignature;
use super::words::{FileFormatWord, Flag, KeepWord, Repo, Value};
use crate::model::{Digest, Platform, VersionRange};
use crate::project::syntax::decode::{At, Decode, NonEmpty, Pairs, Reader, Spot};
use crate::project::syntax::keys::{Keys, decode_keys, keys};
use crate::project::syntax::yaml::{Entry, Kind, Node};

keys! {
    /// Where the original is. One of `github`, `url`, `npm` and `pypi` says where to get it.
    pub struct RawUpstreamKeys, required [] {
        /// The GitHub repository whose releases have the original, written as `owner/name`.
        /// It needs `asset`.
        "github" github: At<Repo>,
            since "0.1.0", example "nats-io/nats-server";
        /// The url (template) of the original.
        /// It must use https; plain http is allowed for this machine and for hosts in the user's
        /// `allow_http`.
        "url" url: At<String>,
            since "0.1.0",
            example "https://example.com/tool-{{ version }}-{{ os }}-{{ arch }}.tar.gz";
        /// The name (template) of a package of the npm registry, without a version.
        /// larder downloads it with `npm`.
        "npm" npm: At<String>,
            since "0.1.0", example "@esbuild/{{ os }}-{{ arch }}";
        /// The name (template) of a project of the Python package index, without a version.
        /// larder downloads its wheel with `pip`.
        "pypi" pypi: At<String>,
            since "0.1.0", example "ruff";
        /// The tag (template) of the GitHub release.
        /// The default is the version as versions.yml writes it.
        /// With `npm` or `pypi` it is the version at the registry,
        /// and the default is the version without its leading `v`.
        "tag" tag: At<String>,
            since "0.1.0", default "`{{ version }}`", example "release-{{ version_number }}";
        /// The name (template) of the asset of the GitHub release.
        /// It is required with `github` and allowed only with it.
        "asset" asset: At<String>,
            since "0.1.0", example "nats-server-{{ version }}-{{ os }}-{{ arch }}.tar.gz";
        /// Where the digest of the original is stated.
        /// A text (template) is the url of a checksums file or, with `github`,
        /// the name of an asset of the same release.
        /// A mapping pins the sha256 of each platform in the recipe itself.
        /// Without it the digest is first pinned in versions.lock, when the original is accepted.
        "checksums" checksums: RawChecksums,
            since "0.1.0", default "none; `versions.lock` pins what was downloaded first",
            example "SHA256SUMS";
        /// The publisher's signature of the original, or of its checksums file.
        /// It is checked whenever the original is downloaded.
        /// It does not change the inputs.
        "signature" signature: RawSignature,
            since "0.1.0", default "none",
            example {
                "minisign": "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
                "file": "{{ asset }}.minisig",
            };
        /// Which files of the archive become files of the artifact:
        /// each key is a glob (template) of a path in the archive,
        /// each value the name (template) of a binary or an included file.
        /// In a glob `*` does not match `/`, and `**` does.
        /// Each glob must match exactly one file, and every binary needs a line.
        /// By default each binary is found by its name in any folder;
        /// if several files match, the program for the platform is used.
        "extract" extract: Pairs<String, At<String>>,
            since "0.1.0", default "each binary, by its name",
            example {"*/bin/tool{{ exe }}": "tool{{ exe }}"};
        /// What the original is.
        /// `auto` reads it from the file's first bytes, whatever the file is called.
        /// `tar` (compressed or not), `zip`, `7z` and `deb` are archives;
        /// `gz`, `xz`, `zst`, `bz2`, `lz4` and `lzma` are one compressed file;
        /// `plain` is the file itself, even if it is an archive.
        "format" format: At<FileFormatWord>,
            since "0.1.0", default "`auto`", example "plain";
        /// What of the archive becomes part of the artifact.
        /// `files` takes the binaries and the included files.
        /// `tree` takes every file of the archive,
        /// for programs that need the folders beside them.
        "keep" keep: At<KeepWord>,
            since "0.1.0", default "`files`", example "tree";
        /// Platforms whose processor also runs the programs of another one.
        /// Where the publisher has nothing for such a platform,
        /// the original of the other one is used;
        /// where it has something, that is used.
        /// `true` means `{windows-arm64: windows-amd64, darwin-arm64: darwin-amd64}`,
        /// which Windows and macOS can run; a mapping names others, of the same system.
        /// What was taken is told by `status` and at the end of each run.
        /// The platforms must also be in `platforms`.
        "emulate" emulate: RawEmulate,
            since "0.1.0", default "no platform", example true;
        /// The words that `{{ os }}` and `{{ arch }}` render to in the templates of `upstream`,
        /// such as `{amd64: x86_64}`.
        /// The default is larder's own words.
        "replacements" replacements: Pairs<OsOrArch, At<Value>>,
            since "0.1.0", example {"amd64": "x86_64"};
    }
}

keys! {
    /// The key `binaries`.
    pub struct RawBinariesKey, required [] {
        /// The binaries on these platforms, instead of those at the top of the recipe.
        /// They are also those of a build.
        "binaries" binaries: NonEmpty<RawBinary>,
            since "0.1.0", default "the recipe's `binaries`", example ["tool.bat"];
    }
}

keys! {
    /// The key `overrides`.
    pub struct RawOverridesKey, required [] {
        /// Other values of these keys for an os, an architecture or a platform,
        /// such as `{windows: {asset: …}}`, and other `binaries`.
        /// A platform takes precedence over an architecture, and an architecture over an os.
        /// `replacements` are added to those above; every other key replaces the one above.
        /// A different kind of original (`github`, `url`, `npm` or `pypi`) also drops the `tag`,
        /// the `asset`, the checksums file and the `signature` from above.
        #[schemars(extend("x-same-keys" = true))]
        "overrides" overrides: Pairs<PlatformWord, RawOverride>,
            since "0.1.0",
            example {"windows": {"asset": "nats-server-{{ version }}-windows-{{ arch }}.zip"}};
    }
}

keys! {
    /// The key `versions`.
    pub struct RawVersionsKey, required [] {
        /// Other values of these keys for a range of versions,
        /// for a publisher that has changed its names.
        /// The first entry whose range has the pinned version applies:
        /// its keys take precedence over those above and over `overrides`,
        /// and it can have `binaries` and `overrides` of its own.
        /// A range has comparisons with a comma between them, such as `<1.4`, `>=1.4, <2`, `^1.2`,
        /// `~1.2.3`, or a version. A leading `v` of a version does not matter.
        "versions" versions: Vec<RawVersion>,
            since "0.1.0",
            example [{"<1.4": {"asset": "nats-{{ version }}-{{ os }}-{{ arch }}.tgz"}}];
    }
}

/// Defines the keys of a mapping as those of several others.
macro_rules! joined_keys {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* $part:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, JsonSchema)]
        #[schemars(extend("required" = [], "additionalProperties" = false))]
        pub struct $name {
            $($(#[$doc])* #[schemars(flatten)] pub $part: $type,)*
        }

        impl Keys for $name {
            fn names() -> Vec<&'static str> {
                [$(<$type>::names()),*].concat()
            }
            fn required() -> &'static [&'static str] {
                &[]
            }
            fn misspelled(&mut self, name: &'static str, span: &Range<usize>) {
                $(if <$type>::names().contains(&name) {
                    self.$part.misspelled(name, span);
                })*
            }
            fn take(&mut self, entry: &Entry, reader: &mut Reader<'_>) -> bool {
                $(self.$part.take(entry, reader))||*
            }
        }

        impl Decode for $name {
            fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
                decode_keys(node, spot, reader)
            }
        }
    };
}

joined_keys! {
    /// Where the original is: the file that the publisher of the program releases.
    /// `overrides` has the exceptions for single platforms, `versions` those for other versions.
    pub struct RawUpstream {
        /// The keys for all platforms.
        keys: RawUpstreamKeys,
        /// The exceptions for some platforms.
        overrides: RawOverridesKey,
        /// The exceptions for some versions.
        versions: RawVersionsKey,
    }
}

joined_keys! {
    /// Other values of the keys of `upstream` for some platforms.
    pub struct RawOverride {
        /// The keys.
        keys: RawUpstreamKeys,
        /// Other binaries.
        binaries: RawBinariesKey,
    }
}

joined_keys! {
    /// Other values of the keys of `upstream` for some versions.
    pub struct RawVersionKeys {
        /// The keys for all platforms.
        base: RawOverride,
        /// The exceptions for some platforms.
        overrides: RawOverridesKey,
    }
}

/// An entry of `versions`.
#[derive(Clone, Debug)]
pub struct RawVersion {
    /// The range; `None` if it could not be read.
    pub range: Option<At<VersionRange>>,
    /// The keys; `None` if they could not be read.
    pub keys: Option<RawVersionKeys>,
}

impl Decode for RawVersion {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        const HINT: &str = "write `- {\"<1.4\": {asset: …}}`: one range, and its keys";
        let Kind::Map(entries) = &node.kind else {
            reader.expected(spot, "a mapping", node, Some(HINT.to_owned()));
            return None;
        };
        let [Entry { key, span, value }] = entries.as_slice() else {
            let message = format!(
                "an entry of `versions` has one range, not {}",
                entries.len()
            );
            reader.problem(&node.span, message, HINT);
            return None;
        };
        let keys = Decode::decode(value, Spot::Key(key), reader);
        let range = match key.parse() {
            Ok(value) => Some(At {
                value,
                span: span.clone(),
            }),
            Err(invalid) => {
                reader.invalid(span, invalid);
                None
            }
        };
        Some(Self { range, keys })
    }
}

impl JsonSchema for RawVersion {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": generator.subschema_for::<RawVersionKeys>(),
            "minProperties": 1,
            "maxProperties": 1,
            "x-key-type": "range of versions",
        })
    }
}

/// The platforms that run the programs of another one: `true` for the usual ones, or each with the
/// other.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum RawEmulate {
    /// Whether those of Windows and macOS do that.
    Flag(At<Flag>),
    /// Each platform with the one whose programs it also runs.
    Map(Pairs<Platform, At<Platform>>),
}

impl Decode for RawEmulate {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => Pairs::decode(node, spot, reader).map(Self::Map),
            _ => At::decode(node, spot, reader).map(Self::Flag),
        }
    }
}

/// Where digests are stated: a checksums file, or digests by platform.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum RawChecksums {
    /// A checksums file (template): its url, or the name of an asset of the same GitHub release.
    File(At<String>),
    /// The sha256 of the original for each platform.
    /// A platform that is not listed is not pinned here.
    Pinned(Pairs<Platform, At<Digest>>),
}

impl Decode for RawChecksums {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) if !reader.source.text[node.span.start..].starts_with("{{") => {
                Pairs::decode(node, spot, reader).map(Self::Pinned)
            }
            _ => At::decode(node, spot, reader).map(Self::File),
        }
    }
}
