//! `hub:`, and the hubs that `--hub` and `LARDER_HUB` name.

use std::ops::Range;

use camino::Utf8Path;

use crate::error::Error;
use crate::project::domain::HubConfig;
use crate::project::paths::join_expanded;
use crate::project::syntax::decode::{At, Reader, Word};
use crate::project::typed::versions::RawHub;
use crate::project::typed::words::Repo;
use crate::project::user::{UserConfig, url_fault};

pub(super) fn hub_config(
    raw: RawHub,
    key: Option<&Range<usize>>,
    root: &Utf8Path,
    user: &UserConfig,
    reader: &mut Reader<'_>,
) -> Option<HubConfig> {
    let RawHub {
        github,
        dir,
        http,
        oci,
        spans,
    } = raw;
    match (spans.len(), spans.get(1)) {
        (0, _) => {
            if let Some(key) = key {
                reader.problem(
                    key,
                    "`hub` does not say where it is",
                    "one of {github: owner/name}, {dir: PATH}, {http: URL}, {oci: registry/repository}",
                );
            }
            return None;
        }
        (_, Some((second, span))) => {
            let first = spans[0].0;
            reader.problem(
                span,
                format!("`hub` names both `{first}` and `{second}`"),
                "a project has one hub; keep one of them",
            );
            return None;
        }
        _ => {}
    }
    if let Some(At {
        value: Repo(repo), ..
    }) = github
    {
        return Some(HubConfig::GitHub { repo });
    }
    if let Some(At { value, span }) = dir {
        if value.is_empty() || value.contains('\0') || value.contains("://") {
            reader.problem(
                &span,
                format!("`{value}` can't be the folder of a hub"),
                "a path, relative to the project or absolute",
            );
            return None;
        }
        return match join_expanded(root, &value, user.home()) {
            Ok(path) => Some(HubConfig::Dir {
                path,
                written: value.into(),
                default: false,
            }),
            Err((message, hint)) => {
                reader.problem(&span, message, hint);
                None
            }
        };
    }
    if let Some(At { value, span }) = oci {
        return oci_hub(&value)
            .map_err(|(message, hint)| reader.problem(&span, message, hint))
            .ok();
    }
    let At { value, span } = http?;
    if let Some((message, hint)) = url_fault(&value, Some(user)) {
        reader.problem(&span, message, hint);
        return None;
    }
    Some(HubConfig::Http {
        url: value.trim_end_matches('/').to_owned(),
    })
}

/// The hub in a repository of a registry, or what is wrong with the name and what helps.
fn oci_hub(text: &str) -> Result<HubConfig, (String, String)> {
    let fault = |why: &str, hint: &str| {
        let shown: String = text.escape_debug().take(120).collect();
        (format!("`{shown}` {why}"), hint.to_owned())
    };
    let example = "such as registry.example/acme/tools";
    if let Some((name, digest)) = text.split_once('@') {
        // What stands before `@` may be a password.
        return Err(if digest.starts_with("sha") && !name.is_empty() {
            fault(
                "has a digest",
                "a hub is a whole repository: leave the digest out",
            )
        } else {
            let message = "the name of a hub's repository has an `@`".to_owned();
            (
                message,
                "a login is never part of it; `docker login` stores one".to_owned(),
            )
        });
    }
    if let Some((_, rest)) = text.split_once("://") {
        let hint = format!("write `{}`", rest.trim_end_matches('/'));
        return Err(fault(
            "has a scheme, which the name of a repository does not have",
            &hint,
        ));
    }
    let Some((registry, repository)) = text.split_once('/') else {
        return Err(fault(
            "has no host and repository with a `/` between them",
            example,
        ));
    };
    let is_host = registry == "localhost" || registry.contains(['.', ':']);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if !is_host || !registry.bytes().all(is_plain) {
        return Err(fault("does not begin with the host of a registry", example));
    }
    let port = registry.rsplit_once(':').map(|(_, port)| port);
    if port.is_some_and(|port| !port.ends_with(']') && port.parse::<u16>().is_err()) {
        return Err(fault("names a port that is no number up to 65535", example));
    }
    if let Some((name, tag)) = repository.split_once(':') {
        let hint = format!("a hub is a whole repository: write `{registry}/{name}`");
        return Err(fault(
            &format!("has the tag `{}`", tag.escape_debug()),
            &hint,
        ));
    }
    let is_part = |part: &str| {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_separator = |text: &str| {
            matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-')
        };
        part.starts_with(is_word)
            && part.ends_with(is_word)
            && part.split(is_word).all(is_separator)
    };
    if repository.len() > 255 || !repository.split('/').all(is_part) {
        return Err(fault(
            "is not the name of a repository",
            "a repository has lower-case letters and digits, with single `.`, `_` or `-` between \
             them, and `/`",
        ));
    }
    Ok(HubConfig::Oci {
        registry: registry.to_owned(),
        repository: repository.to_owned(),
    })
}

