//! Reading events: a reader that was away gets everything that is kept, and is told what is not.

use super::world::{Version, World};
use crate::fleet::reader::{GAP, Reader};
use crate::fleet::record::Event;
use crate::fleet::store::{Store as _, Write};

async fn rest(reader: &mut Reader) -> Vec<u64> {
    let mut ids = Vec::new();
    loop {
        let page = reader.page().await.unwrap();
        if page.is_empty() {
            return ids;
        }
        assert!(page.len() <= 257, "one page at a time");
        assert!(page.iter().all(|event| event.event != GAP));
        ids.extend(page.iter().map(|event| event.id));
    }
}

#[tokio::test]
async fn readers_go_on_where_they_were_and_are_told_of_gaps() {
    let world = World::new(1, Version::Good).await;
    let fleet = &world.fleet;
    let mut early = Reader::new(fleet.clone(), None);
    let mut away = Reader::new(fleet.clone(), Some(1));
    let first = rest(&mut early).await;
    for number in 0..600 {
        let version = ["2.0.0", "1.0.0"][number % 2];
        fleet
            .move_channel("app", "stable", version, "test")
            .await
            .unwrap();
    }
    let latest = *fleet.latest().borrow();
    assert!(early.more().await);
    let ids = rest(&mut early).await;
    let start = first.last().unwrap() + 1;
    assert_eq!(ids, (start..=latest).collect::<Vec<_>>());

    world.store.prune(10).await.unwrap();
    let page = away.page().await.unwrap();
    assert_eq!(page[0].event, GAP);
    assert_eq!(page[0].id, latest - 10);
    assert_eq!(page[0].from.as_deref(), Some("1"));
    let ids: Vec<u64> = page[1..].iter().map(|event| event.id).collect();
    assert_eq!(ids, (latest - 9..=latest).collect::<Vec<_>>());
    assert!(rest(&mut away).await.is_empty());
    // One who asks for all that is kept misses nothing.
    let mut all = Reader::new(fleet.clone(), None);
    assert_eq!(rest(&mut all).await.len(), 10);
    // The next event after a gap follows on it.
    let mut resumed = Reader::new(fleet.clone(), Some(latest - 10));
    assert_eq!(rest(&mut resumed).await.len(), 10);
}

#[tokio::test]
async fn what_the_store_has_before_the_fleet_knows_it_comes_later() {
    let world = World::new(1, Version::Good).await;
    let latest = *world.fleet.latest().borrow();
    let mut reader = Reader::new(world.fleet.clone(), Some(latest - 1));
    let event = Event {
        id: latest + 1,
        ..Event::default()
    };
    let written = [Write::Event(Box::new(event))];
    world.store.commit(&written).await.unwrap();
    assert_eq!(rest(&mut reader).await, [latest]);
    assert_eq!(rest(&mut reader).await, [0_u64; 0]);
}
