//! The same where links can't be made.

use super::{BIN, prints, published};

#[test]
fn a_script_starts_the_program_in_its_folder() {
    let (mut env, _server) = published();
    env.set("LARDER_LINKS", "never");
    // A link to a folder can't be a copy.
    let failed = env.larder(["ensure", "all"]).exits(1);
    assert!(failed.stderr.contains("share/plugins"), "{}", failed.stderr);
    assert!(!env.exists(&format!("{BIN}/nvim")));
    env.sh("for v in 1.0.0 2.0.0; do cd ../in$v && rm nvim-linux-x86_64/share/plugins && tar czf ../files/nvim-$v.tar.gz nvim-linux-x86_64 && cd -; done");
    env.remove("versions.lock");
    env.drop_cache();
    env.larder(["ensure", "all"]).success();
    prints(&env, "1.0.0");
    let links = env.sh(&format!("find {BIN} -type l"));
    assert_eq!(links, "");
    let quick = env.larder_json(["ensure", "all"]).success();
    assert_eq!(quick.outcome("nvim"), "up-to-date");
    env.larder(["verify", "nvim"]).success();
    let vi = env.sh(&format!("cd {BIN}/.v/*-1/bin && cmp nvim vi && echo same"));
    assert_eq!(vi, "same\n");

    env.edit("versions.yml", "1.0.0", "2.0.0");
    env.larder(["ensure", "all"]).success();
    prints(&env, "2.0.0");
    assert_eq!(crate::env::list(&env.path(format!("{BIN}/.v"))).len(), 2);
    for (what, reason) in [
        ("rm .v/*-2/lib/nvim/x.so", "lib/nvim/x.so is missing"),
        ("for f in .v/*-3/bin/vi; do echo x >> $f; done", "bin/vi"),
        ("touch $(echo .v/*-4)/added", "added does not belong"),
        ("echo x > nvim", "nvim does not lead to its program"),
    ] {
        env.sh(&format!("cd {BIN} && {what}"));
        let verify = env.larder(["verify", "nvim"]).exits(4);
        assert!(verify.stderr.contains(reason), "{what}: {}", verify.stderr);
        let again = env.larder_json(["ensure", "all"]).success();
        assert_eq!(again.outcome("nvim"), "restored", "{what}");
        prints(&env, "2.0.0");
        let sets = crate::env::list(&env.path(format!("{BIN}/.v")));
        assert_eq!(sets.len(), 2, "{what}: {sets:?}");
    }
    for version in ["1.0.0", "2.0.0", "1.0.0"] {
        env.larder(["rollback", "nvim"]).success();
        prints(&env, version);
        env.larder(["status"]);
    }
    env.edit("versions.yml", "2.0.0", "1.0.0");
    let same = env.larder_json(["ensure", "all"]).success();
    assert_eq!(same.outcome("nvim"), "up-to-date");
    env.larder(["package", "nvim"]).success();
}

/// From links to plain files and back.
#[test]
fn a_project_may_come_to_a_place_without_links() {
    let (mut env, _server) = published();
    env.sh("cd ../in1.0.0 && rm nvim-linux-x86_64/share/plugins && tar czf ../files/nvim-1.0.0.tar.gz nvim-linux-x86_64");
    for links in ["auto", "never", "auto", "never"] {
        if links == "auto" {
            env.unset("LARDER_LINKS");
        } else {
            env.set("LARDER_LINKS", links);
        }
        env.larder(["ensure", "all", "--reinstall"]).success();
        prints(&env, "1.0.0");
        env.larder(["verify", "nvim"]).success();
        let linked = env.path(format!("{BIN}/nvim")).is_symlink();
        assert_eq!(linked, links == "auto");
    }
}
