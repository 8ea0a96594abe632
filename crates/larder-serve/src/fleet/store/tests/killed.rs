//! A process that writes until it is killed: this test program, started again.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::{as_write, event, everything, node, open};
use crate::fleet::store::{Location, Write};

/// Names the database for the process that is started.
const DATABASE: &str = "LARDER_TEST_DATABASE";

/// A process that commits one transaction after the other.
pub struct Committing {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Committing {
    #[expect(clippy::disallowed_methods, reason = "it is killed before it ends")]
    pub fn start(url: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture"])
            .arg("fleet::store::tests::killed::commits_until_it_is_killed")
            .env(DATABASE, url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits until so many more transactions are committed, and gives the number of the last one.
    pub fn wait_for(&mut self, transactions: usize) -> u64 {
        let committed = self.lines.by_ref().map_while(Result::ok);
        let numbers = committed.filter_map(|line| line.strip_prefix("committed ")?.parse().ok());
        let last = numbers.take(transactions).last();
        last.expect("it has ended")
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
#[ignore = "other tests start it"]
#[expect(clippy::print_stdout, reason = "it tells the test that has started it")]
fn commits_until_it_is_killed() {
    let url = std::env::var(DATABASE).unwrap();
    let location = Location::parse(&url, "/".into()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = open(&location).await;
        for number in store.load().await.unwrap().last_event + 1.. {
            let writes = [
                Write::Node(Box::new(node("n", &number.to_string()))),
                as_write(event(number, &"x".repeat(20_000))),
                Write::Node(Box::new(node("m", &number.to_string()))),
            ];
            store.commit(&writes).await.unwrap();
            println!("\ncommitted {number}");
        }
    });
}

/// Each transaction writes its number three times.
pub async fn every_transaction_is_whole_after_a_kill(location: &Location, url: &str) {
    for round in 0..6 {
        let mut committing = Committing::start(url);
        let told = committing.wait_for(3 + round * 5);
        // Somewhere in the next one.
        tokio::time::sleep(std::time::Duration::from_micros(300 * round as u64)).await;
        committing.kill();
        let store = open(location).await;
        let (stored, events) = everything(&*store).await;
        let last = stored.last_event;
        assert!(last >= told, "{last} is less than {told}");
        for node in &stored.nodes {
            assert_eq!(node.agent_id, last.to_string());
        }
        assert_eq!(stored.nodes.len(), 2);
        let numbers: Vec<u64> = events.iter().map(|event| event.id).collect();
        assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    }
}
