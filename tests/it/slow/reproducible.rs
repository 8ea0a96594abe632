//! The same files and inputs give the same package, byte for byte, on any machine and any number of threads.

use larder_core::model::Digest;

use crate::env::{LARDER, TestEnv, host};

/// Two binaries; one is large and neither uniform nor random, so that a dependence on thread blocks
/// would show.
fn write(env: &TestEnv, format: &str, megabytes: usize) {
    env.versions(&[("big", "v1.0.0")], "sources: [build]\n");
    env.recipe(
        "big",
        &format!(
            "binaries: [big, small]\nbuild:\n  source: {{dir: src}}\n  commands:\n    - \"cp data {{{{ out }}}}/big; cp small {{{{ out }}}}/small\"\n\
             package: {{include: [LICENSE], format: {format}}}\n"
        ),
    );
    let mut seed = 1_u64;
    let mut block = String::new();
    while block.len() < 1024 * 1024 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        block += &format!(
            "{seed:016x} {}\n",
            "pad ".repeat(usize::try_from(seed >> 61).unwrap())
        );
    }
    let mut data = String::from("#!/bin/sh\n");
    for i in 0..megabytes {
        data += &format!("block {i}\n");
        data += &block;
    }
    env.write("subsystems/big/src/data", data);
    env.write("subsystems/big/src/small", "#!/bin/sh\n");
    env.write("subsystems/big/src/LICENSE", "do what you like\n");
}

/// Packages with this umask and number of threads. Returns the digest of each asset and of the
/// sidecar's reproducible fields.
fn packaged(env: &TestEnv, umask: &str, threads: &str, extension: &str) -> (String, String) {
    let mut command = env.program("sh");
    let cpus = if threads == "1" { "taskset -c 0" } else { "" };
    command
        .args(["-ec", &format!("umask {umask}; {LARDER} ensure all; RAYON_NUM_THREADS={threads} {cpus} {LARDER} package all")]);
    env.output(command).success();
    let asset = env.path(format!(".dist/big-{}.{extension}", host()));
    let bytes = std::fs::read(&asset).unwrap();
    assert!(
        bytes.len() > 100 * 1024,
        "{asset} has {} bytes",
        bytes.len()
    );
    (
        Digest::of(&bytes).to_string(),
        env.read("subsystems/big/.bin/.version"),
    )
}

#[test]
fn packages_are_identical_on_different_machines() {
    for (format, megabytes) in [("tar.gz", 66), ("tar.zst", 66), ("zip", 8)] {
        let one = TestEnv::new();
        write(&one, format, megabytes);
        let first = packaged(&one, "022", "1", format);
        let mut two = one.another(
            "another-machine/with-a-project-folder/whose-path-is-a-good-deal-longer-than-the-first",
        );
        for (key, value) in [
            ("TZ", "Pacific/Chatham"),
            ("LANG", "tr_TR.UTF-8"),
            ("LC_ALL", "de_DE"),
            ("USER", "someone"),
        ] {
            two.set(key, value);
        }
        crate::env::copy_tree(one.project(), two.project());
        two.sh("find . -type f -exec touch -d '2001-02-03 04:05:06' {} +; chmod -R go-rwx .");
        let second = packaged(&two, "077", "4", format);
        assert_eq!(first, second, "{format}");
    }
}
