//! Words and formats that people bring from other tools: aliases, other shells, a tree of needs.

use super::{hello, says};

#[test]
fn aliases_are_the_commands_that_they_stand_for() {
    let env = hello();
    assert_eq!(
        env.larder(["ls"]).success().stdout,
        env.larder(["list"]).success().stdout
    );
    env.larder(["upgrade", "hello", "v1.1.0", "--no-lock"])
        .success();
    assert!(env.read("versions.yml").contains("hello: v1.1.0"));
    env.larder(["rm", "hello", "--dry-run"]).success();
    let out = env.larder(["tree"]).exits(2);
    says(&out, &["did you mean `larder graph --format tree`?"]);
}

#[test]
fn the_needs_are_drawn_as_a_tree() {
    let env = hello();
    for name in ["app", "base", "tool"] {
        env.script_subsystem(name, "v1.0.0");
    }
    for (name, needs) in [
        ("base", "build:\n  needs: [tool]\n"),
        ("app", "needs: [base]\nbuild:\n  needs: [base, tool]\n"),
    ] {
        env.edit(&format!("subsystems/{name}/recipe.yml"), "build:\n", needs);
    }
    let out = env.larder(["graph", "--format", "tree"]).success();
    insta::assert_snapshot!(out.stdout, @r"
    app
    ├── base
    │   └── tool (to build)
    ├── base (to build) (see above)
    └── tool (to build)
    hello
    ");
}

#[test]
fn env_prints_the_line_for_each_shell() {
    let env = hello();
    let bin = env.path("subsystems/hello/.bin");
    for (shell, wanted) in [
        ("sh", format!("export PATH='{bin}':\"$PATH\"\n")),
        ("zsh", format!("export PATH='{bin}':\"$PATH\"\n")),
        ("fish", format!("set -gx PATH '{bin}' $PATH\n")),
        (
            "pwsh",
            format!("$env:PATH = '{bin}' + [IO.Path]::PathSeparator + $env:PATH\n"),
        ),
        ("cmd", format!("set \"PATH={bin};%PATH%\"\n")),
    ] {
        let out = env.larder(["env", "--shell", shell]).success();
        assert_eq!(out.stdout, wanted);
    }
    let out = env.larder(["env", "--shell", "nu"]).exits(2);
    says(&out, &["[possible values: sh, fish, pwsh, cmd]"]);
    // Without subsystems PATH stays as it is.
    env.remove("subsystems");
    env.write("versions.yml", "versions: {}\n");
    for (shell, wanted) in [
        ("sh", "export PATH=\"$PATH\"\n"),
        ("fish", "set -gx PATH $PATH\n"),
        ("pwsh", "$env:PATH = $env:PATH\n"),
        ("cmd", "set \"PATH=%PATH%\"\n"),
    ] {
        assert_eq!(
            env.larder(["env", "--shell", shell]).success().stdout,
            wanted
        );
    }
}

#[test]
fn add_says_how_other_publishers_are_written() {
    let env = hello();
    for (source, wanted) in [
        (
            "nats-io/nats-server",
            "for this repository `github:nats-io/nats-server`",
        ),
        ("ripgrep", "`larder search ripgrep` looks for it"),
        ("./a/b", "write `github:owner/name`, a URL"),
        ("https://github.com/a/b", "write `github:a/b`"),
    ] {
        says(&env.larder(["add", "x", source]).exits(2), &[wanted]);
    }
}

#[test]
fn rebuild_builds_what_can_be_built_and_leaves_the_rest() {
    let env = hello();
    std::fs::create_dir_all(env.base().join("web")).expect("folder");
    std::fs::write(env.base().join("web/tool"), "#!/bin/sh\necho 1\n").expect("file");
    let server = crate::servers::files::FileServer::start(&env.base().join("web"));
    env.recipe(
        "tool",
        &format!(
            "binaries: [tool]\nupstream: {{url: \"{}/tool\"}}\n",
            server.url()
        ),
    );
    env.versions(&[("hello", "v1.0.0"), ("tool", "v1")], "");
    env.larder(["ensure", "all"]).success();
    let out = env.larder_json(["ensure", "all", "--rebuild"]).success();
    assert_eq!(out.outcomes(), ["hello=built", "tool=up-to-date"]);
    env.remove("subsystems/tool/.bin");
    let out = env.larder_json(["ensure", "all", "--rebuild"]).success();
    assert_eq!(out.outcomes(), ["hello=built", "tool=restored"]);
    let dry = env
        .larder_json(["ensure", "all", "--rebuild", "--dry-run"])
        .success();
    assert_eq!(dry.outcomes(), ["hello=built", "tool=up-to-date"]);
    let out = env
        .larder(["ensure", "hello", "tool", "--rebuild"])
        .exits(2);
    says(
        &out,
        &[
            "`tool` can't be rebuilt: its recipe has no `build:`",
            "help: `larder ensure tool --reinstall`",
        ],
    );
}

#[test]
fn tls_to_a_plain_port_is_explained() {
    let env = hello();
    // A web server answers a client's TLS with an error in plain text.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
            let _ = std::io::Write::write_all(&mut stream, answer);
        }
    });
    env.recipe(
        "hello",
        &format!("binaries: [hello]\nupstream: {{url: \"https://127.0.0.1:{port}/x\"}}\n"),
    );
    let out = env.larder(["ensure", "all"]).exits(1);
    says(
        &out,
        &["help: the server does not speak TLS there", "!must repair"],
    );
}

