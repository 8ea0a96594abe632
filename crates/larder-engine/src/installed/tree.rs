//! The files and links of a tree in one folder: completing what was unpacked, flushing it, and
//! comparing it with its artifact, down to names that do not belong there.
//!
//! A link of the archive is a link. Where links can't be made, it is a copy of the file that it leads
//! to, and a link to a folder is refused. The links of binaries exist only where links can be made.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use camino::Utf8Path;
use larder_core::error::{Error, Result};
use larder_core::formats::stamp;
use larder_core::fs::{self, IoContext, OwnFolder};
use larder_core::keys::tree;
use larder_core::model::{Artifact, ArtifactFile, Tree};
use rayon::prelude::*;

use super::Watched;

/// More files than this are flushed with their whole file system, if it can be.
const MANY: usize = 32;

/// Which links a folder with a tree has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Those of binaries and those of the archive.
    All,
    /// Those of the archive only.
    Archive,
    /// None: those of the archive are copies.
    None,
}

/// Completes a folder with the files of a tree: its links are made, and its folders and files get
/// their modes. Does nothing for other artifacts.
pub fn complete(folder: &Utf8Path, artifact: &Artifact, links: Links) -> Result<()> {
    let Artifact { files, tree, .. } = artifact;
    let Some(tree) = tree else {
        return Ok(());
    };
    for name in tree.folders(files) {
        fs::create_dir_all(folder.join(&name))?;
        fs::set_mode(folder.join(name), 0o755)?;
    }
    let own = match links {
        Links::All => tree.binaries.as_slice(),
        Links::Archive | Links::None => &[],
    };
    let own = own.iter().filter(|binary| !binary.is_at_top());
    let own = own.map(|binary| (binary.name.as_str(), binary.path.as_str()));
    for (name, target) in own {
        fs::symlink(target, folder.join(name))?;
    }
    for link in &tree.links {
        let path = folder.join(&link.name);
        let made = match links {
            Links::All | Links::Archive => fs::try_symlink(link.target.as_str(), &path),
            Links::None => Err(ErrorKind::Unsupported.into()),
        };
        match made {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                copy(folder, tree, link.name.as_str())?;
            }
            made => made.at("link", &path)?,
        }
    }
    Ok(())
}

/// Makes a copy of the file that a link leads to.
fn copy(folder: &Utf8Path, tree: &Tree, link: &str) -> Result<()> {
    let from = folder.join(tree.follow().resolve(link).unwrap_or_default());
    if !fs::stat(&from)?.is_some_and(|meta| meta.is_file()) {
        return Err(Error::failed(format!("cannot install the link {link}"))
            .cause("links can't be made in this folder, and it leads to a folder")
            .hint("install it on a file system with links, or write `keep: files` in the recipe"));
    }
    let to = folder.join(link);
    fs::copy_content(&mut fs::open(&from)?, &mut fs::create_new(&to)?).at("write", &to)?;
    fs::set_mode(to, 0o755)
}

/// Flushes everything in a folder with a tree.
pub fn flush(folder: &OwnFolder, artifact: &Artifact) -> Result<()> {
    let Artifact { files, tree, .. } = artifact;
    if files.len() > MANY
        && folder.flushable_file_system().is_some()
        && folder.sync_file_system().is_ok()
    {
        return Ok(());
    }
    let path = folder.path();
    for file in files {
        fs::sync_file(path.join(&file.name))?;
    }
    let folders = tree.as_ref().map(|tree| tree.folders(files));
    for name in folders.unwrap_or_default().iter().rev() {
        fs::sync_dir(path.join(name))?;
    }
    fs::sync_dir(path)
}

/// What has a path in a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    File,
    Folder,
    Link,
    Other,
}

