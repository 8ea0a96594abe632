//! Limits for each token, or else for each address: requests per second, and bytes per second.
//!
//! Both are kept as the time at which the client has used up its share (the generic cell rate
//! algorithm). A client whose times are past is like one that never came, so it can be forgotten:
//! that bounds the memory.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most clients that are remembered.
const MOST_CLIENTS: usize = 65_536;
/// The part of a second in which one piece of a download is sent.
const PIECES_PER_SECOND: u64 = 10;
/// The least size of a piece.
const LEAST_PIECE: u64 = 1024;
const SECOND: u64 = 1_000_000_000;

/// Whose share is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A token's.
    Token(Arc<str>),
    /// An address's; of IPv6 the network, because a client has all addresses of its /64.
    V4(u32),
    /// The first 64 bits of an address.
    V6(u64),
}

impl Key {
    /// The key of an address.
    pub fn of_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => {
                let bits = address.to_bits() >> 64;
                Self::V6(u64::try_from(bits).unwrap_or(u64::MAX))
            }
        }
    }

    /// What is limited.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::V4(_) | Self::V6(_) => "address",
        }
    }
}

/// The share of one client.
#[derive(Debug, Default)]
struct Share {
    /// When its requests are used up, in nanoseconds since the start.
    requests: u64,
    /// The same for its bytes. All of its downloads share it.
    bytes: Arc<Mutex<u64>>,
}

impl Share {
    fn is_unused(&self, now: u64) -> bool {
        self.requests <= now && Arc::strong_count(&self.bytes) == 1 && *lock(&self.bytes) <= now
    }
}

/// The limits.
pub struct Limits {
    start: Instant,
    /// Nanoseconds per request, and the nanoseconds that may be used up in advance.
    rate: Option<(u64, u64)>,
    /// Bytes per second.
    bandwidth: Option<u64>,
    most_clients: usize,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    shares: HashMap<Key, Share>,
    /// When unused shares were last removed.
    swept: u64,
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("rate", &self.rate)
            .field("bandwidth", &self.bandwidth)
            .finish_non_exhaustive()
    }
}

impl Limits {
    /// Limits of requests and bytes per second.
    pub fn new(rate: Option<f64>, bandwidth: Option<u64>) -> Self {
        let rate = rate.map(|rate| {
            let per_request = nanoseconds(1.0 / rate);
            // One second's worth at once, but at least one request.
            let burst = rate.floor().max(1.0);
            (per_request, nanoseconds((burst - 1.0) / rate))
        });
        Self {
            start: Instant::now(),
            rate,
            bandwidth: bandwidth.map(|bytes| bytes.max(1)),
            most_clients: MOST_CLIENTS,
            clients: Mutex::default(),
        }
    }

    /// Whether there is no limit at all.
    pub fn is_none(&self) -> bool {
        self.rate.is_none() && self.bandwidth.is_none()
    }

    /// Takes one request, or says how long to wait for one.
    pub fn take(&self, key: &Key, now: Instant) -> Result<(), Duration> {
        let Some((per_request, in_advance)) = self.rate else {
            return Ok(());
        };
        let now = self.since_start(now);
        self.with_share(key, now, |share| {
            let used_up = share.requests.max(now);
            let wait = (used_up - now).saturating_sub(in_advance);
            if wait > 0 {
                return Err(Duration::from_nanos(wait));
            }
            share.requests = used_up.saturating_add(per_request);
            Ok(())
        })
    }

    /// How fast files are sent to a client; `None` without a limit.
    pub fn pace(&self, key: &Key) -> Option<Pace> {
        let rate = self.bandwidth?;
        let now = self.since_start(Instant::now());
        let used_up = self.with_share(key, now, |share| share.bytes.clone());
        Some(Pace {
            start: self.start,
            rate,
            used_up,
        })
    }

    fn since_start(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.start))
    }

    fn with_share<T>(&self, key: &Key, now: u64, work: impl FnOnce(&mut Share) -> T) -> T {
        let mut clients = lock(&self.clients);
        if clients.shares.len() >= self.most_clients && !clients.shares.contains_key(key) {
            // Looking at all of them is worth it once per second.
            if now.saturating_sub(clients.swept) >= SECOND || clients.swept == 0 {
                clients.swept = now.max(1);
                clients.shares.retain(|_, share| !share.is_unused(now));
            }
            if clients.shares.len() >= self.most_clients
                && let Some(any) = clients.shares.keys().next().cloned()
            {
                clients.shares.remove(&any);
            }
        }
        work(clients.shares.entry(key.clone()).or_default())
    }
}

