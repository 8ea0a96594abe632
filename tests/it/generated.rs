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

#[test]
fn generated_event_schemas() {
    for (name, schema) in larder::cli::reference::event_schemas() {
        current(&format!("schema/{name}"), &json(&schema));
    }
}

#[test]
fn generated_reference() {
    current("docs/reference.md", &larder::cli::reference::markdown(&larder::cli::command()));
}

#[test]
fn generated_man_pages() {
    let pages = larder::cli::reference::man_pages(&larder::cli::command()).expect("man pages");
    let wanted: std::collections::BTreeSet<String> = pages.iter().map(|(name, _)| name.clone()).collect();
    for (name, page) in pages {
        current(&format!("man/{name}"), &String::from_utf8(page).expect("UTF-8"));
    }
    let found = std::fs::read_dir(Path::new(REPO).join("man")).expect("man").flatten();
    for name in found.map(|entry| entry.file_name().into_string().expect("UTF-8")) {
        if !wanted.contains(&name) && std::env::var_os("LARDER_UPDATE_GENERATED").is_some() {
            std::fs::remove_file(Path::new(REPO).join("man").join(&name)).expect("remove");
        } else {
            assert!(wanted.contains(&name), "man/{name} belongs to no command any more");
        }
    }
}
