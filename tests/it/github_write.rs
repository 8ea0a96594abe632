//! Writing a GitHub hub: what is there afterwards, whatever happened on the way.

use crate::fake_github::Visibility;
use crate::github_box::{Dist, SIX, assert_whole, github, only, publish, writer};
use larder::hub::Published;

#[test]
fn a_second_run_makes_no_write() {
    let (github, dist) = (github(Visibility::Private), Dist::new());
    let packages: Vec<_> = SIX.iter().map(|platform| dist.package(platform, platform, "inputs")).collect();
    for package in &packages {
        let receipt = publish(&writer(&github), package).unwrap();
        assert_eq!(receipt.assets[0].1, Published::Added);
    }
    assert_whole(&only(&github), &packages.iter().collect::<Vec<_>>());
    github.clear_log();
    for package in &packages {
        let receipt = publish(&writer(&github), package).unwrap();
        assert_eq!(receipt.assets[0].1, Published::Present);
    }
    assert!(github.writes().is_empty(), "{:?}", github.writes());
}
