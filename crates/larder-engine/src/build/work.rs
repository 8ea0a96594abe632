//! One running build: its work folder, its environment and its commands.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::plain::PlainPath;
use super::remote::{self, Taken};
use super::source;
use crate::acquire::request::Request;
use crate::context::Context;
use crate::events::Phase;
use crate::executor::{BuildAction, Execution};
use crate::verify;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::file_lock::FileLock;
use larder_core::formats::{LockLine, Observed};
use larder_core::fs::{self, Entry, OwnFolder};
use larder_core::keys::tree;
use larder_core::model::{ArtifactFile, Name, SourceKind, Target};
use larder_core::project::{Build, RenderedBuild, RenderedSource, SourceFolder, Subsystem};
use larder_core::redact::{Redactor, mask};
use larder_process::Log;

/// The files that a build made, and what was observed of it.
pub(super) struct BuildResult {
    pub(super) files: Vec<ArtifactFile>,
    pub(super) observed: Observed,
    /// What came of asking an executor; `None` if this machine ran the commands.
    pub(super) taken: Option<Taken>,
}

/// A running build. Its work folder is removed when it is dropped.
pub(super) struct Work<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) ctx: &'a Context,
    pub(super) target: &'a Target,
    pub(super) subsystem: &'a Subsystem,
    pub(super) declared: &'a Build,
    rendered: RenderedBuild,
    pub(super) log: Log,
    /// The work folder as the commands know it.
    plain: PlainPath,
    _dir: WorkDir,
    pub(super) src: Utf8PathBuf,
    pub(super) out: Utf8PathBuf,
    pub(super) tmp: Utf8PathBuf,
}

/// A work folder, which is removed with all its content, including read-only folders. The file lock
/// shows other processes that a build is running in it.
struct WorkDir {
    parent: OwnFolder,
    name: String,
    lock: Option<FileLock>,
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        self.lock = None;
        // A failure is ignored: `.larder` is safe to delete, and the next run tries again.
        let _ = remove(&self.parent, &self.name);
    }
}

/// The name of the lock file in a work folder. It is held while a build runs in the folder,
/// independently of the target's own lock. It is also the mark by which a work folder is known, so
/// it is made first and removed last.
const WORK_LOCK: &str = "lock";

/// Removes a work folder. One that is removed only in part still has its mark.
fn remove(parent: &OwnFolder, name: &str) -> Result<()> {
    if let Some(folder) = parent.folder(name)? {
        let content = folder.list()?;
        let others = content.iter().filter(|name| *name != WORK_LOCK);
        others
            .into_iter()
            .try_for_each(|name| folder.remove(name))?;
    }
    parent.remove(name)
}

/// Removes the work folders of killed builds. A folder is removed only if it is marked as one, and
/// no process holds its lock or the lock of its target. One without the mark has nothing else than
/// the folders of a build: it was killed before it made the mark, or a child that outlived it made
/// a folder again after everything was removed.
pub fn remove_abandoned(ctx: &Context) -> Result<()> {
    let root = &ctx.project.root;
    let Some(work) = OwnFolder::open(root, WORK)? else {
        return Ok(());
    };
    for name in work.list()? {
        let Some((target, _)) = name.rsplit_once('-') else {
            continue;
        };
        if work.entry(&name)? != Some(Entry::Folder) {
            continue;
        }
        let Some(folder) = work.folder(&name)? else {
            continue;
        };
        let marked = matches!(folder.entry(WORK_LOCK)?, Some(Entry::File(_)));
        let ours = |name: &String| FOLDERS.contains(&name.as_str());
        if (marked || folder.list()?.iter().all(ours))
            && let Some(_held) = FileLock::try_take(root, format!(".larder/locks/{target}"))
            && FileLock::try_take(work.path(), format!("{name}/{WORK_LOCK}")).is_some()
        {
            remove(&work, &name)?;
        }
    }
    Ok(())
}

/// The folders in a work folder.
const FOLDERS: [&str; 3] = ["src", "out", "tmp"];

/// The folder of the work folders.
const WORK: &str = ".larder/work";

