//! The suite on PostgreSQL, and what only a server elsewhere can do. It is one test, so that one server
//! is enough.

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use larder_core::error::Kind;

use super::postgres_server::PostgresServer;
use super::{as_write, error, event, everything, folder, ids, killed, laws, log, open};
use crate::fleet::store::{Location, back_up};

fn location(url: &str) -> Location {
    Location::parse(url, "/".into()).unwrap()
}

#[test]
fn the_suite() {
    let Some(mut server) = PostgresServer::start() else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let create = |name: &str| location(&server.create(name));
    runtime.block_on(async {
        super::records_come_back(&create("records")).await;
        super::a_transaction_is_whole_or_not_there(&create("whole")).await;
        super::events_are_listed_and_pruned(&create("events")).await;
        super::one_server_at_a_time(&create("one"), &server.url("one")).await;
        super::a_backup_is_equal(&create("backup")).await;
        killed::every_transaction_is_whole_after_a_kill(&create("kill"), &server.url("kill")).await;
    });
    let number = AtomicU32::new(0);
    laws::any_writes_are_kept(&runtime, 8, || {
        let name = format!("laws{}", number.fetch_add(1, Ordering::Relaxed));
        runtime.block_on(open(&create(&name)))
    });
    runtime.block_on(async {
        refusals(&server).await;
        a_lost_connection_comes_back(&server).await;
        another_server_ends_this_one(&server).await;
        a_lost_answer_is_found_out(&server).await;
        a_server_that_is_away_is_waited_for(&mut server).await;
    });
}

async fn refusals(server: &PostgresServer) {
    let url = server.create("refusals");
    open(&location(&url)).await;
    let port = server.port();
    server.sql("refusals", "CREATE USER poor PASSWORD 'secret'");
    server.create("foreign");
    server.create("newer");
    open(&location(&server.url("newer"))).await;
    let newer = "INSERT INTO larder_migrations VALUES (99, 'later', now(), true, '', 0)";
    server.sql("newer", newer);
    for (url, kind, said) in [
        (server.url("none"), Kind::Usage, "does not exist"),
        (
            server.url("newer"),
            Kind::Usage,
            "written by a newer larder",
        ),
        (
            url.replace("secret", "false%20secret"),
            Kind::Refused,
            "password",
        ),
        (
            format!("postgres://poor:secret@127.0.0.1:{port}/foreign"),
            Kind::Refused,
            "permission",
        ),
        (
            format!("postgres://a:secret@127.0.0.1:{}/x", unused_port()),
            Kind::Unavailable,
            "refused",
        ),
    ] {
        let refused = error(crate::fleet::store::open_now(&location(&url), log()).await);
        let text = refused.to_string();
        assert_eq!(refused.kind(), kind, "{text}");
        assert!(text.contains(said), "{text}");
        assert!(!refused.hints().is_empty(), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
    let (_dir, folder) = folder();
    for (name, said) in [
        ("foreign", "no tables of larder serve"),
        ("newer", "newer larder"),
    ] {
        let refused = error(back_up(&location(&server.url(name)), &folder.join("b.db")).await);
        assert_eq!(refused.kind(), Kind::Usage, "{refused}");
        assert!(refused.message().contains(said), "{refused}");
        assert!(!folder.join("b.db").exists());
    }
}

fn unused_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

async fn a_lost_connection_comes_back(server: &PostgresServer) {
    let location = location(&server.create("lost"));
    let store = open(&location).await;
    for id in 1..4 {
        server.cut("lost");
        store.commit(&[as_write(event(id, "x"))]).await.unwrap();
        server.cut("lost");
        assert_eq!(store.load().await.unwrap().last_event, id);
    }
    // It has the lock again.
    let refused = error(crate::fleet::store::open_now(&location, log()).await);
    assert_eq!(refused.kind(), Kind::Unavailable);
    assert_eq!(ids(&store.events(0, 9).await.unwrap()), [1, 2, 3]);
}

async fn another_server_ends_this_one(server: &PostgresServer) {
    let location = location(&server.create("taken"));
    let old = open(&location).await;
    old.commit(&[as_write(event(1, "x"))]).await.unwrap();
    // The old one may be faster to come back.
    let new = loop {
        server.cut("taken");
        match crate::fleet::store::open_now(&location, log()).await {
            Ok(new) => break new,
            Err(error) => assert_eq!(error.kind(), Kind::Unavailable, "{error}"),
        }
    };
    for _ in 0..2 {
        let refused = error(old.commit(&[as_write(event(2, "old"))]).await);
        assert!(
            refused.message().contains("another server has used"),
            "{refused}"
        );
        assert!(!refused.hints().is_empty());
    }
    new.commit(&[as_write(event(2, "new"))]).await.unwrap();
    drop(new);
    // What it knows stays wrong when the other one is gone.
    error(old.commit(&[as_write(event(2, "old"))]).await);
    error(old.load().await);
    drop(old);
    let (_, events) = everything(&*open(&location).await).await;
    assert_eq!(events, [event(1, "x"), event(2, "new")]);
}

/// What happens to the next commit.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It does not reach the server.
    Before,
    /// Its answer does not reach larder.
    After,
}

/// Passes connections on, and cuts the one that sends the next commit after it is armed.
fn proxy(port: u16, fault: Fault) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let armed = Arc::new(AtomicBool::new(false));
    let shared = armed.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let armed = shared.clone();
            std::thread::spawn(move || pass(client, server, fault, &armed));
        }
    });
    (own, armed)
}

