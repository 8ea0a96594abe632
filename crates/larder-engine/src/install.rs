//! `install`: copies a subsystem's binaries into a folder outside of the project. They come from the project's sources, or
//! directly from a hub or a running `larder serve`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use crate::acquire::intake::Transfer;
use crate::acquire::{self, released};
use crate::context::Context;
use crate::ensure::ensure;
use crate::events::{Events, Finished};
use crate::inspect::why;
pub use crate::install_served::Served;
use crate::install_tree;
use crate::plan::{Plan, Platforms, Selection, Targets};
use crate::runner::Limits;
use crate::trust;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::file_lock::Waiting;
use larder_core::formats::Sidecar;
use larder_core::formats::documents::SourceEntry;
use larder_core::fs;
use larder_core::machine;
use larder_core::model::{
    Action, Artifact, AssetName, Name, Outcome, Platform, SourceKind, Tag, Target, Version,
};
use larder_core::project::{HubConfig, Project, TrustConfig};
use larder_core::staging::{self, StagedFile};
use larder_remote::RemoteSettings;
use larder_remote::http::Client;
use larder_remote::hub::Hub;

/// The sources of a subsystem in the order in which they are asked, up to the one that has it.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The target that would be installed.
    pub target: Target,
    /// Its version.
    pub version: Version,
    /// The sources with their answers.
    pub sources: Vec<SourceEntry>,
}

impl Chain {
    /// The source that would be used; `None` if no source has it.
    pub fn choice(&self) -> Option<SourceKind> {
        let chosen = self.sources.iter().find(|entry| entry.chosen);
        chosen.map(|entry| entry.source)
    }
}

/// Selects one subsystem of a project; `version` is used instead of the pinned one.
pub fn choose(project: &mut Project, name: &str, version: Option<Version>) -> Result<Selection> {
    let selection = Selection::parse(project, &[name.to_owned()])?;
    let Selection::Names(names) = &selection else {
        return Err(Error::usage("`install` takes one subsystem")
            .hint("`larder ensure all` installs all of them in the project"));
    };
    for name in names {
        if let (Some(subsystem), Some(version)) = (project.subsystems.get_mut(name), &version) {
            subsystem.version = version.clone();
        }
    }
    Ok(selection)
}

/// Makes a run install into a temporary folder instead of the project. The folder is removed when the result is dropped.
pub fn apart(ctx: &mut Context) -> Result<fs::Scratch> {
    let scratch = fs::Scratch::new(&ctx.settings.remote.temp, "install")?;
    ctx.options.install_root = Some(scratch.path().to_owned());
    Ok(scratch)
}

/// The sources of each selected subsystem. Nothing is changed.
pub fn chains(ctx: &Context, selection: &Selection) -> Result<Vec<Chain>> {
    let chain = |target: &Target| {
        let probe = acquire::probe(ctx, target)?;
        Ok(Chain {
            target: target.clone(),
            version: ctx.subsystem(target)?.version.clone(),
            sources: why::sources(&probe),
        })
    };
    let targets = Targets::new(&ctx.project, selection, &Platforms::Host);
    targets.existing().map(chain).collect()
}

/// The files that were copied into the folder, and the failures.
#[derive(Debug, Default)]
pub struct Placed {
    /// The files.
    pub files: Vec<Utf8PathBuf>,
    /// Every failure.
    pub errors: Vec<Error>,
}

