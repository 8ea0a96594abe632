//! Finds out whether a service can be used.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Supervision;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::Result;
use larder_core::project::{Ready, Service};
use larder_process::{Command, Output};
use larder_remote::http::{self, Client, Request, parse_url};

/// How long a connection or an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest page that a service may answer with.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Asks a service whether it can be used.
pub(super) struct Probe<'a> {
    service: &'a Service,
    environment: Environment,
    client: Client,
    cancel: Cancel,
}

impl<'a> Probe<'a> {
    /// The command of `ready` gets these variables.
    pub fn new(
        service: &'a Service,
        environment: Environment,
        supervision: &Supervision,
        cancel: &Cancel,
    ) -> Self {
        // Services are on this machine or near it, and are asked again and again until they answer.
        let settings = http::Settings {
            proxies: http::Proxies::default(),
            connect: PATIENCE,
            idle: PATIENCE,
            retries: 0,
            rate_limit_wait: Duration::ZERO,
            secondary_limit_wait: Duration::ZERO,
            forgets_hosts: true,
            ..supervision.http.clone()
        };
        Self {
            service,
            environment,
            client: Client::new(settings, cancel.clone()),
            cancel: cancel.clone(),
        }
    }

    /// Asks once; `Ok(Err)` says why it can't be used. A command may take until `left` is over. The
    /// error is an interruption.
    pub fn ask(&self, left: Duration) -> Result<Result<(), String>> {
        let answer = match &self.service.ready {
            None => Ok(()),
            Some(Ready::Tcp { host, port }) => connect(host.as_deref(), *port),
            Some(Ready::Http(url)) => self.request(url),
            Some(Ready::Command(line)) => self.run(line, left),
        };
        self.cancel.check()?;
        Ok(answer)
    }

    fn request(&self, url: &str) -> Result<(), String> {
        let send = || {
            let request = Request::get(url)?.anything().limit(LARGEST).total(PATIENCE);
            self.client.send(request)
        };
        match send() {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("{url} answers with status {}", answer.status)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn run(&self, line: &str, left: Duration) -> Result<(), String> {
        let command = Command::shell(line, self.environment.clone())
            .folder(&self.service.dir)
            .timeout(left);
        match command.run(Output::Discarded, &self.cancel) {
            Ok(ended) if ended.is_success() => Ok(()),
            Ok(_) => Err(format!("`{line}` does not exit with 0")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Whether something accepts connections. A port of this machine can be one of IPv4 or of IPv6.
pub(super) fn connect(host: Option<&str>, port: u16) -> Result<(), String> {
    let hosts = host.map_or_else(|| vec!["127.0.0.1", "::1"], |host| vec![host]);
    for host in hosts {
        let addresses = (host, port).to_socket_addrs();
        for address in addresses.into_iter().flatten() {
            if TcpStream::connect_timeout(&address, PATIENCE).is_ok() {
                return Ok(());
            }
        }
    }
    Err(format!("{} accepts no connections", shown(host, port)))
}

/// An address as it is shown.
fn shown(host: Option<&str>, port: u16) -> String {
    match host {
        None => format!("port {port}"),
        Some(host) if host.contains(':') => format!("[{host}]:{port}"),
        Some(host) => format!("{host}:{port}"),
    }
}

/// Where a service accepts connections, if `ready` says it.
fn address(service: &Service) -> Option<(Option<String>, u16)> {
    match service.ready.as_ref()? {
        Ready::Tcp { host, port } => Some((host.clone(), *port)),
        Ready::Http(url) => {
            let url = parse_url(url).ok()?;
            let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
            Some((Some(host), url.port_or_known_default()?))
        }
        Ready::Command(_) => None,
    }
}

/// The port of a service, if `ready` says it.
pub(super) fn port(service: &Service) -> Option<u16> {
    address(service).map(|(_, port)| port)
}

/// The address of a service that does not run, if something accepts connections there.
pub(super) fn taken_by_another(service: &Service) -> Option<String> {
    let (host, port) = address(service)?;
    let host = host.as_deref();
    connect(host, port).ok().map(|()| shown(host, port))
}
