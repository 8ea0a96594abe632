//! Where a cluster is: `grpcs://host:port`, and the name of an instance.

use std::fmt;

use larder_core::error::{Error, Result};
use larder_core::hosts::is_allowed;
use larder_remote::http::{Settings, parse_url, redact};

/// A cluster and one of its instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// `host:port`.
    pub authority: String,
    /// The name of the instance, which may be empty and may have slashes.
    pub instance: String,
}

impl Address {
    /// Parses `grpc://host:port` or `grpcs://host:port`. A path is the name of the instance, unless
    /// `instance` is not empty. Plain connections are made to this machine, and to the hosts that
    /// the user allows.
    pub fn parse(text: &str, instance: &str, settings: &Settings) -> Result<Self> {
        let wrong = |why: &str| {
            Error::usage(format!(
                "`{}` is not the url of an executor: {why}",
                redact(text)
            ))
            .hint("write it as grpcs://host:port, or grpcs://host:port/instance")
        };
        let (is_encrypted, rest) = if let Some(rest) = text.strip_prefix("grpcs://") {
            (true, rest)
        } else if let Some(rest) = text.strip_prefix("grpc://") {
            (false, rest)
        } else {
            return Err(wrong("it begins with neither grpc:// nor grpcs://"));
        };
        // The rules of http for hosts and ports apply, except that there is a default port only for TLS.
        let scheme = if is_encrypted { "https" } else { "http" };
        let url = parse_url(&format!("{scheme}://{rest}")).map_err(|error| {
            let error = error.context("the url of the executor can't be used");
            error.hint("credentials are headers, in a variable that `headers_from` names")
        })?;
        let host = url.host_str().unwrap_or_default();
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a query or a fragment"));
        }
        // A port that is http's own is dropped from urls.
        let authority = rest.split('/').next().unwrap_or_default();
        let has_port = is_encrypted || url.port().is_some() || authority.ends_with(":80");
        let Some(port) = url.port_or_known_default().filter(|_| has_port) else {
            return Err(wrong("it has no port"));
        };
        if !is_encrypted && !is_allowed(host, &settings.allow_http) {
            return Err(Error::refused(format!(
                "the executor {text} is not encrypted: others could read and change what is sent"
            ))
            .hint(format!(
                "write grpcs:// before it, or allow plain connections to this host: \
                 `allow_http: [{host}]` in your config.yml"
            )));
        }
        let path = url.path().trim_matches('/');
        Ok(Self {
            is_encrypted,
            authority: format!("{host}:{port}"),
            instance: if instance.is_empty() {
                path
            } else {
                instance.trim_matches('/')
            }
            .to_owned(),
        })
    }

    /// The url for the transport.
    pub fn endpoint(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// The name of a resource: `rest`, after the instance if it has a name.
    pub fn resource(&self, rest: &str) -> String {
        if self.instance.is_empty() {
            rest.to_owned()
        } else {
            format!("{}/{rest}", self.instance)
        }
    }
}

/// `grpcs://host:port/instance`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "grpcs" } else { "grpc" };
        write!(f, "{scheme}://{}", self.authority)?;
        if !self.instance.is_empty() {
            write!(f, "/{}", self.instance)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_core::error::Kind;

    fn parse(text: &str, instance: &str) -> Result<String> {
        Address::parse(text, instance, &Settings::default()).map(|address| address.to_string())
    }

    #[test]
    fn an_address_has_a_scheme_a_host_a_port_and_perhaps_an_instance() {
        for (text, instance, shown) in [
            ("grpcs://build.example", "", "grpcs://build.example:443"),
            (
                "grpcs://build.example:8980/",
                "",
                "grpcs://build.example:8980",
            ),
            (
                "grpcs://build.example/a/b",
                "",
                "grpcs://build.example:443/a/b",
            ),
            (
                "grpcs://build.example/a",
                "main",
                "grpcs://build.example:443/main",
            ),
            (
                "grpc://127.0.0.1:8980/main",
                "",
                "grpc://127.0.0.1:8980/main",
            ),
            ("grpc://[::1]:80", "", "grpc://[::1]:80"),
        ] {
            assert_eq!(parse(text, instance).unwrap(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_an_error_that_says_why() {
        for (text, kind, why) in [
            (
                "build.example:8980",
                Kind::Usage,
                "neither grpc:// nor grpcs://",
            ),
            (
                "https://build.example",
                Kind::Usage,
                "neither grpc:// nor grpcs://",
            ),
            ("grpc://127.0.0.1", Kind::Usage, "it has no port"),
            (
                "grpcs://me:word@build.example",
                Kind::Usage,
                "a user name or password",
            ),
            ("grpcs://build.example?key=1", Kind::Usage, "a query"),
            (
                "grpc://build.example:8980",
                Kind::Refused,
                "is not encrypted",
            ),
        ] {
            let error = parse(text, "").unwrap_err();
            assert_eq!(error.kind(), kind, "{text}: {error}");
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
        let settings = Settings {
            allow_http: vec!["build.example".to_owned()],
            ..Settings::default()
        };
        Address::parse("grpc://build.example:8980", "", &settings).unwrap();
    }
}
