//! Where the database of the fleet is. A url can hold a password, so nothing here shows it.

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::{Error, Result};
use percent_encoding::percent_decode_str;
use sqlx::postgres::PgConnectOptions;

/// The name of the database in the folder of the server's data.
pub const FILE: &str = "fleet.db";

/// Where a database is.
#[derive(Clone)]
pub struct Location(pub(super) Place);

#[derive(Clone)]
pub(super) enum Place {
    /// A file of SQLite.
    Sqlite(Utf8PathBuf),
    /// A database of a PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
}

impl Location {
    /// The file in the folder of the server's data.
    pub fn in_data(data: &Utf8Path) -> Self {
        Self(Place::Sqlite(data.join(FILE)))
    }

    /// Reads a url: `sqlite://PATH`, whose path begins at `start`, or `postgres://…`.
    pub fn parse(url: &str, start: &Utf8Path) -> Result<Self> {
        // The text is not quoted: it can hold a password.
        let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                let decoded = percent_decode_str(path).decode_utf8();
                match decoded {
                    Ok(decoded) if is_path(path) => Ok(Self(Place::Sqlite(start.join(&*decoded)))),
                    Ok(_) | Err(_) => Err(Error::usage("--database: no file is named after sqlite:")
                        .hint("write sqlite://PATH, such as sqlite:///var/lib/larder/fleet.db; a `?` in a path is `%3F`")),
                }
            }
            "postgres" | "postgresql" => match PgConnectOptions::from_str(url) {
                Ok(options) => Ok(Self(Place::Postgres(Box::new(options)))),
                Err(error) => Err(Error::usage("--database: the url of PostgreSQL is not valid")
                    .cause(error)
                    .hint("write postgres://USER@HOST:PORT/DATABASE; special characters in names are percent-encoded")),
            },
            _ => Err(Error::usage("--database: the url names no kind of database that larder can use")
                .hint("write sqlite://PATH or postgres://USER@HOST:PORT/DATABASE")),
        }
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Utf8Path> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Postgres(_) => None,
        }
    }
}

/// Whether a text after `sqlite://` names a file, and nothing else.
fn is_path(text: &str) -> bool {
    !text.is_empty() && !text.contains('?') && text != ":memory:" && !text.ends_with('/')
}

/// The file, or the url without its password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "{path}"),
            Place::Postgres(options) => {
                write!(f, "postgres://{}@", options.get_username())?;
                match options.get_socket() {
                    Some(socket) => write!(f, "{}", socket.display())?,
                    None => write!(f, "{}:{}", options.get_host(), options.get_port())?,
                }
                let database = options.get_database();
                write!(f, "/{}", database.unwrap_or(options.get_username()))
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_shown_without_their_password() {
        let start = Utf8Path::new("/start");
        for (url, shown) in [
            ("sqlite:///var/fleet.db", "/var/fleet.db"),
            ("sqlite://fleet.db", "/start/fleet.db"),
            ("sqlite:a/fleet.db", "/start/a/fleet.db"),
            ("sqlite://a%3Fb.db", "/start/a?b.db"),
            (
                "postgres://me:secret@db:5433/fleet",
                "postgres://me@db:5433/fleet",
            ),
            ("postgresql://me:secret@db:5432", "postgres://me@db:5432/me"),
            (
                "postgres://me@db:1/fleet?password=secret&sslmode=require",
                "postgres://me@db:1/fleet",
            ),
        ] {
            let location = Location::parse(url, start).unwrap();
            assert_eq!(location.to_string(), shown);
            assert!(!format!("{location:?}").contains("secret"));
        }
        for url in [
            "",
            "fleet.db",
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://folder/",
            "sqlite://fleet.db?mode=memory",
            "mysql://me:secret@db/fleet",
            "secret://db",
            "postgres://me:secret@db:port/fleet",
            "postgres://me:secret@db/fleet?sslmode=wrong",
            "postgres://me:secret",
        ] {
            let Err(error) = Location::parse(url, start) else {
                panic!("{url}");
            };
            assert_eq!(error.kind().exit_code(), 2, "{url}");
            assert!(!format!("{error}").contains("secret"), "{error}");
            assert!(!error.hints().is_empty(), "{error}");
        }
    }
}