impl HubConfig {
    /// Parses a hub as `--hub` and `LARDER_HUB` name it: `github:owner/name`,
    /// `oci://registry/repository`, an http(s) url, or a folder relative to `root`.
    pub fn parse(text: &str, root: &Utf8Path, user: &UserConfig) -> Result<Self, Error> {
        if let Some(repo) = text.strip_prefix("github:") {
            return Ok(Repo::word(repo).map(|Repo(repo)| Self::GitHub { repo })?);
        }
        if let Some(name) = text.strip_prefix("oci:") {
            let name = name.strip_prefix("//").unwrap_or(name);
            return oci_hub(name).map_err(|(message, hint)| Error::usage(message).hint(hint));
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return match url_fault(text, Some(user)) {
                Some((message, hint)) => Err(Error::usage(message).hint(hint)),
                None => Ok(Self::Http {
                    url: text.trim_end_matches('/').to_owned(),
                }),
            };
        }
        let path = text.strip_prefix("dir:").unwrap_or(text);
        if path.is_empty() || path.contains('\0') || path.contains("://") {
            return Err(Error::usage(format!("`{text}` is not a hub")).hint(
                "a hub is github:owner/name, oci://registry/repository, an https url or a folder",
            ));
        }
        let expanded = join_expanded(root, path, user.home());
        Ok(Self::Dir {
            path: expanded.map_err(|(message, hint)| Error::usage(message).hint(hint))?,
            written: path.into(),
            default: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HubConfig, Error> {
        HubConfig::parse(text, Utf8Path::new("/p"), &UserConfig::default())
    }

    #[test]
    fn a_repository_of_a_registry_can_be_the_hub() {
        for (text, registry, repository) in [
            ("oci://ghcr.io/acme/tools", "ghcr.io", "acme/tools"),
            (
                "oci:registry.example:5000/a_b/c--d.e",
                "registry.example:5000",
                "a_b/c--d.e",
            ),
            ("oci://localhost/tools", "localhost", "tools"),
            ("oci://[::1]:5000/tools", "[::1]:5000", "tools"),
        ] {
            let expected = HubConfig::Oci {
                registry: registry.to_owned(),
                repository: repository.to_owned(),
            };
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_repository_is_explained() {
        for (text, why) in [
            (
                "oci://https://ghcr.io/acme/tools",
                "write `ghcr.io/acme/tools`",
            ),
            ("oci://ghcr.io/acme/tools:v1", "has the tag `v1`"),
            ("oci://ghcr.io/acme/tools@sha256:00", "has a digest"),
            ("oci://acme/tools", "host of a registry"),
            ("oci://ghcr.io", "has no host and repository"),
            ("oci://ghcr.io:x/tools", "no number up to 65535"),
            ("oci://ghcr.io/Acme/tools", "lower-case"),
            ("oci://ghcr.io/acme//tools", "is not the name"),
            ("oci://me:secret@ghcr.io/acme", "`docker login` stores one"),
            (
                "oci:https://me:secret@ghcr.io/acme",
                "`docker login` stores one",
            ),
            ("oci://", "has no host"),
        ] {
            let error = parse(text).unwrap_err();
            let shown = format!("{error} {:?}", error.hints());
            assert!(shown.contains(why), "{text}: {shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
