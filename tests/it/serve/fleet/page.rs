//! The page of the fleet: what it shows without a script, that nothing can be slipped into it, and, if
//! there is a Chromium, that its script follows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use larder_core::model::Digest;

use super::{BAD, Farm, fleet_machine, move_to, roll_out, serving, wait_for};
use crate::serve::page::{chromium, content_of, dom};

#[test]
fn the_page_runs_only_its_own_script_and_escapes_names() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let empty = serving.get("/fleet").text();
    for word in [
        "There are no nodes yet",
        "There are no rollouts yet",
        "Nothing has happened yet",
    ] {
        assert!(empty.contains(word), "{word}\n{empty}");
    }
    let _farm = Farm::start(&serving, &["<b>\"a\"'&", "plain"]);
    move_to(&serving, "1.0.0");
    let answer = serving.get("/fleet");
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let page = answer.text();
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for tag in ["style", "script"] {
        let digest = Digest::of(content_of(&page, tag).as_bytes());
        let source = format!("{tag}-src 'sha256-{}'", STANDARD.encode(digest.as_bytes()));
        assert!(policy.contains(&source), "{policy}");
    }
    let markup = page
        .replace(content_of(&page, "style"), "")
        .replace(content_of(&page, "script"), "");
    for refused in [
        " style=",
        " onclick",
        "javascript:",
        "src=",
        "https://",
        "<b>\"",
    ] {
        assert!(!markup.contains(refused), "{refused}\n{markup}");
    }
    assert!(page.contains("&lt;b&gt;&quot;a&quot;&#39;&amp;"), "{page}");
    let searched = serving.get("/fleet?q=%22%3E%3Cscript%3Ealert(1)").text();
    assert!(
        searched.contains("&quot;&gt;&lt;script&gt;alert(1)"),
        "{searched}"
    );
    assert!(searched.contains("There is no such node"), "{searched}");
    assert!(serving.get("/fleet?page=x").problem(400).contains("page"));
    // Both pages lead to each other.
    assert!(page.contains("<a href=\"/\">"), "{page}");
    assert!(serving.get("/").text().contains("<a href=\"/fleet\">"));
    let head = serving.send("HEAD", "/fleet", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn the_page_shows_versions_rollouts_and_nodes_without_a_script() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let _farm = Farm::start(&serving, &["a", "b", "c", "d"]);
    move_to(&serving, "1.0.0");
    let id = roll_out(&serving, BAD);
    wait_for(&serving, &id, "rolled_back");
    let page = serving.get("/fleet").text();
    for word in [
        "This is a snapshot",
        "4 nodes · 4 ready",
        "tool <b>1.0.0</b> <span class=\"tag\">stable</span>",
        "4 (100%)",
        "<span class=\"state rolled_back\">rolled_back</span>",
        "<li aria-current=\"step\">canary <span class=\"soft\">1</span></li>",
        "it ended with code 7 after 2 s",
        "1 digest denied",
        "<b>rollout state</b>",
    ] {
        assert!(page.contains(word), "{word}\n{page}");
    }
    assert!(!page.contains("data-verb=\"pause"), "{page}");
    assert!(
        serving
            .get("/fleet?q=denied")
            .text()
            .contains("There is no such node")
    );
    let some = serving.get("/fleet?q=ready+1.0.0").text();
    assert!(
        some.contains("<p class=\"soft shown\">4 nodes</p>"),
        "{some}"
    );
    let one = serving.get("/fleet?q=code").text();
    assert!(
        one.contains("<p class=\"soft shown\">1 of 4 nodes</p>"),
        "{one}"
    );
    let body = b"{\"name\":\"tool\",\"channel\":\"stable\",\"version\":\"1.1.0\"}";
    let started = serving.send("POST", "/api/rollouts", &[], body);
    assert_eq!(started.status, 201, "{}", started.text());
    let page = serving.get("/fleet").text();
    for verb in ["pause", "abort"] {
        assert!(
            page.contains(&format!("data-verb=\"{verb}\"")),
            "{verb}\n{page}"
        );
    }
}

#[test]
fn the_script_follows_the_fleet() {
    let Some(chromium) = chromium() else {
        eprintln!("skipped: this machine has no Chromium");
        return;
    };
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let _farm = Farm::start(&serving, &["a", "b"]);
    move_to(&serving, "1.0.0");
    let body = b"{\"name\":\"tool\",\"channel\":\"stable\",\"version\":\"1.1.0\"}";
    assert_eq!(serving.send("POST", "/api/rollouts", &[], body).status, 201);
    let page = dom(&env, &serving, chromium, &[], "/fleet");
    assert!(page.contains(" ago</time>"), "{page}");
    let (_, button) = page.split_once("data-verb=\"pause\"").expect("a button");
    assert!(
        !button
            .split('>')
            .next()
            .unwrap_or_default()
            .contains("hidden"),
        "{page}"
    );
}
