//! Distributes missing targets over jobs within the limits of a matrix, so that the jobs take about the same time.
//!
//! A job has targets of one platform and one runner. Targets that need each other go into one job, unless that would be much
//! longer than the others. The weights are divided as "longest first, to the shortest job", which is at most a third
//! longer than the best division.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use larder_core::model::Platform;

use super::missing::{BUILD, Missing, Runner};
use super::{Job, MatrixLimits};

/// As many builds as may wait for each other in one job, even if there is room for more jobs.
const CHAIN: usize = 8 * BUILD;
/// More than the bytes of a job in JSON beside its names.
const JOB_BYTES: usize = 96;

pub(super) struct Distributed {
    pub(super) jobs: Vec<Job>,
    /// The job of each target.
    pub(super) places: Vec<Option<usize>>,
    /// The targets without a job.
    pub(super) left: Vec<usize>,
}

/// Missing that stay together.
struct Unit {
    weight: usize,
    members: Vec<usize>,
}

/// The platform and the runner of a job.
type Group = (Platform, Runner);

pub(super) fn distribute(missing: &Missing<'_>, limits: MatrixLimits) -> Distributed {
    let total: usize = (0..missing.len()).map(|id| missing.weight(id)).sum();
    let fair = total.div_ceil(limits.jobs.max(1));
    let groups = units(missing, (2 * fair).max(CHAIN), limits.names);
    let mut jobs: Vec<(Job, Vec<usize>)> = Vec::new();
    for (group, number) in numbers_of_jobs(&groups, limits.jobs) {
        for members in divide(missing, &groups[&group], number, limits.names) {
            let names: Vec<&str> = members
                .iter()
                .map(|id| missing.target(*id).name.as_str())
                .collect();
            let job = Job {
                subsystem: names.join(" "),
                platform: group.0,
                runner: group.1.label,
            };
            jobs.push((job, members));
        }
    }
    jobs.sort_by(|(a, _), (b, _)| {
        let key = |job: &Job| (job.platform, job.runner);
        key(a)
            .cmp(&key(b))
            .then_with(|| a.subsystem.cmp(&b.subsystem))
    });
    let mut bytes = 0;
    jobs.retain(|(job, _)| {
        let more = job.subsystem.len() + JOB_BYTES;
        let fits = bytes + more <= limits.json;
        bytes += if fits { more } else { 0 };
        fits
    });
    let mut places = vec![None; missing.len()];
    for (job, (_, members)) in jobs.iter().enumerate() {
        for id in members {
            places[*id] = Some(job);
        }
    }
    Distributed {
        left: (0..missing.len())
            .filter(|id| places[*id].is_none())
            .collect(),
        jobs: jobs.into_iter().map(|(job, _)| job).collect(),
        places,
    }
}

/// The targets that stay together, by group. Those of one job need each other and are not heavier than `heaviest`; a larger
/// component is cut where its targets come one after the other in the order of their needs.
fn units(missing: &Missing<'_>, heaviest: usize, names: usize) -> BTreeMap<Group, Vec<Unit>> {
    let mut components = Components((0..missing.len()).collect());
    let group = |id: usize| (missing.target(id).platform, missing.runner(id));
    for id in 0..missing.len() {
        for need in missing.needs(id) {
            if group(need) == group(id) {
                components.join(id, need);
            }
        }
    }
    let mut open: BTreeMap<usize, (Unit, usize)> = BTreeMap::new();
    let mut groups: BTreeMap<Group, Vec<Unit>> = BTreeMap::new();
    let mut close = |unit: Unit| groups.entry(group(unit.members[0])).or_default().push(unit);
    for id in missing.in_order_of_needs() {
        let (weight, bytes) = (
            missing.weight(id),
            missing.target(id).name.as_str().len() + 1,
        );
        match open.get_mut(&components.of(id)) {
            Some((unit, used)) if unit.weight + weight <= heaviest && *used + bytes <= names => {
                unit.weight += weight;
                unit.members.push(id);
                *used += bytes;
            }
            _ => {
                let unit = Unit {
                    weight,
                    members: vec![id],
                };
                if let Some((full, _)) = open.insert(components.of(id), (unit, bytes)) {
                    close(full);
                }
            }
        }
    }
    for (unit, _) in open.into_values() {
        close(unit);
    }
    groups
}

/// The number of jobs of each group, `most` together unless there are fewer units: one each, and every further job goes to
/// the group whose jobs are the longest. If there are more groups than jobs, the lightest get none.
fn numbers_of_jobs(groups: &BTreeMap<Group, Vec<Unit>>, most: usize) -> Vec<(Group, usize)> {
    let weight = |group: &Group| -> usize { groups[group].iter().map(|unit| unit.weight).sum() };
    let mut weights: Vec<(Group, usize)> = groups.keys().map(|g| (*g, weight(g))).collect();
    weights.sort_by_key(|(group, weight)| (Reverse(*weight), *group));
    weights.truncate(most);
    let mut numbers: Vec<(Group, usize)> = weights.iter().map(|(group, _)| (*group, 1)).collect();
    for _ in numbers.len()..most {
        let longest = (0..numbers.len())
            .filter(|n| numbers[*n].1 < groups[&numbers[*n].0].len())
            .max_by_key(|n| (weights[*n].1 * 1024 / numbers[*n].1, Reverse(*n)));
        let Some(longest) = longest else { break };
        numbers[longest].1 += 1;
    }
    numbers
}

/// Divides the units of a group into jobs, without those for which no job has room for the names. The targets of a job are
/// sorted.
fn divide(missing: &Missing<'_>, units: &[Unit], jobs: usize, names: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<&Unit> = units.iter().collect();
    order.sort_by_key(|unit| (Reverse(unit.weight), unit.members[0]));
    let mut members: Vec<(usize, Vec<usize>)> = vec![(0, Vec::new()); jobs];
    let mut shortest: BinaryHeap<Reverse<(usize, usize)>> =
        (0..jobs).map(|job| Reverse((0, job))).collect();
    for unit in order {
        let bytes: usize = unit
            .members
            .iter()
            .map(|id| missing.target(*id).name.as_str().len() + 1)
            .sum();
        let mut full = Vec::new();
        while let Some(Reverse((weight, job))) = shortest.pop() {
            let (used, held) = &mut members[job];
            if *used + bytes <= names {
                *used += bytes;
                held.extend(&unit.members);
                shortest.push(Reverse((weight + unit.weight, job)));
                break;
            }
            full.push(Reverse((weight, job)));
        }
        shortest.extend(full);
    }
    let mut jobs: Vec<Vec<usize>> = members.into_iter().map(|(_, held)| held).collect();
    jobs.retain(|held| !held.is_empty());
    for held in &mut jobs {
        held.sort_unstable();
    }
    jobs
}

/// Which targets need each other, directly or through others: a forest in which each root stands for a component.
struct Components(Vec<usize>);

impl Components {
    fn of(&mut self, mut id: usize) -> usize {
        while self.0[id] != id {
            self.0[id] = self.0[self.0[id]];
            id = self.0[id];
        }
        id
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        self.0[a.max(b)] = a.min(b);
    }
}
