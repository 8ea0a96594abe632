//! `hub:`, and the hubs that `--hub` and `LARDER_HUB` name.

mod bucket;
mod registry;

use std::ops::Range;

use camino::Utf8Path;

use crate::error::Error;
use crate::project::domain::HubConfig;
use crate::project::paths::join_expanded;
use crate::project::syntax::decode::{At, NonEmpty, Reader, Word};
use crate::project::typed::versions::{RawHub, RawHubs};
use crate::project::typed::words::Repo;
use crate::project::user::{UserConfig, url_fault};

use bucket::{S3Keys, bucket_and_prefix};
use registry::oci_hub;

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
        s3,
        region,
        endpoint,
        oci,
        spans,
    } = raw;
    let kinds: Vec<_> = spans
        .iter()
        .filter(|(key, _)| !["region", "endpoint"].contains(key))
        .collect();
    match (kinds.len(), kinds.get(1)) {
        (0, _) => {
            if let Some(key) = key {
                reader.problem(
                    key,
                    "`hub` does not say where it is",
                    "one of {github: owner/name}, {dir: PATH}, {http: URL}, {s3: s3://bucket/prefix}, \
                     {oci: registry/repository}",
                );
            }
            return None;
        }
        (_, Some((second, span))) => {
            let first = kinds[0].0;
            reader.problem(
                span,
                format!("`hub` names both `{first}` and `{second}`"),
                "a project has one hub; keep one of them",
            );
            return None;
        }
        _ => {}
    }
    if s3.is_none()
        && let Some((key, span)) = spans
            .iter()
            .find(|(key, _)| ["region", "endpoint"].contains(key))
    {
        let message = format!("`{key}` is for `s3`");
        reader.problem(
            span,
            message,
            "remove it, or name a bucket: `s3: s3://bucket/prefix`",
        );
        return None;
    }
    if let Some(At { value, span }) = s3 {
        let parsed = bucket_and_prefix(&value);
        if let Err((message, hint)) = &parsed {
            reader.problem(&span, message, hint);
        }
        let named = S3Keys { region, endpoint }.check(user, reader)?;
        let (bucket, prefix) = parsed.ok()?;
        let (region, endpoint) = named;
        return Some(HubConfig::S3 {
            bucket,
            prefix,
            region,
            endpoint,
        });
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

/// `hubs`: the hub that is written, and those that are read, in order.
pub(super) fn several(
    raw: RawHubs,
    key: &Range<usize>,
    root: &Utf8Path,
    user: &UserConfig,
    reader: &mut Reader<'_>,
) -> Option<(HubConfig, Vec<HubConfig>)> {
    let RawHubs { read, write, spans } = raw;
    let NonEmpty(listed) = read?;
    let write = write?;
    let mut read = Vec::new();
    let mut is_valid = true;
    for raw in listed {
        let span = raw.spans.first().map_or(key, |(_, span)| span).clone();
        match hub_config(raw, Some(&span), root, user, reader) {
            Some(hub) if read.contains(&hub) => {
                reader.problem(
                    &span,
                    "this hub is in the list twice",
                    "keep the first of the two: the hubs are read in order",
                );
                is_valid = false;
            }
            Some(hub) => read.push(hub),
            None => is_valid = false,
        }
    }
    let at_write = spans.iter().find(|(key, _)| *key == "write");
    let at_write = at_write.map_or(key, |(_, span)| span);
    let write = hub_config(write, Some(at_write), root, user, reader)?;
    if let HubConfig::Http { .. } = write {
        reader.problem(
            at_write,
            "a hub that a static web server serves is read-only",
            "name the hub that is written, such as {github: owner/name} or {dir: PATH}",
        );
        return None;
    }
    if !read.contains(&write) {
        read.push(write.clone());
    }
    is_valid.then_some((write, read))
}

impl HubConfig {
    /// Parses a hub as `--hub` and `LARDER_HUB` name it: `github:owner/name`,
    /// `s3://bucket/prefix`, `oci://registry/repository`, an http(s) url, or a folder relative to
    /// `root`.
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
        if text.starts_with("s3://") {
            let parsed = bucket_and_prefix(text);
            let (bucket, prefix) = parsed.map_err(|(text, hint)| Error::usage(text).hint(hint))?;
            let (region, endpoint) = (None, None);
            return Ok(Self::S3 {
                bucket,
                prefix,
                region,
                endpoint,
            });
        }
        let path = text.strip_prefix("dir:").unwrap_or(text);
        if path.is_empty() || path.contains('\0') || path.contains("://") {
            return Err(Error::usage(format!("`{text}` is not a hub")).hint(
                "a hub is github:owner/name, s3://bucket/prefix, oci://registry/repository, an https \
                 url or a folder",
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
