//! The connection to the server: plain to this machine, with TLS to others.

use std::time::Duration;

use larder_core::error::{Error, Result};
use larder_core::hosts::is_allowed;
use larder_remote::http::{Settings, parse_url, root_bundle};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

/// A connection to the server that `master_host` names.
pub fn connect(host: &str, settings: &Settings) -> Result<Channel> {
    let url = if host.contains("://") {
        host.to_owned()
    } else {
        format!("http://{host}")
    };
    let wrong = |error: &dyn std::fmt::Display| {
        Error::usage(format!("`master_host` is `{host}`, which can't be used")).cause(error)
    };
    let parsed = parse_url(&url)?;
    let is_plain = parsed.scheme() == "http";
    let name = parsed.host_str().unwrap_or_default();
    if is_plain && !is_allowed(name, &settings.allow_http) {
        return Err(Error::refused(format!(
            "`master_host` is `{host}`, to which the secret of the node would travel as plain text"
        ))
        .hint(format!(
            "write https:// before it, or allow plain connections to this host: `allow_http: [{name}]` \
             in your config.yml"
        )));
    }
    let mut endpoint = Endpoint::from_shared(url)
        .map_err(|error| wrong(&error))?
        .connect_timeout(settings.connect)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .user_agent(settings.user_agent.clone())
        .map_err(|error| wrong(&error))?;
    if !is_plain {
        let roots = root_bundle(settings.ca_file.as_deref())?;
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(roots));
        endpoint = endpoint.tls_config(tls).map_err(|error| wrong(&error))?;
    }
    Ok(endpoint.connect_lazy())
}
