//! `larder serve` and its subcommands.

mod backup;
mod token;

use std::net::{IpAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use listenfd::ListenFd;

use super::Global;
use crate::report;
use larder_core::error::{Error, Result};
use larder_core::project::HubConfig;
use larder_core::variables::{self, parse_duration};
use larder_engine::cache::Cache;
use larder_serve::Settings;
use larder_serve::fleet::store::Location;
use larder_serve::hub::HubOrigin;
use larder_serve::log::{Level, Log};
use larder_serve::settings::{Network, Origin, TlsFiles};
use larder_serve::systemd::Manager;
use larder_serve::webhook::WebhookSettings;

/// Serve binaries of a folder or a hub over HTTP
///
/// Every file named `<name>-<version>-<platform>-<arch>[.exe]` in the folder is listed at
/// /api/binaries and can be downloaded from /binaries/<file>; /openapi.json describes the whole
/// API. New, changed and removed files are noticed. With --hub the released binaries of a hub are
/// served instead: they are fetched on the first request, verified, and kept in the cache. The first line on stdout says which addresses
/// are bound. SIGTERM or SIGINT ends the server as soon as open requests are done.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  larder serve                                  serve ./binaries to this machine
  larder serve --dir dist --port 0              take any free port; the first line says which
  larder serve --hub github:acme/platform       serve what is released there
  larder serve token new --role write --name ci    make a token for the file of --tokens
  larder serve backup fleet.db                  copy the database of the fleet
  curl -T tool http://127.0.0.1:7001/api/binaries/tool/1.0.0/linux/x86_64"
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<ServeCommand>,
    /// The folder with the binaries. Default: `$BINARIES_DIR`, or else `binaries`.
    #[arg(long, value_name = "DIR")]
    dir: Option<Utf8PathBuf>,
    /// Serve what a hub has in place of a folder: a folder hub, an http(s) url,
    /// `github:owner/name`, or `oci://registry/repository`.
    #[arg(long, value_name = "HUB", conflicts_with = "dir")]
    hub: Option<String>,
    /// The address to bind. Without --tokens it must be a loopback address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// The port for HTTP; 0 takes any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 7001, env = variables::HTTP_PORT)]
    port: u16,
    /// The port for gRPC; 0 takes any that is free, and the port of HTTP serves both. Default: 7000;
    /// beside another --port than 7001, any that is free if that one is taken.
    #[arg(long, value_name = "PORT", env = variables::GRPC_PORT)]
    grpc_port: Option<u16>,
    #[command(flatten)]
    database: DatabaseArgs,
    /// The YAML file that says where events of the fleet are sent: `url`, `secret_file`, `events`.
    #[arg(long, value_name = "FILE")]
    webhook: Option<Utf8PathBuf>,
    /// The YAML file of the tokens that may read, write or administer.
    #[arg(long, value_name = "FILE")]
    tokens: Option<Utf8PathBuf>,
    /// Require a token for reading too.
    #[arg(long)]
    private: bool,
    /// The chain of certificates for TLS, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<Utf8PathBuf>,
    /// The private key for TLS, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<Utf8PathBuf>,
    /// Trust X-Forwarded-For from these addresses, such as 10.0.0.0/8; can be repeated.
    #[arg(long, value_name = "CIDR", value_parser = network)]
    trusted_proxy: Vec<Network>,
    /// The most requests per second, for each token or else for each address.
    #[arg(long, value_name = "N/s", value_parser = rate)]
    rate: Option<f64>,
    /// The most bytes per second, for each token or else for each address, such as 10M.
    #[arg(long, value_name = "BYTES/s", value_parser = bytes)]
    bandwidth: Option<u64>,
    /// The largest upload, such as 500M.
    #[arg(long, value_name = "BYTES", default_value = "4G", value_parser = bytes)]
    max_upload: u64,
    /// The least time between two heartbeats of an agent.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    heartbeat: Duration,
    /// How long open requests may take after a signal to stop.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    drain: Duration,
    /// The most connections of one address at the same time. Default: no limit.
    #[arg(long, value_name = "N")]
    connections_per_peer: Option<usize>,
    /// How the log on stderr is written: human or json.
    #[arg(long, value_name = "FORMAT", default_value = "human", value_parser = ["human", "json"])]
    log: String,
}

/// Where the server keeps its data.
#[derive(Clone, clap::Args)]
struct DatabaseArgs {
    /// The folder for what is kept across restarts: digests, and the database of the fleet.
    #[arg(long, value_name = "DIR", default_value = ".larder/serve")]
    data: Utf8PathBuf,
    /// The database of the fleet: `sqlite://PATH` or `postgres://USER@HOST/DATABASE`. Default:
    /// `fleet.db` in the folder of --data.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

impl DatabaseArgs {
    fn location(&self, start: &Utf8Path) -> Result<Location> {
        match &self.database {
            Some(url) => Location::parse(url, start),
            None => Ok(Location::in_data(&start.join(&self.data))),
        }
    }
}

/// The url can hold a password.
impl std::fmt::Debug for DatabaseArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseArgs")
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, clap::Subcommand)]
enum ServeCommand {
    /// Copy the database of the fleet into a new file
    ///
    /// The file has everything of one moment, as a database of SQLite, also if the server uses
    /// PostgreSQL. It is complete or not there, and only its owner can read it. The server can run
    /// meanwhile. To start with a backup, stop the server and put the file into the folder of
    /// --data, named `fleet.db`.
    Backup(backup::BackupArgs),
    /// Make tokens for the server's file of tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
}

fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write `300ms`, `20s` or `5m`".to_owned())
}

fn network(text: &str) -> Result<Network, String> {
    Network::parse(text).ok_or_else(|| "write an address, or 10.0.0.0/8".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).parse();
    number
        .ok()
        .filter(|number: &f64| number.is_finite() && *number > 0.0)
        .ok_or_else(|| "write a number of requests per second, such as 10/s".to_owned())
}

fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || "write a number of bytes, such as 500K, 10M or 4G".to_owned();
    let text = text.strip_suffix("/s").unwrap_or(text);
    let text = text.strip_suffix("iB").unwrap_or(text);
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" | "B" => 0,
        "K" | "k" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

impl Args {
    /// The folder to serve where no hub is named.
    fn folder<'a>(&'a self, global: &'a Global) -> &'a Utf8Path {
        let named = self.dir.as_deref();
        let variable = || {
            global
                .startup
                .value(variables::BINARIES_DIR)
                .map(Utf8Path::new)
        };
        named.or_else(variable).unwrap_or(Utf8Path::new("binaries"))
    }

    fn webhook(&self, global: &Global, start: &Utf8Path) -> Result<Option<WebhookSettings>> {
        let Some(file) = &self.webhook else {
            return Ok(None);
        };
        let http = global.startup.remote(false)?.http;
        WebhookSettings::read(&start.join(file), http).map(Some)
    }

    fn settings(&self, global: &Global) -> Result<Settings> {
        let start = global.start()?;
        let origin = match &self.hub {
            Some(hub) => Origin::Hub(Box::new(hub_origin(global, &start, hub)?)),
            None => Origin::Folder(start.join(self.folder(global))),
        };
        let tls = self.tls_cert.as_ref().zip(self.tls_key.as_ref());
        Ok(Settings {
            origin,
            bind: self.bind,
            port: self.port,
            grpc_port: self.grpc_port,
            database: self.database.location(&start)?,
            webhook: self.webhook(global, &start)?,
            tokens: self.tokens.as_ref().map(|file| start.join(file)),
            private: self.private,
            tls: tls.map(|(certificate, key)| TlsFiles {
                certificate: start.join(certificate),
                key: start.join(key),
            }),
            trusted_proxies: self.trusted_proxy.clone(),
            rate: self.rate,
            bandwidth: self.bandwidth,
            max_upload: self.max_upload,
            heartbeat: self.heartbeat,
            drain: self.drain,
            connections_per_peer: self.connections_per_peer,
            manager: Manager::new(global.startup.value("NOTIFY_SOCKET")),
            ..Settings::new(
                start.join(self.folder(global)),
                start.join(&self.database.data),
            )
        })
    }
}

/// The socket that a service manager has bound for the server, if there is one.
fn handed_socket() -> Result<Option<TcpListener>> {
    let mut handed = ListenFd::from_env();
    if handed.len() > 1 {
        return Err(Error::usage(format!(
            "the service manager hands over {} sockets, and the server listens on one",
            handed.len()
        ))
        .hint("write one `ListenStream=` into the socket unit"));
    }
    handed.take_tcp_listener(0).map_err(|error| {
        Error::usage("the socket of the service manager can't be used for HTTP")
            .cause(error)
            .hint("write a port or an address with a port as its `ListenStream=`")
    })
}

/// The hub to serve, and the folder of the cache for what is fetched from it.
fn hub_origin(global: &Global, start: &Utf8Path, hub: &str) -> Result<HubOrigin> {
    let config = HubConfig::parse(hub, start, &global.startup.user)?;
    global.check_hub("--hub", hub, &config);
    let remote = global.startup.remote(false)?;
    let folder = global.startup.cache_dir()?;
    let cache = Cache::new(&folder, &remote.temp, None);
    match cache.ignored() {
        Some(ignored) => Err(ignored.error()),
        None => Ok(HubOrigin {
            config,
            remote,
            served: folder.join("served"),
            trust: global.trust()?,
        }),
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    match &args.command {
        Some(ServeCommand::Token(command)) => return token::run(command, global),
        Some(ServeCommand::Backup(args)) => return backup::run(args, global),
        None => {}
    }
    // Before there are threads: it removes variables.
    let handed = handed_socket()?;
    let settings = args.settings(global)?;
    let least = match (global.quiet, global.verbose) {
        (0, 0) => Level::Info,
        (0, _) => Level::Detail,
        (1, _) => Level::Warning,
        _ => Level::Error,
    };
    let printer = global.printer();
    let write = move |line: &str| printer.message(line);
    let log = Log::new(Arc::new(write), args.log == "json", least);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::failed("cannot start the server's threads").cause(error))?;
    let announce = |listening: &larder_serve::Listening| {
        report::print_data(&(report::to_json(listening)? + "\n"))
    };
    let ended = runtime.block_on(larder_serve::run(settings, handed, log, announce));
    // Threads that hash or wait for changes do not delay the end.
    runtime.shutdown_background();
    ended.map(ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        assert_eq!(bytes("10"), Ok(10));
        assert_eq!(bytes("10K"), Ok(10_240));
        assert_eq!(bytes("4G"), Ok(4 << 30));
        assert_eq!(bytes("1MiB/s"), Ok(1 << 20));
        for bad in ["", "K", "-1", "1.5M", "1X", "99999999999T", "1é"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(rate("10/s"), Ok(10.0));
        assert_eq!(rate("0.5"), Ok(0.5));
        for bad in ["", "0", "-1/s", "nan", "inf", "10/m"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
