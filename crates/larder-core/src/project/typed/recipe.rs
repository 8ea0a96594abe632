//! The keys of `recipe.yml` as they are written.

use schemars::{JsonSchema, Schema, json_schema};

use super::platform_words::HostOrAll;
use super::publish::RawPublish;
use super::tool_version::ToolVersion;
use super::upstream::RawUpstream;
use super::words::{Count, EnvName, Flag, FormatWord, LinksWord, Size, Timeout, Value};
use crate::model::{Digest, FileName, Invalid, Name, Platform, is_hex};
use crate::project::syntax::decode::{At, Decode, NonEmpty, Pairs, Reader, Spot, Word};
use crate::project::syntax::keys::keys;
use crate::project::syntax::yaml::{Kind, Node};

keys! {
    /// recipe.yml: how to obtain the binaries of one subsystem. It has `upstream`, `build` or both.
    #[schemars(extend("anyOf" = [{"required": ["upstream"]}, {"required": ["build"]}]))]
    pub struct RawRecipe, required ["binaries"] {
        /// One line that says what the subsystem is.
        /// `larder list` shows it; it affects no artifact.
        "description" description: At<String>,
            since "0.1.0", example "NATS messaging server";
        /// The url of the subsystem's home page. It is only shown.
        "homepage" homepage: At<String>,
            since "0.1.0", example "https://nats.io";
        /// The subsystem's licence as an SPDX expression, such as `Apache-2.0 OR MIT`.
        /// It is only shown.
        "license" license: At<String>,
            since "0.1.0", example "Apache-2.0";
        /// The names of the binaries that this recipe provides, at least one, each without `.exe`,
        /// which is added on Windows,
        /// except to names that end in `.bat`, `.cmd`, `.ps1`, `.jar` or `.sh`.
        /// A name has letters, digits, `-`, `_`, `.`, `+` and `@`,
        /// and it starts with a letter, a digit or `_`.
        /// `{name: bunx, link: bun}` is another name of the binary `bun`:
        /// a further file with the same bytes.
        /// `upstream.overrides` can name others for a platform.
        "binaries" binaries: NonEmpty<RawBinary>,
            since "0.1.0", example ["nats-server"];
        /// The platforms that this subsystem exists for; on others it is not available.
        /// The default is the project's `platforms`.
        "platforms" platforms: NonEmpty<At<Platform>>,
            since "0.1.0", default "the project's platforms",
            example ["linux-amd64", "linux-arm64"];
        /// The subsystems that this one needs at run time.
        /// They are always ensured together with it, for the same platform.
        /// Subsystems can't need each other in a circle. The default is none.
        "needs" needs: Vec<At<Name>>,
            since "0.1.0", example ["nats-cli"];
        /// Where the original is: the file that the publisher of the program releases.
        /// Without this key the subsystem can only be built.
        "upstream" upstream: RawUpstream,
            since "0.1.0",
            example {
                "github": "nats-io/nats-server",
                "asset": "nats-server-{{ version }}-{{ os }}-{{ arch }}.tar.gz",
            };
        /// How to build the binaries from source.
        /// A build is used where no other source has the artifact.
        /// Without this key the subsystem can't be built.
        "build" build: RawBuild,
            since "0.1.0",
            example {"source": {"dir": "."}, "commands": ["make install PREFIX=\"{{ out }}\""]};
        /// What an artifact contains besides the binaries, and how it is packed as an asset.
        "package" package: RawPackage,
            since "0.1.0", default "named after the first binary, without included files",
            example {"include": ["LICENSE"]};
        /// A command line (template) that must exit with 0 and print the version,
        /// with or without its leading `v`.
        /// It runs after a build and in `larder verify`, on the host only,
        /// with the binaries first on PATH.
        /// It may take one minute. The default is no check of this kind.
        "verify" verify: At<String>,
            since "0.1.0", default "`larder verify` compares the bytes only",
            example "nats-server --version";
        /// Whether a binary may be any file.
        /// By default each binary must be an executable or start with `#!`,
        /// so that a wrong file, such as a page or an archive, is never installed as a program.
        /// `true` is for files that other programs run, such as a `.jar` or WebAssembly.
        /// It does not change the inputs.
        "any" any: At<Flag>,
            since "0.1.0", default "`false`", example true;
        /// Limits for unpacking this subsystem's archives, where the defaults are too low.
        "limits" limits: RawLimits,
            since "0.1.0", default "`{unpacked: 4GiB, ratio: 100, entries: 100000}`",
            example {"unpacked": "8GiB"};
        /// The channels that the subsystem is published to, and how.
        /// A channel is on if it is named here; `{}` takes every default.
        /// versions.yml has the defaults, and its reference lists the keys: a recipe has all of
        /// them except `maintainer`, `retry`, `timeout`, `concurrency` and `notify`.
        #[schemars(extend("x-same-as" = "versions.yml"))]
        "publish" publish: RawPublish,
            since "0.1.0", default "no channel, except those that versions.yml turns on for all",
            example {"homebrew": {"tap": "acme/homebrew-tools"}};
    }
}

