//! What arrives as a whole folder (`keep: tree`), and further names of what arrived.

use std::collections::HashSet;

use camino::Utf8Path;

use larder_core::archive::{Unpacked, UnpackedTree};
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::{Artifact, ArtifactFile, FileName, Invalid, Tree, TreeBinary, TreeLink};

use super::Arrived;

/// Gives files that arrived further names: each name with the file that it is another name of. They
/// are files of their own with the same bytes; in a tree they lead to the same file. `binaries` is
/// the order of all names.
pub fn make_links(
    links: &[(FileName, FileName)],
    binaries: &[FileName],
    arrived: &mut Arrived,
    folder: &Utf8Path,
) -> Result<()> {
    if let Some(tree) = &mut arrived.tree {
        for (name, of) in links {
            let path = tree.binaries.iter().find(|(known, _)| known == of);
            tree.binaries
                .extend(path.map(|(_, path)| (name.clone(), path.clone())));
        }
        let place = |name: &FileName| binaries.iter().position(|other| other == name);
        tree.binaries.sort_by_key(|(name, _)| place(name));
        return Ok(());
    }
    for (name, of) in links {
        // What is missing is reported when the artifact is made.
        let Some(file) = arrived.files.iter().find(|file| file.name == of.as_str()) else {
            continue;
        };
        let file = file.clone();
        let mut copy = fs::create(folder.join(name))?;
        fs::copy_content(&mut fs::open(&file.path)?, &mut copy).at("copy", &file.path)?;
        arrived.files.push(Unpacked {
            name: name.to_string(),
            path: folder.join(name),
            ..file
        });
    }
    Ok(())
}

/// The paths of the files that are the artifact's programs. The other files of a tree may be for any
/// platform.
pub(super) fn programs(artifact: &Artifact) -> HashSet<String> {
    let Some(tree) = &artifact.tree else {
        let programs = artifact.programs().map(str::to_owned);
        return programs.collect();
    };
    let follow = tree.follow();
    let binaries = tree.binaries.iter();
    binaries
        .filter_map(|binary| follow.resolve(binary.path.as_str()))
        .collect()
}

/// All files of an archive whose folder is kept, in an artifact's order, and what else there is.
pub(super) fn whole_tree(
    place: &str,
    arrived: &Arrived,
) -> Result<(Vec<ArtifactFile>, Option<Tree>)> {
    let Some(UnpackedTree { links, binaries }) = &arrived.tree else {
        return Err(Error::failed(format!(
            "{place} is a single file, so there is no folder to keep"
        ))
        .hint("`upstream: {keep: files}` takes the file"));
    };
    let wrong = |error: Invalid| {
        Error::failed(format!("the folder in {place} can't be kept"))
            .cause(error.message)
            .hint("`upstream: {keep: files}` takes the binaries only")
    };
    let mut tree = Tree {
        binaries: Vec::with_capacity(binaries.len()),
        links: Vec::with_capacity(links.len()),
    };
    for (name, path) in binaries {
        tree.binaries.push(TreeBinary {
            name: name.clone(),
            path: path.parse().map_err(wrong)?,
        });
    }
    for (name, target) in links {
        tree.links.push(TreeLink {
            name: name.parse().map_err(wrong)?,
            target: target.parse().map_err(wrong)?,
        });
    }
    let follow = tree.follow();
    let programs: HashSet<String> = tree
        .binaries
        .iter()
        .filter_map(|binary| follow.resolve(binary.path.as_str()))
        .collect();
    let mut files = Vec::with_capacity(arrived.files.len());
    for file in &arrived.files {
        let is_program = programs.contains(&file.name);
        files.push(ArtifactFile {
            name: file.name.parse().map_err(wrong)?,
            mode: if is_program { 0o755 } else { file.mode },
            size: file.size,
            sha256: file.sha256,
        });
    }
    tree.links.sort_by(|a, b| a.name.cmp(&b.name));
    tree.sort(&mut files);
    tree.check(&files).map_err(|why| wrong(Invalid::new(why)))?;
    Ok((files, Some(tree)))
}
