//! The connection to PostgreSQL that a server writes with.
//!
//! It also holds the lock that keeps a second server out, so that nothing is written without the
//! lock: both end together. After a loss the server connects again and takes the lock again. What it
//! knows is then only right if no other server has used the database meanwhile; `opened` counts
//! them. And if the connection was lost during a commit, `commits` says whether that took place.

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use larder_core::error::{Error, Kind, Result};
use larder_core::human;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, query, query_as, query_scalar};
use tokio::time::{Instant, sleep, timeout};

use super::Location;
use super::rows::Batch;

/// The advisory lock of a server: "lrdr" in ASCII, and a number.
const LOCK: (i32, i32) = (0x6c72_6472, 1);

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a call may take.
const CALL: Duration = Duration::from_secs(30);

/// How long to wait for the lock: PostgreSQL needs a moment to see that its holder has ended.
const LOCKED: Duration = Duration::from_secs(1);

/// For how long to find out whether a commit took place.
const SETTLE: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(50);

/// What a call gives.
pub(super) type Answer<'c, T> = Pin<Box<dyn Future<Output = sqlx::Result<T>> + Send + 'c>>;

/// The connection of a server, and what it must find again after a loss.
pub(super) struct Session {
    pub location: Location,
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    backend: Backend,
    opened: i64,
    commits: i64,
    /// Whether it is not known if the last commit took place.
    in_doubt: bool,
    /// Why this server can never write again.
    over: Option<Error>,
}

/// The process of PostgreSQL that serves a connection, and when it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Backend {
    pid: i32,
    started: Option<String>,
}

/// What holds the lock, as far as PostgreSQL tells this user.
#[derive(Debug)]
struct Holder {
    pid: i32,
    started: Option<String>,
    program: Option<String>,
    address: Option<String>,
}

/// Connects, as this or as any other program that only reads.
pub(super) async fn connect(
    location: &Location,
    options: &PgConnectOptions,
) -> Result<PgConnection> {
    let connected = limited(CONNECT, PgConnection::connect_with(options)).await;
    connected.map_err(|error| failed("connect to", location, &error))
}

/// Gives up after a time.
pub(super) async fn limited<T>(
    limit: Duration,
    run: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    timeout(limit, run).await.unwrap_or_else(|_| {
        let text = format!("no answer within {}", human::duration(limit));
        Err(std::io::Error::new(std::io::ErrorKind::TimedOut, text).into())
    })
}

/// What failed, and what can be done.
pub(super) fn failed(verb: &str, location: &Location, error: &sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let failed = Error::failed(format!("cannot {verb} the database {location}")).cause(error);
    match code.as_deref() {
        None if matches!(error, sqlx::Error::Tls(_)) => failed.with_kind(Kind::Refused),
        None if is_loss(error) => failed
            .with_kind(Kind::Unavailable)
            .hint("check that PostgreSQL runs there and can be reached"),
        Some("3D000") => failed
            .with_kind(Kind::Usage)
            .hint("create it first, for example with `createdb`"),
        Some("42501") => failed.with_kind(Kind::Refused).hint(
            "make this user the owner of the database, or let it create tables in its schema",
        ),
        Some(code) if code.starts_with("28") => failed.with_kind(Kind::Refused).hint(
            "check the user and the password, which may also be in PGPASSWORD or in ~/.pgpass",
        ),
        Some("53100") => failed.hint("free some space there; nothing was changed"),
        Some(code) if code.starts_with("57P") || code.starts_with("53") => {
            failed.with_kind(Kind::Unavailable)
        }
        _ => failed,
    }
}

/// Whether an error says that the connection is of no use any more.
fn is_loss(error: &sqlx::Error) -> bool {
    match error.as_database_error().and_then(DatabaseError::code) {
        // The server or the backend is ended.
        Some(code) => code.starts_with("57P") || code.starts_with("08"),
        None => matches!(
            error,
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed
        ),
    }
}