/// How fast files are sent to a client. All downloads of the client share it.
#[derive(Clone, Debug)]
pub struct Pace {
    start: Instant,
    rate: u64,
    used_up: Arc<Mutex<u64>>,
}

impl Pace {
    /// The size of the next piece of a download.
    pub fn piece(&self, most: u64) -> u64 {
        (self.rate / PIECES_PER_SECOND).clamp(LEAST_PIECE.min(most), most)
    }

    /// Takes bytes, and says when they may be sent.
    pub fn take(&self, bytes: u64, now: Instant) -> Instant {
        let now = nanos(now.saturating_duration_since(self.start));
        let mut used_up = lock(&self.used_up);
        let from = (*used_up).max(now);
        let takes = u128::from(bytes) * u128::from(SECOND) / u128::from(self.rate);
        *used_up = from.saturating_add(u64::try_from(takes).unwrap_or(u64::MAX));
        self.start + Duration::from_nanos(from)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn nanoseconds(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds).map_or(u64::MAX, nanos)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::of_address(text.parse().unwrap())
    }

    #[test]
    fn one_second_s_worth_may_come_at_once() {
        for (rate, burst, next) in [
            (1.0, 1, 1000),
            (5.0, 5, 200),
            (2.5, 2, 400),
            (0.5, 1, 2000),
            (100.0, 100, 10),
        ] {
            let limits = Limits::new(Some(rate), None);
            let now = Instant::now();
            let client = key("192.0.2.1");
            for _ in 0..burst {
                assert_eq!(limits.take(&client, now), Ok(()), "{rate}");
            }
            let next = Duration::from_millis(next);
            let wait = limits.take(&client, now).unwrap_err();
            assert!(wait.abs_diff(next) < Duration::from_micros(1), "{wait:?}");
            assert_eq!(limits.take(&key("192.0.2.2"), now), Ok(()));
            let tick = Duration::from_micros(1);
            assert!(
                limits
                    .take(&client, now + next.saturating_sub(tick))
                    .is_err()
            );
            assert_eq!(limits.take(&client, now + next + tick), Ok(()));
            assert!(limits.take(&client, now + next + tick).is_err());
            // After a long pause it is one second's worth again, not more.
            let later = now + Duration::from_mins(10);
            let admitted = (0..burst * 2)
                .filter(|_| limits.take(&client, later).is_ok())
                .count();
            assert_eq!(admitted, burst, "{rate}");
        }
    }

    #[test]
    fn addresses_of_a_network_share_a_limit() {
        assert_eq!(key("2001:db8::1"), key("2001:db8::2:3:4:5"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut limits = Limits::new(Some(1.0), Some(1000));
        limits.most_clients = 100;
        let now = Instant::now();
        let address = |n: u32| Key::V4(n);
        for n in 0..1000 {
            assert_eq!(limits.take(&address(n), now), Ok(()));
        }
        assert_eq!(lock(&limits.clients).shares.len(), 100);
        // Clients with something to remember stay when the others are forgotten.
        let later = now + Duration::from_secs(5);
        let busy = address(5000);
        let pace = limits.pace(&busy).unwrap();
        assert_eq!(limits.take(&address(5001), later), Ok(()));
        let shares = lock(&limits.clients).shares.len();
        assert!(shares <= 100, "{shares}");
        limits.most_clients = 2;
        let latest = now + Duration::from_secs(10);
        assert_eq!(limits.take(&address(5002), latest), Ok(()));
        let known: Vec<Key> = lock(&limits.clients).shares.keys().cloned().collect();
        assert!(known.contains(&busy), "{known:?}");
        drop(pace);
    }

    #[test]
    fn downloads_of_a_client_share_the_bandwidth() {
        let limits = Limits::new(None, Some(1000));
        assert_eq!(limits.take(&key("192.0.2.1"), Instant::now()), Ok(()));
        let one = limits.pace(&key("192.0.2.1")).unwrap();
        let other = limits.pace(&key("192.0.2.1")).unwrap();
        let now = Instant::now();
        assert!(one.take(500, now) <= now);
        let next = other.take(500, now);
        assert!(next >= now + Duration::from_millis(499));
        assert!(one.take(500, now) >= now + Duration::from_millis(999));
        let another = limits.pace(&key("192.0.2.9")).unwrap();
        assert!(another.take(500, now) <= now);
        assert_eq!(one.piece(1 << 20), 1024);
        assert_eq!(one.piece(10), 10);
        assert!(Limits::new(None, None).pace(&key("::1")).is_none());
    }
}
