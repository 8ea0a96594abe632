//! What is known of an asset of the hub before its bytes are read: its sidecar, the signature of it,
//! and whether it would be admitted by those.

use std::collections::BTreeSet;

use larder_core::error::Result;
use larder_core::formats::{PinKind, Sidecar};
use larder_core::model::{AssetName, Proof, Tag};
use larder_remote::hub::Described;

use crate::acquire::admission::{self, Admitted, Candidate, Evidence, Refusal};
use crate::acquire::request::Request;

/// The signature of an asset's sidecar, if the project asks for signatures. `sidecar` is its text if
/// that was read already.
pub(super) fn proof_of(
    request: &Request<'_>,
    tag: &Tag,
    asset: &AssetName,
    sidecar: Option<&str>,
) -> Result<Option<Proof>> {
    if !request.run.project.trust.needs_signature {
        return Ok(None);
    }
    let hub = request.hub()?;
    match sidecar {
        Some(text) => hub.proof(tag, asset, text),
        None => match hub.described(tag, asset)? {
            Some(Described { text, .. }) => hub.proof(tag, asset, &text),
            None => Ok(None),
        },
    }
}

/// Decides by its sidecar, and its signature, whether an asset would be admitted.
pub fn admit_sidecar(
    request: &Request<'_>,
    tag: &Tag,
    asset: &AssetName,
    described: &Described,
) -> Result<Result<Admitted, Refusal>> {
    let proof = proof_of(request, tag, asset, Some(&described.text))?;
    admit_described(request, &described.sidecar, proof.as_ref())
}

pub(super) fn admit_described(
    request: &Request<'_>,
    sidecar: &Sidecar,
    proof: Option<&Proof>,
) -> Result<Result<Admitted, Refusal>> {
    let candidate = Candidate {
        artifact: &sidecar.content,
        file: Some((PinKind::Asset, sidecar.sha256)),
        places: &BTreeSet::from([request.hub()?.id()]),
        evidence: Evidence::Released(proof),
    };
    Ok(admission::admit(request, candidate))
}

/// Refuses an asset that nobody vouches for, as taking it would.
pub(super) fn admit_signed(
    request: &Request<'_>,
    tag: &Tag,
    asset: &AssetName,
    described: &Described,
) -> Result<()> {
    match admit_sidecar(request, tag, asset, described)? {
        Err(Refusal::Unsigned(error)) => {
            let place = request.hub()?.place(tag, asset);
            Err(error.context(format!("{place} can't be used")))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}
