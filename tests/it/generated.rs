//! What is generated and committed is current. `LARDER_UPDATE_GENERATED=1 cargo test generated` writes it anew.

use std::path::Path;

use crate::env::REPO;

/// Compares a committed file with what it should be, or writes it.
fn current(relative: &str, wanted: &str) {
    let path = Path::new(REPO).join(relative);
    if std::env::var_os("LARDER_UPDATE_GENERATED").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("create folder");
        std::fs::write(&path, wanted).expect("write");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{relative} is not current; run: LARDER_UPDATE_GENERATED=1 cargo test generated");
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("JSON") + "\n"
}

#[test]
fn generated_schemas() {
    current("schema/versions.schema.json", &json(&larder::project::schema::versions_schema()));
    current("schema/recipe.schema.json", &json(&larder::project::schema::recipe_schema()));
}
