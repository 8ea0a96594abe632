//! `list`: the subsystems of a project.

use larder_core::formats::documents::{ListDocument, ListEntry};
use larder_core::model::Origin;
use larder_core::project::{Project, Subsystem};

/// Each subsystem as its recipe describes it.
pub fn document(project: &Project) -> ListDocument {
    ListDocument {
        project: project.name.clone(),
        platforms: project.platforms.clone(),
        subsystems: project.subsystems.values().map(entry).collect(),
    }
}

fn entry(subsystem: &Subsystem) -> ListEntry {
    let mut origins = Vec::new();
    if subsystem.upstream.is_some() {
        origins.push(Origin::Original);
    }
    if subsystem.build.is_some() {
        origins.push(Origin::Build);
    }
    ListEntry {
        name: subsystem.name.clone(),
        version: subsystem.version.clone(),
        description: subsystem.description.clone(),
        homepage: subsystem.homepage.clone(),
        license: subsystem.license.clone(),
        binaries: subsystem
            .binary_names()
            .iter()
            .map(ToString::to_string)
            .collect(),
        platforms: subsystem.platforms.clone(),
        emulate: subsystem.emulate(),
        needs: subsystem.needs.clone(),
        build_needs: subsystem
            .build
            .iter()
            .flat_map(|build| build.needs.clone())
            .collect(),
        origins,
    }
}
