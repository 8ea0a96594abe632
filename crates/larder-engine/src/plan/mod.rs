//! The graph of targets.
//!
//! The graph is made from the project's recipes and not from what is installed, so a node is only *possible* work. A target
//! that was requested, or is needed by one that was, is a goal. A target that only a build would need is dormant until that
//! build really happens.

mod draw;
mod layout;
pub mod matrix;
mod svg;
mod targets;

use std::collections::BTreeMap;

use larder_core::model::{Name, Target, Version};
use larder_core::project::Project;

pub use draw::Drawing;
pub use targets::{Platforms, Selected, Selection, Targets};

/// A node of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId(pub(crate) usize);

/// Why one target waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// `needs`: always ensured with it.
    Needs,
    /// `build.needs`: ensured only when a build really happens.
    BuildNeeds,
}

/// A target with what it waits for.
#[derive(Clone, Debug)]
struct Node {
    target: Target,
    is_goal: bool,
    /// Sorted, without duplicates; so are `build_needs`.
    needs: Vec<TargetId>,
    build_needs: Vec<TargetId>,
}

/// A graph of targets, with the goals among them. It may have a hundred thousand nodes in one chain, so no function follows
/// it by recursion.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The id of a node is its place.
    nodes: Vec<Node>,
    index: BTreeMap<Target, TargetId>,
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
        let mut goals = vec![self.node(project, target)];
        while let Some(id) = goals.pop() {
            let node = &mut self.nodes[id.0];
            if !std::mem::replace(&mut node.is_goal, true) {
                goals.extend(&node.needs);
            }
        }
    }

    /// The node of a target. It is added, together with all that it may need, unless it is there.
    fn node(&mut self, project: &Project, target: &Target) -> TargetId {
        let (id, edges) = self.enter(project, target);
        let mut path = vec![(id, edges.into_iter())];
        while let Some((from, edges)) = path.last_mut() {
            let from = *from;
            let Some((target, edge)) = edges.next() else {
                let Node {
                    needs, build_needs, ..
                } = &mut self.nodes[from.0];
                for ids in [needs, build_needs] {
                    ids.sort_unstable();
                    ids.dedup();
                }
                path.pop();
                continue;
            };
            let (to, edges) = self.enter(project, &target);
            let node = &mut self.nodes[from.0];
            match edge {
                Edge::Needs => node.needs.push(to),
                Edge::BuildNeeds => node.build_needs.push(to),
            }
            if !edges.is_empty() {
                path.push((to, edges.into_iter()));
            }
        }
        id
    }

    /// The node of a target, and the edges that are still to be added to it: none if it was there.
    fn enter(&mut self, project: &Project, target: &Target) -> (TargetId, Vec<(Target, Edge)>) {
        if let Some(id) = self.index.get(target) {
            return (*id, Vec::new());
        }
        let id = TargetId(self.nodes.len());
        self.nodes.push(Node {
            target: target.clone(),
            is_goal: false,
            needs: Vec::new(),
            build_needs: Vec::new(),
        });
        self.index.insert(target.clone(), id);
        let Some(subsystem) = project.subsystems.get(&target.name) else {
            return (id, Vec::new());
        };
        let of_this_platform = |need: &&Name| {
            let subsystem = project.subsystems.get(*need);
            subsystem.is_some_and(|s| s.platforms.contains(&target.platform))
        };
        let needs = subsystem.needs.iter().filter(of_this_platform);
        let needs = needs.map(|need| Target {
            name: need.clone(),
            platform: target.platform,
        });
        let build_needs = subsystem.build.iter().flat_map(|build| &build.needs);
        let build_needs = build_needs.map(|need| project.host_target(need));
        let edges = needs
            .map(|need| (need, Edge::Needs))
            .chain(build_needs.map(|need| (need, Edge::BuildNeeds)));
        (id, edges.collect())
    }

    /// The number of nodes. Their ids are the numbers below it.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The target of a node.
    pub fn target(&self, id: TargetId) -> &Target {
        &self.nodes[id.0].target
    }

    /// Every node, sorted by target.
    pub fn ids(&self) -> Vec<TargetId> {
        self.index.values().copied().collect()
    }

    /// Whether a node is a goal; otherwise only a build may need it.
    pub fn is_goal(&self, id: TargetId) -> bool {
        self.nodes[id.0].is_goal
    }

    /// The goals, sorted by target.
    pub fn goals(&self) -> Vec<TargetId> {
        let ids = self.index.values().copied();
        ids.filter(|id| self.is_goal(*id)).collect()
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
        match edge {
            Edge::Needs => self.needs(id).to_vec(),
            Edge::BuildNeeds => self.nodes[id.0].build_needs.clone(),
        }
    }

    /// The `needs` of a node.
    pub(crate) fn needs(&self, id: TargetId) -> &[TargetId] {
        &self.nodes[id.0].needs
    }

    /// The nodes that must be installed before a node can be built: its `needs` and its `build.needs`. One that is both comes
    /// twice.
    pub fn before_build(&self, id: TargetId) -> impl Iterator<Item = TargetId> {
        let Node {
            needs, build_needs, ..
        } = &self.nodes[id.0];
        needs.iter().chain(build_needs).copied()
    }
}
