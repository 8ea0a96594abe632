//! Methods and roles of every route of the fleet.

use super::{fleet_machine, serving};
use crate::serve::guarded::access::{bearer, tokens};

const DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Each path, with the methods that it has.
fn paths() -> Vec<(String, &'static str)> {
    let mut paths = vec![
        ("/api/nodes".to_owned(), "GET,HEAD"),
        ("/api/nodes/n".to_owned(), "GET,HEAD,DELETE"),
        ("/api/nodes/n/drain".to_owned(), "POST"),
        ("/api/nodes/n/undrain".to_owned(), "POST"),
        ("/api/nodes/n/pin".to_owned(), "PUT"),
        (format!("/api/nodes/n/denied/{DIGEST}"), "DELETE"),
        ("/api/channels".to_owned(), "GET,HEAD"),
        ("/api/channels/tool/stable".to_owned(), "PUT"),
        ("/api/rollouts".to_owned(), "GET,HEAD,POST"),
        ("/api/rollouts/r-1".to_owned(), "GET,HEAD"),
        ("/api/events?follow=false".to_owned(), "GET,HEAD"),
    ];
    for verb in ["pause", "resume", "abort"] {
        paths.push((format!("/api/rollouts/r-1/{verb}"), "POST"));
    }
    paths
}

#[test]
fn every_path_names_its_methods() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    for (path, methods) in paths() {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "BREW"] {
            let answer = serving.send(method, &path, &[], b"");
            let has = methods.split(',').any(|known| known == method);
            assert_eq!(
                answer.status == 405,
                !has,
                "{method} {path}: {}",
                answer.status
            );
            if answer.status == 405 {
                let mut allowed: Vec<&str> =
                    answer.header("allow").expect("Allow").split(',').collect();
                let mut known: Vec<&str> = methods.split(',').collect();
                allowed.sort_unstable();
                known.sort_unstable();
                assert_eq!(allowed, known, "{method} {path}");
            }
            if answer.status >= 400 && method != "HEAD" {
                answer.problem(answer.status);
            }
        }
        if methods.starts_with("GET") {
            let [get, head] = ["GET", "HEAD"].map(|method| {
                let mut answer = serving.send(method, &path, &[], b"").comparable();
                answer
                    .headers
                    .retain(|(name, _)| name != "transfer-encoding");
                answer
            });
            assert_eq!(
                (get.status, &get.headers),
                (head.status, &head.headers),
                "{path}"
            );
            assert!(head.body.is_empty());
        }
    }
}

#[test]
fn reading_needs_the_role_read_and_the_rest_admin() {
    let env = fleet_machine();
    tokens(&env);
    for private in [false, true] {
        let mut options = vec!["--tokens", "tokens.yml", "--data"];
        options.push(if private { "data-private" } else { "data" });
        if private {
            options.push("--private");
        }
        let serving = serving(&env, &options);
        for (path, methods) in paths() {
            for method in methods.split(',') {
                let reads = matches!(method, "GET" | "HEAD");
                for role in ["", "join", "read", "write", "admin", "old", "unknown"] {
                    let value = bearer(role);
                    let headers = [("Authorization", value.as_str())];
                    let headers = if role.is_empty() { &[][..] } else { &headers };
                    let status = serving.send(method, &path, headers, b"").status;
                    let refused = match (reads, private, role) {
                        (_, _, "admin")
                        | (true, false, "" | "join" | "read" | "write")
                        | (true, true, "read" | "write") => None,
                        (_, _, "old" | "unknown" | "") => Some(401),
                        _ => Some(403),
                    };
                    let is_refused = matches!(status, 401 | 403).then_some(status);
                    assert_eq!(is_refused, refused, "{method} {path} {role} {private}");
                }
            }
        }
    }
    let serving = serving(&env, &["--tokens", "tokens.yml", "--data", "data-last"]);
    let value = bearer("admin");
    let body = b"{\"version\": \"1.0.0\"}";
    let target = "/api/channels/tool/stable";
    let moved = serving.send("PUT", target, &[("Authorization", &value)], body);
    assert_eq!(moved.status, 200, "{}", moved.text());
    let events = serving.get("/api/events?follow=false").text();
    assert!(events.contains("\"by\":\"admin\""), "{events}");
    let log = serving.log();
    assert!(
        log.contains("admin put /api/channels/tool/stable: done"),
        "{log}"
    );
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let body = b"{\"name\":\"tool\",\"channel\":\"stable\",\"version\":\"1.0.0\"}";
    for (site, status) in [("cross-site", 403), ("same-origin", 201), ("none", 409)] {
        let headers = [("Sec-Fetch-Site", site)];
        let answer = serving.send("POST", "/api/rollouts", &headers, body);
        assert_eq!(answer.status, status, "{site}: {}", answer.text());
        let read = serving.send("GET", "/api/rollouts", &headers, b"");
        assert_eq!(read.status, 200, "{site}");
    }
}
