//! What happens to a tree after it was installed: packages, releases, bundles, collections.

use super::{BIN, prints, published};

const ASSET: &str = "nvim-linux-amd64";

#[test]
fn it_is_packaged_released_and_installed_from_the_hub() {
    for format in ["tar.gz", "tar.zst", "zip"] {
        let (env, server) = published();
        env.edit(
            "subsystems/nvim/recipe.yml",
            "upstream:",
            &format!("package: {{format: {format}}}\nupstream:"),
        );
        env.larder(["ensure", "all"]).success();
        env.larder(["release", "nvim"]).success();
        let package = env.path(format!(".dist/{ASSET}.{format}"));
        let first = std::fs::read(&package).unwrap();
        let list = match format {
            "zip" => env.sh(&format!("unzip -Z1 {package}")),
            _ => env.sh(&format!("tar tf {package}")),
        };
        assert_eq!(
            list,
            ".version\nbin/nvim\nbin/vi\nlib/nvim/x.so\nshare/nvim/runtime/doc/a b, c.txt\n\
             share/nvim/runtime/greeting.txt\nshare/plugins\n",
            "{format}"
        );
        let sidecar = env.read(&format!(".dist/{ASSET}.{format}.json"));
        assert!(sidecar.contains("\"schema\": 2,"), "{sidecar}");
        // The same bytes on another machine, which has it from the hub alone.
        let other = env.another("other");
        env.sh(&format!(
            "cp -r versions.yml subsystems hub {} && rm -rf {0}/{BIN}",
            other.project()
        ));
        let before = server.requests().len();
        let ensured = other.larder_json(["ensure", "all"]).success();
        assert_eq!(ensured.outcome("nvim"), "downloaded", "{format}");
        assert_eq!(server.requests().len(), before, "{format}");
        prints(&other, "1.0.0");
        other.larder(["verify", "nvim"]).success();
        other.larder(["package", "nvim"]).success();
        let second = std::fs::read(other.path(format!(".dist/{ASSET}.{format}"))).unwrap();
        assert!(first == second, "{format}: the packages differ");
        // With the line that it wrote, only the asset is read.
        other.larder(["lock"]).success();
        other.larder(["clean", "all"]).success();
        other.drop_cache();
        let locked = other.larder_json(["ensure", "all", "--locked"]).success();
        assert_eq!(locked.outcome("nvim"), "downloaded", "{format}");
        prints(&other, "1.0.0");
    }
}

/// A package that holds anything else than its sidecar states is not installed.
#[test]
fn a_changed_package_is_refused() {
    for (what, reason) in [
        ("echo x > share/more", "share/more, which is not stated"),
        ("ln -sf ../lib/nvim/x.so bin/vi", "bin/vi"),
        ("rm bin/vi", "bin/vi"),
        (
            "rm share/plugins && cp -r lib/nvim share/plugins",
            "share/plugins",
        ),
        ("ln -s /etc/passwd share/out", "leads outside"),
        ("mkdir share/new", "a folder"),
    ] {
        let (env, _server) = published();
        env.larder(["ensure", "all"]).success();
        env.larder(["release", "nvim"]).success();
        env.larder(["clean", "all"]).success();
        env.drop_cache();
        env.remove("versions.lock");
        env.sh(&format!(
            "cd hub/nvim-1.0.0 && mkdir x && cd x && tar xf ../{ASSET}.tar.gz && {what} \
             && find . -mindepth 1 \\( ! -type d -o -empty \\) -printf '%P\\n' | sort > ../list \
             && tar czf ../{ASSET}.tar.gz --owner=0 --group=0 --no-recursion -T ../list && cd .. && rm -r x list \
             && old=$(sed -n 's/^  \"sha256\": \"\\(.*\\)\",/\\1/p' {ASSET}.tar.gz.json) \
             && sed -i \"s/$old/$(sha256sum < {ASSET}.tar.gz | cut -d' ' -f1)/; s/^  \\\"size\\\": .*/  \\\"size\\\": $(stat -c %s {ASSET}.tar.gz),/\" {ASSET}.tar.gz.json"
        ));
        let output = env
            .larder(["ensure", "all", "--source", "managed"])
            .exits(4);
        assert!(output.stderr.contains(reason), "{what}: {}", output.stderr);
        assert!(!env.exists(&format!("{BIN}/nvim")));
    }
}

