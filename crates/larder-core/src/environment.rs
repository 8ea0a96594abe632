//! Environment variables as a value. Code that starts a child process or reads a variable gets this
//! value as an argument. This module does not read the environment of the current process.
//!
//! It also decides which variables a child process gets. Whatever larder starts on its own (builds,
//! `verify` lines, git, clients of registries) gets [`Environment::for_child`], which has no
//! secrets. Only the commands of tasks, which are the user's own, get the whole environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::fs;
use crate::redact::is_secret_name;

/// The environment variables that larder passes to the programs that it starts. Those of larder
/// itself, of the CI system, and everything that may hold a secret, are not among them.
const CHILD_VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
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
];

/// The same on Windows, where few programs and no compiler work without them.
const WINDOWS_VARIABLES: &[&str] = &[
    "SystemRoot",
    "windir",
    "SystemDrive",
    "ComSpec",
    "PATHEXT",
    "TEMP",
    "TMP",
    "OS",
    "PROCESSOR_ARCHITECTURE",
    "NUMBER_OF_PROCESSORS",
    "USERNAME",
    "USERPROFILE",
    "HOMEDRIVE",
    "HOMEPATH",
    "APPDATA",
    "LOCALAPPDATA",
    "ALLUSERSPROFILE",
    "PUBLIC",
    "ProgramData",
    "ProgramFiles",
    "ProgramFiles(x86)",
    "ProgramW6432",
    "CommonProgramFiles",
    "CommonProgramFiles(x86)",
    "CommonProgramW6432",
];

/// What Windows tries after the name of a program if `PATHEXT` is not set.
const PROGRAM_ENDINGS: &str = ".COM;.EXE;.BAT;.CMD";

/// The variables that are the same for every child, so that its messages and its output do not
/// depend on the user's locale.
const FIXED_VARIABLES: &[(&str, &str)] =
    &[("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")];

/// Variables by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

