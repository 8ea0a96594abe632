//! The keys of `services:` in versions.yml as they are written.

use schemars::{Schema, json_schema};

use super::words::{EnvName, Timeout, Value};
use crate::model::Invalid;
use crate::project::syntax::decode::{At, Pairs, Word};
use crate::project::syntax::keys::keys;

keys! {
    /// A service: a program that runs while tasks use it.
    pub struct RawService, required ["command"] {
        /// One line that says what the service is. Lists show it.
        "desc" desc: At<String>,
            since "0.1.0", example "The message server";
        /// The command line that runs the service, with `sh -c` or on Windows with `cmd`.
        /// It stays in the foreground: when it ends, the service has ended.
        /// The installed binaries come first on PATH.
        "command" command: At<String>,
            since "0.1.0", example "nats-server -p 4222";
        /// What runs before the service is started, in this order.
        /// An entry is the name of a task, or a command line of larder's own without `larder`,
        /// as in `needs` of a task. The default is none.
        "needs" needs: Vec<At<String>>,
            since "0.1.0", example ["ensure nats"];
        /// The services that are started before this one, and are ready by then.
        /// Services can't need each other in a circle. The default is none.
        "services" services: Vec<At<ServiceName>>,
            since "0.1.0", example ["database"];
        /// How to find out that the service can be used. It has exactly one of the keys below.
        /// Without it, the service is taken as ready as soon as it has been started.
        "ready" ready: RawReady,
            since "0.1.0", default "the service is ready as soon as it has been started",
            example {"tcp": 4222};
        /// How long the service may take until it is ready, such as `90s` or `2m`.
        /// After that it is stopped, and what needs it fails. The default is `30s`.
        "timeout" timeout: At<Timeout>,
            since "0.1.0", default "`30s`", example "1m";
        /// The environment variables that are set for the service and for its `ready` command,
        /// added to your own environment.
        "env" env: Pairs<EnvName, At<Value>>,
            since "0.1.0", example {"LOG_LEVEL": "debug"};
        /// The folder in which the service and its `ready` command run,
        /// relative to versions.yml. The default is the project's folder.
        "dir" dir: At<String>,
            since "0.1.0", default "the project's folder", example "server";
    }
}

keys! {
    /// How to find out that a service can be used. Exactly one of these keys is given.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub struct RawReady, required [] {
        /// The service is ready when it accepts connections on this port of this machine,
        /// or at `HOST:PORT`.
        /// If another program accepts them before the service is started, that is an error.
        "tcp" tcp: At<Address>,
            since "0.1.0", example 4222;
        /// The service is ready when a request to this url is answered with a status from 200 to 299.
        /// Redirects are followed. No proxy is used.
        /// If another program accepts connections there before the service is started,
        /// that is an error.
        "http" http: At<String>,
            since "0.1.0", example "http://127.0.0.1:8222/healthz";
        /// The service is ready when this command line exits with 0.
        /// It is run again and again until then, like the service itself. What it prints is not shown.
        "command" command: At<String>,
            since "0.1.0", example "pg_isready -p 5432";
    }
}

/// The name of a service, which becomes part of file names: lower-case letters, digits, `-`, `_` and
/// `.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceName(pub String);

impl Word for ServiceName {
    fn word(text: &str) -> Result<Self, Invalid> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let is_path = text.ends_with('.') || text.contains("..");
        if starts && text.chars().all(good) && !is_path && text.len() <= 64 {
            return Ok(Self(text.to_owned()));
        }
        Err(
            Invalid::new(format!("`{text}` can't name a service")).hint(
                "at most 64 lower-case letters, digits, `-`, `_` and `.`, starting with a letter or digit",
            ),
        )
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "service name", "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]*$", "maxLength": 64 })
    }
}

/// Where a service accepts connections: a port of this machine, or a host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The host, if one is given: a name or an address, an IPv6 address without its brackets.
    pub host: Option<String>,
    /// The port.
    pub port: u16,
}

impl Word for Address {
    fn word(text: &str) -> Result<Self, Invalid> {
        let bad = |why: &str| {
            Invalid::new(format!("`{text}` is not an address: {why}"))
                .hint("a port such as 4222, or a host and a port such as \"127.0.0.1:4222\"")
        };
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (Some(host), port),
            None => (None, text),
        };
        let Ok(port @ 1..) = port.parse() else {
            return Err(bad("a port is a number from 1 to 65535"));
        };
        let Some(host) = host else {
            return Ok(Self { host: None, port });
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let named = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let host = match bare {
            Some(bare) if bare.parse::<std::net::Ipv6Addr>().is_ok() => bare,
            None if !host.is_empty() && host.chars().all(named) => host,
            _ => return Err(bad("this is no host")),
        };
        Ok(Self {
            host: Some(host.to_owned()),
            port,
        })
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "port, or host:port", "type": ["integer", "string"], "minimum": 1, "maximum": 65535 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_port_or_a_host_and_a_port() {
        for (text, host, port) in [
            ("4222", None, 4222),
            ("127.0.0.1:1", Some("127.0.0.1"), 1),
            ("localhost:65535", Some("localhost"), 65535),
            ("[::1]:80", Some("::1"), 80),
            ("db_1.internal:5432", Some("db_1.internal"), 5432),
        ] {
            let address = Address::word(text).unwrap();
            assert_eq!(
                (address.host.as_deref(), address.port),
                (host, port),
                "{text}"
            );
        }
        for bad in [
            "",
            "0",
            "65536",
            "-1",
            "http",
            ":80",
            "host:",
            "host:0",
            "::1:80",
            "[x]:80",
            "a b:1",
            "http://x:80",
        ] {
            assert!(Address::word(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_services_can_be_names_of_files() {
        for good in ["nats", "nats-2", "0", "a.b_c"] {
            assert!(ServiceName::word(good).is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "Nats",
            "a b",
            "a/b",
            "..",
            "a..b",
            "a.",
            ".a",
            "-a",
            "a:b",
            long.as_str(),
        ] {
            assert!(ServiceName::word(bad).is_err(), "{bad}");
        }
    }
}
