//! Reads the body of an answer into memory.

use reqwest::header::HeaderMap;
use tokio::time::Instant;

use larder_core::archive;
use larder_core::error::{Error, Result};

use super::fault::{self, Fault};
use super::request::{Answer, Expect, Head};
use super::secret::shown;
use super::speed::{Arrival, Window};
use super::transport::{Hop, Transport, authority};

/// The size in bytes up to which an error page is read.
const MAX_ERROR_BODY: u64 = 256 * 1024;

/// An error answer, with the part of its body that arrives in time: reading ends when the body is
/// slower than any other may be.
pub(super) async fn error_answer(transport: &Transport, mut hop: Hop) -> Answer {
    let headers = std::mem::take(hop.response.headers_mut());
    let (mut body, mut window) = (Vec::new(), Window::default());
    while let Arrival::Chunk {
        chunk: Some(chunk), ..
    } = window.next(transport, &mut hop.response).await
    {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > MAX_ERROR_BODY {
            break;
        }
    }
    answer(hop, headers, body)
}

/// A small answer with its complete body, or a fault that says whether another attempt may succeed.
/// `progress` is when a body last had the minimum speed, in this attempt or an earlier one.
pub(super) async fn whole_answer(
    transport: &Transport,
    mut hop: Hop,
    limit: u64,
    progress: &mut Instant,
) -> Result<Answer, Fault> {
    let place = shown(&hop.url);
    let headers = std::mem::take(hop.response.headers_mut());
    let (mut body, mut window) = (Vec::new(), Window::default());
    loop {
        let left = transport.settings.stall.saturating_sub(progress.elapsed());
        let next = window.next(transport, &mut hop.response);
        let Ok(arrival) = tokio::time::timeout(left, next).await else {
            return Err(Fault::never(no_progress(transport, &place)));
        };
        let chunk = match arrival {
            Arrival::Chunk { chunk, enough } => {
                if enough {
                    *progress = Instant::now();
                }
                chunk
            }
            Arrival::Broken(error) => {
                let host = authority(&hop.url);
                return Err(fault::of_transport(error, &host, &place, None));
            }
            Arrival::Slow { nothing: true } => {
                return Err(Fault::soon(Error::unavailable(format!(
                    "{place} stopped in the middle of its answer"
                ))));
            }
            Arrival::Slow { nothing: false } => {
                return Err(Fault::soon(Error::unavailable(format!(
                    "{place} answers slower than 1 KiB/s"
                ))));
            }
        };
        let Some(chunk) = chunk else { break };
        body.extend_from_slice(&chunk);
        if body.len() as u64 > limit {
            let error = Error::unavailable(format!("{place} answers with more than {limit} bytes"));
            return Err(Fault::never(error.hint(
                "check the url: the answer is larger than what is expected there",
            )));
        }
    }
    Ok(answer(hop, headers, body))
}

fn answer(hop: Hop, headers: HeaderMap, body: Vec<u8>) -> Answer {
    Answer {
        status: hop.response.status().as_u16(),
        headers,
        body,
        url: shown(&hop.url),
        authorized: hop.authorized,
        limited: false,
        proxy: hop.proxy,
        base: hop.url,
    }
}

/// The error for a small answer that is given up.
fn no_progress(transport: &Transport, place: &str) -> Error {
    let stall = transport.settings.stall.as_secs_f32();
    Error::unavailable(format!(
        "the answer of {place} made no progress for {stall} s"
    ))
}

/// Returns an error for an HTML page (such as a login or a captive portal) if an asset is expected.
/// Servers also send assets as `text/html`, so a page must both be called one and start like one.
pub(super) fn check_asset(
    head: &Head,
    headers: &HeaderMap,
    start: &[u8],
    place: &str,
) -> Result<()> {
    if head.expect == Expect::Asset && is_html(headers) && archive::is_page(start) {
        return Err(page(place));
    }
    Ok(())
}

/// Whether an answer is called an HTML page.
pub(super) fn is_html(headers: &HeaderMap) -> bool {
    let kind = headers
        .get("content-type")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    kind.starts_with("text/html") || kind.starts_with("application/xhtml")
}

/// The error for an HTML page in the place of an asset.
pub fn page(place: &str) -> Error {
    Error::unavailable(format!("{place} returned an HTML page instead of an asset"))
        .hint("it may be a login page or a captive portal; open the url in a browser")
}
