//! Generated files that are committed must be current. `cargo regenerate` rewrites them.

use std::collections::BTreeSet;
use std::path::Path;

use larder::cli::schemas::SchemaInfo;

use crate::env::REPO;

/// Compares a committed file with its expected content, or rewrites it. One that is current is left
/// alone: a new time would have cargo compile what includes it.
fn assert_current(relative: &str, wanted: impl AsRef<[u8]>) {
    let path = Path::new(REPO).join(relative);
    let is_current = || std::fs::read(&path).is_ok_and(|found| found == wanted.as_ref());
    if std::env::var_os("LARDER_UPDATE_GENERATED").is_some() && !is_current() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("create folder");
        std::fs::write(&path, wanted.as_ref()).expect("write");
    }
    assert!(
        is_current(),
        "{relative} is not current; run: cargo regenerate"
    );
}

/// Fails if the folder has any other file.
fn assert_no_other_files(folder: &str, wanted: &BTreeSet<String>) {
    let found = std::fs::read_dir(Path::new(REPO).join(folder))
        .expect(folder)
        .flatten();
    for name in found.map(|entry| entry.file_name().into_string().expect("UTF-8")) {
        if !wanted.contains(&name) && std::env::var_os("LARDER_UPDATE_GENERATED").is_some() {
            std::fs::remove_file(Path::new(REPO).join(folder).join(&name)).expect("remove");
        } else {
            assert!(
                wanted.contains(&name),
                "{folder}/{name} belongs to nothing any more"
            );
        }
    }
}

#[test]
fn generated_schemas_are_current() {
    let name = |known: &SchemaInfo| format!("{}.schema.json", known.name);
    for known in larder::cli::schemas::ALL {
        assert_current(
            &format!("schema/{}", name(known)),
            format!("{:#}\n", (known.schema)()),
        );
    }
    assert_no_other_files(
        "schema",
        &larder::cli::schemas::ALL.iter().map(name).collect(),
    );
}

#[test]
fn generated_reference_is_current() {
    assert_current(
        "docs/reference.md",
        larder::cli::reference::markdown(&larder::cli::command()),
    );
}

#[test]
fn generated_description_of_the_servers_api_is_current() {
    assert_current("docs/openapi.json", larder_serve::api::openapi());
}

#[test]
fn generated_keys_of_the_files_are_current() {
    assert_current("docs/files.md", larder::cli::files_reference::markdown());
}

#[test]
fn generated_table_of_the_channels_is_current() {
    assert_current(
        "docs/channels.md",
        larder::cli::channels_reference::markdown(),
    );
}

#[test]
fn generated_man_pages_are_current() {
    let pages = larder::cli::reference::man_pages(&larder::cli::command()).expect("man pages");
    assert_no_other_files("man", &pages.iter().map(|(name, _)| name.clone()).collect());
    for (name, page) in pages {
        assert_current(&format!("man/{name}"), page);
    }
}

#[test]
fn generated_code_of_the_fleet_is_current() {
    let proto = Path::new(REPO).join("crates/larder-serve/proto");
    let mut described = protox::Compiler::new([proto]).expect("a folder");
    described
        .include_source_info(true)
        .open_file("larder/fleet/v1/fleet.proto")
        .expect("a valid description");
    let made = tempfile::tempdir().expect("a folder");
    tonic_prost_build::configure()
        .out_dir(made.path())
        .compile_fds(described.file_descriptor_set())
        .expect("code");
    let code = std::fs::read_to_string(made.path().join("larder.fleet.v1.rs")).expect("code");
    assert_current("crates/larder-serve/src/fleet/v1/generated.rs", code);
    // Reflection tells clients the description itself.
    let descriptors = described.encode_file_descriptor_set();
    assert_current("crates/larder-serve/src/fleet/v1/fleet.bin", descriptors);
}
