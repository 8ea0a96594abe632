//! Credentials of the machine or the container that larder runs on. They are asked for over plain
//! http at addresses that never leave the machine, with short time limits and no proxy.

use std::time::Duration;

use super::chain::Document;
use super::config::{S3Config, url};
use super::sign::Keys;
use crate::http::{
    Client, Credential, Method, Proxies, Request, Secret, Settings, Site, parse_url,
};
use larder_core::error::{Error, Kind, Result};
use larder_core::fs;

/// The addresses that containers and machines at Amazon ask.
const HOSTS: [&str; 4] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::254]",
];
/// The size in bytes of the largest answer.
const MAX: u64 = 64 * 1024;
/// Where a machine lists the roles that it has.
const ROLES: &str = "meta-data/iam/security-credentials/";
/// What says who made a machine.
const VENDOR: &str = "/sys/class/dmi/id/sys_vendor";

/// The keys of the container or the machine, if it has any.
pub(super) fn keys(config: &S3Config, client: &Client) -> Result<Option<Keys>> {
    let client = nearby(client);
    if let Some(keys) = of_container(config, &client)? {
        return Ok(Some(keys));
    }
    of_machine(config, &client)
}

/// A client for addresses nearby.
fn nearby(client: &Client) -> Client {
    let settings = Settings {
        allow_http: HOSTS.map(str::to_owned).into(),
        proxies: Proxies::default(),
        connect: Duration::from_secs(1),
        idle: Duration::from_secs(5),
        total: Duration::from_secs(10),
        retries: 2,
        ..client.settings().clone()
    };
    Client::new(settings, client.cancel().clone())
}

fn of_container(config: &S3Config, client: &Client) -> Result<Option<Keys>> {
    let full = config
        .value("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        .map(str::to_owned);
    let address = config
        .value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        .map(|path| format!("http://169.254.170.2{path}"))
        .or(full);
    let Some(address) = address else {
        return Ok(None);
    };
    let url = url("AWS_CONTAINER_CREDENTIALS_FULL_URI", &address)?;
    let token = match config.value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => Some(String::from_utf8_lossy(&fs::read(file)?).into_owned()),
        None => config
            .value("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            .map(str::to_owned),
    };
    let site = Site::of(&url);
    let credential =
        token.map(|token| Credential::in_header("authorization", &Secret::new(token), [site]));
    let request = Request::new(Method::GET, url)?
        .credential(credential.as_ref())
        .direct();
    let bytes = client
        .get_small(request, MAX)?
        .ok_or_else(|| Error::refused("the endpoint of the container has no credentials"))?;
    Document::parse(&bytes, "the endpoint of the container").map(Some)
}

fn of_machine(config: &S3Config, client: &Client) -> Result<Option<Keys>> {
    let off = config.value("AWS_EC2_METADATA_DISABLED");
    if off.is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let base = match config.value("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
        Some(text) => url("AWS_EC2_METADATA_SERVICE_ENDPOINT", text)?,
        // Anywhere else nobody answers, and waiting for that costs a second.
        None if is_amazon() => url("the metadata", "http://169.254.169.254")?,
        None => return Ok(None),
    };
    let start = base.as_str().trim_end_matches('/');
    let below = |path: &str| parse_url(&format!("{start}/latest/{path}"));
    let request = Request::new(Method::PUT, below("api/token")?)?
        .header("x-aws-ec2-metadata-token-ttl-seconds", "21600")?
        .direct();
    // In a container the answer may not arrive, and a machine need not have a role.
    let answer = match client.send(request) {
        Ok(answer) if answer.is_success() => answer,
        Ok(answer) if matches!(answer.status, 400..500) => return Ok(None),
        Ok(answer) => return Err(answer.error()),
        Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => return Err(error),
        Err(_) => return Ok(None),
    };
    let token = Secret::new(String::from_utf8_lossy(&answer.body));
    let credential = Credential::in_header("x-aws-ec2-metadata-token", &token, [Site::of(&base)]);
    let get = |path: &str| -> Result<Option<Vec<u8>>> {
        let request = Request::new(Method::GET, below(path)?)?
            .credential(&credential)
            .direct();
        client.get_small(request, MAX)
    };
    let Some(role) = get(ROLES)? else {
        return Ok(None);
    };
    let role = String::from_utf8_lossy(&role);
    let Some(role) = role
        .lines()
        .next()
        .map(str::trim)
        .filter(|role| !role.is_empty())
    else {
        return Ok(None);
    };
    let Some(bytes) = get(&format!("{ROLES}{role}"))? else {
        return Ok(None);
    };
    Document::parse(&bytes, "the metadata of the machine").map(Some)
}

fn is_amazon() -> bool {
    let vendor = fs::read_or_absent(VENDOR)
        .ok()
        .flatten()
        .unwrap_or_default();
    String::from_utf8_lossy(&vendor).contains("Amazon EC2")
}
