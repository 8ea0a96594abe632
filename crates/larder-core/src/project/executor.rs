//! The executor of the user's configuration: a cluster that runs builds, or a cache of their
//! results. A project can't name one, because it gets the user's credentials.

use std::num::NonZeroUsize;

use super::syntax::decode::{At, Reader};
use super::typed::user::{CacheWord, RawExecutor};
use crate::hosts::is_allowed;
use crate::redact::{is_secret_name, mask};
use crate::variables;

/// Where the executor is and what it is used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorConfig {
    /// Where it is.
    pub address: ExecutorAddress,
    /// How its cache of results is used.
    pub cache: CacheUse,
    /// Whether builds run there. If not, only the cache is used.
    pub execute: bool,
    /// The number of builds there at once.
    pub jobs: NonZeroUsize,
    /// The environment variable with the headers of every request.
    pub headers_from: String,
}

/// How the cache of an executor is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheUse {
    /// Results are neither read nor written.
    Off,
    /// Results are read.
    #[default]
    Read,
    /// Results are read, and those of builds on this machine are written.
    Write,
}

/// The address of an executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorAddress {
    /// `grpcs://host:port` or `grpc://host:port`.
    pub url: String,
    /// The name of the instance; empty if the cluster has only one.
    pub instance: String,
}

/// The number of builds at once where the configuration gives none.
const JOBS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// What an address looks like.
const HINT: &str = "such as grpcs://cluster.example.com:443, with /INSTANCE if there are several";

impl ExecutorConfig {
    /// Everything by default, at this address.
    pub fn at(address: ExecutorAddress) -> Self {
        Self {
            address,
            cache: CacheUse::default(),
            execute: true,
            jobs: JOBS,
            headers_from: variables::EXECUTOR_HEADERS.to_owned(),
        }
    }

    /// The executor of config.yml. Plain connections are allowed to this machine and to these hosts.
    pub(super) fn read(
        raw: RawExecutor,
        allowed: &[String],
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let RawExecutor {
            url,
            instance,
            cache,
            execute,
            jobs,
            headers_from,
            spans: _,
        } = raw;
        let At { value, span } = url?;
        let mut address = match ExecutorAddress::parse(&value, allowed) {
            Ok(address) => address,
            Err((message, hint)) => {
                reader.problem(&span, message, hint);
                return None;
            }
        };
        if let Some(At { value, span }) = instance {
            if !address.instance.is_empty() {
                reader.problem(&span, "`url` names an instance, too", "keep one of the two");
            }
            if let Err(message) = check_instance(&value) {
                reader.problem(&span, message, "letters, digits, `-`, `_`, `.` and `/`");
            }
            address.instance = value;
        }
        if let Some(At { value, span }) = &headers_from
            && !is_secret_name(&value.0)
        {
            reader.problem(
                span,
                format!("`{}` does not say that its value is a secret", value.0),
                "use a name that ends in `_HEADERS` or `_TOKEN`: then larder removes the value from logs and messages",
            );
        }
        let default = Self::at(address);
        Some(Self {
            cache: cache.map_or(default.cache, |at| match at.value {
                CacheWord::Off => CacheUse::Off,
                CacheWord::Read => CacheUse::Read,
                CacheWord::Write => CacheUse::Write,
            }),
            execute: execute.map_or(default.execute, |at| at.value.0),
            jobs: jobs.map_or(default.jobs, |at| at.value.0),
            headers_from: headers_from.map_or(default.headers_from, |at| at.value.0),
            address: default.address,
        })
    }
}

impl ExecutorAddress {
    /// Reads `grpcs://host[:port][/instance]`. The error is a message and a hint.
    pub fn parse(text: &str, allowed: &[String]) -> Result<Self, (String, String)> {
        let bad = |why: &str, hint: &str| {
            Err((
                format!("`{}` can't be an executor: {why}", mask(text)),
                hint.to_owned(),
            ))
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            return bad("it is not a url", HINT);
        };
        let (authority, instance) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-:[]".contains(c);
        if authority.contains('@') {
            return bad(
                "it contains a user or a password",
                "set LARDER_EXECUTOR_HEADERS to `authorization: Bearer TOKEN`",
            );
        }
        if authority.is_empty() || !authority.chars().all(plain) {
            return bad("it names no host", HINT);
        }
        if let Err(why) = check_instance(instance) {
            return bad(&why, HINT);
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => {
                let (host, rest) = v6.split_once(']').unwrap_or((v6, ""));
                (host, rest.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        if port.is_some_and(|port| port.parse::<u16>().map_or(0, u16::from) == 0) {
            return bad("its port is not a number from 1 to 65535", HINT);
        }
        let default = match scheme {
            "grpcs" => ":443",
            "grpc" if is_allowed(host, allowed) => ":80",
            "grpc" => {
                return bad(
                    "bytes sent without encryption can be changed on the way",
                    &format!("use grpcs, or allow the host in config.yml: `allow_http: [{host}]`"),
                );
            }
            _ => return bad(&format!("`{scheme}` is not supported"), HINT),
        };
        let default = if port.is_some() { "" } else { default };
        Ok(Self {
            url: format!("{scheme}://{authority}{default}"),
            instance: instance.to_owned(),
        })
    }
}

/// The error is a message.
fn check_instance(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if text.chars().all(plain) && !text.ends_with('/') {
        return Ok(());
    }
    Err(format!("`{text}` can't be the name of an instance"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let parse = |text: &str| {
            let allowed = ["cluster.corp".to_owned()];
            ExecutorAddress::parse(text, &allowed).map(|address| (address.url, address.instance))
        };
        for (text, url, instance) in [
            (
                "grpcs://a.example:8980/main",
                "grpcs://a.example:8980",
                "main",
            ),
            ("grpcs://a.example", "grpcs://a.example:443", ""),
            ("grpcs://a.example/x/y", "grpcs://a.example:443", "x/y"),
            ("grpc://127.0.0.1:50051", "grpc://127.0.0.1:50051", ""),
            ("grpc://[::1]:50051/i", "grpc://[::1]:50051", "i"),
            ("grpc://cluster.corp:1", "grpc://cluster.corp:1", ""),
        ] {
            assert_eq!(parse(text), Ok((url.into(), instance.into())), "{text}");
        }
        for (text, why) in [
            ("a.example:8980", "not a url"),
            ("https://a.example", "`https` is not supported"),
            ("grpc://a.example:1", "without encryption"),
            ("grpcs://me:secret@a.example", "a user or a password"),
            ("grpcs:///main", "no host"),
            ("grpcs://a.example:0", "port"),
            ("grpcs://a.example:x", "port"),
            ("grpcs://a.example/a b", "instance"),
        ] {
            let (message, hint) = parse(text).unwrap_err();
            assert!(
                message.contains(why) && !hint.is_empty(),
                "{text}: {message}"
            );
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
