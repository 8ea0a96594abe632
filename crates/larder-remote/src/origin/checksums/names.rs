//! Which lines of a checksums file are about an asset.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;

use super::Asset;
use super::lines::{Entry, disagree};

/// The lines about an asset.
pub(super) enum Choice<'e> {
    /// No line has the asset's file name.
    None,
    Lines(Vec<&'e Entry>),
    /// The paths of different files with that name, of which none is known to be the asset.
    Several(Vec<&'e str>),
}

/// How well the path of a line matches the url of an asset, from worst to best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    /// The file names are equal, and this many components at the end of the paths.
    Partly(usize),
    /// The line has no folders.
    Name,
    /// The whole path of the line is the end of the url.
    Path(usize),
}

/// Chooses the lines that match best.
pub(super) fn choose<'e>(entries: &'e [Entry], asset: Asset<'_>) -> Choice<'e> {
    let named: Vec<(Match, &str, &Entry)> = entries
        .iter()
        .filter_map(|entry| {
            let name = entry.name.as_deref()?;
            Some((matches(name, asset)?, name, entry))
        })
        .collect();
    let Some(best) = named.iter().map(|(how, ..)| *how).max() else {
        return Choice::None;
    };
    let best: Vec<_> = named.into_iter().filter(|(how, ..)| *how == best).collect();
    if best.iter().all(|(how, ..)| matches!(how, Match::Partly(_))) {
        let paths: BTreeSet<Vec<&str>> = best.iter().map(|(_, name, _)| components(name)).collect();
        let entries = best.iter().map(|(_, _, entry)| *entry);
        if paths.len() > 1 && disagree(entries) {
            return Choice::Several(best.into_iter().map(|(_, name, _)| name).collect());
        }
    }
    Choice::Lines(best.into_iter().map(|(.., entry)| entry).collect())
}

/// How a listed path matches; `None` if its file name is another.
fn matches(listed: &str, asset: Asset<'_>) -> Option<Match> {
    let listed = components(listed);
    let wanted = asset.folders.iter().map(String::as_str).chain([asset.name]);
    let same = |listed: &str, wanted: &str| {
        listed == wanted
            || percent_decode_str(listed)
                .decode_utf8()
                .is_ok_and(|d| d == wanted)
    };
    let equal = listed
        .iter()
        .rev()
        .zip(wanted.rev())
        .take_while(|(listed, wanted)| same(listed, wanted))
        .count();
    match equal {
        0 => None,
        1 if listed.len() == 1 => Some(Match::Name),
        n if n == listed.len() => Some(Match::Path(n)),
        n => Some(Match::Partly(n)),
    }
}

/// The parts of a path of any system, without those that mean nothing.
fn components(path: &str) -> Vec<&str> {
    path.split(['/', '\\'])
        .filter(|part| !part.is_empty() && *part != ".")
        .collect()
}

/// The words in the name of a checksums file, in lower case.
pub(super) fn file_words(name: &str) -> impl Iterator<Item = String> {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_ascii_lowercase)
}

/// Whether a file name has the ending of an archive or a compressed file.
pub(super) fn is_packed_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".gz", ".bz2", ".xz", ".zst", ".zip",
        ".7z",
    ]
    .iter()
    .any(|ending| name.ends_with(ending))
}
