//! Types for single values of `publish:`.

use std::time::Duration;

use schemars::{Schema, json_schema};

use super::words::Timeout;
use crate::model::{Invalid, Os, Platform};
use crate::project::syntax::decode::Word;
use crate::project::syntax::keys::words;

/// Defines a type for a text that a function accepts.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $schema:tt, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub String);

        impl Word for $name {
            fn word(text: &str) -> Result<Self, Invalid> {
                let check: fn(&str) -> Result<(), Invalid> = $check;
                check(text).map(|()| Self(text.to_owned()))
            }
            fn schema() -> Schema {
                json_schema!($schema)
            }
        }
    };
}

fn require(holds: bool, message: String, hint: &str) -> Result<(), Invalid> {
    if holds {
        Ok(())
    } else {
        Err(Invalid::new(message).hint(hint))
    }
}

/// Letters, digits and `-_.`, starting with a letter or a digit.
fn is_plain(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_alphanumeric())
        && part
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

checked_text! {
    /// One line of text that is not empty.
    PlainLine, { "type": "string", "minLength": 1 }, |text| {
        let holds = !text.trim().is_empty() && !text.contains(char::is_control);
        require(holds, format!("`{}` is not one line of text", text.escape_debug()), "write one line")
    }
}
checked_text! {
    /// `owner/name` of a repository.
    HostedRepo,
    { "x-type": "owner/name of a repository", "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$" },
    |text| {
        let parts: Vec<&str> = text.split('/').collect();
        let holds = parts.len() == 2 && parts.iter().all(|part| is_plain(part));
        let hint = "write owner/name, or {git: URL} for another server";
        require(holds, format!("`{text}` is not a repository"), hint)
    }
}
checked_text! {
    /// The url of a git repository.
    GitUrl, { "x-type": "url of a git repository", "type": "string" }, |text| {
        let plain = !text.starts_with('-') && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        let scheme = text.split_once("://");
        let known = match scheme {
            Some((scheme, rest)) => ["https", "http", "ssh", "file"].contains(&scheme) && !rest.is_empty(),
            None if text.starts_with('/') => true,
            None => text.split_once(':').is_some_and(|(host, path)| host.contains('@') && !path.is_empty()),
        };
        let host = scheme.map_or("", |(_, rest)| rest.split('/').next().unwrap_or(""));
        let secret = host.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
        if secret {
            return Err(Invalid::new("the url contains a password")
                .hint("leave it out; git takes it from its own configuration or from an askpass program"));
        }
        let hint = "https://, ssh://, file://, git@host:path, or an absolute path";
        require(plain && known, format!("`{text}` is not the url of a git repository"), hint)
    }
}
checked_text! {
    /// A url of the web.
    WebUrl, { "x-type": "url", "type": "string" }, |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = rest.map_or("", |rest| rest.split('/').next().unwrap_or(""));
        if host.contains('@') {
            return Err(Invalid::new("the url contains a user")
                .hint("leave it out; secrets come from the environment or the client's own configuration"));
        }
        let holds = !host.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        require(holds, format!("`{text}` is not a url"), "such as https://packages.example.com/")
    }
}
checked_text! {
    /// The url template of `notify.webhook`, which may use `env.NAME`.
    Webhook, { "x-type": "url (template)", "type": "string" }, |text| {
        PlainLine::word(text).map(drop)
    }
}
checked_text! {
    /// `Name <address>`.
    Address, { "x-type": "Name <address>", "type": "string", "pattern": "^[^<>]+ <[^<>@ ]+@[^<>@ ]+>$" }, |text| {
        let parts = text.strip_suffix('>').and_then(|text| text.split_once(" <"));
        let holds = parts.is_some_and(|(name, address)| {
            let mailbox = address.split_once('@');
            !name.trim().is_empty()
                && !name.contains(['<', '>', ','])
                && mailbox.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
                && !address.contains(|c: char| c.is_whitespace() || "<>,".contains(c))
                && !text.contains(char::is_control)
        });
        let hint = "such as Acme Tools <tools@acme.example>";
        require(holds, format!("`{}` is not `Name <address>`", text.escape_debug()), hint)
    }
}
checked_text! {
    /// The name of a container image, without a tag.
    ImageName, { "x-type": "name of an image", "type": "string" }, |text| {
        let parts: Vec<&str> = text.split('/').collect();
        let path = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.ends_with(|c: char| c.is_ascii_alphanumeric())
        };
        let host = |part: &str| {
            let (name, port) = part.split_once(':').unwrap_or((part, "1"));
            is_plain(name) && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        };
        let holds = parts.len() > 1 && host(parts[0]) && parts[1..].iter().all(|part| path(part));
        let hint = "a registry and a path in lower case, such as registry.example/acme/arc; tags are made from the version";
        require(holds, format!("`{text}` is not the name of an image"), hint)
    }
}
checked_text! {
    /// The name of an npm package.
    NpmName, { "x-type": "name of an npm package", "type": "string", "pattern": "^(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*$" }, |text| {
        let (scope, name) = match text.strip_prefix('@') {
            Some(rest) => rest.split_once('/').unwrap_or(("", "")),
            None => ("scope", text),
        };
        let part = |part: &str| is_plain(part) && !part.contains(|c: char| c.is_ascii_uppercase());
        let holds = part(scope) && part(name) && text.len() <= 200;
        require(holds, format!("`{text}` is not the name of an npm package"), "such as arc or @acme/arc")
    }
}
checked_text! {
    /// The name of a Python distribution.
    PypiName, { "x-type": "name of a Python distribution", "type": "string", "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$" }, |text| {
        let holds = is_plain(text) && text.ends_with(|c: char| c.is_ascii_alphanumeric());
        require(holds, format!("`{text}` is not the name of a Python distribution"), "such as arc or acme-arc")
    }
}
checked_text! {
    /// The path of a Go module.
    ModulePath, { "x-type": "path of a Go module", "type": "string" }, |text| {
        let mut parts = text.split('/');
        let holds = parts.next().is_some_and(|host| is_plain(host) && host.contains('.'))
            && text.split('/').all(|part| {
                !part.is_empty()
                    && !part.ends_with('.')
                    && !part.starts_with('.')
                    && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c))
            });
        require(holds, format!("`{text}` is not the path of a Go module"), "such as github.com/acme/arc")
    }
}
checked_text! {
    /// A section of Debian's archive.
    Section, { "x-type": "section", "type": "string", "pattern": "^[a-z0-9][a-z0-9./-]*$" }, |text| {
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        let holds = text.split('/').count() <= 2 && text.split('/').all(part);
        require(holds, format!("`{text}` is not a section"), "such as utils, net or admin")
    }
}