/// The first difference between a folder and a tree, if there is one. A name that does not belong
/// there is one. Files are only read and hashed if their contents matter; `keeps_modes` says whether
/// the file system does.
pub fn difference(
    folder: &Utf8Path,
    artifact: &Artifact,
    links: Links,
    contents: bool,
    keeps_modes: impl Fn() -> Result<bool>,
) -> Result<Option<String>> {
    let Artifact { files, tree, .. } = artifact;
    let Some(tree) = tree else {
        return Ok(None);
    };
    let mut found = BTreeMap::new();
    if let Some(odd) = walk(folder, "", &mut found)? {
        return Ok(Some(format!("{odd} does not belong to it")));
    }
    found.remove(stamp::FILE);
    let mut keeps = None;
    for file in files {
        let ArtifactFile {
            name, mode, size, ..
        } = file;
        match found.remove(name.as_str()) {
            None => return Ok(Some(format!("{name} is missing"))),
            Some(Found::File) => {}
            Some(_) => return Ok(Some(format!("{name} is not a file"))),
        }
        let path = folder.join(name);
        let Some(meta) = fs::lstat(&path)? else {
            return Ok(Some(format!("{name} is missing")));
        };
        if meta.len() != *size {
            return Ok(Some(format!(
                "{name} has {} bytes, its stamp says {size}",
                meta.len()
            )));
        }
        if !super::bin::mode_is(&meta, *mode) {
            let keeps = match keeps {
                Some(keeps) => keeps,
                None => *keeps.insert(keeps_modes()?),
            };
            if keeps {
                return Ok(Some(format!(
                    "{name} does not have the mode that its stamp says ({mode:04o})"
                )));
            }
        }
    }
    let follow = tree.follow();
    let mut copies = Vec::new();
    let own = tree.binaries.iter().map(|binary| &binary.name);
    let is_own = |name: &str| own.clone().any(|own| own.as_str() == name);
    for (name, target) in tree.all_links() {
        let is_of_binary =
            is_own(name) && !tree.links.iter().any(|link| link.name.as_str() == name);
        match found.remove(name) {
            None if is_of_binary && links != Links::All => {}
            None => return Ok(Some(format!("{name} is missing"))),
            Some(Found::Link) => {
                let leads = fs::read_link(folder.join(name));
                let leads = leads.map(|leads| leads.to_string_lossy().replace('\\', "/"));
                if leads.as_deref() != Some(target) {
                    return Ok(Some(format!("{name} is not the link that its stamp says")));
                }
            }
            Some(Found::File) if !is_of_binary => {
                let file = follow.resolve(name);
                let file = files
                    .iter()
                    .find(|f| Some(f.name.as_str()) == file.as_deref());
                copies.extend(file.map(|file| (name, file)));
                if file.is_none() {
                    return Ok(Some(format!("{name} is not the link that its stamp says")));
                }
            }
            Some(_) => return Ok(Some(format!("{name} is not the link that its stamp says"))),
        }
    }
    for name in tree.folders(files) {
        if found.remove(&name) != Some(Found::Folder) {
            return Ok(Some(format!("{name} is not a folder")));
        }
    }
    if let Some((odd, _)) = found.first_key_value() {
        return Ok(Some(format!("{odd} does not belong to it")));
    }
    if !contents {
        return Ok(None);
    }
    let own = files.iter().map(|file| (file.name.as_str(), file));
    let all: Vec<(&str, &ArtifactFile)> = own.chain(copies).collect();
    let is_same = |(name, file): &(&str, &ArtifactFile)| -> Result<bool> {
        let (sha256, size) = tree::hash_file(&folder.join(name))?;
        Ok((sha256, size) == (file.sha256, file.size))
    };
    let same = all.par_iter().map(is_same).collect::<Result<Vec<_>>>()?;
    let wrong = same.iter().position(|same| !same);
    Ok(wrong.map(|at| {
        let (name, _) = all[at];
        format!("{name} is not the file that its stamp names (sha256 differs)")
    }))
}