/// Ensures the selected subsystems, reports events, and copies their executables into a folder, together with those of
/// their needs: a program may not run without its needs.
pub fn from_project(ctx: &Arc<Context>, selection: &Selection, to: &Utf8Path) -> Placed {
    let plan = Plan::new(&ctx.project, selection, &Platforms::Host);
    let goals: Vec<&Target> = plan.goals().into_iter().map(|id| plan.target(id)).collect();
    let known = plan.known_goals(&ctx.project);
    ctx.events.started(Action::Ensure, goals.len(), known);
    let ensured = ensure(ctx, &plan, Limits::default());
    let mut placed = Placed {
        files: Vec::new(),
        errors: ensured.errors,
    };
    if !placed.errors.is_empty() {
        return placed;
    }
    for (target, done) in &ensured.done {
        if goals.contains(&target) {
            let bin = ctx.bin(target);
            let artifact = &done.artifact;
            let from = |file: &str| bin.path(artifact, file);
            let links = ctx.settings.links;
            let copied = copy(artifact, from, to, links, &mut placed.files);
            placed.errors.extend(copied.err());
        }
    }
    placed
}

/// What is to be installed without a project.
pub enum Found {
    /// A released asset.
    Released(Box<OnHub>),
    /// A binary that a running server offers from a folder.
    Served(Box<Served>),
}

impl Found {
    /// Finds a subsystem on a hub; without a version, the newest one. A running `larder serve` has
    /// releases if it serves a hub, and otherwise single binaries.
    pub fn find(
        config: &HubConfig,
        settings: &RemoteSettings,
        cancel: &Cancel,
        name: &Name,
        version: Option<&Version>,
        trust: &TrustConfig,
    ) -> Result<Self> {
        let client = Arc::new(Client::new(settings.http.clone(), cancel.clone()));
        let released = OnHub::find(config, settings, &client, name, version, trust);
        let error = match released {
            Ok(released) => return Ok(Self::Released(Box::new(released))),
            Err(error) => error,
        };
        if let HubConfig::Http { url } = config
            && matches!(error.kind(), Kind::Failed | Kind::Usage)
            // A file that was put on a server has no sidecar that could be signed.
            && !trust.needs_signature
            && let Some(served) = Served::find(url, settings, &client, name, version)?
        {
            return Ok(Self::Served(Box::new(served)));
        }
        Err(error)
    }

    /// The place as the only source.
    pub fn chain(&self) -> Chain {
        match self {
            Self::Released(released) => released.chain(),
            Self::Served(served) => served.chain(),
        }
    }

    /// Gets the bytes, verifies them, and puts the executables into a folder. Returns the files,
    /// and the step to report.
    pub fn install(&self, to: &Utf8Path, cancel: &Cancel) -> Result<(Vec<Utf8PathBuf>, Finished)> {
        match self {
            Self::Released(released) => released.install(to, cancel),
            Self::Served(served) => served.install(to),
        }
    }
}

/// A released asset for this machine.
pub struct OnHub {
    hub: Hub,
    target: Target,
    version: Version,
    tag: Tag,
    asset: AssetName,
    sidecar: Sidecar,
    /// Whether a signature of the sidecar was demanded, and found good.
    signed: bool,
    temp: PathBuf,
    started: Instant,
}

impl OnHub {
    fn find(
        config: &HubConfig,
        settings: &RemoteSettings,
        client: &Arc<Client>,
        name: &Name,
        version: Option<&Version>,
        trust: &TrustConfig,
    ) -> Result<Self> {
        let started = Instant::now();
        let hub = {
            // Nothing is published here, so nothing is waited for.
            larder_remote::hub::open(config, client, settings, &Waiting::default())?
        };
        let version = match version {
            Some(version) => version.clone(),
            None => released::newest(hub.reader(), name)?.ok_or_else(|| {
                Error::failed(format!(
                    "{} has no release of `{name}`",
                    hub.reader().describe()
                ))
            })?,
        };
        let mut found = None;
        for platform in machine::candidates() {
            found = released::find(hub.reader(), name, &version, platform)?
                .map(|found| (platform, found));
            if found.is_some() {
                break;
            }
        }
        let Some((platform, (tag, asset, sidecar))) = found else {
            return Err(Error::failed(format!(
                "{} has no {name} {version} for {}",
                hub.reader().describe(),
                Platform::host()
            )));
        };
        if trust.needs_signature {
            let described = hub.reader().described(&tag, &asset)?;
            let text = described
                .map(|described| described.text)
                .unwrap_or_default();
            let proof = hub.reader().proof(&tag, &asset, &text)?;
            let Sidecar {
                content, sha256, ..
            } = &sidecar;
            trust::judge(trust, content, Some(sha256), proof.as_ref())?;
        }
        Ok(Self {
            signed: trust.needs_signature,
            hub,
            target: Target {
                name: name.clone(),
                platform,
            },
            version,
            tag,
            asset,
            sidecar,
            temp: settings.temp.clone(),
            started,
        })
    }

