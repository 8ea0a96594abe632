//! Keeping the whole folder of an archive: which links stay, which files the binaries are, and the
//! single folder at the top, which is left out.
//!
//! Nothing here makes a link on disk. The links are returned as texts; the artifact's own check
//! decides about them again, wherever it comes from.

use std::collections::{BTreeSet, HashMap, HashSet};

use camino::Utf8Path;
use globset::GlobMatcher;

use super::{SimilarNames, matcher};
use crate::archive::names::{Node, Tree, odd_link};
use crate::archive::{Unpacked, UnpackedTree, WholeSelection};
use crate::error::{Error, Result};
use crate::executable::{self, Executable};
use crate::fs;
use crate::model::{ArtifactPath, FileName, Follow, LinkTarget, Platform};

/// Most candidates that an error lists.
const LISTED: usize = 8;

/// A file or link that can be a binary, by its path in the archive, and the file that it is.
struct Candidate<'a> {
    path: &'a str,
    file: &'a Unpacked,
}

/// The hard links: for each the path of the file that it is, and its own.
pub(in crate::archive) fn hard_links(
    tree: &Tree,
    mut skipped: impl FnMut(&str, &str),
) -> Vec<(String, String)> {
    let mut links = Vec::new();
    for (path, target, is_hard) in tree.links() {
        // A link that can't lead into the archive has been noted.
        if !is_hard || odd_link(path, &Node::Hardlink(target.to_owned())).is_some() {
            continue;
        }
        match tree.follow(path) {
            Ok(file) => links.push((file, path.to_owned())),
            Err(why) => skipped(path, &why),
        }
    }
    links
}

/// Chooses the links that stay and the binaries, and moves what is in the single folder at the top of
/// an archive one level up. `files` are all of its files, extracted under the paths that they have in
/// it.
pub(in crate::archive) fn keep(
    selection: &WholeSelection<'_>,
    tree: &Tree,
    files: &mut [Unpacked],
    into: &Utf8Path,
    skipped: impl FnMut(&str, &str),
) -> Result<UnpackedTree> {
    let top = top_folder(files.iter().map(|file| file.name.as_str()));
    let below = |path: &str| match &top {
        Some(top) => path[top.len() + 1..].to_owned(),
        None => path.to_owned(),
    };
    let links = links(tree, files, top.as_deref(), skipped);
    let binaries = binaries(selection, &links, files)?;
    let unpacked = UnpackedTree {
        links: links
            .iter()
            .map(|(path, target)| (below(path), target.clone()))
            .collect(),
        binaries: binaries
            .into_iter()
            .map(|(name, path)| (name, below(&path)))
            .collect(),
    };
    for file in files.iter() {
        check_path(&below(&file.name))?;
    }
    for (path, target) in &unpacked.links {
        check_path(path)?;
        target
            .parse::<LinkTarget>()
            .map_err(|invalid| unfit(path, &invalid.message))?;
    }
    if let Some(top) = &top {
        move_up(top, into)?;
    }
    for file in files {
        file.name = below(&file.name);
        file.path = into.join(&file.name);
    }
    Ok(unpacked)
}

/// Refuses a path that not every system can store.
fn check_path(path: &str) -> Result<()> {
    match path.parse::<ArtifactPath>() {
        Ok(_) => Ok(()),
        Err(invalid) => Err(unfit(path, &invalid.message)),
    }
}

fn unfit(path: &str, why: &str) -> Error {
    Error::failed(format!(
        "the folder of the archive can't be kept because of `{path}`"
    ))
    .cause(why)
    .hint("a folder that is kept must fit on every system; `keep: files` takes the binaries only")
}

/// The symbolic links that lead to a file or a folder that is kept: their paths in the archive, and
/// their targets in normal form.
fn links(
    tree: &Tree,
    files: &[Unpacked],
    top: Option<&str>,
    mut skipped: impl FnMut(&str, &str),
) -> Vec<(String, String)> {
    // What is left of a path without the folder at the top.
    let below = |path: &str| match top {
        Some(top) => Some(path.strip_prefix(top)?.strip_prefix('/')?.to_owned()),
        None => Some(path.to_owned()),
    };
    let mut links: Vec<(String, String)> = Vec::new();
    let mut lower: Vec<(String, String)> = Vec::new();
    for (path, target, is_hard) in tree.links() {
        // A link that can't lead into the archive has been noted.
        if is_hard || odd_link(path, &Node::Symlink(target.to_owned())).is_some() {
            continue;
        }
        let parts = target.split('/').filter(|part| !matches!(*part, "" | "."));
        let target = parts.collect::<Vec<_>>().join("/");
        match below(path) {
            Some(path) if !path.is_empty() => lower.push((path, target.clone())),
            _ => {
                skipped(path, "it lies beside the folder that is kept");
                continue;
            }
        }
        links.push((path.to_owned(), target));
    }
    let names: Vec<String> = files.iter().filter_map(|file| below(&file.name)).collect();
    let mut paths: HashSet<&str> = HashSet::new();
    for name in &names {
        let mut path = name.as_str();
        while paths.insert(path)
            && let Some((folder, _)) = path.rsplit_once('/')
        {
            path = folder;
        }
    }
    let follow = Follow::new(lower.iter().map(|(path, to)| (path.as_str(), to.as_str())));
    let leads = |(path, target): &(String, String)| {
        let leads = follow.resolve(path);
        !target.is_empty() && leads.is_some_and(|leads| paths.contains(leads.as_str()))
    };
    let mut good = lower.iter().map(leads);
    links.retain(|(path, target)| {
        let keeps = good.next().unwrap_or_default();
        if !keeps {
            let why = format!("it is a link to `{target}`, which is not a file of the archive");
            skipped(path, &why);
        }
        keeps
    });
    links
}

