//! The documents that commands print under `--json`: one object each on stdout. Their schemas are
//! committed under `schema/`.
//!
//! This module only has the types; other modules fill them. A field is never removed and never
//! changes its meaning; new fields can be added.

mod changelog;
mod decision;
mod doctor;
mod fleet;
mod hub;
mod init_from;
mod installed;
mod program;
mod project;
mod publish;
mod publisher;
mod release;
mod services;

pub use changelog::{
    ChangeEntry, ChangeGroup, ChangeKind, ChangelogBasis, ChangelogDocument, UpstreamPages,
};
pub use decision::{
    ComparedEntry, Decision, DifferenceEntry, FieldEntry, InputsEntry, InstalledEntry,
    PlanDocument, PlanStep, SourceEntry, WhyDocument,
};
pub use doctor::{DoctorCheck, DoctorDocument};
pub use fleet::{
    FleetChannel, FleetChannelsDocument, FleetEvent, FleetHalt, FleetMember, FleetNode,
    FleetNodesDocument, FleetRollout, FleetRolloutsDocument, FleetRunning,
};
pub use hub::{PresignDocument, PresignEntry};
pub use init_from::{
    InitFromDocument, InitFromFile, InitFromLeft, InitFromReplaced, InitFromSource, InitFromTask,
    InitFromTool, InitFromToolState,
};
pub use installed::{
    EnvDocument, ProofEntry, ProofState, ProofsDocument, StatusDocument, StatusEntry,
};
pub use program::{CacheDirDocument, SchemaEntry, SchemasDocument};
pub use project::{
    CheckDocument, InitDocument, ListDocument, ListEntry, ProblemEntry, TaskEntry, TasksDocument,
};
pub use publish::{
    CheckResult, PublishCheck, PublishChecksDocument, PublishChecksEntry, PublishResult,
    PublishState, PublishStatusChannel, PublishStatusDocument, PublishStatusEntry,
};
pub use publisher::{
    AddDocument, Age, OutdatedDocument, OutdatedEntry, SearchDocument, SearchEntry,
};
pub use release::{ReleaseStatusDocument, ReleaseStatusEntry};
pub use services::{LogLine, ServiceEntry, ServicesLine};
