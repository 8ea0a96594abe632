//! `status`: compares what is wanted with what is installed.

use rayon::prelude::*;

use crate::acquire;
use crate::context::Context;
use crate::plan::{Selected, Targets};
use larder_core::error::Error;
use larder_core::formats::documents::{StatusDocument, StatusEntry};

/// The status of some targets. Also returns an error for every target whose status can't be determined.
pub fn document(ctx: &Context, targets: &Targets) -> (StatusDocument, Vec<Error>) {
    let requested: Vec<&Selected> = targets.iter().collect();
    let results: Vec<(StatusEntry, Option<Error>)> = requested
        .into_par_iter()
        .map(|requested| entry(ctx, requested))
        .collect();
    let (entries, errors): (Vec<_>, Vec<_>) = results.into_iter().unzip();
    let document = StatusDocument {
        project: ctx.project.name.clone(),
        root: ctx.project.root.to_string(),
        fresh: entries.iter().all(|entry| entry.fresh),
        subsystems: entries,
    };
    (document, errors.into_iter().flatten().collect())
}

fn entry(ctx: &Context, requested: &Selected) -> (StatusEntry, Option<Error>) {
    let Selected {
        target,
        version,
        absent,
    } = requested;
    let mut entry = StatusEntry {
        name: target.name.clone(),
        platform: target.platform,
        wanted: version.clone(),
        installed: None,
        source: None,
        origin: None,
        emulated: None,
        fresh: false,
        reason: None,
        artifact: None,
        inputs: None,
        commit: None,
        executor: None,
        signed: None,
    };
    if absent.is_some() {
        entry.reason = Some(format!("does not exist for {}", target.platform));
        return (entry, None);
    }
    let probe = match acquire::inspect(ctx, target) {
        Ok(probe) => probe,
        Err(error) => {
            entry.reason = Some(error.to_string());
            return (
                entry,
                Some(error.context(format!("can't determine the status of {target}"))),
            );
        }
    };
    entry.signed = probe.signed(ctx);
    entry.fresh = probe.stale().is_none();
    entry.reason = probe.stale().map(|stale| stale.reason.clone());
    if let Some(found) = probe.found() {
        let digest = found.digest();
        let record = ctx
            .state
            .target(target.name.as_str(), &target.platform.to_string());
        entry.source = record
            .filter(|record| record.artifact == digest)
            .and_then(|record| record.source);
        entry.installed = Some(found.version.clone());
        entry.origin = Some(found.origin);
        entry.emulated = found.emulated;
        entry.artifact = Some(digest);
        entry.inputs = Some(found.inputs);
        entry.commit.clone_from(&found.commit);
        entry.executor = ctx.cache.executor_of(found);
    }
    (entry, None)
}
