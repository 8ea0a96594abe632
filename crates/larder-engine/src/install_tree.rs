//! A tree in a folder outside of the project.
//!
//! ```text
//! <folder>/nvim -> .larder-trees/nvim/.bin/nvim  where links can't be made: a script, on Windows nvim.cmd
//! <folder>/.larder-trees/nvim/.bin/              an installed set, as in a project
//! ```

use camino::{Utf8Path, Utf8PathBuf};

use crate::installed::Bin;
use crate::installed::tree::{self, Links, starter, starter_name};
use larder_core::error::{Error, Result};
use larder_core::file_lock::{FileLock, Waiting};
use larder_core::fs::{self, IoContext, OwnFolder};
use larder_core::model::{Artifact, Tree};
use larder_core::staging::{self, StagedFile};

/// Installs a tree into a folder. `from` says where each of its files is. Returns what stands for its
/// binaries.
pub fn place(
    artifact: &Artifact,
    from: impl Fn(&str) -> Utf8PathBuf,
    to: &Utf8Path,
    links: bool,
) -> Result<Vec<Utf8PathBuf>> {
    let Artifact {
        name,
        platform,
        files,
        tree: kept,
        ..
    } = artifact;
    let below = Utf8Path::new(".larder-trees").join(name);
    let folder = OwnFolder::create(to, &below)?;
    let lock = FileLock::take(folder.path(), "lock", &Waiting::default())?;
    let bin = Bin::new(name, folder.path(), platform, platform).with_links(links);
    let bin = if lock.is_held() { bin } else { bin.shared() };
    let is_there = bin.stamped()?.as_ref() == Some(artifact) && bin.damage(artifact)?.is_none();
    if is_there {
        bin.repair(artifact)?;
    } else {
        // The links are made when it is installed.
        let files_only = Artifact {
            tree: kept.as_ref().map(|tree| Tree {
                links: Vec::new(),
                ..tree.clone()
            }),
            ..artifact.clone()
        };
        let staging = bin.stage()?;
        let into = staging.path();
        for name in files_only.tree.iter().flat_map(|tree| tree.folders(files)) {
            fs::create_dir_all(into.join(name))?;
        }
        for file in files {
            let to = into.join(&file.name);
            let mut opened = fs::open(from(file.name.as_str()))?;
            fs::copy_content(&mut opened, &mut fs::create_new(&to)?).at("write", &to)?;
        }
        let odd = tree::difference(into, &files_only, Links::None, true, || Ok(false))?;
        if let Some(odd) = odd {
            return Err(
                Error::integrity(format!("{name} changed while it was copied"))
                    .cause(odd)
                    .hint("run again"),
            );
        }
        bin.install(staging, artifact)?;
    }
    let to_folder = OwnFolder::create(to, "")?;
    let mut placed = Vec::new();
    for program in artifact.programs() {
        if bin.is_linked() {
            let target = below.join(".bin").join(program);
            let staged = format!(".larder-{program}-{}", std::process::id());
            to_folder.replace_link(target.as_str(), &staged, (&to_folder, program))?;
            placed.push(to.join(program));
        } else {
            let inner = starter_name(cfg!(windows), program);
            let (name, text) = starter(
                cfg!(windows),
                program,
                below.join(".bin").join(inner).as_str(),
            );
            let mut staged = StagedFile::new(to, &staging::prefix(&name))?;
            staged.write(text.as_bytes())?;
            staged.flush(0o755)?;
            staged.rename_over(to.join(&name))?;
            placed.push(to.join(name));
        }
    }
    to_folder.sync()?;
    Ok(placed)
}
