//! The law of runs: whatever the graph, nothing is built before all that its build needs is
//! installed, and every goal gets an outcome. Random graphs, with work that only notes its order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::Utf8Path;
use larder_core::cancel::Cancel;
use larder_core::error::Error;
use larder_core::fs;
use larder_core::model::{Name, Outcome, Target};
use larder_core::project::Project;
use larder_core::project::user::UserConfig;
use proptest::prelude::*;

use super::{Answer, Ended, Limits, Work, run};
use crate::plan::{Edge, Plan, Platforms, Selection};

/// What becomes of a subsystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Installed,
    Built,
    /// Another machine builds it.
    BuiltElsewhere,
    /// Another machine should build it, and can't.
    BuiltAfterAll,
    Failed,
}

/// One subsystem: which of those before it it needs, and which its build needs.
#[derive(Clone, Debug)]
struct Node {
    needs: u8,
    build_needs: u8,
    fate: Fate,
}

fn name(n: usize) -> Name {
    format!("t{n}").parse().unwrap()
}

/// The names of the subsystems before this one that a mask selects.
fn selected(mask: u8, before: usize) -> BTreeSet<Name> {
    (0..before)
        .filter(|n| mask >> n & 1 == 1)
        .map(name)
        .collect()
}

fn project(nodes: &[Node], root: &Utf8Path) -> Project {
    let write = |path: String, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write_atomic(&path, text.as_bytes()).unwrap();
    };
    let mut versions = "versions:\n".to_owned();
    for (n, node) in nodes.iter().enumerate() {
        let list = |mask| {
            let names = selected(mask, n).into_iter();
            names
                .map(|name| name.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        writeln!(versions, "  t{n}: v1").unwrap();
        let recipe = format!(
            "binaries: [t{n}]\nneeds: [{}]\nbuild: {{source: {{dir: .}}, commands: [make], needs: [{}]}}\n",
            list(node.needs),
            list(node.build_needs)
        );
        write(format!("subsystems/t{n}/recipe.yml"), &recipe);
    }
    write("versions.yml".to_owned(), &versions);
    Project::load(root, &UserConfig::default()).unwrap()
}

/// Notes what happens, in its order.
struct Notes {
    fates: BTreeMap<Name, Fate>,
    /// A name, and whether it is installed now, or else its build starts.
    events: Mutex<Vec<(Name, bool)>>,
}

impl Notes {
    fn note(&self, target: &Target, is_installed: bool) {
        let mut events = self.events.lock().unwrap();
        events.push((target.name.clone(), is_installed));
    }
}

impl Work for Notes {
    fn acquire(&self, target: &Target) -> Answer {
        match self.fates[&target.name] {
            Fate::Installed => {
                self.note(target, true);
                Answer::Done(Outcome::Restored)
            }
            Fate::Built | Fate::BuiltElsewhere | Fate::BuiltAfterAll => {
                Answer::MustBuild("it is asked to".into())
            }
            Fate::Failed => Answer::Failed(Error::failed("it is asked to")),
        }
    }
    fn is_remote(&self, target: &Target) -> bool {
        let fate = self.fates[&target.name];
        matches!(fate, Fate::BuiltElsewhere | Fate::BuiltAfterAll)
    }
    fn build(&self, target: &Target, reason: &str) -> Answer {
        if self.fates[&target.name] == Fate::BuiltAfterAll && reason != "here" {
            return Answer::BuildHere("here".into());
        }
        self.note(target, false);
        self.note(target, true);
        Answer::Done(Outcome::Built)
    }
    fn skipped(&self, _: &Target, _: &str) {}
}

fn node() -> impl Strategy<Value = Node> {
    let fate = prop_oneof![
        4 => Just(Fate::Installed),
        5 => Just(Fate::Built),
        2 => Just(Fate::BuiltElsewhere),
        1 => Just(Fate::BuiltAfterAll),
        1 => Just(Fate::Failed),
    ];
    (any::<u8>(), any::<u8>(), any::<u8>(), fate).prop_map(|(needs, build_needs, thin, fate)| {
        Node {
            needs: needs & thin,
            build_needs: build_needs & !thin,
            fate,
        }
    })
}

fn edges(plan: &Plan) -> usize {
    let of = |id| plan.before_build(id).count();
    plan.ids().into_iter().map(of).sum()
}

/// A plan of a project that differs from a small one only in the number of its subsystems. Each is
/// built, and its build needs those that `needs` names.
fn large(count: usize, goal: usize, needs: impl Fn(usize) -> Vec<usize>) -> Plan {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    let node = Node {
        needs: 0,
        build_needs: 0,
        fate: Fate::Built,
    };
    let mut project = project(&[node], root);
    let (_, one) = project.subsystems.pop_first().unwrap();
    for n in 0..count {
        let mut subsystem = one.clone();
        subsystem.name = name(n);
        subsystem.build.as_mut().unwrap().needs = needs(n).into_iter().map(name).collect();
        project.subsystems.insert(name(n), subsystem);
    }
    Plan::new(
        &project,
        &Selection::Names(vec![name(goal)]),
        &Platforms::Host,
    )
}

/// Builds everything, or fails at one target.
struct Builds(Option<usize>);

impl Work for Builds {
    fn acquire(&self, target: &Target) -> Answer {
        match self.0 {
            Some(failed) if target.name == name(failed) => {
                Answer::Failed(Error::failed("asked to"))
            }
            _ => Answer::MustBuild("it is asked to".into()),
        }
    }
    fn build(&self, _: &Target, _: &str) -> Answer {
        Answer::Done(Outcome::Built)
    }
    fn skipped(&self, _: &Target, _: &str) {}
}

/// Another machine builds everything, until it is gone with the first build.
#[derive(Default)]
struct Leaves {
    is_gone: AtomicBool,
    /// How many builds run on this machine, and the most at once.
    here: AtomicUsize,
    most: AtomicUsize,
}

impl Work for Leaves {
    fn acquire(&self, _: &Target) -> Answer {
        Answer::MustBuild("it is asked to".into())
    }
    fn is_remote(&self, _: &Target) -> bool {
        !self.is_gone.load(Ordering::SeqCst)
    }
    fn build(&self, _: &Target, reason: &str) -> Answer {
        // Meanwhile the others wait for a place there, or on this machine.
        std::thread::sleep(Duration::from_millis(30));
        if !self.is_gone.swap(true, Ordering::SeqCst) {
            return Answer::BuildHere(reason.into());
        }
        let here = self.here.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(here, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(10));
        self.here.fetch_sub(1, Ordering::SeqCst);
        Answer::Done(Outcome::Built)
    }
    fn skipped(&self, _: &Target, _: &str) {}
}

#[test]
fn what_waits_for_a_machine_that_is_gone_takes_the_places_of_this_one() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let fan = large(6, 5, |n| if n == 5 { (0..n).collect() } else { Vec::new() });
    let leaves = Arc::new(Leaves::default());
    let work: Arc<dyn Work> = Arc::clone(&leaves) as Arc<dyn Work>;
    let limits = Limits {
        jobs: NonZeroUsize::new(1),
        remote: 1,
        keep_going: true,
    };
    let ended = run(&fan, &work, limits, runtime.handle(), &Cancel::new());
    assert_eq!(ended.outcomes.len(), 6);
    assert_eq!(leaves.most.load(Ordering::SeqCst), 1);
}

