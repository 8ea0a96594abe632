//! `why`: explains the decision about one subsystem on one platform.

use super::plan::decision;
use crate::acquire::compare::{self, OtherArtifact};
use crate::acquire::request::Request;
use crate::acquire::search::Attempt;
use crate::acquire::{self, Probe};
use crate::context::Context;
use crate::plan::{Platforms, Selected, Selection, Targets};
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{
    ComparedEntry, DifferenceEntry, FieldEntry, InputsEntry, InstalledEntry, SourceEntry,
    WhyDocument,
};
use larder_core::keys::Inputs;
use larder_core::keys::inputs::Difference;
use larder_core::model::{Origin, Platform, Target};

/// The explanation, and the error that stopped the search for sources, if there was one.
pub fn document(
    ctx: &Context,
    name: &str,
    platform: Platform,
) -> Result<(WhyDocument, Option<Error>)> {
    let target = target(ctx, name, platform)?;
    let request = Request::new(ctx, &target)?;
    let probe = acquire::probe(ctx, &target)?;
    let other = compare::find_other(&request, &probe)?;
    Ok((explain(&request, &probe, other), probe.stopped().cloned()))
}

/// The target to explain.
fn target(ctx: &Context, name: &str, platform: Platform) -> Result<Target> {
    let selection = Selection::parse(&ctx.project, &[name.to_owned()])?;
    if selection == Selection::All {
        return Err(Error::usage("`why` explains one subsystem")
            .hint("`larder plan` shows the decisions for all of them"));
    }
    let platforms = Platforms::List(vec![platform]);
    let targets = Targets::new(&ctx.project, &selection, &platforms);
    match targets.into_iter().next() {
        Some(Selected {
            absent: Some(reason),
            ..
        }) => Err(Error::usage(reason)),
        Some(Selected { target, .. }) => Ok(target),
        // Unreachable: an unknown name was refused above.
        None => Err(Error::usage(format!("no subsystem is called `{name}`"))),
    }
}

fn explain(request: &Request<'_>, probe: &Probe, other: Option<OtherArtifact>) -> WhyDocument {
    let Request {
        target,
        subsystem,
        wanted,
        ..
    } = request;
    let inputs = |origin: Origin, inputs: &Inputs| InputsEntry {
        origin,
        inputs: inputs.digest,
        fields: inputs
            .explanation()
            .into_iter()
            .map(|(field, value)| FieldEntry { field, value })
            .collect(),
    };
    WhyDocument {
        name: target.name.clone(),
        version: subsystem.version.clone(),
        platform: target.platform,
        decision: decision(probe),
        reason: probe.stale().map(|stale| stale.reason.clone()),
        installed: probe.found().map(|found| InstalledEntry {
            version: found.version.clone(),
            origin: found.origin,
            emulated: found.emulated,
            inputs: found.inputs,
            artifact: found.digest(),
            accepted: wanted.accepts(found.origin, &found.inputs),
            executor: request.run.cache.executor_of(found),
        }),
        signed: probe.signed(request.run),
        wanted: [Origin::Original, Origin::Build]
            .into_iter()
            .filter_map(|origin| Some(inputs(origin, wanted.of(origin)?)))
            .collect(),
        sources: sources(probe),
        compared: other.map(compared),
    }
}

/// The sources in the order in which they were asked, up to the one that has the artifact, with their answers.
pub(crate) fn sources(probe: &Probe) -> Vec<SourceEntry> {
    let entry = |attempt: &Attempt| SourceEntry {
        source: attempt.source,
        chosen: probe.choice() == Some(attempt.source),
        answer: attempt.answer.clone(),
    };
    probe.attempts.iter().map(entry).collect()
}

fn compared(other: OtherArtifact) -> ComparedEntry {
    let OtherArtifact {
        place,
        artifact,
        differences,
    } = other;
    let difference = |difference: Difference| {
        let Difference {
            field,
            found,
            wanted,
        } = difference;
        DifferenceEntry {
            field,
            found,
            wanted,
        }
    };
    ComparedEntry {
        place,
        origin: artifact.origin,
        inputs: artifact.inputs,
        known: differences.is_some(),
        differences: differences
            .unwrap_or_default()
            .into_iter()
            .map(difference)
            .collect(),
    }
}
