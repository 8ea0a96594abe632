//! Which files of an archive are wanted, and under which names.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};

use super::{Select, is_flat_name, refused};
use crate::error::{Error, Result};
use crate::model::FileName;

/// Candidates told in an error.
const CANDIDATES: usize = 8;

pub(super) enum Chooser<'a> {
    Flat,
    All,
    Globs { wanted: Vec<Wanted<'a>>, near: Near },
}

pub(super) struct Wanted<'a> {
    pattern: &'a str,
    matcher: GlobMatcher,
    name: &'a FileName,
    files: Vec<String>,
    more: usize,
    links: Vec<(String, String)>,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(select: &Select<'a>) -> Result<Self> {
        let pairs = match select {
            Select::Flat => return Ok(Self::Flat),
            Select::All => return Ok(Self::All),
            Select::Globs(pairs) => *pairs,
        };
        let mut names = BTreeMap::new();
        let mut wanted = Vec::with_capacity(pairs.len());
        for (pattern, name) in pairs {
            let text = pattern.strip_prefix("./").unwrap_or(pattern);
            let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(false).build();
            let matcher = glob.map_err(|e| Error::usage(format!("`{pattern}` is not a glob")).cause(e.kind()))?.compile_matcher();
            if let Some(other) = names.insert(name.as_str().to_lowercase(), pattern) {
                return Err(Error::usage(format!("`{other}` and `{pattern}` are both to be extracted as `{name}`")));
            }
            wanted.push(Wanted { pattern, matcher, name, files: Vec::new(), more: 0, links: Vec::new() });
        }
        let stems = wanted.iter().map(|w| w.name.as_str().to_owned()).collect();
        Ok(Self::Globs { wanted, near: Near { stems, best: Vec::new(), count: 0 } })
    }

    /// The name to extract a regular file under, if it is wanted.
    pub(super) fn file(&mut self, path: &str) -> Result<Option<String>> {
        match self {
            Self::Flat => flat(path).map(Some),
            Self::All => Ok(Some(path.to_owned())),
            Self::Globs { wanted, near } => {
                near.offer(path);
                let mut name: Option<(&str, &FileName)> = None;
                for want in wanted.iter_mut().filter(|want| want.matcher.is_match(path)) {
                    if want.files.len() == CANDIDATES {
                        want.more += 1;
                        continue;
                    }
                    want.files.push(path.to_owned());
                    // A second match is only noted; it is told at the end.
                    if want.files.len() == 1 {
                        if let Some((other, _)) = name {
                            return Err(Error::failed(format!("`{other}` and `{}` both match `{path}`", want.pattern))
                                .hint("make the patterns of `extract:` more particular, so that each names a file of its own"));
                        }
                        name = Some((want.pattern, want.name));
                    }
                }
                Ok(name.map(|(_, name)| name.as_str().to_owned()))
            }
        }
    }

    /// A folder was met.
    pub(super) fn folder(&self, path: &str) -> Result<()> {
        match self {
            Self::Flat if !path.is_empty() => Err(refused(format!("`{path}` is a folder, and a package is flat"))),
            _ => Ok(()),
        }
    }

    /// A link was met.
    pub(super) fn link(&mut self, path: &str, target: &str) -> Result<()> {
        match self {
            Self::Flat => Err(refused(format!("`{path}` is a link, and a package holds regular files only"))),
            Self::All => Ok(()),
            Self::Globs { wanted, .. } => {
                for want in wanted.iter_mut().filter(|w| w.links.len() < CANDIDATES && w.matcher.is_match(path)) {
                    want.links.push((path.to_owned(), target.to_owned()));
                }
                Ok(())
            }
        }
    }

    /// Every pattern met exactly one regular file, or an error that lists candidates.
    pub(super) fn finish(&self) -> Result<()> {
        let Self::Globs { wanted, near } = self else { return Ok(()) };
        for Wanted { pattern, matcher: _, name, files, more, links } in wanted {
            match (files.len(), links.first()) {
                (1, _) => {}
                (0, Some((link, target))) => {
                    return Err(Error::failed(format!("`{pattern}` matches only a link: `{link}` → `{target}`"))
                        .hint(format!("let `extract:` name the file that the link leads to, for `{name}`")));
                }
                (0, None) => {
                    let error = Error::failed(format!("`{pattern}` matches no file of the archive"));
                    return Err(match near.best.as_slice() {
                        [] => error.hint("the archive holds no file at all"),
                        best => error.hint(format!(
                            "{} {}: {}",
                            if near.count > best.len() { "the nearest of its" } else { "its" },
                            if near.count == 1 { "1 file".to_owned() } else { format!("{} files", near.count) },
                            best.iter().map(|(_, path)| format!("`{path}`")).collect::<Vec<_>>().join(", ")
                        )),
                    });
                }
                (n, _) => {
                    let listed = files.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
                    let rest = if *more > 0 { format!(" and {more} more") } else { String::new() };
                    return Err(Error::failed(format!("`{pattern}` matches {} files of the archive, not one", n + more))
                        .hint(format!("make it more particular; it matches {listed}{rest}")));
                }
            }
        }
        Ok(())
    }
}

fn flat(path: &str) -> Result<String> {
    if is_flat_name(path) {
        return Ok(path.to_owned());
    }
    Err(refused(format!("`{path}` is not a name that a package may hold")))
}

/// The files whose names are nearest to what is wanted, for people who read an error.
pub(super) struct Near {
    stems: Vec<String>,
    best: Vec<(f64, String)>,
    count: usize,
}

impl Near {
    fn offer(&mut self, path: &str) {
        self.count += 1;
        let base = path.rsplit('/').next().unwrap_or(path);
        let score = self.stems.iter().map(|stem| strsim::jaro_winkler(stem, base)).fold(0.0, f64::max);
        let place = self.best.partition_point(|(s, _)| *s >= score);
        if place < CANDIDATES {
            self.best.insert(place, (score, path.to_owned()));
            self.best.truncate(CANDIDATES);
        }
    }
}
