//! The files that people write: `versions.yml`, recipes with their templates, the user's
//! configuration, and the server's file of tokens.

use larder_core::Result;
use larder_core::keys::{SourceDigests, inputs};
use larder_core::model::{Digest, Name, Platform, Version};
use larder_core::project::user::{UserConfig, UserSource};
use larder_core::project::{Project, SourceFolder, edit, tokens};

use crate::{Scratch, text, write};

/// The line between `versions.yml` and the recipe of `tool`.
const BETWEEN: &str = "\n=====\n";

struct NoFolders;

impl SourceDigests for NoFolders {
    fn dir(&self, _: &SourceFolder) -> Result<Digest> {
        Ok(Digest::of(b""))
    }
}

/// A project. If it loads, everything in it renders on every platform; if not, something is
/// reported. Its versions can be changed and changed back.
pub fn recipe(bytes: &[u8], scratch: &Scratch<'_>) {
    let text = text(bytes);
    let (versions, recipe) = text.split_once(BETWEEN).unwrap_or((&text, ""));
    scratch.with_folder(|root| {
        write(root, "versions.yml", versions.as_bytes());
        write(root, "subsystems/tool/recipe.yml", recipe.as_bytes());
        let user = UserConfig::default();
        match Project::load(root, &user) {
            Ok(project) => {
                let again = Project::load(root, &user).expect("it loads again");
                renders(&project, &again);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        edited(versions);
        let file = root.join("versions.yml");
        let _ = tokens::read(&file);
        let source = UserSource {
            file: Some(file),
            ..UserSource::default()
        };
        let _ = UserConfig::new(source).get();
    });
}

/// Everything in a project that loads can be rendered, and equal projects have equal keys.
fn renders(project: &Project, again: &Project) {
    for (name, subsystem) in &project.subsystems {
        for platform in &subsystem.platforms {
            let keys = |project: &Project| {
                let subsystem = &project.subsystems[name];
                let keys = inputs::wanted(project, subsystem, *platform, &NoFolders);
                keys.expect("what loads has keys")
            };
            assert_eq!(keys(project), keys(again));
            let verify = subsystem.rendered_verify(platform);
            verify.expect("what loads can be rendered");
            let _ = (subsystem.assets(platform), subsystem.file_names(platform));
        }
    }
}

/// Only the value of a version changes, and it can be changed back.
fn edited(versions: &str) {
    let name: Name = "tool".parse().expect("a name");
    let new: Version = "v9.8.7".parse().expect("a version");
    let Ok(changed) = edit::set_version(versions, &name, &new) else {
        return;
    };
    assert_eq!(edit::pinned_version(&changed, &name), Some(new));
    let comments = |text: &str| text.matches('#').count();
    assert_eq!(comments(&changed), comments(versions), "{changed}");
    if let Some(old) = edit::pinned_version(versions, &name) {
        let back = edit::set_version(&changed, &name, &old).expect("it can be changed back");
        assert_eq!(edit::pinned_version(&back, &name), Some(old));
    }
}

/// A template as the url of an original and as a command: rendering it ends, and the result is
/// bounded.
pub fn template(bytes: &[u8], scratch: &Scratch<'_>) {
    let template = serde_json::Value::from(text(bytes));
    scratch.with_folder(|root| {
        write(root, "versions.yml", b"platforms: [linux-amd64, windows-arm64]\nversions: {tool: v1}\n");
        let recipe = format!(
            "binaries: [tool]\nverify: {template}\nbuild: {{source: {{dir: .}}, platforms: all, env: {{A: {template}}}, commands: [{template}]}}\n"
        );
        let path = write(root, "subsystems/tool/recipe.yml", recipe.as_bytes());
        let upstream = format!("binaries: [tool]\nupstream: {{url: {template}}}\n");
        for recipe in [recipe, upstream] {
            larder_core::fs::rewrite(&path, recipe.as_bytes()).expect("a written recipe");
            let Ok(project) = Project::load(root, &UserConfig::default()) else {
                continue;
            };
            for subsystem in project.subsystems.values() {
                for platform in &subsystem.platforms {
                    rendered(subsystem, platform);
                }
            }
        }
    });
}

fn rendered(subsystem: &larder_core::project::Subsystem, platform: &Platform) {
    const LONGEST: usize = 256 << 10;
    let build = subsystem.rendered_build(platform, "<out>", "<src>");
    for command in build
        .expect("what loads renders")
        .iter()
        .flat_map(|build| &build.commands)
    {
        assert!(command.len() <= LONGEST, "{} bytes", command.len());
    }
    let original = subsystem.original(platform).expect("what loads renders");
    assert!(format!("{original:?}").len() <= 2 * LONGEST);
}
