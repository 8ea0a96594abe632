//! `larder init`: creates a working project and overwrites nothing of the user's.

mod from;

use crate::env::TestEnv;

#[test]
fn a_new_project_works_without_edits() {
    let env = TestEnv::new();
    let out = env.larder(["init"]).success();
    insta::assert_snapshot!(out.redacted(), @r"
    exit: 0
    --- stdout
    --- stderr
    wrote versions.yml
    wrote subsystems/hello/recipe.yml
    wrote subsystems/hello/hello.sh
    wrote .gitignore
    wrote .gitattributes
    next: larder ensure all
    ");
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        ["hello=built"]
    );
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        ["hello=up-to-date"]
    );
    assert_eq!(
        env.larder(["run", "greet"]).success().stdout,
        "hello v1.0.0\n"
    );
    env.larder(["package", "all"]).success();
    // Git ignores the files that larder makes and sees those that the user wrote.
    env.sh("git init -q && git add -A");
    let tracked = env.sh("git ls-files");
    insta::assert_snapshot!(tracked, @r"
    .gitattributes
    .gitignore
    subsystems/hello/hello.sh
    subsystems/hello/recipe.yml
    versions.yml
    ");
    assert!(
        env.sh("git check-attr merge versions.lock")
            .ends_with("union\n")
    );
    assert!(
        env.sh("git check-attr text subsystems/hello/hello.sh")
            .ends_with("unset\n")
    );
    for schema in ["versions", "recipe"] {
        let text = env.read(&format!(".larder/schema/{schema}.schema.json"));
        assert!(
            serde_json::from_str::<serde_json::Value>(&text)
                .is_ok_and(|schema| schema["properties"].is_object())
        );
    }
    // Generated files are not committed: a clone gets them with the first run.
    env.remove(".larder");
    env.larder(["ensure", "all"]).success();
    assert!(env.exists(".larder/schema/recipe.schema.json"));
}

#[test]
fn init_never_overwrites_a_project() {
    let env = TestEnv::new();
    env.write("versions.yml", "versions: {}\n");
    let out = env.larder(["init"]).exits(2);
    assert!(
        out.stderr.contains("is a project already"),
        "{}",
        out.stderr
    );
    assert_eq!(env.read("versions.yml"), "versions: {}\n");
    assert!(!env.exists("subsystems") && !env.exists(".gitignore"));
}

#[test]
fn init_keeps_existing_files() {
    let env = TestEnv::new();
    env.write(
        "subsystems/hello/hello.sh",
        "#!/bin/sh\necho mine @VERSION@\n",
    );
    env.write(".gitignore", "target\n/.bin\n.larder\n!keep");
    env.write(
        ".gitattributes",
        "versions.lock merge=union\nsubsystems/** -text\n",
    );
    let document = env.larder(["init", "--json"]).success().document();
    assert_eq!(
        document["kept"],
        serde_json::json!(["subsystems/hello/hello.sh", ".gitattributes"])
    );
    assert_eq!(document["extended"], serde_json::json!([".gitignore"]));
    assert_eq!(
        env.read("subsystems/hello/hello.sh"),
        "#!/bin/sh\necho mine @VERSION@\n"
    );
    insta::assert_snapshot!(env.read(".gitignore"), @r"
    target
    /.bin
    .larder
    !keep

    # larder: installed binaries, packages, collections, state and the default hub. Commit versions.lock.
    .dist/
    .collection/
    .larder-hub/
    ");
    env.larder(["ensure", "all"]).success();
    assert_eq!(
        env.larder(["run", "greet"]).success().stdout,
        "mine v1.0.0\n"
    );
}

#[test]
fn init_writes_a_github_workflow() {
    let env = TestEnv::new();
    env.sh("git init -q && git remote add origin git@github.com:acme/tools.git");
    env.larder(["init", "--ci", "github"]).success();
    let versions = env.read("versions.yml");
    assert!(
        versions.contains("\nhub: {github: acme/tools}\n"),
        "the repository of origin is the hub:\n{versions}"
    );
    let workflow = env.read(".github/workflows/larder.yml");
    for line in [
        "LARDER_REPOSITORY: \"\" # FILL IN: ",
        "LARDER_REVISION: \"\" # FILL IN: ",
        "LARDER_LOCKED: \"true\"",
    ] {
        assert!(workflow.contains(line), "{workflow}");
    }
    env.larder(["ensure", "all", "--source", "build"]).success();

    // In an existing project only the workflow is added; a second call adds nothing.
    let other = env.another("other");
    other.script_subsystem("tool", "v1.0.0");
    let before = other.read("versions.yml");
    other.larder(["init", "--ci", "github"]).success();
    assert!(other.exists(".github/workflows/larder.yml") && !other.exists("subsystems/hello"));
    assert_eq!(other.read("versions.yml"), before);
    other.write(".github/workflows/larder.yml", "mine");
    let out = other.larder(["init", "--ci", "github"]).success();
    assert!(
        out.stderr.contains("larder.yml already exists"),
        "{}",
        out.stderr
    );
    assert_eq!(other.read(".github/workflows/larder.yml"), "mine");
    other.larder(["init", "--ci", "gitlab"]).exits(2);
}

#[test]
fn the_workflow_puts_a_folder_on_github_pages() {
    let env = TestEnv::new();
    env.larder(["init", "--ci", "github", "--pages", "./docs/site/"])
        .success();
    let text = env.read(".github/workflows/larder.yml");
    let workflow: serde_json::Value = serde_yaml::from_str(&text).expect("YAML");
    let steps = workflow["jobs"]["ci"]["steps"].as_array().expect("steps");
    let upload = steps.last().expect("a step");
    assert_eq!(upload["with"]["path"], "docs/site");
    let pages = &workflow["jobs"]["pages"];
    assert_eq!(pages["needs"][0], "ci");
    assert_eq!(
        pages["permissions"],
        serde_json::json!({"pages": "write", "id-token": "write"}),
        "no more than a deployment needs"
    );
    for job in ["ci", "pages"] {
        let condition = match job {
            "ci" => upload["if"].as_str(),
            _ => pages["if"].as_str(),
        };
        let condition = condition.unwrap_or_default();
        assert!(
            condition.contains("github.event_name == 'push'")
                && condition.contains("default_branch"),
            "{job}: {condition}"
        );
    }
    assert!(!text.contains('@') || !text.contains("@PAGES@"), "{text}");

    let env = TestEnv::new();
    for wrong in ["/srv/site", "../site", "a/../../b", "", "a b", "$HOME"] {
        let out = env.larder(["init", "--ci", "github", "--pages", wrong]);
        let out = out.exits(2);
        assert!(
            out.stderr.contains("--pages site"),
            "{wrong}: {}",
            out.stderr
        );
        assert!(!env.exists("versions.yml"), "{wrong}");
    }
    env.larder(["init", "--pages", "site"]).exits(2);
}
