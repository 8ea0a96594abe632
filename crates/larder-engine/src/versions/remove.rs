//! `remove`: takes a subsystem out of the project: its version, its recipe, and what is installed.

use crate::clean::clean_all;
use crate::context::Context;
use crate::events::Level;
use crate::plan::Selection;
use larder_core::error::{Error, Problem, Result};
use larder_core::fs;
use larder_core::model::Name;
use larder_core::project::user::UserConfig;
use larder_core::project::{Project, edit};

/// Removes a subsystem. If the rest of the project would be invalid without it, nothing changes.
/// Returns the failures of removing what is installed.
///
/// Other files in the recipe's folder stay, because they may be the only copy of its source code.
/// The lines of the lock stay too: they record what was accepted, and other branches may need them.
pub fn remove(ctx: &Context, user: &UserConfig, name: &Name) -> Result<Vec<Error>> {
    let Project {
        root, subsystems, ..
    } = &ctx.project;
    let Some(subsystem) = subsystems.get(name) else {
        return Ok(Vec::new());
    };
    let _lock = super::lock(root, &ctx.waiting)?;
    let versions = root.join("versions.yml");
    let changed = edit::remove_version(&fs::read_text(&versions)?, name)?;
    let recipe = subsystem.dir.join("recipe.yml");
    let shown = ctx.project.relative(&recipe);
    if let Err(error) = Project::load_as_if(root, &changed, user) {
        // Its own recipe is still there, which is the only mistake that is expected.
        let others = |problem: &&Problem| problem.file.as_str() != shown;
        let others: Vec<Problem> = error
            .file_problems()
            .iter()
            .filter(others)
            .cloned()
            .collect();
        if error.file_problems().is_empty() {
            return Err(error);
        }
        if !others.is_empty() {
            return Err(
                Error::problems(others).context(format!("the project still needs `{name}`"))
            );
        }
    }
    let errors = clean_all(ctx, &Selection::Names(vec![name.clone()]))?;
    if ctx.options.dry_run {
        let text = format!("would remove `{name}` from versions.yml, and {shown}");
        ctx.events.note(None, Level::Info, text);
        return Ok(errors);
    }
    fs::rewrite(&versions, changed.as_bytes())?;
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