/// An operating system or a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OsOrPlatform {
    /// An operating system.
    Os(Os),
    /// A platform.
    Platform(Platform),
}

impl Word for OsOrPlatform {
    const ALIASES: bool = true;
    fn word(text: &str) -> Result<Self, Invalid> {
        if text.contains('-') {
            text.parse().map(Self::Platform)
        } else {
            text.parse().map(Self::Os)
        }
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "operating system or platform", "type": "string", "examples": ["linux", "darwin", "windows-amd64"] })
    }
}

/// A number from -1000 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority(pub i64);

impl Word for Priority {
    fn word(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(number @ -1000..=1000) => Ok(Self(number)),
            _ => Err(Invalid::new(format!("`{text}` is not a priority"))
                .hint("a whole number from -1000 to 1000")),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "whole number", "type": "integer", "minimum": -1000, "maximum": 1000 })
    }
}

/// A number of tries after the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries(pub u32);

impl Word for Tries {
    fn word(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(number @ 0..=20) => Ok(Self(number)),
            _ => Err(Invalid::new(format!("`{text}` is not a number of tries"))
                .hint("a whole number from 0 to 20")),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "whole number", "type": "integer", "minimum": 0, "maximum": 20 })
    }
}

/// A percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(pub u8);

impl Word for Percent {
    fn word(text: &str) -> Result<Self, Invalid> {
        match text.strip_suffix('%').unwrap_or(text).parse() {
            Ok(number @ 0..=100) => Ok(Self(number)),
            _ => Err(Invalid::new(format!("`{text}` is not a percentage"))
                .hint("a whole number from 0 to 100")),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "percentage", "type": ["integer", "string"], "minimum": 0, "maximum": 100 })
    }
}

/// A factor from 1 to 10.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Multiplier(pub f64);