/// Shows only the names, because values can be secrets.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// The value of a variable, which can be empty. On Windows the case of names does not matter.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        let name = name.as_ref();
        let found = if cfg!(windows) {
            self.0
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        } else {
            self.0.get(name)
        };
        found.map(OsString::as_os_str)
    }

    /// The value as text; `None` if it is unset or not UTF-8.
    pub fn text(&self, name: impl AsRef<OsStr>) -> Option<&str> {
        self.get(name)?.to_str()
    }

    /// The value as text; `None` if it is unset, empty or not UTF-8.
    pub fn value(&self, name: impl AsRef<OsStr>) -> Option<&str> {
        self.text(name).filter(|value| !value.is_empty())
    }

    /// Whether a variable is set to an empty value.
    pub fn is_set_but_empty(&self, name: impl AsRef<OsStr>) -> bool {
        self.get(name).is_some_and(OsStr::is_empty)
    }

    /// Sets a variable.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        let name = name.into();
        self.remove(&name);
        self.0.insert(name, value.into());
    }

    /// Unsets a variable.
    pub fn remove(&mut self, name: impl AsRef<OsStr>) {
        let name = name.as_ref();
        if cfg!(windows) {
            self.0.retain(|known, _| !known.eq_ignore_ascii_case(name));
        } else {
            self.0.remove(name);
        }
    }

    /// All variables but one.
    #[must_use]
    pub fn without(&self, name: impl AsRef<OsStr>) -> Self {
        let mut environment = self.clone();
        environment.remove(name);
        environment
    }

    /// Only those of the named variables that are set.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        names
            .iter()
            .filter_map(|name| Some((*name, self.get(name)?)))
            .collect()
    }

    /// The variables for a child process that is not the user's own command: a short list of names
    /// without secrets, and a fixed locale.
    #[must_use]
    pub fn for_child(&self) -> Self {
        let mut environment = self.only(CHILD_VARIABLES);
        if cfg!(windows) {
            environment.extend(self.only(WINDOWS_VARIABLES));
        }
        environment.extend(FIXED_VARIABLES.iter().copied().collect());
        environment
    }

    /// Like [`Self::for_child`], with the program's own variables. A name that ends in `*` stands
    /// for all names that begin like it, in upper or lower case.
    #[must_use]
    pub fn for_program(&self, own: &[&str]) -> Self {
        let is_own = |name: &OsStr| {
            let Some(name) = name.to_str() else {
                return false;
            };
            own.iter().any(|own| match own.strip_suffix('*') {
                Some(start) => name
                    .get(..start.len())
                    .is_some_and(|head| head.eq_ignore_ascii_case(start)),
                None => *own == name || (cfg!(windows) && own.eq_ignore_ascii_case(name)),
            })
        };
        let mut environment = self.for_child();
        environment.extend(self.iter().filter(|(name, _)| is_own(name)).collect());
        environment
    }

    /// Whether the name of a variable says that its value is a secret.
    pub fn has_secrets(&self) -> bool {
        self.0
            .keys()
            .filter_map(|name| name.to_str())
            .any(is_secret_name)
    }

    /// Sets all variables of another value.
    pub fn extend(&mut self, others: Self) {
        for (name, value) in others.0 {
            self.set(name, value);
        }
    }

    /// All variables.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The file of a program that is named without a folder: the first on `PATH`. On Windows the
    /// endings of `PATHEXT` are tried as well, so that `npm` finds `npm.cmd`. `None` if there is
    /// none, or the name has a folder.
    pub fn find_program(&self, name: impl AsRef<OsStr>) -> Option<PathBuf> {
        let name = name.as_ref();
        if Path::new(name).components().count() != 1 {
            return None;
        }
        let names = if cfg!(windows) {
            let endings = self.value("PATHEXT").unwrap_or(PROGRAM_ENDINGS);
            windows_names(name, endings)
        } else {
            vec![name.to_owned()]
        };
        let folders = std::env::split_paths(self.get("PATH")?);
        // A folder that is not absolute is one of the project, and anyone may have committed to it.
        folders
            .filter(|folder| !cfg!(windows) || folder.is_absolute())
            .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
            .find(|file| fs::stat(file).is_ok_and(|meta| meta.is_some_and(|meta| meta.is_file())))
    }

    /// A value for `PATH`: first these folders, then those of the current `PATH`. The error names a
    /// folder that can't be part of a `PATH`.
    pub fn path_after(&self, first: impl IntoIterator<Item = PathBuf>) -> Result<OsString> {
        let first: Vec<PathBuf> = first.into_iter().collect();
        for folder in &first {
            can_be_on_path(folder)?;
        }
        let rest = self.get("PATH").map(std::env::split_paths);
        std::env::join_paths(first.into_iter().chain(rest.into_iter().flatten()))
            .map_err(|e| Error::usage("PATH has a folder that can't be passed on").cause(e))
    }
}

/// An error if a folder can't be part of a `PATH`, because its path has the character that separates
/// the folders there.
pub fn can_be_on_path(folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    std::env::join_paths([folder]).map(drop).map_err(|_| {
        let separator = if cfg!(windows) { '"' } else { ':' };
        Error::usage(format!(
            "{} can't be on PATH, because its path contains `{separator}`",
            folder.display()
        ))
        .hint(format!(
            "move the project to a folder whose path has no `{separator}`"
        ))
    })
}

