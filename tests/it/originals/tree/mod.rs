//! `keep: tree`: programs that need the folder beside them.

mod damage;
mod hostile;
mod onward;
mod plain;

use crate::env::TestEnv;
use crate::servers::files::FileServer;

/// A program that reads a file relative to the place where it really is, as neovim does.
const NVIM: &str = r#"#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
cat "$here/../share/nvim/runtime/greeting.txt"
echo "args: $*"
"#;

/// Shell lines that make the folder of a version of it.
pub fn folder(version: &str) -> String {
    format!(
        "mkdir -p t/bin t/lib/nvim t/share/nvim/runtime/doc t/share/empty && cd t \
         && printf '%s' '{}' > bin/nvim && chmod 755 bin/nvim \
         && printf 'NVIM {version}\\n' > share/nvim/runtime/greeting.txt \
         && printf 'so {version}' > lib/nvim/x.so && chmod 755 lib/nvim/x.so \
         && printf 'help' > 'share/nvim/runtime/doc/a b, c.txt' \
         && ln -s nvim bin/vi && ln -s ../lib/nvim share/plugins && ln -s /etc/passwd share/out \
         && chmod 4755 lib/nvim/x.so && cd ..",
        NVIM.replace('\'', r"'\''")
    )
}

/// A machine whose publisher serves two versions of it.
pub fn published() -> (TestEnv, FileServer) {
    let env = TestEnv::new();
    for version in ["1.0.0", "2.0.0"] {
        env.sh(&format!(
            "mkdir -p ../files ../in{version} && cd ../in{version} && {} \
             && mv t nvim-linux-x86_64 && tar czf ../files/nvim-{version}.tar.gz nvim-linux-x86_64",
            folder(version)
        ));
    }
    let server = FileServer::start(&env.base().join("files"));
    env.versions(&[("nvim", "1.0.0")], "hub: {dir: hub}\n");
    recipe(&env, &server, "");
    (env, server)
}

pub fn recipe(env: &TestEnv, server: &FileServer, more: &str) {
    let url = server.url();
    env.recipe(
        "nvim",
        &format!(
            "binaries: [nvim]\nverify: nvim --version\nupstream:\n  url: \"{url}/nvim-{{{{ version }}}}.tar.gz\"\n  keep: tree\n{more}"
        ),
    );
}

pub const BIN: &str = "subsystems/nvim/.bin";

/// What the installed program prints.
#[track_caller]
pub fn prints(env: &TestEnv, version: &str) {
    assert_eq!(
        env.run(env.path(format!("{BIN}/nvim")).as_str(), ["x y", "z"]),
        format!("NVIM {version}\nargs: x y z\n")
    );
}

#[test]
fn the_folder_is_installed_whole_and_the_program_finds_it() {
    let (env, _server) = published();
    let first = env.larder_json(["ensure", "all"]).success();
    assert_eq!(first.outcome("nvim"), "downloaded");
    prints(&env, "1.0.0");
    let links = env.sh(&format!(
        "cd {BIN} && readlink nvim && readlink .v/current/nvim && readlink .version && ls -A"
    ));
    assert_eq!(
        links,
        ".v/current/nvim\nbin/nvim\n.v/current/.version\n.v\n.version\nnvim\n"
    );
    let everything = env.sh(&format!(
        "cd {BIN}/.v/current/ && find . -mindepth 1 -printf '%P: %y %m %l\n' \
         | sed 's/: l 777/: l/' | LC_ALL=C sort"
    ));
    assert_eq!(
        everything,
        ".version: f 644 \n\
         bin/nvim: f 755 \n\
         bin/vi: l nvim\n\
         bin: d 755 \n\
         lib/nvim/x.so: f 755 \n\
         lib/nvim: d 755 \n\
         lib: d 755 \n\
         nvim: l bin/nvim\n\
         share/nvim/runtime/doc/a b, c.txt: f 644 \n\
         share/nvim/runtime/doc: d 755 \n\
         share/nvim/runtime/greeting.txt: f 644 \n\
         share/nvim/runtime: d 755 \n\
         share/nvim: d 755 \n\
         share/plugins: l ../lib/nvim\n\
         share: d 755 \n"
    );
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcome("nvim"),
        "up-to-date"
    );
    env.larder(["verify", "nvim"]).success();
    let run = env.larder(["exec", "--", "nvim", "a"]).success();
    assert_eq!(run.stdout, "NVIM 1.0.0\nargs: a\n");
}

