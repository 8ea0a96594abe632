//! The graph of targets. petgraph is an implementation detail, hidden behind our own ids.
//!
//! The graph is made from the project's recipes and not from what is installed, so a node is only *possible* work. A target
//! that was requested, or is needed by one that was, is a goal. A target that only a build would need is dormant until that
//! build really happens.

mod draw;
mod layout;
pub mod matrix;
mod svg;
mod targets;

use std::collections::{BTreeMap, BTreeSet};

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};

use larder_core::model::{Target, Version};
use larder_core::project::Project;

pub use draw::Drawing;
pub use targets::{Platforms, Selected, Selection, Targets};

/// A node of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId(usize);

/// Why one target waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// `needs`: always ensured with it.
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

impl Plan {
    /// A plan for the selected targets with everything that they may need.
    pub fn new(project: &Project, selection: &Selection, platforms: &Platforms) -> Self {
        let mut plan = Self::default();
        plan.add(project, selection, platforms);
        plan
    }

    /// Adds the selected targets with everything that they may need.
    pub fn add(&mut self, project: &Project, selection: &Selection, platforms: &Platforms) {
        for Selected {
            target,
            version: _,
            absent,
        } in Targets::new(project, selection, platforms)
        {
            match absent {
                None => self.goal(project, &target),
                Some(reason) => self.skipped.push((target, reason)),
            }
        }
    }

    /// Makes a target and its needs goals.
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
                let id = self.node(project, &project.host_target(need));
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

    /// Whether a node is a goal; otherwise only a build may need it.
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

    /// The goals with their versions.
    pub fn known_goals<'a>(&'a self, project: &'a Project) -> Vec<(&'a Target, &'a Version)> {
        let goals = self.goals().into_iter().map(|id| self.target(id));
        goals
            .filter_map(|target| {
                let subsystem = project.subsystems.get(&target.name)?;
                Some((target, &subsystem.version))
            })
            .collect()
    }

    /// Targets that were requested but don't exist, with the reason.
    pub fn skipped(&self) -> &[(Target, String)] {
        &self.skipped
    }

    /// The nodes that a node waits for, by one kind of edge.
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

    /// The nodes that must be installed before a node can be built: its `needs` and its `build.needs`.
    pub fn before_build(&self, id: TargetId) -> Vec<TargetId> {
        let mut all = self.neighbours(id, Edge::Needs);
        all.extend(self.neighbours(id, Edge::BuildNeeds));
        all.sort();
        all.dedup();
        all
    }
}
