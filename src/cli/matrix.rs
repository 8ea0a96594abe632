//! `larder plan --matrix`: what nobody has released yet, as the matrix of a GitHub Actions job.

use std::process::ExitCode;

use rayon::prelude::*;

use super::Global;
use super::session::Looking;
use crate::report;
use larder_core::error::{Error, Result};
use larder_core::model::Target;
use larder_engine::plan::matrix::matrix;
use larder_engine::plan::{Platforms, Selection};
use larder_engine::steps::standing::{Shelf, Standing, standing};

/// Prints the matrix; with `github` it also becomes the step's outputs `matrix` and `empty`.
pub fn print(
    looking: &Looking,
    selection: &Selection,
    platforms: &Platforms,
    github: bool,
    global: &Global,
) -> Result<ExitCode> {
    let ctx = &looking.ctx;
    let output = github.then(|| global.startup.value("GITHUB_OUTPUT"));
    if output == Some(None) {
        return Err(
            Error::usage("--github writes a step's outputs, and GITHUB_OUTPUT is not set")
                .hint("leave it out elsewhere"),
        );
    }
    let shelf = Shelf::list(ctx)?;
    let mut targets = Vec::new();
    for subsystem in selection.subsystems(&ctx.project) {
        let (there, _) = platforms.of(&ctx.project, subsystem);
        targets.extend(there.into_iter().map(|platform| Target {
            name: subsystem.name.clone(),
            platform,
        }));
    }
    let missing = targets
        .into_par_iter()
        .filter_map(|target| match standing(ctx, &target, &shelf) {
            Ok(Standing::Released(..) | Standing::Draft(..)) => None,
            Ok(Standing::OtherInputs(..) | Standing::Missing) => Some(Ok(target)),
            Err(error) => Some(Err(error)),
        })
        .collect::<Result<Vec<Target>>>()?;
    let matrix = matrix(&ctx.project, &missing);
    for target in &matrix.nowhere {
        report::say(&format!(
            "{target} is missing, and no runner of GitHub Actions can make it"
        ));
    }
    if let Some(Some(path)) = output {
        let json = serde_json::to_string(&matrix)
            .map_err(|e| Error::failed("cannot write the matrix").cause(e))?;
        // GitHub refuses a matrix of no jobs: the job asks `empty` first.
        larder_core::fs::append(
            path,
            format!("matrix={json}\nempty={}\n", matrix.include.is_empty()).as_bytes(),
        )?;
    }
    global.print_json(&matrix)?;
    Ok(ExitCode::SUCCESS)
}
