//! What holds for every matrix.

use proptest::prelude::*;

use larder_core::project::user::UserConfig;

use super::*;

/// A project of these recipes, `s0`, `s1`…, for four platforms.
fn project_of(recipes: &[String]) -> (tempfile::TempDir, Project) {
    let dir = tempfile::tempdir().unwrap();
    let root = camino::Utf8Path::from_path(dir.path()).unwrap();
    let mut versions =
        "platforms: [linux-amd64, linux-386, darwin-amd64, windows-arm64]\nversions:\n".to_owned();
    for (i, recipe) in recipes.iter().enumerate() {
        versions.push_str(&["  s", &i.to_string(), ": v1\n"].concat());
        let folder = root.join(format!("subsystems/s{i}"));
        larder_core::fs::create_dir_all(&folder).unwrap();
        larder_core::fs::write_atomic(folder.join("recipe.yml"), recipe.as_bytes()).unwrap();
    }
    larder_core::fs::write_atomic(root.join("versions.yml"), versions.as_bytes()).unwrap();
    let project = Project::load(root, &UserConfig::default()).unwrap();
    (dir, project)
}

/// The recipe of a build.
fn build(i: usize, platforms: &str, needs: &str) -> String {
    format!(
        "binaries: [s{i}]\nbuild: {{source: {{dir: .}}, commands: [make], platforms: {platforms}, needs: [{needs}]}}\n"
    )
}

fn project(subsystems: usize, build_platforms: &str) -> (tempfile::TempDir, Project) {
    let recipes: Vec<String> = (0..subsystems)
        .map(|i| build(i, build_platforms, ""))
        .collect();
    project_of(&recipes)
}

fn targets(project: &Project) -> Vec<Target> {
    let of = |name: &larder_core::model::Name| {
        let name = name.clone();
        project.platforms.iter().map(move |platform| Target {
            name: name.clone(),
            platform: *platform,
        })
    };
    project.subsystems.keys().flat_map(of).collect()
}

#[test]
fn each_target_gets_a_runner_that_can_make_it() {
    let (_dir, project) = project(1, "host");
    let matrix = matrix(&project, &targets(&project), MatrixLimits::default());
    let jobs: Vec<_> = matrix
        .include
        .iter()
        .map(|job| format!("{} {}", job.platform, job.runner))
        .collect();
    assert_eq!(
        jobs,
        [
            "linux-amd64 ubuntu-24.04",
            "darwin-amd64 macos-15-intel",
            "windows-arm64 windows-11-arm"
        ]
    );
    assert_eq!(matrix.nowhere.len(), 1, "GitHub has no 32-bit runner");
}

#[test]
fn what_any_machine_can_make_is_made_on_linux() {
    let (_dir, project) = project(1, "all");
    let matrix = matrix(&project, &targets(&project), MatrixLimits::default());
    assert!(
        matrix.include.len() == 4
            && matrix
                .include
                .iter()
                .all(|job| job.runner == "ubuntu-24.04"),
        "{matrix:?}"
    );
}

#[test]
fn no_matrix_has_too_many_jobs_or_loses_a_target() {
    let (_dir, project) = project(200, "all");
    let targets = targets(&project);
    let matrix = matrix(&project, &targets, MatrixLimits::default());
    assert!(
        matrix.include.len() <= 256 && matrix.include.len() > 256 / 2,
        "{}",
        matrix.include.len()
    );
    let names: usize = matrix
        .include
        .iter()
        .map(|job| job.subsystem.split(' ').count())
        .sum();
    assert_eq!(names, targets.len());
}

#[test]
fn nothing_missing_is_an_empty_matrix() {
    let (_dir, project) = project(1, "all");
    assert_eq!(
        serde_json::to_string(&matrix(&project, &[], MatrixLimits::default())).unwrap(),
        r#"{"include":[]}"#
    );
}

#[test]
fn what_a_build_needs_is_in_the_job_of_the_build() {
    // s0 and s1 can be made on any machine, s2 only where it runs.
    let recipes = [
        build(0, "all", ""),
        build(1, "all", "s0"),
        build(2, "host", "s1"),
    ];
    let (_dir, project) = project_of(&recipes);
    let matrix = matrix(&project, &targets(&project), MatrixLimits::default());
    let jobs: Vec<_> = matrix
        .include
        .iter()
        .map(|job| format!("{} {} {}", job.platform, job.runner, job.subsystem))
        .collect();
    assert_eq!(
        jobs,
        [
            "linux-amd64 ubuntu-24.04 s0 s1 s2",
            "linux-386 ubuntu-24.04 s0",
            "linux-386 ubuntu-24.04 s1",
            "darwin-amd64 macos-15-intel s0 s1 s2",
            "windows-arm64 windows-11-arm s0 s1 s2",
        ]
    );
    // For linux-386 s1 is built on linux-amd64, and so is the s0 that it needs.
    let [repeated] = &*matrix.repeated else {
        panic!("{:?}", matrix.repeated)
    };
    assert_eq!(
        (repeated.target.to_string().as_str(), repeated.jobs),
        ("s0 (linux-amd64)", 2)
    );
}

