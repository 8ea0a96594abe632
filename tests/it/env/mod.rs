//! The hermetic test environment: one machine in a temporary folder.
//!
//! ```text
//! <base>/project/   the project (current folder of every command)      <base>/home/   HOME and the XDG folders
//! <base>/cache/     LARDER_CACHE_DIR                                   <base>/tmp/    TMPDIR
//! ```
//! Commands get PATH and the variables above, an isolated git configuration, and nothing else of
//! the machine: no CI, no token, no proxy, no colour, no standard input. A test sets other variables
//! by name ([`TestEnv::set`]) or requests the Rust toolchain ([`TestEnv::with_toolchain`]).
//!
//! ```ignore
//! let env = TestEnv::new();
//! env.script_subsystem("tool", "v1.0.0");
//! let out = env.larder(["ensure", "all"]).success();
//! assert_eq!(out.outcome("tool"), "built");              // with --json
//! insta::assert_snapshot!(out.redacted(), @"");
//! ```
//! This file depends only on the command line and on the files that users see, not on larder's
//! library.
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]
#![cfg_attr(not(unix), allow(unused_imports, reason = "fewer tests run there"))]

mod files;
mod installed;
mod output;
mod strace;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

pub use files::{copy_tree, flip_bit, has_mode, list, remove, set_mode};
pub use installed::assert_intact;
#[cfg(unix)]
pub use installed::stamped;
pub use output::{Output, redact};
pub use strace::Syscall;

/// The binary under test.
pub const LARDER: &str = env!("CARGO_BIN_EXE_larder");

/// The root of this repository.
pub const REPO: &str = env!("CARGO_MANIFEST_DIR");

/// One machine with one project.
pub struct TestEnv {
    base: Utf8PathBuf,
    project: Utf8PathBuf,
    vars: BTreeMap<OsString, OsString>,
    // Declared last: the folder is removed when the machine is dropped. Shared by the machines made
    // with `another`.
    root: std::sync::Arc<tempfile::TempDir>,
}

