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
        s3,
        region,
        endpoint,
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
                    "one of {github: owner/name}, {dir: PATH}, {http: URL}, {s3: s3://bucket/prefix}",
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
    let At { value, span } = http?;
    if let Some((message, hint)) = url_fault(&value, Some(user)) {
        reader.problem(&span, message, hint);
        return None;
    }
    Some(HubConfig::Http {
        url: value.trim_end_matches('/').to_owned(),
    })
}

/// The keys beside `s3`.
struct S3Keys {
    region: Option<At<String>>,
    endpoint: Option<At<String>>,
}

impl S3Keys {
    /// The region and the endpoint; `None` if one of them is wrong, which is reported.
    fn check(
        self,
        user: &UserConfig,
        reader: &mut Reader<'_>,
    ) -> Option<(Option<String>, Option<String>)> {
        let mut is_right = true;
        if let Some(At { value, span }) = &self.region {
            let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if value.is_empty() || value.len() > 40 || !value.chars().all(is_part) {
                let message = format!("`{value}` can't be a region");
                reader.problem(span, message, "a name such as `eu-central-1`, or `auto`");
                is_right = false;
            }
        }
        if let Some(At { value, span }) = &self.endpoint
            && let Some((message, hint)) = url_fault(value, Some(user))
        {
            reader.problem(span, message, hint);
            is_right = false;
        }
        let endpoint = self
            .endpoint
            .map(|at| at.value.trim_end_matches('/').to_owned());
        is_right.then(|| (self.region.map(|at| at.value), endpoint))
    }
}

/// The bucket and the prefix of `s3://bucket/prefix`, or what is wrong with it and a hint.
fn bucket_and_prefix(text: &str) -> Result<(String, String), (String, String)> {
    let Some(rest) = text.strip_prefix("s3://") else {
        let bare = text
            .rsplit("://")
            .next()
            .unwrap_or_default()
            .trim_start_matches('/');
        let hint = if text.contains("://") || bare.is_empty() {
            "a bucket is written as `s3://bucket/prefix`".to_owned()
        } else {
            format!("did you mean `s3://{bare}`?")
        };
        return Err((format!("`{text}` is not a bucket"), hint));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let is_name = (3..=63).contains(&bucket.len())
        && bucket.chars().all(is_part)
        && !bucket.starts_with(['-', '.'])
        && !bucket.ends_with(['-', '.'])
        && !bucket.contains("..");
    if !is_name {
        let lower = bucket.to_ascii_lowercase();
        let hint = if lower != bucket && lower.chars().all(is_part) {
            format!("buckets have no upper-case letters; did you mean `{lower}`?")
        } else {
            "3 to 63 lower-case letters, digits, `-` and `.`, as in `s3://acme-tools/larder`"
                .to_owned()
        };
        return Err((format!("`{bucket}` can't be the name of a bucket"), hint));
    }
    let prefix = prefix.trim_end_matches('/');
    let is_good = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.+=@".contains(c))
    };
    if !prefix.is_empty() && !prefix.split('/').all(is_good) {
        return Err((
            format!("`{prefix}` can't be the prefix of a hub"),
            "names of letters, digits and `-_.+=@`, with one `/` between them".to_owned(),
        ));
    }
    Ok((bucket.to_owned(), prefix.to_owned()))
}

impl HubConfig {
    /// Parses a hub as `--hub` and `LARDER_HUB` name it: `github:owner/name`, an http(s) url,
    /// `s3://bucket/prefix`, or a folder relative to `root`.
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
            return Err(Error::usage(format!("`{text}` is not a hub"))
                .hint("a hub is github:owner/name, an https url, s3://bucket/prefix or a folder"));
        }
        let expanded = join_expanded(root, path, user.home());
        Ok(Self::Dir {
            path: expanded.map_err(|(message, hint)| Error::usage(message).hint(hint))?,
            written: path.into(),
            default: false,
        })
    }
}
