//! The hubs of a project that reads several are asked one after the other, as the sources are: what
//! an answer of one means for the next follows the same [`policy`]. A project with one hub asks that
//! one, and nothing here decides anything.

use larder_core::error::{Error, Result};
use larder_core::formats::PinKind;

use crate::acquire::availability::Availability;
use crate::acquire::policy::{self, Then};
use crate::acquire::request::Request;
use crate::events::Level;

/// Asks the project's hubs in order until one has it or an answer ends the search. A hub that gave
/// no answer may have it, so the next one counts only for bytes that the lock pins.
pub fn ask<T>(
    request: &Request<'_>,
    mut ask_one: impl FnMut(&Request<'_>) -> Result<Availability<T>>,
) -> Result<Availability<T>> {
    let hubs = request.run.hubs()?;
    if hubs.len() < 2 {
        return ask_one(request);
    }
    let mut unavailable: Option<Error> = None;
    let mut reasons = Vec::new();
    for (at, hub) in hubs.iter().enumerate() {
        let mut request = request.of_hub(at);
        request.only_pinned = unavailable.is_some();
        let name = hub.reader().describe();
        if let Some(error) = &unavailable
            && !is_pinned(&request)
        {
            return Err(error.clone().hint(format!(
                "the next hub, {name}, is not asked: versions.lock does not pin the bytes, and the hub before it gave no answer"
            )));
        }
        match ask_one(&request) {
            Ok(Availability::Absent(reason)) if reason.starts_with(&name) => reasons.push(reason),
            Ok(Availability::Absent(reason)) => reasons.push(format!("{name}: {reason}")),
            Ok(found) => return Ok(found),
            Err(error) if policy::after(error.kind()) == Then::NextIfPinned => {
                if unavailable.is_none() && at + 1 < hubs.len() {
                    let text = format!("{name}: {error}");
                    let events = &request.run.events;
                    events.note(Some(request.target), Level::Warning, text);
                }
                unavailable.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match unavailable {
        Some(error) => Err(error),
        None => Ok(Availability::Absent(reasons.join("; "))),
    }
}

/// Whether the lock pins the bytes of an asset of accepted inputs.
fn is_pinned(request: &Request<'_>) -> bool {
    let mut origins = request.origins().into_iter();
    origins.any(|origin| request.pin(origin, PinKind::Asset).is_some())
}
