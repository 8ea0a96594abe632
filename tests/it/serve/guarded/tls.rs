//! TLS: handshakes, HTTP/2, and certificates that are replaced while the server runs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::access::{bearer, tokens};
use crate::env::TestEnv;
use crate::http::noise;
use crate::serve::{LONG, Serving, machine, put};

const FILE: &str = "tool-1.0.0-linux-x86_64";
const TLS: [&str; 4] = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

/// A certificate for this machine, and its key.
struct Pair {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
}

fn pair() -> Pair {
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let parameters = rcgen::CertificateParams::new(names).expect("names");
    let certificate = parameters.self_signed(&key).expect("a certificate");
    Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        der: certificate.der().clone(),
    }
}

impl Pair {
    fn write(&self, env: &TestEnv) {
        env.write("cert.pem", &self.certificate);
        env.write("key.pem", &self.key);
    }
}

/// A server that speaks TLS.
fn start(env: &TestEnv, options: &[&str]) -> Serving {
    let serving = Serving::start_unready(env, &[&TLS, options].concat());
    serving.wait("readiness", |serving| {
        curl(
            env,
            serving,
            &["-k", "-o", "/dev/null", "-w", "%{http_code}"],
            "/readyz",
        ) == "200"
    });
    serving
}

fn curl(env: &TestEnv, serving: &Serving, options: &[&str], target: &str) -> String {
    let url = format!("https://localhost:{}{target}", serving.address.port());
    let resolve = format!("localhost:{}:127.0.0.1", serving.address.port());
    let more = ["-sS", "--max-time", "25", "--resolve", &resolve];
    env.run("curl", [&more, options, &[url.as_str()]].concat())
}

/// A client that trusts certificates, and speaks HTTP/1.1.
fn client(trusted: &[&Pair]) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for pair in trusted {
        roots.add(pair.der.clone()).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A resumed session shows the certificate that it began with.
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

type Encrypted = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

/// Sends a request on its own connection: the status line, and the certificate of the server.
fn ask(
    config: &Arc<rustls::ClientConfig>,
    serving: &Serving,
    target: &str,
) -> std::io::Result<(String, Vec<u8>)> {
    let stream = TcpStream::connect(serving.address)?;
    stream.set_read_timeout(Some(LONG))?;
    let name = "localhost".try_into().expect("a name");
    let connection = rustls::ClientConnection::new(config.clone(), name).expect("a client");
    let mut stream: Encrypted = rustls::StreamOwned::new(connection, stream);
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let certificates = stream.conn.peer_certificates().unwrap_or_default();
    let first = certificates.first().map(|first| first.to_vec());
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default().to_owned();
    Ok((line, first.unwrap_or_default()))
}

#[test]
fn both_versions_of_http_are_spoken_over_tls() {
    let env = machine();
    let bytes = noise(3_000_000);
    put(&env, FILE, &bytes);
    tokens(&env);
    pair().write(&env);
    let serving = start(&env, &["--tokens", "tokens.yml", "--private"]);
    serving.says("listening on https://");
    let target = format!("/binaries/{FILE}");
    let header = format!("Authorization: {}", bearer("read"));
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let options = [
            option,
            "--cacert",
            "cert.pem",
            "-H",
            &header,
            "-o",
            "got",
            "-w",
            "%{http_version} %{http_code}",
        ];
        let said = curl(&env, &serving, &options, &target);
        assert_eq!(said, format!("{version} 200"));
        assert!(std::fs::read(env.path("got")).expect("the file") == bytes);
        let part = [&options[..], &["-r", "100-199"]].concat();
        assert_eq!(
            curl(&env, &serving, &part, &target),
            format!("{version} 206")
        );
        assert!(std::fs::read(env.path("got")).expect("the file") == bytes[100..200]);
        let nobody = [
            option,
            "--cacert",
            "cert.pem",
            "-o",
            "got",
            "-w",
            "%{http_version} %{http_code}",
        ];
        assert_eq!(
            curl(&env, &serving, &nobody, &target),
            format!("{version} 401")
        );
        assert!(
            env.read("got").contains("\"status\":401"),
            "{}",
            env.read("got")
        );
        let put = [
            option,
            "--cacert",
            "cert.pem",
            "-T",
            "cert.pem",
            "-o",
            "got",
            "-w",
            "%{http_code}",
            "-H",
            &format!("Authorization: {}", bearer("write")),
        ];
        let own = format!("/api/binaries/made/{}.0.0/linux/arm", &version[..1]);
        assert_eq!(
            curl(&env, &serving, &put, &own),
            "201",
            "{}",
            env.read("got")
        );
    }
    assert!(!serving.log().contains("-secret"));
}

