//! Which binaries there are.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use larder_core::model::{Arch, Os};

use super::parameters::{ByName, Filter, Parameters, Segments, arch, place, platform, version};
use super::{Handled, JSON, tagged, words};
use crate::index::name::{Version, arch_word};
use crate::index::snapshot::{Document, json};
use crate::index::{BinaryInfo, Entry, Snapshot};
use crate::problem::{Problem, ProblemDocument, Result};
use crate::server::Server;

/// All binaries
#[utoipa::path(get, path = "/api/binaries", params(Filter), responses(
    (status = 200, description = "Sorted by name, version (newest first), platform, architecture", body = [BinaryInfo]),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn list(
    State(server): State<Arc<Server>>,
    Parameters(filter): Parameters<Filter>,
) -> Handled {
    let snapshot = ready(&server)?;
    if filter.is_empty() {
        return Ok(tagged(JSON, snapshot.list()));
    }
    let platform = filter.platform.as_deref().map(platform).transpose()?;
    let arch = filter.arch.as_deref().map(arch).transpose()?;
    let wanted = filter.version.as_deref().map(version);
    let fits = |entry: &&Arc<Entry>| {
        let of = &entry.coordinate;
        filter.name.as_deref().is_none_or(|name| name == &*of.name)
            && wanted.is_none_or(|version| version == of.version.as_str())
            && platform.is_none_or(|platform| platform == of.platform)
            && arch.is_none_or(|arch| arch == of.arch)
    };
    let found: Vec<_> = snapshot
        .entries()
        .iter()
        .filter(fits)
        .map(|e| e.info())
        .collect();
    Ok(tagged(JSON, Document::new(json(&found))))
}

/// One binary
#[utoipa::path(get, path = "/api/binaries/{version}/{platform}/{arch}",
    params(
        ("version" = String, Path, description = "With or without a leading v", example = "1.0.0"),
        ("platform" = inline(words::Platform), Path, description = "linux, darwin (or macos), windows", example = "linux"),
        ("arch" = inline(words::Architecture), Path, description = "x86_64 (or amd64), aarch64 (or arm64), arm, x86", example = "x86_64"),
        ByName,
    ),
    responses(
    (status = 200, description = "The binary", body = BinaryInfo),
    (status = 409, description = "Several names have this version; `names` lists them", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn one(
    State(server): State<Arc<Server>>,
    Segments((version, platform, arch)): Segments<(String, String, String)>,
    Parameters(by): Parameters<ByName>,
) -> Handled {
    let snapshot = ready(&server)?;
    let (platform, arch) = place(&platform, &arch)?;
    let entry = find(&snapshot, &version, (platform, arch), by.name.as_deref())?;
    Ok(tagged(JSON, Document::new(json(&entry.info()))))
}

/// The newest version
#[utoipa::path(get, path = "/api/binaries/latest/{platform}/{arch}",
    params(
        ("platform" = inline(words::Platform), Path, description = "linux, darwin (or macos), windows", example = "linux"),
        ("arch" = inline(words::Architecture), Path, description = "x86_64 (or amd64), aarch64 (or arm64), arm, x86", example = "x86_64"),
        ByName,
    ),
    responses(
    (status = 200, description = "The newest by semantic version; a pre-release only if there is nothing else", body = BinaryInfo),
    (status = 409, description = "There are several names; `names` lists them", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn newest(
    State(server): State<Arc<Server>>,
    Segments((platform, arch)): Segments<(String, String)>,
    Parameters(by): Parameters<ByName>,
) -> Handled<Response> {
    let snapshot = ready(&server)?;
    let (platform, arch) = place(&platform, &arch)?;
    let all: Vec<_> = snapshot.newest(platform, arch).collect();
    let entry = choose(all, by.name.as_deref(), |names| {
        nothing(
            &snapshot,
            "latest",
            (platform, arch),
            by.name.as_deref(),
            names,
        )
    })?;
    Ok(tagged(JSON, Document::new(json(&entry.info()))))
}

/// The index, once it is complete. Before that, absence means nothing.
pub fn ready(server: &Server) -> Result<Arc<Snapshot>> {
    if server.index.is_ready() {
        Ok(server.index.snapshot())
    } else {
        Err(Problem::unavailable(server.index.unready(), 1))
    }
}

/// The one binary of a version for a platform.
pub fn find<'a>(
    snapshot: &'a Snapshot,
    wanted: &str,
    (platform, arch): (Os, Arch),
    name: Option<&str>,
) -> Result<&'a Arc<Entry>> {
    let all: Vec<_> = snapshot.at(version(wanted), platform, arch).collect();
    choose(all, name, |names| {
        nothing(snapshot, wanted, (platform, arch), name, names)
    })
}

fn choose<'a>(
    all: Vec<&'a Arc<Entry>>,
    name: Option<&str>,
    absent: impl FnOnce(Vec<String>) -> Box<Problem>,
) -> Result<&'a Arc<Entry>> {
    let names = || {
        all.iter()
            .map(|entry| entry.coordinate.name.to_string())
            .collect()
    };
    match (name, &all[..]) {
        (None, [entry]) => Ok(entry),
        (None, [_, _, ..]) => {
            let names: Vec<String> = names();
            let detail = format!(
                "several names fit: {}; choose one with ?name=",
                names.join(", ")
            );
            Err(Problem::several_names(detail, names))
        }
        (name, entries) => entries
            .iter()
            .find(|entry| Some(&*entry.coordinate.name) == name)
            .copied()
            .ok_or_else(|| absent(names())),
    }
}

