//! `remove`: takes a subsystem out of the project: its version, its recipe, and what is installed.

use crate::clean::clean_all;
use crate::context::Context;
use crate::events::Level;
use crate::plan::Selection;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Name;
use larder_core::project::{Project, edit};

/// Removes a subsystem. If the rest of the project names it, nothing changes.
/// Returns the failures of removing what is installed.
///
/// Other files in the recipe's folder stay, because they may be the only copy of its source code.
/// The lines of the lock stay too: they record what was accepted, and other branches may need them.
pub fn remove(ctx: &Context, name: &Name) -> Result<Vec<Error>> {
    let Project {
        root, subsystems, ..
    } = &ctx.project;
    let Some(subsystem) = subsystems.get(name) else {
        return Ok(Vec::new());
    };
    let _lock = super::lock(root, &ctx.waiting)?;
    let versions = root.join("versions.yml");
    let text = fs::read_text(&versions)?;
    let changed = match edit::pinned_version(&text, name) {
        Some(_) => Some(edit::remove_version(&text, name)?),
        None => None,
    };
    let recipe = subsystem.dir.join("recipe.yml");
    let shown = ctx.project.relative(&recipe);
    let needed = needed_by(&ctx.project, name);
    if !needed.is_empty() {
        return Err(Error::usage(format!("the project still needs `{name}`"))
            .cause(format!("it is named in {}", needed.join(", ")))
            .hint("remove it there first"));
    }
    let errors = clean_all(ctx, &Selection::Names(vec![name.clone()]))?;
    if ctx.options.dry_run {
        let text = format!("would remove `{name}` from versions.yml, and {shown}");
        ctx.events.note(None, Level::Info, text);
        return Ok(errors);
    }
    if let Some(changed) = changed {
        fs::rewrite(&versions, changed.as_bytes())?;
    }
    fs::remove_file(&recipe)?;
    let mut text = format!("removed `{name}` from versions.yml, and {shown}");
    let rest: Vec<String> = fs::list(&subsystem.dir)?
        .into_iter()
        .filter(|file| !file.starts_with('.'))
        .collect();
    if rest.is_empty() {
        fs::remove_dir_all(&subsystem.dir)?;
    } else {
        text = format!(
            "{text}; kept what else is in {}: {}",
            ctx.project.relative(&subsystem.dir),
            rest.join(", ")
        );
    }
    ctx.events.note(None, Level::Info, text);
    Ok(errors)
}

/// Where else the project names a subsystem.
fn needed_by(project: &Project, name: &Name) -> Vec<String> {
    let mut places = Vec::new();
    for subsystem in project.subsystems.values().filter(|s| s.name != *name) {
        let build = subsystem.build.as_ref();
        for (key, has) in [
            ("needs", subsystem.needs.contains(name)),
            (
                "build.needs",
                build.is_some_and(|build| build.needs.contains(name)),
            ),
        ] {
            if has {
                places.push(format!("`{key}` of `{}`", subsystem.name));
            }
        }
    }
    if project.bundle.exclude.contains(name) {
        places.push("`bundle.exclude`".to_owned());
    }
    let names_it = |line: &String| line.split_whitespace().any(|word| word == name.as_str());
    for (task, content) in &project.tasks {
        if content.needs.iter().any(names_it) {
            places.push(format!("`needs` of the task `{task}`"));
        }
    }
    for (service, content) in &project.services {
        if content.needs.iter().any(names_it) {
            places.push(format!("`needs` of the service `{service}`"));
        }
    }
    if project.ci.iter().any(names_it) {
        places.push("`ci`".to_owned());
    }
    places
}