impl<'a> Work<'a> {
    pub(super) fn new(request: &'a Request<'a>, log: &Utf8Path) -> Result<Self> {
        let (ctx, target, subsystem) = (request.run, request.target, request.subsystem);
        let declared = subsystem
            .build
            .as_ref()
            .ok_or_else(|| Error::usage(format!("the recipe of `{}` has no build", target.name)))?;
        let parent = ctx.own_folder(WORK)?;
        // The name is unique, so that a child that outlived a killed run can't write into the
        // folder of a new build.
        let dir = parent.unique_folder(&format!("{}-{}-", target.name, target.platform))?;
        let path = dir.path().to_owned();
        let dir = WorkDir {
            lock: FileLock::try_take(&path, WORK_LOCK),
            name: path.file_name().unwrap_or_default().to_owned(),
            parent,
        };
        // Commands contain these paths, and cmd takes a slash for the start of an option.
        let native = |path: Utf8PathBuf| {
            if cfg!(windows) {
                path.as_str().replace('/', "\\").into()
            } else {
                path
            }
        };
        let [src, out, tmp] = FOLDERS.map(|folder| native(path.join(folder)));
        for folder in [&src, &out, &tmp] {
            fs::create_dir_all(folder)?;
        }
        let plain = PlainPath::of(&path, &ctx.settings.remote.temp)?;
        let [plain_src, plain_out] = ["src", "out"].map(|folder| plain.path().join(folder));
        let rendered = subsystem
            .rendered_build(&target.platform, plain_out.as_str(), plain_src.as_str())?
            .ok_or_else(|| Error::usage(format!("the recipe of `{}` has no build", target.name)))?;
        let mut log = Log::at(log, Redactor::new(ctx.settings.environment()));
        if let Some(reader) = ctx.events.output_of(target) {
            log = log.read_by(reader);
        }
        Ok(Self {
            request,
            ctx,
            target,
            subsystem,
            declared,
            rendered,
            log,
            plain,
            _dir: dir,
            src,
            out,
            tmp,
        })
    }

    pub(super) fn place(&self) -> String {
        match &self.rendered.source {
            RenderedSource::Dir(SourceFolder { path, links: _ }) => path
                .strip_prefix(&self.ctx.project.root)
                .map_or_else(|_| path.to_string(), ToString::to_string),
            RenderedSource::Git { url, rev } => format!("{url} {rev}"),
            RenderedSource::Url { url, sha256: _ } => mask(url).into_owned(),
            RenderedSource::Crate { name, version } => format!("crate {name} {version}"),
        }
    }

    pub(super) fn run(&mut self) -> Result<BuildResult> {
        let remote = remote::used_for(self.ctx, self.subsystem, self.target);
        // A tool that is missing on this machine is reported before anything is downloaded.
        let here = match remote {
            None => Some(self.check_tools()?),
            Some(_) => None,
        };
        let commit = source::fetch(self.request, &self.rendered.source, &self.src, &self.log)?;
        self.pin_commit(commit.as_deref())?;
        self.forget_repository()?;
        let needs = remote.map(|remote| self.needs_of_worker(&remote));
        let needs = needs.transpose()?.flatten();
        let action = match (&remote, &needs) {
            (Some(remote), Some(needs)) => {
                self.ctx.events.phase(self.target, Phase::Checking, None);
                let action = self.action(remote, needs)?;
                Some((remote, remote.executor.prepare(&action, &self.ctx.cancel)?))
            }
            _ => None,
        };
        let taken = match &action {
            Some((remote, action)) => self.take_from(remote, &**action)?,
            None => None,
        };
        let tools = match (&taken, here) {
            (Some(taken), _) => taken.tools.clone(),
            (None, Some(tools)) => tools,
            (None, None) => self.check_tools()?,
        };
        if taken.is_none() {
            if self.ctx.options.source == Some(SourceKind::RemoteCache) {
                return Err(Error::failed(
                    "the cache of the executor has no result of this build",
                ));
            }
            self.ctx.events.phase(self.target, Phase::Building, None);
            self.execute()?;
        }
        let made = fs::list(&self.out)?;
        let files = self.outputs(taken.is_some())?;
        self.verify()?;
        if let (None, Some((remote, action))) = (&taken, &action) {
            self.share(remote, &**action, &tools, &made)?;
        }
        let executor = remote.filter(|_| taken.is_some());
        let executor = executor.map(|remote| remote.executor.place());
        let glibc = self.lowest_glibc(&files);
        let observed = Observed {
            commit,
            tools,
            glibc,
            executor,
            run: self
                .ctx
                .settings
                .ci
                .actions
                .as_ref()
                .and_then(|actions| actions.run_url.clone()),
            time: Some(jiff::Timestamp::now().to_string()),
        };
        Ok(BuildResult {
            files,
            observed,
            taken,
        })
    }