/// Finds everything in a folder. Returns a name that no file of a tree has, if there is one.
fn walk(
    folder: &Utf8Path,
    below: &str,
    found: &mut BTreeMap<String, Found>,
) -> Result<Option<String>> {
    for entry in fs::entries(folder.join(below))? {
        let Some(name) = entry.name.to_str() else {
            return Ok(Some(format!(
                "{}",
                Utf8Path::new(below).join(entry.name.to_string_lossy().as_ref())
            )));
        };
        let path = if below.is_empty() {
            name.to_owned()
        } else {
            format!("{below}/{name}")
        };
        let kind = if entry.kind.is_symlink() {
            Found::Link
        } else if entry.kind.is_dir() {
            if let Some(odd) = walk(folder, &path, found)? {
                return Ok(Some(odd));
            }
            Found::Folder
        } else if entry.kind.is_file() {
            Found::File
        } else {
            Found::Other
        };
        found.insert(path, kind);
    }
    Ok(None)
}

/// The metadata that proves that a folder still holds the tree: that of its files, its links and its
/// folders. A folder's metadata changes with the names in it.
pub fn watch(folder: &Utf8Path, artifact: &Artifact, watched: &mut Vec<Watched>) -> Result<()> {
    let Artifact { files, tree, .. } = artifact;
    let Some(tree) = tree else {
        return Ok(());
    };
    // The folder itself is reached through the pivot.
    watched.push(Watched::read(folder, true)?);
    let names = files.iter().map(|file| file.name.as_str());
    let links = tree.all_links().map(|(name, _)| name);
    let folders = tree.folders(files);
    let folders = folders.iter().map(String::as_str);
    for name in names.chain(links).chain(folders) {
        watched.push(Watched::read(&folder.join(name), false)?);
    }
    Ok(())
}

/// The script that stands for a binary of a tree where links can't be made: its name and its text. It
/// starts the program at a path relative to its own folder, which then finds the folder beside it.
pub fn starter(windows: bool, name: &str, path: &str) -> (String, String) {
    let text = if windows {
        let path = path.replace('/', "\\").replace('%', "%%");
        format!("@\"%~dp0{path}\" %*\r\n")
    } else {
        let path = path.replace('\'', r"'\''");
        format!("#!/bin/sh\nexec \"$(dirname \"$0\")\"/'{path}' \"$@\"\n")
    };
    (starter_name(windows, name), text)
}

/// The name of that script.
pub fn starter_name(windows: bool, name: &str) -> String {
    if !windows {
        return name.to_owned();
    }
    let stem = match name.rsplit_once('.') {
        Some((stem, end)) if ["exe", "bat", "cmd", "com"].contains(&end) => stem,
        _ => name,
    };
    format!("{stem}.cmd")
}

/// The names of the plain files that an artifact has in `.bin` where links can't be made.
pub fn plain_names(artifact: &Artifact) -> Vec<String> {
    if let Some(tree) = &artifact.tree {
        let names = tree.binaries.iter().map(|binary| binary.name.as_str());
        return names
            .map(|name| starter_name(cfg!(windows), name))
            .collect();
    }
    let names = artifact.files.iter().map(|file| file.name.to_string());
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starters_are_quoted_for_their_system() {
        for (windows, name, path, expected) in [
            (
                true,
                "nvim.exe",
                ".v/0-1/bin/nvim.exe",
                ("nvim.cmd", "@\"%~dp0.v\\0-1\\bin\\nvim.exe\" %*\r\n"),
            ),
            (
                true,
                "run.bat",
                "a/100%/run.bat",
                ("run.cmd", "@\"%~dp0a\\100%%\\run.bat\" %*\r\n"),
            ),
            (
                false,
                "nvim",
                ".v/0-1/bin/it's $x",
                (
                    "nvim",
                    "#!/bin/sh\nexec \"$(dirname \"$0\")\"/'.v/0-1/bin/it'\\''s $x' \"$@\"\n",
                ),
            ),
        ] {
            let (name, text) = starter(windows, name, path);
            assert_eq!((name.as_str(), text.as_str()), expected);
        }
    }
}
