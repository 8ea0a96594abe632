//! Maintenance of a cache: measures its size, removes unused files and checks for damage.

use std::time::{Duration, SystemTime};

use camino::Utf8PathBuf;
use rayon::prelude::*;

use super::{Cache, Entry};
use larder_core::error::{Error, Result};
use larder_core::keys::tree;
use larder_core::project::user::CacheLimits;
use larder_core::{fs, human};

/// How often limits are applied, and how long leftovers are kept.
const DAY: Duration = Duration::from_hours(24);

/// The size of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Usage {
    /// Number of files.
    pub files: u64,
    /// Their total size in bytes.
    pub bytes: u64,
    /// Number of artifacts.
    pub artifacts: u64,
}

/// What a pruning removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Pruned {
    /// Number of files removed.
    pub files: u64,
    /// Their total size in bytes.
    pub bytes: u64,
    /// Number of artifacts whose entries were removed.
    pub artifacts: u64,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Checked {
    /// Number of files whose bytes match their digest.
    pub right: u64,
    /// Digests of the damaged files, which were set aside.
    pub damaged: Vec<String>,
}

impl Checked {
    /// An error, if anything was damaged.
    pub fn ok(&self) -> Result<()> {
        let Self { right: _, damaged } = self;
        if damaged.is_empty() {
            return Ok(());
        }
        let were = if damaged.len() == 1 { "was" } else { "were" };
        let files = human::count(damaged.len(), "file");
        let error = Error::integrity(format!(
            "{files} of the cache {were} damaged and set aside:\n{}",
            damaged.join("\n")
        ));
        Err(error.hint(
            "no action is needed: the artifacts that lost them are obtained again when they are next needed",
        ))
    }
}

impl Cache {
    fn files(&self) -> Result<Vec<Utf8PathBuf>> {
        let root = self.root.join("files");
        let mut files = Vec::new();
        for shard in fs::list(&root)? {
            files.extend(
                fs::list(root.join(&shard))?
                    .into_iter()
                    .map(|name| root.join(&shard).join(name)),
            );
        }
        Ok(files)
    }

    fn entries(&self) -> Result<Vec<Utf8PathBuf>> {
        let mut entries = Vec::new();
        for origin in ["original", "build"] {
            let dir = self.root.join("index").join(origin);
            entries.extend(fs::list(&dir)?.into_iter().map(|name| dir.join(name)));
        }
        Ok(entries)
    }

    /// An error if the cache is not used. Nothing in such a cache is changed: links in it could
    /// lead anywhere.
    fn check_usable(&self) -> Result<()> {
        self.ignored()
            .map_or(Ok(()), |ignored| Err(ignored.error()))
    }

    /// The size of the cache.
    pub fn usage(&self) -> Result<Usage> {
        self.check_usable()?;
        let mut usage = Usage::default();
        for file in self.files()? {
            if let Some(meta) = fs::stat(&file)? {
                usage.files += 1;
                usage.bytes += meta.len();
            }
        }
        usage.artifacts = self.entries()?.len() as u64;
        Ok(usage)
    }

    /// Keeps the cache within its limits, at most once a day; `None` if nothing was due. A file
    /// that was used within the last hour is kept, because another run may need it just now.
    pub fn keep_within(&self, limits: &CacheLimits) -> Result<Option<Pruned>> {
        if *limits == CacheLimits::default() || !fs::exists(&self.root) {
            return Ok(None);
        }
        self.check_usable()?;
        let mark = self.root.join("pruned");
        let is_recent = |meta: std::fs::Metadata| {
            let elapsed = meta.modified().ok().and_then(|time| time.elapsed().ok());
            elapsed.is_some_and(|elapsed| elapsed < DAY)
        };
        if fs::lstat(&mark)?.is_some_and(is_recent) {
            return Ok(None);
        }
        // Written first, so that runs that end at the same time don't all do the work.
        fs::write_atomic(&mark, b"")?;
        self.remove_unused(limits, Duration::from_hours(1), false)
            .map(Some)
    }

