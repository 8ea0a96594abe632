//! Missing cells → the matrix of a GitHub Actions job.
//!
//! Knows which runner makes what; does not know what is missing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Arch, Cell, Os, Platform, Via};
use crate::project::{BuildPlatforms, Project, Subsystem};

/// How many jobs a matrix may have.
pub const JOBS: usize = 256;
/// Where what any machine can make is made.
const ANY: &str = "ubuntu-latest";

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Subsystems, separated by blanks; one, unless there would be too many jobs.
    pub subsystem: String,
    /// The platform.
    pub platform: Platform,
    /// The label of the runner.
    pub runner: &'static str,
}

/// The matrix, and what no runner can make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// The jobs, at most [`JOBS`].
    pub include: Vec<Job>,
    /// Cells that no runner of GitHub can make.
    #[serde(skip)]
    pub nowhere: Vec<Cell>,
}

/// The matrix that makes these cells.
pub fn matrix(project: &Project, missing: &[Cell]) -> Matrix {
    let mut groups: BTreeMap<(Platform, &'static str), Vec<&str>> = BTreeMap::new();
    let mut matrix = Matrix::default();
    for cell in missing {
        let runner = project.subsystems.get(&cell.name).and_then(|subsystem| runner(project, subsystem, cell.platform));
        match runner {
            Some(runner) => groups.entry((cell.platform, runner)).or_default().push(cell.name.as_str()),
            None => matrix.nowhere.push(cell.clone()),
        }
    }
    // The least number of names per job with which all fit.
    let jobs = |size: usize| groups.values().map(|names| names.len().div_ceil(size)).sum::<usize>();
    let size = (1..=missing.len().max(1)).find(|size| jobs(*size) <= JOBS).unwrap_or(1);
    for ((platform, runner), names) in &groups {
        for names in names.chunks(size) {
            matrix.include.push(Job { subsystem: names.join(" "), platform: *platform, runner });
        }
    }
    matrix
}

/// Who can make a cell.
fn runner(project: &Project, subsystem: &Subsystem, platform: Platform) -> Option<&'static str> {
    if subsystem.upstream.is_some() && project.sources.contains(&Via::Original) {
        return Some(ANY);
    }
    match &subsystem.build.as_ref().filter(|_| project.sources.contains(&Via::Build))?.platforms {
        BuildPlatforms::Host => native(platform),
        BuildPlatforms::All => Some(ANY),
        BuildPlatforms::List(list) => list.contains(&platform).then_some(ANY),
    }
}

fn native(platform: Platform) -> Option<&'static str> {
    match (platform.os, platform.arch) {
        (Os::Linux, Arch::Amd64) => Some("ubuntu-latest"),
        (Os::Linux, Arch::Arm64) => Some("ubuntu-24.04-arm"),
        (Os::Darwin, Arch::Arm64) => Some("macos-latest"),
        (Os::Darwin, Arch::Amd64) => Some("macos-15-intel"),
        (Os::Windows, Arch::Amd64) => Some("windows-latest"),
        (Os::Windows, Arch::Arm64) => Some("windows-11-arm"),
        _ => None,
    }
}
