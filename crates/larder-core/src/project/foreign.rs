//! Files of other tools, which `init --from` reads: a text with places, and its tree. The same parser reads larder's own
//! files, so a mistake is shown in the same way.
//!
//! Which keys such a file has is decided by who reads it.

use camino::{Utf8Path, Utf8PathBuf};

use super::syntax::source::read_limited;
use super::syntax::yaml;
use crate::error::{Error, Result};

pub use super::syntax::source::Source;
pub use super::syntax::yaml::{Entry, Kind, Node};

/// Reads a file that is shown as `shown`. `None` if there is no file.
pub fn read(path: &Utf8Path, shown: Utf8PathBuf) -> Result<Option<Source>> {
    let Some((bytes, _)) = read_limited(path)? else {
        return Ok(None);
    };
    let (source, problem) = Source::new(shown, bytes);
    match problem {
        Some(problem) => Err(Error::problems_in("the files to read", vec![problem])),
        None => Ok(Some(source)),
    }
}

/// Parses a YAML file, with merge keys (`<<`), which other tools allow. An empty file is an empty mapping.
pub fn yaml(source: &Source) -> Result<Node> {
    let (tree, problems) = yaml::parse_with_merge_keys(source);
    if !problems.is_empty() {
        return Err(Error::problems_in("the files to read", problems));
    }
    Ok(tree.filter(|node| !node.is_null()).unwrap_or(Node {
        span: 0..0,
        kind: Kind::Map(Vec::new()),
    }))
}
