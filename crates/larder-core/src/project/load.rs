//! Finds and loads a project: reads all files, then checks what they say about each other.

use std::collections::{BTreeMap, HashSet};
use std::fs::Metadata;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::error::Problem;
use crate::error::{Error, Result};
use crate::fs;
use crate::model::Name;
use crate::suggestions;

use super::cycle;
use super::domain::{Project, Subsystem};
use super::recipe::{self, Surroundings};
use super::syntax::decode::{At, Reader};
use super::syntax::source::{Source, TOO_MANY, read_limited, sorted};
use super::syntax::yaml;
use super::user::UserConfig;
use super::versions::{self, Reference, Settings};

/// Above this many recipes they are read on all cores.
const MANY: usize = 64;

/// A folder of `subsystems/` with a recipe.
struct Found {
    /// The folder's name as a subsystem's, where it can be one.
    name: Option<Name>,
    dir: Utf8PathBuf,
    source: Source,
    read: Option<recipe::Read>,
    problems: Vec<Problem>,
}

/// What a path looked like just before it was read; `None` where there was nothing.
type Look = (Utf8PathBuf, Option<Metadata>);

/// What a folder of `subsystems/` holds.
enum Folder {
    Recipe(Box<Found>),
    /// A file named almost like a recipe.
    Misnamed(String, Utf8PathBuf),
    Other,
}

impl Project {
    /// The folder of the project that a folder lies in: the nearest one upwards with a `versions.yml`.
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
            _ if is_folder => error.hint("the versions.yml here is no file"),
            Some(path) => error.hint(format!("there is {path}: rename it to versions.yml")),
            None => error.hint("`larder init` makes one here; `-C DIR` names another folder"),
        })
    }

    /// Loads the project of a folder, as far as the user permits what it asks for. Problems in its files come all at once,
    /// sorted by file and place.
    pub fn load(root: &Utf8Path, user: &UserConfig) -> Result<Self> {
        let file = root.join("versions.yml");
        let (bytes, look) = read_limited(&file)?.ok_or_else(|| {
            Error::usage(format!("there is no {file}"))
                .hint("`larder init` makes one; `-C DIR` names another folder")
        })?;
        Self::load_from(root, file, bytes, look, user)
    }

    /// What the project would be if `versions.yml` said this.
    pub fn load_as_if(root: &Utf8Path, versions: &str, user: &UserConfig) -> Result<Self> {
        let file = root.join("versions.yml");
        let look = fs::stat(&file)?.ok_or_else(|| Error::usage(format!("there is no {file}")))?;
        Self::load_from(root, file, versions.as_bytes().to_vec(), look, user)
    }

    fn load_from(
        root: &Utf8Path,
        file: Utf8PathBuf,
        bytes: Vec<u8>,
        look: Metadata,
        user: &UserConfig,
    ) -> Result<Self> {
        let (source, refused) = Source::new("versions.yml".into(), bytes);
        let mut reader = Reader::new(&source);
        reader.problems.extend(refused);
        let mut readable = false;
        let settings = match tree(&source, &mut reader) {
            Some(node) => {
                readable = true;
                versions::settings(&node, root, user, &mut reader)
            }
            None => Settings::default_in(root),
        };
        if settings.too_old {
            return Err(Error::problems(reader.problems));
        }
        let mut looks = vec![(file.clone(), Some(look))];
        let (mut recipes, stray) = recipes(&settings, root, user, &mut looks)?;
        if readable {
            check_pairs(&settings, &mut recipes, &stray, &mut reader);
        }
        check_between(&settings, &mut recipes, &mut reader, readable);

        let mut problems = sorted(reader.problems);
        for found in &mut recipes {
            problems.append(&mut sorted(std::mem::take(&mut found.problems)));
        }
        if let Some(error) = user.broken() {
            return Err(error);
        }
        if !problems.is_empty() {
            return Err(Error::problems(problems));
        }
        Ok(assemble(settings, recipes, root, file, looks))
    }
}

/// Parses, unless the file was refused already; an empty file is told apart.
fn tree(source: &Source, reader: &mut Reader<'_>) -> Option<yaml::Node> {
    if !reader.problems.is_empty() {
        return None;
    }
    let (node, problems) = yaml::parse(source);
    let silent = problems.is_empty();
    reader.problems.extend(problems);
    if silent && node.as_ref().is_none_or(yaml::Node::is_null) {
        let hint = match source.file.file_name() {
            Some("versions.yml") => "it needs at least `versions: {}`",
            _ => "it needs at least `binaries:` and one of `upstream:` and `build:`",
        };
        reader.problem(&(0..0), "the file is empty", hint);
        return None;
    }
    node
}

