//! The minimum speed of a body: at least 1 KiB/s on average over a window of time. Only the time
//! spent waiting for the network counts, not the time that the reader needs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::Instant;

use super::transport::Transport;

/// The minimum speed in bytes per second.
const SLOWEST: u64 = 1024;

/// The window in which the speed is measured. It starts anew when enough bytes have arrived.
#[derive(Default)]
pub(super) struct Window {
    waited: Duration,
    bytes: u64,
}

/// What arrived.
pub(super) enum Arrival {
    /// A chunk, or the end of the body.
    Chunk {
        chunk: Option<Bytes>,
        /// Whether enough bytes have arrived since the window started.
        enough: bool,
    },
    Broken(reqwest::Error),
    /// Too little arrived in the window, or nothing at all.
    Slow {
        nothing: bool,
    },
}

impl Window {
    /// Waits for the next chunk, as long as the window lasts.
    pub(super) async fn next(&mut self, transport: &Transport, response: &mut Response) -> Arrival {
        let length = transport.settings.slow_window;
        let asked = Instant::now();
        let left = length.saturating_sub(self.waited);
        let chunk = tokio::time::timeout(left, response.chunk()).await;
        self.waited += asked.elapsed();
        match chunk {
            Ok(Ok(chunk)) => {
                let size = chunk.as_ref().map_or(0, Bytes::len) as u64;
                transport
                    .counters
                    .received
                    .fetch_add(size, Ordering::Relaxed);
                self.bytes += size;
                let enough =
                    u128::from(self.bytes) * 1000 >= u128::from(SLOWEST) * length.as_millis();
                if enough {
                    *self = Self::default();
                }
                Arrival::Chunk { chunk, enough }
            }
            Ok(Err(error)) => Arrival::Broken(error),
            Err(_) => Arrival::Slow {
                nothing: self.bytes == 0,
            },
        }
    }
}