#[test]
fn the_work_of_a_run_grows_as_its_graph() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let before = |n: usize, width: usize| (n.saturating_sub(width)..n).collect();
    for count in [200, 2_000, 10_000] {
        let last = count - 1;
        let chain = large(count, last, |n| before(n, 1));
        let ladder = large(count, last, |n| before(n, 5));
        // All wait for the first one, and the last one for all others.
        let fan = large(count, last, |n| match n {
            0 => Vec::new(),
            n if n == last => (0..n).collect(),
            _ => vec![0],
        });
        for (plan, failed) in [
            (&chain, None),
            (&ladder, None),
            (&fan, None),
            (&fan, Some(0)),
            (&chain, Some(0)),
        ] {
            let work: Arc<dyn Work> = Arc::new(Builds(failed));
            let limits = Limits {
                jobs: NonZeroUsize::new(2),
                keep_going: true,
                ..Limits::default()
            };
            let ended = run(plan, &work, limits, runtime.handle(), &Cancel::new());
            assert_eq!(ended.outcomes.len(), count);
            let wanted = if failed.is_some() {
                Outcome::Skipped
            } else {
                Outcome::Built
            };
            let others = ended
                .outcomes
                .iter()
                .filter(|(_, outcome)| *outcome != wanted)
                .count();
            assert_eq!(others, usize::from(failed.is_some()));
            assert!(
                ended.visits <= 3 * edges(plan),
                "{count}: {} visits",
                ended.visits
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_built_before_what_its_build_needs(
        nodes in prop::collection::vec(node(), 1..9),
        wanted: u8,
        jobs in 1_usize..4,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let project = project(&nodes, Utf8Path::from_path(dir.path()).unwrap());
        let wanted = selected(wanted | 1, nodes.len());
        let selection = Selection::Names(wanted.iter().cloned().collect());
        let plan = Plan::new(&project, &selection, &Platforms::Host);

        // The plan has an edge for each need, and a node for nothing else.
        let named = |ids: Vec<crate::plan::TargetId>| -> BTreeSet<Name> {
            ids.into_iter().map(|id| plan.target(id).name.clone()).collect()
        };
        for id in plan.ids() {
            let own = plan.target(id).name.as_str();
            let n: usize = own.trim_start_matches('t').parse().unwrap();
            prop_assert_eq!(named(plan.neighbours(id, Edge::Needs)), selected(nodes[n].needs, n));
            prop_assert_eq!(named(plan.neighbours(id, Edge::BuildNeeds)), selected(nodes[n].build_needs, n));
        }
        let goals = named(plan.goals());
        prop_assert!(wanted.is_subset(&goals));

        let fates = nodes.iter().enumerate().map(|(n, node)| (name(n), node.fate)).collect();
        let notes = Arc::new(Notes { fates, events: Mutex::default() });
        let work: Arc<dyn Work> = Arc::clone(&notes) as Arc<dyn Work>;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let limits = Limits { jobs: NonZeroUsize::new(jobs), remote: 2, keep_going: true };
        let Ended { outcomes, visits, .. } = run(&plan, &work, limits, runtime.handle(), &Cancel::new());
        prop_assert!(visits <= 3 * edges(&plan), "{visits} visits of {} edges", edges(&plan));

        let mut installed = BTreeSet::new();
        for (built, is_installed) in notes.events.lock().unwrap().iter() {
            if *is_installed {
                installed.insert(built.clone());
                continue;
            }
            let n: usize = built.as_str().trim_start_matches('t').parse().unwrap();
            for need in selected(nodes[n].needs | nodes[n].build_needs, n) {
                prop_assert!(installed.contains(&need), "{built} is built before {need}");
            }
        }
        let ended: BTreeMap<&Name, Outcome> =
            outcomes.iter().map(|(target, outcome)| (&target.name, *outcome)).collect();
        for goal in &goals {
            prop_assert!(ended.contains_key(goal), "{goal} has no outcome");
        }
        // What only builds need is left alone, unless such a build really happened, or something
        // that such a build needs can't run without it.
        for name in installed.difference(&goals) {
            let needs = |(n, node): (usize, &Node)| {
                let is_built = !matches!(node.fate, Fate::Installed | Fate::Failed);
                let mask = if is_built { node.needs | node.build_needs } else { node.needs };
                ended.contains_key(&super::laws::name(n)) && selected(mask, n).contains(name)
            };
            prop_assert!(nodes.iter().enumerate().any(needs), "{name} was not needed");
        }
    }
}
