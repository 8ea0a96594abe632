//! Finds and loads a project: reads all its files, then checks the references between them.

use std::collections::BTreeMap;
use std::fs::Metadata;

use camino::{Utf8Path, Utf8PathBuf};

use super::domain::{Project, Subsystem};
use super::paths::join;
use super::syntax::decode::Reader;
use super::syntax::source::{Source, read_limited, sorted};
use super::syntax::yaml::{self, Kind};
use super::user::UserConfig;
use super::versions_file::{self, Settings};
use crate::error::{Error, Result};
use crate::fs;
use crate::model::Name;

mod pins;
mod recipes;
mod references;

use pins::check_pins;
use recipes::{Found, ObservedPath, recipes, tree};
use references::{check_references, check_versions_and_recipes};

impl Project {
    /// Finds the folder of the project that `start` belongs to: the nearest folder with a
    /// `versions.yml`, beginning at `start` and going upwards.
    pub fn find(start: &Utf8Path) -> Result<Utf8PathBuf> {
        let mut misnamed = None;
        for dir in start.ancestors() {
            if fs::stat(dir.join("versions.yml"))?.is_some_and(|meta| meta.is_file()) {
                return Ok(dir.to_owned());
            }
            if misnamed.is_none() && fs::stat(dir.join("versions.yaml"))?.is_some() {
                misnamed = Some(dir.join("versions.yaml"));
            }
        }
        let error = Error::usage(format!("no versions.yml in {start} or above"));
        let is_folder = fs::stat(start.join("versions.yml"))?.is_some();
        Err(match misnamed {
            _ if is_folder => Error::usage(format!(
                "versions.yml in {start} is a folder; it must be a file"
            ))
            .hint("rename the folder; `larder init` makes the file"),
            Some(path) => error.hint(format!("there is {path}: rename it to versions.yml")),
            None => error.hint("`larder init` makes one here; `-C DIR` names another folder"),
        })
    }

    /// The folder of the subsystems of the project in `root`, which may have mistakes.
    pub fn subsystems_dir_of(root: &Utf8Path) -> Utf8PathBuf {
        let read = || {
            let (bytes, _) = read_limited(&root.join("versions.yml")).ok()??;
            let (source, _) = Source::new("versions.yml".into(), bytes);
            let Kind::Map(entries) = yaml::parse(&source).0?.kind else {
                return None;
            };
            let entry = entries
                .into_iter()
                .find(|entry| entry.key == "subsystems_dir")?;
            match entry.value.kind {
                Kind::Scalar { text, .. } => Some(text),
                Kind::List(_) | Kind::Map(_) => None,
            }
        };
        join(root, &read().unwrap_or_else(|| "subsystems".to_owned()))
    }

    /// Loads the project in the folder `root`. The error has all problems of its files, sorted by
    /// file and place. The user's configuration decides which hosts plain http is allowed for.
    pub fn load(root: &Utf8Path, user: &UserConfig) -> Result<Self> {
        let file = root.join("versions.yml");
        let (bytes, metadata) = read_limited(&file)?.ok_or_else(|| {
            Error::usage(format!("there is no {file}"))
                .hint("`larder init` makes one; `-C DIR` names another folder")
        })?;
        Self::load_from(root, file, bytes, metadata, user)
    }

    /// Loads the project as if `versions.yml` had this text.
    pub fn load_as_if(root: &Utf8Path, versions: &str, user: &UserConfig) -> Result<Self> {
        let file = root.join("versions.yml");
        let metadata =
            fs::stat(&file)?.ok_or_else(|| Error::usage(format!("there is no {file}")))?;
        Self::load_from(root, file, versions.as_bytes().to_vec(), metadata, user)
    }

    fn load_from(
        root: &Utf8Path,
        file: Utf8PathBuf,
        bytes: Vec<u8>,
        metadata: Metadata,
        user: &UserConfig,
    ) -> Result<Self> {
        let (source, refused) = Source::new("versions.yml".into(), bytes);
        let mut reader = Reader::new(&source);
        reader.problems.extend(refused);
        let mut readable = false;
        let settings = match tree(&source, &mut reader) {
            Some(node) => {
                readable = true;
                versions_file::settings(&node, root, user, &mut reader)
            }
            None => Settings::default_in(root),
        };
        if settings.too_old {
            return Err(Error::problems(reader.problems));
        }
        let mut observed_paths = vec![(file.clone(), Some(metadata))];
        let (mut recipes, misnamed) = recipes(&settings, root, user, &mut observed_paths)?;
        if readable {
            check_versions_and_recipes(&settings, &mut recipes, &misnamed, &mut reader);
        }
        check_references(&settings, &mut recipes, &mut reader, readable);
        let warnings = check_pins(&settings, &recipes, &mut reader);

        let mut problems = sorted(reader.problems);
        for found in &mut recipes {
            problems.append(&mut sorted(std::mem::take(&mut found.problems)));
        }
        if let Some(error) = user.read_error() {
            return Err(error);
        }
        if !problems.is_empty() {
            return Err(Error::problems(problems));
        }
        let project = assemble(settings, recipes, root, file, observed_paths);
        Ok(Self {
            warnings,
            ..project
        })
    }
}

fn assemble(
    settings: Settings,
    recipes: Vec<Found>,
    root: &Utf8Path,
    file: Utf8PathBuf,
    observed_paths: Vec<ObservedPath>,
) -> Project {
    let mut files = vec![file];
    let mut subsystems: BTreeMap<Name, Subsystem> = BTreeMap::new();
    for Found {
        name,
        dir,
        source: _,
        read,
        problems: _,
    } in recipes
    {
        files.push(dir.join("recipe.yml"));
        if let (Some(name), Some(subsystem)) = (name, read.and_then(|read| read.subsystem)) {
            subsystems.insert(name, subsystem);
        }
    }
    let Settings {
        name,
        versions: _,
        platforms,
        hub,
        read_hubs,
        sources,
        upload,
        trust,
        bundle,
        tasks,
        services,
        ci,
        subsystems_dir,
        publish: _,
        publish_run,
        references: _,
        subsystems_dir_invalid: _,
        no_versions: _,
        too_old: _,
    } = settings;
    Project {
        root: root.to_owned(),
        name,
        platforms,
        hub,
        read_hubs,
        sources,
        upload,
        trust,
        publish: publish_run,
        bundle,
        tasks,
        services,
        ci,
        subsystems,
        subsystems_dir,
        files,
        observed_paths,
        warnings: Vec::new(),
    }
}
