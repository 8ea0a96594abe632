//! Commands that do one thing to each selected cell, in parallel, cells independent of each other.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use rayon::prelude::*;

use super::session::Session;
use crate::error::{Error, Result};
use crate::model::{Action, Cell, Event, Finished, Outcome, Version};
use crate::plan::{Platforms, Selection};

/// What a step came to.
#[derive(Debug, Default)]
pub struct Told {
    /// Bytes written or sent.
    pub bytes: u64,
    /// Where to.
    pub place: Option<String>,
    /// What there is to say.
    pub reason: Option<String>,
}

/// Does one thing to each selected cell, told under `action`; a failure does not keep the others from being tried.
pub fn each(
    session: Session,
    action: Action,
    names: &[String],
    platforms: &Platforms,
    step: impl Fn(&Cell) -> Result<(Outcome, Told)> + Sync,
) -> Result<ExitCode> {
    let ctx = &session.ctx;
    let selection = Selection::parse(&ctx.project, names)?;
    let mut cells = Vec::new();
    let mut absent = Vec::new();
    for subsystem in selection.subsystems(&ctx.project) {
        let (there, missing) = platforms.of(&ctx.project, subsystem);
        let cell = |platform| (Cell { name: subsystem.name.clone(), platform }, subsystem.version.clone());
        cells.extend(there.into_iter().map(cell));
        absent.extend(missing.into_iter().map(cell));
    }
    for (cell, version) in &absent {
        let mut told = Finished::new(action, cell.clone(), version.clone(), Outcome::Skipped);
        told.reason = Some(format!("`{}` does not exist for {}", cell.name, cell.platform));
        ctx.events.send(Event::Finished(told));
    }
    Ok(each_cell(session, action, &cells, step))
}

/// The same for these cells.
pub fn each_cell(
    session: Session,
    action: Action,
    cells: &[(Cell, Version)],
    step: impl Fn(&Cell) -> Result<(Outcome, Told)> + Sync,
) -> ExitCode {
    let ctx = &session.ctx;
    session.begin(action, cells.len());
    let errors: Vec<Error> = cells
        .par_iter()
        .filter_map(|(cell, version)| {
            let start = Instant::now();
            let result = ctx.cancel.check().and_then(|()| step(cell));
            let mut told = Finished::new(action, cell.clone(), version.clone(), Outcome::Skipped);
            told.seconds = start.elapsed().as_secs_f64();
            let error = match result {
                Ok((outcome, Told { bytes, place, reason })) => {
                    (told.outcome, told.bytes, told.place, told.reason) = (outcome, bytes, place, reason);
                    None
                }
                Err(error) => {
                    told.outcome = Outcome::Failed;
                    told.error = Some(error.clone());
                    Some(error)
                }
            };
            ctx.events.send(Event::Finished(told));
            error
        })
        .collect();
    session.end(&BTreeMap::new(), &errors)
}
