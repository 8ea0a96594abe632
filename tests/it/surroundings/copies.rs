//! Copies of a project that lost something of `.bin`: links, modes, folders, times. The next `ensure`
//! repairs them, and what follows works.

use crate::env::{TestEnv, assert_intact, remove};

/// How a copy `q` is made of the project `p`, as lines of shell.
const COPIES: [(&str, &str); 19] = [
    ("links become what they lead to", "cp -rL p q"),
    ("hard links", "cp -al p q"),
    (
        "tar follows links",
        "mkdir q; tar -C p -chf - . | tar -C q -xf -",
    ),
    (
        "tar without modes and owner",
        "mkdir q; tar -C p -cf - . | (umask 077; tar -C q --no-same-permissions -xf -)",
    ),
    (
        "cpio-like: no empty folders, no links",
        "mkdir q; cd p; find . -type f | while read f; do mkdir -p ../q/\"${f%/*}\"; cat \"$f\" > ../q/\"$f\"; done",
    ),
    (
        "zip without links",
        "cd p; python3 -c \"import shutil; shutil.make_archive('../z', 'zip', '.')\"; cd ..; python3 -m zipfile -e z.zip q",
    ),
    (
        "links are text",
        "cp -a p q; find q -type l | while read l; do t=$(readlink \"$l\"); rm \"$l\"; printf %s \"$t\" > \"$l\"; done",
    ),
    ("links are lost", "cp -a p q; find q -type l -delete"),
    (
        "links are absolute and lead to the original",
        "cp -a p q; ln -sfn \"$PWD/p/subsystems/tool/.bin/.v/$(readlink p/subsystems/tool/.bin/.v/current)\" q/subsystems/tool/.bin/.v/current",
    ),
    (
        "only the pivot became a folder",
        "cp -a p q; cd q/subsystems/tool/.bin/.v; cp -rL current c; rm current; mv c current",
    ),
    (
        "the pivot and the previous set became folders",
        "cp -a p q; cd q/subsystems/tool/.bin/.v; cp -rL current c; rm current; cp -r c previous; mv c current",
    ),
    (
        "the pivot became an empty folder",
        "cp -a p q; cd q/subsystems/tool/.bin/.v; rm current; mkdir current",
    ),
    (
        "the pivot became a file",
        "cp -a p q; cd q/subsystems/tool/.bin/.v; rm current; echo x > current",
    ),
    (
        "the pivot is lost",
        "cp -a p q; rm q/subsystems/tool/.bin/.v/current",
    ),
    (
        "only the named files",
        "cp -a p q; rm -rf q/subsystems/tool/.bin/.[!.]*",
    ),
    (
        "only what has no dot in front",
        "cp -a p q; find q -name '.*' -prune -exec rm -rf {} +",
    ),
    (
        "mode 0600 and folders 0700",
        "cp -a p q; chmod -R u=rwX,go= q; find q -type f -exec chmod 600 {} +",
    ),
    ("mode 0777", "cp -a p q; chmod -R 777 q"),
    (
        "read-only",
        "cp -a p q; find q/subsystems -type f -exec chmod a-w {} +",
    ),
];

#[test]
fn a_copy_that_lost_links_or_modes_is_repaired() {
    for (n, (name, copy)) in COPIES.into_iter().enumerate() {
        // With and without a cache in turn.
        let cached = n % 2 == 0;
        let root = TestEnv::new();
        let env = root.another("m");
        env.script_subsystem("tool", "v1.0.0");
        env.larder(["ensure", "all"]).success();
        let base = env.base().to_owned();
        env.sh(&format!(
            "cd ..; ln -s project p; mkdir c; cd c; mv ../project p; {copy}"
        ));
        remove(&base.join("p"));
        std::fs::rename(base.join("c/q"), env.project()).unwrap();
        if !cached {
            env.drop_cache();
        }
        let case = format!("{name}, cached: {cached}");
        for args in [["ensure", "all"], ["verify", "tool"], ["ensure", "all"]] {
            let out = env.larder(args);
            assert_eq!(out.code, Some(0), "{case}: {args:?}\n{}", out.stderr);
        }
        // It has its mode again too.
        assert_eq!(
            env.sh("subsystems/tool/.bin/tool"),
            "tool v1.0.0\n",
            "{case}"
        );
        assert_intact(&env, "tool");
        // The next version replaces what the copy holds, and the one before it is kept.
        env.edit("versions.yml", "v1.0.0", "v1.1.0");
        let out = env.larder_json(["ensure", "all"]).success();
        assert_eq!(out.outcome("tool"), "built", "{case}");
        assert_intact(&env, "tool");
        for args in [
            ["package", "all"],
            ["release", "all"],
            ["verify", "tool"],
            ["clean", "all"],
        ] {
            let out = env.larder(args);
            assert_eq!(out.code, Some(0), "{case}: {args:?}\n{}", out.stderr);
        }
        assert!(!env.exists("subsystems/tool/.bin"), "{case}");
    }
}
