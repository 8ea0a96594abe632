//! A PostgreSQL server of Debian's package on a free port of the loopback, which ends with the test. The tests of the
//! crate `larder-serve` include this file too.

#![allow(dead_code, reason = "each of the two needs some of it")]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long something may take on a busy machine.
const LONG: Duration = Duration::from_mins(1);

/// The user and group `nobody`: PostgreSQL refuses to run as root.
const NOBODY: &str = "65534";

/// A server. Its superuser is `larder`, with the password `secret`.
pub struct PostgresServer {
    child: Child,
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

/// The folder with the programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders
        .filter(|folder| folder.join("initdb").exists())
        .max()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("run id");
    id.stdout == b"0\n"
}

/// A program of PostgreSQL, as a user that it accepts.
fn program(path: PathBuf) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        let user = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
        command.args(user).arg("--clear-groups");
        // It also ends if the test is killed.
        command.args(["--pdeathsig", "QUIT", "--"]).arg(path);
        command
    } else {
        Command::new(path)
    };
    command
        .current_dir("/")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

fn succeeded(output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

impl PostgresServer {
    /// Starts a server. `None`, with a message, where it can't be expected to be installed.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                !(cfg!(target_os = "linux") && is_root()),
                "PostgreSQL is not installed: apt-get install postgresql"
            );
            eprintln!("skipped: PostgreSQL is not installed below /usr/lib/postgresql");
            return None;
        };
        let folder = tempfile::Builder::new()
            .prefix("larder-postgres-")
            .tempdir_in("/tmp")
            .expect("create a folder");
        let password = folder.path().join("password");
        std::fs::write(&password, "secret").expect("write the password");
        if is_root() {
            for path in [folder.path(), &password] {
                let id = NOBODY.parse().ok();
                std::os::unix::fs::chown(path, id, id).expect("change the owner");
            }
        }
        let mut initdb = program(programs.join("initdb"));
        initdb.arg("--pwfile").arg(&password);
        initdb.arg("--pgdata").arg(folder.path().join("data"));
        initdb.args(["--username=larder", "--auth=scram-sha-256", "--no-sync"]);
        initdb.args(["--encoding=UTF8", "--no-instructions"]);
        succeeded(initdb.output().expect("run initdb"));
        // Another process can take the port before the server does.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
            let port = free.expect("a free port").port();
            if let Some(child) = launch(&programs, &folder, port) {
                return Some(Self {
                    child,
                    programs,
                    folder,
                    port,
                });
            }
        }
        panic!("it does not start: {}", log(&folder));
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The url of a database.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://larder:secret@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// Makes a database, and gives its url.
    pub fn create(&self, database: &str) -> String {
        let output = self.client("createdb").arg(database).output();
        succeeded(output.expect("run createdb"));
        self.url(database)
    }

    /// Runs SQL, and gives what it answers.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = self.client("psql");
        let output = psql.args(["-qAtX", "-d", database, "-c", sql]).output();
        succeeded(output.expect("run psql"))
    }

    /// Ends all connections of servers of larder to a database.
    pub fn cut(&self, database: &str) {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name LIKE 'larder serve%'";
        assert_ne!(self.sql(database, sql), "0");
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.signal("INT");
        self.child.wait().expect("the end of the server");
    }

    /// Starts it again after a stop, on the same port.
    pub fn start_again(&mut self) {
        let child = launch(&self.programs, &self.folder, self.port);
        self.child = child.unwrap_or_else(|| panic!("{}", log(&self.folder)));
    }

    fn client(&self, name: &str) -> Command {
        let mut client = program(self.programs.join(name));
        let port = self.port.to_string();
        client.args(["-h", "127.0.0.1", "-p", &port, "-U", "larder"]);
        client.env("PGPASSWORD", "secret");
        client
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("run kill").success());
    }
}

fn log(folder: &tempfile::TempDir) -> String {
    std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
}

/// Starts the server and waits until it can be used. `None` if it ends before that.
fn launch(programs: &std::path::Path, folder: &tempfile::TempDir, port: u16) -> Option<Child> {
    let stderr = std::fs::File::create(folder.path().join("log")).expect("create the log");
    let mut postgres = program(programs.join("postgres"));
    postgres.arg("-D").arg(folder.path().join("data"));
    postgres.args(["-F", "-h", "127.0.0.1", "-k", "", "-p", &port.to_string()]);
    postgres.args(["-c", "shared_buffers=32MB", "-c", "max_connections=40"]);
    postgres.stdout(Stdio::null()).stderr(stderr);
    let mut child = postgres.spawn().expect("start postgres");
    let start = Instant::now();
    while !log(folder).contains("database system is ready to accept connections") {
        if child.try_wait().expect("wait").is_some() {
            return None;
        }
        assert!(start.elapsed() < LONG, "{}", log(folder));
        std::thread::sleep(Duration::from_millis(10));
    }
    Some(child)
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Its processes end at once, and clean nothing up.
            self.signal("QUIT");
            let _ = self.child.wait();
        }
    }
}
