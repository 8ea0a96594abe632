//! Goals → a graph of targets. petgraph is hidden behind our own ids.
//!
//! Knows the project's words for what needs what; knows nothing of what is installed, so every node is only *possible*
//! work: a target that is asked for (or needed by one that is) is a goal, a target that only a build would need is dormant
//! until that build really happens.

mod draw;
pub mod matrix;

use std::collections::{BTreeMap, BTreeSet};

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};

use larder_core::error::{Error, Result};
use larder_core::model::{Name, Platform, Target};
use larder_core::project::{Project, Subsystem};
use larder_core::suggestions;

pub use draw::Drawing;

/// A node of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId(usize);

/// Why one target waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// `needs`: ensured along with it, always.
    Needs,
    /// `build.needs`: ensured only when a build really happens.
    BuildNeeds,
}

/// A graph of targets, with the goals among them.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    graph: StableDiGraph<Target, Edge>,
    index: BTreeMap<Target, NodeIndex>,
    goals: BTreeSet<TargetId>,
    skipped: Vec<(Target, String)>,
}

/// Which subsystems a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// These.
    Names(Vec<Name>),
}

/// Which platforms a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Platforms {
    /// The host.
    Host,
    /// The project's (each subsystem as far as it exists there).
    All,
    /// These.
    List(Vec<Platform>),
}

impl Selection {
    /// From command-line words: names, or `all`. Unknown names are errors with a "did you mean".
    pub fn parse(project: &Project, words: &[String]) -> Result<Self> {
        if words.iter().any(|word| word == "all") {
            return Ok(Self::All);
        }
        let mut names: Vec<Name> = Vec::new();
        for word in words {
            let known = project.subsystems.keys().find(|name| name.as_str() == word);
            let Some(name) = known else {
                return Err(unknown_name(project, word));
            };
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Ok(Self::Names(names))
    }

    /// The same, where no words mean all.
    pub fn parse_or_all(project: &Project, words: &[String]) -> Result<Self> {
        if words.is_empty() {
            Ok(Self::All)
        } else {
            Self::parse(project, words)
        }
    }

    /// The subsystems, sorted by name.
    pub fn subsystems<'a>(&self, project: &'a Project) -> Vec<&'a Subsystem> {
        match self {
            Self::All => project.subsystems.values().collect(),
            Self::Names(names) => project
                .subsystems
                .values()
                .filter(|s| names.contains(&s.name))
                .collect(),
        }
    }
}

fn unknown_name(project: &Project, word: &str) -> Error {
    let error = Error::usage(format!("no subsystem is called `{word}`"));
    match suggestions::nearest(word, project.subsystems.keys().map(Name::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`larder list` shows what there is"),
    }
}

impl Platforms {
    /// The platforms of a subsystem that are meant, and those that were named but where it does not exist.
    pub fn of(&self, project: &Project, subsystem: &Subsystem) -> (Vec<Platform>, Vec<Platform>) {
        let named = match self {
            Self::Host => vec![Platform::host()],
            Self::All => project
                .platforms
                .iter()
                .copied()
                .filter(|platform| subsystem.platforms.contains(platform))
                .collect(),
            Self::List(list) => list.clone(),
        };
        named
            .into_iter()
            .partition(|platform| subsystem.platforms.contains(platform))
    }
}

/// That a subsystem does not exist for a platform, and which file says so.
pub fn absent(project: &Project, subsystem: &Subsystem, platform: Platform) -> String {
    // A recipe that names no platforms has the project's.
    let of = if subsystem.platforms == project.platforms {
        "in versions.yml"
    } else {
        "of its recipe"
    };
    format!(
        "`{}` does not exist for {platform} (see `platforms` {of})",
        subsystem.name
    )
}

impl Plan {
    /// The targets that a selection means, with all they may need.
    pub fn new(project: &Project, selection: &Selection, platforms: &Platforms) -> Self {
        let mut plan = Self::default();
        plan.add(project, selection, platforms);
        plan
    }

    /// Adds the targets that a selection means, with all they may need.
    pub fn add(&mut self, project: &Project, selection: &Selection, platforms: &Platforms) {
        for subsystem in selection.subsystems(project) {
            let (there, missing) = platforms.of(project, subsystem);
            for platform in there {
                self.goal(
                    project,
                    &Target {
                        name: subsystem.name.clone(),
                        platform,
                    },
                );
            }
            for platform in missing {
                let target = Target {
                    name: subsystem.name.clone(),
                    platform,
                };
                let reason = absent(project, subsystem, platform);
                self.skipped.push((target, reason));
            }
        }
    }

    /// Makes a target a goal, and what it needs.
    fn goal(&mut self, project: &Project, target: &Target) {
        let id = self.node(project, target);
        if !self.goals.insert(id) {
            return;
        }
        for need in self.neighbours(id, Edge::Needs) {
            let target = self.target(need).clone();
            self.goal(project, &target);
        }
    }

    fn node(&mut self, project: &Project, target: &Target) -> TargetId {
        if let Some(index) = self.index.get(target) {
            return TargetId(index.index());
        }
        let index = self.graph.add_node(target.clone());
        self.index.insert(target.clone(), index);
        let Some(subsystem) = project.subsystems.get(&target.name) else {
            return TargetId(index.index());
        };
        for need in &subsystem.needs {
            let exists = project
                .subsystems
                .get(need)
                .is_some_and(|s| s.platforms.contains(&target.platform));
            if exists {
                let id = self.node(
                    project,
                    &Target {
                        name: need.clone(),
                        platform: target.platform,
                    },
                );
                self.graph
                    .add_edge(index, NodeIndex::new(id.0), Edge::Needs);
            }
        }
        if let Some(build) = &subsystem.build {
            for need in &build.needs {
                let id = self.node(
                    project,
                    &Target {
                        name: need.clone(),
                        platform: Platform::host(),
                    },
                );
                self.graph
                    .add_edge(index, NodeIndex::new(id.0), Edge::BuildNeeds);
            }
        }
        TargetId(index.index())
    }

    /// The target of a node.
    pub fn target(&self, id: TargetId) -> &Target {
        &self.graph[NodeIndex::new(id.0)]
    }

    /// Every node, sorted by target.
    pub fn ids(&self) -> Vec<TargetId> {
        self.index
            .values()
            .map(|index| TargetId(index.index()))
            .collect()
    }

    /// Whether a node is a goal, not only possibly needed by a build.
    pub fn is_goal(&self, id: TargetId) -> bool {
        self.goals.contains(&id)
    }

    /// The goals, sorted by target.
    pub fn goals(&self) -> Vec<TargetId> {
        self.ids()
            .into_iter()
            .filter(|id| self.is_goal(*id))
            .collect()
    }

    /// Targets that were asked for and don't exist, with the reason.
    pub fn skipped(&self) -> &[(Target, String)] {
        &self.skipped
    }

    /// What a node waits for, by one kind of edge.
    pub fn neighbours(&self, id: TargetId, edge: Edge) -> Vec<TargetId> {
        let index = NodeIndex::new(id.0);
        let mut found: Vec<TargetId> = self
            .graph
            .edges_directed(index, Direction::Outgoing)
            .filter(|e| *e.weight() == edge)
            .map(|e| TargetId(petgraph::visit::EdgeRef::target(&e).index()))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// What must be there before a node can be built: its `needs` and its `build.needs`.
    pub fn before_build(&self, id: TargetId) -> Vec<TargetId> {
        let mut all = self.neighbours(id, Edge::Needs);
        all.extend(self.neighbours(id, Edge::BuildNeeds));
        all.sort();
        all.dedup();
        all
    }
}
