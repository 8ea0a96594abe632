//! All JSON Schemas: those of the files that users write, and those of what commands print with
//! `--json`. They are generated from the types that read and print, committed in `schema/`, and
//! printed by `larder schema`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::report::{DidLine, FinishedLine, SummaryLine};
use larder_core::formats::documents::{
    AddDocument, CacheDirDocument, ChangelogDocument, CheckDocument, DoctorDocument, EnvDocument,
    FleetChannel, FleetChannelsDocument, FleetEvent, FleetNode, FleetNodesDocument, FleetRollout,
    FleetRolloutsDocument, InitDocument, InitFromDocument, ListDocument, LogLine, OutdatedDocument,
    PlanDocument, PresignDocument, ProofsDocument, PublishChecksDocument, PublishStatusDocument,
    ReleaseStatusDocument, SchemasDocument, SearchDocument, ServicesLine, StatusDocument,
    TasksDocument, WhyDocument,
};
use larder_core::project::schema::{recipe_schema, user_schema, versions_schema};
use larder_engine::cache::{Checked, Pruned, Usage};
use larder_engine::plan::Drawing;
use larder_engine::plan::matrix::Matrix;

/// A schema and what it describes.
pub struct SchemaInfo {
    /// The name in `schema/<name>.schema.json`.
    pub name: &'static str,
    /// What it describes: a file, or what a command prints.
    pub describes: &'static str,
    /// Generates the schema.
    pub schema: fn() -> Value,
}

/// All schemas, in the order in which they are listed.
pub const ALL: &[SchemaInfo] = &[
    info("versions", "versions.yml", versions_schema),
    info("recipe", "subsystems/<name>/recipe.yml", recipe_schema),
    info("config", "your own config.yml", user_schema),
    info(
        "event-finished",
        "a step that ended, of any command that runs steps",
        schema_of::<FinishedLine>,
    ),
    info(
        "event-did",
        "a step of the whole project that ended",
        schema_of::<DidLine>,
    ),
    info(
        "event-summary",
        "the last line of any command that runs steps",
        schema_of::<SummaryLine>,
    ),
    info(
        "status",
        "larder status --json",
        schema_of::<StatusDocument>,
    ),
    info(
        "verify-all",
        "larder verify --all --json",
        schema_of::<ProofsDocument>,
    ),
    info("list", "larder list --json", schema_of::<ListDocument>),
    info("why", "larder why --json", schema_of::<WhyDocument>),
    info("plan", "larder plan --json", schema_of::<PlanDocument>),
    info(
        "outdated",
        "larder outdated --json",
        schema_of::<OutdatedDocument>,
    ),
    info(
        "plan-matrix",
        "larder plan --matrix --json",
        schema_of::<Matrix>,
    ),
    info("graph", "larder graph --json", schema_of::<Drawing>),
    info("check", "larder check --json", schema_of::<CheckDocument>),
    info(
        "release-status",
        "larder release status --json",
        schema_of::<ReleaseStatusDocument>,
    ),
    info(
        "changelog",
        "larder changelog --json",
        schema_of::<ChangelogDocument>,
    ),
    info(
        "publish-validate",
        "larder publish validate --json",
        schema_of::<PublishChecksDocument>,
    ),
    info(
        "publish-status",
        "larder publish status --json",
        schema_of::<PublishStatusDocument>,
    ),
    info("tasks", "larder run --json", schema_of::<TasksDocument>),
    info(
        "services",
        "the line about services of larder up --json and larder down --json",
        schema_of::<ServicesLine>,
    ),
    info(
        "log-line",
        "a line of larder logs --json",
        schema_of::<LogLine>,
    ),
    info("env", "larder env --json", schema_of::<EnvDocument>),
    info(
        "doctor",
        "larder doctor --json",
        schema_of::<DoctorDocument>,
    ),
    info(
        "fleet-nodes",
        "larder fleet nodes --json",
        schema_of::<FleetNodesDocument>,
    ),
    info(
        "fleet-node",
        "larder fleet drain --json, and other commands about one node",
        schema_of::<FleetNode>,
    ),
    info(
        "fleet-channels",
        "larder fleet channels --json",
        schema_of::<FleetChannelsDocument>,
    ),
    info(
        "fleet-channel",
        "larder fleet channel --json",
        schema_of::<FleetChannel>,
    ),
    info(
        "fleet-rollouts",
        "larder fleet rollouts --json",
        schema_of::<FleetRolloutsDocument>,
    ),
    info(
        "fleet-rollout",
        "larder fleet rollout show --json, and other commands about one rollout",
        schema_of::<FleetRollout>,
    ),
    info(
        "fleet-event",
        "a line of larder fleet events --json",
        schema_of::<FleetEvent>,
    ),
    info("add", "larder add --json", schema_of::<AddDocument>),
    info(
        "search",
        "larder search --json",
        schema_of::<SearchDocument>,
    ),
    info(
        "hub-presign",
        "larder hub presign --json",
        schema_of::<PresignDocument>,
    ),
    info("init", "larder init --json", schema_of::<InitDocument>),
    info(
        "init-from",
        "larder init --from FILE --json",
        schema_of::<InitFromDocument>,
    ),
    info(
        "cache-dir",
        "larder cache dir --json",
        schema_of::<CacheDirDocument>,
    ),
    info("cache-size", "larder cache size --json", schema_of::<Usage>),
    info(
        "cache-prune",
        "larder cache prune --json",
        schema_of::<Pruned>,
    ),
    info(
        "cache-verify",
        "larder cache verify --json",
        schema_of::<Checked>,
    ),
    info(
        "schemas",
        "larder schema --json",
        schema_of::<SchemasDocument>,
    ),
];

const fn info(name: &'static str, describes: &'static str, schema: fn() -> Value) -> SchemaInfo {
    SchemaInfo {
        name,
        describes,
        schema,
    }
}

fn schema_of<T: JsonSchema>() -> Value {
    // For serialisation, a field that is always printed is required, even if its value may be null.
    let schema = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>();
    // `to_value` keeps the keys in their usual order.
    serde_json::to_value(schema).unwrap_or_default()
}
