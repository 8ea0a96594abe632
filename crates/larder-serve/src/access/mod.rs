//! Who may do what.
//!
//! Every request passes [`Access::admit`] before it is answered, whichever way its answer is sent.
//! Without a file of tokens only loopback addresses are bound, and every role is open.

use std::net::IpAddr;

use http::{HeaderMap, Method};
use larder_core::error::{Error, Result};

use crate::log::Log;
use crate::problem;
use crate::settings::Settings;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Nothing: the request is always answered.
    Nobody,
    /// Reading.
    Read,
    /// Putting binaries into the folder.
    Write,
    /// Removing binaries, and all about the fleet.
    Admin,
}

impl Role {
    /// The role that a request needs.
    pub fn needed(method: &Method, path: &str) -> Self {
        match (method, path) {
            (_, "/livez" | "/readyz") => Self::Nobody,
            (&Method::GET | &Method::HEAD | &Method::OPTIONS, _) => Self::Read,
            (&Method::POST, _) if path.starts_with("/api/binaries/") => Self::Read,
            (&Method::PUT, _) if path.starts_with("/api/binaries/") => Self::Write,
            _ => Self::Admin,
        }
    }
}

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the token; `None` where no token was needed.
    pub token: Option<String>,
    /// The address of the client, or of the proxy that is not trusted.
    pub address: IpAddr,
}

/// The rules.
#[derive(Debug)]
pub struct Access {}

impl Access {
    /// Reads the rules that the settings name.
    pub fn open(settings: &Settings, log: &Log) -> Result<Self> {
        if settings.tokens.is_some() {
            return Err(Error::usage(
                "--tokens is not supported by this version of the server",
            ));
        }
        log.warning(
            "there is no file of tokens (--tokens): every process of this machine may write and delete",
            &[],
        );
        Ok(Self {})
    }

    /// Admits a request, or says why not: 401, 403 or 429.
    pub fn admit(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> problem::Result<Caller> {
        let _ = (Role::needed(method, path), headers, self);
        Ok(Caller {
            token: None,
            address: peer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_need_roles() {
        for (method, path, role) in [
            (Method::GET, "/livez", Role::Nobody),
            (Method::HEAD, "/readyz", Role::Nobody),
            (Method::GET, "/", Role::Read),
            (Method::HEAD, "/binaries/x", Role::Read),
            (
                Method::POST,
                "/api/binaries/1.0.0/linux/x86_64/verify",
                Role::Read,
            ),
            (
                Method::PUT,
                "/api/binaries/n/1.0.0/linux/x86_64",
                Role::Write,
            ),
            (
                Method::DELETE,
                "/api/binaries/n/1.0.0/linux/x86_64",
                Role::Admin,
            ),
            (Method::POST, "/api/rollouts", Role::Admin),
            (Method::PUT, "/api/channels/n/stable", Role::Admin),
            (Method::from_bytes(b"BREW").unwrap(), "/", Role::Admin),
        ] {
            assert_eq!(Role::needed(&method, path), role, "{method} {path}");
        }
    }
}
