//! Runs that are recorded by hand, and the timelines, pages and traces that they give.

use std::time::{Duration, Instant};

use super::timeline::{Timeline, Why};
use super::{Files, Heading, Recorded, files};
use crate::report::text::Redactor;
use larder_core::error::Error;
use larder_core::model::{Action, Outcome, Target};
use larder_engine::events::{Event, Finished, Moment, Phase, Planned, Slot, Summary, What};

fn target(name: &str) -> Target {
    Target {
        name: name.parse().unwrap(),
        platform: larder_core::model::Platform::host(),
    }
}

/// A run that is recorded step by step; times are milliseconds.
struct Run {
    start: Instant,
    moments: Vec<Moment>,
}

impl Run {
    /// Each target with what its build needs; those whose name begins with `need` are no goals.
    fn new(targets: &[(&str, &[&str])]) -> Self {
        let mut run = Self {
            start: Instant::now(),
            moments: Vec::new(),
        };
        let planned = targets.iter().map(|(name, needs)| Planned {
            target: target(name),
            is_goal: !name.starts_with("need"),
            needs: Vec::new(),
            build_needs: needs.iter().map(|need| target(need)).collect(),
        });
        run.at(1, What::Planned(planned.collect()));
        run
    }

    fn at(&mut self, millis: u64, what: What) {
        let at = self.start + Duration::from_millis(millis);
        self.moments.push(Moment { at, what });
    }

    fn takes(&mut self, millis: u64, name: &str, slot: Slot) {
        self.at(millis, What::Takes(target(name), slot));
    }

    fn must_be_built(&mut self, millis: u64, name: &str) {
        self.at(millis, What::Awaits(target(name)));
    }

    fn phase(&mut self, millis: u64, name: &str, phase: Phase) {
        let (target, total) = (target(name), None);
        let event = Event::Phase {
            target,
            phase,
            total,
        };
        self.at(millis, What::Event(event));
    }

    fn ends(&mut self, millis: u64, name: &str, action: Action, outcome: Outcome) {
        let version = "v1.0.0".parse().unwrap();
        let finished = Finished::new(action, target(name), version, outcome);
        self.at(millis, What::Event(Event::Finished(finished)));
    }

    fn built(&mut self, millis: u64, name: &str) {
        self.ends(millis, name, Action::Ensure, Outcome::Built);
    }

    fn timeline(self) -> Timeline {
        let recorded = Recorded {
            moments: self.moments,
            busy: Vec::new(),
        };
        Timeline::new(recorded, self.start)
    }
}

/// The waits of a target's last span: for what, from when to when in milliseconds, on which targets.
fn waits(timeline: &Timeline, name: &str) -> Vec<(Why, u64, u64, Vec<String>)> {
    let span = timeline
        .spans
        .iter()
        .rfind(|span| span.target.name.as_str() == name);
    let waits = span.unwrap().waits.iter().map(|wait| {
        let on = wait
            .on
            .iter()
            .map(|on| timeline.spans[*on].target.name.to_string());
        (wait.why, wait.start / 1000, wait.end / 1000, on.collect())
    });
    waits.collect()
}

fn critical(timeline: &Timeline) -> Vec<&str> {
    let path = timeline.critical.iter();
    path.map(|number| timeline.spans[*number].target.name.as_str())
        .collect()
}

#[test]
fn a_build_waits_for_its_needs_and_then_for_a_slot() {
    let mut run = Run::new(&[("app", &["need-go"]), ("other", &[]), ("need-go", &[])]);
    run.takes(1, "app", Slot::Acquire);
    run.takes(1, "other", Slot::Acquire);
    run.must_be_built(5, "other");
    run.takes(5, "other", Slot::Build);
    run.must_be_built(10, "app");
    run.takes(10, "need-go", Slot::Acquire);
    run.ends(30, "need-go", Action::Ensure, Outcome::Downloaded);
    run.built(50, "other");
    run.takes(50, "app", Slot::Build);
    run.built(90, "app");
    let timeline = run.timeline();
    assert_eq!(
        waits(&timeline, "app"),
        [
            (Why::Needs, 10, 30, vec!["need-go".to_owned()]),
            (Why::Slot, 30, 50, vec!["other".to_owned()]),
        ]
    );
    assert_eq!(waits(&timeline, "need-go"), []);
    assert_eq!(critical(&timeline), ["other", "other", "app"]);
    // Without the other build, the need decides.
    let mut run = Run::new(&[("app", &["need-go"]), ("need-go", &[])]);
    run.takes(1, "app", Slot::Acquire);
    run.must_be_built(10, "app");
    run.takes(11, "need-go", Slot::Acquire);
    run.ends(30, "need-go", Action::Ensure, Outcome::Downloaded);
    run.takes(31, "app", Slot::Build);
    run.built(90, "app");
    assert_eq!(critical(&run.timeline()), ["app", "need-go", "app"]);
}

