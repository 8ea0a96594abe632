use super::*;

#[test]
fn finishing_shows_every_sent_event_while_a_sender_is_still_open() {
    let (events, receiver) = Events::channel();
    let reporter = Reporter::spawn(
        Mode::Plain(Paint::default()),
        Verbosity::Quiet,
        Redactor::default(),
        receiver,
    );
    for n in 0..1000 {
        events.send(Event::Finished(finished(
            &format!("tool-{n}"),
            Outcome::UpToDate,
        )));
    }
    let totals = reporter.finish();
    assert_eq!((totals.steps(), totals.ok), (1000, true));
    drop(events);
}

#[test]
fn the_worst_failure_decides_the_exit_code() {
    let mut totals = Totals::default();
    assert_eq!(totals.worst(), None);
    totals.add(&Finished {
        error: Some(Error::unavailable("x")),
        ..finished("a", Outcome::Failed)
    });
    totals.add(&finished("b", Outcome::Failed));
    totals.add(&Finished {
        error: Some(Error::integrity("x")),
        ..finished("c", Outcome::Failed)
    });
    assert_eq!(totals.worst(), Some(larder_core::Kind::Integrity));
    assert!(!totals.ok);
}