    /// Removes the files beyond the limits, and what was left in staging and quarantine for a day.
    /// Then removes the entries of artifacts that lost a file. With `dry_run` it only counts. It is
    /// safe to run during an installation: a process that loses a file while it restores gets the
    /// artifact from the next source.
    pub fn prune(&self, limits: &CacheLimits, dry_run: bool) -> Result<Pruned> {
        self.check_usable()?;
        self.remove_unused(limits, Duration::ZERO, dry_run)
    }

    /// Removes the files beyond the limits that were not used for at least the time `spared`.
    fn remove_unused(
        &self,
        limits: &CacheLimits,
        spared: Duration,
        dry_run: bool,
    ) -> Result<Pruned> {
        let now = SystemTime::now();
        let age = |meta: &std::fs::Metadata| {
            meta.modified()
                .ok()
                .and_then(|t| now.duration_since(t).ok())
                .unwrap_or_default()
        };
        let mut files = Vec::new();
        for file in self.files()? {
            if let Some(meta) = fs::stat(&file)? {
                files.push((age(&meta), meta.len(), file));
            }
        }
        // The files that were not used for the longest time are the first.
        files.sort_by(|one, other| other.cmp(one));
        let mut size: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        let mut pruned = Pruned::default();
        for (age, bytes, file) in files {
            let too_old = limits.max_age.is_some_and(|max| age >= max);
            let too_much = limits.max_size.is_some_and(|max| size > max);
            if (too_old || too_much) && age >= spared {
                size -= bytes;
                pruned.files += 1;
                pruned.bytes += bytes;
                if !dry_run {
                    fs::remove_file(&file)?;
                }
            }
        }
        for dir in ["tmp", "quarantine"] {
            let dir = self.root.join(dir);
            for name in fs::list(&dir)? {
                let path = dir.join(name);
                let Some(meta) = fs::lstat(&path)? else {
                    continue;
                };
                if age(&meta) >= DAY && !dry_run {
                    if meta.is_dir() {
                        fs::remove_dir_all(&path)?;
                    } else {
                        fs::remove_file(&path)?;
                    }
                }
            }
        }
        for path in self.entries()? {
            let entry = fs::read_or_absent(&path)?.and_then(|bytes| Entry::parse(&bytes));
            if !entry.is_some_and(|entry| self.holds(&entry.artifact).unwrap_or(true)) {
                pruned.artifacts += 1;
                if !dry_run {
                    fs::remove_file(&path)?;
                }
            }
        }
        Ok(pruned)
    }

    /// Hashes every file, and gives the names of the damaged ones. Changes nothing.
    pub fn damaged(&self) -> Result<Vec<String>> {
        self.check_usable()?;
        let hashed = self.files()?.into_par_iter().map(|path| {
            let name = path.file_name().unwrap_or_default().to_owned();
            let right = tree::hash_file(&path)?.0.to_string() == name;
            Ok((!right).then_some(name))
        });
        let results: Vec<Result<Option<String>>> = hashed.collect();
        results.into_iter().filter_map(Result::transpose).collect()
    }

    /// Hashes every file and sets the damaged ones aside.
    pub fn check(&self) -> Result<Checked> {
        self.check_usable()?;
        let files = self.files()?;
        let results: Vec<Result<Option<String>>> = files
            .par_iter()
            .map(|path| {
                let name = path.file_name().unwrap_or_default();
                let right = tree::hash_file(path)?.0.to_string() == name;
                if !right {
                    self.quarantine(path)?;
                }
                Ok((!right).then(|| name.to_owned()))
            })
            .collect();
        let mut checked = Checked::default();
        for result in results {
            match result? {
                Some(damaged) => checked.damaged.push(damaged),
                None => checked.right += 1,
            }
        }
        Ok(checked)
    }
}
