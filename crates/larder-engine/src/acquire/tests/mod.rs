//! The rules of acquiring one target, on a project in a temporary folder, with a hub in memory.

mod freshness;
#[cfg(unix)]
mod memory_executor;
#[cfg(unix)]
mod remote;
mod search;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::cancel::Cancel;
use larder_core::fs;
use larder_core::model::{Platform, Target};
use larder_core::project::Project;
use larder_core::project::user::UserConfig;
use larder_remote::hub::{Hub, MemoryHub};

use crate::context::{Context, Options};
use crate::events::Events;
use crate::settings::Settings;

/// The source code is a folder, so its bytes are in the key.
const RECIPE: &str = "binaries: [tool]\n\
    upstream: {url: \"https://publisher.example/tool\"}\n\
    build: {source: {dir: src}, commands: [\"cp tool.sh {{ out }}/tool\"]}\n";

/// A project with the subsystem `tool`. The folder is removed when the fixture is dropped.
struct Fixture {
    _dir: tempfile::TempDir,
    root: Utf8PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Fixture {
    fn new(recipe: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let fixture = Self {
            _dir: dir,
            root,
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
        };
        fixture.write("versions.yml", "versions: {tool: v1.0.0}\n");
        fixture.write("subsystems/tool/recipe.yml", recipe);
        fixture.write("subsystems/tool/src/tool.sh", "#!/bin/sh\n");
        fixture
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write_atomic(&path, text.as_bytes()).unwrap();
    }

    /// A run with the project as it is on disk now.
    fn run(&self, options: Options) -> Context {
        self.run_with(options, MemoryHub::new())
    }

    fn run_with(&self, options: Options, hub: MemoryHub) -> Context {
        let project = Project::load(&self.root, &UserConfig::default()).unwrap();
        let settings = Settings {
            cache: self.root.join("cache"),
            links: true,
            ..Settings::default()
        };
        let runtime = self.runtime.handle().clone();
        let (events, _) = Events::channel();
        Context::open(project, options, settings, runtime, events, Cancel::new())
            .unwrap()
            .with_hub(Hub::new(hub))
    }
}

fn tool() -> Target {
    Target {
        name: "tool".parse().unwrap(),
        platform: Platform::host(),
    }
}
