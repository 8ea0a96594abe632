//! The client of `NuGet` feeds.

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::error::Kind;
use larder_remote::http::{Client, Settings};
use larder_remote::registry::nuget::{Feed, Pushed};

use crate::env::TestEnv;
use crate::servers::nuget::{KEY, NugetFeed};
use crate::servers::scripted::{Reply, Script};

fn client() -> Client {
    Client::new(
        Settings {
            backoff: std::time::Duration::from_millis(5),
            retries: 2,
            ..Settings::default()
        },
        Cancel::new(),
    )
}

fn package(env: &TestEnv, text: &str) -> Utf8PathBuf {
    env.write("arc.1.2.3.nupkg", text);
    env.path("arc.1.2.3.nupkg")
}

#[test]
fn a_package_is_pushed_once_compared_and_unlisted() {
    for states_digests in [true, false] {
        let (env, server, client) = (TestEnv::new(), NugetFeed::start(), client());
        if !states_digests {
            server.state_no_digests();
        }
        let feed = Feed::new(&server.url(), Some(KEY), &client).unwrap();
        let file = package(&env, "bytes");
        assert_eq!(feed.compare("arc", "1.2.3", &file).unwrap(), None);
        assert_eq!(feed.newest("arc").unwrap(), None);
        assert!(matches!(feed.push(&file).unwrap(), Pushed::Done));
        assert_eq!(server.package("arc", "1.2.3").unwrap(), b"bytes");
        let (is_same, ours, theirs) = feed.compare("arc", "1.2.3", &file).unwrap().unwrap();
        assert!(is_same, "{ours} {theirs}");
        assert!(matches!(feed.push(&file).unwrap(), Pushed::Conflict(_)));
        let other = package(&env, "other bytes");
        let (is_same, ours, theirs) = feed.compare("arc", "1.2.3", &other).unwrap().unwrap();
        assert!(!is_same && ours != theirs, "{ours} {theirs}");
        server.put("arc", "1.2.4", b"next");
        assert_eq!(feed.newest("arc").unwrap().as_deref(), Some("1.2.4"));
        assert!(feed.unlist("arc", "1.2.4").unwrap());
        assert_eq!(feed.newest("arc").unwrap().as_deref(), Some("1.2.3"));
        assert!(!feed.unlist("arc", "9.9.9").unwrap());
    }
}

#[test]
fn a_push_whose_answer_was_lost_is_not_repeated() {
    let (env, server, client) = (TestEnv::new(), NugetFeed::start(), client());
    let feed = Feed::new(&server.url(), Some(KEY), &client).unwrap();
    let file = package(&env, "bytes");
    server.lose_answer();
    assert_eq!(feed.push(&file).unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(server.requests("PUT"), 1);
    assert!(feed.compare("arc", "1.2.3", &file).unwrap().unwrap().0);
}

#[test]
fn a_refusal_names_the_right_of_the_key_and_other_answers_have_their_kinds() {
    for (key, status, kind, requests) in [
        (Some("other"), None, Kind::Refused, 1),
        (Some(KEY), Some(401), Kind::Refused, 1),
        (Some(KEY), Some(503), Kind::Unavailable, 1),
        (Some(KEY), Some(400), Kind::Failed, 1),
        (Some(KEY), Some(413), Kind::Failed, 1),
    ] {
        let (env, server, client) = (TestEnv::new(), NugetFeed::start(), client());
        let feed = Feed::new(&server.url(), key, &client).unwrap();
        if let Some(status) = status {
            server.fail(0, status);
        }
        let error = feed.push(&package(&env, "bytes")).unwrap_err();
        let context = format!("{status:?}: {error} {:?}", error.hints());
        assert_eq!(error.kind(), kind, "{context}");
        let names_right = context.contains("the right to push");
        assert_eq!(names_right, kind == Kind::Refused, "{context}");
        assert_eq!(server.requests("PUT"), requests, "{context}");
        assert!(!context.contains(KEY), "{context}");
    }
}

#[test]
fn the_key_is_sent_to_the_origin_of_the_feed_and_to_no_other() {
    let stranger = Script::start(|_, _| Reply::ok("<d:PackageHash>x</d:PackageHash>"));
    let target = stranger.at("/entry");
    let home = Script::start(move |_, _| Reply::to(302, &target));
    let (env, client) = (TestEnv::new(), client());
    let feed = Feed::new(&home.url, Some(KEY), &client).unwrap();
    assert!(feed.has("arc", "1.2.3").unwrap());
    let file = package(&env, "bytes");
    let error = feed.push(&file).map(|_| ()).unwrap_err();
    assert!(!error.to_string().contains(KEY), "{error}");
    for seen in home.seen() {
        assert_eq!(seen.header("x-nuget-apikey"), Some(KEY));
    }
    assert_eq!(stranger.count(), 1, "only the read was redirected");
    assert_eq!(stranger.seen()[0].header("x-nuget-apikey"), None);
}
