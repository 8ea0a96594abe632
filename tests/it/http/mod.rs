//! The HTTP client against misbehaving servers: the result of each fault, and the number of
//! requests.

mod answers;
mod limits;
mod proxies;
mod redirects;
mod requests;
mod resume;
mod tls;
mod transfer;

use std::io::Read;
use std::time::Duration;

use larder_core::Error;
use larder_core::cancel::Cancel;
use larder_remote::http::{Client, Request, Settings, read_error};

pub fn quick() -> Settings {
    Settings {
        connect: Duration::from_secs(2),
        idle: Duration::from_millis(400),
        total: Duration::from_secs(20),
        slow_window: Duration::from_millis(400),
        stall: Duration::from_secs(2),
        retries: 3,
        backoff: Duration::from_millis(5),
        rate_limit_wait: Duration::from_secs(2),
        ..Settings::default()
    }
}

pub fn client() -> Client {
    Client::new(quick(), Cancel::new())
}

/// Downloads the whole body with a streaming transfer.
pub fn fetch(client: &Client, url: &str) -> Result<Option<Vec<u8>>, Error> {
    let Some(mut body) = client.get(Request::get(url)?)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes)
        .map_err(|e| read_error(&e, "read"))?;
    Ok(Some(bytes))
}

/// Bytes without a repeating pattern, which could hide a wrong offset.
pub fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(next).collect()
}
