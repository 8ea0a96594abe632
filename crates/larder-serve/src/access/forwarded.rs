//! The address of the client behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

use crate::settings::Network;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client. Each trusted proxy appends the address that it was asked from, so the
/// list is read from its end, as long as the proxies are trusted: everything before that was
/// written by the client itself.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    for value in values.iter().rev() {
        for hop in value.as_bytes().rsplit(|byte| *byte == b',') {
            let Some(address) = std::str::from_utf8(hop).ok().and_then(address) else {
                return client;
            };
            client = address;
            if !is_trusted(client) {
                return client;
            }
        }
    }
    client
}

/// Reads `192.0.2.1`, `2001:db8::1`, and both with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = text.parse().or_else(|_| bare.unwrap_or(text).parse());
    let address = address.or_else(|_| text.parse().map(|both: SocketAddr| both.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_rightmost_address_that_is_not_trusted_is_the_client() {
        let trusted = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(|n| Network::parse(n).unwrap());
        for (peer, values, client_is) in [
            ("127.0.0.1", &[][..], "127.0.0.1"),
            ("127.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("::ffff:127.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("203.0.113.9", &["192.0.2.1"], "203.0.113.9"),
            ("127.0.0.1", &["192.0.2.1, 192.0.2.2"], "192.0.2.2"),
            (
                "127.0.0.1",
                &["192.0.2.1,192.0.2.2 , 10.1.1.1"],
                "192.0.2.2",
            ),
            ("127.0.0.1", &["192.0.2.1", "192.0.2.2"], "192.0.2.2"),
            ("127.0.0.1", &["192.0.2.1", "10.0.0.2"], "192.0.2.1"),
            ("127.0.0.1", &["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
            ("127.0.0.1", &["192.0.2.1, nonsense"], "127.0.0.1"),
            ("127.0.0.1", &["nonsense, 192.0.2.1"], "192.0.2.1"),
            ("127.0.0.1", &["unknown, 10.0.0.2"], "10.0.0.2"),
            ("127.0.0.1", &[""], "127.0.0.1"),
            ("127.0.0.1", &["192.0.2.1:4711"], "192.0.2.1"),
            ("127.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("fd12::1", &["2001:db8::1"], "2001:db8::1"),
            ("127.0.0.1", &["::ffff:192.0.2.1"], "192.0.2.1"),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
            }
            let found = client(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(found.to_string(), client_is, "{peer} {values:?}");
        }
    }
}
