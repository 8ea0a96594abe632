//! A build: clean work folder, declared environment, own process group, log, timeout, and outputs that are checked before
//! anything is installed.
//!
//! ```text
//! <name>-<platform>-*       in `.larder/work`, one for each build
//!   src                     a fresh copy of the source; commands run here
//!   out                     `{{ out }}`: existing, empty, absolute
//!   tmp                     TMPDIR
//!   lock                    held while the build is under way
//! <name>-<platform>.log     in `.larder/logs`, all that the commands say
//! ```

pub mod source;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::acquire::freshness::{self, Freshness};
use crate::acquire::request::Request;
use crate::acquire::{self, Done, sources};
use crate::cache::Entry;
use crate::context::Context;
use crate::events::{Level, Phase};
use crate::file_lock::FileLock;
use crate::process::{Ended, capture, shell, supervise};
use crate::verify::{self, first_lines, mentions_version};
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::executable::{self, Executable};
use larder_core::formats::{LockLine, Observed};
use larder_core::fs::{self, IoContext};
use larder_core::keys::tree;
use larder_core::model::{
    Artifact, ArtifactFile, FileName, Origin, Outcome, Platform, SourceKind, Target, version_order,
};
use larder_core::project::{Build, RenderedBuild, RenderedSource, Subsystem};

/// What a build's commands may see of the environment, beside what the recipe declares.
const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "GOPATH",
    "GOCACHE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CARGO_HTTP_CAINFO",
    "GIT_SSL_CAINFO",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    // Windows can't start programs without these.
    "SystemRoot",
    "SystemDrive",
    "ComSpec",
    "PATHEXT",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "ProgramFiles",
    "ProgramData",
];

/// Builds a target, whose `build.needs` are present, and installs what came out.
pub fn build(ctx: &Context, target: &Target, reason: &str) -> Result<Done> {
    let held = acquire::hold(ctx, target)?;
    let request = Request::new(ctx, target)?;
    // Whoever held the lock before may have done it.
    if !ctx.options.rebuild
        && !ctx.options.reinstall
        && let Freshness::UpToDate {
            artifact, watched, ..
        } = freshness::read(&request, &held.bin)?
    {
        return Ok(Done::up_to_date(artifact, watched));
    }
    let inputs = request
        .wanted
        .of(Origin::Build)
        .ok_or_else(|| Error::usage(format!("the recipe of `{}` has no build", target.name)))?;
    // One build of the same inputs at a time on this machine: whoever waited finds it in the cache.
    let _once = match ctx.cache.lock_path(&inputs.digest) {
        Ok(path) => Some(FileLock::take(&path, &ctx.cancel, |text| {
            ctx.events.note(Some(target), Level::Info, text);
        })?),
        Err(_) => None,
    };
    if !ctx.options.rebuild && ctx.options.source.is_none() {
        for entry in sources::cache::entries(&request)? {
            let staging = held.bin.stage()?;
            if entry.artifact.origin == Origin::Build
                && let Some(taken) = sources::cache::restore(&request, entry, staging.path())?
            {
                return acquire::install(&request, &held.bin, staging, taken, reason.to_owned());
            }
        }
    }
    ctx.private("logs")?;
    let log = log_path(ctx, target);
    fs::create(&log)?;
    ctx.events.phase(target, Phase::Building, None);
    let mut work = Work::new(&request, &log)?;
    let made = work
        .run()
        .map_err(|error| ended_badly(error, target, &log))?;
    let staging = held.bin.stage()?;
    for file in &made.files {
        let from = work.out.join(&file.name);
        // The work folder is of the same file system, the staging folder takes the files over.
        if fs::rename(&from, staging.path().join(&file.name)).is_err() {
            let mut source = fs::open(&from)?;
            let mut target = fs::create(staging.path().join(&file.name))?;
            std::io::copy(&mut source, &mut target).at("copy", &from)?;
        }
    }
    let artifact = Artifact {
        name: target.name.clone(),
        version: work.subsystem.version.clone(),
        platform: target.platform,
        origin: Origin::Build,
        inputs: inputs.digest,
        commit: made.observed.commit.clone(),
        files: made.files,
    };
    let entry = Entry {
        artifact,
        via: SourceKind::Build,
        hub: None,
        file: None,
        observed: made.observed,
    };
    acquire::remember(&request, &staging, &entry);
    let watched = held.bin.install(staging, &entry.artifact)?;
    Ok(Done {
        outcome: Outcome::Built,
        via: Some(SourceKind::Build),
        bytes: entry.artifact.size(),
        place: Some(work.place()),
        reason: Some(reason.to_owned()),
        artifact: entry.artifact,
        watched,
        log: Some(log),
    })
}

