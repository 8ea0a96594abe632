//! The law of resuming: a transfer that is interrupted anywhere, any number of times, gives the bytes
//! of one in one piece.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::transfer::cutting;
use super::{client, fetch, noise};

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_resumed_transfer_equals_one_in_one_piece(
        size in 2_usize..100_000,
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let body = Arc::new(noise(size));
        let whole = cutting(Arc::clone(&body), Vec::new());
        let cuts: BTreeSet<usize> = places.iter().map(|place| 1 + place.index(size - 1)).collect();
        let server = cutting(Arc::clone(&body), cuts.iter().copied().collect());
        let resumed = fetch(&client(), &server.at("/x")).unwrap().unwrap();
        prop_assert!(resumed == fetch(&client(), &whole.at("/x")).unwrap().unwrap());
        prop_assert!(resumed == *body);
        prop_assert_eq!(server.seen().len(), cuts.len() + 1, "cut at {:?}", cuts);
    }
}
