//! The names of larder's own files are left out of a source where they are larder's own, and are
//! content everywhere else.

use std::collections::BTreeSet;

use crate::env::TestEnv;

/// What the build of `tool` sees of the files that are called `own`, wherever they are.
fn seen(env: &TestEnv) -> BTreeSet<String> {
    let text = env.read("subsystems/tool/.bin/tool");
    text.lines().map(str::to_owned).collect()
}

fn project(source: &str) -> TestEnv {
    let env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    env.recipe(
        "tool",
        &format!(
            "any: true\nbinaries: [tool]\nbuild:\n  source: {source}\n  commands:\n    \
             - \"find . -type f | sed 's#^./##' > {{{{ out }}}}/tool\"\n"
        ),
    );
    env
}

#[test]
fn the_names_are_left_out_only_where_they_are_larders_own() {
    for (source, files) in [
        // The subsystem's own folder.
        (
            ".",
            &[
                ("subsystems/tool/recipe.yml", None),
                ("subsystems/tool/main.c", Some("main.c")),
                ("subsystems/tool/.dist/x", Some(".dist/x")),
                ("subsystems/tool/.larder/x", Some(".larder/x")),
                ("subsystems/tool/src/recipe.yml", Some("src/recipe.yml")),
                ("subsystems/tool/vendor/.bin/x", Some("vendor/.bin/x")),
                ("subsystems/tool/vendor/.git/x", None),
                ("subsystems/tool/a/.collection/x", Some("a/.collection/x")),
            ][..],
        ),
        // A folder in it.
        (
            "src",
            &[
                ("subsystems/tool/src/recipe.yml", Some("recipe.yml")),
                ("subsystems/tool/src/.bin/x", Some(".bin/x")),
                (
                    "subsystems/tool/src/fixtures/recipe.yml",
                    Some("fixtures/recipe.yml"),
                ),
                ("subsystems/tool/src/.git", None),
            ],
        ),
        // The whole project.
        (
            "../..",
            &[
                ("versions.yml", Some("versions.yml")),
                ("subsystems/tool/recipe.yml", None),
                ("subsystems/tool/x", Some("subsystems/tool/x")),
                ("subsystems/other/recipe.yml", None),
                ("subsystems/other/.bin/x", None),
                (
                    "subsystems/other/sub/.bin/x",
                    Some("subsystems/other/sub/.bin/x"),
                ),
                (
                    "subsystems/no-recipe/.bin/x",
                    Some("subsystems/no-recipe/.bin/x"),
                ),
                (".dist/x", None),
                (".collection/x", None),
                (".larder-hub/x", None),
                (".bin/x", Some(".bin/x")),
                ("recipe.yml", Some("recipe.yml")),
                ("docs/.dist/x", Some("docs/.dist/x")),
            ],
        ),
        // Another project in the source.
        (
            "../../more",
            &[
                ("more/project/versions.yml", Some("project/versions.yml")),
                ("more/project/.dist/x", None),
                ("more/project/.larder/x", None),
                ("more/project/subsystems/it/recipe.yml", None),
                ("more/project/subsystems/it/.bin/x", None),
                (
                    "more/subsystems/it/recipe.yml",
                    Some("subsystems/it/recipe.yml"),
                ),
                ("more/.larder/x", Some(".larder/x")),
            ],
        ),
        // Another project around the source.
        (
            "../../more/project/subsystems",
            &[
                ("more/project/versions.yml", None),
                ("more/project/subsystems/it/recipe.yml", None),
                ("more/project/subsystems/it/.bin/x", None),
                ("more/project/subsystems/it/main.c", Some("it/main.c")),
            ],
        ),
        // Another project, whose subsystems are elsewhere.
        (
            "../../more",
            &[
                ("more/versions.yml", Some("versions.yml")),
                ("more/tools/it/recipe.yml", None),
                ("more/tools/it/.bin/x", None),
                (
                    "more/subsystems/it/recipe.yml",
                    Some("subsystems/it/recipe.yml"),
                ),
            ],
        ),
    ] {
        let env = project(&format!("{{dir: {source}}}"));
        let moved = files.iter().any(|(file, _)| file.contains("/tools/"));
        let mut expected = BTreeSet::new();
        for (file, is_content) in files {
            if file.ends_with("more/versions.yml") || file.ends_with("project/versions.yml") {
                let dir = if moved { "subsystems_dir: tools\n" } else { "" };
                env.write(file, format!("{dir}versions: {{it: v1}}\n"));
            } else if *file == "subsystems/other/recipe.yml" {
                env.recipe("other", "binaries: [other]\nupstream: {npm: other}\n");
            } else if !env.exists(file) {
                env.write(file, "x");
            }
            expected.extend(is_content.map(str::to_owned));
        }
        let versions = env.read("versions.yml");
        if env.exists("subsystems/other") {
            env.write(
                "versions.yml",
                versions.replace("versions:\n", "versions:\n  other: v1.0.0\n"),
            );
        }
        env.larder(["ensure", "tool"]).success();
        assert_eq!(seen(&env), expected, "{source}");
        // What larder wrote since is not part of the source.
        let again = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(again.outcome("tool"), "up-to-date", "{source}");
        env.remove(".larder");
        let again = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(again.outcome("tool"), "up-to-date", "{source}");
    }
}

#[test]
fn a_subsystem_that_is_a_link_is_larders_own_wherever_it_is() {
    for source in [".", "../../shared", "../../shared/tool"] {
        let env = project(&format!("{{dir: {source}}}"));
        env.write("subsystems/tool/main.c", "x");
        env.write("subsystems/tool/sub/recipe.yml", "x");
        env.sh(
            "mkdir shared; mv subsystems/tool shared/tool; ln -s ../shared/tool subsystems/tool",
        );
        env.larder(["ensure", "tool"]).success();
        let prefix = if source == "../../shared" {
            "tool/"
        } else {
            ""
        };
        let expected = [format!("{prefix}main.c"), format!("{prefix}sub/recipe.yml")];
        assert_eq!(seen(&env), BTreeSet::from(expected), "{source}");
        env.remove(".larder");
        let again = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(again.outcome("tool"), "up-to-date", "{source}");
    }
}
