//! The documents that commands print under `--json`: one object each on stdout, their schemas committed under `schema/`.
//!
//! Only their shapes, in the domain's words; what fills them is the business of who knows. A field is never removed and
//! never changes its meaning; new ones may come.

mod decision;
mod installed;
mod program;
mod project;
mod publisher;
mod release;

pub use decision::{
    ComparedEntry, Decision, DifferenceEntry, FieldEntry, InputsEntry, InstalledEntry,
    PlanDocument, PlanStep, SourceEntry, WhyDocument,
};
pub use installed::{EnvDocument, StatusDocument, StatusEntry};
pub use program::{CacheDirDocument, SchemaEntry, SchemasDocument};
pub use project::{
    CheckDocument, InitDocument, ListDocument, ListEntry, ProblemEntry, TaskEntry, TasksDocument,
};
pub use publisher::{AddDocument, Age, OutdatedDocument, OutdatedEntry};
pub use release::{ReleaseStatusDocument, ReleaseStatusEntry};
