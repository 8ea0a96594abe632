//! Another version of a subsystem: what is to be locked for it, and how `versions.yml` comes to pin it.

use camino::Utf8Path;
use rayon::prelude::*;

use crate::acquire::sources::original::Pins;
use crate::context::Context;
use crate::lock_resolve;
use larder_core::error::{Error, Result};
use larder_core::formats::LockLine;
use larder_core::fs;
use larder_core::model::{Name, Target, Version};
use larder_core::project::edit;

/// A subsystem that is to have another version.
#[derive(Clone, Debug)]
pub struct Bump {
    /// Which.
    pub name: Name,
    /// What is pinned now.
    pub from: Version,
    /// What shall be.
    pub to: Version,
}

/// `versions.yml` as it would be with all of these.
pub fn edited(text: &str, bumps: &[Bump]) -> Result<String> {
    bumps.iter().try_fold(text.to_owned(), |text, bump| {
        edit::set_version(&text, &bump.name, &bump.to)
    })
}

/// What the lock lacks of a subsystem at its project's version, for every platform that the project has it for. Nothing is
/// written.
pub fn lock_lines(ctx: &Context, targets: &[Target]) -> Vec<(Target, Result<Vec<LockLine>>)> {
    let lines = |target: &Target| {
        (
            target.clone(),
            ctx.cancel
                .check()
                .and_then(|()| lock_resolve::lines(ctx, target, Pins::Lock)),
        )
    };
    targets.par_iter().map(lines).collect()
}

/// Changes `versions.yml` as it is by now: what came into it meanwhile stays.
pub fn write(root: &Utf8Path, bumps: &[Bump]) -> Result<()> {
    let path = root.join("versions.yml");
    let text = fs::read_text(&path)?;
    let changed = edited(&text, bumps)?;
    if changed == text {
        Ok(())
    } else {
        fs::rewrite(&path, changed.as_bytes())
    }
}

/// It stays as it was: what could not be locked is not pinned.
pub fn given_up(bump: &Bump, because: &Error) -> Error {
    let Bump { name, from, to } = bump;
    Error::new(
        because.kind(),
        format!("{name} stays at {from}: {to} could not be locked for every platform"),
    )
    .hint(format!(
        "versions.yml is as it was; `larder bump {name} {to} --no-lock` changes it all the same"
    ))
}