#[test]
fn it_is_installed_into_a_folder_outside() {
    let (env, server) = published();
    let runs = |folder: &str| {
        let program = env.base().join(folder).join("nvim");
        env.run(program.as_str(), ["a"])
    };
    let to = env.base().join("out");
    for version in ["1.0.0", "2.0.0"] {
        env.larder(["install", &format!("nvim@{version}"), "--to", to.as_str()])
            .success();
        assert_eq!(runs("out"), format!("NVIM {version}\nargs: a\n"));
    }
    env.sh("rm ../out/.larder-trees/nvim/.bin/.v/current/lib/nvim/x.so");
    env.larder(["install", "nvim@2.0.0", "--to", to.as_str()])
        .success();
    env.sh("test -e ../out/.larder-trees/nvim/.bin/.v/current/lib/nvim/x.so");
    // From a hub, without a project.
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "nvim"]).success();
    let _ = server;
    env.larder([
        "install",
        "nvim",
        "--hub",
        "hub",
        "--to",
        env.base().join("direct").as_str(),
    ])
    .success();
    assert_eq!(runs("direct"), "NVIM 1.0.0\nargs: a\n");
}

#[test]
fn it_is_bundled() {
    let (env, _server) = published();
    env.larder(["bundle"]).success();
    let bundle = env.sh("ls .dist/*.tar.gz");
    env.sh(&format!(
        "mkdir ../unpacked && tar xf {} -C ../unpacked",
        bundle.trim()
    ));
    let program = env.base().join("unpacked/nvim");
    assert_eq!(env.run(program.as_str(), [""; 0]), "NVIM 1.0.0\nargs: \n");
    assert!(env.base().join("unpacked/.versions/nvim").exists());
    assert_eq!(
        env.sh("cd ../unpacked && readlink nvim share/nvim/bin/vi"),
        "share/nvim/bin/nvim\nnvim\n"
    );
}

#[test]
fn it_is_collected() {
    let (env, server) = published();
    env.larder(["collect", "all"]).success();
    let folder = ".collection/binaries/nvim/1.0.0/linux-amd64";
    let program = env.path(format!("{folder}/bin/nvim"));
    assert_eq!(env.run(program.as_str(), [""; 0]), "NVIM 1.0.0\nargs: \n");
    let manifest = env.read(".collection/binaries/nvim/manifest.json");
    assert!(
        manifest.contains("\"filename\": \"bin/nvim\""),
        "{manifest}"
    );
    let requests = server.requests().len();
    for damage in [
        "true",
        "rm bin/vi",
        "echo x > lib/nvim/x.so",
        "echo x > share/more",
        "rm .version",
    ] {
        env.sh(&format!("cd {folder} && {damage}"));
        let collect = || {
            let output = env.larder_json(["collect", "all", "--missing-only"]);
            output.success().finished("collect")[0]["outcome"].clone()
        };
        let is_whole = damage == "true";
        assert_eq!(collect() == "up-to-date", is_whole, "{damage}");
        assert_eq!(collect(), "up-to-date", "{damage}");
        assert_eq!(env.run(program.as_str(), [""; 0]), "NVIM 1.0.0\nargs: \n");
    }
    assert_eq!(server.requests().len(), requests);
}

#[test]
fn channels_are_told_why_they_get_nothing() {
    let (env, _server) = published();
    env.edit("subsystems/nvim/recipe.yml", "binaries:", "description: editor\nlicense: MIT\nhomepage: https://example.org\npublish: {deb: {}, installer: {}}\nbinaries:");
    env.edit("versions.yml", "hub:", "publish: {maintainer: \"A <a@example.org>\", url: \"https://example.org/{{ tag }}/{{ asset }}\"}\nhub:");
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "nvim"]).success();
    let output = env.larder(["publish", "nvim", "--dry-run"]);
    let text = format!("{}{}", output.stdout, output.stderr);
    assert!(text.contains("keeps the whole folder"), "{text}");
}

/// Another name of a binary leads to the same program, here and wherever the tree goes.
#[test]
fn a_binary_of_it_has_further_names() {
    let (env, server) = published();
    env.edit(
        "subsystems/nvim/recipe.yml",
        "binaries: [nvim]",
        "binaries: [nvim, {name: edit, link: nvim}]",
    );
    env.larder(["ensure", "all"]).success();
    let other = env.another("other");
    env.larder(["release", "nvim"]).success();
    env.sh(&format!(
        "cp -r versions.yml subsystems hub {} && rm -rf {0}/{BIN}",
        other.project()
    ));
    let before = server.requests().len();
    other.larder(["ensure", "all"]).success();
    assert_eq!(server.requests().len(), before);
    for env in [env, other] {
        prints(&env, "1.0.0");
        let edit = env.run(env.path(format!("{BIN}/edit")).as_str(), ["a"]);
        assert_eq!(edit, "NVIM 1.0.0\nargs: a\n");
        assert_eq!(
            env.sh(&format!("readlink {BIN}/.v/current/edit")),
            "bin/nvim\n"
        );
        env.larder(["verify", "nvim"]).success();
        assert_eq!(
            env.larder_json(["ensure", "all"]).success().outcomes(),
            ["nvim=up-to-date"]
        );
    }
}
