//! Finds cycles among things that need each other.

use std::ops::Range;

/// A cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Its nodes in order; the first node is repeated at the end.
    pub nodes: Vec<usize>,
    /// The place of the need that closes the cycle.
    pub closed_by: Range<usize>,
    /// The node that has this need.
    pub closed_in: usize,
}

/// Returns one cycle for each edge that closes one in a depth-first walk in the given order. Each
/// node is visited once, so the time is linear.
pub fn find(edges: &[Vec<(usize, Range<usize>)>]) -> Vec<Cycle> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut state = vec![State::New; edges.len()];
    let mut cycles = Vec::new();
    for start in 0..edges.len() {
        if state[start] != State::New {
            continue;
        }
        state[start] = State::Open;
        // Not recursive, because a long chain of needs could overflow the thread's stack.
        let mut path = vec![(start, 0)];
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            let Some((to, span)) = edges[node].get(*next) else {
                state[node] = State::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match state[*to] {
                State::Done => {}
                State::New => {
                    state[*to] = State::Open;
                    path.push((*to, 0));
                }
                State::Open => {
                    let from = path.iter().position(|(node, _)| node == to).unwrap_or(0);
                    let mut nodes: Vec<usize> =
                        path[from..].iter().map(|(node, _)| *node).collect();
                    nodes.push(*to);
                    cycles.push(Cycle {
                        nodes,
                        closed_by: span.clone(),
                        closed_in: node,
                    });
                }
            }
        }
    }
    cycles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(edges: &[&[usize]]) -> Vec<Vec<usize>> {
        let edges: Vec<Vec<_>> = edges
            .iter()
            .map(|to| to.iter().map(|to| (*to, 0..0)).collect())
            .collect();
        find(&edges).into_iter().map(|cycle| cycle.nodes).collect()
    }

    #[test]
    fn each_cycle_is_found_once() {
        assert_eq!(cycles(&[&[1], &[2], &[]]), Vec::<Vec<usize>>::new());
        assert_eq!(
            cycles(&[&[1, 2], &[3], &[3], &[]]),
            Vec::<Vec<usize>>::new()
        );
        assert_eq!(cycles(&[&[1], &[0]]), [[0, 1, 0]]);
        assert_eq!(cycles(&[&[0]]), [[0, 0]]);
        assert_eq!(cycles(&[&[1], &[2], &[1]]), [[1, 2, 1]]);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let n = 200_000;
        let edges: Vec<Vec<_>> = (0..n)
            .map(|i| {
                if i + 1 < n {
                    vec![(i + 1, 0..0)]
                } else {
                    vec![(0, 0..0)]
                }
            })
            .collect();
        assert_eq!(find(&edges).len(), 1);
    }
}