/// Why there is no such binary, and what there is instead.
fn nothing(
    snapshot: &Snapshot,
    wanted: &str,
    (platform, arch): (Os, Arch),
    name: Option<&str>,
    other_names: Vec<String>,
) -> Box<Problem> {
    let place = format!("{}/{}", platform.as_str(), arch_word(arch));
    let shown: String = wanted.chars().take(100).collect();
    let what: String = name.map_or_else(String::new, |name| {
        format!(" of {}", name.chars().take(100).collect::<String>())
    });
    let message = format!("there is no version {shown}{what} for {place}");
    let of_name = |entry: &&Arc<Entry>| name.is_none_or(|name| name == &*entry.coordinate.name);
    let entries = || snapshot.entries().iter().filter(of_name);
    let here: Vec<&Version> = entries()
        .filter(|entry| (entry.coordinate.platform, entry.coordinate.arch) == (platform, arch))
        .map(|entry| &entry.coordinate.version)
        .collect();
    let exact: Vec<String> = entries()
        .filter(|entry| entry.coordinate.version.as_str() == version(wanted))
        .map(|entry| {
            let of = &entry.coordinate;
            format!("{}/{}", of.platform.as_str(), arch_word(of.arch))
        })
        .collect();
    let rest = if !exact.is_empty() {
        format!("it exists for {}", some(exact))
    } else if !here.is_empty() {
        let mut versions = here;
        versions.sort();
        versions.dedup();
        let newest = versions
            .iter()
            .rev()
            .map(|version| version.as_str().to_owned());
        format!("for {place} there are {}", some(newest.collect()))
    } else if !other_names.is_empty() {
        format!("the names there are: {}", some(other_names))
    } else if let Some(first) = entries().next() {
        let of = &first.coordinate;
        format!(
            "nothing is there for {place}; there is, for example, {}/{}/{}",
            of.version.as_str(),
            of.platform.as_str(),
            arch_word(of.arch)
        )
    } else if snapshot.entries().is_empty() {
        "no binary is registered at all".to_owned()
    } else {
        "/api/binaries lists what there is".to_owned()
    };
    Problem::not_found(format!("{message}; {rest}"))
}

/// The first of many texts.
fn some(mut texts: Vec<String>) -> String {
    const MOST: usize = 10;
    texts.dedup();
    let more = texts.len().saturating_sub(MOST);
    texts.truncate(MOST);
    let list = texts.join(", ");
    if more > 0 {
        format!("{list} and {more} more")
    } else {
        list
    }
}
