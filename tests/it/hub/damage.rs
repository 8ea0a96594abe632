//! Damage in a folder hub, and sidecars that a later larder wrote.

use crate::cache::files;
use crate::ensure::damage::{released, repaired};
use crate::env::host;

#[test]
fn a_damaged_hub_asset_is_refused_and_no_other_source_is_tried() {
    let env = released("[managed, build]");
    let asset = format!(".larder-hub/tool-v1.0.0/tool-{}.tar.gz", host());
    let whole = std::fs::read(env.path(&asset)).unwrap();
    for damage in ["flip", "cut", "grow", "empty"] {
        let mut bytes = whole.clone();
        match damage {
            "flip" => bytes[whole.len() / 2] ^= 1,
            "cut" => bytes.truncate(whole.len() / 2),
            "grow" => bytes.extend(b"more"),
            _ => bytes.clear(),
        }
        std::fs::write(env.path(&asset), bytes).unwrap();
        env.drop_cache();
        env.remove("subsystems/tool/.bin");
        let output = env.larder_json(["ensure", "tool"]).exits(4);
        assert_eq!(output.outcome("tool"), "failed", "{damage}");
        let said = output.stdout + &output.stderr;
        assert!(said.contains(&asset), "{damage}: {said}");
        assert!(
            !env.exists("subsystems/tool/.bin/tool"),
            "{damage}: something was installed"
        );
        let left = crate::env::list(&env.path("subsystems/tool/.bin/.v"));
        assert!(left.is_empty(), "{damage}: staging is left: {left:?}");
        assert!(
            files(&env, "files 2>/dev/null || true; find . -name none").is_empty(),
            "{damage}: something was cached"
        );
    }
    std::fs::write(env.path(&asset), whole).unwrap();
    repaired(&env, "downloaded");
}

#[test]
fn a_damaged_or_newer_format_sidecar_stops_the_search() {
    let env = released("[managed, build]");
    let sidecar = format!(".larder-hub/tool-v1.0.0/tool-{}.tar.gz.json", host());
    let whole = env.read(&sidecar);
    let swapped = whole.replacen("\"size\": ", "\"size\": 1", 1);
    for (odd, code) in [
        (String::new(), 4),
        (whole.replace("0755", "0644"), 4),
        (whole[..60].to_owned(), 4),
        (swapped, 4),
        (whole.replace("\"schema\": 1", "\"schema\": 9"), 1),
    ] {
        assert_ne!(odd, whole);
        env.write(&sidecar, &odd);
        env.drop_cache();
        env.remove("subsystems/tool/.bin");
        let output = env.larder(["ensure", "tool"]).exits(code);
        assert!(
            !env.exists("subsystems/tool/.bin/tool"),
            "{}",
            output.stderr
        );
    }
    env.write(&sidecar, whole);
    repaired(&env, "downloaded");
}
