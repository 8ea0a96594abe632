//! A binary that a running `larder serve` offers from a folder: its API says which there are, with
//! their digests.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::acquire::intake;
use crate::events::Finished;
use crate::install::{Chain, place_file};
use larder_core::error::{Error, Result};
use larder_core::executable;
use larder_core::formats::documents::SourceEntry;
use larder_core::fs;
use larder_core::model::{
    Action, Digest, Name, Outcome, Platform, SourceKind, Target, Version, version_order,
};
use larder_remote::RemoteSettings;
use larder_remote::http::{Client, Method, Request, Url, parse_url, shown};
use larder_remote::origin::Stated;

/// More bytes than the versions of one binary need.
const MAX_LIST: u64 = 16 * 1024 * 1024;

/// What is used of the API's description of a binary.
#[derive(Clone, Debug, Deserialize)]
struct Info {
    name: String,
    version: String,
    checksum: Digest,
    size_bytes: u64,
    path: String,
}

/// A binary for this machine on a running server.
pub struct Served {
    client: Arc<Client>,
    url: Url,
    target: Target,
    version: Version,
    info: Info,
    temp: std::path::PathBuf,
    started: Instant,
}

impl Served {
    /// Finds a binary; without a version, the newest one. `None` if nothing at the url answers as
    /// `larder serve` does.
    pub fn find(
        base: &str,
        settings: &RemoteSettings,
        client: &Arc<Client>,
        name: &Name,
        version: Option<&Version>,
    ) -> Result<Option<Self>> {
        let started = Instant::now();
        let platform = Platform::host();
        let mut url = below(base, &["api", "binaries"])?;
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("name", name.as_str())
                .append_pair("platform", platform.os.as_str())
                .append_pair("arch", platform.arch.as_str());
            if let Some(version) = version {
                query.append_pair("version", plain(version.as_str()));
            }
        }
        let Some(bytes) = client.get_small(Request::new(Method::GET, url)?, MAX_LIST)? else {
            return Ok(None);
        };
        let Ok(all) = serde_json::from_slice::<Vec<Info>>(&bytes) else {
            return Ok(None);
        };
        let mut versions: Vec<(Version, Info)> = all
            .into_iter()
            .filter(|info| info.name == name.as_str())
            .filter_map(|info| Some((info.version.parse().ok()?, info)))
            .collect();
        let newest = version_order::newest(versions.iter().map(|(version, _)| version.clone()));
        let chosen = versions
            .iter()
            .position(|(version, _)| Some(version) == newest.as_ref());
        let Some((version, info)) = chosen.map(|at| versions.swap_remove(at)) else {
            let version = version.map_or_else(String::new, |version| format!(" {version}"));
            return Err(Error::failed(format!(
                "{} has no {name}{version} for {platform}",
                shown(&parse_url(base)?)
            )));
        };
        Ok(Some(Self {
            client: Arc::clone(client),
            url: below(base, &["binaries", &info.path])?,
            target: Target {
                name: name.clone(),
                platform,
            },
            version,
            info,
            temp: settings.temp.clone(),
            started,
        }))
    }

    /// The server as the only source.
    pub fn chain(&self) -> Chain {
        Chain {
            target: self.target.clone(),
            version: self.version.clone(),
            sources: vec![SourceEntry {
                source: SourceKind::Managed,
                chosen: true,
                answer: format!("{} has it", shown(&self.url)),
            }],
        }
    }

    /// Downloads the binary, verifies it, and puts it into a folder. Returns the file, and the step
    /// to report.
    pub fn install(&self, to: &Utf8Path) -> Result<(Vec<Utf8PathBuf>, Finished)> {
        let place = shown(&self.url);
        let Some(download) = self
            .client
            .get(Request::new(Method::GET, self.url.clone())?)?
        else {
            return Err(Error::unavailable(format!("{place} was removed just now")));
        };
        let scratch = fs::Scratch::new(&self.temp, "install")?;
        let file = scratch.path().join("binary");
        let stated = [Stated::sha256(
            self.info.checksum,
            "the server's list of binaries".to_owned(),
        )];
        let reader = Box::new(download.take(self.info.size_bytes.saturating_add(1)));
        intake::download(&place, reader, &stated, &file)?;
        let platform = &self.target.platform;
        executable::check_platform(&file, platform)
            .map_err(|error| error.context(format!("{place} is not for {platform}")))?;
        let name = format!("{}{}", self.target.name, platform.exe());
        let placed = place_file(&file, to, &name, 0o755)?;
        let mut finished = Finished::new(
            Action::Ensure,
            self.target.clone(),
            self.version.clone(),
            Outcome::Downloaded,
        );
        (finished.source, finished.bytes, finished.seconds) = (
            Some(SourceKind::Managed),
            self.info.size_bytes,
            self.started.elapsed().as_secs_f64(),
        );
        finished.place = Some(place);
        Ok((vec![placed], finished))
    }
}

/// A version as the API writes it: without a leading `v`.
fn plain(version: &str) -> &str {
    match version.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
        _ => version,
    }
}

fn below(base: &str, names: &[&str]) -> Result<Url> {
    let mut url = parse_url(base.trim_end_matches('/'))?;
    let is_base = match url.path_segments_mut() {
        Ok(mut path) => {
            path.pop_if_empty().extend(names);
            true
        }
        Err(()) => false,
    };
    if is_base {
        Ok(url)
    } else {
        Err(Error::usage(format!("{} can't be a base url", shown(&url))))
    }
}
