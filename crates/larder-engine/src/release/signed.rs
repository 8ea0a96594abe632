//! Signatures of a release: who signs, and that nothing is released that nobody would accept.

use super::package::Packaged;
use crate::context::Context;
use crate::trust;
use crate::trust::signing::{HandedOver, Signer};
use larder_core::error::Result;
use larder_core::model::{Proof, Target};
use larder_remote::hub::{Described, SidecarSigner};

/// The signature that was handed over with a package.
pub(super) fn handed_over<'a>(
    ctx: &'a Context,
    target: &Target,
    proof: Proof,
) -> Result<HandedOver<'a>> {
    Ok(HandedOver {
        proof,
        trust: &ctx.project.trust,
        version: ctx.subsystem(target)?.version.clone(),
    })
}

/// Who signs: the key of this machine, or else whoever signed the package before.
pub(super) fn choose<'a>(
    own: Option<&'a Signer<'_>>,
    handed_over: Option<&'a HandedOver<'_>>,
) -> Option<&'a dyn SidecarSigner> {
    match (own, handed_over) {
        (Some(own), _) => Some(own),
        (None, Some(given)) => Some(given),
        (None, None) => None,
    }
}

/// Refuses to release without a signature what nobody would accept then, unless the hub has it with
/// a good one already. What this machine built is used here, and satisfies nobody else.
pub(super) fn require(ctx: &Context, target: &Target, packaged: &Packaged) -> Result<()> {
    let config = &ctx.project.trust;
    if !config.needs_signature {
        return Ok(());
    }
    let Packaged { asset, sidecar, .. } = packaged;
    let (hub, names) = (ctx.hub()?, ctx.subsystem(target)?.assets(&target.platform));
    let content = &sidecar.content;
    for name in [asset.clone(), names.suffixed_asset(&content.inputs)] {
        if let Some(Described { sidecar, text }) = hub.described(names.tag(), &name)?
            && sidecar.content == *content
        {
            let proof = hub.proof(names.tag(), &name, &text)?;
            return trust::judge(config, content, Some(&sidecar.sha256), proof.as_ref()).map(drop);
        }
    }
    trust::judge(config, content, None, None)
        .map(drop)
        .map_err(|error| {
            error
            .context(format!("{target} can't be released without a signature"))
            .hint("`--sign` signs it with the key in LARDER_SIGNING_KEY or LARDER_SIGNING_KEY_FILE")
        })
}
