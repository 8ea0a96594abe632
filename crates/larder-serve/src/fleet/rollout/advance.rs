//! One moment of a rollout: members first, then halting, then the next step.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Change, Health, Member, Moment, Phase, Reported, Rollout, Seen, State, step_sizes};

impl Rollout {
    /// The number of members of the open step and those before it.
    pub fn open_members(&self) -> usize {
        let sizes = step_sizes(self.members.len(), self.params.canary, &self.params.steps);
        sizes.get(self.step).copied().unwrap_or(self.members.len())
    }

    /// Whether the open step is the last one.
    pub fn is_at_last_step(&self) -> bool {
        self.step >= self.params.steps.len()
    }

    /// The version that a node of the channel is to run; `None` if it is to keep what it runs. A
    /// node that is no member joined later: it is moved with the last step.
    pub fn offers(&self, node: &str) -> Option<&str> {
        let member = self.members.iter().find(|member| member.node == node);
        let moves = match (self.state, member) {
            (State::Succeeded, _) => true,
            // It was away when its time ran out: whether it is to return shows at the end.
            (State::Running | State::Paused, Some(member))
                if member.phase == Phase::TimedOut && !member.unheard.is_zero() =>
            {
                return None;
            }
            (State::Running | State::Paused, Some(member)) => {
                member.phase.is_in_flight() || member.phase == Phase::Succeeded
            }
            (State::Running, None) => self.is_at_last_step(),
            // It ended here: nobody is moved any more, in no direction.
            (State::Halted, Some(member)) if !self.params.rollback => {
                if member.phase.is_in_flight() || member.phase == Phase::Succeeded {
                    return None;
                }
                false
            }
            (State::Paused | State::Halted | State::RolledBack | State::Aborted, _) => false,
        };
        if moves {
            Some(&self.version)
        } else {
            self.previous.as_deref()
        }
    }

    /// Takes up what is known of the members' nodes.
    pub fn advance(&mut self, moment: Moment, nodes: &BTreeMap<String, Seen>) -> Vec<Change> {
        let mut changes = Vec::new();
        let unknown = Seen::default();
        match self.state {
            State::Running | State::Paused => {
                for index in 0..self.members.len() {
                    let seen = nodes.get(&self.members[index].node).unwrap_or(&unknown);
                    self.update(index, moment, seen, &mut changes);
                }
                if self.members.is_empty() {
                    self.empty += moment.passed;
                }
                if let Some(reason) = self.reason_to_halt() {
                    self.state = State::Halted;
                    self.reason = Some(reason.clone());
                    changes.push(Change::State(State::Halted, Some(reason)));
                } else if self.state == State::Running {
                    self.proceed(&mut changes);
                }
            }
            State::Halted if self.params.rollback => self.bring_back(moment, nodes, &mut changes),
            State::Halted | State::Succeeded | State::RolledBack | State::Aborted => {
                self.note_late(nodes, &mut changes);
            }
        }
        changes
    }

    /// Pauses it. Members that are on their way go on.
    pub fn pause(&mut self) -> bool {
        self.change_state(State::Running, State::Paused)
    }

    /// Lets it proceed after a pause.
    pub fn resume(&mut self) -> bool {
        self.change_state(State::Paused, State::Running)
    }

    /// Ends it: nothing more is started, and nodes follow the channel again.
    pub fn abort(&mut self) -> Option<Vec<Change>> {
        if !self.state.is_open() {
            return None;
        }
        self.state = State::Aborted;
        let mut changes = vec![Change::State(State::Aborted, None)];
        for member in &mut self.members {
            if member.phase == Phase::Pending || member.phase.is_in_flight() {
                let reason = Some("the rollout was aborted".to_owned());
                set(member, Phase::Cancelled, reason, &mut changes);
            }
        }
        Some(changes)
    }

    fn change_state(&mut self, from: State, to: State) -> bool {
        let may = self.state == from;
        if may {
            self.state = to;
        }
        may
    }

