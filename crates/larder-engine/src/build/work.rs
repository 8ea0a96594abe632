//! One running build: its work folder, its environment and its commands.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::source;
use crate::acquire::request::Request;
use crate::context::Context;
use crate::executor::{BuildAction, Execution};
use crate::file_lock::FileLock;
use crate::verify;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::formats::{LockLine, Observed};
use larder_core::fs::{self, IoContext};
use larder_core::model::{ArtifactFile, Name, Platform, Target};
use larder_core::project::{Build, RenderedBuild, RenderedSource, Subsystem};
use larder_core::redact::Redactor;
use larder_process::Log;

/// The files that a build made, and what was observed of it.
pub(super) struct BuildResult {
    pub(super) files: Vec<ArtifactFile>,
    pub(super) observed: Observed,
}

/// A running build. Its work folder is removed when it is dropped.
pub(super) struct Work<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) ctx: &'a Context,
    pub(super) target: &'a Target,
    pub(super) subsystem: &'a Subsystem,
    pub(super) declared: &'a Build,
    rendered: RenderedBuild,
    log: Log,
    _dir: WorkDir,
    pub(super) src: Utf8PathBuf,
    pub(super) out: Utf8PathBuf,
    pub(super) tmp: Utf8PathBuf,
}

/// A work folder, which is removed with all its content, including read-only folders. The file lock
/// shows other processes that a build is running in it.
struct WorkDir(Utf8PathBuf, Option<FileLock>);

impl Drop for WorkDir {
    fn drop(&mut self) {
        self.1 = None;
        // A failure is ignored: `.larder` is safe to delete, and the next run tries again.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The name of the lock file in a work folder. It is held while a build runs in the folder,
/// independently of the target's own lock.
const WORK_LOCK: &str = "lock";

/// Removes the work folders of killed builds. A folder is removed only if no process holds its lock
/// or the lock of its target.
pub fn remove_abandoned(ctx: &Context) -> Result<()> {
    let larder = ctx.project.root.join(".larder");
    for name in fs::list(larder.join("work"))? {
        let Some((target, _)) = name.rsplit_once('-') else {
            continue;
        };
        let folder = larder.join("work").join(&name);
        if let Some(_held) = FileLock::try_take(&larder.join("locks").join(target))
            && FileLock::try_take(&folder.join(WORK_LOCK)).is_some()
        {
            fs::remove_dir_all(folder)?;
        }
    }
    Ok(())
}

impl<'a> Work<'a> {
    pub(super) fn new(request: &'a Request<'a>, log: &Utf8Path) -> Result<Self> {
        let (ctx, target, subsystem) = (request.run, request.target, request.subsystem);
        let declared = subsystem
            .build
            .as_ref()
            .ok_or_else(|| Error::usage(format!("the recipe of `{}` has no build", target.name)))?;
        let parent = ctx.larder_dir("work")?;
        // The name is unique, so that a child that outlived a killed run can't write into the
        // folder of a new build.
        let dir = tempfile::Builder::new()
            .prefix(&format!("{}-{}-", target.name, target.platform))
            .tempdir_in(&parent);
        let dir = Utf8PathBuf::from_path_buf(dir.at("create a folder in", &parent)?.keep())
            .unwrap_or_default();
        let lock = FileLock::try_take(&dir.join(WORK_LOCK));
        let dir = WorkDir(dir, lock);
        let (src, out, tmp) = (dir.0.join("src"), dir.0.join("out"), dir.0.join("tmp"));
        for folder in [&src, &out, &tmp] {
            fs::create_dir_all(folder)?;
        }
        let rendered = subsystem
            .rendered_build(&target.platform, out.as_str(), src.as_str())?
            .ok_or_else(|| Error::usage(format!("the recipe of `{}` has no build", target.name)))?;
        Ok(Self {
            request,
            ctx,
            target,
            subsystem,
            declared,
            rendered,
            log: Log::at(log, Redactor::new(ctx.settings.environment())),
            _dir: dir,
            src,
            out,
            tmp,
        })
    }

    pub(super) fn place(&self) -> String {
        match &self.rendered.source {
            RenderedSource::Dir { path } => path
                .strip_prefix(&self.ctx.project.root)
                .map_or_else(|_| path.to_string(), ToString::to_string),
            RenderedSource::Git { url, rev } => format!("{url} {rev}"),
            RenderedSource::Url { url, sha256: _ } => url.clone(),
            RenderedSource::Crate { name, version } => format!("crate {name} {version}"),
        }
    }

    pub(super) fn run(&mut self) -> Result<BuildResult> {
        let tools = self.check_tools()?;
        let commit = source::fetch(self.request, &self.rendered.source, &self.src, &self.log)?;
        self.pin_commit(commit.as_deref())?;
        self.execute()?;
        let files = self.outputs()?;
        self.verify()?;
        let glibc = self.lowest_glibc(&files);
        let observed = Observed {
            commit,
            tools,
            glibc,
            run: self
                .ctx
                .settings
                .ci
                .actions
                .as_ref()
                .and_then(|actions| actions.run_url.clone()),
            time: Some(jiff::Timestamp::now().to_string()),
        };
        Ok(BuildResult { files, observed })
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

    /// The recipe's commands. A crate source without commands is built with `cargo install`.
    fn commands(&self) -> Vec<String> {
        match &self.rendered.source {
            RenderedSource::Crate { name, version } if self.rendered.commands.is_empty() => {
                let target = if self.target.platform == Platform::host() {
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

    pub(super) fn environment(&self) -> Environment {
        let mut env = self.ctx.settings.environment().for_child();
        let dirs = self.needs().map(|need| {
            let target = Target {
                name: need.clone(),
                platform: Platform::host(),
            };
            self.ctx.bin(&target).dir().as_std_path().to_owned()
        });
        if let Ok(path) = env.path_after(dirs) {
            env.set("PATH", path);
        }
        env.set("TMPDIR", self.tmp.as_str());
        if cfg!(windows) {
            env.set("TEMP", self.tmp.as_str());
            env.set("TMP", self.tmp.as_str());
        }
        if matches!(self.rendered.source, RenderedSource::Crate { .. }) {
            // cargo installs into `<root>/bin`, where the outputs are searched as well.
            env.set("LARDER_ROOT", self.out.as_str());
            env.set("CARGO_TARGET_DIR", self.tmp.join("target").as_str());
        }
        for (name, value) in &self.rendered.env {
            env.set(name, value);
        }
        env
    }

    fn execute(&self) -> Result<()> {
        let action = BuildAction {
            commands: &self.commands(),
            environment: &self.environment(),
            folder: &self.src,
            out: &self.out,
            log: &self.log,
            timeout: self.declared.timeout,
        };
        match self.ctx.executor.execute(&action, &self.ctx.cancel)? {
            Execution::Succeeded => Ok(()),
            Execution::Failed { command, reason } => {
                Err(Error::failed(format!("`{command}`: {reason}")))
            }
            Execution::TimedOut { command } => Err(Error::failed(format!(
                "`{command}` took longer than {}",
                minutes(self.declared.timeout)
            ))
            .hint("increase `build.timeout` if this build needs more time")),
        }
    }

    /// Runs the recipe's `verify` after a build for the host. It must exit with 0 and print the
    /// version.
    fn verify(&self) -> Result<()> {
        if self.target.platform != Platform::host() {
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
            self.environment(),
        )
    }
}

fn minutes(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds % 60 == 0 && seconds > 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    }
}
