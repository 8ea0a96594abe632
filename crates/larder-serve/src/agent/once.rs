//! Makes the binary present and verified, without running it: for scripts and containers.

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs;

use super::Settings;
use super::binaries::{self, Binaries};
use super::config::Wanted;
use super::data::{DataDir, Kept, Status, Trial};
use super::release::{DEFAULT_SOAK, Release};
use super::server::http::{Catalog, Found};
use crate::log::Log;

/// Makes the binary present, and returns its absolute path. Blocks.
pub fn once(settings: &Settings, cancel: &Cancel, log: &Log) -> Result<Utf8PathBuf> {
    let config = &settings.config;
    if let Some(path) = &config.binary_path {
        return match binaries::digest(path)? {
            Some(_) => fs::canonicalize(path),
            None => Err(Error::usage(format!("there is no file {path}"))
                .hint("`binary_path` in the agent's configuration names it")),
        };
    }
    let data = DataDir::open(
        &config.data_dir,
        settings.locks.clone(),
        cancel.clone(),
        log.clone(),
    )?;
    let catalog = Catalog::new(config, data.path(), settings.http.clone())?;
    let store = Binaries::of(data.path());
    let mut kept = data.kept().of(&config.name);
    let release = match wanted(settings, &kept, &catalog, cancel) {
        Ok(Some(release)) => release,
        // Nothing that is here is worse than nothing at all.
        other => match (other, kept.current.clone()) {
            (Ok(_), Some(current)) => current,
            (Err(error), Some(current)) if error.kind() == Kind::Unavailable => {
                log.warning(
                    &format!("{error}; version {} is used", current.version),
                    &[],
                );
                current
            }
            (Err(error), _) => return Err(error),
            (Ok(_), None) => {
                return Err(Error::unavailable(format!(
                    "the server has only versions of {} whose bytes are denied here",
                    config.name
                ))
                .hint("upload another version, or pin one with `version`"));
            }
        },
    };
    catalog.fetch(&release, &store, cancel)?;
    choose(&mut kept, &release);
    data.keep(&kept)?;
    data.tell(&Status {
        agent_id: config.agent_id.clone(),
        node_id: Some(data.node().node_id).filter(|id| !id.is_empty()),
        version: Some(release.version.clone()),
        checksum: Some(release.checksum),
        state: "stopped",
        pid: None,
        previous: kept.previous.map(|previous| previous.version),
        denied: kept.denied.into_iter().collect(),
        reason: None,
    })?;
    Ok(store.path(&release))
}

/// What the server has for the agent; `None` if it is denied here, or stays as it is.
fn wanted(
    settings: &Settings,
    kept: &Kept,
    catalog: &Catalog,
    cancel: &Cancel,
) -> Result<Option<Release>> {
    let wanted = &settings.config.wanted;
    match (wanted, &kept.current) {
        (Wanted::Latest, Some(_)) => return Ok(None),
        (Wanted::Version(version), Some(current)) if *version == current.version => {
            return Ok(None);
        }
        _ => {}
    }
    match catalog.wanted(wanted, cancel)? {
        Found::Release(release) if kept.denied.contains(&release.checksum) => Ok(None),
        Found::Release(release) => Ok(Some(release)),
        Found::Nothing(why) => Err(Error::unavailable(format!(
            "there is no binary of {} for this machine",
            settings.config.name
        ))
        .cause(why)
        .hint("upload one, or check `name`, `channel` and `version` in the agent's configuration")),
    }
}

/// Makes a version the one that the next start runs.
fn choose(kept: &mut Kept, release: &Release) {
    if kept.current.as_ref() == Some(release) {
        return;
    }
    let held = kept.trial.is_none();
    match kept.current.take() {
        Some(current) if held => kept.previous = Some(current),
        _ => {}
    }
    kept.previous = kept.previous.take().filter(|previous| previous != release);
    kept.trial = kept.previous.is_some().then(|| Trial {
        rollout: String::new(),
        soak_ms: u64::try_from(DEFAULT_SOAK.as_millis()).unwrap_or(u64::MAX),
        starts: 0,
    });
    kept.has_returned = false;
    kept.current = Some(release.clone());
}
