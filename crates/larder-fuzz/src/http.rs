//! What the server reads of a request: its head, conditions and ranges.

use http::{Method, StatusCode};
use larder_core::model::Digest;
use larder_serve::bytes::{Content, Represented, plan_now, precondition};
use larder_serve::index::name;
use larder_serve::listen::head::{LONGEST, Read, parse};

use crate::Scratch;

/// The size of the file that is asked for.
const SIZE: u64 = 1000;

/// A request from a connection. What is answered is in the file, and nothing depends on the bytes
/// that follow the head.
pub fn requests(bytes: &[u8], _: &Scratch<'_>) {
    let head = match parse(bytes) {
        Some(Read::Head(head)) => head,
        Some(Read::Bad(problem)) => {
            assert!(problem.status().is_client_error(), "{problem:?}");
            return;
        }
        Some(Read::Preface | Read::Closed) => return,
        None => {
            assert!(
                bytes.len() <= LONGEST,
                "it waits for more than a head may have"
            );
            return;
        }
    };
    assert!(head.length <= bytes.len().min(LONGEST));
    let Some(Read::Head(alone)) = parse(&bytes[..head.length]) else {
        panic!("without what follows it is no head");
    };
    assert_eq!(alone.headers, head.headers);
    if head.length > 2 {
        let part = parse(&bytes[..head.length - 1]);
        assert!(
            !matches!(part, Some(Read::Head(_))),
            "a part of a head is one"
        );
    }
    if let Some(file) = head.uri.path().strip_prefix("/bin/") {
        let _ = name::parse(file);
    }
    for size in [0, 1, SIZE] {
        let file = Represented::new(Digest::of(b"x"), size, 1_000_000_000);
        for method in [&Method::GET, &Method::HEAD] {
            let Ok(answer) = plan_now(method, &head.headers, &file) else {
                continue;
            };
            match answer.content {
                Content::File(range) => {
                    assert!(range.start <= range.end && range.end <= size, "{range:?}");
                    let is_part = answer.status == StatusCode::PARTIAL_CONTENT;
                    let is_whole = answer.status == StatusCode::OK && range == (0..size);
                    assert!(is_part && *method == Method::GET && !range.is_empty() || is_whole);
                }
                Content::Empty => assert_eq!(answer.status, StatusCode::NOT_MODIFIED),
                Content::Bytes(bytes) => panic!("{bytes:?} are not of the file"),
            }
        }
        let _ = precondition(&Method::PUT, &head.headers, Some(&file));
        let _ = precondition(&Method::PUT, &head.headers, None);
    }
}