/// A binary: its name, or a mapping if it is another name of a binary.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum RawBinary {
    /// Its name.
    Name(At<FileName>),
    /// Another name of a binary.
    Link(RawLink),
}

keys! {
    /// Another name of a binary.
    pub struct RawLink, required ["name", "link"] {
        /// The name.
        "name" name: At<FileName>,
            since "0.1.0", example "bunx";
        /// The binary of the same list that it is another name of.
        "link" link: At<FileName>,
            since "0.1.0", example "bun";
    }
}

impl RawBinary {
    /// Its name, if it could be read.
    pub fn name(&self) -> Option<&At<FileName>> {
        match self {
            Self::Name(name) => Some(name),
            Self::Link(link) => link.name.as_ref(),
        }
    }
}

impl Decode for RawBinary {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => RawLink::decode(node, spot, reader).map(Self::Link),
            _ => At::decode(node, spot, reader).map(Self::Name),
        }
    }
}

keys! {
    /// How to build the binaries from source.
    pub struct RawBuild, required ["source"] {
        /// The subsystems that a build needs.
        /// They are ensured for the host, and only if a build really happens.
        /// Their binaries come first on PATH. The default is none.
        "needs" needs: Vec<At<Name>>,
            since "0.1.0", example ["go"];
        /// The tools that must be installed on the machine:
        /// for each the beginning of its version, such as `{go: "1.22"}`, or `""` for any version.
        /// Operators such as `>=1.22` are not possible.
        /// larder runs `NAME version` or `NAME --version` to check it and never installs a tool.
        /// Changing it changes the inputs of the build. The default is none.
        "tools" tools: Pairs<String, At<ToolVersion>>,
            since "0.1.0", example {"go": "1.23"};
        /// The source code: exactly one of `dir`, `git`, `url` and `crate`.
        "source" source: RawSource,
            since "0.1.0",
            example {"git": "https://github.com/nats-io/nats-server", "rev": "{{ version }}"};
        /// The environment variables (templates) that are set for the commands;
        /// a number or `true` is taken as text.
        /// The commands see only a small, fixed part of your environment,
        /// so everything else they need is set here.
        "env" env: Pairs<EnvName, At<Value>>,
            since "0.1.0", example {"GOOS": "{{ os }}", "GOARCH": "{{ arch }}"};
        /// The command lines (templates) that run one after another with the shell,
        /// in a fresh copy of the source code.
        /// Each must exit with 0, and together they must write every binary to `{{ out }}`.
        /// They are required, except with a `crate` source,
        /// which by default is installed by `cargo install`.
        "commands" commands: Vec<At<String>>,
            since "0.1.0", example ["go build -trimpath -o \"{{ out }}/nats-server{{ exe }}\" ."];
        /// The platforms that a build on this machine can produce:
        /// `host`, `all`, or a list of platforms.
        /// `all` means every platform of the subsystem. The default is `host`.
        "platforms" platforms: RawBuildPlatforms,
            since "0.1.0", default "`host`", example "all";
        /// The longest time that a build may take, such as `90s`, `30m` or `1h30m`; at most a week.
        /// The default is `1h` on this machine; an executor has its own.
        "timeout" timeout: At<Timeout>,
            since "0.1.0", default "`1h`", example "30m";
        /// Lets the build run on the executor of your own config.yml, or take its result from there.
        /// It needs `hermetic: true`, and it does not change the inputs.
        /// Without an executor, and in the configuration of users who have none,
        /// the build runs on this machine as any other. The default is to build on this machine.
        "remote" remote: RawRemote,
            since "0.1.0", default "builds run on this machine only",
            example {"image": "docker://gcc@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
        /// The promise that the commands use nothing but the source, `env`, `build.needs`
        /// and what the image of `remote` has: no network, no other file, no other variable.
        /// Then the result does not depend on the machine, and machines may share it.
        /// It does not change the inputs.
        "hermetic" hermetic: At<Flag>,
            since "0.1.0", default "`false`", example true;
    }
}

keys! {
    /// The worker that a build needs on an executor.
    pub struct RawRemote, required ["image"] {
        /// The container image that the commands run in, pinned by its digest:
        /// `docker://NAME@sha256:DIGEST`. It is the property `container-image` of the action.
        "image" image: At<ImageRef>,
            since "0.1.0",
            example "docker://gcc@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        /// Further properties of the worker, as the cluster names them.
        /// `OSFamily` and `ISA` (or `Arch`) say which platform the worker is;
        /// the default is `OSFamily: linux`, and amd64 without a property `ISA`.
        "properties" properties: Pairs<String, At<Value>>,
            since "0.1.0", default "`{OSFamily: linux}`", example {"OSFamily": "linux", "ISA": "x86-64"};
    }
}

/// A container image that is pinned by its digest: `docker://NAME@sha256:DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef(pub String);

impl Word for ImageRef {
    fn word(text: &str) -> Result<Self, Invalid> {
        let bad = |why: &str| {
            Invalid::new(format!("`{text}` can't be the image of a build: {why}"))
                .hint("name an image by its digest: docker://gcc@sha256:DIGEST")
        };
        let Some(image) = text.strip_prefix("docker://") else {
            return Err(bad("it does not start with `docker://`"));
        };
        let Some((name, digest)) = image.split_once("@sha256:") else {
            return Err(bad(
                "it has no digest, and what a tag means changes without notice",
            ));
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            return Err(bad("it names no image"));
        }
        if digest.len() != 64 || !is_hex(digest) {
            return Err(bad("a digest has 64 hexadecimal digits"));
        }
        Ok(Self(text.to_owned()))
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "image with digest", "type": "string", "pattern": "^docker://[A-Za-z0-9._/:-]+@sha256:[0-9a-f]{64}$" })
    }
}

