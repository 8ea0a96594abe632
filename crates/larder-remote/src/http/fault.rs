//! Classifies errors and statuses: why an attempt failed, and whether another may succeed. No other
//! module decides that.

use std::error::Error as StdError;
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

use larder_core::error::{Error, find};

use super::connect::Proxy;

/// A failed attempt.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) error: Error,
    pub(super) retry: Retry,
    /// Whether the server certainly did not process the request.
    pub(super) unprocessed: bool,
}

/// Whether and when another attempt may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Another attempt would fail as well.
    Never,
    /// The host can't be reached. It is not contacted again in this run.
    Unreachable,
    /// After the client's own backoff pause.
    Soon,
    /// After the pause that the server asks for.
    After(Duration),
}

impl Fault {
    pub(super) fn never(error: Error) -> Self {
        Self {
            error,
            retry: Retry::Never,
            unprocessed: true,
        }
    }
    pub(super) fn soon(error: Error) -> Self {
        Self {
            error,
            retry: Retry::Soon,
            unprocessed: false,
        }
    }
    pub(super) fn unreachable(error: Error) -> Self {
        Self {
            error,
            retry: Retry::Unreachable,
            unprocessed: true,
        }
    }
}

/// Classifies an error of the transport; `place` is the requested url, and `proxy` the one that the
/// connection goes through.
pub(super) fn of_transport(
    error: reqwest::Error,
    host: &str,
    place: &str,
    proxy: Option<&Proxy>,
) -> Fault {
    let error = error.without_url();
    if let Some(tls) = find::<rustls::Error>(&error) {
        return Fault::never(tls_refused(tls, place));
    }
    let why = root(&error);
    if let Some(proxy) = proxy
        && (error.is_dns() || error.is_connect())
    {
        return Fault::unreachable(behind_proxy(&error, why, host, proxy));
    }
    if error.is_dns() {
        return Fault::unreachable(
            Error::unavailable(format!("cannot reach {host}: the name does not resolve"))
                .cause(why)
                .hint("check the spelling, the network and the proxy variables"),
        );
    }
    if error.is_connect() {
        let why = if error.is_timeout() {
            "no answer in time".to_owned()
        } else {
            why
        };
        return Fault::unreachable(
            Error::unavailable(format!("cannot reach {host}"))
                .cause(why)
                .hint("check the network and the proxy variables"),
        );
    }
    if error.is_builder() {
        return Fault::never(Error::failed(format!("cannot send a request to {place}")).cause(why));
    }
    Fault::soon(Error::unavailable(format!("the connection to {place} broke")).cause(why))
}

/// The error for a connection through a proxy that could not be made.
fn behind_proxy(error: &reqwest::Error, why: String, host: &str, proxy: &Proxy) -> Error {
    let Proxy { variable, .. } = proxy;
    if why.contains("proxy authorization required") {
        return Error::unavailable(format!(
            "the proxy {proxy} on the way to {host} requires a login (407)"
        ))
        .hint(format!(
            "write `user:password@` before the host in {variable}"
        ));
    }
    // With socks4 and socks5 larder itself resolves the name of the host.
    let is_own_name = chain(error).any(|text| text.contains("resolving for socks proxy"));
    if is_own_name {
        return Error::unavailable(format!("cannot reach {host}: the name does not resolve"))
            .cause(why)
            .hint(format!(
                "to let the proxy {proxy} resolve it, write `socks5h://` in {variable}"
            ));
    }
    let failed = Error::unavailable(format!("cannot reach {host} through the proxy {proxy}"));
    let failed = if error.is_dns() {
        failed
            .cause("the name of the proxy does not resolve")
            .cause(why)
    } else if error.is_timeout() {
        failed.cause("no answer in time")
    } else if find::<std::io::Error>(error).is_some() {
        failed.cause("the proxy does not answer").cause(why)
    } else if why.contains("failed to create underlying connection") {
        // The library drops the reason for SOCKS proxies.
        failed.cause("the proxy does not answer")
    } else {
        // The proxy answered that it can't reach the host, or refuses to.
        failed.cause(format!("the proxy made no connection: {why}"))
    };
    failed.hint(format!(
        "check {variable}; hosts in NO_PROXY are reached without a proxy"
    ))
}

/// The error of every https request on a machine that trusts nobody.
pub(super) fn without_roots(place: &str, why: &str) -> Error {
    Error::refused(format!(
        "{place} can't be trusted: no certificates of authorities could be loaded"
    ))
    .cause(why)
    .hint("install the system's package of them (usually `ca-certificates`), or name a file with them in SSL_CERT_FILE")
}

fn tls_refused(error: &rustls::Error, place: &str) -> Error {
    let refused = Error::refused(format!("{place} can't be trusted: TLS failed")).cause(error);
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            refused.hint("if a company proxy signs for it, name its CA file in SSL_CERT_FILE")
        }
        rustls::Error::InvalidCertificate(
            rustls::CertificateError::Expired
            | rustls::CertificateError::ExpiredContext { .. }
            | rustls::CertificateError::NotValidYet
            | rustls::CertificateError::NotValidYetContext { .. },
        ) => refused
            .hint("check this machine's clock; if it is right, the server's owner must renew the certificate"),
        rustls::Error::InvalidMessage(_) => refused.hint(
            "the server does not speak TLS there: check the port, and whether the url should begin with http",
        ),
        _ => refused.hint("there is no insecure mode; the server's owner must repair this"),
    }
}

