//! What the command line says, as values.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use camino::Utf8PathBuf;
use larder_core::error::{Error, Result};

use crate::fleet::store::Location;
use crate::hub::HubOrigin;

/// Where the binaries come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The files of a folder.
    Folder(Utf8PathBuf),
    /// The released assets of a hub.
    Hub(Box<HubOrigin>),
}

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain of certificates, PEM.
    pub certificate: Utf8PathBuf,
    /// The private key, PEM.
    pub key: Utf8PathBuf,
}

/// Addresses with the same first bits, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `ADDRESS` or `ADDRESS/BITS`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let most = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.bits);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.bits);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// The waiting times of connections.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// How long the head of a request may take.
    pub head: Duration,
    /// How long a connection may be idle between two requests.
    pub idle: Duration,
    /// How long the next bytes of a body may take to arrive.
    pub body: Duration,
    /// How long a client may take no bytes of an answer.
    pub write: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_mins(1),
            body: Duration::from_secs(30),
            write: Duration::from_mins(1),
        }
    }
}

/// The usual port for HTTP.
pub const HTTP_PORT: u16 = 7001;
/// The usual port for gRPC.
pub const GRPC_PORT: u16 = 7000;

/// The settings of a server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the binaries come from.
    pub origin: Origin,
    /// The address to listen on.
    pub bind: IpAddr,
    /// The port for HTTP; 0 for any that is free.
    pub port: u16,
    /// The port for gRPC; 0 for any that is free. `None` is the usual one.
    pub grpc_port: Option<u16>,
    /// The folder for what is kept across restarts.
    pub data: Utf8PathBuf,
    /// The database of the fleet.
    pub database: Location,
    /// Where events of the fleet are sent.
    pub webhook: Option<crate::webhook::WebhookSettings>,
    /// The file of the tokens.
    pub tokens: Option<Utf8PathBuf>,
    /// Whether reading needs a token.
    pub private: bool,
    /// The certificate.
    pub tls: Option<TlsFiles>,
    /// Proxies whose forwarded headers count.
    pub trusted_proxies: Vec<Network>,
    /// Requests per second, for each token or else for each address.
    pub rate: Option<f64>,
    /// Bytes per second, for each token or else for each address.
    pub bandwidth: Option<u64>,
    /// The largest body of an upload.
    pub max_upload: u64,
    /// The least time between two heartbeats of an agent.
    pub heartbeat: Duration,
    /// How long open requests may take after a signal to stop.
    pub drain: Duration,
    /// The most connections of one address at the same time.
    pub connections_per_peer: Option<usize>,
    /// The service manager that is told how the server is.
    pub manager: crate::systemd::Manager,
    /// The waiting times of connections.
    pub timeouts: Timeouts,
    /// The waiting times of the index.
    pub pace: crate::index::Pace,
}

impl Settings {
    /// The defaults, for a folder.
    pub fn new(folder: Utf8PathBuf, data: Utf8PathBuf) -> Self {
        Self {
            origin: Origin::Folder(folder),
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: HTTP_PORT,
            grpc_port: None,
            database: Location::in_data(&data),
            data,
            webhook: None,
            tokens: None,
            private: false,
            tls: None,
            trusted_proxies: Vec::new(),
            rate: None,
            bandwidth: None,
            max_upload: 4 << 30,
            heartbeat: Duration::from_secs(10),
            drain: Duration::from_secs(10),
            connections_per_peer: None,
            manager: crate::systemd::Manager::default(),
            timeouts: Timeouts::default(),
            pace: crate::index::Pace::default(),
        }
    }

    /// The address for HTTP.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind, self.port)
    }

    /// Refuses settings that are not safe together, for the address that is bound.
    pub fn check(&self, bound: IpAddr) -> Result<()> {
        if self.tokens.is_none() && !bound.to_canonical().is_loopback() {
            return Err(Error::usage(format!(
                "without --tokens the server would let everyone who reaches {bound} write and delete"
            ))
            .hint(
                "name a file of tokens with --tokens, or bind a loopback address such as 127.0.0.1",
            ));
        }
        if self.private && self.tokens.is_none() {
            return Err(Error::usage(
                "--private needs --tokens: nobody could read anything",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_addresses() {
        for (network, address, contains) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("fd00::/8", "fd12::1", true),
            ("::/0", "fd12::1", true),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                contains,
                "{network:?} {address}"
            );
        }
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "x", "::/129", "10.0.0.0/-1"] {
            assert!(Network::parse(bad).is_none(), "{bad}");
        }
    }
}