/// Reads every recipe; also the folders that hold a file named almost like one.
fn recipes(
    settings: &Settings,
    root: &Utf8Path,
    user: &UserConfig,
    looks: &mut Vec<Look>,
) -> Result<(Vec<Found>, BTreeMap<String, Utf8PathBuf>)> {
    let dir = &settings.subsystems_dir;
    let around = Surroundings {
        project: &settings.name,
        platforms: &settings.platforms,
        user,
    };
    let look = |folder: String| -> Result<(Look, Folder)> {
        let path = dir.join(&folder);
        let recipe = path.join("recipe.yml");
        if let Some((bytes, look)) = read_limited(&recipe)? {
            let found = read_recipe(&folder, path, bytes, settings, &around, root);
            return Ok(((recipe, Some(look)), Folder::Recipe(Box::new(found))));
        }
        for wrong in ["recipe.yaml", "recipe.json", "Recipe.yml", "recipe.toml"] {
            let wrong = path.join(wrong);
            if fs::stat(&wrong)?.is_some() {
                return Ok(((recipe, None), Folder::Misnamed(folder, wrong)));
            }
        }
        Ok(((recipe, None), Folder::Other))
    };
    // Before it is listed: what comes later is seen by the next run.
    looks.push((dir.clone(), fs::stat(dir)?));
    let mut folders = fs::list(dir)?;
    folders.retain(|name| !name.starts_with('.'));
    let seen: Result<Vec<(Look, Folder)>> = if folders.len() > MANY {
        folders.into_par_iter().map(look).collect()
    } else {
        folders.into_iter().map(look).collect()
    };
    let (mut found, mut stray) = (Vec::new(), BTreeMap::new());
    for (look, folder) in seen? {
        looks.push(look);
        match folder {
            Folder::Recipe(recipe) => found.push(*recipe),
            Folder::Misnamed(name, wrong) => drop(stray.insert(name, wrong)),
            Folder::Other => {}
        }
    }
    Ok((found, stray))
}

