//! Asks the publisher that a coordinate names. Knows no publisher's ways; each has a file of its
//! own.

use super::fetched::{Fetched, Publishers};
use super::{npm, pypi, web};
use crate::http::Client;
use crate::tool::Tools;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::model::Platform;
use larder_core::project::{Coordinate, Original};

/// Asks for an original; `None` where the publisher has none. With `ask_statements` also asks what
/// the publisher states of its digest: its checksums file, or its registry. A digest that the
/// recipe pins is the caller's to check.
///
/// Nobody is asked under `--offline`; a registry that gave no answer is not asked again in this
/// run.
pub fn fetch(
    publishers: Publishers<'_>,
    original: &Original,
    platform: Platform,
    ask_statements: bool,
    cancel: &Cancel,
) -> Result<Option<Fetched>> {
    cancel.check()?;
    let Original {
        coordinate,
        checksum,
        extract: _,
    } = original;
    let checksum = checksum.as_ref().filter(|_| ask_statements);
    let client = publishers.client;
    let tools = Tools::new(publishers.settings, cancel);
    match coordinate {
        Coordinate::GitHub { repo, tag, asset } => web::fetch(
            publishers,
            &web::github(publishers, repo, tag, asset)?,
            checksum,
            Some((repo, tag)),
        ),
        Coordinate::Url(url) => web::fetch(publishers, &web::url(url)?, checksum, None),
        Coordinate::Npm { package, version } => registry(client, "npm", coordinate, || {
            npm::fetch(
                &npm::Request {
                    package,
                    version,
                    ask_statements,
                },
                tools,
            )
        }),
        Coordinate::Pypi { package, version } => registry(client, "pypi", coordinate, || {
            pypi::fetch(
                &pypi::Request {
                    package,
                    version,
                    platform,
                    ask_statements,
                },
                tools,
            )
        }),
    }
}

/// Whether the publisher has an original, under the same conditions as [`fetch`]: no byte of the file
/// is read, and a registry downloads nothing.
pub fn exists(
    publishers: Publishers<'_>,
    original: &Original,
    platform: Platform,
    ask_statements: bool,
    cancel: &Cancel,
) -> Result<bool> {
    let client = publishers.client;
    let tools = Tools::new(publishers.settings, cancel);
    let coordinate = &original.coordinate;
    match coordinate {
        Coordinate::GitHub { .. } | Coordinate::Url(_) => {
            fetch(publishers, original, platform, ask_statements, cancel).map(|f| f.is_some())
        }
        Coordinate::Npm { package, version } => registry(client, "npm", coordinate, || {
            npm::exists(package, version, tools)
        }),
        Coordinate::Pypi { package, version } => registry(client, "pypi", coordinate, || {
            pypi::exists(package, version, platform, tools)
        }),
    }
}

/// Asks a registry through its own client.
fn registry<T>(
    client: &Client,
    name: &str,
    coordinate: &Coordinate,
    ask: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if client.settings().offline {
        return Err(Error::unavailable(format!(
            "{} is needed, but `--offline` is set",
            describe(coordinate)
        ))
        .hint("run once without `--offline`; what came then is in the cache"));
    }
    if let Some(error) = client.unanswered(name) {
        return Err(error);
    }
    let found = ask();
    if let Err(error) = &found
        && error.kind() == Kind::Unavailable
    {
        client.set_unanswered(name, error);
    }
    found
}

/// A coordinate for people.
pub fn describe(coordinate: &Coordinate) -> String {
    match coordinate {
        Coordinate::GitHub { repo, tag, asset } => format!("github.com/{repo} {tag}/{asset}"),
        Coordinate::Url(url) => crate::http::redact(url),
        Coordinate::Npm { package, version } => format!("npm {package}@{version}"),
        Coordinate::Pypi { package, version } => format!("pypi {package}=={version}"),
    }
}
