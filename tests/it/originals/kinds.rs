//! What a publisher's file is, is read from its bytes, and a program must look like one.

use crate::env::{TestEnv, host};
use crate::originals::extract::published;
use crate::servers::scripted::{Reply, Script};
use larder_core::model::Digest;

const PROGRAM: &str = "#!/bin/sh\necho tool v1.0.0\n";
const TOOL: &str = "printf '#!/bin/sh\\necho tool v1.0.0\\n' >tool && chmod 755 tool";

#[track_caller]
fn installed(env: &TestEnv) {
    assert_eq!(env.read("subsystems/tool/.bin/tool"), PROGRAM);
    assert_eq!(
        env.run(env.path("subsystems/tool/.bin/tool").as_str(), [""; 0]),
        "tool v1.0.0\n"
    );
}

#[test]
fn an_original_is_what_its_bytes_are() {
    for (name, pack) in [
        ("download", "tar czf $out tool"),
        ("v1.0.0", "tar cJf $out tool"),
        ("plain.tar.gz", "tar cf $out tool"),
        ("xz.tar.gz", "tar cJf $out tool"),
        ("zip.tgz", "python3 -m zipfile -c $out tool"),
        ("program.tar.gz", "cp tool $out"),
        ("tool.zip", "tar czf $out tool"),
        ("tool.exe", "gzip -c tool >$out"),
        ("tool.deb", "cp tool $out"),
    ] {
        let (env, _server) = published(name, &format!("{TOOL} && {pack}"));
        env.larder(["ensure", "all"]).success();
        installed(&env);
    }
}

#[test]
fn the_program_may_be_a_link_in_the_archive() {
    for pack in [
        "mkdir bin && mv tool bin/tool-18 && ln -s tool-18 bin/tool && tar czf $out bin",
        "mkdir bin && mv tool bin/aaa && ln bin/aaa bin/tool && tar --sort=name -czf $out bin",
        "mkdir -p bin lib && mv tool lib/main && ln -s ../lib/main bin/tool && tar cJf $out bin lib",
    ] {
        let (env, _server) = published("tool.tar.gz", &format!("{TOOL} && {pack}"));
        env.larder(["ensure", "all"]).success();
        installed(&env);
        let meta = std::fs::symlink_metadata(env.path("subsystems/tool/.bin/.v/current/tool"));
        assert!(meta.expect("the program").is_file());
    }
}