    /// One member of a rollout that is open.
    fn update(&mut self, index: usize, moment: Moment, seen: &Seen, changes: &mut Vec<Change>) {
        let Self {
            members,
            params,
            version,
            ..
        } = self;
        let member = &mut members[index];
        if let (Some(why), true) = (
            seen.left,
            member.phase == Phase::Pending || member.phase.is_in_flight(),
        ) {
            set(member, Phase::Cancelled, Some(why.to_owned()), changes);
            return;
        }
        if member.phase == Phase::TimedOut {
            let runs = seen.fresh && seen.running.as_deref() == Some(version);
            let is_healthy = matches!(seen.health, Health::Healthy(_));
            if runs && is_healthy && member.reason.as_deref() != Some(LATE) {
                // It is recorded, and never counted.
                set(member, Phase::TimedOut, Some(LATE.to_owned()), changes);
            }
            return;
        }
        if member.phase == Phase::Pending && seen.refused.is_some() {
            // It fails at once: waiting for its step would not change that.
            set(member, Phase::Failed, seen.refused.clone(), changes);
            return;
        }
        if !member.phase.is_in_flight() {
            return;
        }
        let Moment { passed, patience } = moment;
        if !seen.fresh {
            // No data is no progress.
            member.unheard += passed;
            member.waited += passed;
            if member.unheard > params.deadline.max(patience) {
                set(
                    member,
                    Phase::TimedOut,
                    Some("it was not heard of in time".into()),
                    changes,
                );
            }
            return;
        }
        // What is heard now also tells of the moments in which nothing was.
        let silence = std::mem::take(&mut member.unheard);
        let covered = if passed + silence <= patience {
            passed + silence
        } else {
            passed
        };
        if let Some(Reported::Failed(why)) = &seen.reported {
            set(member, Phase::Failed, Some(why.clone()), changes);
            return;
        }
        if let Some(why) = &seen.refused {
            set(member, Phase::Failed, Some(why.clone()), changes);
            return;
        }
        let runs = seen.running.as_deref() == Some(version.as_str());
        match (runs, seen.health) {
            (true, Health::Healthy(lasting)) => {
                if member.phase == Phase::Soaking {
                    // A check that failed since the last moment has started the soak anew.
                    member.soaked = lasting.min(member.soaked + covered);
                } else {
                    // The time until now was not seen to be healthy.
                    member.soaked = Duration::ZERO;
                    set(member, Phase::Soaking, None, changes);
                }
                member.waited = Duration::ZERO;
                if member.soaked >= params.soak {
                    set(member, Phase::Succeeded, None, changes);
                }
                return;
            }
            (true, Health::Unhealthy) => {
                // A failed check starts the soak anew.
                member.soaked = Duration::ZERO;
                set(
                    member,
                    Phase::Starting,
                    Some("a health check failed".into()),
                    changes,
                );
            }
            _ => {
                let phase = match &seen.reported {
                    Some(Reported::Downloading) => Phase::Downloading,
                    Some(Reported::Verified) => Phase::Verified,
                    Some(Reported::Starting) => Phase::Starting,
                    Some(Reported::Failed(_)) | None => member.phase,
                };
                if phase > member.phase && phase < Phase::Soaking {
                    set(member, phase, None, changes);
                }
            }
        }
        member.waited += passed;
        if member.waited > params.deadline {
            set(
                member,
                Phase::TimedOut,
                Some("it was not healthy in time".into()),
                changes,
            );
        }
    }

    /// Why the failures so far stop the rollout.
    fn reason_to_halt(&self) -> Option<String> {
        if self.members.is_empty() {
            // Where nobody tries a version, nothing shows that it holds.
            let is_late = self.empty > self.params.deadline;
            return is_late.then(|| "no node follows the channel".to_owned());
        }
        let failed = |member: &&Member| member.phase.is_failure();
        let canaries = self.params.canary.min(self.members.len());
        if let Some(canary) = self.members[..canaries].iter().find(failed) {
            let why = canary.reason.as_deref().unwrap_or("it failed");
            return Some(format!("the canary {} failed: {why}", canary.node));
        }
        let failures = self.members.iter().filter(failed).count();
        let halt = self.params.halt;
        let reached = failures >= halt.failures
            && failures * 100 >= self.members.len() * usize::from(halt.percent);
        reached.then(|| format!("{failures} of {} members failed", self.members.len()))
    }

