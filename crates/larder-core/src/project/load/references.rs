//! Checks the references between the files of a project: every version has a recipe and the
//! reverse, every name is known, needs form no cycle, and no two packages have the same name.

use std::collections::{BTreeMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::recipes::Found;
use crate::model::Name;
use crate::project::cycles;
use crate::project::syntax::decode::{At, Reader};
use crate::project::syntax::source::TOO_MANY;
use crate::project::versions_file::{Reference, Settings};
use crate::suggestions;

/// Reports each recipe without a version and each version without a recipe.
pub(super) fn check_versions_and_recipes(
    settings: &Settings,
    recipes: &mut [Found],
    misnamed: &BTreeMap<String, Utf8PathBuf>,
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
        if settings.subsystems_dir_invalid
            || named.contains(name)
            || reader.problems.len() > TOO_MANY
        {
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
        let hint = if let Some(wrong) = misnamed.get(name.as_str()) {
            explained.push(name.as_str());
            format!("rename {} to recipe.yml", shown(wrong))
        } else if let Some(near) = suggestions::nearest(name.as_str(), unpinned) {
            format!("did you mean `{near}`?")
        } else {
            format!("write {recipe}, or remove the version")
        };
        reader.problem(span, format!("`{name}` has a version but no recipe"), hint);
    }
    for (folder, wrong) in misnamed
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
        // Without `versions` every recipe would lack one.
        if settings.no_versions || settings.versions.contains_key(name) {
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

/// Checks references to subsystems, cycles of needs, and the names of packages.
pub(super) fn check_references(
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
    for cycle in cycles::find(&edges) {
        let names: Vec<&str> = cycle
            .nodes
            .iter()
            .filter_map(|n| recipes[*n].name.as_ref())
            .map(Name::as_str)
            .collect();
        let message = format!(
            "subsystems need each other in a circle: {}",
            names.join(" -> ")
        );
        let found = &mut recipes[cycle.closed_in];
        let hint = "remove one of these from `needs` or `build.needs`".to_owned();
        found
            .problems
            .push(found.source.problem(cycle.closed_by, message, Some(hint)));
    }
    let mut packages: BTreeMap<String, Name> = BTreeMap::new();
    for found in recipes.iter_mut() {
        let (Some(name), Some(package)) = (
            &found.name,
            found.read.as_ref().and_then(|read| read.package.as_ref()),
        ) else {
            continue;
        };
        // Some file systems ignore case, and a folder hub can be on one of them.
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
