//! What an answer of one hub means for the next.

use larder_core::error::{Error, Kind};
use larder_core::model::SourceKind;
use larder_remote::hub::{Hub, MemoryHub};

use super::{Fixture, RECIPE, tool};
use crate::acquire::availability::Availability;
use crate::acquire::request::Request;
use crate::acquire::sources::several;
use crate::context::Options;

/// Asks two hubs with these answers, of which the first is an error. Says which hubs were asked.
fn asked(fixture: &Fixture, first: Option<Kind>) -> (Result<bool, Kind>, Vec<usize>) {
    let hubs = [MemoryHub::new(), MemoryHub::new()].map(Hub::new);
    let run = fixture.run(Options::default()).with_hubs(hubs.into());
    let (target, mut asked) = (tool(), Vec::new());
    let request = Request::new(&run, &target).unwrap();
    let answer = several::ask(&request, |request| {
        asked.push(request.hub_index());
        match (request.hub_index(), first) {
            (0, Some(kind)) => Err(Error::new(kind, "the first hub")),
            (0, None) => Ok(Availability::Absent("nothing".to_owned())),
            _ => Ok(Availability::Have(())),
        }
    });
    let is_found = |found| matches!(found, Availability::Have(()));
    (answer.map(is_found).map_err(|error| error.kind()), asked)
}

#[test]
fn only_a_hub_that_has_it_not_leads_to_the_next() {
    let fixture = Fixture::new(RECIPE);
    assert_eq!(asked(&fixture, None), (Ok(true), vec![0, 1]));
    for kind in [
        Kind::Refused,
        Kind::Integrity,
        Kind::Unavailable,
        Kind::Failed,
    ] {
        assert_eq!(
            asked(&fixture, Some(kind)),
            (Err(kind), vec![0]),
            "{kind:?}"
        );
    }
}

#[test]
fn a_hub_without_an_answer_leads_to_the_next_if_the_lock_pins_the_bytes() {
    let fixture = Fixture::new(RECIPE);
    let run = fixture.run(Options::default());
    let inputs = run.wanted(&tool()).unwrap().original.unwrap().digest;
    drop(run);
    let digest = larder_core::model::Digest::of(b"x");
    fixture.write(
        "versions.lock",
        &format!(
            "tool v1.0.0 {} original asset {inputs} {digest} {digest} 1 hub/tool-v1.0.0/tool.tar.gz\n",
            tool().platform
        ),
    );
    assert_eq!(
        asked(&fixture, Some(Kind::Unavailable)),
        (Ok(true), vec![0, 1])
    );
    for kind in [Kind::Refused, Kind::Integrity] {
        assert_eq!(
            asked(&fixture, Some(kind)),
            (Err(kind), vec![0]),
            "{kind:?}"
        );
    }
}

#[test]
fn a_silent_hub_and_one_that_has_it_not_are_unavailable() {
    let fixture = Fixture::new(RECIPE);
    let unanswered = MemoryHub::new();
    unanswered.fail(Some(Error::unavailable("no answer")));
    let hubs = vec![Hub::new(MemoryHub::new()), Hub::new(unanswered)];
    let run = fixture.run(Options::default()).with_hubs(hubs);
    let target = tool();
    let request = Request::new(&run, &target).unwrap();
    let probed = crate::acquire::sources::probe(&request, SourceKind::Managed);
    assert_eq!(probed.unwrap_err().kind(), Kind::Unavailable);
    assert!(run.publisher().unwrap().leftovers().unwrap().is_empty());
}