    /// Opens the next step if this one has passed, and offers the version to as many as may be on
    /// their way.
    fn proceed(&mut self, changes: &mut Vec<Change>) {
        loop {
            let open = self.open_members();
            let passed = self.members[..open].iter().all(|member| {
                matches!(member.phase, Phase::Succeeded | Phase::Cancelled)
                    || member.phase.is_failure()
            });
            if !passed || self.members.is_empty() {
                break;
            }
            if self.is_at_last_step() {
                self.state = State::Succeeded;
                changes.push(Change::State(State::Succeeded, None));
                return;
            }
            self.step += 1;
            changes.push(Change::Step(self.step));
        }
        let most = self.params.max_in_flight.of(self.members.len());
        let open = self.open_members();
        let on_their_way = self
            .members
            .iter()
            .filter(|member| member.phase.is_in_flight())
            .count();
        let mut free = most.saturating_sub(on_their_way);
        for member in &mut self.members[..open] {
            if free == 0 {
                break;
            }
            if member.phase != Phase::Pending {
                continue;
            }
            set(member, Phase::Offered, None, changes);
            free -= 1;
        }
    }

    /// Waits until every member that may run the version has returned, or is unheard for too long.
    fn bring_back(
        &mut self,
        moment: Moment,
        nodes: &BTreeMap<String, Seen>,
        changes: &mut Vec<Change>,
    ) {
        let mut waits = false;
        for member in &mut self.members {
            if !member.phase.is_touched() {
                if member.phase == Phase::Pending {
                    let why = Some("the rollout was halted".to_owned());
                    set(member, Phase::Cancelled, why, changes);
                }
                continue;
            }
            let seen = nodes.get(&member.node).filter(|seen| seen.fresh);
            match seen {
                Some(seen) if seen.left == Some(REMOVED) => {}
                Some(seen) => {
                    member.unheard = Duration::ZERO;
                    let runs = seen.running.as_deref() == Some(self.version.as_str());
                    if let (true, Some(why)) = (runs, &seen.stuck) {
                        set(member, Phase::Failed, Some(why.clone()), changes);
                    } else if runs {
                        waits = true;
                    } else if member.phase != Phase::TimedOut {
                        set(member, Phase::RolledBack, None, changes);
                    }
                }
                None => {
                    member.unheard += moment.passed;
                    waits |= member.unheard <= self.params.deadline.max(moment.patience);
                }
            }
        }
        if !waits {
            self.state = State::RolledBack;
            changes.push(Change::State(State::RolledBack, self.reason.clone()));
        }
    }

    /// Records members that succeed after the rollout has ended.
    fn note_late(&mut self, nodes: &BTreeMap<String, Seen>, changes: &mut Vec<Change>) {
        for member in &mut self.members {
            let Some(seen) = nodes.get(&member.node).filter(|seen| seen.fresh) else {
                continue;
            };
            let runs = seen.running.as_deref() == Some(self.version.as_str());
            let is_late = member.phase == Phase::TimedOut && member.reason.as_deref() != Some(LATE);
            if runs && is_late && matches!(seen.health, Health::Healthy(_)) {
                set(member, Phase::TimedOut, Some(LATE.to_owned()), changes);
            }
        }
    }
}

/// The remark on a member that succeeded too late to count.
const LATE: &str = "it runs the version since then, too late to count";
/// Why a node that does not exist any more takes part in nothing.
const REMOVED: &str = "removed";

/// Gives a member another phase or another reason.
fn set(member: &mut Member, phase: Phase, reason: Option<String>, changes: &mut Vec<Change>) {
    if member.phase == phase && member.reason == reason {
        return;
    }
    member.phase = phase;
    member.reason.clone_from(&reason);
    changes.push(Change::Member {
        node: member.node.clone(),
        phase,
        reason,
    });
}
