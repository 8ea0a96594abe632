//! `larder hub copy` from kind to kind: a folder, S3, a registry, and a folder again.

use super::place::{Kind, Place};
use super::team::{TAG, Team, ensure, release};

const AMD: &str = "linux-amd64";
const ARM: &str = "linux-arm64";

#[test]
fn what_is_copied_through_every_kind_of_hub_keeps_its_bytes() {
    let team = Team::new(Place::start(Kind::Folder));
    let mut author = team.builder("author", AMD);
    author.larder(ensure(ARM)).success();
    for platform in [AMD, ARM] {
        author
            .larder([&release(platform)[..], &["--sign", "--attest"]].concat())
            .success();
    }
    author.larder(["release", "project", "v1.0.0"]).success();
    let last = Place::start(Kind::Folder);
    let others = [Place::start(Kind::S3), Place::start(Kind::Oci)];
    for place in &others {
        place.reach(&mut author);
    }
    let [bucket, registry] = &others;
    let ways = [(&team.place, bucket), (bucket, registry), (registry, &last)];
    for (from, to) in ways {
        author
            .larder(["hub", "copy", &from.argument(), &to.argument()])
            .success();
        to.mark();
        author
            .larder(["hub", "copy", &from.argument(), &to.argument()])
            .success();
        assert_eq!(to.writes(), [""; 0], "a second copy wrote");
    }
    for tag in [TAG, "v1.0.0"] {
        let (first, last) = (team.place.files(tag), last.files(tag));
        assert!(first.len() > 1, "{first:?}");
        assert_eq!(
            first.keys().collect::<Vec<_>>(),
            last.keys().collect::<Vec<_>>()
        );
        assert!(first == last, "{tag} has other bytes");
    }
}
