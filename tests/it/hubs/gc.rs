//! `larder hub gc` is killed before and after each request that it makes. What stays is never touched,
//! and the next run removes the rest. Which requests are taken is as in [`super::kill`].

use super::kill::{chosen, kill, run_later};
use super::place::{Kind, Place};
use super::team::{TAG, Team, asset, ensure, release};
use crate::servers::tripwire::Side;

const AMD: &str = "linux-amd64";
/// The tag of the version that stays.
const KEPT: &str = "tool-v1.1.0";
const GC: [&str; 7] = ["hub", "gc", "--keep", "1", "--older-than", "0s", "--yes"];

#[test]
fn gc_of_s3_that_is_killed_is_completed_by_the_next() {
    sweep(Kind::S3);
}

#[test]
fn gc_of_a_registry_that_is_killed_is_completed_by_the_next() {
    sweep(Kind::Oci);
}

fn sweep(kind: Kind) {
    let team = Team::new(Place::start(kind));
    let old = team.builder("old", AMD);
    let new = team.machine("new");
    new.edit("versions.yml", "v1.0.0", "v1.1.0");
    new.larder(ensure(AMD)).success();
    let fill = || {
        team.place.empty();
        old.larder(release(AMD)).success();
        new.larder(release(AMD)).success();
        team.place.mark();
    };
    fill();
    new.larder(GC).success();
    let all = team.place.requests();
    assert!(team.place.files(TAG).is_empty());
    for side in [Side::Before, Side::After] {
        for n in chosen(all, side) {
            let context = format!("gc, killed {side:?} request {n} of {all}");
            fill();
            let kept = team.place.files(KEPT);
            kill(&team.place, &new, &GC, (n, side), &context);
            assert_eq!(team.place.files(KEPT), kept, "{context}");
            run_later(&team.place, &new, &GC);
            assert!(team.place.files(TAG).is_empty(), "{context}");
            assert_eq!(team.place.files(KEPT), kept, "{context}");
            team.assert_whole(KEPT, &[asset(AMD)], &context);
            team.place.mark();
            new.larder(GC).success();
            assert_eq!(
                team.place.writes(),
                [""; 0],
                "{context}: a further run wrote"
            );
        }
    }
}
