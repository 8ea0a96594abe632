//! The names and meanings of larder's environment variables. The code, the help and the reference
//! share this one list. The command line reads the variables; here are only their names, their
//! meanings and the parsing of values.

use std::time::Duration;

macro_rules! variables {
    ($($(#[doc = $doc:literal])+ $id:ident = $name:literal;)+) => {
        $($(#[doc = $doc])+ pub const $id: &str = $name;)+

        /// Name and meaning of each, in the order they are documented.
        pub const ALL: &[(&str, &str)] = &[$(($name, concat!($($doc),+))),+];
    };
}

variables! {
    /// When to use colour: `auto`, `always` or `never`. `--color` takes precedence.
    COLOR = "LARDER_COLOR";
    /// How many builds or other steps run at the same time. `--jobs` takes precedence.
    JOBS = "LARDER_JOBS";
    /// `true` has the effect of `--locked`.
    LOCKED = "LARDER_LOCKED";
    /// `true` has the effect of `--offline`.
    OFFLINE = "LARDER_OFFLINE";
    /// The hub to use in place of the project's: a folder, an http(s) url, `github:owner/name`,
    /// `s3://bucket/prefix`, or `oci://registry/repository`.
    HUB = "LARDER_HUB";
    /// The absolute path of your configuration file; default `larder/config.yml` in
    /// `$XDG_CONFIG_HOME` or `~/.config`.
    CONFIG = "LARDER_CONFIG";
    /// The absolute path of the local cache; default `larder` in the user's cache folder.
    CACHE_DIR = "LARDER_CACHE_DIR";
    /// `never` installs binaries as plain files, without links.
    LINKS = "LARDER_LINKS";
    /// How long to wait for another larder that holds a file lock; default 10m, and for a target
    /// that is built the time limit of its build more. At most 1m where only a small file is
    /// written.
    LOCK_TIMEOUT = "LARDER_LOCK_TIMEOUT";
    /// The base url to use in place of `https://github.com` when originals are downloaded. It takes
    /// precedence over `github_mirror`.
    UPSTREAM_GITHUB = "LARDER_UPSTREAM_GITHUB";
    /// The hosts that larder may contact over plain http, separated by commas, in addition to
    /// `allow_http`. Loopback addresses are always allowed.
    ALLOW_HTTP = "LARDER_ALLOW_HTTP";
    /// The executor that runs builds or caches their results: `grpcs://HOST:PORT[/INSTANCE]`. It
    /// takes precedence over `executor` in your configuration file.
    EXECUTOR = "LARDER_EXECUTOR";
    /// The headers of every request to the executor, one `name: value` on each line, such as
    /// `authorization: Bearer TOKEN`. `headers_from` in your configuration file names another
    /// variable.
    EXECUTOR_HEADERS = "LARDER_EXECUTOR_HEADERS";
    /// `local` lets a build run on this machine if the executor can't be reached.
    /// `--executor-fallback` takes precedence.
    EXECUTOR_FALLBACK = "LARDER_EXECUTOR_FALLBACK";
    /// How long it may take to open a connection; default 10s.
    HTTP_CONNECT_TIMEOUT = "LARDER_HTTP_CONNECT_TIMEOUT";
    /// How long a response may send no data before the attempt fails; default 30s.
    HTTP_IDLE_TIMEOUT = "LARDER_HTTP_IDLE_TIMEOUT";
    /// How long one request may take with all its attempts, except for transfers of assets; default
    /// 5m.
    HTTP_TOTAL_TIMEOUT = "LARDER_HTTP_TOTAL_TIMEOUT";
    /// The window in which a body must average 1 KiB/s, or it is interrupted and resumed, or
    /// requested again if it is small; default 20s.
    HTTP_SLOW_WINDOW = "LARDER_HTTP_SLOW_WINDOW";
    /// How long a body may make no progress, over all attempts together, before it is given up;
    /// default 90s.
    HTTP_STALL_TIMEOUT = "LARDER_HTTP_STALL_TIMEOUT";
    /// How often a request is repeated after an error that may be temporary; default 4.
    HTTP_RETRIES = "LARDER_HTTP_RETRIES";
    /// The pause before the first repetition, which is doubled for each further one; default 300ms.
    HTTP_BACKOFF = "LARDER_HTTP_BACKOFF";
    /// The longest time to wait for a server's rate limit; default 60s.
    HTTP_RATE_LIMIT_WAIT = "LARDER_HTTP_RATE_LIMIT_WAIT";
    /// How many transfers from one host run at the same time; default 6.
    HTTP_PER_HOST = "LARDER_HTTP_PER_HOST";
    /// The token for GitHub. It takes precedence over `GH_TOKEN`, `GITHUB_TOKEN` and the output of
    /// `gh auth token`.
    GITHUB_TOKEN = "LARDER_GITHUB_TOKEN";
    /// The key that `larder release --sign` and `larder yank` sign with: the whole text of its
    /// file, so that CI can keep it as a secret.
    SIGNING_KEY = "LARDER_SIGNING_KEY";
    /// The file of the signing key, if `LARDER_SIGNING_KEY` is not set.
    SIGNING_KEY_FILE = "LARDER_SIGNING_KEY_FILE";
    /// The password of the signing key. With it, `larder key new` encrypts the key that it makes.
    SIGNING_KEY_PASSWORD = "LARDER_SIGNING_KEY_PASSWORD";
    /// The key of gpg that signs repositories of packages: its id or fingerprint. The key itself is
    /// in the keyring of gpg, whose agent asks for its passphrase.
    GPG_KEY = "LARDER_GPG_KEY";
    /// The shortest time between two writes to GitHub; default 1s, as GitHub asks.
    GITHUB_PACE = "LARDER_GITHUB_PACE";
    /// How long GitHub's lists may be out of date after a write; default 15s.
    GITHUB_SETTLE = "LARDER_GITHUB_SETTLE";
    /// How long a writer waits, on an object store without conditional writes, for others that write
    /// at the same time; default 2s.
    S3_SETTLE = "LARDER_S3_SETTLE";
    /// The folder that `larder serve` serves; default `binaries`. `--dir` takes precedence.
    BINARIES_DIR = "BINARIES_DIR";
    /// The port of `larder serve` for HTTP; default 7001. `--port` takes precedence.
    HTTP_PORT = "HTTP_PORT";
    /// The port of `larder serve` for gRPC; default 7000. `--grpc-port` takes precedence.
    GRPC_PORT = "GRPC_PORT";
    /// The url of the server that `larder fleet` asks; default `http://127.0.0.1:7001`. `--server`
    /// takes precedence.
    SERVER = "LARDER_SERVER";
    /// The secret of the token that `larder fleet` shows to the server. `--token-file` takes
    /// precedence.
    SERVER_TOKEN = "LARDER_SERVER_TOKEN";
}

/// Parses a length of time: `300ms`, `20s`, `5m`, `1h`, or a number of seconds such as `0.5`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let factor = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.trim().parse::<f64>().ok()? * factor).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read() {
        assert_eq!(parse_duration("300ms"), Some(Duration::from_millis(300)));
        assert_eq!(parse_duration("20s"), Some(Duration::from_secs(20)));
        assert_eq!(parse_duration("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("5m"), Some(Duration::from_mins(5)));
        for bad in ["", "soon", "-1", "1d", "nan", "inf"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