/// Where a target's build tells what happens.
pub fn log_path(ctx: &Context, target: &Target) -> Utf8PathBuf {
    ctx.project
        .root
        .join(".larder/logs")
        .join(format!("{}-{}.log", target.name, target.platform))
}

fn ended_badly(error: Error, target: &Target, log: &Utf8Path) -> Error {
    if matches!(error.kind(), larder_core::Kind::Interrupted(_)) {
        return error;
    }
    let error = error.context(format!("the build of {target} failed"));
    if log.as_str().contains(char::is_whitespace) {
        return error
            .hint("there is a blank in the project's path: quote \"{{ out }}\" and \"{{ src }}\" in the recipe's commands");
    }
    error
}

struct Made {
    files: Vec<ArtifactFile>,
    observed: Observed,
}

/// A build under way; its folder goes when it is dropped.
struct Work<'a> {
    request: &'a Request<'a>,
    ctx: &'a Context,
    target: &'a Target,
    subsystem: &'a Subsystem,
    declared: &'a Build,
    rendered: RenderedBuild,
    log: &'a Utf8Path,
    _dir: WorkDir,
    src: Utf8PathBuf,
    out: Utf8PathBuf,
    tmp: Utf8PathBuf,
}

/// A folder that is removed with all in it, read-only folders too; a lock in it says that someone is at work there.
struct WorkDir(Utf8PathBuf, Option<FileLock>);

impl Drop for WorkDir {
    fn drop(&mut self) {
        self.1 = None;
        // What can't be removed now is litter in `.larder`, which is safe to delete.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// In a work folder: held while a build is under way in it, whatever becomes of the target's own lock.
const WORK_LOCK: &str = "lock";

/// Removes the work folders of killed builds: those whose target nobody is at work on.
pub fn sweep(ctx: &Context) -> Result<()> {
    let larder = ctx.project.root.join(".larder");
    for name in fs::list(larder.join("work"))? {
        let Some((target, _)) = name.rsplit_once('-') else {
            continue;
        };
        let folder = larder.join("work").join(&name);
        if let Some(_held) = FileLock::take_now(&larder.join("locks").join(target))
            && FileLock::take_now(&folder.join(WORK_LOCK)).is_some()
        {
            fs::remove_dir_all(folder)?;
        }
    }
    Ok(())
}

impl<'a> Work<'a> {
    fn new(request: &'a Request<'a>, log: &'a Utf8Path) -> Result<Self> {
        let (ctx, target, subsystem) = (request.run, request.target, request.subsystem);
        let declared = subsystem
            .build
            .as_ref()
            .ok_or_else(|| Error::usage(format!("the recipe of `{}` has no build", target.name)))?;
        let parent = ctx.private("work")?;
        // A name that no process had before: what an orphan of a killed run still writes goes to an abandoned folder.
        let dir = tempfile::Builder::new()
            .prefix(&format!("{}-{}-", target.name, target.platform))
            .tempdir_in(&parent);
        let dir = Utf8PathBuf::from_path_buf(dir.at("create a folder in", &parent)?.keep())
            .unwrap_or_default();
        let lock = FileLock::take_now(&dir.join(WORK_LOCK));
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
            log,
            _dir: dir,
            src,
            out,
            tmp,
        })
    }

    fn place(&self) -> String {
        match &self.rendered.source {
            RenderedSource::Dir { path } => path
                .strip_prefix(&self.ctx.project.root)
                .map_or_else(|_| path.to_string(), ToString::to_string),
            RenderedSource::Git { url, rev } => format!("{url} {rev}"),
            RenderedSource::Url { url, sha256: _ } => url.clone(),
            RenderedSource::Crate { name, version } => format!("crate {name} {version}"),
        }
    }

    fn run(&mut self) -> Result<Made> {
        let tools = self.check_tools()?;
        let commit = source::fetch(self.request, &self.rendered.source, &self.src, self.log)?;
        self.pin_commit(commit.as_deref())?;
        let deadline = Instant::now() + self.declared.timeout;
        for line in self.commands() {
            self.command(&line, deadline)?;
        }
        let files = self.outputs()?;
        self.verify()?;
        let glibc = files
            .iter()
            .filter_map(|file| self.glibc(file))
            .max_by(|a, b| version_order::compare(a, b));
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
        Ok(Made { files, observed })
    }

