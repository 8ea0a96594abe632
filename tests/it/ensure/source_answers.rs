//! How the answer of a source affects a run: which source is asked next, what stops the search, the
//! exit code, and the number of requests.

use larder_core::model::Digest;

use crate::env::TestEnv;
use crate::fake_github::{FakeGitHub, Visibility, WRITE};
use crate::servers::ports::free_port;
use crate::servers::scripted::{Reply, Script};

const BYTES: &str = "#!/bin/sh\necho tool 1.0.0\n";

/// How the original is pinned.
#[derive(Clone, Copy, PartialEq)]
enum Pin {
    Nothing,
    Recipe,
    WrongRecipe,
}

/// One case of the table.
struct Case {
    name: &'static str,
    hub: fn() -> Reply,
    original: fn() -> Reply,
    pin: Pin,
    args: &'static [&'static str],
    /// Exit code, outcome, and requests to the hub and to the publisher.
    wanted: (i32, &'static str, usize, usize),
    /// Text that the output must contain.
    says: &'static str,
}

fn absent() -> Reply {
    Reply::status(404)
}
fn busy() -> Reply {
    Reply::status(503)
}
fn page() -> Reply {
    Reply::ok("<html>log in</html>").header("content-type", "text/html")
}
fn bytes() -> Reply {
    Reply::ok(BYTES)
}
fn other_bytes() -> Reply {
    Reply::ok("#!/bin/sh\necho evil\n")
}

/// Runs a case with a hub, a publisher and a recipe that can also build.
fn run(case: &Case) {
    let (hub, original) = (case.hub, case.original);
    let server = Script::start(move |request, _| {
        if request.path.starts_with("/hub/") {
            hub()
        } else {
            original()
        }
    });
    let mut env = TestEnv::new();
    for (name, value) in [("LARDER_HTTP_RETRIES", "1"), ("LARDER_HTTP_BACKOFF", "1ms")] {
        env.set(name, value);
    }
    env.versions(
        &[("tool", "v1.0.0")],
        &format!("hub: {{http: \"{}\"}}\nupload: never\n", server.at("/hub")),
    );
    env.write("subsystems/tool/src/tool.sh", BYTES);
    let host = larder_core::model::Platform::host();
    let checksums = match case.pin {
        Pin::Nothing => String::new(),
        Pin::Recipe => format!(
            "  checksums: {{{host}: {}}}\n",
            Digest::of(BYTES.as_bytes())
        ),
        Pin::WrongRecipe => format!("  checksums: {{{host}: {}}}\n", Digest::of(b"x")),
    };
    let recipe =
        "build:\n  source: {dir: .}\n  commands: [\"install -m 755 src/tool.sh {{ out }}/tool\"]\n";
    env.recipe(
        "tool",
        &format!(
            "binaries: [tool]\nupstream:\n  url: \"{}\"\n{checksums}{recipe}",
            server.at("/original/tool")
        ),
    );
    let out = env.larder_json([&["ensure", "all"], case.args].concat());
    let seen = server.seen();
    let hubs = seen.iter().filter(|s| s.path.starts_with("/hub/")).count();
    let (code, outcome, hub_requests, publisher_requests) = case.wanted;
    let report = format!(
        "{}: {}\n{}\n{:?}",
        case.name,
        out.stdout,
        out.stderr,
        seen.iter().map(|s| &s.path).collect::<Vec<_>>()
    );
    let out = out.exits(code);
    assert_eq!(out.outcome("tool"), outcome, "{report}");
    assert_eq!(
        (hubs, seen.len() - hubs),
        (hub_requests, publisher_requests),
        "{report}"
    );
    assert!(report.contains(case.says), "{report}");
    assert_eq!(
        env.exists("subsystems/tool/.bin/tool"),
        code == 0,
        "{report}"
    );
}

