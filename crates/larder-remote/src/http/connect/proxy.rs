//! Which proxy a request goes through, as the variables `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`
//! and `NO_PROXY` say.
//!
//! The HTTP library reads these variables too, but it ignores what it does not know: a port or a
//! wildcard in `NO_PROXY`, and a whole variable with an unknown scheme. If none of the variables is
//! set, the library's own rules apply, which use the settings of the system on macOS and Windows.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use larder_core::environment::Environment;
use larder_core::error::{Error, Result};

use super::super::secret::{redact, shown};

/// The proxies of a run. The default has none.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Setting>,
    https: Option<Setting>,
    direct: Vec<Direct>,
}

/// A proxy, and the variable that names it.
#[derive(Clone)]
pub struct Proxy {
    /// With user name and password, if the variable has them.
    pub(in crate::http) url: Url,
    pub(in crate::http) variable: &'static str,
}

/// The value of a variable. One that can't be used is an error only when a request needs it.
type Setting = Result<Proxy, Error>;

/// An entry of `NO_PROXY`: hosts that are reached directly, on one port or on all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Direct {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    /// A name and all names below it.
    Domain(String),
    /// A text with `*`, which stands for any characters.
    Pattern(String),
    Address(IpAddr),
    /// All addresses that begin with these bits.
    Network(IpAddr, u32),
}

