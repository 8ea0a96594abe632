//! Changes in the folder while the server runs, and what it remembers.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use super::{Serving, age, machine, put, sha256};

const FILE: &str = "tool-1.0.0-linux-x86_64";
/// Changes are seen within two seconds. A busy machine gets three more.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn changes_are_noticed_within_two_seconds() {
    let env = machine();
    let serving = Serving::start(&env, &[]);
    let path = env.path(format!("binaries/{FILE}"));
    let target = format!("/binaries/{FILE}");
    let has = |bytes: &'static [u8]| {
        let target = target.clone();
        move |serving: &Serving| {
            let answer = serving.get(&target);
            let tag = format!("\"{}\"", sha256(bytes));
            answer.status == 200
                && answer.body == bytes
                && answer.header("etag") == Some(tag.as_str())
        }
    };
    let none = |serving: &Serving| serving.get(&target).status == 404;
    std::fs::write(&path, "one").expect("write");
    assert!(serving.wait("a new file", has(b"one")) < SOON);
    std::fs::write(&path, "two").expect("write");
    assert!(serving.wait("a changed file", has(b"two")) < SOON);
    env.write("binaries/.three", "three");
    std::fs::rename(env.path("binaries/.three"), &path).expect("rename");
    assert!(serving.wait("a replaced file", has(b"three")) < SOON);
    let away = env.path("binaries/away");
    std::fs::rename(&path, &away).expect("rename");
    assert!(serving.wait("a renamed file", none) < SOON);
    std::fs::hard_link(&away, &path).expect("link");
    assert!(serving.wait("a linked file", has(b"three")) < SOON);
    std::fs::remove_file(&path).expect("remove");
    assert!(serving.wait("a removed file", none) < SOON);
    std::os::unix::fs::symlink("away", &path).expect("link");
    assert!(serving.wait("a link in the folder", has(b"three")) < SOON);
    // All of this needs no second walk through the folder.
    assert_eq!(serving.metric("index_walks_total"), 1);
    serving.says("away is not registered");
}

#[test]
fn a_file_that_is_being_written_is_held_back() {
    let env = machine();
    let serving = Serving::start(&env, &[]);
    let path = env.path(format!("binaries/{FILE}"));
    let mut file = File::create(&path).expect("create");
    file.write_all(b"first half, ").expect("write");
    // Another file shows that the server has seen the events before it.
    std::fs::write(env.path("binaries/other-1.0.0-linux-x86_64"), "x").expect("write");
    serving.wait("the other file", |serving| serving.files().len() == 1);
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(serving.files(), ["other-1.0.0-linux-x86_64"]);
    assert_eq!(serving.get(&format!("/binaries/{FILE}")).status, 404);
    file.write_all(b"second half").expect("write");
    drop(file);
    let whole = |serving: &Serving| {
        serving.get(&format!("/binaries/{FILE}")).body == b"first half, second half"
    };
    assert!(serving.wait("the whole file", whole) < SOON);
    // A registered file that is written to again is taken back.
    let mut file = File::options().append(true).open(&path).expect("open");
    file.write_all(b", more").expect("write");
    serving.wait("its absence", |serving| serving.files().len() == 1);
    drop(file);
    serving.wait("its return", |serving| serving.files().len() == 2);
}

#[test]
fn changed_bytes_are_never_served_under_an_old_digest() {
    let env = machine();
    let path = put(&env, FILE, "aaaa");
    let serving = Serving::start(&env, &[]);
    let target = format!("/binaries/{FILE}");
    for round in 0..200_u32 {
        let bytes = format!("{round:04}");
        std::fs::write(&path, &bytes).expect("write");
        let answer = serving.get(&target);
        if answer.status == 200 {
            let tag = format!("\"{}\"", sha256(&answer.body));
            assert_eq!(answer.header("etag"), Some(tag.as_str()), "round {round}");
        } else {
            assert!(matches!(answer.status, 404 | 503), "{}", answer.text());
        }
    }
}

#[test]
fn a_file_that_is_young_at_the_start_is_served_when_it_is_stable() {
    let env = machine();
    put(&env, "old-1.0.0-linux-x86_64", "old");
    env.write(&format!("binaries/{FILE}"), "young");
    let serving = Serving::start_unready(&env, &[]);
    // Not before all files of the start are decided.
    serving.get("/readyz").problem(503);
    serving.get("/api/binaries").problem(503);
    serving.wait("readiness", |serving| serving.get("/readyz").status == 200);
    assert_eq!(serving.files(), ["old-1.0.0-linux-x86_64", FILE]);
}

