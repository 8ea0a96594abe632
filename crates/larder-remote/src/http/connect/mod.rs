//! How a connection is made: which proxy it goes through, how a name resolves, and which
//! certificates are trusted. This module sends no requests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use larder_core::hosts;

mod proxy;
mod tls;

pub use proxy::{Proxies, Proxy};
pub(super) use tls::extra_roots;
pub use tls::root_bundle;

/// The system's resolver, except that `localhost` and its subdomains always resolve to this
/// machine.
pub(super) struct Resolver;

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = if hosts::is_localhost(name.as_str()) {
                let loopback = [
                    IpAddr::from(Ipv4Addr::LOCALHOST),
                    IpAddr::from(Ipv6Addr::LOCALHOST),
                ];
                loopback.map(|address| SocketAddr::new(address, 0)).to_vec()
            } else {
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect()
            };
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}
