//! What each request needs.

use http::Method;
use larder_core::project::tokens::TokenRole;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// Nothing: the request is always answered.
    Nothing,
    /// Reading, which is open to everyone unless the server is private.
    Read,
    /// Putting binaries into the folder.
    Write,
    /// Removing binaries, and all about the fleet.
    Admin,
}

impl Needed {
    /// What a request needs.
    pub fn of(method: &Method, path: &str) -> Self {
        match (method, path) {
            (_, "/livez" | "/readyz") => Self::Nothing,
            (&Method::GET | &Method::HEAD | &Method::OPTIONS, _) => Self::Read,
            (&Method::POST, _) if path.starts_with("/api/binaries/") => Self::Read,
            (&Method::PUT, _) if path.starts_with("/api/binaries/") => Self::Write,
            _ => Self::Admin,
        }
    }

    /// Whether a role is enough.
    pub fn is_allowed_to(self, role: TokenRole) -> bool {
        match self {
            Self::Nothing => true,
            Self::Read => matches!(role, TokenRole::Read | TokenRole::Write | TokenRole::Admin),
            Self::Write => matches!(role, TokenRole::Write | TokenRole::Admin),
            Self::Admin => role == TokenRole::Admin,
        }
    }

    /// Whether the request changes something, so that it is audited.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Write | Self::Admin)
    }

    /// The least role that is enough.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing | Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// Whether a role may enrol agents.
pub fn may_enrol(role: TokenRole) -> bool {
    matches!(role, TokenRole::Join | TokenRole::Admin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_need_roles() {
        for (method, path, needed) in [
            (Method::GET, "/livez", Needed::Nothing),
            (Method::HEAD, "/readyz", Needed::Nothing),
            (Method::GET, "/readyz/", Needed::Read),
            (Method::GET, "/", Needed::Read),
            (Method::HEAD, "/binaries/x", Needed::Read),
            (
                Method::POST,
                "/api/binaries/1.0.0/linux/x86_64/verify",
                Needed::Read,
            ),
            (
                Method::PUT,
                "/api/binaries/n/1.0.0/linux/x86_64",
                Needed::Write,
            ),
            (
                Method::DELETE,
                "/api/binaries/n/1.0.0/linux/x86_64",
                Needed::Admin,
            ),
            (Method::PATCH, "/api/binaries/x", Needed::Admin),
            (Method::PUT, "/binaries/x", Needed::Admin),
            (Method::POST, "/api/rollouts", Needed::Admin),
            (Method::PUT, "/api/channels/n/stable", Needed::Admin),
            (Method::from_bytes(b"BREW").unwrap(), "/", Needed::Admin),
        ] {
            assert_eq!(Needed::of(&method, path), needed, "{method} {path}");
        }
    }

    #[test]
    fn roles_contain_each_other_except_join() {
        for (needed, allowed) in [
            (Needed::Nothing, [true, true, true, true]),
            (Needed::Read, [false, true, true, true]),
            (Needed::Write, [false, false, true, true]),
            (Needed::Admin, [false, false, false, true]),
        ] {
            let roles = [
                TokenRole::Join,
                TokenRole::Read,
                TokenRole::Write,
                TokenRole::Admin,
            ];
            assert_eq!(roles.map(|role| needed.is_allowed_to(role)), allowed);
        }
    }
}
