//! What every step of a run shares.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

use crate::cache::Cache;
use crate::events::Events;
use crate::executor::{Executor, LocalExecutor};
use crate::installed::{Bin, SourceState, State, Watched};
use crate::lock::ProjectLock;
use crate::settings::Settings;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::keys::{SourceDigests, Wanted, inputs, tree};
use larder_core::model::{Digest, SourceKind, Target};
use larder_core::project::{Project, Subsystem};
use larder_remote::git::Git;
use larder_remote::http::Client;
use larder_remote::hub::{Hub, HubPublisher, HubReader};
use larder_remote::origin::Publishers;

/// How a run is to behave; resolved from flags and environment.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Never open a socket.
    pub offline: bool,
    /// Only this source.
    pub source: Option<SourceKind>,
    /// Install again, also what is up to date.
    pub reinstall: bool,
    /// Build again, even where an artifact is to be had.
    pub rebuild: bool,
    /// Write nothing to the lock; missing lines are errors.
    pub locked: bool,
    /// Tell, don't do.
    pub dry_run: bool,
    /// Release what is built, outside CI too.
    pub upload: bool,
    /// Install below this folder in place of the project's own `.bin` folders.
    pub apart: Option<Utf8PathBuf>,
}

/// What every step of a run shares.
pub struct Context {
    /// The project.
    pub project: Project,
    /// How to behave.
    pub options: Options,
    /// What the machine and the user say.
    pub settings: Settings,
    /// The local cache.
    pub cache: Cache,
    /// What was seen when all was well.
    pub state: State,
    /// Source folders' digests.
    pub sources: Sources,
    /// The lock.
    pub lock: ProjectLock,
    /// The hub, opened when first asked.
    hub: OnceLock<Result<Hub>>,
    /// The HTTP layer.
    pub client: Arc<Client>,
    /// Where to tell.
    pub events: Events,
    /// The run's cancellation.
    pub cancel: Cancel,
    /// Runs the commands of builds.
    pub executor: Arc<dyn Executor>,
    /// Runs the threads of steps.
    pub runtime: tokio::runtime::Handle,
}

impl Context {
    /// Opens a project for a run. Nothing is written to the lock by itself in CI.
    pub fn open(
        project: Project,
        options: Options,
        settings: Settings,
        runtime: tokio::runtime::Handle,
        events: Events,
        cancel: Cancel,
    ) -> Result<Self> {
        let mut state = State::load(&project.root);
        let sources = Sources::new(std::mem::take(&mut state.sources));
        let append = !options.locked && !options.dry_run && !settings.ci.is_ci;
        Ok(Self {
            lock: ProjectLock::load(&project.root, append)?,
            cache: Cache::at(&settings.cache),
            client: Arc::new(Client::new(settings.remote.http.clone(), cancel.clone())),
            hub: OnceLock::new(),
            executor: Arc::new(LocalExecutor),
            runtime,
            project,
            options,
            settings,
            state,
            sources,
            events,
            cancel,
        })
    }

    /// The same run with another hub.
    #[cfg(test)]
    pub(crate) fn with_hub(mut self, hub: Hub) -> Self {
        self.hub = OnceLock::from(Ok(hub));
        self
    }

    /// The subsystem of a target.
    pub fn subsystem(&self, target: &Target) -> Result<&Subsystem> {
        self.project
            .subsystems
            .get(&target.name)
            .ok_or_else(|| Error::usage(format!("no subsystem is called `{}`", target.name)))
    }

    /// Where a target is installed.
    pub fn bin(&self, target: &Target) -> Bin {
        let dir = match (
            &self.options.apart,
            self.project.subsystems.get(&target.name),
        ) {
            (Some(root), _) => root.join(&target.name),
            // A recipe's folder is `subsystems/<name>`.
            (None, Some(subsystem)) => subsystem.dir.clone(),
            (None, None) => self.project.subsystems_dir.join(&target.name),
        };
        Bin::new(&target.name, &dir, &target.platform).with_links(self.settings.links)
    }

    /// The keys wanted of a target.
    pub fn wanted(&self, target: &Target) -> Result<Wanted> {
        inputs::wanted(
            &self.project,
            self.subsystem(target)?,
            target.platform,
            &self.sources,
        )
    }

