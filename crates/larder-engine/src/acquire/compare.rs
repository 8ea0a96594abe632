//! For `why`: finds an artifact that was made from other inputs than the wanted ones, and compares
//! the inputs.

use larder_core::error::Result;
use larder_core::keys::inputs::{Difference, difference};
use larder_core::model::{Artifact, SourceKind};

use super::Probe;
use super::request::Request;
use super::search::Attempt;

/// An artifact that was made from other inputs than the wanted ones, and what differs.
#[derive(Clone, Debug)]
pub struct OtherArtifact {
    /// Where it is.
    pub place: String,
    /// The artifact.
    pub artifact: Artifact,
    /// What differs; `None` if the fields of its inputs are not known.
    pub differences: Option<Vec<Difference>>,
}

/// Finds an artifact with other inputs in a place where the wanted one was searched: first what is
/// installed, then the hub.
pub fn find_other(request: &Request<'_>, probe: &Probe) -> Result<Option<OtherArtifact>> {
    let Request {
        run,
        target,
        subsystem,
        wanted,
        ..
    } = request;
    let compare =
        |place: String, artifact: Artifact, explanation: Option<Vec<(String, String)>>| {
            // Compare with the wanted inputs of the same origin, or of the other origin if the
            // recipe offers only that.
            let wanted = wanted
                .of(artifact.origin)
                .or(wanted.build.as_ref())
                .or(wanted.original.as_ref());
            let differences = explanation
                .zip(wanted)
                .map(|(found, wanted)| difference(&found, &wanted.explanation()));
            Some(OtherArtifact {
                place,
                artifact,
                differences,
            })
        };
    let differs = |artifact: &Artifact| !wanted.accepts(artifact.origin, &artifact.inputs);
    if let Some(found) = probe.found().cloned().filter(differs) {
        let explanation = run.cache.explanation(&found.inputs);
        return Ok(compare("what is installed".into(), found, explanation));
    }
    let is_managed = |attempt: &Attempt| attempt.source == SourceKind::Managed;
    let was_asked = probe.attempts.iter().any(is_managed);
    let is_chosen = probe.choice() == Some(SourceKind::Managed);
    if !was_asked || is_chosen || probe.stopped().is_some() {
        return Ok(None);
    }
    let names = subsystem.assets(&target.platform);
    let (tag, asset) = (names.tag(), names.asset());
    // If a hub does not answer, there is nothing to compare; the search has already reported the
    // error.
    let found = run.hubs()?.iter().find_map(|hub| {
        let sidecar = hub.reader().sidecar(tag, &asset).ok().flatten()?;
        Some((hub.reader(), sidecar))
    });
    let Some((hub, sidecar)) = found else {
        return Ok(None);
    };
    if !differs(&sidecar.content) || sidecar.content.name != target.name {
        return Ok(None);
    }
    let explanation = (!sidecar.explanation.is_empty()).then_some(sidecar.explanation);
    let explanation = explanation.or_else(|| run.cache.explanation(&sidecar.content.inputs));
    let place = format!("{}/{tag}/{asset}", hub.describe());
    Ok(compare(place, sidecar.content, explanation))
}
