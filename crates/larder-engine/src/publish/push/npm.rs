//! npm: the packages of all platforms, and then the main one, which needs them.
//!
//! `latest` never goes back: a version that is older than the one with the dist-tag gets a tag of its
//! line, such as `latest-1.2`.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Version;
use larder_remote::registry::npm::{Login, Package, Published, Pushed, Registry, integrity};

use super::conflict::refuse_other;
use super::{Attempt, Files, Found, Publisher, There, Withdrawn};

/// The number of times that npm runs at once for reading. A registry answers within milliseconds;
/// what takes time is starting npm.
const READERS: usize = 4;

/// A version of a package and the packages of its platforms.
pub(super) struct NpmPackage {
    package: String,
    /// The version as npm writes it.
    version: String,
    is_prerelease: bool,
    /// The folder of the project, whose `.npmrc` applies.
    project: Utf8PathBuf,
    login: Login,
}

/// A package that was rendered.
struct Tarball {
    name: String,
    path: Utf8PathBuf,
}

impl NpmPackage {
    pub(super) fn new(
        package: &str,
        version: &Version,
        as_npm: String,
        project: &Utf8Path,
    ) -> Self {
        Self {
            package: package.to_owned(),
            version: as_npm,
            is_prerelease: version.is_prerelease(),
            project: project.to_owned(),
            login: Login::default(),
        }
    }

    fn registry<'a>(&'a self, attempt: &'a Attempt<'_>) -> Registry<'a> {
        Registry::new(attempt.remote, &attempt.cancel, &self.project, &self.login)
    }

    /// The packages of a release; the main one is the last.
    fn tarballs(&self, folder: &Utf8Path) -> Result<Vec<Tarball>> {
        let mut folders = Vec::new();
        for name in fs::list(folder)? {
            if name.starts_with('@') {
                let scoped = fs::list(folder.join(&name))?.into_iter();
                folders.extend(scoped.map(|package| format!("{name}/{package}")));
            } else {
                folders.push(name);
            }
        }
        let mut tarballs = Vec::new();
        for name in folders {
            let manifest = folder.join(&name).join("package.json");
            let Some(bytes) = fs::read_or_absent(&manifest)? else {
                continue;
            };
            let manifest: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let version = manifest.get("version").and_then(Value::as_str);
            let version = version.unwrap_or(&self.version);
            let file = name.trim_start_matches('@').replace('/', "-");
            let path = folder.join(format!("{file}-{version}.tgz"));
            tarballs.push(Tarball { name, path });
        }
        tarballs.sort_by_key(|tarball| (tarball.name == self.package, tarball.name.clone()));
        if tarballs.last().is_none_or(|last| last.name != self.package) {
            return Err(Error::failed(format!(
                "{folder} has no package {}",
                self.package
            )));
        }
        Ok(tarballs)
    }

    /// What the registry has of each package, in their order.
    fn published(
        &self,
        registry: &Registry<'_>,
        names: &[String],
    ) -> Result<Vec<Option<Published>>> {
        let mut found = Vec::new();
        for names in names.chunks(READERS) {
            let answers: Vec<Result<_>> = std::thread::scope(|scope| {
                let readers: Vec<_> = names
                    .iter()
                    .map(|name| scope.spawn(|| registry.published(name, &self.version)))
                    .collect();
                let ended = readers.into_iter().map(|reader| {
                    let ended = reader.join();
                    ended.unwrap_or_else(|_| Err(Error::failed("cannot run npm")))
                });
                ended.collect()
            });
            for answer in answers {
                found.push(answer?);
            }
        }
        Ok(found)
    }

    fn compare(&self, tarball: &Tarball, published: Option<&Published>) -> Result<Found> {
        let Some(published) = published else {
            return Ok(Found::Missing);
        };
        let ours = integrity(&tarball.path)?;
        let theirs = published.integrity.split_whitespace();
        if theirs.clone().any(|theirs| theirs == ours) {
            return Ok(Found::Same);
        }
        Ok(Found::Other {
            what: format!("{}@{}", tarball.name, self.version),
            ours,
            theirs: theirs.collect::<Vec<_>>().join(" "),
        })
    }

    fn push_one(&self, registry: &Registry<'_>, tarball: &Tarball) -> Result<()> {
        let compared = || {
            let published = registry.published(&tarball.name, &self.version)?;
            refuse_other(self.compare(tarball, published.as_ref())?)
        };
        let package = registry.package(&tarball.name)?.unwrap_or_default();
        if package.versions.contains(&self.version) {
            return compared().map(drop);
        }
        let tag = tag(&package, &self.version, self.is_prerelease);
        match registry.publish(&tarball.name, &tarball.path, &tag)? {
            Pushed::Conflict(error) if compared()? == Found::Missing => Err(error),
            Pushed::Done | Pushed::Conflict(_) => Ok(()),
        }
    }
}

impl Publisher for NpmPackage {
    fn target(&self) -> String {
        format!("npm:{}", self.package)
    }

    fn there(&self, attempt: &Attempt<'_>) -> Result<There> {
        let package = self.registry(attempt).package(&self.package)?;
        let Some(Package { versions, tags }) = package else {
            return Ok(There::default());
        };
        Ok(There {
            current: tags.get("latest").cloned(),
            wanted: versions.contains(&self.version),
        })
    }

