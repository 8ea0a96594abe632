//! Which names in a source are larder's own: what it writes into the folders of projects and
//! subsystems, and the recipes. The same names anywhere else are content.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Result;
use crate::fs::{self, FolderEntry};
use crate::project::Project;

/// The file that makes a folder a project.
const VERSIONS: &str = "versions.yml";

/// The file that makes a folder in the folder of subsystems a subsystem's folder.
const RECIPE: &str = "recipe.yml";

/// What is larder's own in the folder of a project.
const IN_PROJECT: &[&str] = &[".dist", ".larder", ".larder-hub", ".collection"];

/// What is larder's own in the folder of a subsystem.
const IN_SUBSYSTEM: &[&str] = &[RECIPE, ".bin"];

/// The projects whose own files are left out of a source. All paths are without links.
#[derive(Clone, Debug, Default)]
pub struct Projects {
    /// The folders of the projects.
    roots: BTreeSet<Utf8PathBuf>,
    /// The folders in which they have their subsystems.
    subsystems: BTreeSet<Utf8PathBuf>,
    /// The folders of subsystems that are elsewhere, because a link leads to them.
    linked: BTreeSet<Utf8PathBuf>,
}

impl Projects {
    /// The project in a folder. A source may contain others, or be in another one; they are found
    /// while it is listed.
    pub fn with(root: &Utf8Path) -> Result<Self> {
        let mut projects = Self::default();
        projects.add(&fs::canonicalize(root)?);
        Ok(projects)
    }

    /// Adds the projects that contain a folder.
    pub(super) fn add_above(&mut self, folder: &Utf8Path) {
        for above in folder.ancestors().skip(1) {
            if fs::stat(above.join(VERSIONS)).is_ok_and(|meta| meta.is_some_and(|m| m.is_file())) {
                self.add(above);
            }
        }
    }

    fn add(&mut self, root: &Utf8Path) {
        if !self.roots.insert(root.to_owned()) {
            return;
        }
        // A folder that does not exist, or that can't be read, has no subsystems.
        let Ok(folder) = fs::canonicalize(&Project::subsystems_dir_of(root)) else {
            return;
        };
        for FolderEntry { name, kind } in fs::entries(&folder).unwrap_or_default() {
            if kind.is_symlink()
                && let Some(name) = name.to_str()
                && let Ok(elsewhere) = fs::canonicalize(&folder.join(name))
            {
                self.linked.insert(elsewhere);
            }
        }
        self.subsystems.insert(folder);
    }

    /// Adds the project in a folder, if it is one. Returns the names in the folder that are
    /// larder's own.
    pub(super) fn own_names(
        &mut self,
        folder: &Utf8Path,
        entries: &[FolderEntry],
    ) -> Vec<&'static str> {
        let has = |name: &str| entries.iter().any(|e| e.name == name && !e.kind.is_dir());
        let mut names = Vec::new();
        if has(VERSIONS) {
            self.add(folder);
            names.extend(IN_PROJECT);
        }
        let is_subsystem = || {
            let parent = folder.parent();
            self.linked.contains(folder) || parent.is_some_and(|p| self.subsystems.contains(p))
        };
        if has(RECIPE) && is_subsystem() {
            names.extend(IN_SUBSYSTEM);
        }
        names
    }
}