fn pass(mut client: TcpStream, mut server: TcpStream, fault: Fault, armed: &AtomicBool) {
    let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let is_cut = Arc::new(AtomicBool::new(false));
    let cut = is_cut.clone();
    let answers = std::thread::spawn(move || {
        let mut buffer = vec![0; 65536];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if cut.load(Ordering::SeqCst) || to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
        let _ = from.shutdown(std::net::Shutdown::Both);
    });
    let mut buffer = vec![0; 65536];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let part = &buffer[..length];
        let commits = part.windows(7).any(|bytes| bytes == b"COMMIT\0");
        if commits && armed.swap(false, Ordering::SeqCst) {
            is_cut.store(true, Ordering::SeqCst);
            if matches!(fault, Fault::Before) {
                break;
            }
        }
        if server.write_all(part).is_err() {
            break;
        }
    }
    let _ = server.shutdown(std::net::Shutdown::Write);
    let _ = answers.join();
}

async fn a_lost_answer_is_found_out(server: &PostgresServer) {
    for fault in [Fault::Before, Fault::After] {
        let name = format!("answer_{fault:?}").to_lowercase();
        let url = server.create(&name);
        let (port, armed) = proxy(server.port(), fault);
        let url = url.replace(&format!(":{}/", server.port()), &format!(":{port}/"));
        let store = open(&location(&url)).await;
        store.commit(&[as_write(event(1, "x"))]).await.unwrap();
        armed.store(true, Ordering::SeqCst);
        let committed = store.commit(&[as_write(event(2, "x"))]).await;
        assert!(!armed.load(Ordering::SeqCst), "there was no fault");
        assert_eq!(
            committed.is_ok(),
            matches!(fault, Fault::After),
            "{committed:?}"
        );
        let expected = if committed.is_ok() { 2 } else { 1 };
        assert_eq!(store.load().await.unwrap().last_event, expected);
        store.commit(&[as_write(event(3, "x"))]).await.unwrap();
    }
}

async fn a_server_that_is_away_is_waited_for(server: &mut PostgresServer) {
    let location = location(&server.create("away"));
    let store = open(&location).await;
    store.commit(&[as_write(event(1, "x"))]).await.unwrap();
    server.stop();
    for _ in 0..2 {
        let failed = error(store.commit(&[as_write(event(2, "x"))]).await);
        assert_eq!(failed.kind(), Kind::Unavailable, "{failed}");
    }
    server.start_again();
    store.commit(&[as_write(event(2, "x"))]).await.unwrap();
    assert_eq!(ids(&store.events(0, 9).await.unwrap()), [1, 2]);
}
