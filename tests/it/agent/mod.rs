//! `larder agent` through the command line: with a real server for HTTP, a fake one for gRPC, and
//! real children.

pub mod fake_fleet;
pub mod program;
mod recovery;
mod start;
mod updates;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use larder_serve::fleet::v1::Target;
use serde_json::Value;

use crate::env::TestEnv;
use crate::serve::{Serving, machine, put, sha256};
use crate::servers::ports::free_port;
use fake_fleet::FakeFleet;
use program::{Behaviour, program};

/// How long a test waits for what must happen.
pub const LONG: Duration = Duration::from_mins(1);

/// The name of what is run.
const NAME: &str = "tool";

/// The platform and architecture of this machine, as the server writes them.
fn place() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

/// The file of a version.
pub fn file(version: &str) -> String {
    format!("{NAME}-{version}-{}", place())
}

/// A machine with a server and the configuration of an agent.
pub struct Site {
    pub env: TestEnv,
    serving: Option<Serving>,
    fleet: Option<FakeFleet>,
    /// The port of the child.
    port: u16,
}

impl Site {
    /// One with a server for HTTP.
    pub fn new() -> Self {
        let env = machine();
        Self {
            serving: Some(Serving::start(&env, &[])),
            fleet: None,
            env,
            port: free_port(),
        }
    }

    /// One with a fake server for gRPC, too.
    pub fn with_fleet() -> Self {
        let mut site = Self::new();
        site.fleet = Some(FakeFleet::start());
        site
    }

    pub fn fleet(&self) -> &FakeFleet {
        self.fleet.as_ref().expect("a fleet")
    }

    /// Uploads a version, and gives its digest.
    pub fn upload(&self, version: &str, behaviour: Behaviour) -> String {
        self.upload_bytes(version, program(version, behaviour).as_bytes())
    }

    pub fn upload_bytes(&self, version: &str, bytes: &[u8]) -> String {
        put(&self.env, &file(version), bytes);
        let serving = self.serving.as_ref().expect("a server");
        serving.wait("the upload", |serving| {
            serving.files().contains(&file(version))
        });
        sha256(bytes)
    }

    /// What the fake server tells the agent to run.
    pub fn target(&self, version: &str, rollout: &str) -> Target {
        let bytes = std::fs::read(self.env.path(format!("binaries/{}", file(version))));
        let bytes = bytes.expect("an uploaded file");
        Target {
            name: NAME.into(),
            version: version.into(),
            checksum: sha256(&bytes),
            file: file(version),
            size_bytes: bytes.len() as u64,
            rollout: rollout.into(),
            soak_ms: 2000,
            within_ms: 50,
        }
    }

    /// Tells the agent to run a version.
    pub fn offer(&self, version: &str, rollout: &str) {
        let target = self.target(version, rollout);
        self.fleet().state().target = Some(target);
    }

    /// The configuration, with further lines in `[agent]` and in `[storage]`.
    pub fn configure(&self, agent: &str, storage: &str) {
        let http = self.serving.as_ref().map_or_else(
            || "127.0.0.1:9".to_owned(),
            |serving| serving.address.to_string(),
        );
        let host = self.fleet.as_ref().map_or_else(String::new, |fleet| {
            format!("master_host = \"{}\"\n", fleet.address)
        });
        let log = self.env.path("child.log");
        let port = self.port;
        self.env.write(
            "agent.toml",
            format!(
                "[agent]\nagent_id = \"agent-1\"\n{host}{agent}\n[storage]\nname = \"{NAME}\"\n\
                 master_binary_url = \"http://{http}\"\ndata_dir = \"data\"\npoll = \"100ms\"\n\
                 args = [\"--port\", \"{port}\", \"--log\", \"{log}\"]\n{storage}\n"
            ),
        );
    }

    /// The configuration with checks of the child's health, which a busy machine gives long enough
    /// to start.
    pub fn configure_with_health(&self, agent: &str, storage: &str) {
        self.configure_with_grace("20s", agent, storage);
    }

