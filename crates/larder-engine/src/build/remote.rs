//! A build on an executor, and the cache of results that it keeps.
//!
//! A recipe with `remote` is described as an action: the script of its commands, the source, the
//! binaries of its needs, and the worker that it wants. The source is fetched on this machine. If the
//! cache has the result of this action, it is taken; else the executor runs it, or, if the executor
//! is only a cache, this machine does, and may share the result. Whatever the way, the outputs are
//! checked as those of any other build.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use camino::Utf8PathBuf;

use super::script::{self, Cause, Script};
use super::work::{Work, minutes};
use crate::context::Context;
use crate::events::{Level, Phase};
use crate::executor::remote::{
    CacheUse, PreparedAction, RemoteAction, RemoteEnd, RemoteExecutor, RemoteInput, RemoteProgress,
    RemoteResult, RemoteStage,
};
use crate::verify::{first_lines, mentions_version};
use larder_core::error::{Error, Kind, Result};
use larder_core::fs;
use larder_core::human;
use larder_core::keys::inputs::ENCODING;
use larder_core::model::{SourceKind, Target};
use larder_core::project::{Build, BuildPlatforms, RemoteBuild, Subsystem};

/// The longest part of what the commands printed that an error shows apart from the log.
const UNKNOWN_END: &str = "the executor ended the commands, and did not say which";

/// The number of bytes of the largest file with what the tools printed.
const LARGEST_TOOLS_FILE: u64 = 1024 * 1024;

/// What an executor may do for the build of a target in this run.
#[derive(Clone, Copy)]
pub struct RemoteUse<'a> {
    /// The executor.
    pub executor: &'a dyn RemoteExecutor,
    build: &'a RemoteBuild,
    /// Whether the build runs there.
    pub executes: bool,
    reads: bool,
    writes: bool,
    /// Whether this machine may build it if the executor can't be reached.
    falls_back: bool,
}

/// What the executor may do for a target; `None` if it is not asked at all.
pub fn used_for<'a>(
    ctx: &'a Context,
    subsystem: &'a Subsystem,
    target: &Target,
) -> Option<RemoteUse<'a>> {
    let declared = subsystem.build.as_ref()?;
    let build = declared.remote.as_ref()?;
    let executor = ctx.remote.as_deref()?;
    let settings = ctx.settings.executor.as_ref()?;
    let options = &ctx.options;
    // Nobody signs what an executor gives, so where a signature is demanded, it is not asked.
    if options.offline || ctx.project.trust.needs_signature {
        return None;
    }
    let falls_back = options.executor_fallback && is_possible_here(declared, subsystem, target);
    if falls_back && ctx.remote_error.get().is_some() {
        return None;
    }
    let can = match &declared.platforms {
        BuildPlatforms::Host => build.worker() == Ok(target.platform),
        BuildPlatforms::All => true,
        BuildPlatforms::List(list) => list.contains(&target.platform),
    };
    let only_cache = options.source == Some(SourceKind::RemoteCache);
    let reads = settings.cache != CacheUse::Off
        && !options.rebuild
        && (options.source.is_none() || only_cache);
    let found = RemoteUse {
        executor,
        build,
        executes: settings.execute && can && !only_cache,
        reads,
        writes: reads && settings.cache == CacheUse::Write && may_write(ctx),
        falls_back,
    };
    (found.executes || found.reads).then_some(found)
}

/// Whether this machine can build a target itself.
pub fn is_possible_here(build: &Build, subsystem: &Subsystem, target: &Target) -> bool {
    match &build.platforms {
        BuildPlatforms::Host => target.platform == subsystem.host(),
        BuildPlatforms::All => true,
        BuildPlatforms::List(list) => list.contains(&target.platform),
    }
}

/// Whether this run may write to the cache of results. A workflow that a pull request started may
/// run code that nobody has reviewed, so it never does.
fn may_write(ctx: &Context) -> bool {
    let actions = ctx.settings.ci.actions.as_ref();
    !actions.is_some_and(|actions| actions.event.starts_with("pull_request"))
}