#[test]
fn spans_of_one_lane_never_overlap_and_follow_the_slot_that_became_free() {
    let names: Vec<String> = (0..40).map(|number| format!("t{number}")).collect();
    let targets: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &[][..])).collect();
    let mut run = Run::new(&targets);
    // Three slots; each step takes a different time.
    let mut free = [1_u64; 3];
    for (number, name) in names.iter().enumerate() {
        let slot = (0..3).min_by_key(|slot| free[*slot]).unwrap();
        run.takes(free[slot], name, Slot::Acquire);
        free[slot] += 1 + (number as u64 * 7) % 5;
        run.ends(free[slot], name, Action::Ensure, Outcome::Restored);
    }
    let timeline = run.timeline();
    assert_eq!(timeline.lanes, [Slot::Acquire; 3]);
    for (number, span) in timeline.spans.iter().enumerate() {
        for other in &timeline.spans[..number] {
            assert!(
                span.lane != other.lane || other.end <= span.start,
                "{span:?} {other:?}"
            );
        }
    }
    // All were ready at once, so all but the first three waited for a slot, up to their start.
    let waited = timeline.spans.iter().filter(|span| !span.waits.is_empty());
    assert_eq!(waited.count(), 37);
    // The critical path has no gap.
    let path: Vec<_> = timeline
        .critical
        .iter()
        .map(|span| &timeline.spans[*span])
        .collect();
    assert!(
        path.windows(2).all(|two| two[0].end == two[1].start),
        "{path:?}"
    );
}

#[test]
fn phases_fill_a_span_and_a_release_follows_its_build() {
    use Phase::{Building, Checking, Installing, Packing, Uploading, Waiting};

    let mut run = Run::new(&[("app", &[])]);
    run.takes(1, "app", Slot::Acquire);
    run.phase(2, "app", Phase::Waiting);
    run.phase(4, "app", Phase::Checking);
    run.must_be_built(8, "app");
    run.takes(9, "app", Slot::Build);
    run.phase(9, "app", Phase::Building);
    run.phase(20, "app", Phase::Installing);
    run.built(22, "app");
    run.phase(23, "app", Phase::Packing);
    run.phase(30, "app", Phase::Uploading);
    run.ends(41, "app", Action::Release, Outcome::Released);
    let timeline = run.timeline();
    let phases: Vec<Vec<(Phase, u64, u64)>> = timeline
        .spans
        .iter()
        .map(|span| {
            let phases = span.phases.iter();
            phases
                .map(|p| (p.phase, p.start / 1000, p.end / 1000))
                .collect()
        })
        .collect();
    assert_eq!(
        phases,
        [
            vec![(Checking, 1, 2), (Waiting, 2, 4), (Checking, 4, 8)],
            vec![
                (Building, 9, 20),
                (Installing, 20, 22),
                (Packing, 22, 30),
                (Uploading, 30, 41)
            ],
        ]
    );
    assert_eq!(timeline.spans[1].outcome, Some(Outcome::Built));
    assert_eq!(timeline.steps.len(), 2);
}

fn heading(project: &str) -> Heading {
    Heading {
        project: project.into(),
        command: "larder ensure all".into(),
        time: "2026-01-02 03:04:05 UTC".into(),
        larder: "0.1.0".into(),
        host: larder_core::model::Platform::host().to_string(),
        cores: 2,
    }
}

#[test]
fn nothing_that_comes_from_outside_ends_the_data_or_becomes_html() {
    let hostile = "</script><img src=x onerror=alert(1)><!--\u{2028}\u{1b}[31m&\"'";
    let mut run = Run::new(&[("app", &[])]);
    run.takes(1, "app", Slot::Acquire);
    let version = "v1.0.0".parse().unwrap();
    let mut finished = Finished::new(Action::Ensure, target("app"), version, Outcome::Failed);
    finished.error = Some(Error::failed(hostile));
    finished.reason = Some(hostile.into());
    finished.place = Some("https://user:secret@example.com/x?token=abc".into());
    run.at(5, What::Event(Event::Finished(finished)));
    run.at(6, What::Event(Event::Summary(Summary::default())));
    let Files { html, json } = files(&run.timeline(), &heading(hostile), &Redactor::default());
    assert_eq!(html.matches("</script>").count(), 2);
    assert!(!html.contains("<img") && !html.contains("<!--"), "{html}");
    assert!(!html.contains('\u{1b}') && !html.contains('\u{2028}'));
    assert!(!html.contains("secret@") && !json.contains("secret@"));
    assert!(
        html.contains("onerror=alert(1)&gt;"),
        "the title says it as a text"
    );
    let data = html
        .split_once("id=\"data\">")
        .unwrap()
        .1
        .split_once("</script>")
        .unwrap()
        .0;
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let reason = data["steps"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("</script><img"), "{reason}");
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
}

#[test]
fn ten_thousand_steps_are_quickly_drawn() {
    let names: Vec<String> = (0..10_000).map(|number| format!("t{number}")).collect();
    let targets: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &[][..])).collect();
    let mut run = Run::new(&targets);
    for (number, name) in (1..).zip(&names) {
        run.takes(number, name, Slot::Acquire);
        run.ends(number + 1, name, Action::Ensure, Outcome::UpToDate);
    }
    let timeline = run.timeline();
    assert_eq!(timeline.critical.len(), 10_000);
    let files = files(&timeline, &heading("many"), &Redactor::default());
    assert!(
        files
            .html
            .contains("everything is up to date (10000 steps)")
    );
}