/// Whether another attempt may succeed after an answer with this status. Headers and body
/// distinguish a rate limit from a missing permission: a 403 without any sign of a limit is final.
/// `secondary_limit_wait` is the pause after GitHub's secondary limit if the answer states none.
pub(super) fn of_status(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
    secondary_limit_wait: Duration,
) -> Option<Retry> {
    let asked = retry_after(headers, now).map(Retry::After);
    match status {
        403 | 429 => {
            let exhausted = text(headers, "x-ratelimit-remaining") == Some("0");
            let reset = || until_epoch(text(headers, "x-ratelimit-reset")?, now).map(Retry::After);
            let secondary = || {
                let words = String::from_utf8_lossy(body).to_ascii_lowercase();
                (words.contains("secondary rate limit") || words.contains("abuse detection"))
                    .then_some(Retry::After(secondary_limit_wait))
            };
            asked
                .or_else(|| exhausted.then(reset).flatten())
                .or_else(secondary)
                .or_else(|| (status == 429).then_some(Retry::Soon))
        }
        408 | 425 => Some(Retry::Soon),
        // A missing implementation or support does not change within seconds.
        501 | 505 => None,
        500..=599 => Some(asked.unwrap_or(Retry::Soon)),
        _ => None,
    }
}

/// Parses `Retry-After`, which is a number of seconds or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = text(headers, "retry-after")?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    // Compare a date with the server's clock if it is stated, because the local clock may be wrong.
    let until = httpdate::parse_http_date(value).ok()?;
    let theirs = text(headers, "date").and_then(|date| httpdate::parse_http_date(date).ok());
    Some(
        until
            .duration_since(theirs.unwrap_or(now))
            .unwrap_or_default(),
    )
}

fn until_epoch(value: &str, now: SystemTime) -> Option<Duration> {
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(value.trim().parse().ok()?))?;
    // Add one second, because the header is truncated to whole seconds.
    Some(at.duration_since(now).unwrap_or_default() + Duration::from_secs(1))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The last error of a chain of causes, which happened first.
pub(super) fn root(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().unwrap_or_default()
}

/// The texts of an error and its causes.
fn chain<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = String> + 'e {
    std::iter::successors(Some(error), |error| (*error).source()).map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, headers: &[(&'static str, &str)], body: &str) -> Option<Retry> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        of_status(
            status,
            &map,
            body.as_bytes(),
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
            Duration::from_mins(1),
        )
    }

    fn after(seconds: u64) -> Retry {
        Retry::After(Duration::from_secs(seconds))
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [
            200, 301, 400, 401, 403, 404, 407, 409, 410, 416, 422, 451, 501, 505,
        ] {
            assert_eq!(judge(status, &[], ""), None, "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(judge(status, &[], ""), Some(Retry::Soon), "{status}");
        }
    }

    #[test]
    fn the_server_names_the_pause() {
        assert_eq!(judge(503, &[("retry-after", "7")], ""), Some(after(7)));
        assert_eq!(judge(429, &[("retry-after", "7")], ""), Some(after(7)));
        assert_eq!(judge(403, &[("retry-after", "7")], ""), Some(after(7)));
        // A date: relative to the server's clock, relative to ours, and in the past.
        let date = [
            ("date", "Fri, 21 Aug 2026 10:00:00 GMT"),
            ("retry-after", "Fri, 21 Aug 2026 10:00:20 GMT"),
        ];
        assert_eq!(judge(503, &date, ""), Some(after(20)));
        assert_eq!(
            judge(503, &[("retry-after", "Mon, 12 Jan 1970 13:47:00 GMT")], ""),
            Some(after(20))
        );
        assert_eq!(
            judge(503, &[("retry-after", "Mon, 12 Jan 1970 13:46:00 GMT")], ""),
            Some(after(0))
        );
        assert_eq!(
            judge(503, &[("retry-after", "soon")], ""),
            Some(Retry::Soon)
        );
    }

    #[test]
    fn rate_limits_differ_from_missing_permissions() {
        let exhausted = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1000030"),
        ];
        assert_eq!(judge(403, &exhausted, ""), Some(after(31)));
        assert_eq!(judge(429, &exhausted, ""), Some(after(31)));
        assert_eq!(
            judge(
                403,
                &[
                    ("x-ratelimit-remaining", "12"),
                    ("x-ratelimit-reset", "1000030")
                ],
                ""
            ),
            None
        );
        assert_eq!(
            judge(403, &[], "You have exceeded a secondary rate limit."),
            Some(after(60))
        );
        assert_eq!(
            judge(403, &[], "Resource not accessible by integration"),
            None
        );
    }
}
