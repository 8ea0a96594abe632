//! The page for people: what it needs without a script, that nothing can be slipped into it, and, if
//! there is a Chromium, what its script does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use larder_core::model::Digest;

use super::{Serving, machine, put};
use crate::env::TestEnv;

/// The only content of an element.
pub fn content_of<'a>(page: &'a str, tag: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("<{tag}>")).expect("the element");
    let (text, rest) = rest.split_once(&format!("</{tag}>")).expect("its end");
    assert!(!rest.contains(&format!("<{tag}")), "there is one <{tag}>");
    text
}

fn rows(page: &str) -> usize {
    page.matches("<tr><td").count()
}

fn many(env: &TestEnv, count: usize) {
    for number in 0..count {
        put(
            env,
            &format!("tool-1.0.{number}-linux-x86_64"),
            format!("{number}"),
        );
    }
}

#[test]
fn the_page_runs_only_its_own_script_and_loads_nothing() {
    let env = machine();
    put(&env, "tool-1.0.0-linux-x86_64", "x");
    let serving = Serving::start(&env, &[]);
    let answer = serving.get("/");
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let page = answer.text();
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for tag in ["style", "script"] {
        let digest = Digest::of(content_of(&page, tag).as_bytes());
        let source = format!("{tag}-src 'sha256-{}'", STANDARD.encode(digest.as_bytes()));
        assert!(policy.contains(&source), "{policy}");
    }
    let markup = page
        .replace(content_of(&page, "style"), "")
        .replace(content_of(&page, "script"), "");
    for refused in [
        " style=",
        " onclick",
        "javascript:",
        "src=",
        "https://",
        "@import",
    ] {
        assert!(!markup.contains(refused), "{refused}\n{markup}");
    }
    assert!(!content_of(&page, "style").contains("url("));
    assert!(!content_of(&page, "script").contains("innerHTML"));
}

#[test]
fn nothing_of_a_request_is_markup() {
    let env = machine();
    put(&env, "tool-1.0.0-linux-x86_64", "x");
    let serving = Serving::start(&env, &[]);
    let evil = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%3Cb%20x%3D'";
    for target in [format!("/?q={evil}"), format!("/?q=tool+{evil}&page=2")] {
        let page = serving.get(&target).text();
        assert!(
            !page.contains("<script>alert") && !page.contains("<b x"),
            "{page}"
        );
        assert!(page.contains("&quot;&gt;&lt;script&gt;alert(1)"), "{page}");
    }
    for host in ["a<b>", "a'b\"c", "a&lt;"] {
        let mut connection = serving.connect();
        connection.write(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        let answer = connection.read("GET");
        let text = answer.text();
        assert!(!text.contains("a<b>") && !text.contains("a'b"), "{text}");
    }
    assert!(serving.get("/?page=x").problem(400).contains("page"));
}

#[test]
fn the_table_needs_no_script() {
    let env = machine();
    many(&env, 250);
    put(&env, "other-2.0.0-rc.1-windows-aarch64.exe", "y");
    let serving = Serving::start(&env, &[]);
    let answer = serving.get("/");
    let page = answer.text();
    assert_eq!(rows(&page), 100);
    for word in [
        "251 files",
        "<a href=\"/binaries/other-2.0.0-rc.1-windows-aarch64.exe\"",
        "<td class=\"platform\">windows aarch64</td>",
        &super::sha256(b"y"),
        "href=\"/?page=2#list\"",
        "sha256sum -c --ignore-missing",
        "curl -fLO",
    ] {
        assert!(page.contains(word), "{word}\n{page}");
    }
    // The newest version of a name comes first.
    let (first, second) = (page.find("tool-1.0.249-"), page.find("tool-1.0.248-"));
    assert!(first.is_some() && first < second);
    let last = serving.get("/?page=3").text();
    assert_eq!(rows(&last), 51);
    assert_eq!(rows(&serving.get("/?page=999").text()), 51);
    assert_eq!(rows(&serving.get("/?q=WINDOWS+other").text()), 1);
    let some = serving.get("/?q=tool%201.0.1").text();
    assert!(some.contains("111 of 251 files"), "{some}");
    assert!(some.contains("q=tool%201%2E0%2E1&amp;page=2"), "{some}");
    let none = serving.get("/?q=nothing").text();
    assert!(none.contains("There is no such file") && rows(&none) == 0);
    // A client that has the page gets it again only if something has changed.
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    let tag = answer.header("etag").expect("a tag").to_owned();
    let same = || serving.send("GET", "/", &[("If-None-Match", &tag)], b"");
    assert_eq!(same().status, 304);
    assert!(same().header("content-security-policy").is_some());
    put(&env, "tool-2.0.0-linux-x86_64", "z");
    serving.wait("the new file", |serving| serving.files().len() == 252);
    assert_eq!(same().status, 200);
    let head = serving.send("HEAD", "/", &[], b"");
    assert_eq!(head.header("etag"), serving.get("/").header("etag"));
}

/// A Chromium, if this machine has one.
pub fn chromium() -> Option<&'static str> {
    [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ]
    .into_iter()
    .find(|path| std::path::Path::new(path).exists())
}

/// The page after its script has run, which must break no rule of its policy.
pub fn dom(
    env: &TestEnv,
    serving: &Serving,
    chromium: &str,
    options: &[&str],
    target: &str,
) -> String {
    let url = format!("http://{}{target}", serving.address);
    let args = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--dump-dom",
        &url,
    ];
    let out = env.output({
        let mut command = env.program(chromium);
        command.args(options).args(args);
        command
    });
    let (stdout, stderr) = (out.stdout, out.stderr);
    assert!(!stderr.contains("Content Security Policy"), "{stderr}");
    assert!(!stderr.contains("Uncaught"), "{stderr}");
    stdout
}

#[test]
fn the_script_shows_what_fits_the_machine_and_searches() {
    let Some(chromium) = chromium() else {
        eprintln!("skipped: this machine has no Chromium");
        return;
    };
    let env = machine();
    many(&env, 120);
    put(&env, "tool-1.0.0-windows-x86_64.exe", "y");
    for arch in ["x86_64", "aarch64"] {
        put(&env, &format!("other-3.0.0-linux-{arch}"), "z");
    }
    let serving = Serving::start(&env, &[]);
    let dom = |target: &str| {
        dom(
            &env,
            &serving,
            chromium,
            &["--virtual-time-budget=10000"],
            target,
        )
    };
    let page = dom("/");
    assert!(
        page.contains("<h2 id=\"for\">For your machine</h2>"),
        "{page}"
    );
    assert!(!page.contains("aria-labelledby=\"for\" hidden"), "{page}");
    let (cards, _) = page.split_once("id=\"list\"").expect("the list");
    for word in [
        "<h3>other 3.0.0</h3>",
        &format!(
            "curl -fLO 'http://{}/binaries/other-3.0.0-linux-",
            serving.address
        ),
        "sha256sum -c",
        "chmod +x",
        ">Copy</button>",
    ] {
        assert!(cards.contains(word), "{word}\n{cards}");
    }
    assert!(!cards.contains("windows-x86_64.exe"), "{cards}");
    assert!(page.matches(">Commands</button>").count() == 100, "{page}");
}
