//! The keys of `versions.yml` as they are written.

use super::publish::RawPublishDefaults;
use super::services::{RawService, ServiceName};
use super::trust::RawTrust;
use super::words::{
    EnvName, ProjectName, Repo, Requirement, SourceWord, TaskName, UploadWord, Value,
};
use crate::model::{FileName, Name, Platform, Version};
use crate::project::syntax::decode::{At, NonEmpty, Pairs};
use crate::project::syntax::keys::keys;

keys! {
    /// versions.yml: the versions that a project pins, and how it obtains and shares the binaries.
    pub struct RawVersions, required ["versions"] {
        /// The project's name. It becomes part of file names,
        /// and templates can use it as `{{ project }}`.
        /// It has letters, digits, `-`, `_`, `.`, `+` and `@`,
        /// and it starts with a letter or a digit.
        /// The default is the name of the project's folder.
        "project" project: At<ProjectName>,
            since "0.1.0", default "the name of the project's folder", example "our-tools";
        /// The versions of larder that this project works with, such as `">=0.1"` or `">=0.2, <1"`.
        /// Any other version of larder stops with an error before it does anything.
        /// The default is any version.
        "requires" requires: At<Requirement>,
            since "0.1.0", default "any version", example ">=0.1";
        /// The pinned version of each subsystem.
        /// Every subsystem here needs a recipe, and every recipe needs a version here.
        /// A version is kept as the text that was written: `1.10` never becomes `1.1`.
        /// Write `{}` if there are no subsystems.
        "versions" versions: Pairs<Name, At<Version>>,
            since "0.1.0", example {"nats": "v2.10.24"};
        /// The platforms that the project supports: `--platform all` means these.
        /// They are also the default for the `platforms` of every recipe.
        /// The default is the host platform only.
        "platforms" platforms: NonEmpty<At<Platform>>,
            since "0.1.0", default "the host", example ["linux-amd64", "darwin-arm64"];
        /// The hub: the place where the team's own releases are stored.
        /// It has exactly one of the keys below.
        /// The default is `{dir: .larder-hub}`.
        /// `LARDER_HUB` takes precedence over this key, and so does `--hub` of `larder install`.
        "hub" hub: RawHub,
            since "0.1.0", default "the folder `.larder-hub` of the project",
            example {"github": "acme/tools"};
        /// Several hubs: those that are read, and the one that is written. It replaces `hub`.
        /// `LARDER_HUB` takes precedence over this key.
        "hubs" hubs: RawHubs,
            since "0.1.0", default "the one hub that `hub` names",
            example {"read": [{"http": "https://mirror.example.com/tools"}], "write": {"github": "acme/tools"}};
        /// The sources that are searched for a binary, in this order;
        /// a source that is not listed is not used.
        /// `managed` is the hub, `original` is the publisher, `build` is a build on this machine.
        /// The local cache always comes first and is not listed.
        /// The default is `[managed, original, build]`.
        "sources" sources: NonEmpty<At<SourceWord>>,
            since "0.1.0", default "`[managed, original, build]`", example ["managed", "build"];
        /// When `ensure` releases what it has just built to the hub without being asked.
        /// `ci` releases in CI only. On GitHub Actions it does so for the default branch and tags,
        /// never for a pull request; on other CI systems it does so if the hub is a folder.
        /// `never` releases nothing.
        /// `always` releases after every build and is allowed for a folder hub only.
        /// The default is `ci`.
        "upload" upload: At<UploadWord>,
            since "0.1.0", default "`ci`", example "never";
        /// What is required before an artifact is trusted.
        "trust" trust: RawTrust,
            since "0.1.0", default "see its keys", example {"lock": "required"};
        /// The project's bundles.
        /// A bundle is one archive per platform with the binaries of all subsystems.
        "bundle" bundle: RawBundle,
            since "0.1.0", default "all binaries, under the project's name",
            example {"exclude": ["docs"]};
        /// Defaults for `publish:` of every recipe, and the settings of `larder publish`.
        /// A channel that is named here is not on for that reason;
        /// with `all: true` it is on for every subsystem.
        /// The keys `enabled`, `all`, `priority`, `timeout`, `retry`, `prerelease` and
        /// `post_install` are listed at `homebrew`; every channel has them.
        "publish" publish: RawPublishDefaults,
            since "0.1.0", default "see its keys",
            example {"maintainer": "Acme Tools <tools@acme.example>"};
        /// The tasks that `larder run NAME` runs, by name.
        /// The commands of a task find the installed binaries first on PATH.
        /// A name has letters, digits, `-`, `_`, `.` and `:`,
        /// and it starts with a letter or a digit. The default is none.
        "tasks" tasks: Pairs<TaskName, RawTask>,
            since "0.1.0", example {"test": {"commands": ["cargo test"]}};
        /// The services that tasks use, by name: programs that run beside the commands of a task.
        /// `larder run` starts those of its task and stops them afterwards;
        /// `larder up` starts them to stay, and `larder down` stops them.
        /// A name has lower-case letters, digits, `-`, `_` and `.`,
        /// and it starts with a letter or a digit. The default is none.
        "services" services: Pairs<ServiceName, RawService>,
            since "0.1.0",
            example {"nats": {"command": "nats-server -p 4222", "ready": {"tcp": 4222}}};
        /// The command lines that `larder ci` runs one after another,
        /// each without the leading `larder`.
        /// Only larder's own commands are allowed; for other commands write a task and `run NAME`.
        /// The default is none.
        "ci" ci: Vec<At<String>>,
            since "0.1.0", example ["ensure all", "verify", "run test"];
        /// The folder that has one folder per subsystem with its `recipe.yml`.
        /// It is relative to versions.yml and inside the project. The default is `subsystems`.
        "subsystems_dir" subsystems_dir: At<String>,
            since "0.1.0", default "`subsystems`", example "tools";
    }
}

