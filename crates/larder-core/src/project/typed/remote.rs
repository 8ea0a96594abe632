//! The keys about builds on other machines: `build.remote` of a recipe, and `executor` of the user's
//! config.yml.

use std::num::NonZeroUsize;

use schemars::{Schema, json_schema};

use super::words::{EnvName, Flag, Value};
use crate::model::{Invalid, is_hex};
use crate::project::syntax::decode::{At, Pairs, Word};
use crate::project::syntax::keys::{keys, words};

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