/// The names under which Windows looks for a program: as it is, if it has one of the endings of
/// `PATHEXT`, then with each of them.
fn windows_names(name: &OsStr, endings: &str) -> Vec<OsString> {
    let endings = || endings.split(';').filter(|ending| ending.len() > 1);
    let text = name.to_string_lossy().to_lowercase();
    let mut names = Vec::new();
    if endings().any(|ending| text.ends_with(&ending.to_lowercase())) {
        names.push(name.to_owned());
    }
    names.extend(endings().map(|ending| {
        let mut with = name.to_owned();
        with.push(ending.to_lowercase());
        with
    }));
    names
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            environment.set(name, value);
        }
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_and_empty_ones_told_apart() {
        let mut environment: Environment = [("A", "1"), ("B", "")].into_iter().collect();
        assert_eq!(environment.value("A"), Some("1"));
        assert_eq!(
            (environment.text("B"), environment.value("B")),
            (Some(""), None)
        );
        assert!(environment.is_set_but_empty("B") && !environment.is_set_but_empty("C"));
        environment.set("A", "2");
        let names = ["A", "C"];
        assert_eq!(
            environment.only(&names),
            [("A", "2")].into_iter().collect::<Environment>()
        );
        assert!(!format!("{environment:?}").contains('2'));
        environment.remove("A");
        assert_eq!(environment.get("A"), None);
    }

    #[test]
    fn children_get_a_short_list_and_their_own() {
        let all: Environment = [
            ("PATH", "/bin"),
            ("LANG", "de_DE"),
            ("GH_TOKEN", "secret"),
            ("NPM_TOKEN", "of npm"),
            ("npm_config_registry", "of npm"),
            ("NPMX", "other"),
            ("SSH_AUTH_SOCK", "/run/agent"),
        ]
        .into_iter()
        .collect();
        let child = all.for_child();
        let seen: Vec<_> = child.iter().map(|(name, _)| name.to_str()).collect();
        assert_eq!(
            seen,
            ["LANG", "LC_ALL", "PATH", "TZ"].map(Some),
            "{child:?}"
        );
        assert_eq!(child.value("LANG"), Some("C.UTF-8"));
        let npm = all.for_program(&["NPM_*", "SSH_AUTH_SOCK"]);
        for (name, passed) in [
            ("NPM_TOKEN", true),
            ("npm_config_registry", true),
            ("SSH_AUTH_SOCK", true),
            ("NPMX", false),
            ("GH_TOKEN", false),
        ] {
            assert_eq!(npm.get(name).is_some(), passed, "{name}");
        }
    }

    #[test]
    fn windows_looks_for_endings() {
        let names = |name: &str, endings| windows_names(OsStr::new(name), endings);
        for (name, expected) in [
            ("npm", vec!["npm.com", "npm.exe", "npm.bat", "npm.cmd"]),
            (
                "npm.cmd",
                vec![
                    "npm.cmd",
                    "npm.cmd.com",
                    "npm.cmd.exe",
                    "npm.cmd.bat",
                    "npm.cmd.cmd",
                ],
            ),
            (
                "tool-1.2",
                vec![
                    "tool-1.2.com",
                    "tool-1.2.exe",
                    "tool-1.2.bat",
                    "tool-1.2.cmd",
                ],
            ),
        ] {
            assert_eq!(names(name, PROGRAM_ENDINGS), expected, "{name}");
        }
        assert_eq!(names("ü", ".EXE;;.PY;."), ["ü.exe", "ü.py"]);
    }

    #[test]
    fn programs_are_found_on_path() {
        let dir = tempfile::tempdir().unwrap();
        let ending = if cfg!(windows) { ".cmd" } else { "" };
        for folder in ["first", "second"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            let file = dir
                .path()
                .join(folder)
                .join(format!("{folder} tool{ending}"));
            fs::write_atomic(file, b"x").unwrap();
        }
        fs::create_dir_all(dir.path().join(format!("first/second tool{ending}"))).unwrap();
        let folders = ["first", "second"].map(|folder| dir.path().join(folder));
        let path = std::env::join_paths(&folders).unwrap();
        let environment: Environment = [("Path", path)].into_iter().collect();
        let environment = if cfg!(windows) {
            environment
        } else {
            [("PATH", environment.get("Path").unwrap())]
                .into_iter()
                .collect()
        };
        // A folder is no program.
        let found = environment.find_program("second tool").unwrap();
        assert_eq!(found, folders[1].join(format!("second tool{ending}")));
        for none in ["third", "", "first/first tool", "./first tool"] {
            assert_eq!(environment.find_program(none), None, "{none}");
        }
        assert_eq!(Environment::default().find_program("sh"), None);
    }

    #[cfg(unix)]
    #[test]
    fn folders_come_before_path() {
        let environment: Environment = [("PATH", "/usr/bin:/bin")].into_iter().collect();
        let path = environment.path_after(["/x".into()]).unwrap();
        assert_eq!(path, "/x:/usr/bin:/bin");
        let error = environment.path_after(["/x".into(), "/y:z".into()]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("/y:z can't be on PATH"), "{error}");
    }
}
