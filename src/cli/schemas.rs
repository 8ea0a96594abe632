//! Every JSON Schema there is: of the files that users write, and of what commands print under `--json`. All of it comes
//! from the types that read and print; committed under `schema/`, printed by `larder schema`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::report::{DidLine, FinishedLine, SummaryLine};
use larder_core::formats::documents::{
    AddDocument, CacheDirDocument, CheckDocument, EnvDocument, InitDocument, ListDocument,
    OutdatedDocument, PlanDocument, ReleaseStatusDocument, SchemasDocument, StatusDocument,
    TasksDocument, WhyDocument,
};
use larder_core::project::schema::{recipe_schema, user_schema, versions_schema};
use larder_engine::cache::{Checked, Pruned, Usage};
use larder_engine::plan::Drawing;
use larder_engine::plan::matrix::Matrix;

/// A schema.
pub struct Described {
    /// Its name: `schema/<name>.schema.json`.
    pub name: &'static str,
    /// What it describes: a file, or what a command prints.
    pub of: &'static str,
    /// Makes it.
    pub schema: fn() -> Value,
}

/// All of them, in the order in which they are listed.
pub const ALL: &[Described] = &[
    described("versions", "versions.yml", versions_schema),
    described("recipe", "subsystems/<name>/recipe.yml", recipe_schema),
    described("config", "your own config.yml", user_schema),
    described(
        "event-finished",
        "a step that ended, of any command that runs steps",
        of::<FinishedLine>,
    ),
    described(
        "event-did",
        "a step of the whole project that ended",
        of::<DidLine>,
    ),
    described(
        "event-summary",
        "the last line of any command that runs steps",
        of::<SummaryLine>,
    ),
    described("status", "larder status --json", of::<StatusDocument>),
    described("list", "larder list --json", of::<ListDocument>),
    described("why", "larder why --json", of::<WhyDocument>),
    described("plan", "larder plan --json", of::<PlanDocument>),
    described("outdated", "larder outdated --json", of::<OutdatedDocument>),
    described("plan-matrix", "larder plan --matrix --json", of::<Matrix>),
    described("graph", "larder graph --json", of::<Drawing>),
    described("check", "larder check --json", of::<CheckDocument>),
    described(
        "release-status",
        "larder release status --json",
        of::<ReleaseStatusDocument>,
    ),
    described("tasks", "larder run --json", of::<TasksDocument>),
    described("env", "larder env --json", of::<EnvDocument>),
    described("add", "larder add --json", of::<AddDocument>),
    described("init", "larder init --json", of::<InitDocument>),
    described(
        "cache-dir",
        "larder cache dir --json",
        of::<CacheDirDocument>,
    ),
    described("cache-size", "larder cache size --json", of::<Usage>),
    described("cache-prune", "larder cache prune --json", of::<Pruned>),
    described("cache-verify", "larder cache verify --json", of::<Checked>),
    described("schemas", "larder schema --json", of::<SchemasDocument>),
];

const fn described(name: &'static str, of: &'static str, schema: fn() -> Value) -> Described {
    Described { name, of, schema }
}

fn of<T: JsonSchema>() -> Value {
    // As it is printed: what is always there is required, also where it may be null.
    let schema = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>();
    // A schema is a JSON value already; this way its keys come in their usual order.
    serde_json::to_value(schema).unwrap_or_default()
}