impl TestEnv {
    /// A new machine with an empty project folder.
    pub fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("larder-it-")
            .tempdir()
            .expect("temp folder");
        // What Windows gives as the canonical path is a form that few programs understand.
        let path = if cfg!(windows) {
            root.path().to_owned()
        } else {
            root.path().canonicalize().expect("canonical")
        };
        let base = Utf8PathBuf::from_path_buf(path).expect("UTF-8");
        Self::at(base, std::sync::Arc::new(root))
    }

    /// A second machine with its own project, home and cache (a second checkout elsewhere). It
    /// shares only what a test copies or points to.
    pub fn another(&self, name: &str) -> Self {
        Self::at(self.base.join(name), self.root.clone())
    }

    fn at(base: Utf8PathBuf, root: std::sync::Arc<tempfile::TempDir>) -> Self {
        let mut env = Self {
            project: base.join("project"),
            base,
            vars: BTreeMap::new(),
            root,
        };
        for dir in ["project", "home", "cache", "tmp"] {
            std::fs::create_dir_all(env.base.join(dir)).expect("create folder");
        }
        env.close_cache();
        let home = env.base.join("home");
        let gitconfig = home.join(".gitconfig");
        let git = "[user]\n\tname = Test\n\temail = test@example.invalid\n[init]\n\tdefaultBranch = main\n[protocol \"file\"]\n\tallow = always\n";
        std::fs::write(&gitconfig, git).expect("write .gitconfig");
        let path = std::env::var_os("PATH").unwrap_or_default();
        for (key, value) in [
            ("PATH", path.as_os_str()),
            ("HOME", home.as_os_str()),
            ("USER", OsStr::new("tester")),
            ("LANG", OsStr::new("C.UTF-8")),
            ("TMPDIR", env.base.join("tmp").as_os_str()),
            ("LARDER_CACHE_DIR", env.base.join("cache").as_os_str()),
            ("XDG_CACHE_HOME", home.join(".cache").as_os_str()),
            ("XDG_CONFIG_HOME", home.join(".config").as_os_str()),
            ("XDG_DATA_HOME", home.join(".local/share").as_os_str()),
            ("XDG_STATE_HOME", home.join(".local/state").as_os_str()),
            ("GIT_CONFIG_GLOBAL", gitconfig.as_os_str()),
            ("GIT_CONFIG_NOSYSTEM", OsStr::new("1")),
            ("NO_COLOR", OsStr::new("1")),
            // Several servers run at the same time.
            ("GRPC_PORT", OsStr::new("0")),
        ] {
            env.vars.insert(key.into(), value.into());
        }
        #[cfg(windows)]
        env.add_windows_variables();
        env
    }

    /// No program of Windows starts without some variables.
    #[cfg(windows)]
    fn add_windows_variables(&mut self) {
        for key in ["SystemRoot", "windir", "ComSpec", "PATHEXT"] {
            if let Some(value) = std::env::var_os(key) {
                self.vars.insert(key.into(), value);
            }
        }
        let home = self.base.join("home");
        for (key, folder) in [
            ("TEMP", self.base.join("tmp")),
            ("TMP", self.base.join("tmp")),
            ("USERPROFILE", home.clone()),
            ("LOCALAPPDATA", home.join("AppData/Local")),
            ("APPDATA", home.join("AppData/Roaming")),
        ] {
            self.vars.insert(key.into(), folder.as_str().into());
        }
    }

    /// Lets builds use the machine's Rust toolchain and reach the crate registry as the machine does.
    pub fn with_toolchain(mut self) -> Self {
        let home = std::env::var_os("HOME").unwrap_or_default();
        for (key, default) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let value =
                std::env::var_os(key).unwrap_or_else(|| Path::new(&home).join(default).into());
            self.vars.insert(key.into(), value);
        }
        self.with_network_settings()
    }

    /// Passes on the machine's proxy and certificate settings, for the clients of package
    /// registries.
    pub fn with_network_settings(mut self) -> Self {
        for (key, value) in std::env::vars_os() {
            let name = key.to_string_lossy().to_ascii_uppercase();
            if name.ends_with("_PROXY")
                || name.contains("SSL")
                || name.contains("CERT")
                || name.contains("CA_")
            {
                self.vars.insert(key, value);
            }
        }
        self
    }

    /// Sets a variable for every command from now on.
    pub fn set(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.vars.insert(key.as_ref().into(), value.as_ref().into());
        self
    }

    /// Unsets a variable for every command from now on.
    pub fn unset(&mut self, key: &str) -> &mut Self {
        self.vars.remove(OsStr::new(key));
        self
    }

    /// The folder that holds everything of this machine.
    pub fn base(&self) -> &Utf8Path {
        &self.base
    }
    /// The project's folder.
    pub fn project(&self) -> &Utf8Path {
        &self.project
    }
    /// The cache's folder.
    pub fn cache(&self) -> Utf8PathBuf {
        self.base.join("cache")
    }
    /// The home folder.
    pub fn home(&self) -> Utf8PathBuf {
        self.base.join("home")
    }
    /// A path in the project.
    pub fn path(&self, relative: impl AsRef<str>) -> Utf8PathBuf {
        self.project.join(relative.as_ref())
    }

    // --- files of the project ---

    /// Writes a file, folders included.
    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("create folder");
        std::fs::write(&path, text).unwrap_or_else(|e| panic!("write {path}: {e}"));
        path
    }
    /// Writes an executable file.
    pub fn write_executable(&self, relative: &str, text: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.write(relative, text);
        set_mode(&path, 0o755);
        path
    }
    /// Reads a text file.
    pub fn read(&self, relative: &str) -> String {
        let path = self.path(relative);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("read {path}: {e}"))
    }
    /// Whether a path exists (links are followed).
    pub fn exists(&self, relative: &str) -> bool {
        self.path(relative).exists()
    }
    /// Removes a file, or a folder with its contents.
    pub fn remove(&self, relative: &str) {
        remove(&self.path(relative));
    }
    /// Replaces one text by another in a file; the text must be there.
    pub fn edit(&self, relative: &str, from: &str, to: &str) {
        let text = self.read(relative);
        assert!(text.contains(from), "{relative} holds no {from:?}:\n{text}");
        self.write(relative, text.replacen(from, to, 1));
    }
    /// Flips one bit in the middle of a file, keeping its size.
    pub fn flip_bit(&self, relative: &str) {
        flip_bit(&self.path(relative));
    }
    /// Deletes the cache.
    pub fn drop_cache(&self) {
        remove(&self.cache());
        std::fs::create_dir_all(self.cache()).expect("create folder");
        self.close_cache();
    }
    /// Makes the cache's folder unwritable for others, whatever the umask of the tests is.
    fn close_cache(&self) {
        set_mode(&self.cache(), 0o755);
    }
    /// Copies a folder of this repository into the project, except installed, cached and released
    /// files.
    pub fn copy_from_repo(&self, relative: &str, to: &str) {
        let from = Utf8Path::new(REPO).join(relative);
        assert!(from.is_dir(), "{from} is no folder");
        copy_tree(&from, &self.path(to));
    }

    // --- projects ---

    /// Writes `versions.yml` with these versions and further lines, e.g. `"upload: always\n"`.
    pub fn versions(&self, versions: &[(&str, &str)], more: &str) {
        use std::fmt::Write as _;
        let mut text = String::from("versions:\n");
        for (name, version) in versions {
            let _ = writeln!(text, "  {name}: {version}");
        }
        self.write("versions.yml", text + more);
    }
    /// Writes a recipe.
    pub fn recipe(&self, name: &str, yaml: &str) {
        self.write(&format!("subsystems/{name}/recipe.yml"), yaml);
    }
    /// Adds a subsystem built by `sh` from its own folder: a script that prints its name and version. Further recipe lines
    /// may follow through [`TestEnv::edit`]. `versions.yml` is made or extended.
    pub fn script_subsystem(&self, name: &str, version: &str) {
        let source = format!("#!/bin/sh\necho \"{name} @VERSION@\"\n");
        self.write(&format!("subsystems/{name}/src/{name}.sh"), source);
        self.recipe(
            name,
            &format!(
                "binaries: [{name}]\nbuild:\n  source: {{dir: .}}\n  commands:\n    \
                 - \"sed 's/@VERSION@/{{{{ version }}}}/' src/{name}.sh > {{{{ out }}}}/{name}\"\n    \
                 - \"chmod +x {{{{ out }}}}/{name}\"\nverify: \"{name} --version\"\n"
            ),
        );
        if self.exists("versions.yml") {
            self.edit(
                "versions.yml",
                "versions:\n",
                &format!("versions:\n  {name}: {version}\n"),
            );
        } else {
            self.versions(&[(name, version)], "");
        }
    }

    // --- commands ---

    /// Runs larder in the project's folder.
    pub fn larder<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Output {
        self.output(self.command(args))
    }
    /// Runs larder with `--json` and checks that every line of standard output is an object.
    pub fn larder_json<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Output {
        let mut command = self.command(args);
        command.arg("--json");
        self.output(command)
    }
    /// The command that [`TestEnv::larder`] runs, to be changed, spawned or killed by the test.
    pub fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Command {
        let mut command = self.program(LARDER);
        command.args(args);
        command
    }
    /// Another program, with the environment of this machine.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.vars)
            .current_dir(&self.project)
            .stdin(Stdio::null());
        command
    }
    /// Runs a program, which must succeed, and returns its standard output.
    pub fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        &self,
        program: &str,
        args: I,
    ) -> String {
        let mut command = self.program(program);
        command.args(args);
        self.output(command).success().stdout
    }
    /// Runs a shell line in the project's folder; it must succeed.
    pub fn sh(&self, line: &str) -> String {
        self.run("sh", ["-ec", line])
    }
    /// Runs a prepared command to its end.
    pub fn output(&self, mut command: Command) -> Output {
        let shown = format!("{command:?}");
        let shown = shown.split_once(LARDER).map_or(shown.clone(), |(_, args)| {
            format!("larder{}", args.trim_start_matches('"'))
        });
        let output = command
            .output()
            .unwrap_or_else(|e| panic!("cannot run {shown}: {e}"));
        Output {
            command: shown,
            code: output.status.code(),
            #[cfg(unix)]
            signal: std::os::unix::process::ExitStatusExt::signal(&output.status),
            #[cfg(not(unix))]
            signal: None,
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
            base: self.base.clone(),
        }
    }

    /// Runs larder under strace, which follows threads and children, and gives the system calls named in `trace`
    /// (strace's `-e trace=`, e.g. `%network,execve`). `inject` adds faults (`-e inject=`), e.g.
    /// `renameat2:signal=KILL:when=3`; strace counts per thread.
    pub fn strace<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        &self,
        trace: &str,
        inject: Option<&str>,
        args: I,
    ) -> (Output, Vec<Syscall>) {
        static COUNTER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let n = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let log = self.base.join(format!("strace-{n}.log"));
        let mut command = self.program("strace");
        command.args([
            "-f",
            "-qq",
            "-s",
            "300",
            "-o",
            log.as_str(),
            "-e",
            &format!("trace={trace}"),
        ]);
        if let Some(inject) = inject {
            command.args(["-e", &format!("inject={inject}")]);
        }
        command.arg(LARDER).args(args);
        let output = self.output(command);
        let text =
            String::from_utf8_lossy(&std::fs::read(&log).expect("strace's log")).into_owned();
        (output, Syscall::parse(&text))
    }
}

