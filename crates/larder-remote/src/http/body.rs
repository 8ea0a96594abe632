//! Reads the body of an answer into memory.

use std::sync::atomic::Ordering;

use reqwest::header::HeaderMap;

use larder_core::error::{Error, Result};

use super::fault::{self, Fault};
use super::request::{Answer, Expect, Head};
use super::secret::shown;
use super::transport::{Hop, Transport, authority};

/// The size in bytes up to which an error page is read.
const MAX_ERROR_BODY: u64 = 256 * 1024;

/// An error answer, with the part of its body that arrives in time.
pub(super) async fn error_answer(transport: &Transport, mut hop: Hop) -> Answer {
    let status = hop.response.status().as_u16();
    let headers = std::mem::take(hop.response.headers_mut());
    let mut body = Vec::new();
    while let Ok(Ok(Some(chunk))) =
        tokio::time::timeout(transport.settings.idle, hop.response.chunk()).await
    {
        transport
            .counters
            .received
            .fetch_add(chunk.len() as u64, Ordering::Relaxed);
        body.extend_from_slice(&chunk);
        if body.len() as u64 > MAX_ERROR_BODY {
            break;
        }
    }
    Answer {
        status,
        headers,
        body,
        url: shown(&hop.url),
        authorized: hop.authorized,
        limited: false,
        base: hop.url,
    }
}

/// A small answer with its complete body, or a fault that says whether another attempt may succeed.
pub(super) async fn whole_answer(
    transport: &Transport,
    mut hop: Hop,
    limit: u64,
) -> Result<Answer, Fault> {
    let (status, place) = (hop.response.status().as_u16(), shown(&hop.url));
    let headers = std::mem::take(hop.response.headers_mut());
    let mut body = Vec::new();
    loop {
        let chunk = match tokio::time::timeout(transport.settings.idle, hop.response.chunk()).await
        {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => break,
            Ok(Err(error)) => {
                return Err(fault::of_transport(error, &authority(&hop.url), &place));
            }
            Err(_) => {
                return Err(Fault::soon(Error::unavailable(format!(
                    "{place} stopped in the middle of its answer"
                ))));
            }
        };
        transport
            .counters
            .received
            .fetch_add(chunk.len() as u64, Ordering::Relaxed);
        body.extend_from_slice(&chunk);
        if body.len() as u64 > limit {
            let error = Error::unavailable(format!("{place} answers with more than {limit} bytes"));
            return Err(Fault::never(error.hint(
                "check the url: the answer is larger than what is expected there",
            )));
        }
    }
    Ok(Answer {
        status,
        headers,
        body,
        url: place,
        authorized: hop.authorized,
        limited: false,
        base: hop.url,
    })
}

/// Returns an error for an HTML page (such as a login or a captive portal) if an asset is expected.
pub(super) fn check_asset(head: &Head, headers: &HeaderMap, place: &str) -> Result<()> {
    let kind = headers
        .get("content-type")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let html = kind.starts_with("text/html") || kind.starts_with("application/xhtml");
    if head.expect == Expect::Asset && html {
        return Err(Error::unavailable(format!(
            "{place} returned an HTML page instead of an asset"
        ))
        .hint("it may be a login page or a captive portal; open the url in a browser"));
    }
    Ok(())
}
