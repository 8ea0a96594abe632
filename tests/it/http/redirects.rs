//! Redirects, and to which hosts credentials are sent.

use larder_core::Kind;
use larder_remote::http::{Credential, Method, Request, Secret};

use super::{client, fetch};
use crate::servers::scripted::{Reply, Script};

#[test]
fn plain_http_is_refused_except_to_the_loopback() {
    let error = fetch(&client(), "http://example.invalid/x").unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("plain http"), "{error}");
    let server = Script::start(|_, _| Reply::ok("x"));
    let named = server.url.replace("127.0.0.1", "api.localhost");
    assert_eq!(
        fetch(&client(), &format!("{named}/x")).unwrap().unwrap(),
        b"x"
    );
}

#[test]
fn redirects_send_no_credentials_to_other_hosts() {
    let stranger = Script::start(|_, _| Reply::ok("bytes"));
    let target = stranger.at("/signed?sig=s3cret");
    let home = Script::start(move |request, _| match request.path.as_str() {
        "/a" => Reply::to(302, "/b"),
        _ => Reply::to(307, &target),
    });
    let token = Credential::bearer(&Secret::new("hunter2"), [home.url.parse().unwrap()]);
    let request = Request::get(&home.at("/a")).unwrap().credential(&token);
    let request = request
        .header("x-custom", "private")
        .unwrap()
        .header("accept", "application/octet-stream")
        .unwrap();
    let body = client().get(request).unwrap().unwrap();
    assert!(!body.place().contains("s3cret"), "{}", body.place());
    for seen in home.seen() {
        assert_eq!(seen.header("authorization"), Some("Bearer hunter2"));
        assert_eq!(seen.header("x-custom"), Some("private"));
    }
    assert_eq!(home.count(), 2);
    let seen = &stranger.seen()[0];
    assert_eq!(
        (
            seen.header("authorization"),
            seen.header("x-custom"),
            seen.header("referer")
        ),
        (None, None, None)
    );
    assert_eq!(seen.header("accept"), Some("application/octet-stream"));
}

#[test]
fn a_credential_is_sent_only_to_its_own_host() {
    let server = Script::start(|_, _| Reply::ok("x"));
    let token = Credential::bearer(
        &Secret::new("hunter2"),
        ["https://api.example.org".parse().unwrap()],
    );
    let answer = client()
        .send(Request::get(&server.at("/x")).unwrap().credential(&token))
        .unwrap();
    assert!(!answer.authorized);
    assert_eq!(server.seen()[0].header("authorization"), None);
}

#[test]
fn bad_redirects_are_refused() {
    let cases = [
        ("http://example.invalid/x", "plain http"),
        ("file:///etc/passwd", "not an http"),
        ("http://me:pw@127.0.0.1:1/x", "user name"),
        ("/loop", "loop"),
    ];
    for (location, why) in cases {
        let server = Script::start(move |_, _| Reply::to(302, location));
        let error = fetch(&client(), &server.at("/loop")).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{location}: {error}");
        assert!(error.to_string().contains(why), "{location}: {error}");
        assert_eq!(server.count(), 1, "{location}");
    }
    let endless = Script::start(|_, n| Reply::to(302, &format!("/{n}")));
    let error = fetch(&client(), &endless.at("/x")).unwrap_err();
    assert!(error.to_string().contains("more than ten"), "{error}");
    assert_eq!(endless.count(), 11);
}

#[test]
fn writes_follow_no_foreign_redirect_and_are_repeated_only_if_the_server_did_not_act() {
    let stranger = Script::start(|_, _| Reply::ok("x"));
    let target = stranger.at("/x");
    let home = Script::start(move |_, _| Reply::to(307, &target));
    let post = |url: &str| {
        Request::new(Method::POST, url.parse().unwrap())
            .unwrap()
            .json(&serde_json::json!({"a": 1}))
            .unwrap()
    };
    assert_eq!(
        client().send(post(&home.at("/x"))).unwrap_err().kind(),
        Kind::Refused
    );
    assert_eq!(stranger.count(), 0);

    let broken = Script::start(|_, _| Reply::status(502));
    assert_eq!(client().send(post(&broken.at("/x"))).unwrap().status, 502);
    assert_eq!(broken.count(), 1, "it may have done it");
    let limited = Script::start(|_, n| {
        if n == 0 {
            Reply::status(429)
        } else {
            Reply::status(201).body("{}")
        }
    });
    assert_eq!(client().send(post(&limited.at("/x"))).unwrap().status, 201);
    assert_eq!(limited.seen()[1].body, b"{\"a\":1}");
    let gone = Script::start(|_, _| Reply::nothing());
    assert_eq!(
        client().send(post(&gone.at("/x"))).unwrap_err().kind(),
        Kind::Unavailable
    );
    assert_eq!(gone.count(), 1);
}

#[test]
fn pagination_links_are_followed_only_on_the_same_host() {
    let server = Script::start(|request, _| match request.path.as_str() {
        "/page" => Reply::ok("[]").header(
            "link",
            "</page?page=2>; rel=\"next\", </page?page=9>; rel=\"last\"",
        ),
        _ => Reply::ok("[]").header("link", "<https://stranger.invalid/page>; rel=\"next\""),
    });
    let answer = client()
        .send(Request::get(&server.at("/page")).unwrap())
        .unwrap();
    assert_eq!(
        answer.link("next").unwrap().unwrap().as_str(),
        server.at("/page?page=2")
    );
    assert_eq!(answer.link("prev").unwrap(), None);
    let answer = client()
        .send(Request::get(&server.at("/page?page=2")).unwrap())
        .unwrap();
    assert_eq!(answer.link("next").unwrap_err().kind(), Kind::Refused);
}
