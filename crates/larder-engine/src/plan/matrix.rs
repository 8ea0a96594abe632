//! Makes the matrix of a GitHub Actions job from the missing targets: which runner makes which target.

use std::collections::BTreeMap;

use serde::Serialize;

use larder_core::error::{Error, Result};
use larder_core::model::{Arch, Os, Platform, SourceKind, Target};
use larder_core::project::{BuildPlatforms, Project, Subsystem};

/// GitHub's maximum number of jobs in a matrix.
pub const JOBS: usize = 256;
/// The runner for targets that can be made on any machine.
const ANY: &str = "ubuntu-24.04";

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Job {
    /// The subsystems, separated by spaces; only one, unless there would be too many jobs.
    pub subsystem: String,
    /// The platform.
    pub platform: Platform,
    /// The label of the runner.
    pub runner: &'static str,
}

/// The matrix of a GitHub Actions job: the targets that are not released yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Matrix {
    /// The jobs, at most 256.
    pub include: Vec<Job>,
    /// Targets that none of GitHub's runners can make.
    #[serde(skip)]
    pub nowhere: Vec<Target>,
}

impl Matrix {
    /// The outputs of a GitHub Actions step: `matrix` and `empty`. GitHub refuses a matrix without jobs, so the job that uses
    /// it must check `empty` first.
    pub fn outputs(&self) -> Result<String> {
        let json = serde_json::to_string(self)
            .map_err(|e| Error::failed("cannot write the matrix").cause(e))?;
        Ok(format!(
            "matrix={json}\nempty={}\n",
            self.include.is_empty()
        ))
    }
}

/// The matrix whose jobs make these targets.
pub fn matrix(project: &Project, missing: &[Target]) -> Matrix {
    let mut groups: BTreeMap<(Platform, &'static str), Vec<&str>> = BTreeMap::new();
    let mut matrix = Matrix::default();
    for target in missing {
        let runner = project
            .subsystems
            .get(&target.name)
            .and_then(|subsystem| runner(project, subsystem, target.platform));
        match runner {
            Some(runner) => groups
                .entry((target.platform, runner))
                .or_default()
                .push(target.name.as_str()),
            None => matrix.nowhere.push(target.clone()),
        }
    }
    // The smallest number of names per job for which all jobs fit.
    let jobs = |size: usize| {
        groups
            .values()
            .map(|names| names.len().div_ceil(size))
            .sum::<usize>()
    };
    let size = (1..=missing.len())
        .find(|size| jobs(*size) <= JOBS)
        .unwrap_or(1);
    for ((platform, runner), names) in &groups {
        for names in names.chunks(size) {
            matrix.include.push(Job {
                subsystem: names.join(" "),
                platform: *platform,
                runner,
            });
        }
    }
    matrix
}

/// The runner that can make a target; `None` if there is none.
fn runner(project: &Project, subsystem: &Subsystem, platform: Platform) -> Option<&'static str> {
    if subsystem.upstream.is_some() && project.sources.contains(&SourceKind::Original) {
        return Some(ANY);
    }
    match &subsystem
        .build
        .as_ref()
        .filter(|_| project.sources.contains(&SourceKind::Build))?
        .platforms
    {
        BuildPlatforms::Host => native(platform),
        BuildPlatforms::All => Some(ANY),
        BuildPlatforms::List(list) => list.contains(&platform).then_some(ANY),
    }
}

/// GitHub's runner for a platform, with its version: a `-latest` label moves to a newer system at some time, so builds would
/// no longer run on older systems, and not at the same time for all architectures.
fn native(platform: Platform) -> Option<&'static str> {
    match (platform.os, platform.arch) {
        (Os::Linux, Arch::Amd64) => Some("ubuntu-24.04"),
        (Os::Linux, Arch::Arm64) => Some("ubuntu-24.04-arm"),
        (Os::Darwin, Arch::Arm64) => Some("macos-15"),
        (Os::Darwin, Arch::Amd64) => Some("macos-15-intel"),
        (Os::Windows, Arch::Amd64) => Some("windows-2025"),
        (Os::Windows, Arch::Arm64) => Some("windows-11-arm"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use larder_core::project::user::UserConfig;

    use super::*;

    fn project(subsystems: usize, build_platforms: &str) -> (tempfile::TempDir, Project) {
        let dir = tempfile::tempdir().unwrap();
        let root = camino::Utf8Path::from_path(dir.path()).unwrap();
        let mut versions =
            "platforms: [linux-amd64, linux-386, darwin-amd64, windows-arm64]\nversions:\n"
                .to_owned();
        for i in 0..subsystems {
            versions.push_str(&["  s", &i.to_string(), ": v1\n"].concat());
            let folder = root.join(format!("subsystems/s{i}"));
            larder_core::fs::create_dir_all(&folder).unwrap();
            let recipe = format!(
                "binaries: [s{i}]\nbuild: {{source: {{dir: .}}, commands: [make], platforms: {build_platforms}}}\n"
            );
            larder_core::fs::write_atomic(folder.join("recipe.yml"), recipe.as_bytes()).unwrap();
        }
        larder_core::fs::write_atomic(root.join("versions.yml"), versions.as_bytes()).unwrap();
        let project = Project::load(root, &UserConfig::default()).unwrap();
        (dir, project)
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
        let matrix = matrix(&project, &targets(&project));
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
        let matrix = matrix(&project, &targets(&project));
        assert!(
            matrix.include.len() == 4 && matrix.include.iter().all(|job| job.runner == ANY),
            "{matrix:?}"
        );
    }

    #[test]
    fn no_matrix_has_too_many_jobs_or_loses_a_target() {
        let (_dir, project) = project(200, "all");
        let targets = targets(&project);
        let matrix = matrix(&project, &targets);
        assert!(
            matrix.include.len() <= JOBS && matrix.include.len() > JOBS / 2,
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
            serde_json::to_string(&matrix(&project, &[])).unwrap(),
            r#"{"include":[]}"#
        );
    }
}
