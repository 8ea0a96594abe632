//! The keys of the user's `config.yml` as they are written.

use std::num::NonZeroUsize;
use std::time::Duration;

use schemars::{Schema, json_schema};

use super::trust::RequireWord;
use super::words::{EnvName, Flag, HostName, Size};
use crate::human;
use crate::model::Invalid;
use crate::project::syntax::decode::{At, Word};
use crate::project::syntax::keys::{keys, words};

keys! {
    /// config.yml: your own settings, which apply to every project on this machine.
    /// A project can't change them. The file is optional; an empty file sets nothing.
    pub struct RawUser, required [] {
        /// The base url of a mirror that larder uses in place of `https://github.com` for originals
        /// and their tags.
        /// It must be an https url, or an http url of a host in `allow_http`;
        /// it can't contain a user or a password.
        /// The default is no mirror. `LARDER_UPSTREAM_GITHUB` takes precedence over this key.
        "github_mirror" github_mirror: At<String>,
            since "0.1.0", default "https://github.com itself",
            example "https://mirror.example.com/github";
        /// The hosts that larder may contact over plain http,
        /// each without a scheme and without a port.
        /// The default is none. This machine (`localhost` and loopback addresses) is always
        /// allowed.
        /// `LARDER_ALLOW_HTTP` adds more hosts.
        "allow_http" allow_http: Vec<At<HostName>>,
            since "0.1.0", example ["files.example.com"];
        /// With `signature`, what comes from elsewhere must be signed, in every project:
        /// an asset of a hub by a key of the project's `trust.managed`,
        /// an original by its publisher, as `upstream.signature` of the recipe says.
        /// No file of a project loosens this.
        "require" require: At<RequireWord>,
            since "0.1.0", default "what each project says in `trust`", example "signature";
        /// The limits of the local cache, which all projects share.
        /// They are applied at the end of a run that used the cache, at most once a day.
        /// `larder cache prune` applies them at any time.
        "cache" cache: RawCache,
            since "0.1.0", default "no limits", example {"max_size": "20GiB", "max_age": "30d"};
        /// A cluster that speaks the Remote Execution API, such as Buildbarn, NativeLink or
        /// BuildBuddy, or a cache of that kind.
        /// Builds whose recipe has `remote` run there, or take their results from there.
        /// `LARDER_EXECUTOR` takes precedence over `url` and `instance`.
        "executor" executor: RawExecutor,
            since "0.1.0", default "builds run on this machine",
            example {"url": "grpcs://cluster.example.com:443", "instance": "main"};
    }
}

keys! {
    /// A cluster that runs builds, or a cache of their results.
    pub struct RawExecutor, required ["url"] {
        /// Its address: `grpcs://HOST:PORT`, or `grpc://HOST:PORT` without encryption to this machine
        /// and to hosts in `allow_http`. What follows a `/` is the instance.
        "url" url: At<String>,
            since "0.1.0", example "grpcs://cluster.example.com:443";
        /// The name of the instance, if the cluster has several.
        "instance" instance: At<String>,
            since "0.1.0", default "the instance in `url`, or the only one", example "main";
        /// How its cache of results is used.
        /// `read` takes results from it; `write` also gives it the results of builds on this machine;
        /// `off` does neither. A workflow of a pull request never writes.
        "cache" cache: At<CacheWord>,
            since "0.1.0", default "`read`", example "write";
        /// Whether builds run there. With `false`, only the cache is used.
        "execute" execute: At<Flag>,
            since "0.1.0", default "`true`", example false;
        /// How many builds run there at the same time; `-j` limits those on this machine.
        "jobs" jobs: At<RemoteJobs>,
            since "0.1.0", default "`64`", example 200;
        /// The environment variable with the headers of every request, such as a token:
        /// one `name: value` on each line.
        "headers_from" headers_from: At<EnvName>,
            since "0.1.0", default "`LARDER_EXECUTOR_HEADERS`", example "CLUSTER_HEADERS";
    }
}

keys! {
    /// The limits of the local cache.
    pub struct RawCache, required [] {
        /// The size that the cache may have, such as `20GiB`.
        /// The files that were not used for the longest time are removed first.
        /// A file that was used within the last hour is kept.
        "max_size" max_size: At<Size>,
            since "0.1.0", default "no limit", example "20GiB";
        /// How long a file that is not used is kept, such as `30d`, `2w` or `12h`.
        "max_age" max_age: At<Age>,
            since "0.1.0", default "no limit", example "30d";
    }
}

/// How long something is kept, such as `30d`, `2w` or `12h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age(pub Duration);

impl Word for Age {
    fn word(text: &str) -> Result<Self, Invalid> {
        human::parse_age(text)
            .map(Self)
            .ok_or_else(|| Invalid::new(format!("`{text}` is not a time")).hint(human::AGE_HINT))
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "time", "type": ["string", "integer"], "pattern": "^[0-9]+[smhdw]?$" })
    }
}

/// A number of builds at the same time on other machines. Each waits in a thread of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteJobs(pub NonZeroUsize);

impl Word for RemoteJobs {
    fn word(text: &str) -> Result<Self, Invalid> {
        let number = text.parse().ok().and_then(NonZeroUsize::new);
        number
            .filter(|jobs| jobs.get() <= 1000)
            .map(Self)
            .ok_or_else(|| {
                Invalid::new(format!("`{text}` is not a number of builds")).hint("1 to 1000")
            })
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "number from 1 to 1000", "type": "integer", "minimum": 1, "maximum": 1000 })
    }
}

words! {
    /// A value of `executor: {cache: …}`.
    pub enum CacheWord("`cache` value") {
        /// Results are neither read nor written.
        Off = "off",
        /// Results are read.
        Read = "read",
        /// Results are read, and those of builds on this machine are written.
        Write = "write",
    }
}
