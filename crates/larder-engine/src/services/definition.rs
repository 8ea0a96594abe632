//! What decides whether a running service is still the one that versions.yml describes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::installed::Bin;
use larder_core::error::Result;
use larder_core::formats::stamp;
use larder_core::fs;
use larder_core::model::{Digest, Name};
use larder_core::project::{Project, Service};

/// What a service was started with. A change of it restarts the service; a change of how to find out
/// that it is ready, or of what it needs, does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Definition {
    command: String,
    dir: String,
    /// A digest, because values of variables can be secrets.
    env: String,
    /// A digest of the stamp of each subsystem that the service's needs ensure.
    binaries: BTreeMap<String, String>,
}

impl Definition {
    /// The definition of a service as it is now, after its needs have run.
    pub(super) fn of(project: &Project, service: &Service) -> Result<Self> {
        let env = serde_json::to_vec(&service.env).unwrap_or_default();
        Ok(Self {
            command: service.command.clone(),
            dir: service.dir.to_string(),
            env: Digest::of(&env).short(),
            binaries: binaries(project, &service.needs)?,
        })
    }

    /// Why a service with this definition has to be restarted to have the other one.
    pub(super) fn change_to(&self, other: &Self) -> Option<String> {
        let Self {
            command,
            dir,
            env,
            binaries,
        } = self;
        if *command != other.command {
            return Some("its command has changed".into());
        }
        if *dir != other.dir {
            return Some("its folder has changed".into());
        }
        if *env != other.env {
            return Some("its variables have changed".into());
        }
        let names = binaries.keys().chain(other.binaries.keys());
        let changed = names
            .into_iter()
            .find(|name| binaries.get(*name) != other.binaries.get(*name));
        changed.map(|name| format!("`{name}` has changed"))
    }
}

/// The installed subsystems that are named by the `ensure` lines among the needs.
fn binaries(project: &Project, needs: &[String]) -> Result<BTreeMap<String, String>> {
    let words = needs
        .iter()
        .filter_map(|need| need.strip_prefix("ensure "))
        .flat_map(str::split_whitespace);
    let mut names: Vec<&Name> = Vec::new();
    for word in words {
        if word == "all" {
            names.extend(project.subsystems.keys());
        }
        names.extend(
            project
                .subsystems
                .keys()
                .filter(|name| name.as_str() == word),
        );
    }
    let mut found = BTreeMap::new();
    for name in names {
        let Some(subsystem) = project.subsystems.get(name) else {
            continue;
        };
        let host = subsystem.host();
        let bin = Bin::new(name, &subsystem.dir, &host, &host);
        if let Some(text) = fs::read_opt(bin.dir().join(stamp::FILE))? {
            found.insert(name.to_string(), Digest::of(&text).short());
        }
    }
    Ok(found)
}
