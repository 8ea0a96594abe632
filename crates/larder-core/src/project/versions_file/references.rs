//! References to subsystems in `versions.yml`, collected before the recipes are read.

use crate::model::Name;
use crate::project::syntax::decode::At;

/// A reference to a subsystem by its name.
pub struct Reference {
    pub name: At<Name>,
    /// Whether the word `all` is allowed in its place.
    pub or_all: bool,
}