keys! {
    /// The hub: the place where the team's own releases are stored.
    /// Exactly one of these keys is given.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub struct RawHub, required [] {
        /// The hub is the GitHub Releases of this repository, written as `owner/name`.
        /// Publishing needs a token, and so does reading a private repository.
        "github" github: At<Repo>,
            since "0.1.0", example "acme/tools";
        /// The hub is this folder: a path that is relative to the project, or an absolute path.
        /// `~/` at its start is your home folder; variables such as `$HOME` are refused.
        "dir" dir: At<String>,
            since "0.1.0", example "/mnt/share/tools";
        /// The hub is a folder hub that a static web server serves at this url. It is read-only.
        /// The url must use https;
        /// plain http is allowed for this machine and for hosts in the user's `allow_http`.
        "http" http: At<String>,
            since "0.1.0", example "https://tools.example.com";
        /// The hub is a bucket of an object store that speaks the protocol of Amazon S3, written as
        /// `s3://bucket/prefix`. Credentials come from your environment or your AWS configuration,
        /// and so does an endpoint other than Amazon's that is written to.
        "s3" s3: At<String>,
            since "0.1.0", example "s3://acme-tools/larder";
        /// The region of the bucket of `s3`. The default is that of your AWS configuration.
        "region" region: At<String>,
            since "0.1.0", default "that of your AWS configuration", example "eu-central-1";
        /// The url of the store that has the bucket of `s3`, if that is not Amazon's.
        /// It is read without credentials and never written:
        /// a project does not say where credentials go.
        /// To use credentials, set `AWS_ENDPOINT_URL_S3` instead.
        "endpoint" endpoint: At<String>,
            since "0.1.0", default "Amazon's own", example "https://storage.example.com";
        /// The hub is this repository of an OCI registry: its host and its name, without a tag.
        /// Logins are those of Docker's configuration, which `docker login` writes.
        /// Only a registry on this machine is spoken to over plain http.
        "oci" oci: At<String>,
            since "0.1.0", example "registry.example/acme/tools";
    }
}

keys! {
    /// Several hubs.
    pub struct RawHubs, required ["read", "write"] {
        /// The hubs that are read, in this order; each is written like `hub`.
        /// A hub that does not have an asset leads to the next one. One that gives no answer does so
        /// only if versions.lock pins the bytes; one that refuses, or gives wrong bytes, ends the
        /// search. The hub that is written is read last, unless it is in this list.
        "read" read: NonEmpty<RawHub>,
            since "0.1.0", example [{"http": "https://mirror.example.com/tools"}];
        /// The hub that `larder release` and all other commands that publish write to;
        /// it is written like `hub`, and can't be one that is read-only.
        "write" write: RawHub,
            since "0.1.0", example {"github": "acme/tools"};
    }
}

keys! {
    /// The project's bundles.
    /// A bundle is one archive per platform with the binaries of all subsystems.
    pub struct RawBundle, required [] {
        /// The first part of a bundle's file name; the platform and the extension follow it.
        /// The default is the project's name,
        /// with `-` for each character that a file name can't have.
        "name" name: At<FileName>,
            since "0.1.0", default "the project's name", example "acme-tools";
        /// The subsystems that are left out of the bundles. The default is none.
        "exclude" exclude: Vec<At<Name>>,
            since "0.1.0", example ["docs"];
    }
}

keys! {
    /// A task: a named list of commands. It has `commands`, `needs` or both.
    pub struct RawTask, required [] {
        /// One line that says what the task does. The list of tasks shows it.
        "desc" desc: At<String>,
            since "0.1.0", example "All tests";
        /// What runs before the task's own commands, in this order;
        /// each runs once, however many tasks need it.
        /// An entry is the name of a task, or a command line of larder's own without `larder`,
        /// such as `ensure all`.
        /// Tasks can't need each other in a circle. The default is none.
        "needs" needs: Vec<At<String>>,
            since "0.1.0", example ["ensure all", "lint"];
        /// The services that the task uses.
        /// They are started after `needs`, in this order, each when the one before is ready.
        /// After the task they are stopped in reverse order with all their children,
        /// also when it failed or was interrupted.
        /// One that `larder up` started is used as it is, and keeps running.
        /// The default is none.
        "services" services: Vec<At<ServiceName>>,
            since "0.1.0", example ["nats"];
        /// The environment variables that are set for the task's commands,
        /// added to your own environment.
        "env" env: Pairs<EnvName, At<Value>>,
            since "0.1.0", example {"RUST_LOG": "debug"};
        /// The command lines that run one after another, with `sh -c` or on Windows with `cmd`.
        /// Each must exit with 0. The installed binaries come first on PATH.
        /// The arguments of `larder run TASK -- ARGUMENTS` are `"$@"`, `$1` and so on.
        "commands" commands: Vec<At<String>>,
            since "0.1.0", example ["cargo test --locked"];
        /// The command lines that check whether there is something to do.
        /// They run before `needs` and `commands`;
        /// if all of them exit with 0, the task is up to date and nothing else of it runs.
        /// `--force` runs it anyway. Without this key the task always runs.
        "status" status: Vec<At<String>>,
            since "0.1.0", example ["test -f target/report.html"];
    }
}