impl Session {
    /// Connects, takes the lock, and brings the tables to the schema of this larder.
    pub async fn open(location: Location, options: PgConnectOptions) -> Result<Self> {
        let name = format!("larder serve, pid {}", std::process::id());
        let options = options.application_name(&name);
        let mut connection = connect(&location, &options).await?;
        let backend = set_up(&mut connection)
            .await
            .map_err(|error| failed("use", &location, &error))?;
        if let Some(holder) = lock(&mut connection, &location, None).await? {
            return Err(is_held(&location, &holder).hint(
                "a database belongs to one server: stop that one, or name another database",
            ));
        }
        super::postgres::migrate(&mut connection, &location).await?;
        let counts =
            query_as("UPDATE larder_fleet SET opened = opened + 1 RETURNING opened, commits");
        let counts = limited(CALL, counts.fetch_one(&mut connection)).await;
        let (opened, commits) = counts.map_err(|error| failed("write to", &location, &error))?;
        Ok(Self {
            location,
            options,
            connection: Some(connection),
            backend,
            opened,
            commits,
            in_doubt: false,
            over: None,
        })
    }

    /// Why this server can never write again.
    pub fn over(&self) -> Option<&Error> {
        self.over.as_ref()
    }

    /// The connection, which holds the lock. It is to be put back unless it failed.
    async fn ready(&mut self) -> Result<PgConnection> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.connect_again(false).await,
        }
    }

    /// Connects after a loss. If a commit is being settled, it may have taken place.
    async fn connect_again(&mut self, settles: bool) -> Result<PgConnection> {
        if let Some(over) = &self.over {
            return Err(over.clone());
        }
        let mut connection = connect(&self.location, &self.options).await?;
        let failed = |error| failed("use", &self.location, &error);
        let backend = set_up(&mut connection).await.map_err(failed)?;
        let holder = lock(&mut connection, &self.location, Some(&self.backend)).await?;
        let counts = query_as("SELECT opened, commits FROM larder_fleet");
        let counts = limited(CALL, counts.fetch_one(&mut connection)).await;
        let (opened, commits): (i64, i64) = counts.map_err(failed)?;
        let restart = "restart this server: it then reads what the database has";
        if opened != self.opened {
            let location = &self.location;
            let over = Error::failed(format!(
                "another server has used the database {location} while this one was not connected"
            ));
            return Err(self.end(over.hint("run only one server; stop this one")));
        }
        if let Some(holder) = holder {
            return Err(is_held(&self.location, &holder));
        }
        match commits - self.commits {
            0 => {}
            1 if settles => self.commits = commits,
            _ => {
                let over = Error::failed(format!(
                    "the database {} is not as this server knows it",
                    self.location
                ));
                let cause = "the connection was lost during a commit, which did take place";
                return Err(self.end(over.cause(cause).hint(restart)));
            }
        }
        self.in_doubt = false;
        self.backend = backend;
        Ok(connection)
    }

    fn end(&mut self, over: Error) -> Error {
        self.over = Some(over.clone());
        over
    }

    /// Checks that the connection is there, and connects again if not.
    pub async fn check(&mut self) -> Result<()> {
        let mut connection = self.ready().await?;
        if limited(CALL, connection.ping()).await.is_err() {
            drop(connection);
            connection = self.connect_again(false).await?;
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// Runs something that can be repeated. If the connection is lost, that happens once, on a new
    /// one.
    pub async fn run<T>(
        &mut self,
        verb: &str,
        run: impl for<'c> Fn(&'c mut PgConnection) -> Answer<'c, T>,
    ) -> Result<T> {
        let mut tries = 0;
        loop {
            let mut connection = self.ready().await?;
            match limited(CALL, run(&mut connection)).await {
                Ok(value) => {
                    self.connection = Some(connection);
                    return Ok(value);
                }
                Err(error) => {
                    self.keep(connection, &error).await;
                    tries += 1;
                    if tries > 1 || !is_loss(&error) {
                        return Err(failed(verb, &self.location, &error));
                    }
                }
            }
        }
    }

    /// Keeps the connection after an error if it is still of use: closing it would release the lock.
    async fn keep(&mut self, mut connection: PgConnection, error: &sqlx::Error) {
        // This also sends the end of a transaction that was left open.
        if !is_loss(error) && limited(CONNECT, connection.ping()).await.is_ok() {
            self.connection = Some(connection);
        }
    }

    /// Writes rows in one transaction.
    pub async fn commit(&mut self, batch: &Batch) -> Result<()> {
        let mut tries = 0;
        loop {
            let mut connection = self.ready().await?;
            let mut is_sent = false;
            let commit = async {
                let mut transaction = connection.begin().await?;
                super::postgres::write(&mut transaction, batch).await?;
                is_sent = true;
                transaction.commit().await
            };
            let Err(error) = limited(CALL, commit).await else {
                self.commits += 1;
                self.connection = Some(connection);
                return Ok(());
            };
            if is_sent {
                drop(connection);
                return self.settle(&error).await;
            }
            self.keep(connection, &error).await;
            tries += 1;
            if tries > 1 || !is_loss(&error) {
                return Err(failed("write to", &self.location, &error));
            }
        }
    }

    /// Finds out whether a commit took place whose answer is missing.
    async fn settle(&mut self, error: &sqlx::Error) -> Result<()> {
        self.in_doubt = true;
        let before = self.commits;
        let start = Instant::now();
        loop {
            match self.connect_again(true).await {
                Ok(connection) => {
                    self.connection = Some(connection);
                    if self.commits > before {
                        return Ok(());
                    }
                    return Err(failed("write to", &self.location, error));
                }
                Err(_) if self.over.is_none() && start.elapsed() < SETTLE => sleep(PAUSE * 5).await,
                Err(again) => {
                    return Err(again.context(format!(
                        "cannot find out whether the database {} has what was written last",
                        self.location
                    )));
                }
            }
        }
    }
}

