//! Decides for which hosts plain http is allowed, where others can change bytes in transit: this
//! machine, and hosts that the user allows.

/// Whether plain http is allowed for a host: it is this machine, or one of the allowed hosts.
pub fn is_allowed(host: &str, allowed: &[String]) -> bool {
    is_loopback(host)
        || allowed
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host))
}

/// Whether a host is this machine: a loopback address, `localhost`, or a name that ends in
/// `.localhost`. The HTTP client resolves these names itself, so such requests never leave the
/// machine.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => is_localhost(host),
    }
}

/// Whether a name is `localhost` or ends in `.localhost`.
pub fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// The hosts of a comma-separated list.
pub fn parse_list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|host| !host.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_and_allowed_hosts_are_told_from_others() {
        for own in ["127.0.0.1", "[::1]", "::1", "localhost", "a.LOCALHOST."] {
            assert!(is_allowed(own, &[]), "{own}");
        }
        for other in ["10.0.0.1", "notlocalhost", "localhost.example", ""] {
            assert!(!is_allowed(other, &[]), "{other}");
        }
        let allowed = parse_list(" Mirror.corp, ,a.example,");
        assert_eq!(allowed, ["Mirror.corp", "a.example"]);
        assert!(is_allowed("mirror.CORP", &allowed));
        assert!(!is_allowed("x.mirror.corp", &allowed));
    }
}