/// The one folder that everything is in, if there is one.
fn top_folder<'a>(mut paths: impl Iterator<Item = &'a str>) -> Option<String> {
    let (top, _) = paths.next()?.split_once('/')?;
    let is_in = |path: &str| {
        path.strip_prefix(top)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    paths.all(is_in).then(|| top.to_owned())
}

/// Moves what is in a folder to where the folder is. Nothing else is there, except for folders without
/// files.
fn move_up(top: &str, into: &Utf8Path) -> Result<()> {
    let inner = fs::list(into.join(top))?;
    let mut aside = format!("{top}.top");
    while inner.contains(&aside) {
        aside.push_str(".top");
    }
    let aside = into.join(aside);
    fs::rename(into.join(top), &aside)?;
    for name in inner {
        fs::rename(aside.join(&name), into.join(&name))?;
    }
    fs::remove_dir_all(&aside)
}

/// The path in the archive of each binary.
fn binaries(
    selection: &WholeSelection<'_>,
    links: &[(String, String)],
    files: &[Unpacked],
) -> Result<Vec<(FileName, String)>> {
    let WholeSelection {
        globs,
        names,
        platform,
    } = selection;
    let by_path: HashMap<&str, &Unpacked> = files
        .iter()
        .map(|file| (file.name.as_str(), file))
        .collect();
    let follow = Follow::new(links.iter().map(|(path, to)| (path.as_str(), to.as_str())));
    let linked = links.iter().filter_map(|(path, _)| {
        let file = by_path.get(follow.resolve(path)?.as_str())?;
        Some(Candidate { path, file })
    });
    let own = files.iter().map(|file| Candidate {
        path: &file.name,
        file,
    });
    let all: Vec<Candidate<'_>> = own.chain(linked).collect();
    let mut found = Vec::new();
    for name in *names {
        let glob = globs.iter().find(|(_, file)| file == name);
        let path = if let Some((glob, _)) = glob {
            let text = glob.strip_prefix("./").unwrap_or(glob);
            let matcher = matcher(text)
                .map_err(|e| Error::usage(format!("`{glob}` is not a glob")).cause(e.kind()))?;
            matched(glob, &matcher, &all)?
        } else {
            best(name, &all, |candidate| unfitness(candidate, platform))?
        };
        found.push((name.clone(), path.to_owned()));
    }
    Ok(found)
}

/// How little a file is a program for a platform; 0 is a native program for it.
fn unfitness(candidate: &Candidate<'_>, platform: &Platform) -> Result<u8> {
    let path = &candidate.file.path;
    Ok(match executable::inspect(path)? {
        Executable::Native(_) if executable::check_platform(path, platform).is_ok() => 0,
        Executable::Script => 1,
        Executable::Other => 2,
        Executable::Native(_) => 3,
        Executable::Empty => 4,
    })
}

/// The one candidate that a glob matches.
fn matched<'a>(glob: &str, matcher: &GlobMatcher, all: &[Candidate<'a>]) -> Result<&'a str> {
    let mut found = all
        .iter()
        .filter(|candidate| matcher.is_match(candidate.path));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.path),
        (None, _) => {
            let error = Error::failed(format!("`{glob}` matches no file of the archive"));
            Err(similar(error, glob, all))
        }
        _ => {
            let found: Vec<_> = all.iter().filter(|c| matcher.is_match(c.path)).collect();
            Err(Error::failed(format!(
                "`{glob}` matches {} files of the archive, but it must match exactly one",
                found.len()
            ))
            .hint(format!(
                "make the pattern more specific; it matches {}",
                listed(&found)
            )))
        }
    }
}

/// The best candidate of a name: see `Select::Programs`.
fn best<'a>(
    name: &FileName,
    all: &[Candidate<'a>],
    unfitness: impl Fn(&Candidate<'a>) -> Result<u8>,
) -> Result<&'a str> {
    let is_named =
        |candidate: &&Candidate<'_>| candidate.path.rsplit('/').next() == Some(name.as_str());
    let named: Vec<&Candidate<'a>> = all.iter().filter(is_named).collect();
    let rank = |candidate: &&Candidate<'a>| -> Result<(u8, bool, usize)> {
        let depth = candidate.path.matches('/').count();
        Ok((unfitness(candidate)?, candidate.file.mode != 0o755, depth))
    };
    let ranks = named.iter().map(rank).collect::<Result<Vec<_>>>()?;
    let Some(least) = ranks.iter().min() else {
        let error = Error::failed(format!("the archive has no file named `{name}`"));
        return Err(similar(error, name.as_str(), all));
    };
    let mut best = named.iter().zip(&ranks).filter(|(_, rank)| *rank == least);
    match (best.next(), best.next()) {
        (Some((one, _)), None) => Ok(one.path),
        _ => Err(Error::failed(format!(
            "the archive has {} files named `{name}`, and none fits better than the others",
            named.len()
        ))
        .hint(format!(
            "name the right one in `extract:`; the files are {}",
            listed(&named)
        ))),
    }
}

fn similar(error: Error, wanted: &str, all: &[Candidate<'_>]) -> Error {
    let mut similar = SimilarNames::new([wanted.rsplit('/').next().unwrap_or(wanted).to_owned()]);
    for candidate in all {
        similar.consider(candidate.path);
    }
    similar.hint(error)
}

fn listed(candidates: &[&Candidate<'_>]) -> String {
    let paths: BTreeSet<String> = candidates.iter().map(|c| format!("`{}`", c.path)).collect();
    let more = paths.len().saturating_sub(LISTED);
    let shown: Vec<String> = paths.into_iter().take(LISTED).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
