//! `larder publish` into a tap, killed at each command of git: the next run completes it, and writes
//! nothing twice.

use crate::publish::git;
use crate::publish::record::Recorder;
use crate::publish::repositories::Repositories;

#[test]
fn a_run_that_is_killed_at_any_command_of_git_is_completed_by_the_next() {
    let arguments = ["publish", "arc", "--to", "homebrew"];
    let mut places = Repositories::new();
    // The file `at` says at which command larder is killed.
    let kill = |when: &str, then: &str| {
        format!(
            "if [ \"$(cat \"$folder/at\" 2>/dev/null)\" = \"{when} $(wc -l < \"$folder/commands\")\" ]; then\n\
             rm \"$folder/at\"; kill -9 $PPID; {then} fi"
        )
    };
    let recorder = Recorder::with(
        &mut places.env,
        &kill("before", "exit 1;"),
        &kill("after", ""),
    );
    places.env.larder(arguments).success();
    let commands: Vec<String> = recorder.commands().lines().map(str::to_owned).collect();
    assert!(commands.len() > 10, "{commands:?}");
    let tap = places.repository("tap");
    for (number, command) in (1..).zip(&commands) {
        // A push is what counts; of the others, one moment is as good as the other.
        let one = [["before", "after"][number % 2]];
        let moments = if command.starts_with("push") {
            &["before", "after"][..]
        } else {
            &one
        };
        for when in moments {
            std::fs::remove_dir_all(&tap).unwrap();
            git(
                &places.env,
                &["init", "-q", "--bare", "-b", "main", tap.as_str()],
            );
            recorder.set("at", &format!("{when} {number}"));
            recorder.set("commands", "");
            let killed = places.env.larder(arguments);
            assert_eq!(
                killed.signal,
                Some(9),
                "{when} {number} {command}: {}",
                killed.stderr
            );
            places.env.larder(arguments).success();
            assert_eq!(
                places.subjects("tap"),
                ["arc 1.2.3"],
                "{when} {number} {command}"
            );
            let left = places
                .env
                .sh("ls \"$TMPDIR\" | grep larder-publish || true");
            assert_eq!(left, "", "{when} {number} {command}");
        }
    }
}
