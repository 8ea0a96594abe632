//! Ports for what listens later, or not at all.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port at which nobody listens. Those of the system's own choice could be given to another test,
/// or to a connection, in the meantime.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 1_000).expect("a small number") * 20;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
