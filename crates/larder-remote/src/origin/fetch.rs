//! Fetches an original from the publisher that its coordinate names. Each kind of publisher has its
//! own file.

use super::fetched::{Fetched, Publishers, Purpose};
use super::{npm, pypi, web};
use crate::http::Client;
use crate::tool::Tools;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::model::Platform;
use larder_core::project::{Coordinate, Original, Signed};

/// Fetches an original; `None` if the publisher does not have it. With `ask_statements`, also reads
/// the digest that the publisher states, from its checksums file or its registry. The caller checks
/// a digest that the recipe pins.
///
/// Under `--offline` no request is sent. A registry that gave no answer is not contacted again in
/// this run.
pub fn fetch(
    publishers: Publishers<'_>,
    original: &Original,
    platform: Platform,
    ask_statements: bool,
    cancel: &Cancel,
) -> Result<Option<Fetched>> {
    let purpose = Purpose::Read {
        pinned: !ask_statements,
    };
    open(
        publishers,
        original,
        platform,
        ask_statements,
        purpose,
        cancel,
    )
}

/// As [`fetch`], for a purpose.
fn open(
    publishers: Publishers<'_>,
    original: &Original,
    platform: Platform,
    ask_statements: bool,
    purpose: Purpose,
    cancel: &Cancel,
) -> Result<Option<Fetched>> {
    cancel.check()?;
    let Original {
        coordinate,
        checksum,
        signature,
        extract: _,
        format: _,
        keep: _,
        emulated: _,
    } = original;
    // What a signature is of is always read.
    let signs = |of| {
        signature
            .as_ref()
            .is_some_and(|signature| signature.of == of)
    };
    let statements = web::Statements {
        checksum: checksum
            .as_ref()
            .filter(|_| ask_statements || signs(Signed::Checksums)),
        signature: signature.as_ref(),
    };
    let client = publishers.client;
    let tools = Tools::new(publishers.settings, cancel);
    match coordinate {
        Coordinate::GitHub { repo, tag, asset } => web::fetch(
            publishers,
            &web::github(publishers, repo, tag, asset)?,
            statements,
            Some((repo, tag)),
            purpose,
        ),
        Coordinate::Url(url) => web::fetch(publishers, &web::url(url)?, statements, None, purpose),
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

/// Whether the publisher has an original, under the same conditions as [`fetch`]. The file's bytes
/// are not read, and a registry's client downloads nothing.
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
        Coordinate::GitHub { .. } | Coordinate::Url(_) => open(
            publishers,
            original,
            platform,
            ask_statements,
            Purpose::Probe,
            cancel,
        )
        .map(|f| f.is_some()),
        Coordinate::Npm { package, version } => registry(client, "npm", coordinate, || {
            npm::exists(package, version, tools)
        }),
        Coordinate::Pypi { package, version } => registry(client, "pypi", coordinate, || {
            pypi::exists(package, version, platform, tools)
        }),
    }
}

/// Contacts a registry through its own client, unless it gave no answer before.
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
        .hint("run once without `--offline`; the downloaded files are then in the cache"));
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

/// Where the file of a coordinate is, as [`Fetched::place`] says it; nothing is asked for.
pub fn place(publishers: Publishers<'_>, coordinate: &Coordinate) -> Result<String> {
    Ok(match coordinate {
        Coordinate::GitHub { repo, tag, asset } => {
            web::github(publishers, repo, tag, asset)?.coordinate
        }
        Coordinate::Url(url) => web::url(url)?.coordinate,
        Coordinate::Npm { package, version } => format!("npm:{package}@{version}"),
        Coordinate::Pypi { package, version } => format!("pypi:{package}=={version}"),
    })
}

/// A coordinate for messages.
pub fn describe(coordinate: &Coordinate) -> String {
    match coordinate {
        Coordinate::GitHub { repo, tag, asset } => format!("github.com/{repo} {tag}/{asset}"),
        Coordinate::Url(url) => crate::http::redact(url),
        Coordinate::Npm { package, version } => format!("npm {package}@{version}"),
        Coordinate::Pypi { package, version } => format!("pypi {package}=={version}"),
    }
}