#[test]
fn digests_are_remembered_across_restarts() {
    let env = machine();
    for number in 0..20 {
        put(
            &env,
            &format!("tool-1.0.{number}-linux-x86_64"),
            number.to_string(),
        );
    }
    let hashed = |serving: &Serving| {
        (
            serving.metric("index_hashed_files_total"),
            serving.metric("index_remembered_files_total"),
        )
    };
    let serving = Serving::start(&env, &[]);
    assert_eq!(hashed(&serving), (20, 0));
    let before = serving.get("/api/binaries").json();
    assert_eq!(serving.stop(), Some(0));
    let serving = Serving::start(&env, &[]);
    assert_eq!(hashed(&serving), (0, 20));
    assert_eq!(serving.get("/api/binaries").json(), before);
    assert_eq!(serving.stop(), Some(0));
    // Other bytes of the same size with another time, the same bytes in another file, another size.
    put(&env, "tool-1.0.1-linux-x86_64", "x");
    env.sh(
        "cd binaries && touch -r tool-1.0.2-linux-x86_64 t && cp tool-1.0.2-linux-x86_64 n \
            && mv n tool-1.0.2-linux-x86_64 && touch -r t tool-1.0.2-linux-x86_64 && rm t",
    );
    put(&env, "tool-1.0.3-linux-x86_64", "longer");
    let serving = Serving::start(&env, &[]);
    assert_eq!(hashed(&serving), (3, 17));
    let changed = serving.get("/api/binaries/1.0.1/linux/x86_64").json();
    assert_eq!(changed["checksum"], sha256(b"x"));
    assert_eq!(serving.stop(), Some(0));
    // What can't be read only costs time.
    env.write(
        ".larder/serve/digests",
        "larder-serve digests 1\nnonsense\n\u{0}\n",
    );
    let serving = Serving::start(&env, &[]);
    assert_eq!(hashed(&serving), (20, 0));
}

#[test]
fn the_folder_may_be_replaced() {
    let env = machine();
    put(&env, FILE, "one");
    let serving = Serving::start(&env, &[]);
    std::fs::rename(env.path("binaries"), env.path("aside")).expect("rename");
    serving.wait("nothing", |serving| serving.files().is_empty());
    assert_eq!(serving.get(&format!("/binaries/{FILE}")).status, 404);
    put(&env, "other-1.0.0-linux-x86_64", "two");
    serving.wait("the new folder", |serving| {
        serving.files() == ["other-1.0.0-linux-x86_64"]
    });
    let answer = serving.get("/binaries/other-1.0.0-linux-x86_64");
    assert_eq!(answer.body, b"two");
    // Notices work again, too.
    std::fs::write(env.path(format!("binaries/{FILE}")), "three").expect("write");
    serving.wait("a new file", |serving| serving.files().len() == 2);
}

#[test]
fn reasons_are_told_once_and_withdrawn() {
    let env = machine();
    let wrong = put(&env, "tool-v1.0.0-linux-x86_64", "tool");
    put(&env, "a_tool-1.0.0-linux-x86_64", "tool");
    let serving = Serving::start(&env, &["--log", "json"]);
    assert_eq!(serving.metric("index_refused_files"), 2);
    std::fs::write(&wrong, "again").expect("write");
    std::fs::rename(&wrong, env.path(format!("binaries/{FILE}"))).expect("rename");
    serving.wait("the right name", |serving| serving.files() == [FILE]);
    assert_eq!(serving.metric("index_refused_files"), 1);
    let log = serving.log();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let about = |file: &str| lines.iter().filter(|line| line["file"] == file).count();
    assert_eq!(about("tool-v1.0.0-linux-x86_64"), 1, "{log}");
    assert!(
        log.contains("its version has a leading v; write 1.0.0"),
        "{log}"
    );
    assert!(
        log.contains("rename it to a-tool-1.0.0-linux-x86_64"),
        "{log}"
    );
    age(&env.path(format!("binaries/{FILE}")));
}
