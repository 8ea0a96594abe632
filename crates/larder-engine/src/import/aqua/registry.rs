//! Reads definitions of aqua's registry, at one revision: from GitHub or its mirror, or from a folder on this machine.

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_remote::origin::{self, Publishers};

use super::definition::{Package, RegistryFile};
use super::search::{Entry, Index};

/// The repository of the registry.
const REPOSITORY: &str = "aquaproj/aqua-registry";
/// The revision of the registry that larder reads.
pub const REVISION: &str = "4d86e12d6fd055583d34fa3b9eefc28e7166ae59";
/// The largest file of a folder that is read.
const MAX_FILE: u64 = 32 * 1024 * 1024;

/// A place that has the registry.
#[derive(Clone, Copy)]
pub struct Registry<'a> {
    /// A checkout of the registry; otherwise GitHub is read.
    pub folder: Option<&'a Utf8Path>,
    /// How to read from GitHub.
    pub publishers: Publishers<'a>,
    /// The folder of the cache.
    pub cache: &'a Utf8Path,
}

impl Registry<'_> {
    /// How messages call what was read.
    fn describe(&self) -> String {
        match self.folder {
            Some(folder) => format!("in {folder}"),
            None => format!("at {REVISION}"),
        }
    }

    /// The comment that names the source of a recipe.
    pub(super) fn credit(&self, package: &str) -> String {
        match self.folder {
            Some(_) => format!("from aqua-registry {package}, a local copy (MIT)"),
            None => format!("from aqua-registry {package} at {REVISION} (MIT)"),
        }
    }

    /// The definition of a package, which may have this name as an alias.
    pub fn package(&self, name: &str) -> Result<Package> {
        if !is_name(name) {
            return Err(Error::usage(format!(
                "`{}` can't be the name of a package",
                name.escape_debug()
            ))
            .hint("write `aqua:owner/name`, such as aqua:cli/cli"));
        }
        if let Some(found) = self.read(name)? {
            return Ok(found);
        }
        let index = self.index()?;
        let is_alias = |entry: &&Entry| entry.aliases.iter().any(|alias| alias == name);
        if let Some(entry) = index.packages.iter().find(is_alias)
            && let Some(found) = self.read(&entry.name)?
        {
            return Ok(found);
        }
        let known = index.packages.iter().map(|entry| entry.name.as_str());
        let hint = match larder_core::suggestions::nearest(name, known) {
            Some(near) => format!("did you mean `aqua:{near}`?"),
            None => format!("`larder search {}` looks for it", last(name)),
        };
        Err(Error::failed(format!(
            "aqua's registry has no package `{name}` ({})",
            self.describe()
        ))
        .hint(hint))
    }

    /// The version that the registry tests the package with, if the folder says so.
    pub fn tested_version(&self, package: &str) -> Result<Option<String>> {
        let Some(folder) = self.folder else {
            return Ok(None);
        };
        let path = folder.join("pkgs").join(package).join("pkg.yaml");
        let Some(bytes) = fs::read_bounded(&path, MAX_FILE)? else {
            return Ok(None);
        };
        Ok(first_version(&String::from_utf8_lossy(&bytes)))
    }

    /// The names and descriptions of all packages. What is read from GitHub is kept in the cache.
    pub fn index(&self) -> Result<Index> {
        if let Some(folder) = self.folder {
            return Index::of(&all_in(folder)?);
        }
        let folder = self.cache.join("aqua-registry");
        let kept = folder.join(format!("{REVISION}.json"));
        if let Some(bytes) = fs::read_bounded(&kept, MAX_FILE)?
            && let Ok(index) = serde_json::from_slice(&bytes)
        {
            return Ok(index);
        }
        let bytes = self.fetch("registry.yaml")?.ok_or_else(|| {
            Error::failed(format!("{REPOSITORY} has no registry.yaml at {REVISION}"))
        })?;
        let index = Index::of(&parse(&bytes, "registry.yaml")?.packages)?;
        // Without the copy, the next search reads it again.
        let _ = fs::create_dir_all(&folder).and_then(|()| {
            let text = serde_json::to_vec(&index).unwrap_or_default();
            fs::write_atomic(&kept, &text)
        });
        Ok(index)
    }

    fn read(&self, name: &str) -> Result<Option<Package>> {
        let path = format!("pkgs/{name}/registry.yaml");
        let bytes = match self.folder {
            Some(folder) => {
                if fs::stat(folder)?.is_none() {
                    return Err(Error::usage(format!("there is no folder {folder}"))
                        .hint("`--registry` takes a checkout of aqua-registry"));
                }
                fs::read_bounded(folder.join(&path), MAX_FILE)?
            }
            None => self.fetch(&path)?,
        };
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        Ok(parse(&bytes, &path)?.packages.into_iter().next())
    }

    fn fetch(&self, path: &str) -> Result<Option<Vec<u8>>> {
        origin::file_at(self.publishers, REPOSITORY, REVISION, path)
            .map_err(|e| e.context(format!("cannot read {path} of {REPOSITORY}")))
    }
}

