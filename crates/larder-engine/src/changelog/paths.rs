//! Which paths of the repository belong to a subsystem: a commit counts if it changes one of them.

use std::collections::BTreeSet;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::project::publish::Changelog;
use larder_core::project::{RenderedSource, Subsystem};
use larder_remote::git::Repository;

/// The paths of a subsystem, relative to the top folder of the repository.
pub struct Paths {
    /// All paths whose commits count.
    pub all: Vec<String>,
    /// The folders of its sources.
    pub sources: Vec<String>,
}

/// The paths of a subsystem: those of the configuration, else its recipe's folder and the folders
/// that it is built from.
pub fn of(repository: &Repository<'_>, subsystem: &Subsystem, config: &Changelog) -> Result<Paths> {
    let mut sources = BTreeSet::new();
    for platform in &subsystem.platforms {
        let rendered = subsystem.rendered_build(platform, "<out>", "<src>")?;
        if let Some(RenderedSource::Dir(folder)) = rendered.map(|build| build.source) {
            sources.extend(in_repository(repository, &folder.path)?);
        }
    }
    let mut all = BTreeSet::new();
    if config.paths.is_empty() {
        all.extend(sources.iter().cloned());
        all.extend(in_repository(repository, &subsystem.dir)?);
    }
    for path in &config.paths {
        let found = in_repository(repository, &subsystem.dir.join(path))?;
        all.insert(found.ok_or_else(|| {
            Error::usage(format!(
                "`{path}` of the changelog of {} is outside of the repository {}",
                subsystem.name,
                repository.top()
            ))
            .hint("write paths relative to the recipe's folder in `publish.changelog.paths`")
        })?);
    }
    if all.is_empty() {
        return Err(Error::usage(format!(
            "no path of {} is in the repository {}",
            subsystem.name,
            repository.top()
        ))
        .hint("name the paths whose commits count in `publish.changelog.paths`"));
    }
    Ok(Paths {
        all: all.into_iter().collect(),
        sources: sources.into_iter().collect(),
    })
}

/// A path relative to the top folder of the repository, with `/`; `None` if it is outside.
pub fn in_repository(repository: &Repository<'_>, path: &Utf8Path) -> Result<Option<String>> {
    let real = real(path)?;
    let relative = real.strip_prefix(repository.top()).ok();
    Ok(relative.map(|path| path.as_str().replace('\\', "/")))
}

/// A path without links as far as it exists, and without `..`.
fn real(path: &Utf8Path) -> Result<Utf8PathBuf> {
    if fs::exists(path) {
        return fs::canonicalize(path);
    }
    match (path.parent(), path.components().next_back()) {
        (Some(parent), Some(Utf8Component::Normal(name))) => Ok(real(parent)?.join(name)),
        (Some(parent), Some(Utf8Component::ParentDir)) => {
            let mut real = real(parent)?;
            real.pop();
            Ok(real)
        }
        (Some(parent), Some(_)) => real(parent),
        _ => Ok(path.to_owned()),
    }
}