    /// The hub as the only source.
    fn chain(&self) -> Chain {
        Chain {
            target: self.target.clone(),
            version: self.version.clone(),
            sources: vec![SourceEntry {
                source: SourceKind::Managed,
                chosen: true,
                answer: format!(
                    "{} has {}/{}",
                    self.hub.reader().describe(),
                    self.tag,
                    self.asset
                ),
            }],
        }
    }

    /// Unpacks the asset, verifies it against its sidecar, and copies its executables into a folder. Returns the files, and
    /// the step to report.
    fn install(&self, to: &Utf8Path, cancel: &Cancel) -> Result<(Vec<Utf8PathBuf>, Finished)> {
        let Self {
            hub,
            target,
            version,
            tag,
            asset,
            sidecar,
            signed,
            temp,
            started,
        } = self;
        let scratch = fs::Scratch::new(temp, "install")?;
        let dir = scratch.path();
        // The events of this step are not shown: the caller reports the result.
        let (events, _) = Events::channel();
        let transfer = Transfer {
            target,
            events: &events,
            cancel,
        };
        let artifact = released::take(hub.reader(), transfer, (tag, asset, sidecar), dir)?;
        if *signed && artifact != sidecar.content {
            return Err(
                Error::unavailable(format!("{tag}/{asset} was just replaced"))
                    .hint("run the command again"),
            );
        }
        let mut files = Vec::new();
        copy(&artifact, |file| dir.join(file), to, true, &mut files)?;
        let mut finished = Finished::new(
            Action::Ensure,
            target.clone(),
            version.clone(),
            Outcome::Downloaded,
        );
        (finished.source, finished.bytes, finished.seconds) = (
            Some(SourceKind::Managed),
            sidecar.size,
            started.elapsed().as_secs_f64(),
        );
        finished.place = Some(format!("{}/{tag}/{asset}", hub.reader().describe()));
        Ok((files, finished))
    }
}

/// Copies an artifact's executables into a folder, replacing each file by rename; adds each file to `placed`. A tree is
/// kept whole beside them.
fn copy(
    artifact: &Artifact,
    from: impl Fn(&str) -> Utf8PathBuf,
    to: &Utf8Path,
    links: bool,
    placed: &mut Vec<Utf8PathBuf>,
) -> Result<()> {
    fs::create_dir_all(to)?;
    if artifact.tree.is_some() {
        placed.extend(install_tree::place(artifact, from, to, links)?);
        return Ok(());
    }
    for file in artifact.files.iter().filter(|file| file.mode == 0o755) {
        let from = from(file.name.as_str());
        placed.push(place_file(&from, to, file.name.as_str(), file.mode)?);
    }
    Ok(())
}

/// Copies a file into a folder, replacing what is there by rename.
pub fn place_file(from: &Utf8Path, to: &Utf8Path, name: &str, mode: u32) -> Result<Utf8PathBuf> {
    fs::create_dir_all(to)?;
    let target = to.join(name);
    let mut staged = StagedFile::new(to, &staging::prefix(name))?;
    std::io::copy(&mut fs::open(from)?, staged.file_mut())
        .map_err(|e| fs::io_error("copy to", &target, &e))?;
    staged.flush(mode)?;
    staged.rename_over(&target)?;
    fs::sync_dir(to)?;
    Ok(target)
}
