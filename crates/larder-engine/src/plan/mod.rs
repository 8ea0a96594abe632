//! Goals → a graph of cells. petgraph is hidden behind our own ids.
//!
//! Knows the project's words for what needs what; knows nothing of what is installed, so every node is only *possible*
//! work: a cell that is asked for (or needed by one that is) is a goal, a cell that only a build would need is dormant
//! until that build really happens.

mod draw;
pub mod matrix;

use std::collections::{BTreeMap, BTreeSet};

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};

use larder_core::error::{Error, Result};
use larder_core::model::{Cell, Name, Platform};
use larder_core::project::{Project, Subsystem};

pub use draw::Drawing;

/// A node of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellId(usize);

/// Why one cell waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// `needs`: ensured along with it, always.
    Needs,
    /// `build.needs`: ensured only when a build really happens.
    BuildNeeds,
}

/// A graph of cells, with the goals among them.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    graph: StableDiGraph<Cell, Edge>,
    index: BTreeMap<Cell, NodeIndex>,
    goals: BTreeSet<CellId>,
    skipped: Vec<(Cell, String)>,
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
    let near = project
        .subsystems
        .keys()
        .map(Name::as_str)
        .max_by(|a, b| strsim::jaro_winkler(a, word).total_cmp(&strsim::jaro_winkler(b, word)));
    match near {
        Some(near) if strsim::jaro_winkler(near, word) > 0.75 => {
            error.hint(format!("did you mean `{near}`?"))
        }
        _ => error.hint("`larder list` shows what there is"),
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
    /// The cells that a selection means, with all they may need.
    pub fn new(project: &Project, selection: &Selection, platforms: &Platforms) -> Self {
        let mut plan = Self::default();
        plan.add(project, selection, platforms);
        plan
    }

    /// Adds the cells that a selection means, with all they may need.
    pub fn add(&mut self, project: &Project, selection: &Selection, platforms: &Platforms) {
        for subsystem in selection.subsystems(project) {
            let (there, missing) = platforms.of(project, subsystem);
            for platform in there {
                self.goal(
                    project,
                    &Cell {
                        name: subsystem.name.clone(),
                        platform,
                    },
                );
            }
            for platform in missing {
                let cell = Cell {
                    name: subsystem.name.clone(),
                    platform,
                };
                let reason = absent(project, subsystem, platform);
                self.skipped.push((cell, reason));
            }
        }
    }

    /// Makes a cell a goal, and what it needs.
    fn goal(&mut self, project: &Project, cell: &Cell) {
        let id = self.node(project, cell);
        if !self.goals.insert(id) {
            return;
        }
        for need in self.neighbours(id, Edge::Needs) {
            let cell = self.cell(need).clone();
            self.goal(project, &cell);
        }
    }

    fn node(&mut self, project: &Project, cell: &Cell) -> CellId {
        if let Some(index) = self.index.get(cell) {
            return CellId(index.index());
        }
        let index = self.graph.add_node(cell.clone());
        self.index.insert(cell.clone(), index);
        let Some(subsystem) = project.subsystems.get(&cell.name) else {
            return CellId(index.index());
        };
        for need in &subsystem.needs {
            let exists = project
                .subsystems
                .get(need)
                .is_some_and(|s| s.platforms.contains(&cell.platform));
            if exists {
                let id = self.node(
                    project,
                    &Cell {
                        name: need.clone(),
                        platform: cell.platform,
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
                    &Cell {
                        name: need.clone(),
                        platform: Platform::host(),
                    },
                );
                self.graph
                    .add_edge(index, NodeIndex::new(id.0), Edge::BuildNeeds);
            }
        }
        CellId(index.index())
    }

    /// The cell of a node.
    pub fn cell(&self, id: CellId) -> &Cell {
        &self.graph[NodeIndex::new(id.0)]
    }

    /// Every node, sorted by cell.
    pub fn ids(&self) -> Vec<CellId> {
        self.index
            .values()
            .map(|index| CellId(index.index()))
            .collect()
    }

    /// Whether a node is a goal, not only possibly needed by a build.
    pub fn is_goal(&self, id: CellId) -> bool {
        self.goals.contains(&id)
    }

    /// The goals, sorted by cell.
    pub fn goals(&self) -> Vec<CellId> {
        self.ids()
            .into_iter()
            .filter(|id| self.is_goal(*id))
            .collect()
    }

    /// Cells that were asked for and don't exist, with the reason.
    pub fn skipped(&self) -> &[(Cell, String)] {
        &self.skipped
    }

    /// What a node waits for, by one kind of edge.
    pub fn neighbours(&self, id: CellId, edge: Edge) -> Vec<CellId> {
        let index = NodeIndex::new(id.0);
        let mut found: Vec<CellId> = self
            .graph
            .edges_directed(index, Direction::Outgoing)
            .filter(|e| *e.weight() == edge)
            .map(|e| CellId(petgraph::visit::EdgeRef::target(&e).index()))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// What must be there before a node can be built: its `needs` and its `build.needs`.
    pub fn before_build(&self, id: CellId) -> Vec<CellId> {
        let mut all = self.neighbours(id, Edge::Needs);
        all.extend(self.neighbours(id, Edge::BuildNeeds));
        all.sort();
        all.dedup();
        all
    }
}
