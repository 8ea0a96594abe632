//! Places the nodes of a drawing in columns: who needs something is to the left of it.
//!
//! 1. A node's column is the length of the longest path that leads to it.
//! 2. An edge over several columns gets a bend in each column between.
//! 3. In each column, nodes and bends are sorted by the middle of their neighbours, several times in
//!    both directions. This avoids most crossings.
//! 4. Their heights follow the same middles, as far as the order and the distances permit.
//!
//! Nodes without an edge do not take part; they are placed in rows below. The same drawing always gives
//! the same layout.

use std::collections::BTreeMap;

/// How often the columns are sorted and moved in each direction.
const ROUNDS: usize = 8;

/// The distances of a layout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    /// The height of a node.
    pub height: f64,
    /// The free space between two nodes of a column.
    pub gap: f64,
    /// The free space between two columns.
    pub between: f64,
}

/// A place in the drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub x: f64,
    pub y: f64,
}

/// Where everything is. Heights are those of the middle of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layout {
    /// The left end of each node's middle line.
    pub nodes: Vec<Point>,
    /// The points that each edge goes through, from the right side of a node to the left side of
    /// another. Between a pair of points at the same height it is straight.
    pub edges: Vec<Vec<Point>>,
    /// The size of the whole drawing.
    pub size: (f64, f64),
}

/// Something in a column: a node, or a bend of an edge.
struct Item {
    column: usize,
    left: Vec<usize>,
    right: Vec<usize>,
    height: f64,
    y: f64,
}

/// Places nodes of these widths. The edges, as indices of nodes, must form no cycle.
pub(super) fn layout(widths: &[f64], edges: &[(usize, usize)], spacing: Spacing) -> Layout {
    let connected: Vec<bool> = (0..widths.len())
        .map(|n| edges.iter().any(|(from, to)| *from == n || *to == n))
        .collect();
    let columns = columns(widths.len(), edges);
    let mut items: Vec<Item> = columns
        .iter()
        .map(|column| Item::new(*column, spacing.height))
        .collect();
    // The items that an edge passes, with both of its ends.
    let mut paths: Vec<Vec<usize>> = Vec::new();
    for (from, to) in edges {
        let mut path = vec![*from];
        for column in columns[*from] + 1..columns[*to] {
            items.push(Item::new(column, 0.0));
            path.push(items.len() - 1);
        }
        path.push(*to);
        for pair in path.windows(2) {
            items[pair[0]].right.push(pair[1]);
            items[pair[1]].left.push(pair[0]);
        }
        paths.push(path);
    }
    let count = columns.iter().max().map_or(0, |last| last + 1);
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (number, item) in items.iter().enumerate() {
        if number >= widths.len() || connected[number] {
            order[item.column].push(number);
        }
    }
    sort(&mut items, &mut order);
    let bottom = set_heights(&mut items, &order, spacing);

    let mut left = 0.0;
    let mut starts = Vec::new();
    let mut ends = Vec::new();
    for column in &order {
        let width = |n: &usize| widths.get(*n).copied().unwrap_or_default();
        let widest = column.iter().map(width).fold(0.0, f64::max);
        starts.push(left);
        ends.push(left + widest);
        left += widest + spacing.between;
    }
    let right = (left - spacing.between).max(0.0);
    let mut nodes: Vec<Point> = (0..widths.len())
        .map(|n| Point {
            x: starts.get(items[n].column).copied().unwrap_or_default(),
            y: items[n].y,
        })
        .collect();
    let edges = paths
        .iter()
        .map(|path| {
            let mut points = Vec::new();
            for (at, item) in path.iter().enumerate() {
                let Item { column, y, .. } = items[*item];
                if at > 0 {
                    points.push(Point {
                        x: starts[column],
                        y,
                    });
                }
                // An edge begins where its node ends, and stays straight until its column ends.
                if at == 0 {
                    let x = starts[column] + widths[*item];
                    points.push(Point { x, y });
                }
                if at + 1 < path.len() {
                    points.push(Point { x: ends[column], y });
                }
            }
            points
        })
        .collect();
    let alone: Vec<usize> = (0..widths.len()).filter(|n| !connected[*n]).collect();
    let size = place_rows(&mut nodes, &alone, widths, (right, bottom), spacing);
    Layout { nodes, edges, size }
}

