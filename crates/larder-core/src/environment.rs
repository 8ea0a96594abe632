//! Environment variables as a value. Code that starts a child process or reads a variable gets this
//! value as an argument. This module does not read the environment of the current process.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

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

    /// All variables.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// A value for `PATH`: first these folders, then those of the current `PATH`. The error names a
    /// folder that can't be part of a `PATH`.
    pub fn path_after(
        &self,
        first: impl IntoIterator<Item = PathBuf>,
    ) -> Result<OsString, std::env::JoinPathsError> {
        let rest = self.get("PATH").map(std::env::split_paths);
        std::env::join_paths(first.into_iter().chain(rest.into_iter().flatten()))
    }
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

    #[cfg(unix)]
    #[test]
    fn folders_come_before_path() {
        let environment: Environment = [("PATH", "/usr/bin:/bin")].into_iter().collect();
        let path = environment.path_after(["/x".into()]).unwrap();
        assert_eq!(path, "/x:/usr/bin:/bin");
        assert!(environment.path_after(["/x:y".into()]).is_err());
    }
}
