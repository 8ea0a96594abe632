//! Makes the matrix of a GitHub Actions job from the missing targets: which runner makes which target, and which targets
//! share a job.
//!
//! Missing targets that need each other stay together (`missing`), and are distributed over jobs of about
//! the same weight within GitHub's limits (`jobs`). What does not fit is left: the matrix of the next run has it. Nothing
//! here knows the hub; a target that a job has released is not missing any more, which is how a run is resumed.

mod jobs;
#[cfg(test)]
mod laws;
mod missing;

use serde::Serialize;

use larder_core::error::{Error, Result};
use larder_core::model::{Platform, Target};
use larder_core::project::Project;

use self::missing::Missing;

/// The limits of a matrix. The defaults are GitHub's own (docs.github.com, "Actions limits" and "Workflow syntax";
/// 2026-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixLimits {
    /// The number of jobs.
    pub jobs: usize,
    /// The bytes of the matrix as JSON. GitHub allows 1 MB of outputs for a job and counts in UTF-16, two bytes for each
    /// letter here; some room is left for the other outputs.
    pub json: usize,
    /// The bytes of the names in one job: they become arguments of one command, and Windows allows 32,767 characters.
    pub names: usize,
}

impl Default for MatrixLimits {
    fn default() -> Self {
        Self {
            jobs: 256,
            json: 480_000,
            names: 24_000,
        }
    }
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
pub struct Job {
    /// The subsystems, separated by spaces: several if they need each other, or if there would be too many jobs.
    pub subsystem: String,
    /// The platform.
    pub platform: Platform,
    /// The label of the runner.
    pub runner: &'static str,
}

/// A missing target that several jobs build, each for itself, because it is needed for builds of all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// The target.
    pub target: Target,
    /// The number of jobs that build it.
    pub jobs: usize,
}

/// The matrix of a GitHub Actions job: the targets that are not released yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Matrix {
    /// The jobs, at most 256.
    pub include: Vec<Job>,
    /// Targets that none of GitHub's runners can make.
    #[serde(skip)]
    pub nowhere: Vec<Target>,
    /// Targets for which there is no room in this run.
    #[serde(skip)]
    pub left: Vec<Target>,
    /// Targets that several jobs build.
    #[serde(skip)]
    pub repeated: Vec<Repeated>,
}

impl Matrix {
    /// The outputs of a GitHub Actions step: `matrix`, `empty`, and `left`, the number of targets for the next run. GitHub
    /// refuses a matrix without jobs, so the job that uses it must check `empty` first.
    pub fn outputs(&self) -> Result<String> {
        let json = serde_json::to_string(self)
            .map_err(|e| Error::failed("cannot write the matrix").cause(e))?;
        Ok(format!(
            "matrix={json}\nempty={}\nleft={}\n",
            self.include.is_empty(),
            self.left.len()
        ))
    }
}

/// The matrix whose jobs make these targets.
pub fn matrix(project: &Project, missing: &[Target], limits: MatrixLimits) -> Matrix {
    let (missing, nowhere) = Missing::new(project, missing);
    let distributed = jobs::distribute(&missing, limits);
    let target = |id: usize| missing.target(id).clone();
    Matrix {
        include: distributed.jobs,
        nowhere,
        left: distributed.left.into_iter().map(target).collect(),
        repeated: missing
            .repeated(&distributed.places)
            .into_iter()
            .map(|(id, jobs)| Repeated {
                target: target(id),
                jobs,
            })
            .collect(),
    }
}