#[test]
fn what_leads_outside_is_skipped_and_told() {
    let (env, _server) = published();
    let output = env.larder(["-v", "ensure", "all"]).success();
    assert!(
        output.stderr.contains("`nvim-linux-x86_64/share/out`"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("setuid"), "{}", output.stderr);
    assert!(!env.exists(&format!("{BIN}/.v/current/share/out")));
}

#[test]
fn versions_are_switched_and_rolled_back() {
    let (env, _server) = published();
    env.larder(["ensure", "all"]).success();
    env.edit("versions.yml", "1.0.0", "2.0.0");
    env.larder(["ensure", "all"]).success();
    prints(&env, "2.0.0");
    assert_eq!(crate::env::list(&env.path(format!("{BIN}/.v"))).len(), 4);
    env.larder(["rollback", "nvim"]).success();
    prints(&env, "1.0.0");
    env.larder(["ensure", "all"]).success();
    prints(&env, "2.0.0");
    env.larder(["clean", "all"]).success();
    assert!(!env.exists(BIN));
    let again = env.larder_json(["ensure", "all"]).success();
    assert_eq!(again.outcome("nvim"), "restored");
    prints(&env, "2.0.0");
}

/// The same recipe without `keep: tree` has another key, and the switch between the two is one rename.
#[test]
fn a_recipe_may_begin_and_cease_to_keep_the_folder() {
    let (env, server) = published();
    let flat = |keep: &str| {
        let url = server.url();
        env.recipe(
            "nvim",
            &format!(
                "binaries: [nvim]\nupstream: {{url: \"{url}/nvim-1.0.0.tar.gz\", keep: {keep}}}\n"
            ),
        );
    };
    for keep in ["files", "tree", "files", "tree"] {
        flat(keep);
        let output = env.larder(["ensure", "all"]).success();
        assert_eq!(
            env.exists(&format!("{BIN}/.v/current/share")),
            keep == "tree",
            "{output:?}"
        );
        assert_eq!(crate::env::list(&env.path(BIN)).len(), 3);
    }
    prints(&env, "1.0.0");
    env.larder(["rollback", "nvim"]).success();
    assert!(!env.exists(&format!("{BIN}/.v/current/share")));
}

#[test]
fn binaries_are_found_by_globs_by_name_and_as_links() {
    for (binaries, extract, expected) in [
        ("[nvim, vi]", "", "bin/nvim bin/vi"),
        ("[vi]", "", "bin/vi"),
        (
            "[vi, nvim]",
            "{\"*/bin/nvim\": vi, \"*/bin/vi\": nvim}",
            "bin/nvim bin/vi",
        ),
        ("[x.so]", "{\"*/lib/*/x.so\": x.so}", "lib/nvim/x.so"),
    ] {
        let (env, server) = published();
        let url = server.url();
        let extract = if extract.is_empty() {
            String::new()
        } else {
            format!("  extract: {extract}\n")
        };
        env.recipe("nvim", &format!("binaries: {binaries}\nany: true\nupstream:\n  url: \"{url}/nvim-1.0.0.tar.gz\"\n  keep: tree\n{extract}"));
        env.larder(["ensure", "all"]).success();
        let names = binaries.trim_matches(['[', ']']).replace(',', "");
        let links = env.sh(&format!(
            "cd {BIN}/.v/current/ && for b in {names}; do readlink $b; done | xargs"
        ));
        assert_eq!(links.trim(), expected, "{binaries}");
        env.larder(["verify", "nvim"]).success();
    }
}

#[test]
fn archives_of_all_kinds_and_shapes_are_kept() {
    for (pack, top) in [
        ("mv t nvim && tar cJf $out nvim", "bin lib share"),
        ("cd t && tar cf $out .", "bin lib share"),
        (
            "rm t/share/out && mv t 'a b' && zip -qry $out 'a b'",
            "bin lib share",
        ),
        ("rm t/share/out && cd t && zip -qry $out .", "bin lib share"),
        (
            "mkdir bin && mv t/bin/* bin && mv t/share t/lib bin && sed -i s,../share,share, bin/nvim && tar czf $out bin",
            "lib nvim share",
        ),
        ("mkdir -p bin/x && mv t bin/x/bin && tar czf $out bin", "x"),
    ] {
        let env = TestEnv::new();
        env.sh(&format!(
            "mkdir -p ../files ../in && out=$PWD/../files/nvim-1.0.0.tar.gz && cd ../in && {} && {pack}",
            folder("1.0.0")
        ));
        let server = FileServer::start(&env.base().join("files"));
        env.versions(&[("nvim", "1.0.0")], "");
        recipe(&env, &server, "");
        env.larder(["ensure", "all"]).success();
        prints(&env, "1.0.0");
        let names = env.sh(&format!("cd {BIN}/.v/current/ && ls -d */ bin/nvim nvim 2>/dev/null | tr -d / | grep -v -e binnvim | sort | xargs"));
        let names = names
            .replace(" nvim ", " ")
            .replace("nvim", "")
            .trim()
            .to_owned();
        assert_eq!(names, top.replace(" nvim", ""), "{pack}");
    }
}