impl RemoteUse<'_> {
    /// Whether this machine builds it if the executor can't be reached.
    pub fn falls_back(&self) -> bool {
        self.falls_back
    }
}

/// What came of asking an executor.
pub(super) struct Taken {
    /// Whether it was in the cache of results.
    pub(super) is_cached: bool,
    /// The number of bytes received.
    pub(super) received: u64,
    /// What the tools of the worker printed.
    pub(super) tools: BTreeMap<String, String>,
}

impl Work<'_> {
    /// The binaries of the needs, as folders of this machine. They must be programs for the worker.
    /// `None` if they are not, and the executor is only a cache.
    pub(super) fn needs_of_worker(
        &self,
        remote: &RemoteUse<'_>,
    ) -> Result<Option<Vec<(String, Utf8PathBuf)>>> {
        let mut folders: BTreeMap<String, Utf8PathBuf> = BTreeMap::new();
        for need in self.needs() {
            let target = self.ctx.project.host_target(need);
            let worker = remote.build.worker();
            if worker != Ok(target.platform) {
                if !remote.executes {
                    return Ok(None);
                }
                let worker = worker.map_or_else(|_| "unknown".to_owned(), |it| it.to_string());
                return Err(Error::failed(format!(
                    "the build needs `{need}`, which is installed here for {}, and the worker's platform is {worker}",
                    target.platform
                ))
                .hint("use an image that has it, and name it in `build.tools` instead of `build.needs`"));
            }
            let folder = self.ctx.bin(&target).pinned().dir().to_owned();
            folders.insert(need.to_string(), folder);
        }
        Ok(Some(folders.into_iter().collect()))
    }

    /// The build as an action.
    pub(super) fn action<'b>(
        &'b self,
        remote: &RemoteUse<'_>,
        needs: &'b [(String, Utf8PathBuf)],
    ) -> Result<RemoteAction<'b>> {
        let rendered = self.subsystem.rendered_build(
            &self.target.platform,
            &format!("{}/{}", script::ROOT, script::OUT),
            &format!("{}/{}", script::ROOT, script::SRC),
        )?;
        let rendered = rendered.ok_or_else(|| Error::usage("the recipe has no build"))?;
        let names: Vec<&str> = needs.iter().map(|(name, _)| name.as_str()).collect();
        let tools: Vec<&str> = self.declared.tools.keys().map(String::as_str).collect();
        let script = Script {
            title: &format!(
                "{} {} for {}",
                self.target.name, self.subsystem.version, self.target.platform
            ),
            needs: &names,
            tools: &tools,
            env: &rendered.env,
            commands: &rendered.commands,
        };
        let inputs = needs.iter().map(|(name, folder)| RemoteInput {
            path: format!("{}/{name}", script::NEEDS),
            folder,
            without: &[".v", ".p", ".version"],
        });
        let source = RemoteInput {
            path: script::SRC.to_owned(),
            folder: &self.src,
            without: &[],
        };
        let empty = [script::OUT, script::TMP, script::HOME];
        Ok(RemoteAction {
            script: script.text(),
            environment: script.environment(),
            inputs: std::iter::once(source).chain(inputs).collect(),
            empty_folders: empty.map(str::to_owned).into(),
            output: script::OUT.to_owned(),
            properties: remote.build.worker_properties(),
            timeout: self.declared.timeout,
            salt: ENCODING.to_vec(),
        })
    }

    /// Takes the result of the action from the cache, or has the executor run it. `None` if this
    /// machine has to build.
    pub(super) fn take_from(
        &self,
        remote: &RemoteUse<'_>,
        action: &dyn PreparedAction,
    ) -> Result<Option<Taken>> {
        if let Some(error) = self.ctx.remote_error.get() {
            return Err(error.clone());
        }
        let place = remote.executor.place();
        match self.try_take(remote, action, &place) {
            Err(error) if error.kind() == Kind::Unavailable => {
                let error = error.context(format!("the executor {place} is unavailable"));
                let error = if self.ctx.options.executor_fallback {
                    error
                } else {
                    error.hint("`--executor-fallback local` builds on this machine where the executor can't be reached")
                };
                // Every other build of this run would wait for it in vain.
                let error = self.ctx.remote_error.get_or_init(|| error).clone();
                if remote.falls_back && !remote.executes {
                    self.note_fallback(&error);
                    self.clear_out()?;
                    return Ok(None);
                }
                Err(error)
            }
            other => other,
        }
    }

    /// Says that this machine builds because the executor can't be reached.
    fn note_fallback(&self, error: &Error) {
        let text = format!("{error}; building on this machine");
        self.ctx
            .events
            .note(Some(self.target), Level::Warning, text);
    }

    fn try_take(
        &self,
        remote: &RemoteUse<'_>,
        action: &dyn PreparedAction,
        place: &str,
    ) -> Result<Option<Taken>> {
        let progress = Progress::new(self);
        let cancel = &self.ctx.cancel;
        let mut is_refused = false;
        if remote.reads
            && let Some(result) = action.cached(&self.out, &progress, cancel)?
        {
            match self.tools_of_worker() {
                Ok(tools) => {
                    self.log.note(&format!(
                        "({} was in the cache of {place})",
                        action.digest()
                    ))?;
                    self.log_output(&result)?;
                    return Ok(Some(Taken {
                        is_cached: true,
                        received: result.received,
                        tools,
                    }));
                }
                Err(error) => {
                    let text = format!("the result in the cache of {place} is not used: {error}");
                    self.ctx.events.note(Some(self.target), Level::Detail, text);
                    self.clear_out()?;
                    is_refused = true;
                }
            }
        }
        if !remote.executes {
            return Ok(None);
        }
        // The executor would take the refused result from the same cache.
        let again = !remote.reads || is_refused;
        let result = action.execute(again, &self.out, &progress, cancel)?;
        let worker = match &result.worker {
            Some(worker) => format!("(ran on {worker} of {place})"),
            None => format!("(ran at {place})"),
        };
        let output = self.log_output(&result)?;
        self.log.note(&worker)?;
        match result.ended {
            RemoteEnd::Exited(0) => {}
            RemoteEnd::Exited(code) => return Err(self.failure(&output, code)),
            RemoteEnd::TimedOut => {
                return Err(match self.declared.timeout {
                    Some(limit) => {
                        Error::failed(format!("the commands took longer than {}", minutes(limit)))
                            .hint("increase `build.timeout` if this build needs more time")
                    }
                    None => Error::failed(format!(
                        "the commands took longer than {place} permits by default"
                    ))
                    .hint("state `build.timeout` in the recipe if this build needs more time"),
                });
            }
        }
        Ok(Some(Taken {
            is_cached: result.is_cached,
            received: result.received,
            tools: self.tools_of_worker()?,
        }))
    }

    /// The error of a script that did not exit with 0.
    fn failure(&self, output: &str, code: i32) -> Error {
        match script::cause(output).1 {
            Cause::Command(number) => {
                let commands = &self.commands();
                let command = commands.get(number).map_or("a command", String::as_str);
                Error::failed(format!("`{command}`: exit status {code}"))
            }
            Cause::Tool(tool) => {
                let wanted = self.declared.tools.get(tool).map_or("", String::as_str);
                Error::failed(format!(
                    "the build needs `{tool}` {wanted}, which the worker does not have"
                ))
                .hint("use another `remote.image`, or correct `build.tools`")
            }
            Cause::Unknown => Error::failed(format!("exit status {code}")).cause(UNKNOWN_END),
        }
    }

    /// Writes what the commands printed to the log, without what the script itself said. Returns all
    /// of it.
    fn log_output(&self, result: &RemoteResult) -> Result<String> {
        let output = String::from_utf8_lossy(&result.output).into_owned();
        let (commands, _) = script::cause(&output);
        if !commands.is_empty() {
            self.log.note(commands)?;
        }
        Ok(output)
    }

    /// What the tools of the worker printed. Each must be there in the wanted version.
    fn tools_of_worker(&self) -> Result<BTreeMap<String, String>> {
        if self.declared.tools.is_empty() {
            return Ok(BTreeMap::new());
        }
        let path = self.out.join(script::TOOLS_FILE);
        let text = match fs::lstat(&path)? {
            Some(meta) if meta.is_file() => fs::read_bounded(&path, LARGEST_TOOLS_FILE)?,
            _ => None,
        };
        let text = String::from_utf8_lossy(text.as_deref().unwrap_or_default());
        let said: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .collect();
        let mut versions = BTreeMap::new();
        for (tool, wanted) in &self.declared.tools {
            let Some(printed) = said.get(tool.as_str()) else {
                return Err(Error::failed(format!(
                    "it does not say which `{tool}` made it, and the build needs {wanted}"
                )));
            };
            if !mentions_version(printed, wanted) {
                return Err(Error::failed(format!(
                    "the build needs `{tool}` {wanted}, but the worker has `{}`",
                    first_lines(printed)
                ))
                .hint(
                    "use another `remote.image`, or change `build.tools` (which changes the key)",
                ));
            }
            versions.insert(tool.clone(), (*printed).to_owned());
        }
        Ok(versions)
    }

    /// Shares what this machine built. Of the top of `out` that is what the commands `made`, without
    /// the copies that were added for the artifact: a worker's result does not have these either. A
    /// failure is only told: the build itself succeeded.
    pub(super) fn share(
        &self,
        remote: &RemoteUse<'_>,
        action: &dyn PreparedAction,
        tools: &BTreeMap<String, String>,
        made: &[String],
    ) -> Result<()> {
        if !remote.writes || self.ctx.remote_error.get().is_some() {
            return Ok(());
        }
        let mut added = fs::list(&self.out)?;
        added.retain(|name| !made.contains(name));
        let added: Vec<&str> = added.iter().map(String::as_str).collect();
        if !tools.is_empty() {
            let lines: Vec<String> = tools
                .iter()
                .map(|(name, said)| format!("{name}\t{said}\n"))
                .collect();
            fs::write_atomic(self.out.join(script::TOOLS_FILE), lines.concat().as_bytes())?;
        }
        let shared = action.share(&self.out, &added, &Progress::new(self), &self.ctx.cancel);
        let place = remote.executor.place();
        let (level, text) = match shared {
            Ok(bytes) => (
                Level::Detail,
                format!(
                    "shared through the cache of {place} ({} sent)",
                    human::bytes(bytes)
                ),
            ),
            Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => return Err(error),
            Err(error) => (
                Level::Warning,
                format!("could not be shared through the cache of {place}: {error}"),
            ),
        };
        self.ctx.events.note(Some(self.target), level, text);
        Ok(())
    }

    fn clear_out(&self) -> Result<()> {
        fs::remove_dir_all(&self.out)?;
        fs::create_dir_all(&self.out)
    }
}

