//! Which files are extracted from a publisher's archive if the recipe does not say.

use crate::env::TestEnv;
use crate::servers::files::FileServer;

/// A machine whose publisher serves the archive that shell lines make. They run in an empty folder;
/// `$out` is the archive.
pub fn published(archive: &str, lines: &str) -> (TestEnv, FileServer) {
    let env = TestEnv::new();
    env.sh(&format!(
        "mkdir -p ../files && out=$PWD/../files/{archive} && mkdir ../in && cd ../in && {lines}"
    ));
    let server = FileServer::start(&env.base().join("files"));
    env.versions(&[("tool", "v1.0.0")], "");
    env.recipe(
        "tool",
        &format!(
            "binaries: [tool]\nupstream:\n  url: \"{}/{archive}\"\n",
            server.url()
        ),
    );
    (env, server)
}

/// A script that prints its path in the archive.
fn script(path: &str, mode: &str) -> String {
    format!(
        "mkdir -p \"$(dirname {path})\" && printf '#!/bin/sh\\necho {path}\\n' > {path} && chmod {mode} {path}"
    )
}

#[track_caller]
fn takes(archive: &str, lines: &[String], pack: &str, wanted: &str) {
    let (env, _server) = published(archive, &format!("{} && {pack}", lines.join(" && ")));
    env.larder(["ensure", "all"]).success();
    assert_eq!(
        env.run(env.path("subsystems/tool/.bin/tool").as_str(), [""; 0]),
        format!("{wanted}\n")
    );
    let version =
        std::fs::read_dir(env.path("subsystems/tool/.bin/.v/current/")).expect("the installed set");
    let mut names: Vec<_> = version
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    assert_eq!(names, [".version", "tool"]);
}

const TAR: &str = "tar czf $out .";

#[test]
fn the_program_is_chosen_among_files_of_the_same_name() {
    // The layout of telegraf's archive.
    let logrotate =
        "mkdir -p t/etc/logrotate.d && echo '/var/log/*.log {}' > t/etc/logrotate.d/tool"
            .to_owned();
    takes(
        "tool.tar.gz",
        &[logrotate.clone(), script("t/usr/bin/tool", "755")],
        TAR,
        "t/usr/bin/tool",
    );
    // The order in the archive does not matter.
    takes(
        "tool.tar.gz",
        &[script("tool", "755"), script("z/tool", "755")],
        "tar cf - z/tool tool | gzip > $out",
        "tool",
    );
    takes(
        "tool.tar.gz",
        &[script("tool", "755"), script("z/tool", "755")],
        "tar cf - tool z/tool | gzip > $out",
        "tool",
    );
    // An executable file is preferred to one that is not executable, whatever the depth.
    takes(
        "tool.tar.gz",
        &[script("tool", "644"), script("a/b/tool", "755")],
        TAR,
        "a/b/tool",
    );
    // Without usable modes the content decides.
    let zip = "python3 -c 'import zipfile,sys,os\nwith zipfile.ZipFile(sys.argv[1], \"w\") as z:\n for p in [\"doc/tool\", \"x/y/tool\"]: z.writestr(p, open(p).read())' $out";
    let doc = "mkdir doc && echo text > doc/tool".to_owned();
    takes(
        "tool.zip",
        &[doc, script("x/y/tool", "755")],
        zip,
        "x/y/tool",
    );
}

#[test]
fn a_native_program_is_preferred_to_a_script_and_to_one_of_another_platform() {
    let native = "mkdir -p bin/deep && cp \"$(command -v env)\" bin/deep/tool".to_owned();
    // The same program with the machine type of a MIPS processor.
    let foreign =
        "mkdir other && cp bin/deep/tool other && printf '\\010' | dd of=other/tool bs=1 seek=18 conv=notrunc".to_owned();
    let lines = [script("tool", "755"), native, foreign].join(" && ");
    let (env, _server) = published("tool.tar.gz", &format!("{lines} && {TAR}"));
    env.larder(["ensure", "all"]).success();
    env.sh("cmp subsystems/tool/.bin/tool \"$(command -v env)\"");
}