    /// Pins a git revision to the commit that it first resolved to. If a tag was moved since, that
    /// is an integrity error.
    fn pin_commit(&self, commit: Option<&str>) -> Result<()> {
        let (RenderedSource::Git { url, rev }, Some(commit)) = (&self.rendered.source, commit)
        else {
            return Ok(());
        };
        let lock = &self.ctx.lock;
        lock.check_commit(self.subsystem, url, rev, commit)?;
        if self.request.has_commit(url, rev) {
            return Ok(());
        }
        lock.record(&LockLine::Commit {
            name: self.target.name.clone(),
            version: self.subsystem.version.clone(),
            url: url.clone(),
            rev: rev.clone(),
            commit: commit.to_owned(),
        })
    }

    /// Removes git's own folder from the source of a build that may run elsewhere. It has the times and
    /// numbers of the files of this machine, so that no two machines would describe the same action.
    /// Builds on this machine don't have it either, so that the same commands see the same source.
    fn forget_repository(&self) -> Result<()> {
        let is_git = matches!(self.rendered.source, RenderedSource::Git { .. });
        if !is_git || self.declared.remote.is_none() {
            return Ok(());
        }
        fs::remove_dir_all(self.src.join(".git"))?;
        tree::level_times(&self.src)
    }

    /// The recipe's commands. A crate source without commands is built with `cargo install`.
    pub(super) fn commands(&self) -> Vec<String> {
        match &self.rendered.source {
            RenderedSource::Crate { name, version } if self.rendered.commands.is_empty() => {
                let target = if self.target.platform == self.subsystem.host() {
                    String::new()
                } else {
                    format!(" --target {}", self.target.platform.target())
                };
                // Quoting is not needed: names and versions were checked when the recipe was read.
                vec![format!(
                    "cargo install --locked --no-track --root \"$LARDER_ROOT\" --version ={version}{target}{} {name}",
                    if self.ctx.options.offline {
                        " --offline"
                    } else {
                        ""
                    }
                )]
            }
            _ => self.rendered.commands.clone(),
        }
    }

    /// The subsystems whose binaries the commands can use.
    pub(super) fn needs(&self) -> impl Iterator<Item = &Name> {
        self.declared.needs.iter().chain(&self.subsystem.needs)
    }

    pub(super) fn environment(&self) -> Result<Environment> {
        let mut env = self.ctx.settings.environment().for_child();
        let dirs = self.needs().map(|need| {
            let target = self.ctx.project.host_target(need);
            self.ctx.bin(&target).dir().as_std_path().to_owned()
        });
        let path = env.path_after(dirs)?;
        env.set("PATH", path);
        let tmp = self.plain.path().join("tmp");
        for name in ["TMPDIR", "TEMP", "TMP"] {
            if name == "TMPDIR" || cfg!(windows) {
                env.set(name, tmp.as_str());
            }
        }
        if matches!(self.rendered.source, RenderedSource::Crate { .. }) {
            // cargo installs into `<root>/bin`, where the outputs are searched as well.
            env.set("LARDER_ROOT", self.plain.path().join("out").as_str());
            env.set("CARGO_TARGET_DIR", tmp.join("target").as_str());
        }
        for (name, value) in &self.rendered.env {
            env.set(name, value);
        }
        Ok(env)
    }

    /// Whether `{{ out }}` is a text with blanks, which a shell takes for several words.
    pub(super) fn out_has_blanks(&self) -> bool {
        self.plain.path().as_str().contains(char::is_whitespace)
    }

    fn execute(&self) -> Result<()> {
        let action = BuildAction {
            commands: &self.commands(),
            environment: &self.environment()?,
            folder: &self.src,
            out: &self.out,
            log: &self.log,
            timeout: self.declared.time_limit(),
        };
        match self.ctx.executor.execute(&action, &self.ctx.cancel)? {
            Execution::Succeeded => Ok(()),
            Execution::Failed { command, reason } => {
                let error = Error::failed(format!("`{command}`: {reason}"));
                Err(match fs::noexec_hint(&self.ctx.project.root) {
                    Some(hint) => error.hint(hint),
                    None => error,
                })
            }
            Execution::TimedOut { command } => Err(Error::failed(format!(
                "`{command}` took longer than {}",
                minutes(self.declared.time_limit())
            ))
            .hint("increase `build.timeout` if this build needs more time")),
        }
    }

    /// Runs the recipe's `verify` after a build for the host. It must exit with 0 and print the
    /// version.
    fn verify(&self) -> Result<()> {
        if self.target.platform != self.subsystem.host() {
            return Ok(());
        }
        let Some(line) = self.subsystem.rendered_verify(&self.target.platform)? else {
            return Ok(());
        };
        verify::check(
            self.ctx,
            self.subsystem,
            &line,
            &self.out,
            self.environment()?,
        )
    }
}

pub(super) fn minutes(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds % 60 == 0 && seconds > 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    }
}
