//! `outdated`: which pinned versions are not the newest.

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{Age, OutdatedDocument, OutdatedEntry};
use larder_core::project::{Project, Subsystem};
use larder_remote::origin::{Newest, Publishers, VersionLookup};

use crate::plan::Selection;

/// Asks for the newest version of each selected subsystem. A publisher that could not be asked is an entry in the document
/// and one of the returned errors.
pub fn document(
    project: &Project,
    selection: &Selection,
    pre: bool,
    publishers: Publishers<'_>,
    cancel: &Cancel,
) -> Result<(OutdatedDocument, Vec<Error>)> {
    let subsystems = selection.subsystems(project);
    let answers = VersionLookup::new(publishers, cancel).all(&subsystems, pre);
    cancel.check()?;
    let entries: Vec<OutdatedEntry> = subsystems
        .iter()
        .zip(&answers)
        .map(|(subsystem, answer)| entry(subsystem, answer))
        .collect();
    let document = OutdatedDocument {
        project: project.name.clone(),
        outdated: entries
            .iter()
            .filter(|entry| entry.state == Age::Outdated)
            .count(),
        subsystems: entries,
    };
    Ok((
        document,
        answers.into_iter().filter_map(Result::err).collect(),
    ))
}

fn entry(subsystem: &Subsystem, answer: &Result<Newest>) -> OutdatedEntry {
    let current = subsystem.version.clone();
    let mut entry = OutdatedEntry {
        name: subsystem.name.clone(),
        current,
        newest: None,
        state: Age::Unknown,
        asked: None,
        note: None,
    };
    match answer {
        Ok(Newest::Known { version, asked }) => {
            entry.state = if entry.current.is_older_than(version) {
                Age::Outdated
            } else {
                Age::Newest
            };
            if entry.state == Age::Newest && *version != entry.current {
                entry.note = Some("the pinned version is newer than the announced one".to_owned());
            }
            (entry.newest, entry.asked) = (Some(version.clone()), Some(asked.clone()));
        }
        Ok(Newest::Unknown(why)) => entry.note = Some(why.clone()),
        Err(error) => {
            (entry.state, entry.note) = (Age::Unavailable, Some(error.to_string()));
        }
    }
    entry
}
