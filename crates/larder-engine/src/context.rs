//! The context of a run: the values that all its steps share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

use crate::cache::Cache;
use crate::events::{Events, Level};
use crate::executor::remote::RemoteExecutor;
use crate::executor::{Executor, LocalExecutor};
use crate::installed::{Bin, Commits, SourceState, State, Watched};
use crate::lock::ProjectLock;
use crate::settings::Settings;
use crate::trust::yank::Tombstones;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::file_lock::Waiting;
use larder_core::fs::OwnFolder;
use larder_core::keys::tree::{Content, Listing, Projects};
use larder_core::keys::{SourceDigests, Wanted, inputs, tree};
use larder_core::model::{Digest, Name, SourceKind, Target};
use larder_core::project::{HubConfig, Project, SourceFolder, Subsystem};
use larder_remote::git::Git;
use larder_remote::http::Client;
use larder_remote::hub::{Hub, HubPublisher, HubReader};
use larder_remote::origin::Publishers;
use larder_remote::signing::SigningKey;

/// The options of a run, resolved from flags and environment variables.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Don't use the network.
    pub offline: bool,
    /// Ask only this source.
    pub source: Option<SourceKind>,
    /// Install again, even if the target is up to date.
    pub reinstall: bool,
    /// Build again, even if a source has the artifact.
    pub rebuild: bool,
    /// Write nothing to the lock; a missing line is an error.
    pub locked: bool,
    /// Only report what would be done.
    pub dry_run: bool,
    /// Release what is built, even outside CI.
    pub upload: bool,
    /// Don't release what is built, not even in CI.
    pub no_upload: bool,
    /// Sign what is released.
    pub sign: bool,
    /// Build on this machine where the executor can't be reached.
    pub executor_fallback: bool,
    /// Use what was yanked.
    pub allow_yanked: bool,
    /// Install below this folder instead of in the project's own `.bin` folders.
    pub install_root: Option<Utf8PathBuf>,
}

/// The values that all steps of a run share.
pub struct Context {
    /// The project.
    pub project: Project,
    /// The options of the run.
    pub options: Options,
    /// The settings from the environment and the user's configuration.
    pub settings: Settings,
    /// The local cache.
    pub cache: Cache,
    /// The state that the last run recorded.
    pub state: State,
    /// The digests of source folders.
    pub sources: Sources,
    /// The project's lock, `versions.lock`.
    pub lock: ProjectLock,
    /// The hub, which is opened when it is first used.
    hub: OnceLock<Result<Hub>>,
    /// The hubs that are read, in order, which are opened when they are first used.
    hubs: OnceLock<Result<Vec<Hub>>>,
    /// The HTTP client.
    pub client: Arc<Client>,
    /// Receives the events of the run.
    pub events: Events,
    /// The token that cancels the run.
    pub cancel: Cancel,
    /// How the run waits for the file locks of other processes.
    pub waiting: Waiting,
    /// Runs the commands of the builds.
    pub executor: Arc<dyn Executor>,
    /// The executor on other machines that the user configured.
    pub remote: Option<Arc<dyn RemoteExecutor>>,
    /// Why that executor could not be reached, once that was found out. It is not asked again.
    pub remote_error: OnceLock<Error>,
    /// Runs the steps on its threads.
    pub runtime: tokio::runtime::Handle,
    /// The key for signatures, which is read when it is first used: opening it takes a second.
    signing_key: OnceLock<Result<Arc<SigningKey>>>,
    /// What this run knows of versions that were yanked.
    pub tombstones: Tombstones,
    /// Flushes the sets that are installed at the same time together.
    pub commits: Commits,
}