/// The name of the platform that larder runs on.
pub fn host() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    format!("{os}-{arch}")
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs a POSIX shell")]
fn commands_inherit_nothing_from_the_machine() {
    let mut env = TestEnv::new();
    env.set("EXTRA", "1");
    let seen = env.sh("env");
    let mut names: Vec<_> = seen
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    let wanted = "EXTRA GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM GRPC_PORT HOME LANG LARDER_CACHE_DIR NO_COLOR PATH TMPDIR USER \
                  XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME";
    assert_eq!(names.join(" "), wanted);
    env.unset("EXTRA");
    assert!(!env.sh("env").contains("EXTRA"));
}

#[test]
fn test_machines_are_isolated_from_each_other() {
    let one = TestEnv::new();
    let two = one.another("second");
    one.write("a/b.txt", "text");
    assert!(!two.exists("a/b.txt") && one.cache() != two.cache() && one.home() != two.home());
    one.edit("a/b.txt", "te", "ne");
    assert_eq!(one.read("a/b.txt"), "next");
    one.flip_bit("a/b.txt");
    assert_ne!(one.read("a/b.txt"), "next");
    copy_tree(one.project(), two.project());
    assert!(two.exists("a/b.txt"));
    one.remove("a");
    assert!(!one.exists("a"));
}