#[test]
fn each_class_of_answer_decides_which_source_is_asked_next() {
    let (no, sha, wrong) = (Pin::Nothing, Pin::Recipe, Pin::WrongRecipe);
    let cases = [
        Case {
            name: "absent, then there",
            hub: absent,
            original: bytes,
            pin: no,
            args: &[],
            wanted: (0, "downloaded", 1, 1),
            says: "trusted on first use",
        },
        Case {
            name: "absent twice, then built",
            hub: absent,
            original: absent,
            pin: no,
            args: &[],
            wanted: (0, "built", 1, 1),
            says: "",
        },
        Case {
            name: "silent, next unpinned",
            hub: busy,
            original: bytes,
            pin: no,
            args: &[],
            wanted: (5, "failed", 2, 0),
            says: "503",
        },
        Case {
            name: "silent, next pinned",
            hub: busy,
            original: bytes,
            pin: sha,
            args: &[],
            wanted: (0, "downloaded", 2, 1),
            says: "503",
        },
        Case {
            name: "a page",
            hub: page,
            original: bytes,
            pin: no,
            args: &[],
            wanted: (5, "failed", 1, 0),
            says: "HTML page instead of an asset",
        },
        Case {
            name: "anonymous 403",
            hub: || Reply::status(403),
            original: bytes,
            pin: no,
            args: &[],
            wanted: (5, "failed", 1, 0),
            says: "403",
        },
        Case {
            name: "refused",
            hub: || Reply::status(401),
            original: bytes,
            pin: sha,
            args: &[],
            wanted: (1, "failed", 1, 0),
            says: "401",
        },
        Case {
            name: "publisher silent, build pinned by its folder",
            hub: absent,
            original: busy,
            pin: no,
            args: &[],
            wanted: (0, "built", 1, 2),
            says: "503",
        },
        Case {
            name: "publisher refuses",
            hub: absent,
            original: || Reply::status(401),
            pin: no,
            args: &[],
            wanted: (1, "failed", 1, 1),
            says: "401",
        },
        Case {
            name: "wrong bytes, asked once more",
            hub: absent,
            original: other_bytes,
            pin: sha,
            args: &[],
            wanted: (4, "failed", 1, 2),
            says: "recipe.yml says",
        },
        Case {
            name: "wrong recipe",
            hub: absent,
            original: bytes,
            pin: wrong,
            args: &[],
            wanted: (4, "failed", 1, 2),
            says: "recipe.yml says",
        },
        Case {
            name: "a rate limit beyond a minute",
            hub: || Reply::status(429).header("retry-after", "600"),
            original: bytes,
            pin: no,
            args: &[],
            wanted: (5, "failed", 1, 0),
            says: "429",
        },
        Case {
            name: "offline",
            hub: bytes,
            original: bytes,
            pin: no,
            args: &["--offline"],
            wanted: (5, "failed", 0, 0),
            says: "--offline",
        },
        Case {
            name: "forced",
            hub: busy,
            original: bytes,
            pin: no,
            args: &["--source", "original"],
            wanted: (0, "downloaded", 0, 1),
            says: "",
        },
    ];
    std::thread::scope(|scope| {
        let threads: Vec<_> = cases.iter().map(|case| scope.spawn(|| run(case))).collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

#[test]
fn a_dead_host_is_tried_once_for_a_whole_run() {
    let port = free_port();
    // A closed port, and a host name that does not resolve (for which the hosts file is read first,
    // for both address families).
    for (hub, call, word, most) in [
        (
            format!("http://127.0.0.1:{port}"),
            "connect",
            format!("htons({port})"),
            1,
        ),
        (
            "https://no-such-host.invalid".to_owned(),
            "openat",
            "\"/etc/hosts\"".to_owned(),
            2,
        ),
    ] {
        let env = TestEnv::new();
        for i in 0..6 {
            env.script_subsystem(&format!("tool{i}"), "v1.0.0");
        }
        let versions = env.read("versions.yml");
        env.write(
            "versions.yml",
            format!("{versions}hub: {{http: \"{hub}\"}}\nupload: never\n"),
        );
        // Builds from folders are pinned without the hub.
        let started = std::time::Instant::now();
        let (out, calls) = env.strace(call, None, ["ensure", "all", "--json"]);
        let out = out.success();
        assert!(
            out.outcomes()
                .iter()
                .all(|outcome| outcome.ends_with("=built")),
            "{:?}",
            out.outcomes()
        );
        assert!(started.elapsed().as_secs() < 20);
        let text = format!("{}{}", out.stdout, out.stderr);
        assert!(text.contains("cannot reach"), "{text}");
        let tries: Vec<_> = calls
            .iter()
            .filter(|call| call.line.contains(&word))
            .collect();
        assert!((1..=most).contains(&tries.len()), "{hub}: {tries:?}");
    }
}

#[test]
fn a_proxy_that_asks_for_a_login_is_unavailable() {
    let proxy = Script::start(|_, _| Reply::status(407));
    let mut env = TestEnv::new();
    env.set("http_proxy", &proxy.url)
        .set("https_proxy", &proxy.url)
        .set("LARDER_ALLOW_HTTP", "releases.example");
    for url in [
        "http://releases.example/hub",
        "https://releases.example/hub",
    ] {
        env.versions(
            &[("tool", "v1.0.0")],
            &format!("hub: {{http: \"{url}\"}}\nsources: [managed]\n"),
        );
        env.recipe(
            "tool",
            "binaries: [tool]\nupstream: {url: \"https://releases.example/tool\"}\n",
        );
        let out = env.larder_json(["ensure", "all"]).exits(5);
        assert!(
            format!("{}{}", out.stdout, out.stderr).contains("407"),
            "{}{}",
            out.stdout,
            out.stderr
        );
    }
    let asked: Vec<String> = proxy.seen().iter().map(|s| s.method.clone()).collect();
    assert_eq!(asked, ["GET", "CONNECT"]);
}

#[test]
fn a_private_original_is_downloaded_with_a_token() {
    let github = FakeGitHub::start();
    github.repo("acme/private", Visibility::Private);
    let sums = format!("{}  tool\n", Digest::of(BYTES.as_bytes()));
    github.put_release(
        "acme/private",
        "v1.0.0",
        false,
        &[("tool", BYTES.as_bytes()), ("SHA256SUMS", sums.as_bytes())],
    );
    for (token, outcome) in [(None, "built"), (Some(WRITE), "downloaded")] {
        let mut env = TestEnv::new();
        env.set("LARDER_UPSTREAM_GITHUB", github.web_url())
            .set("GITHUB_SERVER_URL", github.web_url());
        env.set("GITHUB_API_URL", github.api_url());
        if let Some(token) = token {
            env.set("LARDER_GITHUB_TOKEN", token);
        }
        env.script_subsystem("tool", "v1.0.0");
        let build = env.read("subsystems/tool/recipe.yml");
        let upstream = "upstream: {github: acme/private, tag: \"{{ version }}\", asset: tool, checksums: SHA256SUMS}\n";
        env.write("subsystems/tool/recipe.yml", format!("{build}{upstream}"));
        let out = env.larder_json(["ensure", "all"]).success();
        assert_eq!(out.outcome("tool"), outcome, "{}{}", out.stdout, out.stderr);
        assert!(!out.stderr.contains("first use"), "{}", out.stderr);
    }
}

#[test]
fn a_stale_copy_from_a_proxy_is_requested_again_past_the_cache() {
    // A folder hub behind a caching proxy that still answers with the asset before it was replaced.
    let mut env = TestEnv::new();
    env.versions(
        &[("tool", "v1.0.0")],
        "hub: {dir: ../hub}\nupload: never\nsources: [managed]\n",
    );
    env.write("subsystems/tool/src/tool.sh", BYTES);
    env.recipe("tool", "binaries: [tool]\nbuild:\n  source: {dir: src}\n  commands: [\"cp tool.sh {{ out }}/tool\"]\n");
    env.larder(["ensure", "all", "--source", "build"]).success();
    env.larder(["release", "all"]).success();
    let hub = env.base().join("hub");
    for kept_for in [1, usize::MAX] {
        let folder = hub.clone();
        let server = Script::start(move |request, before| {
            let file = folder.join(request.path.trim_start_matches('/'));
            let right = std::fs::read(file).map_or_else(|_| Reply::status(404), Reply::ok);
            let fresh = request.header("cache-control") == Some("no-cache") && kept_for == 1;
            if request.path.ends_with(".tar.gz") && !fresh && before > 0 {
                Reply::ok("what was there before")
            } else {
                right
            }
        });
        env.set("LARDER_HTTP_RETRIES", "0");
        env.versions(
            &[("tool", "v1.0.0")],
            &format!(
                "hub: {{http: \"{}\"}}\nupload: never\nsources: [managed]\n",
                server.url
            ),
        );
        env.larder(["clean", "all"]).success();
        std::fs::remove_dir_all(env.base().join("cache")).expect("the cache goes");
        let _ = std::fs::remove_file(env.path("versions.lock"));
        let output = env.larder_json(["ensure", "all"]);
        // Sidecar and asset, whether they are being replaced, and both again.
        let (code, requests) = if kept_for == 1 { (0, 5) } else { (4, 5) };
        assert_eq!(
            (output.code, server.count()),
            (Some(code), requests),
            "{}\n{}",
            output.stdout,
            output.stderr
        );
    }
}

/// A recipe with a `url` upstream and a build, and the publisher's server.
fn published(checksums: &str) -> (TestEnv, Script) {
    let server = Script::start(|request, _| match request.path.as_str() {
        "/tool" => bytes(),
        "/SUMS" => Reply::ok(format!("{}  other\n", Digest::of(b"other"))),
        _ => absent(),
    });
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    let upstream = format!(
        "upstream: {{url: \"{}\"{checksums}}}\nbuild:\n",
        server.at("/tool")
    );
    env.edit(
        "subsystems/tool/recipe.yml",
        "build:\n",
        &upstream.replace("SERVER", &server.at("")),
    );
    (env, server)
}

#[test]
fn a_checksums_file_without_the_asset_is_an_error_and_not_absent() {
    for (file, why) in [
        ("SUMS", "does not mention tool"),
        ("NOSUMS", "its checksums file"),
    ] {
        let (env, _server) = published(&format!(", checksums: \"SERVER/{file}\""));
        let out = env.larder(["ensure", "tool"]).exits(1);
        assert!(
            out.stderr.contains(why)
                && out
                    .stderr
                    .contains("help: check `checksums:` in the recipe"),
            "{}",
            out.stderr
        );
        assert!(
            !env.exists("subsystems/tool/.bin/tool"),
            "no weaker source is tried"
        );
    }
}

#[test]
fn trust_on_first_use_is_warned_about_once() {
    let (env, _server) = published("");
    let out = env.larder(["ensure", "tool"]).success();
    assert!(
        out.stderr
            .contains("warning: tool: nothing states a digest of http://"),
        "{}",
        out.stderr
    );
    assert!(
        out.stderr.contains("trusted on first use, and locked"),
        "{}",
        out.stderr
    );
}
