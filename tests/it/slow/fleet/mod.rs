//! A server and many real agents with real children on one machine: rollouts of good and bad
//! versions, kills, wrong clocks, and a network that is cut.

mod child;
mod clocks;
mod cut;
mod fifty;
mod kills;
mod many_agents;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use serde_json::{Value, json};

use crate::env::TestEnv;
use crate::serve::{machine, put, sha256};
use crate::servers::postgres::PostgresServer;
use child::{Kind, program};

/// How long a test waits for what must happen.
const LONG: Duration = Duration::from_mins(4);
/// The name of what is run.
const NAME: &str = "app";
const ADMIN: &str = "an administrator's secret";
const JOIN: &str = "a secret of agents";

/// A program that runs until the test ends it, with what it logs.
struct Running {
    child: Child,
    log: Utf8PathBuf,
}

impl Running {
    fn start(mut command: Command, log: Utf8PathBuf) -> Self {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log);
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.stderr(file.expect("a log"));
        let child = command.spawn().expect("it starts");
        Self { child, log }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills the process alone, as the system does when memory is short.
    fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("its end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The whole group: what runs behind a wrapper would outlive it.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args(["-s", "KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = self.child.wait();
        // What a wrapper has started ends a moment later, and the next server takes its address. If
        // nobody asks for its exit status, it stays known for good.
        for _ in 0..500 {
            let exists = Command::new("kill")
                .args(["-s", "0", "--", &group])
                .stderr(Stdio::null())
                .status();
            if !exists.is_ok_and(|status| status.success()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What is before a command: the network it is in, or the clock it sees.
type Prefix = Vec<String>;

/// A server and its agents.
struct World {
    env: TestEnv,
    server: Option<Running>,
    /// The addresses for HTTP and for gRPC.
    http: String,
    grpc: String,
    agents: BTreeMap<String, Running>,
    addresses: Addresses,
    /// The numbers of the addresses of the children, by agent.
    numbers: BTreeMap<String, usize>,
    /// Before the server and before requests to it.
    prefix: Prefix,
    /// The database, if it is not the file of SQLite.
    postgres: Option<PostgresServer>,
}

impl World {
    /// A server with `app` 1.0.0 in the channel `stable`.
    fn new(prefix: Prefix) -> Self {
        Self::with_database(prefix, None)
    }

    /// The same, with its state in PostgreSQL.
    fn with_database(prefix: Prefix, postgres: Option<PostgresServer>) -> Self {
        let addresses = Addresses::new();
        let address = addresses.at(253);
        Self::at(&address, addresses, prefix, postgres)
    }

    /// The same, whose server listens on an address in the network of the prefix.
    fn in_network(address: &str, prefix: Prefix) -> Self {
        Self::at(address, Addresses::new(), prefix, None)
    }

    fn at(
        address: &str,
        addresses: Addresses,
        prefix: Prefix,
        postgres: Option<PostgresServer>,
    ) -> Self {
        let mut env = machine();
        let line = |name: &str, role: &str, secret: &str| {
            format!(
                "- {{name: {name}, role: {role}, sha256: {}}}\n",
                sha256(secret.as_bytes())
            )
        };
        env.write(
            "tokens.yml",
            line("admin", "admin", ADMIN) + &line("agents", "join", JOIN),
        );
        env.write("join", JOIN);
        // In its own network a server may be reached without TLS.
        let allowed = format!("allow_http: [\"{address}\"]\n");
        std::fs::write(env.home().join("config.yml"), allowed).expect("write");
        env.set("LARDER_CONFIG", "~/config.yml");
        let mut world = Self {
            env,
            server: None,
            http: format!("{address}:20080"),
            grpc: format!("{address}:20070"),
            agents: BTreeMap::new(),
            addresses,
            numbers: BTreeMap::new(),
            prefix,
            postgres,
        };
        world.release("1.0.0", Kind::Good);
        world.start_server();
        world.ask(
            "PUT",
            "/api/channels/app/stable",
            &json!({"version": "1.0.0"}),
        );
        world
    }

    /// Puts a version beside the others, and gives its digest.
    fn release(&self, version: &str, kind: Kind) -> String {
        let place = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        let bytes = program(version, kind);
        put(&self.env, &format!("{NAME}-{version}-{place}"), &bytes);
        let digest = sha256(bytes.as_bytes());
        if self.server.is_some() {
            self.wait("the release", |world| {
                world.get("/index.json").to_string().contains(&digest)
            });
        }
        digest
    }

    fn start_server(&mut self) {
        let (address, http) = self.http.rsplit_once(':').expect("a port");
        let (_, grpc) = self.grpc.rsplit_once(':').expect("a port");
        let arguments = [
            "serve",
            "--bind",
            address,
            "--port",
            http,
            "--grpc-port",
            grpc,
        ];
        // Agents read with the secret of their node.
        let more = [
            "--tokens",
            "tokens.yml",
            "--private",
            "--heartbeat",
            "500ms",
        ];
        let mut command = self.env.command([&arguments[..], &more].concat());
        if let Some(postgres) = &self.postgres {
            command.args(["--database", &postgres.url("fleet")]);
        }
        let command = self.prefixed(command, &self.prefix);
        self.server = Some(Running::start(command, self.env.base().join("server.log")));
        self.wait("the server", |world| {
            world
                .request("GET", "/readyz", None)
                .is_some_and(|(status, _)| status == 200)
        });
    }

    /// Another agent, in another place. One that was there before starts again.
    fn start_agent(&mut self, name: &str, prefix: &Prefix) {
        let next = self.numbers.len() + 1;
        let number = *self.numbers.entry(name.to_owned()).or_insert(next);
        let address = format!("{}:20080", self.addresses.at(number));
        let (http, grpc) = (&self.http, &self.grpc);
        self.env.write(
            &format!("{name}/agent.toml"),
            format!(
                "[agent]\nagent_id = \"{name}\"\nmaster_host = \"{grpc}\"\nchannel = \"stable\"\n\
                 token_file = \"../join\"\n[storage]\nname = \"{NAME}\"\n\
                 master_binary_url = \"http://{http}\"\ndata_dir = \"data\"\n\
                 args = [\"--address\", \"{address}\", \"--log\", \"{}\"]\n\
                 health = {{http = \"http://{address}/health\", interval = \"500ms\", \
                 grace = \"20s\", passes = 2, failures = 3}}\n",
                self.env.path(format!("{name}/child.log"))
            ),
        );
        let config = format!("{name}/agent.toml");
        let command = self.env.command(["agent", "--config", &config]);
        let log = self.env.path(format!("{name}/agent.log"));
        let agent = Running::start(self.prefixed(command, prefix), log);
        self.agents.insert(name.to_owned(), agent);
    }

    /// So many agents, until all of them run 1.0.0.
    fn start_agents(&mut self, count: usize) {
        for number in 0..count {
            self.start_agent(&format!("agent-{number:02}"), &Prefix::new());
        }
        self.wait_for_all("1.0.0");
    }

    fn prefixed(&self, command: Command, prefix: &Prefix) -> Command {
        let [first, rest @ ..] = prefix.as_slice() else {
            return command;
        };
        let mut prefixed = self.env.program(first);
        prefixed
            .args(rest)
            .arg(command.get_program())
            .args(command.get_args());
        prefixed
    }

    /// A request by curl: its status and body; `None` without an answer.
    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let mut command = self.env.program("curl");
        command.args([
            "-sS",
            "--max-time",
            "20",
            "-w",
            "\n%{http_code}",
            "-X",
            method,
        ]);
        command.args(["-H", &format!("Authorization: Bearer {ADMIN}")]);
        if let Some(body) = body {
            command.args(["-d", &body.to_string()]);
        }
        command.arg(format!("http://{}{path}", self.http));
        let output = self.prefixed(command, &self.prefix).output().expect("curl");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let (body, status) = text.rsplit_once('\n')?;
        let status = status.parse().ok().filter(|status| *status > 0)?;
        Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
    }

    /// A request that must succeed.
    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.request(method, path, Some(body));
        let (status, answer) = answer.unwrap_or_else(|| panic!("{}", self.told()));
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {answer}"
        );
        answer
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        // A client whose clock is false ends without an answer now and then.
        let answer = (0..5).find_map(|_| self.request("GET", path, None));
        let (status, answer) = answer.unwrap_or_else(|| panic!("{path}: {}", self.told()));
        assert_eq!(status, 200, "{path} {answer}");
        answer
    }

    fn roll_out(&self, version: &str, more: &Value) -> String {
        let mut request = json!({
            "name": NAME, "channel": "stable", "version": version,
            "soak": "3s", "deadline": "120s", "max_in_flight": "50%",
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            request[key] = value.clone();
        }
        let rollout = self.ask("POST", "/api/rollouts", &request);
        rollout["id"].as_str().expect("an id").to_owned()
    }

    fn rollout(&self, id: &str) -> Value {
        self.get(&format!("/api/rollouts/{id}"))
    }

    /// Waits until a rollout has ended, and gives it.
    #[track_caller]
    fn ended(&self, id: &str) -> Value {
        self.wait("the end of the rollout", |world| {
            // A server that is just killed has no answer.
            let rollout = world.request("GET", &format!("/api/rollouts/{id}"), None);
            rollout.is_some_and(|(_, rollout)| {
                ["succeeded", "rolled_back", "aborted"]
                    .map(Value::from)
                    .contains(&rollout["state"])
            })
        });
        self.rollout(id)
    }

    fn status(&self, agent: &str) -> Value {
        let text = std::fs::read(self.env.path(format!("{agent}/data/status.json")));
        text.map_or(Value::Null, |text| {
            serde_json::from_slice(&text).expect("a whole status")
        })
    }

    fn names(&self) -> Vec<String> {
        self.agents.keys().cloned().collect()
    }

    /// The versions that an agent has started, in their order.
    fn starts(&self, agent: &str) -> Vec<String> {
        let log = self.env.path(format!("{agent}/child.log"));
        let log = std::fs::read_to_string(log).unwrap_or_default();
        assert!(
            !log.contains("TWO"),
            "{agent}: two children at a time:\n{log}"
        );
        let started = |line: &str| Some(line.strip_prefix("start ")?.split(' ').next()?.to_owned());
        log.lines().filter_map(started).collect()
    }

    /// Waits until every agent runs a version, by its own word, and the server knows it.
    #[track_caller]
    fn wait_for_all(&self, version: &str) {
        self.wait(&format!("{version} everywhere"), |world| {
            world
                .names()
                .iter()
                .all(|name| world.status(name)["version"] == version)
        });
        self.wait(&format!("{version} known everywhere"), |world| {
            let nodes = world.request("GET", "/api/nodes", None);
            nodes.is_some_and(|(_, nodes)| {
                let nodes = nodes.as_array().expect("a list");
                nodes.len() == world.agents.len()
                    && nodes.iter().all(|node| {
                        node["running"]["version"] == version && node["health"] == "healthy"
                    })
            })
        });
    }

    #[track_caller]
    fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < LONG, "{what}\n{}", self.told());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What everyone has logged, for a test that fails: first of the agents that are not healthy.
    fn told(&self) -> String {
        let nodes = self.request("GET", "/api/nodes", None);
        let nodes = nodes.map_or(Value::Null, |(_, nodes)| nodes);
        let is_healthy = |name: &str| {
            let mut nodes = nodes.as_array().into_iter().flatten();
            nodes.any(|node| node["agent_id"] == name && node["health"] == "healthy")
        };
        let mut agents: Vec<_> = self.agents.iter().collect();
        agents.sort_by_key(|(name, _)| is_healthy(name));
        let mut told = String::new();
        for (name, agent) in agents {
            told += &format!("--- {name} {}\n{}\n", self.status(name), agent.log());
        }
        told += &self.server.as_ref().map_or_else(String::new, Running::log);
        told
    }

    /// The child of each agent is the one that it names, and there is no other.
    fn assert_one_child_each(&self) {
        for name in self.names() {
            let status = self.status(&name);
            let data = self.env.path(format!("{name}/data"));
            let children = processes_with(data.as_str());
            let pid = status["pid"].as_u64().expect("a process id");
            assert_eq!(children, [pid], "{name}: {status}");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.agents.clear();
        // The children of killed agents live on.
        for pid in processes_with(self.env.base().as_str()) {
            let _ = Command::new("kill")
                .args(["-s", "KILL", &pid.to_string()])
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// The processes of children whose command line names a folder.
fn processes_with(folder: &str) -> Vec<u64> {
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    all.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        (line.contains(folder) && line.contains("--log")).then_some(pid)
    })
    .collect()
}

/// Addresses of this machine that no other test uses. A port of 127.0.0.1 that was free can be taken
/// by a connection before it is listened on, and can be found free twice.
struct Addresses {
    /// The first three numbers.
    network: String,
    /// Keeps others from using them.
    _held: TcpListener,
}

impl Addresses {
    fn new() -> Self {
        let free = (1..=255).find_map(|number| {
            let network = format!("127.71.{number}");
            let held = TcpListener::bind(format!("{network}.254:20080")).ok()?;
            Some(Self {
                network,
                _held: held,
            })
        });
        free.expect("a network that no other test uses")
    }

    /// The one with this number, up to 253.
    fn at(&self, number: usize) -> String {
        format!("{}.{number}", self.network)
    }
}

fn members<'a>(rollout: &'a Value, phase: &str) -> Vec<&'a str> {
    let members = rollout["members"].as_array().expect("members").iter();
    let with = members.filter(|member| member["phase"] == phase);
    with.map(|member| member["agent_id"].as_str().expect("an agent"))
        .collect()
}