fn parse(bytes: &[u8], path: &str) -> Result<RegistryFile> {
    super::parse(&String::from_utf8_lossy(bytes))
        .map_err(|why| Error::failed(format!("{path} of aqua's registry can't be read")).cause(why))
}

/// All packages of a checkout: of its merged file, or of the files of the packages.
pub fn all_in(folder: &Utf8Path) -> Result<Vec<Package>> {
    let merged = folder.join("registry.yaml");
    if let Some(bytes) = fs::read_bounded(&merged, MAX_FILE)? {
        return Ok(parse(&bytes, "registry.yaml")?.packages);
    }
    let mut packages = Vec::new();
    let mut folders: Vec<Utf8PathBuf> = vec![folder.join("pkgs")];
    while let Some(folder) = folders.pop() {
        for name in fs::list(&folder)? {
            let path = folder.join(&name);
            if fs::stat(&path)?.is_some_and(|meta| meta.is_dir()) {
                folders.push(path);
            } else if name == "registry.yaml"
                && let Some(bytes) = fs::read_bounded(&path, MAX_FILE)?
            {
                packages.extend(parse(&bytes, path.as_str())?.packages);
            }
        }
    }
    Ok(packages)
}

/// The version of the first entry of a `pkg.yaml`.
pub fn first_version(text: &str) -> Option<String> {
    let value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    let first = value.get("packages")?.get(0)?;
    let version = first.get("version").and_then(|version| version.as_str());
    let name = first.get("name").and_then(|name| name.as_str())?;
    let found = version.or_else(|| Some(name.split_once('@')?.1))?;
    Some(found.to_owned())
}

/// Whether a text can be the name of a package, and so a path below `pkgs`.
fn is_name(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c))
    };
    text.contains('/') && text.split('/').all(part)
}

/// The last part of a package's name.
pub(super) fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_packages_are_paths_below_the_folder() {
        for (name, expected) in [
            ("cli/cli", true),
            ("golang.org/x/tools/gopls", true),
            ("cli", false),
            ("../cli", false),
            ("cli/../../x", false),
            ("cli//cli", false),
            ("cli/cli\n", false),
            ("/etc/passwd", false),
        ] {
            assert_eq!(is_name(name), expected, "{name:?}");
        }
    }

    #[test]
    fn the_first_version_of_a_file_is_found() {
        for (text, expected) in [
            (
                "packages:\n  - name: a/b@v1.2.0\n  - name: a/b\n    version: v1.0.0\n",
                Some("v1.2.0"),
            ),
            (
                "packages:\n  - name: a/b\n    version: v1.0.0\n",
                Some("v1.0.0"),
            ),
            ("packages:\n  - name: a/b@c@1\n", Some("c@1")),
            ("packages: []\n", None),
            ("- x", None),
        ] {
            assert_eq!(first_version(text).as_deref(), expected, "{text}");
        }
    }
}
