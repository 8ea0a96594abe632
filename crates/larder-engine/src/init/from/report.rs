//! The document of `init --from`: what was moved, what larder does itself, and what is left.

use larder_core::formats::documents::{
    InitFromDocument, InitFromFile, InitFromLeft, InitFromReplaced, InitFromSource, InitFromTask,
    InitFromTool, InitFromToolState,
};

use super::found::{Found, Left, Place, Replaced};
use super::resolve::{Resolved, Unresolved};
use super::{FileKind, Tool};

/// A tool and what became of it.
pub(super) type Outcome = (Tool, Result<Resolved, Unresolved>);

fn at(place: &Place) -> (String, usize) {
    (place.file.to_string(), place.line)
}

/// The entry of a tool.
pub(super) fn tool(outcome: &Outcome, moved: bool, offline: bool) -> InitFromTool {
    let (tool, outcome) = outcome;
    let (file, line) = at(&tool.place);
    match outcome {
        Ok(resolved) => InitFromTool {
            name: tool.name.clone(),
            version: resolved.version.to_string(),
            file,
            line,
            source: resolved.from.clone(),
            state: if moved {
                InitFromToolState::Moved
            } else {
                InitFromToolState::Left
            },
            note: resolved.note.clone(),
            error: None,
            next: None,
        },
        Err(Unresolved { error, next }) => InitFromTool {
            name: tool.name.clone(),
            version: tool.version.to_string(),
            file,
            line,
            source: None,
            state: if offline {
                InitFromToolState::Left
            } else {
                InitFromToolState::Failed
            },
            note: None,
            error: Some(error.to_string()),
            next: Some(next.clone()),
        },
    }
}

/// The document, without what is known only after writing.
pub(super) fn document(
    sources: &[(String, FileKind)],
    tools: Vec<InitFromTool>,
    found: &Found,
    files: Vec<(String, String)>,
) -> InitFromDocument {
    InitFromDocument {
        from: sources
            .iter()
            .map(|(file, kind)| InitFromSource {
                file: file.clone(),
                kind: kind.as_str().to_owned(),
            })
            .collect(),
        tools,
        tasks: found
            .tasks
            .iter()
            .map(|task| {
                let (file, line) = at(&task.place);
                InitFromTask {
                    name: task.name.clone(),
                    file,
                    line,
                }
            })
            .collect(),
        replaced: found
            .replaced
            .iter()
            .map(|Replaced { place, what, by }| {
                let (file, line) = at(place);
                InitFromReplaced {
                    file,
                    line,
                    what: what.clone(),
                    by: by.clone(),
                }
            })
            .collect(),
        left: found
            .left
            .iter()
            .map(
                |Left {
                     place,
                     what,
                     why,
                     next,
                 }| InitFromLeft {
                    file: place.file.to_string(),
                    line: place.line,
                    column: place.column,
                    what: what.clone(),
                    why: why.clone(),
                    next: next.clone(),
                },
            )
            .collect(),
        files: files
            .into_iter()
            .map(|(path, text)| InitFromFile { path, text })
            .collect(),
        written: Vec::new(),
        extended: Vec::new(),
        kept: Vec::new(),
    }
}
