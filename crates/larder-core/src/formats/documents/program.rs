//! `schema` and `cache`: larder itself, independent of a project.

use schemars::JsonSchema;
use serde::Serialize;

/// `schema` without a name: the list of schemas.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SchemasDocument {
    /// All schemas.
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

/// `cache dir`: where the cache is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CacheDirDocument {
    /// The cache's folder.
    pub dir: String,
}