#[test]
fn an_ambiguous_archive_is_an_error_until_the_recipe_decides() {
    let lines = [
        script("a/tool", "755"),
        script("b/tool", "755"),
        TAR.to_owned(),
    ]
    .join(" && ");
    let (env, _server) = published("tool.tar.gz", &lines);
    let out = env.larder(["ensure", "all"]).exits(1);
    for words in ["2 files named `tool`", "`a/tool`", "`b/tool`", "extract:"] {
        assert!(out.stderr.contains(words), "{words}: {}", out.stderr);
    }
    assert!(!env.exists("subsystems/tool/.bin/tool") && !env.exists("versions.lock"));
    env.edit(
        "subsystems/tool/recipe.yml",
        "upstream:\n",
        "upstream:\n  extract: {b/tool: tool}\n",
    );
    env.larder(["ensure", "all"]).success();
    assert_eq!(
        env.run(env.path("subsystems/tool/.bin/tool").as_str(), [""; 0]),
        "b/tool\n"
    );
    // An explicit pattern still has to match exactly one file.
    env.edit(
        "subsystems/tool/recipe.yml",
        "b/tool: tool",
        "'*/tool': tool",
    );
    let out = env.larder(["ensure", "all"]).exits(1);
    assert!(
        out.stderr
            .contains("`*/tool` matches 2 files of the archive, but it must match exactly one"),
        "{}",
        out.stderr
    );
}

#[test]
fn a_missing_binary_is_reported_with_the_archives_contents() {
    let (env, _server) = published(
        "tool.tar.gz",
        &format!("{} && {TAR}", script("bin/toool", "755")),
    );
    let out = env.larder(["ensure", "all"]).exits(1);
    assert!(
        out.stderr.contains("no file named `tool`") && out.stderr.contains("`bin/toool`"),
        "{}",
        out.stderr
    );
}

/// Plain files, compressed files, and archives of every kind, made by the programs that publishers
/// use.
#[test]
fn every_kind_of_archive_is_unpacked() {
    let env = TestEnv::new();
    env.sh(
        "mkdir ../files && cd ../files && printf '#!/bin/sh\\necho it runs\\n' > tool && chmod +x tool && mkdir d && cp tool d",
    );
    let made = [
        ("tar", "tar cf $o d"),
        ("tar.gz", "tar czf $o d"),
        ("tgz", "tar czf $o d"),
        ("tar.xz", "tar cJf $o d"),
        ("tar.zst", "tar c d | zstd -q > $o"),
        ("tar.bz2", "tar cjf $o d"),
        ("zip", "zip -qr $o d"),
        ("gz", "gzip -c tool > $o"),
        ("xz", "xz -c tool > $o"),
        ("zst", "zstd -qc tool > $o"),
        ("bz2", "bzip2 -c tool > $o"),
        ("bin", "cp tool $o"),
    ];
    for (kind, line) in made {
        env.sh(&format!("cd ../files && o=it.{kind} && {line}"));
    }
    let server = FileServer::start(&env.base().join("files"));
    env.versions(&made.map(|(kind, _)| (kind, "v1.0.0")), "");
    for (kind, _) in made {
        env.recipe(
            kind,
            &format!(
                "binaries: [tool-{kind}]\nupstream:\n  url: \"{}/it.{kind}\"\n",
                server.url()
            ),
        );
        if kind.starts_with('t') || kind == "zip" {
            env.edit(
                &format!("subsystems/{kind}/recipe.yml"),
                "upstream:\n",
                &format!("upstream:\n  extract: {{'*/tool': tool-{kind}}}\n"),
            );
        }
    }
    env.larder(["ensure", "all"]).success();
    for (kind, _) in made {
        assert_eq!(
            env.run(
                env.path(format!("subsystems/{kind}/.bin/tool-{kind}"))
                    .as_str(),
                [""; 0]
            ),
            "it runs\n",
            "{kind}"
        );
    }
}

#[test]
fn an_executable_of_another_platform_is_refused() {
    let env = TestEnv::new();
    // A Mach-O header of macOS, where the platform of this machine or Windows is wanted.
    env.sh("mkdir ../files && printf '\\317\\372\\355\\376\\014\\000\\000\\001\\000\\000\\000\\000\\002\\000\\000\\000%4096d' 0 > ../files/tool");
    let server = FileServer::start(&env.base().join("files"));
    env.versions(
        &[("tool", "v1.0.0")],
        "platforms: [linux-amd64, windows-arm64, darwin-arm64]\n",
    );
    env.recipe(
        "tool",
        &format!(
            "binaries: [tool]\nupstream: {{url: \"{}/tool\"}}\n",
            server.url()
        ),
    );
    for platform in ["linux-amd64", "windows-arm64"] {
        let out = env
            .larder(["ensure", "tool", "--platform", platform])
            .exits(1);
        assert!(
            out.stderr.contains(&format!("is not for {platform}")),
            "{}",
            out.stderr
        );
        assert!(
            out.stderr.contains(&format!(
                "a darwin-arm64 executable where {platform} is wanted"
            )),
            "{}",
            out.stderr
        );
    }
    assert!(
        !env.exists("versions.lock")
            && env.sh("find subsystems -type f") == "subsystems/tool/recipe.yml\n"
    );
    env.larder(["ensure", "tool", "--platform", "darwin-arm64"])
        .success();
}
