//! The missing targets with the runner of each, and with what each needs of the others.
//!
//! A target is *flexible* if any machine can make it. It is made on Linux, unless a build or a target that only another
//! runner can make needs it there, or unless it needs one itself: whatever `ensure` would make in a job is planned for
//! that job. Of jobs it knows only that there is a runner for each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use larder_core::model::{Arch, Name, Os, Platform, SourceKind, Target};
use larder_core::project::{BuildPlatforms, Project, Subsystem};

/// A kind of runner. The labels have versions: a `-latest` label moves to a newer system at some time, so builds would no
/// longer run on older systems, and not at the same time for all architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Runner {
    pub(super) label: &'static str,
    platform: Platform,
}

/// The runner for targets that can be made on any machine.
const ANY: Runner = Runner {
    label: "ubuntu-24.04",
    platform: Platform {
        os: Os::Linux,
        arch: Arch::Amd64,
        libc: None,
    },
};

/// The time of a download.
pub(super) const DOWNLOAD: usize = 1;
/// The time of a build, in downloads. It is a guess: what builds took is known on the machine that built, not to a plan.
pub(super) const BUILD: usize = 10;

struct MissingTarget<'a> {
    target: &'a Target,
    subsystem: &'a Subsystem,
    runner: Runner,
    flexible: bool,
    builds: bool,
}

/// The missing targets; the id of one is its place.
pub(super) struct Missing<'a> {
    project: &'a Project,
    targets: Vec<MissingTarget<'a>>,
    index: HashMap<(&'a Name, Platform), usize>,
}

impl<'a> Missing<'a> {
    /// These targets, and apart from them those that no runner can make.
    pub(super) fn new(project: &'a Project, missing: &'a [Target]) -> (Self, Vec<Target>) {
        let mut nowhere = Vec::new();
        let mut targets = Vec::new();
        for target in missing {
            match planned(project, target) {
                Some(planned) => targets.push(planned),
                None => nowhere.push(target.clone()),
            }
        }
        let index = targets
            .iter()
            .enumerate()
            .map(|(id, of)| ((&of.target.name, of.target.platform), id))
            .collect();
        let mut missing = Self {
            project,
            targets,
            index,
        };
        missing.bring_needs_together();
        (missing, nowhere)
    }

    pub(super) fn len(&self) -> usize {
        self.targets.len()
    }