impl Item {
    fn new(column: usize, height: f64) -> Self {
        Self {
            column,
            left: Vec::new(),
            right: Vec::new(),
            height,
            y: 0.0,
        }
    }
}

/// The column of each node.
fn columns(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut columns = vec![0; count];
    // A path has at most `count` nodes, so this ends even if there were a cycle.
    for _ in 0..count {
        let mut changed = false;
        for (from, to) in edges {
            if columns[*to] <= columns[*from] {
                columns[*to] = columns[*from] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    columns
}

/// Sorts each column by the positions of its items' neighbours.
fn sort(items: &mut [Item], order: &mut [Vec<usize>]) {
    let mut position: BTreeMap<usize, f64> = BTreeMap::new();
    let count = |column: &[usize], position: &mut BTreeMap<usize, f64>| {
        for (at, item) in column.iter().enumerate() {
            position.insert(*item, at as f64);
        }
    };
    for column in order.iter() {
        count(column, &mut position);
    }
    for round in 0..ROUNDS {
        let to_the_right = round % 2 == 0;
        for step in 0..order.len() {
            let column = if to_the_right {
                step
            } else {
                order.len() - 1 - step
            };
            let middle = |item: usize| {
                let Item { left, right, .. } = &items[item];
                let neighbours = if to_the_right { left } else { right };
                mean(neighbours.iter().map(|n| position[n])).unwrap_or(position[&item])
            };
            let mut sorted: Vec<(f64, usize)> = order[column]
                .iter()
                .map(|item| (middle(*item), *item))
                .collect();
            // The sort is stable: what has the same middle keeps its order.
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            order[column] = sorted.into_iter().map(|(_, item)| item).collect();
            count(&order[column], &mut position);
        }
    }
}

/// Sets the height of every item, and returns the height of the drawing.
fn set_heights(items: &mut [Item], order: &[Vec<usize>], spacing: Spacing) -> f64 {
    let distance =
        |above: &Item, below: &Item| f64::midpoint(above.height, below.height) + spacing.gap;
    for column in order {
        let mut y = 0.0;
        for (at, item) in column.iter().enumerate() {
            if at > 0 {
                y += distance(&items[column[at - 1]], &items[*item]);
            }
            items[*item].y = y;
        }
    }
    for round in 0..ROUNDS {
        for step in 0..order.len() {
            let column = if round % 2 == 0 {
                &order[step]
            } else {
                &order[order.len() - 1 - step]
            };
            let wanted: Vec<f64> = column
                .iter()
                .map(|item| {
                    let Item { left, right, y, .. } = &items[*item];
                    mean(left.iter().chain(right).map(|n| items[*n].y)).unwrap_or(*y)
                })
                .collect();
            // Once each item is as high as the one above permits, once as low as the one below permits.
            // Both keep the distances, and so does the middle of both.
            let (mut down, mut up) = (wanted.clone(), wanted);
            for at in 1..column.len() {
                let least = distance(&items[column[at - 1]], &items[column[at]]);
                down[at] = down[at].max(down[at - 1] + least);
                let at = column.len() - at;
                let least = distance(&items[column[at - 1]], &items[column[at]]);
                up[at - 1] = up[at - 1].min(up[at] - least);
            }
            for (at, item) in column.iter().enumerate() {
                items[*item].y = f64::midpoint(down[at], up[at]);
            }
        }
    }
    let all = || order.iter().flatten().map(|item| &items[*item]);
    let top = all()
        .map(|item| item.y - item.height / 2.0)
        .fold(f64::MAX, f64::min);
    let bottom = all()
        .map(|item| item.y + item.height / 2.0)
        .fold(f64::MIN, f64::max);
    if top > bottom {
        return 0.0;
    }
    for item in order.iter().flatten() {
        items[*item].y -= top;
    }
    bottom - top
}

/// Places nodes in rows below the others, about as wide as these. Returns the size of everything.
fn place_rows(
    nodes: &mut [Point],
    alone: &[usize],
    widths: &[f64],
    (right, bottom): (f64, f64),
    spacing: Spacing,
) -> (f64, f64) {
    if alone.is_empty() {
        return (right, bottom);
    }
    let widest = alone.iter().map(|n| widths[*n]).fold(0.0, f64::max);
    let step = widest + spacing.gap;
    // About as many columns as rows of the look of a page, and not wider than the drawing above.
    let square = (alone.len() as f64 * (spacing.height + spacing.gap) * 1.5 / step).sqrt();
    let wanted = ((right + spacing.gap) / step).max(square);
    let mut columns = 1;
    while columns as f64 + 1.0 <= wanted && columns < alone.len() {
        columns += 1;
    }
    let top = if bottom > 0.0 {
        bottom + 2.0 * spacing.gap
    } else {
        0.0
    };
    for (at, node) in alone.iter().enumerate() {
        nodes[*node] = Point {
            x: (at % columns) as f64 * step,
            y: top + (at / columns) as f64 * (spacing.height + spacing.gap) + spacing.height / 2.0,
        };
    }
    let rows = alone.len().div_ceil(columns) as f64;
    let width = columns.min(alone.len()) as f64 * step - spacing.gap;
    let height = top + rows * (spacing.height + spacing.gap) - spacing.gap;
    (right.max(width), height)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACING: Spacing = Spacing {
        height: 30.0,
        gap: 10.0,
        between: 50.0,
    };

    /// Checks what holds for every layout.
    fn check(widths: &[f64], edges: &[(usize, usize)]) -> Layout {
        let layout = layout(widths, edges, SPACING);
        assert_eq!(layout, super::layout(widths, edges, SPACING));
        let Layout {
            nodes,
            edges: lines,
            size,
        } = &layout;
        let boxes: Vec<[f64; 4]> = nodes
            .iter()
            .zip(widths)
            .map(|(at, width)| [at.x, at.x + width, at.y - 15.0, at.y + 15.0])
            .collect();
        for (n, a) in boxes.iter().enumerate() {
            assert!(a[0] >= 0.0 && a[2] >= -1e-6, "{a:?}");
            assert!(
                a[1] <= size.0 + 1e-6 && a[3] <= size.1 + 1e-6,
                "{a:?} in {size:?}"
            );
            for b in &boxes[..n] {
                let apart = a[1] <= b[0] || b[1] <= a[0] || a[3] <= b[2] || b[3] <= a[2];
                assert!(apart, "{a:?} covers {b:?}");
            }
        }
        for ((from, to), line) in edges.iter().zip(lines) {
            assert!(
                line.windows(2).all(|pair| pair[0].x <= pair[1].x),
                "{line:?}"
            );
            let (first, last) = (line[0], line[line.len() - 1]);
            assert_eq!((first.x, first.y), (boxes[*from][1], nodes[*from].y));
            assert_eq!((last.x, last.y), (boxes[*to][0], nodes[*to].y));
        }
        layout
    }

    #[test]
    fn nothing_covers_anything_and_edges_go_to_the_right() {
        check(&[], &[]);
        check(&[40.0], &[]);
        check(&[40.0; 25], &[]);
        check(&[40.0, 60.0], &[(0, 1)]);
        check(&[40.0, 60.0, 50.0], &[(0, 1), (1, 2), (0, 2)]);
        check(&[40.0, 60.0, 50.0, 45.0], &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        // Many edges between many nodes, always from a smaller to a greater number.
        let widths: Vec<f64> = (0..60).map(|n| f64::from(n % 7) * 10.0 + 30.0).collect();
        let edges: Vec<(usize, usize)> = (0..60)
            .flat_map(|n| [(n, n * 2 + 1), (n, n + 7), (n, n * 3 + 2)])
            .filter(|(from, to)| *to < 60 && from < to)
            .collect();
        check(&widths, &edges);
    }

    #[test]
    fn crossings_that_can_be_avoided_are_avoided() {
        // 0 → 3, 1 → 2: in the given order the two edges would cross.
        let layout = check(&[40.0; 4], &[(0, 3), (1, 2)]);
        let y = |n: usize| layout.nodes[n].y;
        assert_eq!(y(0) < y(1), y(3) < y(2));
        // An edge past a node does not go through it.
        let layout = check(&[40.0; 3], &[(0, 1), (1, 2), (0, 2)]);
        let bend = layout.edges[2][2];
        assert!((bend.y - layout.nodes[1].y).abs() >= 15.0, "{layout:?}");
    }
}
