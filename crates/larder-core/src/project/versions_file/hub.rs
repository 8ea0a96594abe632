//! `hub:`, and the hubs that `--hub` and `LARDER_HUB` name.

use std::ops::Range;

use camino::Utf8Path;

use crate::error::Error;
use crate::project::domain::HubConfig;
use crate::project::paths::join_expanded;
use crate::project::syntax::decode::{At, NonEmpty, Reader, Word};
use crate::project::typed::versions::{RawHub, RawHubs};
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
        spans,
    } = raw;
    match (spans.len(), spans.get(1)) {
        (0, _) => {
            if let Some(key) = key {
                reader.problem(
                    key,
                    "`hub` does not say where it is",
                    "one of {github: owner/name}, {dir: PATH}, {http: URL}",
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
    /// Parses a hub as `--hub` and `LARDER_HUB` name it: `github:owner/name`, an http(s) url, or a
    /// folder relative to `root`.
    pub fn parse(text: &str, root: &Utf8Path, user: &UserConfig) -> Result<Self, Error> {
        if let Some(repo) = text.strip_prefix("github:") {
            return Ok(Repo::word(repo).map(|Repo(repo)| Self::GitHub { repo })?);
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
            return Err(Error::usage(format!("`{text}` is not a hub"))
                .hint("a hub is github:owner/name, an https url or a folder"));
        }
        let expanded = join_expanded(root, path, user.home());
        Ok(Self::Dir {
            path: expanded.map_err(|(message, hint)| Error::usage(message).hint(hint))?,
            written: path.into(),
            default: false,
        })
    }
}
