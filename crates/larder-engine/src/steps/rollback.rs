//! Back to the set that was installed before.

use crate::acquire::hold;
use crate::context::Context;
use larder_core::error::{Error, Result};
use larder_core::model::{Artifact, Target};

/// Installs the previous set of a target again; the present one becomes the previous.
pub fn rollback(ctx: &Context, target: &Target) -> Result<Artifact> {
    let held = hold(ctx, target)?;
    held.bin.rollback()?.ok_or_else(|| {
        Error::failed(format!("there is nothing to go back to for {target}"))
            .hint("only the set that was installed before the present one is kept")
            .hint(format!(
                "for another version, set it in versions.yml and run `larder ensure {}`",
                target.name
            ))
    })
}