keys! {
    /// The source code: exactly one of `dir`, `git`, `url` and `crate`.
    #[schemars(extend("oneOf" = [
        {"required": ["git"]}, {"required": ["dir"]}, {"required": ["url"]}, {"required": ["crate"]}
    ]))]
    pub struct RawSource, required [] {
        /// A folder (template), relative to the recipe's folder.
        /// It must exist, and it can be outside the project.
        /// `~/` at its start is your home folder; variables such as `$HOME` are refused.
        /// The contents of its files are part of the inputs:
        /// a change in them makes a new build necessary.
        "dir" dir: At<String>,
            since "0.1.0", example "../../server";
        /// What happens to links in the folder that lead out of it, which are an error otherwise.
        /// `follow` takes the files and folders that they lead to into the source,
        /// in the place of the links.
        /// Links that stay inside the folder stay links. It is allowed only with `dir`.
        "links" links: At<LinksWord>,
            since "0.1.0", example "follow";
        /// The url (template) of a git repository:
        /// https://, ssh://, file://, `git@host:path` or a path. It needs `rev`.
        "git" git: At<String>,
            since "0.1.0", example "https://github.com/nats-io/nats-server";
        /// The tag, branch or commit (template) of the git repository.
        /// It is required with `git` and allowed only with it.
        /// The commit that it first named is pinned in versions.lock.
        "rev" rev: At<String>,
            since "0.1.0", example "{{ version }}";
        /// The url (template) of an archive with the source code. It needs `sha256`.
        "url" url: At<String>,
            since "0.1.0", example "https://example.com/tool-{{ version }}.tar.gz";
        /// The sha256 of the archive as 64 hex digits.
        /// It is required with `url` and allowed only with it.
        "sha256" sha256: At<Digest>,
            since "0.1.0",
            example "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        /// The name (template) of a crate of the crate registry.
        /// Its version is the subsystem's version without a leading `v`.
        "crate" crate_name: At<String>,
            since "0.1.0", example "ripgrep";
    }
}

/// The platforms that a build on this machine can produce: `host`, `all`, or a list of platforms.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum RawBuildPlatforms {
    /// `host` for the host platform only, or `all` for every platform of the subsystem.
    Word(At<HostOrAll>),
    /// The platforms in the list.
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
    /// What an artifact contains besides the binaries, and how it is packed as an asset.
    pub struct RawPackage, required [] {
        /// The first part of the asset's name; the platform and the extension follow it.
        /// No two subsystems of a project can have the same.
        /// The default is the name of the first binary.
        "name" name: At<FileName>,
            since "0.1.0", default "the first binary's name", example "nats";
        /// The included files: files such as a licence that belong to the artifact without being
        /// binaries.
        /// Each is a relative path. A build takes it from `{{ out }}`, else from the source code;
        /// an original has it at the top of the archive or one folder below.
        /// Its name in the artifact is the last part of the path,
        /// and no two files can have the same. The default is none.
        "include" include: Vec<At<String>>,
            since "0.1.0", example ["LICENSE"];
        /// The archive format of the asset: `tar.gz`, `tar.zst` or `zip`.
        /// The default is `zip` for Windows and `tar.gz` for the other platforms.
        "format" format: At<FormatWord>,
            since "0.1.0", default "`zip` for Windows, `tar.gz` elsewhere", example "tar.zst";
    }
}

keys! {
    /// Limits for unpacking this subsystem's archives.
    /// They protect against archives that fill the disk.
    pub struct RawLimits, required [] {
        /// The largest size of all unpacked files together: `8GiB`, `500MB` or a number of bytes.
        /// The default is `4GiB`.
        "unpacked" unpacked: At<Size>,
            since "0.1.0", default "`4GiB`", example "8GiB";
        /// The highest allowed ratio of unpacked bytes to archive bytes.
        /// It is checked only after 256 MiB have been unpacked. The default is 100.
        "ratio" ratio: At<Count>,
            since "0.1.0", default "`100`", example 200;
        /// The highest number of entries that an archive may have. The default is 100000.
        "entries" entries: At<Count>,
            since "0.1.0", default "`100000`", example 250_000;
    }
}