    pub(super) fn target(&self, id: usize) -> &'a Target {
        self.targets[id].target
    }

    pub(super) fn runner(&self, id: usize) -> Runner {
        self.targets[id].runner
    }

    pub(super) fn weight(&self, id: usize) -> usize {
        if self.targets[id].builds {
            BUILD
        } else {
            DOWNLOAD
        }
    }

    /// Moves flexible targets to the runner of what they need and of what needs them. Each moves once at most.
    fn bring_needs_together(&mut self) {
        loop {
            let mut moves = Vec::new();
            for (id, of) in self.targets.iter().enumerate() {
                for need in self.needs(id) {
                    let needed = &self.targets[need];
                    if needed.runner == of.runner {
                        continue;
                    }
                    if needed.flexible && native(needed.target.platform) == Some(of.runner) {
                        moves.push((need, of.runner));
                    } else if of.flexible && native(of.target.platform) == Some(needed.runner) {
                        moves.push((id, needed.runner));
                    }
                }
            }
            if moves.is_empty() {
                return;
            }
            for (id, runner) in moves {
                self.targets[id].runner = runner;
                self.targets[id].flexible = false;
            }
        }
    }

    /// The targets that `ensure` makes before this one: its needs for the same platform and, if it is built, those of the
    /// build for the platform of the runner.
    pub(super) fn needs(&self, id: usize) -> Vec<usize> {
        let MissingTarget {
            target,
            subsystem,
            runner,
            builds,
            ..
        } = &self.targets[id];
        let needs = subsystem.needs.iter().map(|need| (need, target.platform));
        let build = subsystem.build.as_ref().filter(|_| *builds);
        let build_needs = build
            .into_iter()
            .flat_map(|build| &build.needs)
            .filter_map(|need| Some((need, self.platform_on(need, *runner)?)));
        let known = needs.chain(build_needs);
        known
            .filter_map(|need| self.index.get(&need).copied())
            .filter(|need| *need != id)
            .collect()
    }

    /// The platform for which a runner uses a subsystem: its own, else another one that it also makes.
    fn platform_on(&self, name: &Name, runner: Runner) -> Option<Platform> {
        let platforms = &self.project.subsystems.get(name)?.platforms;
        let of_runner = |platform: &&Platform| native(**platform) == Some(runner);
        if platforms.contains(&runner.platform) {
            return Some(runner.platform);
        }
        platforms.iter().find(of_runner).copied()
    }

    /// Every target after those that it needs, as far as that is possible.
    pub(super) fn in_order_of_needs(&self) -> Vec<usize> {
        let mut seen = vec![false; self.len()];
        let mut order = Vec::with_capacity(self.len());
        for start in 0..self.len() {
            let mut path = Vec::new();
            if !std::mem::replace(&mut seen[start], true) {
                path.push((start, self.needs(start)));
            }
            while let Some((id, needs)) = path.last_mut() {
                match needs.pop() {
                    Some(need) if !std::mem::replace(&mut seen[need], true) => {
                        path.push((need, self.needs(need)));
                    }
                    Some(_) => {}
                    None => {
                        order.push(*id);
                        path.pop();
                    }
                }
            }
        }
        order
    }

    /// The targets that jobs other than their own make as well, with the number of all their jobs. `places` has the job of
    /// each target, if it has one.
    pub(super) fn repeated(&self, places: &[Option<usize>]) -> Vec<(usize, usize)> {
        let mut users: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (id, place) in places.iter().enumerate() {
            let Some(job) = place else { continue };
            for need in self.needs(id) {
                users.entry(need).or_default().insert(*job);
            }
        }
        users
            .into_iter()
            .map(|(need, mut jobs)| {
                jobs.extend(places[need]);
                (need, jobs.len())
            })
            .filter(|(_, jobs)| *jobs > 1)
            .collect()
    }
}

/// A target on the runner that makes it if nothing else matters; `None` if there is none.
fn planned<'a>(project: &'a Project, target: &'a Target) -> Option<MissingTarget<'a>> {
    let subsystem = project.subsystems.get(&target.name)?;
    let of = |runner, flexible, builds| {
        Some(MissingTarget {
            target,
            subsystem,
            runner,
            flexible,
            builds,
        })
    };
    if subsystem.upstream.is_some() && project.sources.contains(&SourceKind::Original) {
        return of(ANY, true, false);
    }
    match &subsystem
        .build
        .as_ref()
        .filter(|_| project.sources.contains(&SourceKind::Build))?
        .platforms
    {
        BuildPlatforms::Host => of(native(target.platform)?, false, true),
        BuildPlatforms::All => of(ANY, true, true),
        BuildPlatforms::List(list) if list.contains(&target.platform) => of(ANY, true, true),
        BuildPlatforms::List(_) => None,
    }
}

/// GitHub's runner for a platform.
fn native(platform: Platform) -> Option<Runner> {
    let label = match (platform.os, platform.arch) {
        (Os::Linux, Arch::Amd64) => "ubuntu-24.04",
        (Os::Linux, Arch::Arm64) => "ubuntu-24.04-arm",
        (Os::Darwin, Arch::Arm64) => "macos-15",
        (Os::Darwin, Arch::Amd64) => "macos-15-intel",
        (Os::Windows, Arch::Amd64) => "windows-2025",
        (Os::Windows, Arch::Arm64) => "windows-11-arm",
        _ => return None,
    };
    let platform = Platform {
        libc: None,
        ..platform
    };
    Some(Runner { label, platform })
}
