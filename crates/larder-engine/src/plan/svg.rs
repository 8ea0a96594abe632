//! Draws the graph of needs as SVG, alone or in a page of HTML. Neither uses other files, scripts or
//! programs, and both follow the reader's choice of a light or a dark look.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::draw::{Arrow, Drawing};
use super::layout::{Layout, Point, Spacing, layout};

const SPACING: Spacing = Spacing {
    height: 30.0,
    gap: 14.0,
    between: 64.0,
};
/// The width of a character of the monospaced font.
const CHARACTER: f64 = 8.0;
/// The free space at each side of a node's text.
const PADDING: f64 = 12.0;
/// The free space around the drawing.
const MARGIN: f64 = 20.0;
/// The height of the explanation below the drawing.
const LEGEND: f64 = 40.0;
/// The least width, so that the explanation has room.
const LEAST_WIDTH: f64 = 560.0;

/// The colours of both looks, and the forms of everything.
const STYLE: &str = "
.page { fill: #ffffff }
.node rect { fill: #f6f8fa; stroke: #57606a }
.node text, .legend text { fill: #1f2328; font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace }
.legend text { fill: #57606a; font-size: 12px }
.edge { fill: none; stroke: #57606a; stroke-width: 1.3 }
.head { fill: #57606a }
.build, .later rect { stroke-dasharray: 5 4 }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 }
.node rect { fill: #161b22; stroke: #8b949e }
.node text { fill: #e6edf3 }
.legend text { fill: #9198a1 }
.edge { stroke: #8b949e }
.head { fill: #8b949e }
}
";

impl Drawing {
    /// The drawing as SVG.
    pub fn svg(&self, title: &str) -> String {
        let Layout { nodes, edges, size } = self.layout();
        let width = (size.0 + 2.0 * MARGIN).max(LEAST_WIDTH);
        let height = size.1 + 2.0 * MARGIN + LEGEND;
        let title = escape(title);
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"{title}\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n\
             <defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"head\" d=\"M0 0 8 4 0 8z\"/></marker></defs>\n\
             <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n\
             <g transform=\"translate({MARGIN} {MARGIN})\">\n"
        );
        for (Arrow { from, to, kind }, points) in self.edges.iter().zip(&edges) {
            let class = if *kind == "needs" {
                "edge"
            } else {
                "edge build"
            };
            let _ = writeln!(
                text,
                "<path class=\"{class}\" marker-end=\"url(#head)\" d=\"{}\"><title>{}: {kind} {}</title></path>",
                curve(points),
                escape(from),
                escape(to)
            );
        }
        for (node, at) in self.nodes.iter().zip(&nodes) {
            let class = if node.goal { "node" } else { "node later" };
            let label = escape(&node.id);
            let _ = writeln!(
                text,
                "<g class=\"{class}\"><title>{label}</title><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{}\" rx=\"6\"/><text x=\"{:.1}\" y=\"{:.1}\">{label}</text></g>",
                at.x,
                at.y - SPACING.height / 2.0,
                width_of(&node.id),
                SPACING.height,
                at.x + PADDING,
                at.y + 4.5
            );
        }
        text.push_str("</g>\n");
        text.push_str(&legend(height - LEGEND / 2.0));
        text + "</svg>\n"
    }

    /// A page with the drawing, and the same as text.
    pub fn html(&self, title: &str) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
             <style>\n\
             body {{ margin: 2rem; font: 16px/1.5 system-ui, sans-serif; color: #1f2328; background: #ffffff }}\n\
             figure {{ margin: 0; overflow-x: auto }}\n\
             @media (prefers-color-scheme: dark) {{ body {{ color: #e6edf3; background: #0d1117 }} }}\n\
             </style>\n\
             <h1>{title}</h1>\n<figure>\n{}</figure>\n\
             <details>\n<summary>The same as text</summary>\n<pre>{}</pre>\n</details>\n</html>\n",
            self.svg(title),
            escape(&self.tree()),
            title = escape(title),
        )
    }

    fn layout(&self) -> Layout {
        let widths: Vec<f64> = self.nodes.iter().map(|node| width_of(&node.id)).collect();
        let numbers: BTreeMap<&str, usize> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(number, node)| (node.id.as_str(), number))
            .collect();
        let edges: Vec<(usize, usize)> = self
            .edges
            .iter()
            .map(|Arrow { from, to, .. }| (numbers[from.as_str()], numbers[to.as_str()]))
            .collect();
        layout(&widths, &edges, SPACING)
    }
}

fn width_of(label: &str) -> f64 {
    label.chars().count() as f64 * CHARACTER + 2.0 * PADDING
}

/// A line through the points: straight at one height, otherwise an S that begins and ends level.
fn curve(points: &[Point]) -> String {
    let mut text = String::new();
    for (at, point) in points.iter().enumerate() {
        let Point { x, y } = point;
        if at == 0 {
            let _ = write!(text, "M{x:.1} {y:.1}");
            continue;
        }
        let before = points[at - 1];
        if (before.y - y).abs() < 0.05 {
            let _ = write!(text, "H{x:.1}");
        } else {
            let middle = f64::midpoint(before.x, *x);
            let _ = write!(
                text,
                "C{middle:.1} {:.1} {middle:.1} {y:.1} {x:.1} {y:.1}",
                before.y
            );
        }
    }
    text
}

/// The explanation, on one line at this height.
fn legend(y: f64) -> String {
    let line = |x: f64, class: &str, text: &str| {
        format!(
            "<path class=\"{class}\" marker-end=\"url(#head)\" d=\"M{x} {y}h34\"/><text x=\"{}\" y=\"{}\">{text}</text>\n",
            x + 42.0,
            y + 4.0
        )
    };
    format!(
        "<g class=\"legend\">\n{}{}<g class=\"node later\"><rect x=\"388\" y=\"{}\" width=\"28\" height=\"16\" rx=\"4\"/></g><text x=\"424\" y=\"{}\">only to build</text>\n</g>\n",
        line(MARGIN, "edge", "needs"),
        line(150.0, "edge build", "needs to be built"),
        y - 8.0,
        y + 4.0
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