fn read_recipe(
    folder: &str,
    dir: Utf8PathBuf,
    bytes: Vec<u8>,
    settings: &Settings,
    around: &Surroundings<'_>,
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
    // A recipe is worth checking even if its name or version is not known.
    let stand_in = || "stand-in".parse().expect("it is a name");
    let version = name
        .as_ref()
        .and_then(|name| settings.versions.get(name))
        .and_then(|(version, _)| version.clone());
    let version = version.unwrap_or_else(|| "0".parse().expect("it is a version"));
    let read = node.map(|node| {
        let name = name.clone().unwrap_or_else(stand_in);
        recipe::read(&node, &name, &version, dir.clone(), around, &mut reader)
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

/// A recipe without a version, a version without a recipe.
fn check_pairs(
    settings: &Settings,
    recipes: &mut [Found],
    stray: &BTreeMap<String, Utf8PathBuf>,
    reader: &mut Reader<'_>,
) {
    let named: HashSet<Name> = recipes
        .iter()
        .filter_map(|found| found.name.clone())
        .collect();
    let shown = |path: &Utf8Path| {
        settings
            .subsystems_dir
            .parent()
            .and_then(|p| path.strip_prefix(p).ok())
            .unwrap_or(path)
            .to_owned()
    };
    let mut explained: Vec<&str> = Vec::new();
    for (name, (_, span)) in &settings.versions {
        if settings.lost || named.contains(name) || reader.problems.len() > TOO_MANY {
            continue;
        }
        let recipe = shown(
            &settings
                .subsystems_dir
                .join(name.as_str())
                .join("recipe.yml"),
        );
        let unpinned = named
            .iter()
            .filter(|known| !settings.versions.contains_key(*known))
            .map(Name::as_str);
        let hint = if let Some(wrong) = stray.get(name.as_str()) {
            explained.push(name.as_str());
            format!("rename {} to recipe.yml", shown(wrong))
        } else if let Some(near) = suggestions::nearest(name.as_str(), unpinned) {
            format!("did you mean `{near}`?")
        } else {
            format!("write {recipe}, or remove the version")
        };
        reader.problem(span, format!("`{name}` has a version but no recipe"), hint);
    }
    for (folder, wrong) in stray
        .iter()
        .filter(|(folder, _)| !explained.contains(&folder.as_str()))
    {
        let wrong = shown(wrong);
        reader.problem(
            &(0..0),
            format!("{wrong} is not read: the recipe of `{folder}` is recipe.yml"),
            "rename it",
        );
    }
    for found in recipes {
        let Some(name) = &found.name else { continue };
        if settings.versions.contains_key(name) {
            continue;
        }
        let unknown = settings
            .versions
            .keys()
            .filter(|known| !named.contains(known))
            .map(Name::as_str);
        let hint = suggestions::nearest(name.as_str(), unknown).map_or_else(
            || {
                format!(
                    "add `{name}: <version>` to `versions` in versions.yml, or remove the recipe"
                )
            },
            |near| format!("versions.yml pins `{near}`; is it the same?"),
        );
        let problem = found.source.problem(
            0..0,
            format!("`{name}` has a recipe but no version"),
            Some(hint),
        );
        found.problems.push(problem);
    }
}

/// What files say about each other's subsystems.
fn check_between(
    settings: &Settings,
    recipes: &mut [Found],
    reader: &mut Reader<'_>,
    readable: bool,
) {
    let mut known: BTreeMap<Name, Option<usize>> = BTreeMap::new();
    if readable {
        known.extend(settings.versions.keys().map(|name| (name.clone(), None)));
    }
    for (n, found) in recipes.iter().enumerate() {
        known.extend(found.name.clone().map(|name| (name, Some(n))));
    }
    let hint = |name: &Name| suggestions::hint(name.as_str(), known.keys().map(Name::as_str));
    for Reference {
        name: At { value: name, span },
        or_all,
    } in &settings.references
    {
        if !known.contains_key(name) && reader.problems.len() <= TOO_MANY {
            let known = or_all
                .then_some("all")
                .into_iter()
                .chain(known.keys().map(Name::as_str));
            reader.problem(
                span,
                format!("unknown subsystem `{name}`"),
                suggestions::hint(name.as_str(), known),
            );
        }
    }
    let mut edges = vec![Vec::new(); recipes.len()];
    for (n, found) in recipes.iter_mut().enumerate() {
        for need in found.read.iter().flat_map(|read| &read.needs) {
            match known.get(&need.value) {
                Some(Some(to)) => edges[n].push((*to, need.span.clone())),
                Some(None) => {}
                None if found.problems.len() > TOO_MANY => {}
                None => {
                    let message = format!("unknown subsystem `{}`", need.value);
                    found.problems.push(found.source.problem(
                        need.span.clone(),
                        message,
                        Some(hint(&need.value)),
                    ));
                }
            }
        }
    }
    for circle in cycle::find(&edges) {
        let told: Vec<&str> = circle
            .nodes
            .iter()
            .filter_map(|n| recipes[*n].name.as_ref())
            .map(Name::as_str)
            .collect();
        let message = format!(
            "subsystems need each other in a circle: {}",
            told.join(" -> ")
        );
        let found = &mut recipes[circle.closed_in];
        let hint = "remove one of these from `needs` or `build.needs`".to_owned();
        found
            .problems
            .push(found.source.problem(circle.closed_by, message, Some(hint)));
    }
    let mut packages: BTreeMap<String, Name> = BTreeMap::new();
    for found in recipes.iter_mut() {
        let (Some(name), Some(package)) = (
            &found.name,
            found.read.as_ref().and_then(|read| read.package.as_ref()),
        ) else {
            continue;
        };
        // Hubs on some disks can't tell names apart by case.
        match packages.get(&package.value.as_str().to_lowercase()) {
            Some(other) => {
                let message = format!(
                    "`{name}` and `{other}` both make packages named `{}`",
                    package.value
                );
                let hint = "give one of them another name: package: {name: ...}".to_owned();
                found.problems.push(found.source.problem(
                    package.span.clone(),
                    message,
                    Some(hint),
                ));
            }
            None => {
                packages.insert(package.value.as_str().to_lowercase(), name.clone());
            }
        }
    }
}

fn assemble(
    settings: Settings,
    recipes: Vec<Found>,
    root: &Utf8Path,
    file: Utf8PathBuf,
    looks: Vec<Look>,
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
        sources,
        upload,
        bundle,
        tasks,
        ci,
        subsystems_dir,
        references: _,
        lost: _,
        too_old: _,
    } = settings;
    Project {
        root: root.to_owned(),
        name,
        platforms,
        hub,
        sources,
        upload,
        bundle,
        tasks,
        ci,
        subsystems,
        subsystems_dir,
        files,
        looks,
    }
}
