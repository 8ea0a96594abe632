//! Conditional requests (RFC 9110, section 13), in the order that the RFC gives.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use larder_core::model::Digest;

use crate::index::Entry;

/// What the answers say of a file.
#[derive(Clone, Debug)]
pub struct Represented {
    /// The digest of the bytes.
    pub digest: Digest,
    /// How many bytes there are.
    pub size: u64,
    /// The time of the last change, in whole seconds.
    pub modified: SystemTime,
    /// The entity tag, with its quotation marks.
    pub etag: String,
}

impl Represented {
    /// What the answers say of an entry.
    pub fn of(entry: &Entry) -> Self {
        Self::new(
            entry.digest,
            entry.stamp.size,
            entry.stamp.modified_seconds(),
        )
    }

    /// The same of parts.
    pub fn new(digest: Digest, size: u64, modified: i64) -> Self {
        // Dates before 1970 have no place in a header that every client reads.
        let modified = UNIX_EPOCH + Duration::from_secs(u64::try_from(modified).unwrap_or(0));
        Self {
            digest,
            size,
            modified: modified.min(UNIX_EPOCH + Duration::from_secs(253_402_300_799)),
            etag: format!("\"{digest}\""),
        }
    }
}

/// Evaluates the preconditions of a request. `None` if it is to be carried out; otherwise the
/// status, 304 or 412. `file` is `None` if there is nothing yet.
pub fn precondition(
    method: &Method,
    headers: &HeaderMap,
    file: Option<&Represented>,
) -> Option<StatusCode> {
    let failed = Some(StatusCode::PRECONDITION_FAILED);
    if headers.contains_key(IF_MATCH) {
        if !file.is_some_and(|file| any_tag(headers, &IF_MATCH, |tag| tag == file.etag)) {
            return failed;
        }
    } else if let Some((date, file)) = date(headers, &IF_UNMODIFIED_SINCE).zip(file)
        && file.modified > date
    {
        return failed;
    }
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    if headers.contains_key(IF_NONE_MATCH) {
        let weak =
            |tag: &str, file: &Represented| tag.strip_prefix("W/").unwrap_or(tag) == file.etag;
        if file.is_some_and(|file| any_tag(headers, &IF_NONE_MATCH, |tag| weak(tag, file))) {
            return if is_read {
                Some(StatusCode::NOT_MODIFIED)
            } else {
                failed
            };
        }
    } else if is_read
        && let Some((date, file)) = date(headers, &IF_MODIFIED_SINCE).zip(file)
        && file.modified <= date
    {
        return Some(StatusCode::NOT_MODIFIED);
    }
    None
}

/// The same for GET and HEAD of a document that only has an entity tag.
pub fn document_precondition(headers: &HeaderMap, etag: &HeaderValue) -> Option<StatusCode> {
    let etag = etag.to_str().unwrap_or_default();
    if headers.contains_key(IF_MATCH) && !any_tag(headers, &IF_MATCH, |tag| tag == etag) {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    let weak = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag) == etag;
    any_tag(headers, &IF_NONE_MATCH, weak).then_some(StatusCode::NOT_MODIFIED)
}

/// Whether `If-Range` lets a `Range` apply: there is none, or it names what the file is now. A date
/// only counts if it is exactly that of the file, and if the file can't have changed in the same
/// second since.
pub fn range_applies(headers: &HeaderMap, file: &Represented, now: SystemTime) -> bool {
    let mut values = headers.get_all(IF_RANGE).iter();
    let Some(value) = values.next() else {
        return true;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    if values.next().is_some() {
        return false;
    }
    let value = value.trim();
    if value.starts_with('"') || value.starts_with("W/") {
        return value == file.etag;
    }
    httpdate::parse_http_date(value)
        .is_ok_and(|date| date == file.modified && now >= file.modified + Duration::from_secs(1))
}

/// Whether a list of entity tags is `*` or has one that fits.
fn any_tag(headers: &HeaderMap, name: &HeaderName, fits: impl Fn(&str) -> bool) -> bool {
    headers.get_all(name).iter().any(|value| {
        let Ok(text) = value.to_str() else {
            return false;
        };
        text.trim() == "*" || tags(text).any(&fits)
    })
}

/// The entity tags in a list. A comma can be in a tag.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let opening = if rest.starts_with("W/\"") { 3 } else { 1 };
        if !rest.starts_with('"') && opening == 1 {
            return None;
        }
        let end = opening + rest.get(opening..)?.find('"')? + 1;
        let (tag, after) = rest.split_at(end);
        rest = after;
        Some(tag)
    })
}

/// A date; `None` if there is none, more than one, or if it is invalid.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    httpdate::parse_http_date(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tags_are_read() {
        for (text, expected) in [
            (r#""a""#, &[r#""a""#][..]),
            (r#""a", W/"b","c,d""#, &[r#""a""#, r#"W/"b""#, r#""c,d""#]),
            (r#", ,"a""#, &[r#""a""#]),
            ("a", &[]),
            (r#""a"#, &[]),
            ("", &[]),
            ("W/", &[]),
        ] {
            assert_eq!(tags(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