#[test]
fn a_need_of_very_many_builds_does_not_put_them_all_into_one_job() {
    let recipes: Vec<String> = (0..100)
        .map(|i| build(i, "[linux-amd64]", if i == 0 { "" } else { "s0" }))
        .collect();
    let (_dir, project) = project_of(&recipes);
    let missing: Vec<Target> = targets(&project)
        .into_iter()
        .filter(|target| target.platform.to_string() == "linux-amd64")
        .collect();
    let matrix = matrix(&project, &missing, MatrixLimits::default());
    let sizes: Vec<_> = matrix
        .include
        .iter()
        .map(|job| job.subsystem.split(' ').count())
        .collect();
    assert!(
        sizes.len() == 13 && sizes.iter().all(|size| *size <= 8),
        "{sizes:?}"
    );
    assert_eq!(matrix.repeated[0].jobs, 13);
}

/// A recipe of each kind, and what it needs of those before it.
fn recipes() -> impl Strategy<Value = Vec<String>> {
    let recipe = (
        0..5_u8,
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    );
    prop::collection::vec(recipe, 1..24).prop_map(|recipes| {
        let of = |(i, (kind, needs)): (usize, (u8, Vec<prop::sample::Index>))| {
            let mut needs: Vec<String> = needs
                .iter()
                .filter(|_| i > 0)
                .map(|need| format!("s{}", need.index(i)))
                .collect();
            needs.sort();
            needs.dedup();
            let needs = needs.join(", ");
            match kind {
                0 => format!(
                    "binaries: [s{i}]\nneeds: [{needs}]\nupstream: {{url: \"https://example.invalid/{{{{ version }}}}/s{i}.tar.gz\"}}\n"
                ),
                1 => build(i, "all", &needs),
                2 => build(i, "[linux-386, darwin-amd64]", &needs),
                3 => format!("needs: [{needs}]\n{}", build(i, "host", "")),
                _ => build(i, "host", &needs),
            }
        };
        recipes.into_iter().enumerate().map(of).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_missing_target_is_in_one_job_and_no_limit_is_exceeded(
        recipes in recipes(),
        missing: u128,
        jobs in 1_usize..40,
        names in 12_usize..80,
        json in 300_usize..6_000,
    ) {
        let (_dir, project) = project_of(&recipes);
        let missing: Vec<Target> = targets(&project)
            .into_iter()
            .enumerate()
            .filter(|(i, _)| missing >> i & 1 == 1)
            .map(|(_, target)| target)
            .collect();
        let limits = MatrixLimits { jobs, json, names };
        let planned = matrix(&project, &missing, limits);
        prop_assert_eq!(&planned, &matrix(&project, &missing, limits), "the same again");

        let mut planned_targets: Vec<Target> = Vec::new();
        for job in &planned.include {
            prop_assert!(job.subsystem.len() <= names);
            planned_targets.extend(job.subsystem.split(' ').map(|name| Target {
                name: name.parse().unwrap(),
                platform: job.platform,
            }));
        }
        planned_targets.extend(planned.nowhere.iter().chain(&planned.left).cloned());
        planned_targets.sort();
        let mut wanted = missing.clone();
        wanted.sort();
        prop_assert_eq!(planned_targets, wanted, "each once");
        prop_assert!(planned.include.len() <= jobs);
        prop_assert!(serde_json::to_string(&planned).unwrap().len() <= json);

        // With room for all nothing is left, and nothing that only one runner can make is elsewhere.
        let roomy = matrix(&project, &missing, MatrixLimits::default());
        prop_assert!(roomy.left.is_empty());
        for job in &roomy.include {
            for name in job.subsystem.split(' ') {
                let build = project.subsystems[&name.parse().unwrap()].build.as_ref();
                if build.is_some_and(|b| b.platforms == larder_core::project::BuildPlatforms::Host) {
                    prop_assert_ne!(job.platform.to_string(), "linux-386");
                    let own = match job.platform.os.as_str() {
                        "linux" => "ubuntu-24.04",
                        "darwin" => "macos-15-intel",
                        _ => "windows-11-arm",
                    };
                    prop_assert_eq!(job.runner, own);
                }
            }
        }
    }
}