#[test]
fn what_was_not_started_after_a_failure_says_why() {
    let env = hello();
    for name in ["a", "b", "c"] {
        env.script_subsystem(name, "v1.0.0");
        env.edit(
            &format!("subsystems/{name}/recipe.yml"),
            "commands:\n",
            "commands:\n    - exit 1\n",
        );
    }
    let out = env.larder(["ensure", "all", "--jobs", "1"]).exits(1);
    says(
        &out,
        &["not started, because ", " failed; `--keep-going` continues"],
    );
}

#[test]
fn the_needs_are_drawn_as_a_picture_that_stands_alone() {
    let env = hello();
    for name in ["app", "base", "tool"] {
        env.script_subsystem(name, "v1.0.0");
    }
    for (name, needs) in [
        ("base", "build:\n  needs: [tool]\n"),
        ("app", "needs: [base]\nbuild:\n  needs: [base, tool]\n"),
    ] {
        env.edit(&format!("subsystems/{name}/recipe.yml"), "build:\n", needs);
    }
    // Another reader understands it, and finds every node and every edge.
    let read = "import sys, xml.dom.minidom as x\n\
        svg = x.parse(sys.argv[1])\n\
        of = lambda tag: svg.getElementsByTagName(tag)\n\
        print(*sorted(t.firstChild.data for g in of('g') for t in g.childNodes if t.nodeName == 'title'))\n\
        print(sum(p.hasAttribute('marker-end') for p in of('path')))\n";
    for (names, nodes, edges) in [
        (&[][..], "app base hello tool", 4),
        (&["app"], "app base tool", 4),
        (&["hello"], "hello", 0),
    ] {
        let line = ["graph", "--format", "svg"].iter().chain(names);
        let svg = env.larder(line).success().stdout;
        env.write("graph.svg", &svg);
        // Two more arrows explain the two kinds.
        let found = env.run("python3", ["-c", read, "graph.svg"]);
        assert_eq!(found, format!("{nodes}\n{}\n", edges + 2));
        let line = ["graph", "--format", "html"].iter().chain(names);
        let html = env.larder(line).success().stdout;
        assert!(html.contains(&svg), "the page has the picture");
        for word in ["<script", "href", "src=", "url(http", "@import"] {
            assert!(!html.contains(word), "{word} in {html}");
        }
    }
    env.remove("subsystems");
    env.write("versions.yml", "versions: {}\n");
    let svg = env.larder(["graph", "--format", "svg"]).success().stdout;
    env.write("graph.svg", svg);
    assert_eq!(env.run("python3", ["-c", read, "graph.svg"]), "\n2\n");
}
