//! Writes what `add` proposes. If the project would be invalid with it, the project stays unchanged.

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::{Error, Result};
use larder_core::file_lock::Waiting;
use larder_core::fs::{self, OwnFolder};
use larder_core::model::Name;
use larder_core::project::user::UserConfig;
use larder_core::project::{Project, edit};

use super::Proposal;

/// Writes the recipe and pins the version; returns the files. If the project would be invalid with them, it stays unchanged.
pub fn write(
    project: &Project,
    user: &UserConfig,
    name: &Name,
    proposal: &Proposal,
    waiting: &Waiting,
) -> Result<Vec<Utf8PathBuf>> {
    let had_folder = fs::lstat(project.root.join(".larder"))?.is_some();
    let alone = crate::versions::lock(&project.root, waiting)?;
    let written = write_alone(project, user, name, proposal);
    drop(alone);
    if written.is_err() && !had_folder {
        // The first error is reported; one of the clean-up is ignored.
        let _ = forget_lock(&project.root);
    }
    written
}

/// Removes the lock that was made for a change that failed, so that nothing has changed.
fn forget_lock(root: &Utf8Path) -> Result<()> {
    if let Some(folder) = OwnFolder::open(root, ".larder/locks")? {
        folder.remove_file(crate::versions::LOCK)?;
    }
    let (larder, project) = (
        OwnFolder::open(root, ".larder")?,
        OwnFolder::open(root, "")?,
    );
    if let (Some(larder), Some(project)) = (larder, project)
        && larder.remove_empty_folder("locks")?
    {
        project.remove_empty_folder(".larder")?;
    }
    Ok(())
}

fn write_alone(
    project: &Project,
    user: &UserConfig,
    name: &Name,
    proposal: &Proposal,
) -> Result<Vec<Utf8PathBuf>> {
    let versions = project.root.join("versions.yml");
    let changed = edit::add_version(&fs::read_text(&versions)?, name, &proposal.version)?;
    let folder = project.subsystems_dir.join(name);
    let made = folder
        .ancestors()
        .take_while(|path| !path.exists())
        .last()
        .map(Utf8Path::to_owned);
    let recipe = folder.join("recipe.yml");
    // The same recipe, which no version refers to yet, is from a run that was killed here.
    let ours = fs::read_opt(&recipe)?.is_some_and(|text| text == proposal.recipe.as_bytes());
    if !ours && fs::lstat(&recipe)?.is_some() {
        return Err(Error::usage(format!("{recipe} already exists"))
            .hint("choose another name, or remove the file"));
    }
    // A link in place of the new folder would lead the recipe out of the project.
    let (base, below) = match folder.strip_prefix(&project.root) {
        Ok(below) => (&project.root, below),
        Err(_) => (&project.subsystems_dir, Utf8Path::new(name)),
    };
    let own = OwnFolder::create(base, below)?;
    let written = own
        .write_atomic("recipe.yml", proposal.recipe.as_bytes())
        .and_then(|()| Project::load_as_if(&project.root, &changed, user).map(drop))
        .and_then(|()| fs::rewrite(&versions, changed.as_bytes()));
    match written {
        Ok(()) => Ok(vec![recipe, versions]),
        // The version is written, and only the flush afterwards failed: both files are there.
        Err(error) if is_pinned(&versions, name) => Err(error),
        Err(error) => {
            // The first error is reported; one of the clean-up is ignored.
            let _ = match made {
                Some(made) => fs::remove_dir_all(made),
                None => fs::remove_file(&recipe),
            };
            Err(error)
        }
    }
}

fn is_pinned(versions: &Utf8Path, name: &Name) -> bool {
    let text = fs::read_text(versions);
    text.is_ok_and(|text| edit::pinned_version(&text, name).is_some())
}
