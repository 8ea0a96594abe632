//! The hub in a bucket of an object store: `s3://bucket/prefix` and the keys beside it.

use crate::project::syntax::decode::{At, Reader};
use crate::project::user::{UserConfig, url_fault};

/// The keys beside `s3`.
pub(super) struct S3Keys {
    pub(super) region: Option<At<String>>,
    pub(super) endpoint: Option<At<String>>,
}

impl S3Keys {
    /// The region and the endpoint; `None` if one of them is wrong, which is reported.
    pub(super) fn check(
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
pub(super) fn bucket_and_prefix(text: &str) -> Result<(String, String), (String, String)> {
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
