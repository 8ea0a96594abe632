//! Draws a plan as Graphviz, Mermaid, a tree or JSON; the module `svg` draws pictures.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::{Edge, Plan};

/// The targets of a plan and their needs, as nodes and edges.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Drawing {
    /// The targets, sorted.
    pub nodes: Vec<Node>,
    /// An edge for each need.
    pub edges: Vec<Arrow>,
}

/// A target.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Node {
    /// `nats` on the host, `nats (windows-amd64)` elsewhere.
    pub id: String,
    /// The subsystem.
    pub subsystem: String,
    /// The platform.
    pub platform: String,
    /// Whether the target was requested, or is needed by one that was; otherwise only a build would need it.
    pub goal: bool,
}

/// An arrow from a target to one that it needs.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Arrow {
    /// The `id` of the target that has the need.
    pub from: String,
    /// The `id` of the needed target.
    pub to: String,
    /// The recipe's key: `needs` or `build.needs`.
    #[schemars(extend("enum" = ["needs", "build.needs"]))]
    pub kind: &'static str,
}

impl Drawing {
    /// The drawing of a plan.
    pub fn of(plan: &Plan) -> Self {
        let id = |target: &larder_core::model::Target| {
            if target.platform == larder_core::model::Platform::host() {
                target.name.to_string()
            } else {
                target.to_string()
            }
        };
        let mut drawing = Self {
            nodes: Vec::new(),
            edges: Vec::new(),
        };
        for node in plan.ids() {
            let target = plan.target(node);
            drawing.nodes.push(Node {
                id: id(target),
                subsystem: target.name.to_string(),
                platform: target.platform.to_string(),
                goal: plan.is_goal(node),
            });
            for (edge, kind) in [(Edge::Needs, "needs"), (Edge::BuildNeeds, "build.needs")] {
                for need in plan.neighbours(node, edge) {
                    drawing.edges.push(Arrow {
                        from: id(target),
                        to: id(plan.target(need)),
                        kind,
                    });
                }
            }
        }
        drawing
    }

    /// The text in Graphviz's dot language.
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph larder {\n  rankdir=LR;\n  node [shape=box];\n");
        for node in &self.nodes {
            let _ = writeln!(
                text,
                "  {:?}{};",
                node.id,
                if node.goal { "" } else { " [style=dashed]" }
            );
        }
        for Arrow { from, to, kind } in &self.edges {
            let style = if *kind == "needs" {
                ""
            } else {
                " [style=dashed]"
            };
            let _ = writeln!(text, "  {from:?} -> {to:?}{style};");
        }
        text + "}\n"
    }

    /// A tree for a terminal, from the targets that no other needs. What was drawn before is not drawn
    /// again below its second place.
    pub fn tree(&self) -> String {
        let mut text = String::new();
        let mut drawn = BTreeSet::new();
        let is_needed = |node: &&Node| self.edges.iter().any(|arrow| arrow.to == node.id);
        for root in self.nodes.iter().filter(|node| !is_needed(node)) {
            let _ = writeln!(text, "{}", root.id);
            self.branches(&root.id, "", &mut drawn, &mut text);
        }
        text
    }

    fn branches<'a>(
        &'a self,
        id: &'a str,
        indent: &str,
        drawn: &mut BTreeSet<&'a str>,
        text: &mut String,
    ) {
        drawn.insert(id);
        let needs: Vec<&Arrow> = self.edges.iter().filter(|arrow| arrow.from == id).collect();
        for (i, Arrow { to, kind, .. }) in needs.iter().enumerate() {
            let (branch, below) = if i + 1 == needs.len() {
                ("└── ", "    ")
            } else {
                ("├── ", "│   ")
            };
            let build = if *kind == "needs" { "" } else { " (to build)" };
            let again = drawn.contains(to.as_str()) && self.edges.iter().any(|a| a.from == *to);
            let above = if again { " (see above)" } else { "" };
            let _ = writeln!(text, "{indent}{branch}{to}{build}{above}");
            if !again {
                self.branches(to, &format!("{indent}{below}"), drawn, text);
            }
        }
    }

    /// The text in Mermaid's language, which GitHub renders in Markdown.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("graph LR\n");
        let number = |id: &str| {
            self.nodes
                .iter()
                .position(|node| node.id == id)
                .unwrap_or_default()
        };
        for (i, node) in self.nodes.iter().enumerate() {
            let _ = writeln!(text, "  n{i}[\"{}\"]", node.id);
        }
        for Arrow { from, to, kind } in &self.edges {
            let _ = writeln!(
                text,
                "  n{} {} n{}",
                number(from),
                if *kind == "needs" { "-->" } else { "-.->" },
                number(to)
            );
        }
        text
    }
}
