//! Who comes first, and how many belong to a step.

use larder_core::model::Digest;

/// The members of a step and all steps before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The number of members, counted from rank 0.
    pub size: usize,
}

/// The nodes in the order of a rollout: by SHA-256 of the rollout's id followed by the node's. Another
/// rollout has another order, so that the same machines are not always the first.
pub fn ranked(rollout: &str, nodes: impl IntoIterator<Item = String>) -> Vec<String> {
    let rank = |node: &str| Digest::of(format!("{rollout}{node}").as_bytes());
    let mut nodes: Vec<String> = nodes.into_iter().collect();
    nodes.sort();
    nodes.dedup();
    nodes.sort_by_cached_key(|node| rank(node).to_string());
    nodes
}

/// The sizes of the steps: the canary, then each percentage of the members, rounded up and never
/// below the canary. No step is smaller than the one before it.
pub fn step_sizes(members: usize, canary: usize, percentages: &[u8]) -> Vec<usize> {
    let canary = canary.min(members);
    let mut sizes = vec![canary];
    for percent in percentages {
        let size = (members * usize::from(*percent)).div_ceil(100);
        let before = sizes.last().copied().unwrap_or(0);
        sizes.push(size.max(before).min(members));
    }
    sizes
}
