//! Every environment variable of larder's own, with its meaning: the one list that code, help and reference share.
//!
//! Only names, meanings and the parsing of values. The command line reads the variables and decides what they mean.

use std::time::Duration;

macro_rules! variables {
    ($($(#[doc = $doc:literal])+ $id:ident = $name:literal;)+) => {
        $($(#[doc = $doc])+ pub const $id: &str = $name;)+

        /// Name and meaning of each, in the order they are documented.
        pub const ALL: &[(&str, &str)] = &[$(($name, concat!($($doc),+))),+];
    };
}

variables! {
    /// When to use colour: `auto`, `always` or `never`; `--color` beats it.
    COLOR = "LARDER_COLOR";
    /// How many builds, or other steps, to run at once; `--jobs` beats it.
    JOBS = "LARDER_JOBS";
    /// `true`: as if `--locked` were given.
    LOCKED = "LARDER_LOCKED";
    /// `true`: as if `--offline` were given.
    OFFLINE = "LARDER_OFFLINE";
    /// The hub to use in place of the project's: a folder, an http(s) url, or `github:owner/name`.
    HUB = "LARDER_HUB";
    /// Your configuration file, absolute; default `larder/config.yml` in `$XDG_CONFIG_HOME` or `~/.config`.
    CONFIG = "LARDER_CONFIG";
    /// Folder of the local cache, absolute; default the user's cache folder.
    CACHE_DIR = "LARDER_CACHE_DIR";
    /// `never`: installed binaries are plain files, without the pivot of links.
    LINKS = "LARDER_LINKS";
    /// Base url that stands in for `https://github.com` when originals are downloaded; beats `github_mirror`.
    UPSTREAM_GITHUB = "LARDER_UPSTREAM_GITHUB";
    /// Hosts that may be spoken to over plain http, comma-separated, besides `allow_http`; loopback always may.
    ALLOW_HTTP = "LARDER_ALLOW_HTTP";
    /// How long a connection may take to come about; default 10s.
    HTTP_CONNECT_TIMEOUT = "LARDER_HTTP_CONNECT_TIMEOUT";
    /// How long an answer may keep silent before the attempt is given up; default 30s.
    HTTP_IDLE_TIMEOUT = "LARDER_HTTP_IDLE_TIMEOUT";
    /// How long one request may take with all its attempts, transfers of assets aside; default 5m.
    HTTP_TOTAL_TIMEOUT = "LARDER_HTTP_TOTAL_TIMEOUT";
    /// The window over which a transfer must average 1 KiB/s, else it is cut and resumed; default 20s.
    HTTP_SLOW_WINDOW = "LARDER_HTTP_SLOW_WINDOW";
    /// How long a transfer may go without progress, all attempts together, before it is given up; default 90s.
    HTTP_STALL_TIMEOUT = "LARDER_HTTP_STALL_TIMEOUT";
    /// How often a request is repeated where repeating can help; default 4.
    HTTP_RETRIES = "LARDER_HTTP_RETRIES";
    /// The first pause before a repetition, doubled each time; default 300ms.
    HTTP_BACKOFF = "LARDER_HTTP_BACKOFF";
    /// The longest pause a server's rate limit is waited for; default 60s.
    HTTP_RATE_LIMIT_WAIT = "LARDER_HTTP_RATE_LIMIT_WAIT";
    /// How many transfers from one host at once; default 6.
    HTTP_PER_HOST = "LARDER_HTTP_PER_HOST";
    /// Token for GitHub; before `GH_TOKEN`, `GITHUB_TOKEN` and what `gh auth token` says.
    GITHUB_TOKEN = "LARDER_GITHUB_TOKEN";
    /// Least time between two writes to GitHub; default 1s, as GitHub asks.
    GITHUB_PACE = "LARDER_GITHUB_PACE";
    /// How long GitHub's lists may lag behind what was written; default 15s.
    GITHUB_SETTLE = "LARDER_GITHUB_SETTLE";
}

/// A length of time: `300ms`, `20s`, `5m`, `1h`, or plain seconds (`0.5`).
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