/// Settings that larder needs, whatever the database's are.
async fn set_up(connection: &mut PgConnection) -> sqlx::Result<Backend> {
    // PostgreSQL is to notice within half a minute if this machine is gone. A commit is to be on the
    // disk when it returns.
    let set = query(
        "SELECT set_config('tcp_keepalives_idle', '10', false),
                set_config('tcp_keepalives_interval', '5', false),
                set_config('tcp_keepalives_count', '4', false),
                set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                    WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)",
    );
    limited(CALL, set.execute(&mut *connection)).await?;
    let backend = query_as(
        "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()",
    );
    let (pid, started) = limited(CALL, backend.fetch_one(connection)).await?;
    Ok(Backend { pid, started })
}

/// Takes the lock, or says who holds it. A connection that this server had before is ended.
async fn lock(
    connection: &mut PgConnection,
    location: &Location,
    before: Option<&Backend>,
) -> Result<Option<Holder>> {
    let failed = |error| failed("lock", location, &error);
    let start = Instant::now();
    loop {
        let taken = query_scalar("SELECT pg_try_advisory_lock($1, $2)")
            .bind(LOCK.0)
            .bind(LOCK.1);
        if limited(CALL, taken.fetch_one(&mut *connection))
            .await
            .map_err(failed)?
        {
            return Ok(None);
        }
        let holder = query_as(
            "SELECT l.pid, a.backend_start::text, a.application_name, host(a.client_addr)
             FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND l.classid = $1::bigint::oid AND l.objid = $2::bigint::oid",
        );
        let holder = holder.bind(i64::from(LOCK.0)).bind(i64::from(LOCK.1));
        let holder = limited(CALL, holder.fetch_optional(&mut *connection)).await;
        let holder = holder.map_err(failed)?.map(Holder::new);
        if let Some(holder) = holder {
            let is_own = before
                .is_some_and(|before| before.pid == holder.pid && before.started == holder.started);
            if is_own {
                let end = query("SELECT pg_terminate_backend($1)").bind(holder.pid);
                limited(CALL, end.execute(&mut *connection))
                    .await
                    .map_err(failed)?;
            }
            if start.elapsed() >= LOCKED {
                return Ok(Some(holder));
            }
        }
        sleep(PAUSE).await;
    }
}

fn is_held(location: &Location, holder: &Holder) -> Error {
    Error::unavailable(format!(
        "another server uses the database {location} ({holder})"
    ))
}

impl Holder {
    fn new(
        (pid, started, program, address): (i32, Option<String>, Option<String>, Option<String>),
    ) -> Self {
        Self {
            pid,
            started,
            program,
            address,
        }
    }
}

impl Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let program = self.program.as_deref().unwrap_or_default();
        let clean: String = program.chars().filter(|c| !c.is_control()).collect();
        if !clean.is_empty() {
            write!(f, "`{clean}`, ")?;
        }
        if let Some(address) = &self.address {
            write!(f, "from {address}, ")?;
        }
        if let Some(started) = &self.started {
            write!(f, "connected since {started}, ")?;
        }
        write!(f, "process {} of PostgreSQL", self.pid)
    }
}
