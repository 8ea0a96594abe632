//! The workflow that `init --ci github` writes: what may write to the hub runs no code of the
//! project, and larder comes from no registry.

use serde_json::Value;

use crate::env::{TestEnv, list};

fn workflow(env: &TestEnv) -> Value {
    env.larder(["init", "--ci", "github"]).success();
    serde_yaml::from_str(&env.read(".github/workflows/larder.yml")).expect("YAML")
}

fn script(workflow: &Value, job: &str, step: &str) -> String {
    let steps = workflow["jobs"][job]["steps"].as_array().expect("steps");
    let step = steps.iter().find(|found| found["name"] == step);
    step.expect("the step")["run"]
        .as_str()
        .expect("run")
        .to_owned()
}

#[test]
fn jobs_that_may_write_run_no_code_of_the_project() {
    let env = TestEnv::new();
    let workflow = workflow(&env);
    assert_eq!(
        workflow["permissions"],
        serde_json::json!({"contents": "read"})
    );
    let mut writers = Vec::new();
    for (name, job) in workflow["jobs"].as_object().expect("jobs") {
        if job["permissions"].is_null() {
            continue;
        }
        writers.push(name.as_str());
        for step in job["steps"].as_array().expect("steps") {
            let Some(run) = step["run"].as_str() else {
                continue;
            };
            if step["name"] != "Install larder" {
                assert!(run.starts_with("larder release "), "{name} runs {run}");
                assert!(
                    run.lines().count() == 1 && !run.contains(['|', ';', '&']),
                    "{run}"
                );
            }
        }
    }
    writers.sort_unstable();
    assert_eq!(writers, ["finalize", "project", "release"]);
    assert!(script(&workflow, "release", "Release").ends_with(" --from packages"));
    assert!(script(&workflow, "project", "Release the project").ends_with(" --source managed"));
    assert!(script(&workflow, "build", "Ensure").contains(" --no-upload "));
}

/// Whoever registers a name in a registry decides what it installs.
#[test]
fn the_workflow_installs_larder_from_a_commit_and_from_no_registry() {
    let mut env = TestEnv::new();
    let workflow = workflow(&env);
    let text = env.read(".github/workflows/larder.yml");
    assert!(!text.contains("larder@"), "{text}");
    let bin = env.base().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let cargo = bin.join("cargo");
    std::fs::write(&cargo, "#!/bin/sh\necho \"cargo $*\" >> $HOME/cargo\n").unwrap();
    std::fs::set_permissions(&cargo, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    env.set("PATH", format!("{bin}:/usr/bin:/bin"));
    let install = script(&workflow, "build", "Install larder");
    let run = |env: &TestEnv| {
        let mut bash = env.program("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &install]);
        env.output(bash)
    };
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let repository = "https://git.example/larder";
    for (from, revision) in [
        ("", ""),
        (repository, "main"),
        (repository, "v1.0.0"),
        ("", commit),
    ] {
        env.set("LARDER_REPOSITORY", from)
            .set("LARDER_REVISION", revision);
        let out = run(&env).exits(1);
        assert!(
            out.stdout
                .contains("set LARDER_REPOSITORY and LARDER_REVISION"),
            "{}",
            out.stdout
        );
    }
    assert!(!env.home().join("cargo").exists(), "cargo ran");
    env.set("LARDER_REPOSITORY", repository)
        .set("LARDER_REVISION", commit);
    run(&env).success();
    let ran = std::fs::read_to_string(env.home().join("cargo")).unwrap();
    let wanted = format!("cargo install --locked --git {repository} --rev {commit} larder\n");
    assert_eq!(ran, wanted);
    // A runner's own larder is used as it is.
    std::fs::copy(&cargo, bin.join("larder")).unwrap();
    env.set("LARDER_REPOSITORY", "").set("LARDER_REVISION", "");
    run(&env).success();
}

/// A package of another job is not trusted more than one of a hub.
#[test]
fn a_package_that_is_handed_over_is_checked_and_nothing_is_run() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.script_subsystem("other", "v1.0.0");
    env.edit(
        "subsystems/tool/recipe.yml",
        "  commands:\n",
        &format!("  commands:\n    - \"echo ran >> {}/ran\"\n", env.base()),
    );
    env.larder(["ensure", "all", "--no-upload"]).success();
    env.larder(["package", "all"]).success();
    // The job that releases has a checkout and the packages, and nothing is installed there.
    let hand_over = |name: &str| {
        let job = env.another(name);
        crate::env::copy_tree(env.project(), job.project());
        std::fs::create_dir_all(job.path("packages")).unwrap();
        for file in list(&env.path(".dist")) {
            std::fs::copy(
                env.path(".dist").join(&file),
                job.path("packages").join(&file),
            )
            .unwrap();
        }
        job
    };
    let asset = |name: &str| format!("packages/{name}-{}.tar.gz", crate::env::host());
    let release = ["release", "tool", "--from", "packages"];
    std::fs::remove_file(env.base().join("ran")).unwrap();

    let job = hand_over("right");
    job.larder(release).success();
    assert!(!job.exists("subsystems/tool/.bin"), "nothing is installed");
    job.larder(["ensure", "tool", "--source", "managed"])
        .success();
    let again = job.larder_json(release).success().finished("release");
    assert_eq!(again[0]["outcome"], "up-to-date");

    let job = hand_over("damaged");
    job.flip_bit(&asset("tool"));
    job.larder(release).exits(4);

    let job = hand_over("swapped");
    std::fs::copy(job.path(asset("other")), job.path(asset("tool"))).unwrap();
    let sidecar = |name: &str| job.path(asset(name) + ".json");
    std::fs::copy(sidecar("other"), sidecar("tool")).unwrap();
    job.larder(release).exits(4);

    let job = hand_over("false");
    let described = asset("tool") + ".json";
    let text = job.read(&described);
    let digest = regex::Regex::new(r#""sha256": "[0-9a-f]{64}",\s*"size": (\d+),\s*"observed""#)
        .unwrap()
        .captures(&text)
        .map(|found| found[0].to_owned())
        .expect("the archive's digest");
    let bytes = std::fs::read(job.path(asset("other"))).unwrap();
    std::fs::copy(job.path(asset("other")), job.path(asset("tool"))).unwrap();
    let sum = job.sh(&format!("sha256sum {} | cut -d' ' -f1", asset("other")));
    let stated = format!(
        "\"sha256\": \"{}\", \"size\": {}, \"observed\"",
        sum.trim(),
        bytes.len()
    );
    job.write(&described, text.replace(&digest, &stated));
    job.larder(release).exits(4);

    let job = hand_over("old");
    job.edit("subsystems/tool/recipe.yml", "chmod +x", "chmod  +x");
    let out = job.larder(release).exits(1);
    assert!(out.stderr.contains("other inputs"), "{}", out.stderr);

    let job = hand_over("link");
    crate::env::remove(&job.path(asset("tool")));
    std::os::unix::fs::symlink("/etc/hostname", job.path(asset("tool"))).unwrap();
    job.larder(release).exits(1);

    let job = hand_over("absent");
    crate::env::remove(&job.path(asset("tool")));
    let out = job.larder(release).exits(1);
    assert!(
        out.stderr.contains("has no package of tool"),
        "{}",
        out.stderr
    );
    job.larder(["release", "tool", "--from", "nowhere"])
        .exits(2);
    assert!(!env.base().join("ran").exists(), "code of the project ran");
    assert!(!job.exists(".larder-hub/tool-v1.0.0"));
}
