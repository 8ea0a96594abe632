//! Reads from the headers of an answer whether a transfer can be resumed.

use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, LAST_MODIFIED};

/// The position from which a transfer is resumed, and the validator that the file must still have.
#[derive(Clone, Debug)]
pub(super) struct Resume {
    pub(super) offset: u64,
    pub(super) validator: String,
}

/// The size that an answer states.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The validator to send in `If-Range`. Only a strong validator guarantees the same bytes.
pub(super) fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(tag) = text(ETAG) {
        return (tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2)
            .then(|| tag.to_owned());
    }
    // RFC 9110 8.8.2.2: a date is a strong validator if the answer is so much later that a second
    // change can't have the same date.
    let modified = text(LAST_MODIFIED)?;
    let (then, now) = (
        httpdate::parse_http_date(modified).ok()?,
        httpdate::parse_http_date(text(DATE)?).ok()?,
    );
    (now.duration_since(then).ok()? >= Duration::from_mins(1)).then(|| modified.to_owned())
}

/// Start and total of `Content-Range: bytes 5-9/10`.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let value = headers
        .get(CONTENT_RANGE)?
        .to_str()
        .ok()?
        .strip_prefix("bytes ")?;
    let (range, total) = value.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end): (u64, u64) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
    let total = total.trim().parse().ok();
    let to_the_end = total.is_none_or(|total: u64| end.checked_add(1) == Some(total));
    (start <= end && to_the_end).then_some((start, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_strong_validators_resume() {
        let tag = |value: &str| validator(&headers(&[("etag", value)]));
        assert_eq!(tag("\"abc\"").as_deref(), Some("\"abc\""));
        for weak in ["W/\"abc\"", "abc", "\"\"", "\"abc"] {
            assert_eq!(tag(weak), None, "{weak}");
        }
        let dated = |date: &str| {
            validator(&headers(&[
                ("last-modified", "Fri, 21 Aug 2026 10:00:00 GMT"),
                ("date", date),
            ]))
        };
        assert!(dated("Fri, 21 Aug 2026 10:01:00 GMT").is_some());
        assert_eq!(dated("Fri, 21 Aug 2026 10:00:59 GMT"), None);
        assert_eq!(
            validator(&headers(&[(
                "last-modified",
                "Fri, 21 Aug 2026 10:00:00 GMT"
            )])),
            None
        );
        // An old date does not make a weak tag strong.
        assert_eq!(
            validator(&headers(&[
                ("etag", "W/\"a\""),
                ("last-modified", "Fri, 21 Aug 2026 10:00:00 GMT"),
                ("date", "Fri, 21 Aug 2026 11:00:00 GMT")
            ])),
            None
        );
    }

    #[test]
    fn content_ranges_are_read() {
        let range = |value: &str| content_range(&headers(&[("content-range", value)]));
        assert_eq!(range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(range("bytes 5-9/*"), Some((5, None)));
        for bad in [
            "bytes */10",
            "5-9/10",
            "bytes 9-5/10",
            "bytes 5-8/10",
            "bytes x-9/10",
            "bytes 5-18446744073709551615/10",
        ] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }
}