    fn inspect(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<Found> {
        let registry = self.registry(attempt);
        let tarballs = self.tarballs(files.folder)?;
        let names: Vec<String> = tarballs
            .iter()
            .map(|tarball| tarball.name.clone())
            .collect();
        let published = self.published(&registry, &names)?;
        let mut all = Found::Same;
        for (tarball, published) in tarballs.iter().zip(&published) {
            match self.compare(tarball, published.as_ref())? {
                found @ Found::Other { .. } => return Ok(found),
                Found::Missing => all = Found::Missing,
                _ => {}
            }
        }
        Ok(all)
    }

    fn push(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<()> {
        let registry = self.registry(attempt);
        for tarball in self.tarballs(files.folder)? {
            attempt.cancel.check()?;
            self.push_one(&registry, &tarball)?;
        }
        Ok(())
    }

    fn rights(&self, attempt: &Attempt<'_>) -> Result<()> {
        self.registry(attempt).check_login(&self.package)
    }

    /// Registries keep what is published, because others depend on it: the version is deprecated, and
    /// `latest` moves to the newest version that is left.
    fn withdraw(&self, attempt: &Attempt<'_>) -> Result<Withdrawn> {
        const WHY: &str = "withdrawn by its publisher";
        let registry = self.registry(attempt);
        let Self {
            package, version, ..
        } = self;
        let Some(main) = registry.published(package, version)? else {
            return Ok(Withdrawn::Absent);
        };
        let mut names = main.optional;
        names.push(package.clone());
        let mut now = None;
        for name in &names {
            attempt.cancel.check()?;
            now = self.move_latest(&registry, name)?;
        }
        let published = self.published(&registry, &names)?;
        // The main package comes first: it is the one that people install.
        for (name, published) in names.iter().zip(published).rev() {
            if published.is_some_and(|published| !published.deprecated) {
                attempt.cancel.check()?;
                registry.deprecate(name, version, WHY)?;
            }
        }
        Ok(Withdrawn::Done(match now {
            Some(latest) => format!("{version} is deprecated, and `latest` is {latest}"),
            None => format!("{version} is deprecated; {package} has no other version"),
        }))
    }

    fn how_to_check(&self) -> String {
        let Self {
            package, version, ..
        } = self;
        format!("`npm view {package}@{version} version` prints the version")
    }
}

impl NpmPackage {
    /// Makes `latest` the newest other version if it is this one. Returns what it is then.
    fn move_latest(&self, registry: &Registry<'_>, name: &str) -> Result<Option<String>> {
        let Some(Package { versions, tags }) = registry.package(name)? else {
            return Ok(None);
        };
        let latest = tags.get("latest");
        if latest.is_some_and(|latest| *latest != self.version) {
            return Ok(latest.cloned());
        }
        let parsed = versions.into_iter().filter_map(|text| {
            let version = semver::Version::parse(&text).ok()?;
            (text != self.version).then_some((version.pre.is_empty(), version, text))
        });
        let Some((_, _, newest)) = parsed.max() else {
            return Ok(None);
        };
        registry.set_tag(name, &newest, "latest")?;
        Ok(Some(newest))
    }
}

/// The dist-tag for a version: `latest` or `next`, unless a newer version has it.
fn tag(package: &Package, version: &str, is_prerelease: bool) -> String {
    let usual = if is_prerelease { "next" } else { "latest" };
    let Ok(ours) = semver::Version::parse(version) else {
        return usual.to_owned();
    };
    let line = format!("{usual}-{}.{}", ours.major, ours.minor);
    let is_free = |tag: &String| {
        let there = package.tags.get(tag);
        let there = there.and_then(|there| semver::Version::parse(there).ok());
        there.is_none_or(|there| there <= ours)
    };
    [usual.to_owned(), line]
        .into_iter()
        .find(is_free)
        .unwrap_or_else(|| format!("release-{version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_dist_tag_goes_back() {
        for (version, is_prerelease, tags, expected) in [
            ("1.0.0", false, &[][..], "latest"),
            ("1.2.1", false, &[("latest", "1.2.0")], "latest"),
            ("1.2.0", false, &[("latest", "1.2.0")], "latest"),
            ("1.2.1", false, &[("latest", "1.10.0")], "latest-1.2"),
            (
                "1.2.1",
                false,
                &[("latest", "2.0.0"), ("latest-1.2", "1.2.2")],
                "release-1.2.1",
            ),
            ("1.2.0-rc.1", true, &[("latest", "1.1.0")], "next"),
            ("1.2.0-rc.1", true, &[("next", "2.0.0-rc.1")], "next-1.2"),
            ("1.2.0", false, &[("latest", "1.2.0-rc.1")], "latest"),
        ] {
            let tags = tags.iter();
            let package = Package {
                versions: Vec::new(),
                tags: tags
                    .map(|(tag, version)| ((*tag).to_owned(), (*version).to_owned()))
                    .collect(),
            };
            let found = tag(&package, version, is_prerelease);
            assert_eq!(found, expected, "{version} of {:?}", package.tags);
        }
    }
}
