//! Waiting for another larder that is stopped.

use std::time::Duration;

use crate::ensure::parallel::{
    count, counting_subsystem, signal, start, wait_for_success, wait_until,
};
use crate::env::TestEnv;

#[test]
fn a_run_that_waits_for_a_stopped_larder_reports_it() {
    let env = TestEnv::new();
    let counter = env.base().join("builds");
    counting_subsystem(&env, counter.as_str(), "0.5");
    let mut holder = start(&env, &["ensure", "all"]);
    wait_until("the holder builds", || count(&counter) == 1);
    signal(&holder, "STOP");
    let other = start(&env, &["ensure", "all"]);
    std::thread::sleep(Duration::from_secs(6));
    signal(&holder, "KILL");
    holder.wait().unwrap();
    let said = wait_for_success(vec![other]).remove(0);
    assert!(
        said.contains(&format!(
            "waiting for another larder (pid {}, `larder ensure`, for ",
            holder.id()
        )),
        "{said}"
    );
    assert_eq!(count(&counter), 2);
}
