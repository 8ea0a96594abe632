//! Finds and reads the recipes of a project.

use std::collections::BTreeMap;
use std::fs::Metadata;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::error::{Problem, Result};
use crate::fs;
use crate::model::Name;
use crate::project::recipe_file::{self, RecipeContext};
use crate::project::syntax::decode::Reader;
use crate::project::syntax::source::{Source, read_limited};
use crate::project::syntax::yaml;
use crate::project::user::UserConfig;
use crate::project::versions_file::Settings;

/// With more recipes than this they are read on all cores.
const MANY: usize = 64;

/// A folder of `subsystems/` with a recipe.
pub(super) struct Found {
    /// The folder's name, if it is a valid name of a subsystem.
    pub(super) name: Option<Name>,
    pub(super) dir: Utf8PathBuf,
    pub(super) source: Source,
    pub(super) read: Option<recipe_file::ReadRecipe>,
    pub(super) problems: Vec<Problem>,
}

/// What is in a folder of `subsystems/`.
enum Folder {
    Recipe(Box<Found>),
    /// A file whose name is almost that of a recipe: the folder's name and the path.
    Misnamed(String, Utf8PathBuf),
    Other,
}

/// A path and the metadata that it had just before it was read; `None` if nothing was there.
pub(super) type ObservedPath = (Utf8PathBuf, Option<Metadata>);

/// Reads every recipe. Also returns the files whose names are almost that of a recipe, by folder.
pub(super) fn recipes(
    settings: &Settings,
    root: &Utf8Path,
    user: &UserConfig,
    observed_paths: &mut Vec<ObservedPath>,
) -> Result<(Vec<Found>, BTreeMap<String, Utf8PathBuf>)> {
    let dir = &settings.subsystems_dir;
    let context = RecipeContext {
        project: &settings.name,
        platforms: &settings.platforms,
        user,
        publish: &settings.publish,
    };
    let read_folder = |folder: String| -> Result<(ObservedPath, Folder)> {
        let path = dir.join(&folder);
        let recipe = path.join("recipe.yml");
        if let Some((bytes, metadata)) = read_limited(&recipe)? {
            let found = read_recipe(&folder, path, bytes, settings, &context, root);
            return Ok(((recipe, Some(metadata)), Folder::Recipe(Box::new(found))));
        }
        for wrong in ["recipe.yaml", "recipe.json", "Recipe.yml", "recipe.toml"] {
            let wrong = path.join(wrong);
            if fs::stat(&wrong)?.is_some() {
                return Ok(((recipe, None), Folder::Misnamed(folder, wrong)));
            }
        }
        Ok(((recipe, None), Folder::Other))
    };
    // Take the metadata before the folder is listed, so that the next run notices a later change.
    observed_paths.push((dir.clone(), fs::stat(dir)?));
    let mut folders = fs::list(dir)?;
    folders.retain(|name| !name.starts_with('.'));
    let seen: Result<Vec<(ObservedPath, Folder)>> = if folders.len() > MANY {
        folders.into_par_iter().map(read_folder).collect()
    } else {
        folders.into_iter().map(read_folder).collect()
    };
    let (mut found, mut misnamed) = (Vec::new(), BTreeMap::new());
    for (observed, folder) in seen? {
        observed_paths.push(observed);
        match folder {
            Folder::Recipe(recipe) => found.push(*recipe),
            Folder::Misnamed(name, wrong) => drop(misnamed.insert(name, wrong)),
            Folder::Other => {}
        }
    }
    Ok((found, misnamed))
}

fn read_recipe(
    folder: &str,
    dir: Utf8PathBuf,
    bytes: Vec<u8>,
    settings: &Settings,
    context: &RecipeContext<'_>,
    root: &Utf8Path,
) -> Found {
    let file = dir.join("recipe.yml");
    let file = file
        .strip_prefix(root)
        .map_or(file.clone(), Utf8Path::to_owned);
    let (source, refused) = Source::new(file, bytes);
    let mut reader = Reader::new(&source);
    reader.problems.extend(refused);
    let node = tree(&source, &mut reader);
    let name = match folder.parse::<Name>() {
        Ok(name) => Some(name),
        Err(invalid) => {
            let message = format!(
                "the recipe's folder names the subsystem: {}",
                invalid.message
            );
            reader.problem(
                &(0..0),
                message,
                invalid
                    .hint
                    .unwrap_or_else(|| "rename the folder".to_owned()),
            );
            None
        }
    };
    // Check the recipe even if its name or version is unknown, so that one run shows all problems.
    let stand_in = || "stand-in".parse().expect("it is a name");
    let version = name
        .as_ref()
        .and_then(|name| settings.versions.get(name))
        .and_then(|(version, _)| Some(version.as_ref()?.value.clone()));
    let version = version.unwrap_or_else(|| "0".parse().expect("it is a version"));
    let read = node.map(|node| {
        let name = name.clone().unwrap_or_else(stand_in);
        recipe_file::read(&node, &name, &version, dir.clone(), context, &mut reader)
    });
    let problems = reader.problems;
    Found {
        name,
        dir,
        source,
        read,
        problems,
    }
}

/// Parses a file, unless it already has problems. An empty file is a problem of its own.
pub(super) fn tree(source: &Source, reader: &mut Reader<'_>) -> Option<yaml::Node> {
    if !reader.problems.is_empty() {
        return None;
    }
    let (node, problems) = yaml::parse(source);
    let is_valid_yaml = problems.is_empty();
    reader.problems.extend(problems);
    if is_valid_yaml && node.as_ref().is_none_or(yaml::Node::is_null) {
        let hint = match source.file.file_name() {
            Some("versions.yml") => "it needs at least `versions: {}`",
            _ => "it needs at least `binaries:` and one of `upstream:` and `build:`",
        };
        reader.problem(&(0..0), "the file is empty", hint);
        return None;
    }
    node
}