/// Reports the steps of an action as phases of the target.
struct Progress<'a> {
    ctx: &'a Context,
    target: &'a Target,
    last: Mutex<Option<RemoteStage>>,
}

impl<'a> Progress<'a> {
    fn new(work: &'a Work<'_>) -> Self {
        Self {
            ctx: work.ctx,
            target: work.target,
            last: Mutex::default(),
        }
    }
}

impl RemoteProgress for Progress<'_> {
    fn stage(&self, stage: RemoteStage) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(&stage) {
            return;
        }
        *last = Some(stage.clone());
        let events = &self.ctx.events;
        let (phase, total) = match stage {
            RemoteStage::Checking => (Phase::Checking, None),
            RemoteStage::Uploading(bytes) => (Phase::Sending, Some(bytes)),
            RemoteStage::Queued => (Phase::Queued, None),
            RemoteStage::Executing(worker) => {
                if let Some(worker) = worker {
                    let text = format!("the commands run on worker {worker}");
                    events.note(Some(self.target), Level::Detail, text);
                }
                (Phase::Building, None)
            }
            RemoteStage::Downloading(bytes) => (Phase::Downloading, Some(bytes)),
        };
        events.phase(self.target, phase, total);
    }

    fn bytes(&self, bytes: u64) {
        self.ctx.events.progress(self.target, bytes);
    }
}