impl Proxies {
    /// Reads the variables. Names in capitals take precedence over those in small letters, which
    /// are the same variables.
    pub fn new(environment: &Environment) -> Self {
        // A web server passes the header `Proxy` of a request to its programs as HTTP_PROXY.
        let is_cgi = environment.get("REQUEST_METHOD").is_some();
        let first = |names: &[&'static str]| {
            names
                .iter()
                .filter(|name| !(is_cgi && **name == "HTTP_PROXY"))
                .find_map(|name| Some((*name, environment.value(name)?)))
                .map(|(name, value)| parse(name, value))
        };
        let list = ["NO_PROXY", "no_proxy"]
            .iter()
            .find_map(|name| environment.value(name))
            .unwrap_or_default();
        Self {
            http: first(&["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]),
            https: first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            direct: list
                .split(|c: char| c == ',' || c.is_whitespace())
                .filter_map(direct)
                .collect(),
        }
    }

    /// Whether no variable names a proxy.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// The proxy for a url; `None` if its host is reached directly.
    pub(in crate::http) fn of(&self, url: &Url) -> Result<Option<&Proxy>> {
        let setting = match url.scheme() {
            "https" => &self.https,
            _ => &self.http,
        };
        match setting {
            Some(proxy) if !self.is_direct(url) => proxy.as_ref().map(Some).map_err(Clone::clone),
            _ => Ok(None),
        }
    }

    fn is_direct(&self, url: &Url) -> bool {
        let host = bare(url.host_str().unwrap_or_default());
        let port = url.port_or_known_default();
        self.direct.iter().any(|entry| {
            entry.hosts.contains(&host) && (entry.port.is_none() || entry.port == port)
        })
    }
}

impl fmt::Display for Proxy {
    /// Without user name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = shown(&self.url);
        write!(f, "{} ({})", url.trim_end_matches('/'), self.variable)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parses the url of a proxy. Without a scheme it is an http proxy.
fn parse(variable: &'static str, value: &str) -> Setting {
    let value = value.trim();
    let text = match value.split_once("://") {
        None => format!("http://{value}"),
        // GNOME writes `socks://` for the version that the server speaks best.
        Some(("socks", rest)) => format!("socks5h://{rest}"),
        Some(_) => value.to_owned(),
    };
    let known = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
    let url = Url::parse(&text).ok().filter(|url| {
        known.contains(&url.scheme()) && url.host_str().is_some_and(|host| !host.is_empty())
    });
    url.map(|url| Proxy { url, variable }).ok_or_else(|| {
        // What is before the host may be a password.
        let shown = match value.rsplit_once('@') {
            Some((_, host)) => format!("…@{host}"),
            None => redact(value),
        };
        Error::usage(format!(
            "{variable} is `{shown}`, which names no proxy that larder can use"
        ))
        .hint("write `http://host:port`, or https, socks5, socks5h, socks4 or socks4a in place of http")
    })
}

/// Parses an entry of `NO_PROXY`; `None` for an empty one.
fn direct(entry: &str) -> Option<Direct> {
    let entry = entry.trim();
    if entry.is_empty() {
        return None;
    }
    let whole = |hosts| Some(Direct { hosts, port: None });
    if let Some(hosts) = network(entry) {
        return whole(hosts);
    }
    // `host:port` and `[address]:port`; an IPv6 address without brackets was recognised above.
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    };
    let hosts = if let Some(hosts) = network(name) {
        hosts
    } else if name == "*" {
        Hosts::All
    } else {
        let name = bare(name);
        match name.strip_prefix('.').unwrap_or(&name) {
            pattern if pattern.contains('*') => Hosts::Pattern(pattern.to_owned()),
            domain => Hosts::Domain(ascii(domain)),
        }
    };
    Some(Direct { hosts, port })
}

/// `10.0.0.1`, `::1`, `[::1]` or `10.0.0.0/8`.
fn network(text: &str) -> Option<Hosts> {
    let address = |text: &str| bare(text).parse::<IpAddr>().ok();
    let Some((start, bits)) = text.split_once('/') else {
        return address(text).map(Hosts::Address);
    };
    let (start, bits) = (address(start)?, bits.parse().ok()?);
    let most = if start.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some(Hosts::Network(start, bits))
}

/// A host in lower case, without brackets and without a dot at its end.
fn bare(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.')
        .to_ascii_lowercase()
}

/// A name as urls contain it, if it is an international one.
fn ascii(name: &str) -> String {
    if name.is_ascii() {
        return name.to_owned();
    }
    Url::parse(&format!("http://{name}"))
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| name.to_owned())
}

impl Hosts {
    fn contains(&self, host: &str) -> bool {
        let address = host.parse::<IpAddr>();
        match (self, address) {
            (Self::All, _) => true,
            (Self::Domain(domain), Err(_)) => host
                .strip_suffix(domain.as_str())
                .is_some_and(|before| before.is_empty() || before.ends_with('.')),
            (Self::Pattern(pattern), _) => fits(pattern, host),
            (Self::Address(known), Ok(address)) => *known == address,
            (Self::Network(start, bits), Ok(address)) => {
                let number = |address: IpAddr| match address {
                    IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, true),
                    IpAddr::V6(address) => (address.to_bits(), false),
                };
                let ((start, start_is_v4), (address, is_v4)) = (number(*start), number(address));
                // A shift by all bits is not defined, and a network of no bits has all addresses.
                let differ = (start ^ address).checked_shr(128 - bits).unwrap_or(0);
                start_is_v4 == is_v4 && differ == 0
            }
            _ => false,
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies<const N: usize>(variables: [(&str, &str); N]) -> Proxies {
        Proxies::new(&variables.into_iter().collect())
    }

    /// The proxy for a url, as messages show it.
    fn shown_for(proxies: &Proxies, url: &str) -> Option<String> {
        let proxy = proxies.of(&Url::parse(url).unwrap()).unwrap();
        proxy.map(ToString::to_string)
    }

    #[test]
    fn no_proxy_is_read_as_people_write_it() {
        for (list, direct, through) in [
            (
                "corp.example",
                &["http://corp.example", "https://a.corp.example:8443/x"][..],
                &["http://notcorp.example"][..],
            ),
            (
                ".corp.example",
                &["http://a.b.corp.example"],
                &["http://xcorp.example"],
            ),
            (
                "*.corp.example",
                &["http://a.corp.example", "http://a.b.corp.example:1"],
                &["http://xcorp.example"],
            ),
            (
                "*corp.example",
                &["http://corp.example", "http://xcorp.example"],
                &["http://corp.example.org"],
            ),
            (
                "a*.corp.*",
                &["http://ab.corp.example"],
                &["http://b.corp.example"],
            ),
            (
                "*",
                &["http://corp.example", "http://10.0.0.1", "http://[::1]"],
                &[],
            ),
            (
                "corp.example:8443",
                &["http://corp.example:8443", "http://a.corp.example:8443"],
                &["http://corp.example"],
            ),
            (
                "corp.example:443",
                &["https://corp.example/x"],
                &["http://corp.example"],
            ),
            (
                "*.corp.example:81",
                &["http://a.corp.example:81"],
                &["http://a.corp.example:82"],
            ),
            (
                "10.0.0.1",
                &["http://10.0.0.1:9"],
                &["http://10.0.0.11", "http://10.0.0.1.example"],
            ),
            ("10.0.0.1:9", &["http://10.0.0.1:9"], &["http://10.0.0.1:8"]),
            (
                "10.0.0.0/8",
                &["http://10.9.8.7"],
                &["http://11.0.0.1", "http://[a00::]"],
            ),
            (
                "192.168.*",
                &["http://192.168.7.7"],
                &["http://192.169.0.1"],
            ),
            ("0.0.0.0/0", &["http://1.2.3.4"], &["http://[::1]"]),
            ("::1", &["http://[::1]:7"], &["http://[::2]"]),
            ("[::1]", &["http://[::1]:7"], &["http://[::2]"]),
            ("[::1]:7", &["http://[::1]:7"], &["http://[::1]:8"]),
            ("fd00::/8", &["http://[fd12::1]"], &["http://[fe80::1]"]),
            (
                "Corp.Example.",
                &["http://corp.example./x"],
                &["http://example"],
            ),
            (
                "a.example, b.example",
                &["http://b.example"],
                &["http://c.example"],
            ),
            (
                "a.example b.example\n",
                &["http://b.example"],
                &["http://c.example"],
            ),
            (
                ",, ,a.example,",
                &["http://a.example"],
                &["http://b.example"],
            ),
            (
                "bücher.example",
                &["http://bücher.example", "http://a.xn--bcher-kva.example"],
                &["http://example"],
            ),
            ("a.example:port", &[], &["http://a.example"]),
            ("10.0.0.0/99", &[], &["http://10.0.0.0"]),
        ] {
            let proxies = proxies([
                ("all_proxy", "http://proxy.example:3128"),
                ("no_proxy", list),
            ]);
            for url in direct {
                assert_eq!(shown_for(&proxies, url), None, "{list}: {url}");
            }
            for url in through {
                assert!(shown_for(&proxies, url).is_some(), "{list}: {url}");
            }
        }
    }

    #[test]
    #[cfg_attr(not(unix), ignore = "both spellings are one variable there")]
    fn the_variable_of_the_scheme_comes_before_the_one_for_all() {
        let all = proxies([
            ("HTTPS_PROXY", "https://me:hunter2@secure.example"),
            ("http_proxy", "plain.example:8080"),
            ("ALL_PROXY", "socks://socks.example"),
            ("NO_PROXY", ""),
        ]);
        let of = |proxies: &Proxies, url| shown_for(proxies, url).unwrap_or_default();
        assert_eq!(
            of(&all, "https://a.example"),
            "https://secure.example (HTTPS_PROXY)"
        );
        assert_eq!(
            of(&all, "http://a.example"),
            "http://plain.example:8080 (http_proxy)"
        );
        assert!(!format!("{all:?}").contains("hunter2"));
        let rest = proxies([("HTTP_PROXY", ""), ("ALL_PROXY", "socks://socks.example:1")]);
        assert_eq!(
            of(&rest, "http://a.example"),
            "socks5h://socks.example:1 (ALL_PROXY)"
        );
        let cgi = proxies([("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil.example")]);
        assert_eq!(of(&cgi, "http://a.example"), "");
        assert!(proxies([("NO_PROXY", "a.example")]).is_empty());
    }

    #[test]
    fn a_value_that_names_no_proxy_is_an_error_when_it_is_needed() {
        for value in [
            "ftp://proxy.example",
            "http://",
            "://x",
            "me:hunter2@proxy .example",
            "socks6://x",
        ] {
            let proxies = proxies([("HTTPS_PROXY", value), ("NO_PROXY", "direct.example")]);
            let of = |url: &str| {
                proxies
                    .of(&Url::parse(url).unwrap())
                    .map(|proxy| proxy.is_some())
            };
            assert!(!of("http://a.example").unwrap());
            assert!(!of("https://direct.example").unwrap());
            let error = of("https://a.example").unwrap_err();
            assert!(error.to_string().contains("HTTPS_PROXY is `"), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