impl Context {
    /// Opens a project for a run. In CI, larder does not add lines to the lock on its own.
    pub fn open(
        project: Project,
        options: Options,
        settings: Settings,
        runtime: tokio::runtime::Handle,
        events: Events,
        cancel: Cancel,
    ) -> Result<Self> {
        let mut state = State::load(&project.root);
        let sources = Sources::new(&project.root, std::mem::take(&mut state.sources));
        let append = !options.locked && !options.dry_run && !settings.ci.is_ci;
        let waiting = waiting(&settings, &events, &cancel);
        let cache = Cache::new(&settings.cache, &settings.remote.temp, Some(&events));
        Ok(Self {
            lock: ProjectLock::load(&project.root, append, waiting.clone())?,
            waiting,
            cache,
            client: Arc::new(Client::new(settings.remote.http.clone(), cancel.clone())),
            hub: OnceLock::new(),
            hubs: OnceLock::new(),
            signing_key: OnceLock::new(),
            tombstones: Tombstones::default(),
            commits: Commits::default(),
            executor: Arc::new(LocalExecutor),
            remote: None,
            remote_error: OnceLock::new(),
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

    /// Replaces the hubs that are read.
    #[cfg(test)]
    pub(crate) fn with_hubs(mut self, hubs: Vec<Hub>) -> Self {
        self.hubs = OnceLock::from(Ok(hubs));
        self
    }

    /// Replaces the hub.
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

    /// The folder in which a target is installed.
    pub fn bin(&self, target: &Target) -> Bin {
        let dir = match (
            &self.options.install_root,
            self.project.subsystems.get(&target.name),
        ) {
            (Some(root), _) => root.join(&target.name),
            // A recipe's folder is `subsystems/<name>`.
            (None, Some(subsystem)) => subsystem.dir.clone(),
            (None, None) => self.project.subsystems_dir.join(&target.name),
        };
        let host = self.project.host_target(&target.name).platform;
        Bin::new(&target.name, &dir, &target.platform, &host).with_links(self.settings.links)
    }

    /// The keys that are accepted for a target.
    pub fn wanted(&self, target: &Target) -> Result<Wanted> {
        inputs::wanted(
            &self.project,
            self.subsystem(target)?,
            target.platform,
            &self.sources,
        )
    }

    /// The hub that is written, for reading what it has.
    pub fn hub(&self) -> Result<&dyn HubReader> {
        Ok(self.open_hub()?.reader())
    }

    /// The hubs that artifacts are taken from, in order: those of [`Project::hubs`].
    pub fn hubs(&self) -> Result<&[Hub]> {
        let open = || {
            let hubs = self.project.hubs().iter();
            let opened = hubs.map(|config| match config {
                config if *config == self.project.hub => self.open_hub().cloned(),
                config => self.open_other(config),
            });
            opened.collect()
        };
        match self.hubs.get_or_init(open) {
            Ok(hubs) => Ok(hubs),
            Err(error) => Err(error.clone()),
        }
    }

    /// The hubs and the mirror that this project takes artifacts from, by the names that cache
    /// entries give them.
    pub fn own_places(&self) -> Vec<String> {
        let hubs = self.hubs().unwrap_or_default().iter();
        let ids = hubs.map(|hub| hub.reader().id());
        ids.chain(self.mirror()).collect()
    }

    /// The mirror of github.com that the user configured, by the name that cache entries give it.
    pub fn mirror(&self) -> Option<String> {
        let mirror = self.settings.remote.github_mirror.as_ref()?;
        Some(format!("mirror {mirror}"))
    }

    /// The hub, for publishing. It is an error if the hub is read-only.
    pub fn publisher(&self) -> Result<&dyn HubPublisher> {
        self.open_hub()?.publisher().map_err(|read_only| {
            Error::failed(format!("cannot release to {}", read_only.hub)).cause(read_only.why)
        })
    }

    /// The key to sign with.
    pub fn signing_key(&self) -> Result<Arc<SigningKey>> {
        let read = || self.settings.signing.read().map(Arc::new);
        self.signing_key.get_or_init(read).clone()
    }

    fn open_hub(&self) -> Result<&Hub> {
        self.hub
            .get_or_init(|| self.open_other(&self.project.hub))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Opens a hub for this run.
    pub fn open_other(&self, hub: &HubConfig) -> Result<Hub> {
        larder_remote::hub::open(hub, &self.client, &self.settings.remote, &self.waiting)
    }

    /// The client and the settings for requests to publishers.
    pub fn publishers(&self) -> Publishers<'_> {
        Publishers {
            client: &self.client,
            settings: &self.settings.remote,
        }
    }

    /// A git runner with the environment of this run.
    pub fn git(&self) -> Git<'_> {
        Git::new(
            self.settings.environment(),
            self.options.offline,
            &self.cancel,
        )
    }

    /// Opens a folder of larder in the project, such as `.larder/logs`, and makes it if it is
    /// missing.
    pub fn own_folder(&self, below: impl AsRef<Utf8Path>) -> Result<OwnFolder> {
        OwnFolder::create(&self.project.root, below)
    }
}

/// Waits as long as the settings say, and reports it as an event.
fn waiting(settings: &Settings, events: &Events, cancel: &Cancel) -> Waiting {
    let events = events.clone();
    Waiting::new(settings.remote.locks.clone(), cancel.clone(), move |text| {
        events.note(None, Level::Info, text);
    })
}

/// The digests of source folders. Each folder is read at most once in a run, and not at all if its
/// metadata is as the state recorded it.
pub struct Sources {
    /// The project's folder.
    root: Utf8PathBuf,
    /// The folders in which some names are larder's own, found on first use.
    projects: OnceLock<Result<Projects>>,
    known: Vec<SourceState>,
    /// The places of folders in `known`.
    index: HashMap<SourceFolder, usize>,
    seen: Mutex<HashMap<SourceFolder, Arc<OnceLock<Result<SourceState>>>>>,
    identities: Mutex<HashMap<Name, Digest>>,
}

impl Sources {
    /// Starts with the source folders that earlier runs recorded.
    pub fn new(root: &Utf8Path, known: Vec<SourceState>) -> Self {
        let places = known.iter().enumerate();
        Self {
            root: root.to_owned(),
            projects: OnceLock::new(),
            index: places
                .map(|(at, state)| (state.folder.clone(), at))
                .collect(),
            known,
            seen: Mutex::default(),
            identities: Mutex::default(),
        }
    }

    /// The source folders that earlier runs recorded.
    pub fn known(&self) -> &[SourceState] {
        &self.known
    }

    /// The content of a source folder.
    pub fn list(&self, folder: &SourceFolder) -> Result<Listing> {
        let projects = self.projects.get_or_init(|| Projects::with(&self.root));
        tree::list(folder, projects.as_ref().map_err(Clone::clone)?)
    }

    fn state(&self, folder: &SourceFolder) -> Result<SourceState> {
        let slot = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(seen.entry(folder.clone()).or_default())
        };
        slot.get_or_init(|| self.check(folder)).clone()
    }

    fn check(&self, folder: &SourceFolder) -> Result<SourceState> {
        if let Some(known) = self.index.get(folder).map(|at| &self.known[*at])
            && known.watched.iter().all(Watched::is_unchanged)
        {
            return Ok(known.clone());
        }
        self.read(folder)
    }

    fn read(&self, source: &SourceFolder) -> Result<SourceState> {
        let SourceFolder { path, links: _ } = source;
        // Record the metadata first and read the files then, so that the next run notices a change
        // in between.
        let listing = self.list(source)?;
        let folders = listing
            .folders
            .iter()
            .map(|folder| Watched::read(&join(path, folder), true));
        let files = listing.entries.iter().map(
            |tree::Entry {
                 path: file,
                 content,
             }| { Watched::read(&path.join(file), *content == Content::Followed) },
        );
        let ignore_files = listing
            .ignore_files
            .iter()
            .map(|file| Watched::read(&path.join(file), true));
        let watched = folders
            .chain(files)
            .chain(ignore_files)
            .collect::<Result<Vec<_>>>()?;
        let digest = tree::digest(path, &listing)?;
        Ok(SourceState {
            folder: source.clone(),
            digest,
            watched,
        })
    }

    /// Every folder that was used in this run. If the metadata of a folder has changed by now (for
    /// example because larder itself created `.bin` in it), the folder is read again, and the new
    /// metadata is used if the digest is the same.
    pub fn states(&self) -> Vec<SourceState> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen
            .values()
            .filter_map(|slot| slot.get().and_then(|state| state.clone().ok()));
        let mut states: Vec<SourceState> = known
            .map(|state| {
                if state.watched.iter().all(Watched::is_unchanged) {
                    return state;
                }
                self.read(&state.folder)
                    .ok()
                    .filter(|again| again.digest == state.digest)
                    .unwrap_or(state)
            })
            .collect();
        states.sort_by(|a, b| a.folder.cmp(&b.folder));
        states
    }

    /// Forgets a folder because something in it changed.
    pub fn forget(&self, folder: &SourceFolder) {
        self.identities
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(folder);
    }
}

/// Joins two paths. An empty relative path gives `path` itself, because `Path::join` would add a
/// slash.
fn join(path: &Utf8Path, relative: &Utf8Path) -> Utf8PathBuf {
    if relative.as_str().is_empty() {
        path.to_owned()
    } else {
        path.join(relative)
    }
}

impl SourceDigests for Sources {
    fn dir(&self, folder: &SourceFolder) -> Result<Digest> {
        self.state(folder).map(|state| state.digest)
    }

    fn known_identity(&self, name: &Name) -> Option<Digest> {
        let known = self.identities.lock();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.get(name).copied()
    }

    fn keep_identity(&self, name: &Name, identity: Digest) {
        let known = self.identities.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        known.insert(name.clone(), identity);
    }
}
