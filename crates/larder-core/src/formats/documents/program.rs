//! `schema` and `cache`: larder itself.

use schemars::JsonSchema;
use serde::Serialize;

/// `schema` without a name: what schemas there are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SchemasDocument {
    /// Each schema.
    pub schemas: Vec<SchemaEntry>,
}

/// A JSON Schema.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SchemaEntry {
    /// Its name, for `larder schema <name>`.
    pub name: &'static str,
    /// What it describes: a file, or what a command prints.
    pub describes: &'static str,
}

/// `cache dir`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CacheDirDocument {
    /// The cache's folder.
    pub dir: String,
}
