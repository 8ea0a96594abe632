//! Requests through proxies: which hosts are reached through which proxy, and what is said when a
//! proxy is dead or refuses.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use larder_core::Kind;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_remote::http::{Client, Proxies, Settings};

use super::{fetch, quick};
use crate::env::TestEnv;
use crate::servers::scripted::{Reply, Script};

fn client<const N: usize>(variables: [(&str, &str); N]) -> Client {
    let environment: Environment = variables.into_iter().collect();
    let settings = Settings {
        proxies: Proxies::new(&environment),
        allow_http: vec!["files.example".into()],
        ..quick()
    };
    Client::new(settings, Cancel::new())
}

/// The url of a port on which nothing listens.
fn dead(scheme: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("{scheme}://{}", listener.local_addr().expect("address"))
}

/// A SOCKS5 server that connects to this machine whatever host is asked for.
struct Socks {
    address: String,
    /// The hosts that were asked for, and the user names.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    /// `refuses`: answers that the host can't be reached.
    fn start(refuses: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(stream, refuses, &log));
            }
        });
        Self { address, asked }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().expect("log"))
    }
}

fn serve(mut client: TcpStream, refuses: bool, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    fn bytes(from: &mut TcpStream, count: usize) -> std::io::Result<Vec<u8>> {
        let mut buffer = vec![0; count];
        from.read_exact(&mut buffer)?;
        Ok(buffer)
    }
    fn text(from: &mut TcpStream) -> std::io::Result<String> {
        let length = bytes(from, 1)?[0].into();
        Ok(String::from_utf8_lossy(&bytes(from, length)?).into_owned())
    }
    let methods = bytes(&mut client, 2)?[1];
    let methods = bytes(&mut client, methods.into())?;
    let method = if methods.contains(&2) { 2 } else { 0 };
    client.write_all(&[5, method])?;
    if method == 2 {
        bytes(&mut client, 1)?;
        let login = format!("{}:{}", text(&mut client)?, text(&mut client)?);
        log.lock().expect("log").push(login);
        client.write_all(&[1, 0])?;
    }
    let host = match bytes(&mut client, 4)?[3] {
        1 => bytes(&mut client, 4)?
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("."),
        3 => text(&mut client)?,
        _ => format!("{:?}", bytes(&mut client, 16)?),
    };
    let port = bytes(&mut client, 2)?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    log.lock().expect("log").push(host);
    if refuses {
        return client.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    let server = TcpStream::connect(("127.0.0.1", port))?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (client, server);
    std::io::copy(&mut from, &mut to).map(drop)
}

#[test]
fn no_proxy_decides_which_hosts_are_reached_directly() {
    let server = Script::start(|_, _| Reply::ok("direct"));
    let proxy = Script::start(|_, _| Reply::ok("through"));
    let port = server.url.rsplit(':').next().expect("a port");
    // Names below localhost are this machine's.
    for (list, host, answer) in [
        ("", "a.corp.localhost", "through"),
        ("*.corp.localhost", "a.corp.localhost", "direct"),
        ("*.corp.localhost", "a.other.localhost", "through"),
        (".corp.localhost, x", "corp.localhost", "direct"),
        ("corp.localhost:1", "corp.localhost", "through"),
        ("corp.localhost:PORT", "a.corp.localhost", "direct"),
        ("127.0.0.1:PORT", "127.0.0.1", "direct"),
        ("127.0.0.1:1", "127.0.0.1", "through"),
        ("127.0.0.0/8", "127.0.0.1", "direct"),
        ("127.*", "127.0.0.1", "direct"),
        ("*", "a.corp.localhost", "direct"),
    ] {
        let list = list.replace("PORT", port);
        let client = client([("http_proxy", &proxy.url), ("no_proxy", &list)]);
        let found = fetch(&client, &format!("http://{host}:{port}/x")).unwrap();
        assert_eq!(found.unwrap(), answer.as_bytes(), "{list}: {host}");
    }
}

#[test]
fn socks_proxies_are_used() {
    let server = Script::start(|_, _| Reply::ok("bytes"));
    let port = server.url.rsplit(':').next().expect("a port");
    let socks = Socks::start(false);
    for (scheme, host, asked) in [
        ("socks5h", "files.example", &["files.example"][..]),
        ("socks", "files.example", &["files.example"]),
        ("socks5", "127.0.0.1", &["127.0.0.1"]),
        (
            "socks5h://me:hunter%322@",
            "files.example",
            &["me:hunter22", "files.example"],
        ),
    ] {
        let scheme = if scheme.contains("://") {
            scheme.to_owned()
        } else {
            format!("{scheme}://")
        };
        for variable in ["ALL_PROXY", "http_proxy"] {
            let client = client([(variable, &format!("{scheme}{}", socks.address))]);
            let found = fetch(&client, &format!("http://{host}:{port}/x")).unwrap();
            assert_eq!(found.unwrap(), b"bytes", "{scheme}");
            assert_eq!(socks.take(), asked, "{scheme}");
        }
    }
}

#[test]
#[cfg_attr(not(unix), ignore = "both spellings are one variable")]
fn a_dead_proxy_is_named_with_its_variable() {
    let refusing = Socks::start(true);
    let closing = Script::start(|_, _| Reply::nothing());
    let failing = Script::start(|_, _| Reply::status(502));
    let refusing = format!("socks5h://{}", refusing.address);
    let (http, socks5) = (dead("http"), dead("socks5"));
    let login = dead("http").replace("//", "//me:hunter2@");
    for (variable, proxy, url, says) in [
        (
            "HTTPS_PROXY",
            &http,
            "https://files.example/x",
            "does not answer",
        ),
        (
            "http_proxy",
            &http,
            "http://files.example/x",
            "does not answer",
        ),
        (
            "ALL_PROXY",
            &login,
            "http://files.example/x",
            "does not answer",
        ),
        (
            "all_proxy",
            &socks5,
            "http://127.0.0.1:1/x",
            "does not answer",
        ),
        (
            "ALL_PROXY",
            &socks5.replace("socks5", "socks5h"),
            "https://files.example/x",
            "does not answer",
        ),
        (
            "https_proxy",
            &"http://proxy.invalid:3128".to_owned(),
            "https://files.example/x",
            "does not resolve",
        ),
        (
            "ALL_PROXY",
            &refusing,
            "https://files.example/x",
            "the proxy made no connection",
        ),
        (
            "HTTPS_PROXY",
            &failing.url,
            "https://files.example/x",
            "the proxy made no connection",
        ),
        (
            "HTTPS_PROXY",
            &closing.url,
            "https://files.example/x",
            "through the proxy",
        ),
    ] {
        let error = fetch(&client([(variable, proxy)]), url).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), Kind::Unavailable, "{text}");
        let named = proxy.replace("me:hunter2@", "");
        assert!(
            text.contains(&format!("through the proxy {named} ({variable})")),
            "{text}"
        );
        assert!(
            text.contains(says) && !text.contains("hunter2"),
            "{proxy}: {text}"
        );
    }
    // The value is wrong, and nothing is sent anywhere.
    let error = fetch(
        &client([("ALL_PROXY", "ftp://proxy.example")]),
        "https://files.example/x",
    );
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
    assert!(
        error
            .to_string()
            .contains("ALL_PROXY is `ftp://proxy.example"),
        "{error}"
    );
}

#[test]
fn a_run_names_the_dead_proxy() {
    let mut env = TestEnv::new();
    let proxy = dead("http");
    env.set("HTTPS_PROXY", &proxy);
    env.versions(&[("tool", "v1.0.0")], "");
    env.recipe(
        "tool",
        "binaries: [tool]\nupstream: {url: \"https://files.example/tool\"}\n",
    );
    let out = env.larder(["ensure", "all"]).exits(5);
    let says = format!("cannot reach files.example:443 through the proxy {proxy} (HTTPS_PROXY)");
    assert!(out.stderr.contains(&says), "{}", out.stderr);
}
