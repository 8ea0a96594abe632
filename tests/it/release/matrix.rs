//! `plan --matrix`, for jobs that release the targets that are not released yet.

use super::project;

#[test]
fn the_matrix_holds_the_targets_that_are_not_released() {
    let mut env = project("");
    env.larder(["ensure", "one", "--platform", "linux-arm64"])
        .success();
    env.larder(["release", "one", "--platform", "linux-arm64"])
        .success();
    env.set("GITHUB_OUTPUT", env.path("output"));
    let matrix = env
        .larder(["plan", "--matrix", "--github"])
        .success()
        .document();
    let jobs = matrix["include"].as_array().expect("jobs");
    let listed: Vec<_> = jobs
        .iter()
        .map(|job| format!("{} {}", job["subsystem"], job["platform"]))
        .collect();
    assert_eq!(
        listed,
        [
            r#""one" "linux-amd64""#,
            r#""two" "linux-amd64""#,
            r#""two" "linux-arm64""#
        ]
    );
    assert_eq!(jobs[0]["runner"], "ubuntu-24.04");
    assert_eq!(
        env.read("output"),
        format!("matrix={matrix}\nempty=false\n")
    );
    // A target disappears from the matrix when a job has released it.
    env.larder(["ensure", "all", "--platform", "all"]).success();
    env.larder(["release", "all", "--platform", "all"])
        .success();
    env.remove("output");
    let out = env.larder(["plan", "--matrix", "--github"]).success();
    assert_eq!(out.stdout, "{\"include\":[]}\n");
    assert_eq!(env.read("output"), "matrix={\"include\":[]}\nempty=true\n");
    env.unset("GITHUB_OUTPUT");
    env.larder(["plan", "--matrix", "--github"]).exits(2);
    env.larder(["plan", "--github"]).exits(2);
}
