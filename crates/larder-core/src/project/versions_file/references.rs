//! Subsystems that `versions.yml` names before it is known which there are.

use crate::model::Name;
use crate::project::syntax::decode::At;

/// A subsystem that is named.
pub struct Reference {
    pub name: At<Name>,
    /// `all` could stand here, too.
    pub or_all: bool,
}