#[test]
fn what_nobody_asks_for_is_skipped_and_told() {
    let odd = "mkfifo pipe && ln -s /etc/passwd up && echo MIT >LICENSE && tar cf $out pipe up LICENSE && tar rf $out LICENSE tool";
    let (env, _server) = published("tool.tar", &format!("{TOOL} && {odd}"));
    let quiet = env.larder(["ensure", "all"]).success();
    assert!(!quiet.stderr.contains("skipped"), "{}", quiet.stderr);
    installed(&env);
    env.remove("subsystems/tool/.bin");
    env.drop_cache();
    let told = env.larder(["ensure", "all", "-v"]).success().stderr;
    for words in [
        "`pipe`: it is a FIFO",
        "`up`: it is a link to `/etc/passwd`",
        "`LICENSE`: it occurs twice",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn the_recipe_can_say_what_an_original_is() {
    let (env, _server) = published("tool.tar.gz", &format!("{TOOL} && tar czf $out tool"));
    let key = |env: &TestEnv| env.larder(["why", "tool", "-v"]).success().stdout;
    let by_default = key(&env);
    assert!(!by_default.contains("upstream.format"));
    // `auto` is the default, so it changes no key.
    env.edit(
        "subsystems/tool/recipe.yml",
        "upstream:\n",
        "upstream:\n  format: auto\n",
    );
    assert_eq!(key(&env), by_default);
    env.edit("subsystems/tool/recipe.yml", "  format: auto\n", "");
    env.edit(
        "subsystems/tool/recipe.yml",
        "upstream:\n",
        "upstream:\n  format: tar\n",
    );
    assert!(key(&env).contains("upstream.format"));
    env.larder(["ensure", "all"]).success();
    installed(&env);
    // As a single compressed file it is the tar inside, which is not a program.
    env.edit("subsystems/tool/recipe.yml", "format: tar", "format: gz");
    let out = env.larder(["ensure", "all"]).exits(1);
    for words in [
        "neither an executable nor a script",
        "it is a tar archive",
        "any: true",
    ] {
        assert!(out.stderr.contains(words), "{words}: {}", out.stderr);
    }
    env.edit("subsystems/tool/recipe.yml", "format: gz", "format: zip");
    let out = env.larder(["ensure", "all"]).exits(4);
    assert!(
        out.stderr
            .contains("it is not a zip archive: it is a gzip file"),
        "{}",
        out.stderr
    );
    env.edit("subsystems/tool/recipe.yml", "format: zip", "format: rpm");
    let out = env.larder(["check"]).exits(2);
    assert!(
        out.stderr.contains("unknown format `rpm`"),
        "{}",
        out.stderr
    );
}

#[test]
fn a_kind_that_cannot_be_opened_is_an_error_that_names_it() {
    for (name, make, expected) in [
        (
            "tool.rpm",
            "printf '\\355\\253\\356\\333xx' >$out",
            "an RPM package (.rpm)",
        ),
        (
            "tool",
            "printf 'xar!xx' >$out",
            "a macOS installer package (.pkg)",
        ),
        (
            "tool.tar.lz",
            "printf 'LZIP\\001xx' >$out",
            "an lzip file (.lz)",
        ),
        (
            "tool.dmg",
            "printf 'x\\001s\\rbb' >$out",
            "a macOS disk image (.dmg)",
        ),
        (
            "tool.msi",
            "printf '\\320\\317\\021\\340\\241\\261\\032\\341' >$out",
            "a Windows installer (.msi)",
        ),
        (
            "tool.zip",
            "printf 'Rar!\\032\\007\\001' >$out",
            "a RAR archive (.rar)",
        ),
    ] {
        let (env, _server) = published(name, make);
        let out = env.larder(["ensure", "all"]).exits(1);
        assert!(
            out.stderr.contains(&format!("it is {expected}")),
            "{name}: {}",
            out.stderr
        );
        assert!(!env.exists("subsystems/tool/.bin/tool") && !env.exists("versions.lock"));
    }
}

#[test]
fn a_binary_must_be_a_program_unless_the_recipe_says_any() {
    for (make, described) in [
        ("echo plain text >$out", "it begins with `plain te`"),
        ("printf '<!DOCTYPE html><p>' >$out", "it is an HTML page"),
        (
            "printf '{\"error\": 1}' >$out",
            "it begins with `{\\\"error",
        ),
        (
            "head -c 300 /dev/zero | tr '\\0' x >$out",
            "it begins with `xxxxxxxx`",
        ),
        (
            "mkdir d && echo text >d/tool && chmod 755 d/tool && tar czf $out d",
            "it begins with `text\\n`",
        ),
    ] {
        let (env, _server) = published("tool", make);
        let out = env.larder(["ensure", "all"]).exits(1);
        for words in ["neither an executable nor a script", described, "any: true"] {
            assert!(out.stderr.contains(words), "{words}: {}", out.stderr);
        }
        assert!(!env.exists("subsystems/tool/.bin/tool") && !env.exists("versions.lock"));
        let before = env.larder(["why", "tool", "-v"]).success().stdout;
        env.edit(
            "subsystems/tool/recipe.yml",
            "binaries:",
            "any: true\nbinaries:",
        );
        assert_eq!(before, env.larder(["why", "tool", "-v"]).success().stdout);
        env.larder(["ensure", "all"]).success();
        assert!(env.exists("subsystems/tool/.bin/tool"));
    }
    // A build is held to the same.
    let env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "");
    env.recipe(
        "tool",
        "binaries: [tool]\nbuild: {source: {dir: .}, commands: ['echo text >{{ out }}/tool']}\n",
    );
    let out = env.larder(["ensure", "all"]).exits(1);
    assert!(
        out.stderr.contains("neither an executable nor a script"),
        "{}",
        out.stderr
    );
    env.edit(
        "subsystems/tool/recipe.yml",
        "binaries:",
        "any: true\nbinaries:",
    );
    env.larder(["ensure", "all"]).success();
    env.edit("subsystems/tool/recipe.yml", "any: true", "any: yes please");
    env.larder(["check"]).exits(2);
}

#[test]
fn a_source_archive_is_what_its_bytes_are() {
    for (name, pack) in [
        ("v1.0.0", "tar czf $out tool-1"),
        ("download", "tar cJf $out tool-1"),
        ("tool.tar.gz", "tar cf $out tool-1"),
        ("archive.zip", "tar czf $out tool-1"),
        ("zipball", "python3 -m zipfile -c $out tool-1"),
        ("tool.tgz", "tar --exclude=x -cjf $out tool-1"),
    ] {
        let (env, server) = published(
            name,
            &format!("{TOOL} && mkdir tool-1 && mv tool tool-1/tool.in && {pack}"),
        );
        let bytes = std::fs::read(env.base().join("files").join(name)).expect("the archive");
        env.recipe(
            "tool",
            &format!(
                "binaries: [tool]\nbuild:\n  source: {{url: \"{}/{name}\", sha256: {}}}\n  commands: ['cp tool.in {{{{ out }}}}/tool']\n",
                server.url(),
                Digest::of(&bytes)
            ),
        );
        env.larder(["ensure", "all"]).success();
        installed(&env);
    }
}

#[test]
fn an_answer_that_is_called_a_page_counts_only_if_it_starts_like_one() {
    let page = "<!DOCTYPE html>\n<html><p>log in</p></html>";
    let served = |body: &'static str| {
        Script::start(move |_, _| {
            Reply::ok(body).header("Content-Type", "text/html; charset=utf-8")
        })
    };
    let project = |url: &str, more: &str| {
        let env = TestEnv::new();
        env.versions(&[("tool", "v1.0.0")], "");
        env.recipe(
            "tool",
            &format!("binaries: [tool]\n{more}upstream:\n  url: \"{url}/tool\"\n"),
        );
        env
    };
    let pin = |env: &TestEnv, bytes: &str| {
        env.edit(
            "subsystems/tool/recipe.yml",
            "upstream:\n",
            &format!(
                "upstream:\n  checksums: {{{}: {}}}\n",
                host(),
                Digest::of(bytes.as_bytes())
            ),
        );
    };
    let program = served(PROGRAM);
    let env = project(&program.at(""), "");
    env.larder(["ensure", "all"]).success();
    installed(&env);

    let portal = served(page);
    let env = project(&portal.at(""), "any: true\n");
    let out = env.larder(["ensure", "all"]).exits(5);
    assert!(
        out.stderr.contains("HTML page instead of an asset"),
        "{}",
        out.stderr
    );
    // A digest decides: the page is the file, or it says nothing about the file.
    pin(&env, page);
    env.larder(["ensure", "all"]).success();
    assert_eq!(env.read("subsystems/tool/.bin/tool"), page);
    let env = project(&portal.at(""), "");
    pin(&env, PROGRAM);
    let out = env.larder(["ensure", "all"]).exits(5);
    assert!(
        out.stderr.contains("HTML page instead of an asset"),
        "{}",
        out.stderr
    );
    // Other wrong bytes are wrong.
    let other = served("#!/bin/sh\necho other\n");
    let env = project(&other.at(""), "");
    pin(&env, PROGRAM);
    env.larder(["ensure", "all"]).exits(4);
}