    /// The same for a child that may not become healthy, so that a test waits for the grace.
    pub fn configure_with_grace(&self, grace: &str, agent: &str, storage: &str) {
        let health = format!(
            "health = {{http = \"http://127.0.0.1:{}/health\", interval = \"50ms\", grace = \"{grace}\", \
             passes = 2, failures = 2}}\n{storage}",
            self.port
        );
        self.configure(agent, &health);
    }

    /// Starts an agent.
    pub fn start(&self) -> Agent<'_> {
        self.start_with(self.env.command(["agent", "--config", "agent.toml"]))
    }

    pub fn start_with(&self, mut command: Command) -> Agent<'_> {
        let log = self.env.path(format!("agent-{}.log", nanoseconds()));
        let stderr = std::fs::File::create(&log).expect("create the log");
        // What an earlier agent has told says nothing about this one.
        let _ = std::fs::remove_file(self.env.path("data/status.json"));
        let child = command
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("start the agent");
        Agent {
            site: self,
            child,
            log,
        }
    }

    /// The file `status.json`; null if it is not there yet.
    pub fn status(&self) -> Value {
        let text = std::fs::read(self.env.path("data/status.json"));
        // It is written atomically, so it is never half there.
        text.map_or(Value::Null, |text| {
            serde_json::from_slice(&text).expect("a whole status")
        })
    }

    /// What the children have written.
    pub fn child_log(&self) -> String {
        std::fs::read_to_string(self.env.path("child.log")).unwrap_or_default()
    }

    /// The versions that were started, in this order.
    pub fn starts(&self) -> Vec<String> {
        let log = self.child_log();
        assert!(!log.contains("TWO"), "two children ran at a time:\n{log}");
        log.lines()
            .filter_map(|line| line.strip_prefix("start ")?.split(' ').next())
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Site {
    /// Nothing that a test has started outlives it.
    fn drop(&mut self) {
        for line in self.child_log().lines() {
            let pids = line.split(' ').filter(|word| word.parse::<u32>().is_ok());
            for pid in pids {
                // Ids are used again: only what belongs to this test is ended.
                let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                let data = self.env.path("data");
                if String::from_utf8_lossy(&environ).contains(data.as_str()) {
                    kill(pid, "KILL");
                }
            }
        }
    }
}

fn nanoseconds() -> u128 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos())
}

pub fn kill(pid: &str, signal: &str) {
    let _ = Command::new("kill")
        .args(["-s", signal, pid])
        .stderr(Stdio::null())
        .status();
}

/// Whether a process runs.
pub fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// A running agent. It is killed with the test.
pub struct Agent<'s> {
    site: &'s Site,
    pub child: Child,
    log: Utf8PathBuf,
}

impl Agent<'_> {
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log")
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(
                start.elapsed() < LONG,
                "{what}\n{}\n{}\n{}",
                self.site.status(),
                self.log(),
                self.site.child_log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the log says something.
    #[track_caller]
    pub fn says(&self, text: &str) {
        self.wait(text, || self.log().contains(text));
    }

    /// Waits until a version is in a state, and gives the child's process id.
    #[track_caller]
    pub fn wait_for(&self, version: &str, state: &str) -> u64 {
        self.wait(&format!("{version} {state}"), || {
            let status = self.site.status();
            status["version"] == version && status["state"] == state
        });
        self.site.status()["pid"].as_u64().unwrap_or(0)
    }

    pub fn signal(&self, name: &str) {
        kill(&self.child.id().to_string(), name);
    }

    /// Waits for the end, and gives the exit code.
    #[track_caller]
    pub fn end(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status.code();
            }
            assert!(start.elapsed() < LONG, "it does not end\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it as an administrator does.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal("TERM");
        assert_eq!(self.end(), Some(0), "{}", self.log());
    }

    /// Kills the agent alone.
    pub fn kill(mut self) {
        self.signal("KILL");
        self.end();
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
