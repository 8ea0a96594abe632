//! Which source is asked next: tests of the policy's table and of the search that follows it.

use larder_core::error::{Error, Kind};
use larder_core::model::SourceKind;

use super::{Fixture, RECIPE, tool};
use crate::acquire::availability::Availability;
use crate::acquire::policy::{self, Then};
use crate::acquire::request::Request;
use crate::acquire::search::{End, Searched, not_found, search};
use crate::acquire::sources;
use crate::context::Options;
use larder_remote::hub::MemoryHub;

const ALL: [SourceKind; 4] = [
    SourceKind::Cache,
    SourceKind::Managed,
    SourceKind::Original,
    SourceKind::Build,
];

/// The same project with the publisher's bytes pinned by the recipe.
fn pinned() -> String {
    let checksums = format!(
        "checksums: {{{}: {}}}",
        larder_core::model::Platform::host(),
        "0".repeat(64)
    );
    RECIPE.replace("/tool\"}", &format!("/tool\", {checksums}}}"))
}

/// Runs a search in which `answers` gives the answer of each source. Returns the sources that were
/// asked, and the result.
fn walk(
    recipe: &str,
    options: Options,
    answers: impl Fn(SourceKind) -> larder_core::Result<Availability<()>>,
) -> (Vec<SourceKind>, Searched<()>) {
    let fixture = Fixture::new(recipe);
    let run = fixture.run(options);
    let target = tool();
    let request = Request::new(&run, &target).unwrap();
    let mut asked = Vec::new();
    let searched = search(&request, |source| {
        asked.push(source);
        answers(source)
    });
    (asked, searched)
}

fn absent() -> Availability<()> {
    Availability::Absent("nothing".into())
}

#[test]
fn each_error_kind_decides_whether_the_search_continues() {
    for (kind, then) in [
        (Kind::Unavailable, Then::NextIfPinned),
        (Kind::Refused, Then::Stop),
        (Kind::Integrity, Then::Stop),
        (Kind::Locked, Then::Stop),
        (Kind::Usage, Then::Stop),
        (Kind::Failed, Then::Stop),
        (Kind::Interrupted(2), Then::Stop),
    ] {
        assert_eq!(policy::after(kind), then, "{kind:?}");
    }
    assert_eq!(policy::ABSENT, Then::Next);
}

#[test]
fn absent_sources_are_passed_until_one_has_the_artifact() {
    let (asked, searched) = walk(RECIPE, Options::default(), |_| Ok(absent()));
    assert_eq!(asked, ALL);
    assert!(matches!(searched.end, End::NotFound));
    assert_eq!(searched.attempts.len(), 4);
    let (asked, searched) = walk(RECIPE, Options::default(), |source| match source {
        SourceKind::Original => Ok(Availability::Have(())),
        _ => Ok(absent()),
    });
    assert_eq!(asked, ALL[..3]);
    assert!(matches!(searched.end, End::Found(SourceKind::Original, ())));
    assert_eq!(searched.attempts.len(), 2, "those that did not have it");
}

#[test]
fn an_unavailable_source_is_passed_only_if_the_next_is_pinned() {
    let hub_is_gone = |source| match source {
        SourceKind::Managed => Err(Error::unavailable("no connection")),
        SourceKind::Build => Ok(Availability::Have(())),
        _ => Ok(absent()),
    };
    let (asked, searched) = walk(RECIPE, Options::default(), hub_is_gone);
    assert_eq!(asked, ALL[..2], "nothing pins the publisher's bytes");
    let End::Stopped(error) = searched.end else {
        panic!("{searched:?}");
    };
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.hints()[0].contains("neither lock nor recipe pins"));
    // The recipe pins the bytes of the original; the bytes of a source folder are in the key.
    let (asked, searched) = walk(&pinned(), Options::default(), hub_is_gone);
    assert_eq!(asked, ALL);
    assert!(matches!(searched.end, End::Found(SourceKind::Build, ())));
    assert!(
        searched.unavailable.is_some(),
        "what is built now must not be uploaded"
    );
    // A git tag is not a commit.
    let git = RECIPE.replace("{dir: src}", "{git: \"https://git.example/tool\", rev: v1}");
    let publisher_is_gone = |source| match source {
        SourceKind::Original => Err(Error::unavailable("no connection")),
        _ => Ok(absent()),
    };
    let (asked, _) = walk(&git, Options::default(), publisher_is_gone);
    assert_eq!(asked, ALL[..3]);
    let commit = git.replace("rev: v1", &format!("rev: {}", "a".repeat(40)));
    let (asked, searched) = walk(&commit, Options::default(), publisher_is_gone);
    assert_eq!(asked, ALL);
    assert!(
        matches!(searched.end, End::Stopped(error) if error.kind() == Kind::Unavailable),
        "no source has it, and one could not be asked"
    );
}

#[test]
fn refused_and_wrong_answers_stop_the_search() {
    for kind in [Kind::Refused, Kind::Integrity, Kind::Locked, Kind::Failed] {
        let (asked, searched) = walk(&pinned(), Options::default(), |source| match source {
            SourceKind::Managed => Err(Error::new(kind, "no")),
            _ => Ok(absent()),
        });
        assert_eq!(asked, ALL[..2]);
        assert!(matches!(searched.end, End::Stopped(error) if error.kind() == kind));
    }
}

#[test]
fn a_named_source_is_the_only_one_that_is_searched() {
    for source in ALL {
        let options = Options {
            source: Some(source),
            ..Options::default()
        };
        assert_eq!(walk(RECIPE, options, |_| Ok(absent())).0, [source]);
    }
    let options = Options {
        rebuild: true,
        ..Options::default()
    };
    assert_eq!(
        walk(RECIPE, options, |_| Ok(absent())).0,
        [SourceKind::Build]
    );
}

#[test]
fn if_no_source_has_the_artifact_the_error_lists_every_answer() {
    let fixture = Fixture::new("binaries: [tool]\nupstream: {url: \"https://p.example/tool\"}\n");
    let options = Options {
        source: Some(SourceKind::Build),
        ..Options::default()
    };
    let run = fixture.run(options);
    let target = tool();
    let request = Request::new(&run, &target).unwrap();
    let searched = search(&request, |source| sources::probe(&request, source));
    let error = not_found(&request, &searched.attempts);
    assert_eq!(error.causes(), ["build: the recipe has no build"]);
    assert_eq!(error.kind(), Kind::Failed);
}

#[test]
fn a_hub_that_cannot_be_reached_does_not_count_as_absent() {
    let fixture = Fixture::new(RECIPE);
    let hub = MemoryHub::new();
    hub.fail(Some(Error::refused("no")));
    let run = fixture.run_with(Options::default(), hub);
    let target = tool();
    let request = Request::new(&run, &target).unwrap();
    let searched = search(&request, |source| sources::probe(&request, source));
    assert!(matches!(searched.end, End::Stopped(error) if error.kind() == Kind::Refused));
    assert_eq!(searched.attempts.len(), 2);
}