    /// The hub, to be read.
    pub fn hub(&self) -> Result<&dyn HubReader> {
        Ok(self.opened()?.reader())
    }

    /// The hub, to be published to; an error where it is read-only.
    pub fn publisher(&self) -> Result<&dyn HubPublisher> {
        self.opened()?.publisher().map_err(|read_only| {
            Error::failed(format!("cannot release to {}", read_only.hub)).cause(read_only.why)
        })
    }

    fn opened(&self) -> Result<&Hub> {
        let github = &self.settings.remote.github;
        self.hub
            .get_or_init(|| larder_remote::hub::open(&self.project.hub, &self.client, github))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// How publishers are asked.
    pub fn publishers(&self) -> Publishers<'_> {
        Publishers {
            client: &self.client,
            settings: &self.settings.remote,
        }
    }

    /// git, as this run calls it.
    pub fn git(&self) -> Git<'_> {
        Git::new(
            self.settings.environment(),
            self.options.offline,
            &self.cancel,
        )
    }

    /// `.larder/<folder>`, made.
    pub fn private(&self, folder: &str) -> Result<Utf8PathBuf> {
        let dir = self.project.root.join(".larder").join(folder);
        larder_core::fs::create_dir_all(&dir)?;
        Ok(dir)
    }
}

/// Digests of source folders, each read once a run, or not at all while it looks as the state recorded.
#[derive(Default)]
pub struct Sources {
    known: Vec<SourceState>,
    seen: Mutex<HashMap<Utf8PathBuf, Arc<OnceLock<Result<SourceState>>>>>,
}

impl Sources {
    /// With what is remembered of earlier runs.
    pub fn new(known: Vec<SourceState>) -> Self {
        Self {
            known,
            seen: Mutex::default(),
        }
    }

    /// What was remembered of earlier runs.
    pub fn known(&self) -> &[SourceState] {
        &self.known
    }

    fn state(&self, path: &Utf8Path) -> Result<SourceState> {
        let slot = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(seen.entry(path.to_owned()).or_default())
        };
        slot.get_or_init(|| self.look(path)).clone()
    }

    fn look(&self, path: &Utf8Path) -> Result<SourceState> {
        if let Some(known) = self.known.iter().find(|known| known.path == path)
            && known.watched.iter().all(Watched::holds)
        {
            return Ok(known.clone());
        }
        Self::read(path)
    }

    fn read(path: &Utf8Path) -> Result<SourceState> {
        // Look first, read then: what changes in between is seen next time.
        let listing = tree::list(path)?;
        let folders = listing
            .folders
            .iter()
            .map(|folder| Watched::look(&join(path, folder), true));
        let files = listing
            .entries
            .iter()
            .map(|entry| Watched::look(&path.join(&entry.path), false));
        let watched = folders.chain(files).collect::<Result<Vec<_>>>()?;
        let digest = tree::digest(path, &listing)?;
        Ok(SourceState {
            path: path.to_owned(),
            digest,
            watched,
        })
    }

    /// Everything looked at in this run. What looks otherwise by now (larder itself made `.bin` in it, say) is read again,
    /// and stands if its digest does.
    pub fn looked(&self) -> Vec<SourceState> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen
            .values()
            .filter_map(|slot| slot.get().and_then(|state| state.clone().ok()));
        let mut states: Vec<SourceState> = known
            .map(|state| {
                if state.watched.iter().all(Watched::holds) {
                    return state;
                }
                Self::read(&state.path)
                    .ok()
                    .filter(|again| again.digest == state.digest)
                    .unwrap_or(state)
            })
            .collect();
        states.sort_by(|a, b| a.path.cmp(&b.path));
        states
    }

    /// Forgets a folder, after something in it changed.
    pub fn forget(&self, path: &Utf8Path) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(path);
    }
}

/// `path` itself where the relative part is empty (a join would add a slash, and make another path of it).
fn join(path: &Utf8Path, relative: &Utf8Path) -> Utf8PathBuf {
    if relative.as_str().is_empty() {
        path.to_owned()
    } else {
        path.join(relative)
    }
}

impl SourceDigests for Sources {
    fn dir(&self, path: &Utf8Path) -> Result<Digest> {
        self.state(path).map(|state| state.digest)
    }
}