impl Word for Multiplier {
    fn word(text: &str) -> Result<Self, Invalid> {
        match text.parse::<f64>() {
            Ok(number) if (1.0..=10.0).contains(&number) => Ok(Self(number)),
            _ => Err(Invalid::new(format!("`{text}` is not a multiplier"))
                .hint("a number from 1 to 10, such as 2.0")),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "number from 1 to 10", "type": "number", "minimum": 1, "maximum": 10 })
    }
}

/// A wait: a time as for `timeout`, or a number of milliseconds such as `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay(pub Duration);

impl Word for Delay {
    fn word(text: &str) -> Result<Self, Invalid> {
        if let Some(number) = text.strip_suffix("ms") {
            return match number.parse() {
                Ok(number @ 1..=3_600_000) => Ok(Self(Duration::from_millis(number))),
                _ => {
                    Err(Invalid::new(format!("`{text}` is not a time"))
                        .hint("such as 500ms, 1s or 2m"))
                }
            };
        }
        Timeout::word(text).map(|Timeout(time)| Self(time))
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "time", "type": "string", "pattern": "^([0-9]+ms|([0-9]+[smh])+)$" })
    }
}

words! {
    /// A value of `snap.confinement`.
    pub enum ConfinementWord("`confinement`") {
        /// It reaches only what its interfaces allow.
        Strict = "strict",
        /// It reaches what any program reaches.
        Classic = "classic",
        /// It reaches everything, for development.
        Devmode = "devmode",
    }
}

words! {
    /// A value of `snap.grade`.
    pub enum GradeWord("`grade`") {
        /// It may be released as stable.
        Stable = "stable",
        /// It may not.
        Devel = "devel",
    }
}

words! {
    /// A value of `publish.gate`.
    pub enum GateWord("`gate`") {
        /// As everybody fetches them.
        Anonymous = "anonymous",
        /// With the token of the hub.
        Token = "token",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts<T: Word>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(T::word(text).is_ok(), "{text}");
        }
        for text in bad {
            assert!(T::word(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_are_checked_where_they_are_written() {
        accepts::<HostedRepo>(
            &["acme/tap", "a.b/c_d"],
            &["acme", "a/b/c", "-a/b", "a/..", "https://x/a/b"],
        );
        accepts::<GitUrl>(
            &[
                "https://h/x.git",
                "ssh://aur@h/x.git",
                "git@h:o/x.git",
                "file:///srv/x",
                "/srv/x.git",
            ],
            &[
                "x",
                "--upload-pack=x",
                "ftp://h/x",
                "https://u:p@h/x",
                "https://h/a b",
                "ext::sh",
            ],
        );
        accepts::<WebUrl>(
            &["https://h/", "http://127.0.0.1:80/x"],
            &[
                "h",
                "https://",
                "https://u:p@h/",
                "https://token@h/",
                "https://h/a b",
            ],
        );
        accepts::<Address>(
            &["Acme Tools <tools@acme.example>"],
            &[
                "Acme",
                "<a@b>",
                "Acme <a>",
                "Acme <a@b@c>",
                "A\nB <a@b>",
                "a@b",
            ],
        );
        accepts::<ImageName>(
            &["registry.example/acme/arc", "127.0.0.1:5000/arc"],
            &["arc", "r/Acme", "r/a:tag", "r/", "r/a@sha256:x"],
        );
        accepts::<NpmName>(&["arc", "@acme/arc"], &["Arc", "@acme", "a/b", "@/x", ""]);
        accepts::<PypiName>(&["arc", "a-b.c"], &["-a", "a-", "a b"]);
        accepts::<ModulePath>(
            &["github.com/acme/arc", "example.com/a/v2"],
            &["arc", "github.com//x", "a.b/../c"],
        );
        accepts::<Section>(&["utils", "contrib/net"], &["Utils", "a/b/c", ""]);
        accepts::<Priority>(&["-1000", "0", "7"], &["1001", "x", "1.5"]);
        accepts::<Tries>(&["0", "20"], &["21", "-1"]);
        accepts::<Percent>(&["0", "80", "80%", "100"], &["101", "-1", "x"]);
        accepts::<Multiplier>(&["1", "2.0", "10"], &["0.5", "NaN", "inf", "11"]);
        accepts::<Delay>(&["500ms", "1s", "2m"], &["0ms", "1", "x", "1us"]);
        accepts::<OsOrPlatform>(&["linux", "macos", "windows-amd64"], &["beos", "linux-x"]);
    }
}
