//! Measures planning and running N subsystems whose steps do nothing: what the runner itself costs.
//! `cargo bench --bench runner [-- N ...]`. Prints the time for each N, and the exponent of its growth.
#![allow(
    clippy::disallowed_methods,
    reason = "a bench writes its files directly"
)]

use std::sync::Arc;
use std::time::Instant;

use camino::Utf8Path;
use larder_core::cancel::Cancel;
use larder_core::model::{Name, Outcome, Target};
use larder_core::project::Project;
use larder_core::project::user::UserConfig;
use larder_engine::plan::{Plan, Platforms, Selection};
use larder_engine::runner::{Answer, Limits, Work, run};

const RECIPE: &str = "binaries: [tool]
build: {source: {dir: .}, commands: [\"cp tool.sh {{ out }}/tool\"]}
";

/// How the subsystems need each other.
#[derive(Clone, Copy)]
enum Shape {
    /// None needs another one.
    Apart,
    /// Each needs the one before it.
    Chain,
    /// Groups of a hundred: the first needs all others of its group, and each of those the first of
    /// the group before.
    Fans,
}

impl Shape {
    /// The numbers of those that a subsystem needs.
    fn needs(self, n: usize) -> Vec<usize> {
        match self {
            Self::Apart => Vec::new(),
            Self::Chain => n.checked_sub(1).into_iter().collect(),
            // The first of a group has the highest number, because its needs are before it.
            Self::Fans if n % 100 == 99 => (n - 99..n).collect(),
            Self::Fans => (n / 100 * 100).checked_sub(1).into_iter().collect(),
        }
    }
}

/// What the steps of a run answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Steps {
    UpToDate,
    Built,
}

impl Work for Steps {
    fn acquire(&self, _: &Target) -> Answer {
        match self {
            Self::UpToDate => Answer::Done(Outcome::UpToDate),
            Self::Built => Answer::MustBuild("not installed".into()),
        }
    }
    fn build(&self, _: &Target, _: &str) -> Answer {
        Answer::Done(Outcome::Built)
    }
    fn skipped(&self, _: &Target, _: &str) {}
}

/// A project of `count` subsystems. They differ in their names and needs only, so that no file is
/// read for each.
fn project(count: usize, shape: Shape) -> Project {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8Path::from_path(dir.path()).expect("a UTF-8 path");
    let folder = root.join("subsystems/s");
    std::fs::create_dir_all(&folder).expect("the folder can be created");
    std::fs::write(folder.join("recipe.yml"), RECIPE).expect("the recipe can be written");
    std::fs::write(root.join("versions.yml"), "versions: {s: v1}\n").expect("it can be written");
    let mut project = Project::load(root, &UserConfig::default()).expect("the project is valid");
    let (_, one) = project.subsystems.pop_first().expect("one subsystem");
    let name = |n: usize| -> Name { format!("s{n:06}").parse().expect("a name") };
    for n in 0..count {
        let mut subsystem = one.clone();
        subsystem.name = name(n);
        let needs = shape.needs(n).into_iter().map(name).collect();
        match &mut subsystem.build {
            Some(build) => build.needs = needs,
            None => subsystem.needs = needs,
        }
        project.subsystems.insert(name(n), subsystem);
    }
    project
}

/// The exponent of the growth: the slope of the line through the logarithms.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (mean_x, mean_y) = points.iter().fold((0.0, 0.0), |(x, y), point| {
        (x + point.0.ln() / count, y + point.1.ln() / count)
    });
    let (up, down) = points.iter().fold((0.0, 0.0), |(up, down), (x, y)| {
        let across = x.ln() - mean_x;
        (up + across * (y.ln() - mean_y), down + across * across)
    });
    up / down
}

fn main() {
    let mut counts: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    if counts.is_empty() {
        counts = vec![10, 100, 1_000, 10_000, 100_000];
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    println!("| needs | steps | subsystems | plan (ms) | run (ms) | both (ms) | looked at edges |");
    println!("|---|---|---|---|---|---|---|");
    for (shape, words) in [
        (Shape::Apart, "none"),
        (Shape::Chain, "one chain"),
        (Shape::Fans, "fans of 100"),
    ] {
        for (steps, outcome) in [(Steps::UpToDate, "up to date"), (Steps::Built, "built")] {
            let mut points = Vec::new();
            for count in &counts {
                let project = project(*count, shape);
                let work: Arc<dyn Work> = Arc::new(steps);
                let mut times: Vec<(f64, f64, usize)> = (0..5)
                    .map(|_| {
                        let start = Instant::now();
                        let plan = Plan::new(&project, &Selection::All, &Platforms::Host);
                        let planned = start.elapsed().as_secs_f64() * 1000.0;
                        let start = Instant::now();
                        let cancel = Cancel::new();
                        let limits = Limits::default();
                        let ended = run(&plan, &work, limits, runtime.handle(), &cancel);
                        assert_eq!(ended.outcomes.len(), *count);
                        let ran = start.elapsed().as_secs_f64() * 1000.0;
                        (planned, ran, ended.visits)
                    })
                    .collect();
                times.sort_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1)));
                let (planned, ran, visits) = times[2];
                println!(
                    "| {words} | {outcome} | {count} | {planned:.2} | {ran:.2} | {:.2} | {visits} |",
                    planned + ran
                );
                points.push((*count as f64, planned + ran));
            }
            // A handful of steps costs as much as the start of a thread does.
            points.retain(|(count, _)| *count >= 1_000.0);
            if points.len() > 1 {
                println!(
                    "| {words} | {outcome} | exponent from 1,000 on | | | {:.2} | |",
                    exponent(&points)
                );
            }
        }
    }
}