#[test]
fn what_is_no_tls_gets_an_answer() {
    let env = machine();
    pair().write(&env);
    let serving = start(&env, &[]);
    for method in ["GET", "PUT", "PRI"] {
        let mut connection = serving.connect();
        connection.write(format!("{method} / HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        let detail = connection.read("GET").problem(400);
        assert!(detail.contains("https://"), "{detail}");
        assert!(connection.is_closed());
    }
    let mut connection = serving.connect();
    connection.write(&[0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5]);
    let mut rest = Vec::new();
    let _ = connection.stream().read_to_end(&mut rest);
    assert!(rest.len() < 20, "an alert at most");
    // The limits of heads hold here, too.
    let options = [
        "-k",
        "--http1.1",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-H",
    ];
    let long = format!("X: {}", "x".repeat(17_000));
    let said = curl(
        &env,
        &serving,
        &[&options[..], &[long.as_str()]].concat(),
        "/livez",
    );
    assert_eq!(said, "431");
}

#[test]
fn wrong_files_end_the_start() {
    let env = machine();
    let (good, other) = (pair(), pair());
    for (certificate, key, says) in [
        (
            good.certificate.as_str(),
            other.key.as_str(),
            "does not belong to",
        ),
        ("", &good.key, "has no certificate"),
        (&good.key, &good.key, "has no certificate"),
        (&good.certificate, "", "is not the PEM file"),
        (&good.certificate, &good.certificate, "is not the PEM file"),
        (&good.certificate[..200], &good.key, "is not the PEM file"),
    ] {
        env.write("cert.pem", certificate);
        env.write("key.pem", key);
        let output = env.larder([&["serve", "--port", "0"], &TLS[..]].concat());
        assert_eq!(output.code, Some(2), "{says} {}", output.stderr);
        assert!(output.stderr.contains(says), "{says} {}", output.stderr);
    }
    env.remove("key.pem");
    let output = env.larder([&["serve", "--port", "0"], &TLS[..]].concat());
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    assert!(
        output.stderr.contains("there is no file"),
        "{}",
        output.stderr
    );
}

/// Ends the load, even if the test fails.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_new_certificate_is_taken_up_and_no_request_fails() {
    let env = machine();
    put(&env, FILE, noise(100_000));
    let (old, new) = (pair(), pair());
    old.write(&env);
    let serving = start(&env, &[]);
    let config = client(&[&old, &new]);
    let target = format!("/binaries/{FILE}");
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let load: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        // Each has its own connection, so each does a handshake.
                        let (line, _) = ask(&config, &serving, &target).expect("an answer");
                        assert_eq!(line, "HTTP/1.1 200 OK");
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let done = Done(&done);
        let has = |pair: &Pair| {
            let (_, certificate) = ask(&config, &serving, "/livez").expect("an answer");
            certificate == pair.der.to_vec()
        };
        assert!(has(&old));
        // First the certificate, then its key: in between they do not fit.
        env.write("cert.pem", &new.certificate);
        std::thread::sleep(Duration::from_millis(100));
        env.write("key.pem", &new.key);
        serving.wait("the new certificate", |_| has(&new));
        // Broken pairs keep what is there.
        let warnings = |serving: &Serving| {
            let log = serving.log();
            log.lines()
                .filter(|line| line.contains("the old one stays"))
                .count()
        };
        let before = warnings(&serving);
        env.write("key.pem", &old.key);
        serving.wait("a warning", |serving| warnings(serving) > before);
        assert!(has(&new));
        env.write("cert.pem", "nonsense");
        serving.wait("a warning", |serving| warnings(serving) > before + 1);
        assert!(has(&new));
        old.write(&env);
        serving.wait("the old certificate", |_| has(&old));
        drop(done);
        for thread in load {
            thread.join().expect("no request fails");
        }
    });
    assert!(answered.into_inner() > 20);
}