    /// A git rev is pinned to the commit it meant first; a tag that moved is an integrity error.
    fn pin_commit(&self, commit: Option<&str>) -> Result<()> {
        let (RenderedSource::Git { url, rev }, Some(commit)) = (&self.rendered.source, commit)
        else {
            return Ok(());
        };
        let locking = &self.ctx.locking;
        locking.check_commit(self.ctx, self.target, url, rev, commit)?;
        if self.request.has_commit(url, rev) {
            return Ok(());
        }
        locking.record(&LockLine::Commit {
            name: self.target.name.clone(),
            version: self.subsystem.version.clone(),
            url: url.clone(),
            rev: rev.clone(),
            commit: commit.to_owned(),
        })
    }

    /// The lowest glibc that a file runs on, if it is linked to one.
    fn glibc(&self, file: &ArtifactFile) -> Option<String> {
        match executable::inspect(self.out.join(&file.name)).ok()? {
            Executable::Native(native) => native.glibc,
            _ => None,
        }
    }

    /// The recipe's commands; a crate without any is installed by cargo.
    fn commands(&self) -> Vec<String> {
        match &self.rendered.source {
            RenderedSource::Crate { name, version } if self.rendered.commands.is_empty() => {
                let target = if self.target.platform == Platform::host() {
                    String::new()
                } else {
                    format!(" --target {}", self.target.platform.target())
                };
                // Names and versions were checked to be plain words.
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

    fn environment(&self) -> Environment {
        let mut env = self.ctx.settings.environment().only(PASSED);
        let needs = self.declared.needs.iter().chain(&self.subsystem.needs);
        let dirs = needs.map(|need| {
            let target = Target {
                name: need.clone(),
                platform: Platform::host(),
            };
            self.ctx.bin(&target).dir().as_std_path().to_owned()
        });
        if let Ok(path) = env.path_after(dirs) {
            env.set("PATH", path);
        }
        for (name, value) in [
            ("TMPDIR", self.tmp.as_str()),
            ("LANG", "C.UTF-8"),
            ("LC_ALL", "C.UTF-8"),
            ("TZ", "UTC"),
        ] {
            env.set(name, value);
        }
        if cfg!(windows) {
            env.set("TEMP", self.tmp.as_str());
            env.set("TMP", self.tmp.as_str());
        }
        if matches!(self.rendered.source, RenderedSource::Crate { .. }) {
            // cargo installs into `<root>/bin`; outputs are looked for there, too.
            env.set("LARDER_ROOT", self.out.as_str());
            env.set("CARGO_TARGET_DIR", self.tmp.join("target").as_str());
        }
        for (name, value) in &self.rendered.env {
            env.set(name, value);
        }
        env
    }

    fn command(&self, line: &str, deadline: Instant) -> Result<()> {
        let mut log = std::fs::OpenOptions::new()
            .append(true)
            .open(self.log)
            .at("open", self.log)?;
        writeln!(log, "$ {line}").at("write", self.log)?;
        let mut command = shell(line);
        command
            .current_dir(&self.src)
            .env_clear()
            .envs(self.environment().iter())
            .stdin(Stdio::null())
            .stdout(log.try_clone().at("open", self.log)?)
            .stderr(log.try_clone().at("open", self.log)?);
        let left = deadline.saturating_duration_since(Instant::now());
        match supervise(&self.ctx.runtime, command, Some(left), &self.ctx.cancel)? {
            Ended::Exited(status) if status.success() => Ok(()),
            Ended::Exited(status) => Err(Error::failed(format!("`{line}`: {}", in_words(status)))),
            Ended::TimedOut => {
                let _ = writeln!(log, "(ended: over its time)");
                Err(Error::failed(format!(
                    "`{line}` took longer than {}",
                    minutes(self.declared.timeout)
                ))
                .hint("raise `build.timeout` if that is to be expected"))
            }
        }
    }

    /// `tools:` are demanded of the machine: what each says of its version.
    fn check_tools(&self) -> Result<BTreeMap<String, String>> {
        let mut seen = BTreeMap::new();
        for (tool, wanted) in &self.declared.tools {
            let (mut said, mut refused) = (None, None);
            for argument in ["version", "--version"] {
                let mut command = Command::new(tool);
                command
                    .arg(argument)
                    .env_clear()
                    .envs(self.environment().iter());
                // Resolved on the build's PATH, not on ours.
                match capture(self.ctx, command, Duration::from_secs(30)) {
                    Ok((Ended::Exited(status), text)) if status.success() => {
                        said = Some(text);
                        break;
                    }
                    Err(error) if matches!(error.kind(), larder_core::Kind::Interrupted(_)) => {
                        return Err(error);
                    }
                    Ok((_, text)) => refused = Some(text),
                    Err(_) => {}
                }
            }
            let Some(said) = said else {
                if let Some(text) = refused {
                    return Err(Error::failed(format!(
                        "the build needs `{tool}` {wanted}, and the one here does not tell its version"
                    ))
                    .cause(format!("neither `{tool} version` nor `{tool} --version` succeeds; it printed {}", first_lines(&text)))
                    .hint("leave it out of `build.tools`, and check it in `commands`"));
                }
                return Err(Error::failed(format!(
                    "the build needs `{tool}` {wanted}, which is not on PATH"
                ))
                .hint(format!(
                    "install {tool} {wanted}, or name a subsystem that has it in `build.needs`"
                )));
            };
            if !mentions_version(&said, wanted) {
                let line = said.lines().next().unwrap_or_default();
                return Err(Error::failed(format!(
                    "the build needs `{tool}` {wanted}, this machine has `{line}`"
                ))
                .hint(format!(
                    "install {tool} {wanted}, or change `build.tools` (which changes the key)"
                )));
            }
            seen.insert(
                tool.clone(),
                said.lines().next().unwrap_or_default().trim().to_owned(),
            );
        }
        Ok(seen)
    }

    /// Every declared file: there, not empty, and of the right platform.
    fn outputs(&self) -> Result<Vec<ArtifactFile>> {
        let platform = &self.target.platform;
        let mut files = Vec::new();
        for name in self
            .subsystem
            .file_names(platform)
            .into_iter()
            .take(self.subsystem.binaries.len())
        {
            self.collect(
                &name,
                &[self.out.join(&name), self.out.join("bin").join(&name)],
            )?;
            let path = self.out.join(&name);
            executable::check_platform(&path, platform)?;
            files.push(self.describe(&name, 0o755)?);
        }
        for include in &self.subsystem.package.include {
            self.collect(
                &include.name,
                &[self.out.join(&include.path), self.src.join(&include.path)],
            )?;
            files.push(self.describe(&include.name, 0o644)?);
        }
        Ok(files)
    }

    /// Puts the first of these files that exists at the top of `out`.
    fn collect(&self, name: &FileName, candidates: &[Utf8PathBuf]) -> Result<()> {
        let target = self.out.join(name);
        for candidate in candidates {
            let Some(meta) = fs::stat(candidate)? else {
                continue;
            };
            if !meta.is_file() {
                return Err(Error::failed(format!(
                    "the build made `{name}`, but not as a file"
                )));
            }
            if meta.len() == 0 {
                return Err(Error::failed(format!("the build made an empty `{name}`")));
            }
            if fs::lstat(candidate)?.is_some_and(|meta| meta.is_symlink()) || *candidate != target {
                // A link is replaced by what it leads to.
                let bytes_from = fs::open(candidate)?;
                let staged = self.tmp.join(format!("collect-{name}"));
                std::io::copy(&mut { bytes_from }, &mut fs::create(&staged)?)
                    .at("copy", candidate)?;
                fs::rename(&staged, &target)?;
            }
            return Ok(());
        }
        Err(Error::failed(format!("the build did not make `{name}`"))
            .hint("its commands must write every binary of the recipe to `{{ out }}`; included files may stay in the source"))
    }

    fn describe(&self, name: &FileName, mode: u32) -> Result<ArtifactFile> {
        let path = self.out.join(name);
        fs::set_mode(&path, mode)?;
        let (sha256, size) = tree::hash_file(&path)?;
        Ok(ArtifactFile {
            name: name.clone(),
            mode,
            size,
            sha256,
        })
    }

    /// The recipe's `verify`, after a host build: exit 0 and the version printed.
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

fn in_words(status: std::process::ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return format!("ended by signal {signal}");
        }
    }
    format!("exit status {}", status.code().unwrap_or(-1))
}

fn minutes(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds % 60 == 0 && seconds > 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    }
}
