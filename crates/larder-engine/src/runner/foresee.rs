//! What a run would come to, by looking only: the goals, and what the builds among them would wake.
//!
//! Follows the states of [`run`](super::run) without running anything: a target that only a build would need is looked at
//! once such a build is foreseen.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::plan::{Plan, TargetId};
use crate::steps::Look;
use larder_core::error::Result;
use larder_core::model::{Name, SourceKind, Target};

/// A target of a run that did not happen.
#[derive(Debug)]
pub struct Foreseen {
    /// Which.
    pub target: Target,
    /// What was seen.
    pub look: Result<Look>,
    /// The builds that need it, where nothing else does.
    pub needed_by: BTreeSet<Name>,
}

/// Looks at all targets that a run would work on, in parallel; sorted by target.
pub fn foresee(plan: &Plan, look: impl Fn(&Target) -> Result<Look> + Sync) -> Vec<Foreseen> {
    let mut seen: BTreeMap<TargetId, Result<Look>> = BTreeMap::new();
    let mut needed_by: BTreeMap<TargetId, BTreeSet<Name>> = BTreeMap::new();
    let mut next = plan.goals();
    while !next.is_empty() {
        let looks: Vec<(TargetId, Result<Look>)> = next
            .par_iter()
            .map(|id| (*id, look(plan.target(*id))))
            .collect();
        let mut woken = BTreeSet::new();
        for (id, look) in looks {
            if look
                .as_ref()
                .is_ok_and(|look| look.choice == Some(SourceKind::Build))
            {
                for need in plan
                    .before_build(id)
                    .into_iter()
                    .filter(|need| !plan.is_goal(*need))
                {
                    needed_by
                        .entry(need)
                        .or_default()
                        .insert(plan.target(id).name.clone());
                    woken.insert(need);
                }
            }
            seen.insert(id, look);
        }
        next = woken
            .into_iter()
            .filter(|id| !seen.contains_key(id))
            .collect();
    }
    let mut foreseen: Vec<Foreseen> = seen
        .into_iter()
        .map(|(id, look)| Foreseen {
            target: plan.target(id).clone(),
            look,
            needed_by: needed_by.remove(&id).unwrap_or_default(),
        })
        .collect();
    foreseen.sort_by(|a, b| a.target.cmp(&b.target));
    foreseen
}
