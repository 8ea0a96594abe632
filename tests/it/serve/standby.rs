//! Two servers with the same data: one has the fleet, the other one serves binaries and takes the
//! fleet over.

use super::{Serving, machine, put};

#[test]
fn a_second_server_waits_for_the_fleet_and_takes_it_over() {
    let env = machine();
    put(&env, "app-1.0.0-linux-x86_64", "one");
    let first = Serving::start(&env, &[]);
    let moved = first.send(
        "PUT",
        "/api/channels/app/stable",
        &[],
        br#"{"version": "1.0.0"}"#,
    );
    assert_eq!(moved.status, 200, "{}", moved.text());
    let second = Serving::start(&env, &[]);
    assert_eq!(second.files(), ["app-1.0.0-linux-x86_64"]);
    for path in [
        "/api/nodes",
        "/api/channels",
        "/api/rollouts",
        "/api/events",
    ] {
        let detail = second.send("GET", path, &[], b"").problem(503);
        assert!(
            detail.contains("another server uses the database"),
            "{path}: {detail}"
        );
    }
    let detail = second
        .send("POST", "/api/nodes/x/drain", &[], b"")
        .problem(503);
    assert!(detail.contains("another server"), "{detail}");
    second.says("this server has no fleet");
    let path = "/api/binaries/app/1.0.0/linux/x86_64";
    second.send("DELETE", path, &[], b"").problem(503);
    drop(first);
    second.wait("the fleet", |serving| {
        serving.get("/api/channels").status == 200
    });
    let channels = second.get("/api/channels").text();
    assert_eq!(
        channels,
        r#"[{"name":"app","channel":"stable","version":"1.0.0"}]"#
    );
    second.send("DELETE", path, &[], b"").problem(409);
}
