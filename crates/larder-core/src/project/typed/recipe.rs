//! `recipe.yml` as typed.

use schemars::JsonSchema;

use super::platform_words::{HostOrAll, OsOrArch, PlatformWord};
use super::words::{Count, EnvName, FormatWord, Repo, Size, Timeout, Value};
use crate::model::{Digest, FileName, Name, Platform};
use crate::project::syntax::decode::{At, Decode, NonEmpty, Pairs, Reader, Spot};
use crate::project::syntax::keys::{Keys, decode_keys, keys, value_of};
use crate::project::syntax::yaml::{Entry, Kind, Node};

keys! {
    /// recipe.yml: how to get a subsystem's binaries.
    #[schemars(extend("anyOf" = [{"required": ["upstream"]}, {"required": ["build"]}]))]
    pub struct RawRecipe, required ["binaries"] {
        /// One line about it.
        "description" description: At<String>,
        /// Its home page.
        "homepage" homepage: At<String>,
        /// Its licence, as an SPDX expression.
        "license" license: At<String>,
        /// Names of the binaries, without .exe.
        "binaries" binaries: NonEmpty<At<FileName>>,
        /// Where this subsystem exists at all; default the project's platforms.
        "platforms" platforms: NonEmpty<At<Platform>>,
        /// Subsystems ensured along with it, always.
        "needs" needs: Vec<At<Name>>,
        /// The original: what the upstream publisher releases.
        "upstream" upstream: RawUpstream,
        /// How to build it from source.
        "build" build: RawBuild,
        /// How it is packed.
        "package" package: RawPackage,
        /// A command that must exit 0 and print the version.
        "verify" verify: At<String>,
        /// Raised budgets for unpacking archives.
        "limits" limits: RawLimits,
    }
}

keys! {
    /// The upstream publisher's release.
    pub struct RawUpstreamKeys, required [] {
        /// A repository on GitHub, owner/name.
        "github" github: At<Repo>,
        /// A url (template).
        "url" url: At<String>,
        /// A package of the npm registry (template).
        "npm" npm: At<String>,
        /// A project of the Python package index (template).
        "pypi" pypi: At<String>,
        /// The release's tag (template); default the version.
        "tag" tag: At<String>,
        /// The release's asset (template).
        "asset" asset: At<String>,
        /// Where digests are stated: an asset of that release, a url, or digests by platform.
        "checksums" checksums: RawChecksums,
        /// Glob in the archive: file. * does not cross /, ** does; exactly one match each. Default: each binary by its name,
        /// in whatever folder; of several the program for the platform.
        "extract" extract: Pairs<String, At<String>>,
        /// What os and arch render to in these templates.
        "replacements" replacements: Pairs<OsOrArch, At<Value>>,
    }
}

/// The upstream publisher's release, with exceptions for platforms.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(extend("required" = [], "additionalProperties" = false))]
pub struct RawUpstream {
    /// The keys themselves.
    #[schemars(flatten)]
    pub keys: RawUpstreamKeys,
    /// Any of these keys anew, for an os, an architecture or a platform.
    #[schemars(required)]
    pub overrides: Option<Pairs<PlatformWord, RawUpstreamKeys>>,
}

impl Keys for RawUpstream {
    fn names() -> Vec<&'static str> {
        let mut names = RawUpstreamKeys::names();
        names.push("overrides");
        names
    }
    fn required() -> &'static [&'static str] {
        &[]
    }
    fn misspelled(&mut self, name: &'static str, span: &std::ops::Range<usize>) {
        self.keys.misspelled(name, span);
    }
    fn take(&mut self, entry: &Entry, reader: &mut Reader<'_>) -> bool {
        if entry.key == "overrides" {
            self.overrides = value_of(entry, reader);
            return true;
        }
        self.keys.take(entry, reader)
    }
}

impl Decode for RawUpstream {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        decode_keys(node, spot, reader)
    }
}

/// An asset of the release or a url (template), or digests by platform.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum RawChecksums {
    /// An asset of the release, or a url (template).
    File(At<String>),
    /// Digests by platform.
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

keys! {
    /// How to build it from source.
    pub struct RawBuild, required ["source"] {
        /// Subsystems ensured for the host when a build really happens; their binaries come first on PATH.
        "needs" needs: Vec<At<Name>>,
        /// Tools demanded of the machine: name: version prefix.
        "tools" tools: Pairs<String, At<Value>>,
        /// What is built: one of git, dir, url, crate.
        "source" source: RawSource,
        /// Environment (templates).
        "env" env: Pairs<EnvName, At<Value>>,
        /// Run one by one with the shell in a copy of the source (templates); each must exit 0.
        "commands" commands: Vec<At<String>>,
        /// Which platforms this machine's build can produce: host, all, or a list; default host.
        "platforms" platforms: RawBuildPlatforms,
        /// How long a build may take, such as 30m; default 1h.
        "timeout" timeout: At<Timeout>,
    }
}

keys! {
    /// What is built: one of git, dir, url, crate.
    #[schemars(extend("oneOf" = [
        {"required": ["git"]}, {"required": ["dir"]}, {"required": ["url"]}, {"required": ["crate"]}
    ]))]
    pub struct RawSource, required [] {
        /// A folder, relative to the recipe's; may lie outside the project.
        "dir" dir: At<String>,
        /// Url of a git repository; needs rev.
        "git" git: At<String>,
        /// Tag, branch or commit (template).
        "rev" rev: At<String>,
        /// Url of an archive; needs sha256.
        "url" url: At<String>,
        /// The archive's digest.
        "sha256" sha256: At<Digest>,
        /// A crate of the crate registry, at the subsystem's version.
        "crate" crate_name: At<String>,
    }
}

/// `host`, `all`, or a list of platforms.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum RawBuildPlatforms {
    /// `host` or `all`.
    Word(At<HostOrAll>),
    /// These.
    List(NonEmpty<At<Platform>>),
}

impl Decode for RawBuildPlatforms {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::List(_) => NonEmpty::decode(node, spot, reader).map(Self::List),
            _ => At::decode(node, spot, reader).map(Self::Word),
        }
    }
}

keys! {
    /// How it is packed.
    pub struct RawPackage, required [] {
        /// Stem of the asset names; default the first binary's name.
        "name" name: At<FileName>,
        /// Files beside the binaries: part of the artifact.
        "include" include: Vec<At<String>>,
        /// Archive format; default zip for windows and tar.gz elsewhere.
        "format" format: At<FormatWord>,
    }
}

keys! {
    /// Raised budgets for unpacking archives.
    pub struct RawLimits, required [] {
        /// Bytes unpacked, such as 8GiB.
        "unpacked" unpacked: At<Size>,
        /// Unpacked bytes per byte of archive, once past 256 MiB.
        "ratio" ratio: At<Count>,
        /// Entries in an archive.
        "entries" entries: At<Count>,
    }
}
