//! Names of images: `registry.example/owner/name`, with a tag or a digest.

use std::fmt;
use std::str::FromStr;

use larder_core::error::{Error, Result};
use larder_core::hosts::is_loopback;
use larder_core::model::Digest;

use crate::http::{Site, Url, parse_url};

/// The longest name of a repository.
const MAX_REPOSITORY: usize = 255;

/// The name of an image: a repository of a registry, with a tag or a digest where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
    base: Url,
}

impl ImageName {
    /// The registry's host, with its port where one is written.
    pub fn registry(&self) -> &str {
        &self.registry
    }
    /// The repository in the registry, such as `owner/name`.
    pub fn repository(&self) -> &str {
        &self.repository
    }
    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }
    /// The digest.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
    /// The origin of the registry.
    pub fn site(&self) -> Site {
        Site::of(&self.base)
    }
    /// The url that says whether the registry wants a login.
    pub(super) fn root(&self) -> Result<Url> {
        self.join("/v2/")
    }
    /// A url of the repository, such as that of `manifests/latest`.
    pub(super) fn url(&self, path: &str) -> Result<Url> {
        self.join(&format!("/v2/{}/{path}", self.repository))
    }
    fn join(&self, path: &str) -> Result<Url> {
        self.base.join(path).map_err(|error| {
            Error::failed(format!("can't name {path} on {}", self.registry)).cause(error)
        })
    }
}

/// Without tag and digest, as `docker.images` has it.
impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)
    }
}

impl FromStr for ImageName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::usage(format!(
                "`{}` is not the name of an image",
                crate::http::redact(text)
            ))
            .cause(why.to_owned())
            .hint(
                "such as registry.example/owner/name, with :tag or @sha256: and a digest after it",
            )
        };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                let is_sha256 = digest.starts_with("sha256:");
                let digest = digest.parse::<Digest>().ok().filter(|_| is_sha256);
                let digest =
                    digest.ok_or_else(|| wrong("its digest is not `sha256:` and 64 hex digits"))?;
                (name, Some(digest))
            }
            None => (text, None),
        };
        let (registry, rest) = name
            .split_once('/')
            .filter(|(host, _)| is_host(host))
            .ok_or_else(|| wrong("it does not begin with the host of a registry"))?;
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        if repository.len() > MAX_REPOSITORY || !repository.split('/').all(is_component) {
            return Err(wrong(
                "a repository has lower-case letters and digits, with single `.`, `_` or `-` between them, and `/`",
            ));
        }
        if !tag.is_none_or(is_tag) {
            return Err(wrong(
                "a tag has up to 128 letters, digits, `_`, `.` and `-`, and starts with none of the last two",
            ));
        }
        let host = registry.rsplit_once(':').map_or(registry, |(host, port)| {
            if port.ends_with(']') { registry } else { host }
        });
        let scheme = if is_loopback(host) { "http" } else { "https" };
        let base = parse_url(&format!("{scheme}://{registry}/"))
            .map_err(|_| wrong("its host can't be one"))?;
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
            base,
        })
    }
}

/// Whether the first part of a name is a host, as Docker tells it from an owner.
fn is_host(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    text.bytes().all(is_plain) && (text.contains(['.', ':']) || text == "localhost")
}

/// Whether a text can be a part of a repository's name.
fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator = |text: &str| {
        matches!(text, "." | "_" | "__") || (!text.is_empty() && text.bytes().all(|b| b == b'-'))
    };
    text.starts_with(is_word)
        && text.ends_with(is_word)
        && text
            .split(is_word)
            .all(|between| between.is_empty() || is_separator(between))
}

/// Whether a text can be a tag.
fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = text.bytes();
    text.len() <= 128
        && bytes.next().is_some_and(is_word)
        && bytes.all(|byte| is_word(byte) || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed() {
        let digest = "0123456789abcdef".repeat(4);
        for (text, registry, repository, tag, site) in [
            (
                "registry.example/acme/arc",
                "registry.example",
                "acme/arc",
                None,
                "https://registry.example",
            ),
            (
                "registry.example/arc:1.2",
                "registry.example",
                "arc",
                Some("1.2"),
                "https://registry.example",
            ),
            (
                "registry.example:5000/a/b/c-d__e",
                "registry.example:5000",
                "a/b/c-d__e",
                None,
                "https://registry.example:5000",
            ),
            (
                "localhost/arc",
                "localhost",
                "arc",
                None,
                "http://localhost",
            ),
            (
                "localhost:5000/arc:_x",
                "localhost:5000",
                "arc",
                Some("_x"),
                "http://localhost:5000",
            ),
            (
                "127.0.0.1:5000/acme/arc",
                "127.0.0.1:5000",
                "acme/arc",
                None,
                "http://127.0.0.1:5000",
            ),
            (
                "[::1]:5000/acme/arc",
                "[::1]:5000",
                "acme/arc",
                None,
                "http://[::1]:5000",
            ),
            ("[::1]/acme/arc", "[::1]", "acme/arc", None, "http://[::1]"),
        ] {
            let name: ImageName = text.parse().unwrap();
            assert_eq!(
                (name.registry(), name.repository(), name.tag()),
                (registry, repository, tag)
            );
            assert_eq!(name.site().to_string(), site, "{text}");
            assert_eq!(name.to_string(), format!("{registry}/{repository}"));
            let pinned: ImageName = format!("{text}@sha256:{digest}").parse().unwrap();
            assert_eq!(pinned.digest().unwrap().to_string(), digest);
            assert_eq!(pinned.tag(), tag);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "arc",
            "acme/arc",
            "registry.example",
            "registry.example/",
            "registry.example/Acme/arc",
            "registry.example/acme//arc",
            "registry.example/acme/arc-",
            "registry.example/acme/a._b",
            "registry.example/acme/../arc",
            "registry.example/acme/arc:",
            "registry.example/acme/arc:.x",
            "registry.example/acme/arc:a b",
            "registry.example/acme/arc@sha256:12",
            "registry.example/acme/arc@sha512:12",
            "registry.example/acme/arc@0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "https://registry.example/acme/arc",
            "user:secret@registry.example/acme/arc",
            "registry.example:x/acme/arc",
            "registry.example/acme/arc?x",
        ] {
            let error = text.parse::<ImageName>().unwrap_err();
            assert_eq!(error.kind(), larder_core::Kind::Usage, "{text}");
        }
    }
}
