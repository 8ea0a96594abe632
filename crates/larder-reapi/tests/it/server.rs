//! What a cluster says about itself, and clusters that can't be used.

use larder_cluster::{Cluster, Options};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind};
use larder_engine::executor::remote::{ExecutorFacts, RemoteExecutor as _};

use crate::bench::{Folders, client, client_with, cluster, quick};

fn facts(url: &str, instance: &str, headers: &[(&str, &str)]) -> Result<ExecutorFacts, Error> {
    client_with(url, instance, headers, quick())?.facts(&Cancel::new())
}

#[test]
fn a_cluster_says_what_it_can_do() {
    let cluster = cluster();
    let client = client(&cluster);
    assert_eq!(client.place(), cluster.url());
    assert_eq!(
        client.facts(&Cancel::new()).unwrap(),
        ExecutorFacts {
            protocol: "2.3".to_owned(),
            executes: true,
            writes_cache: Some(true),
        }
    );
    client.facts(&Cancel::new()).unwrap();
    assert_eq!(cluster.counts().capabilities, 1);
}

#[test]
fn clusters_that_can_not_be_used_are_errors_that_say_why() {
    let options = Options::default;
    for (options, says) in [
        (
            Options {
                sha256: false,
                ..options()
            },
            "it does not store blobs by their SHA-256",
        ),
        (
            Options {
                version: 0,
                ..options()
            },
            "it speaks the versions 2.0 to 2.0",
        ),
        (
            Options {
                instance: "main".to_owned(),
                ..options()
            },
            "unknown instance ``",
        ),
    ] {
        let cluster = Cluster::start(options);
        let error = facts(&cluster.url(), "", &[]).unwrap_err();
        assert_eq!(error.kind(), Kind::Failed, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let cluster = Cluster::start(Options {
        executes: false,
        ..options()
    });
    let folders = Folders::new(&[]);
    let error = folders.run(&client(&cluster), "true").unwrap_err();
    assert!(error.to_string().contains("it is only a cache"), "{error}");
}

#[test]
fn an_instance_is_named_in_the_url_or_apart() {
    let cluster = Cluster::start(Options {
        instance: "main/a".to_owned(),
        ..Options::default()
    });
    facts(&format!("{}/main/a", cluster.url()), "", &[]).unwrap();
    facts(&cluster.url(), "main/a", &[]).unwrap();
    let folders = Folders::new(&[("large", &crate::bench::noise(2_000_000))]);
    let client = client_with(&cluster.url(), "main/a", &[], quick()).unwrap();
    crate::bench::assert_succeeded(&folders.run(&client, "cp src/large out").unwrap());
}

#[test]
fn credentials_are_headers_and_are_in_no_message() {
    let token = Some("Bearer open-sesame".to_owned());
    let cluster = Cluster::start(Options {
        token,
        ..Options::default()
    });
    let url = cluster.url();
    facts(&url, "", &[("authorization", "Bearer open-sesame")]).unwrap();
    let error = facts(&url, "", &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    assert!(error.hints()[0].contains("headers_from"), "{error:?}");
    let error = facts(&url, "", &[("authorization", "Bearer wrong")]).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    // The server repeats a secret.
    let error = facts(&url, "", &[("x-key", "Bearer open-sesame")]).unwrap_err();
    assert!(!format!("{error:?}").contains("open-sesame"), "{error:?}");
    // Or only its token.
    let token = Some("open-sesame".to_owned());
    let repeating = Cluster::start(Options {
        token,
        ..Options::default()
    });
    let error = facts(&repeating.url(), "", &[("x-key", "Bearer open-sesame")]).unwrap_err();
    assert!(!format!("{error:?}").contains("open-sesame"), "{error:?}");
    let error = facts(&url, "", &[("x-key", "two\nlines")]).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(!format!("{error:?}").contains("lines"), "{error:?}");
}

#[test]
fn who_does_not_answer_is_asked_once() {
    let error = facts("grpc://127.0.0.1:9", "", &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(
        error
            .to_string()
            .starts_with("cannot reach the executor grpc://127.0.0.1:9"),
        "{error}"
    );
    // Not gRPC at all, and TLS where there is none.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            use std::io::Write as _;
            let _ = stream
                .unwrap()
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let error = facts(&format!("grpc://{address}"), "", &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    let error = facts(&format!("grpcs://{address}"), "", &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
}

#[test]
fn offline_opens_no_socket() {
    let cluster = cluster();
    let mut settings = quick();
    settings.offline = true;
    let client = client_with(&cluster.url(), "", &[], settings).unwrap();
    let error = client.facts(&Cancel::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(cluster.counts().capabilities, 0);
}
