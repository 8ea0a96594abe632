//! Fifty agents: five kinds of bad versions are halted early and taken back everywhere without a
//! hand, and a good one reaches all.

use serde_json::{Value, json};

use super::child::Kind;
use super::{Prefix, World, members};

#[test]
fn bad_versions_are_taken_back_and_a_good_one_reaches_all() {
    let mut world = World::new(Prefix::new());
    world.start_agents(50);
    let bad = [
        ("2.0.0", Kind::Crashes),
        ("3.0.0", Kind::Hangs),
        ("4.0.0", Kind::Lies),
        ("5.0.0", Kind::CrashesLater),
        ("6.0.0", Kind::Refuses),
    ];
    let mut denied: Vec<(String, String)> = Vec::new();
    for (version, kind) in bad {
        let digest = world.release(version, kind);
        let id = world.roll_out(version, &Value::Null);
        let ended = world.ended(&id);
        assert_eq!(ended["state"], "rolled_back", "{kind:?}: {ended}");
        assert!(
            ended["step"].as_u64().expect("a step") <= 1,
            "{kind:?}: {ended}"
        );
        assert_eq!(world.get("/api/channels")[0]["version"], "1.0.0");
        world.wait_for_all("1.0.0");
        let failed = members(&ended, "failed");
        assert!(!failed.is_empty(), "{kind:?}: {ended}");
        for name in world.names() {
            let starts = world.starts(&name);
            let times = starts.iter().filter(|started| *started == version).count();
            assert!(times <= 1, "{kind:?}: {name} has started it {times} times");
            let touched = ended["sizes"][1].as_u64().expect("a size");
            let rank = ended["members"].as_array().expect("members").iter();
            let rank = rank.filter(|member| member["agent_id"] == name.as_str());
            let rank = rank.map(|member| member["rank"].as_u64()).next().flatten();
            assert!(
                times == 0 || rank < Some(touched),
                "{kind:?}: {name} of rank {rank:?}"
            );
        }
        for name in failed {
            let status = world.status(name);
            let all = status["denied"].as_array().expect("a list");
            assert!(all.contains(&json!(digest)), "{kind:?}: {status}");
            // Not even an administrator's pin makes it run again before the verdict is lifted.
            let pin = json!({"version": version});
            let pinned = world.request("PUT", &format!("/api/nodes/{name}/pin"), Some(&pin));
            assert_eq!(pinned.expect("an answer").0, 409, "{kind:?}");
            denied.push((name.to_owned(), digest.clone()));
        }
    }
    let good = world.release("7.0.0", Kind::Good);
    let id = world.roll_out("7.0.0", &Value::Null);
    let ended = world.ended(&id);
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(members(&ended, "succeeded").len(), 50, "{ended}");
    world.wait_for_all("7.0.0");
    assert_eq!(world.get("/api/channels")[0]["version"], "7.0.0");
    for name in world.names() {
        assert_eq!(world.status(&name)["checksum"], good.as_str(), "{name}");
    }
    world.assert_one_child_each();
    for (name, digest) in denied {
        let status = world.status(&name);
        assert!(
            status["denied"].to_string().contains(&digest),
            "{name}: {status}"
        );
    }
}
