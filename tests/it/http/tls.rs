//! Which certificates are trusted.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use larder_core::Kind;
use larder_core::cancel::Cancel;
use larder_remote::http::{Client, Settings};

use crate::http::{fetch, quick};

/// An https server whose certificate is signed by its own CA. Returns its url (with the given host
/// name) and the CA's PEM.
fn tls_server(subject: &str, days: (i64, i64)) -> (String, String) {
    use rustls::pki_types::PrivateKeyDer;
    let day = |offset: i64| {
        let span = Duration::from_hours(24 * offset.unsigned_abs());
        let now = std::time::SystemTime::now();
        if offset < 0 { now - span } else { now + span }
    };
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut leaf = rcgen::CertificateParams::new(vec![subject.to_owned()]).unwrap();
    leaf.not_before = day(days.0).into();
    leaf.not_after = day(days.1).into();
    let cert = leaf.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::Stream::new(&mut tls, &mut stream);
            // The client aborts the handshake in most of these tests.
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nbytes",
                );
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (format!("https://localhost:{port}/x"), ca_pem)
}

#[test]
#[cfg_attr(not(unix), ignore = "wine trusts no certificates")]
fn only_certificates_of_trusted_cas_are_accepted() {
    let trusting = |pem: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pem).unwrap();
        let client = Client::new(
            Settings {
                ca_file: Some(file.path().to_owned()),
                ..quick()
            },
            Cancel::new(),
        );
        (client, file)
    };
    // A company CA is added to the trusted ones and does not replace them; it is valid only for its
    // own certificates.
    let (url, ca) = tls_server("localhost", (-1, 1));
    let (client, _file) = trusting(&ca);
    assert_eq!(fetch(&client, &url).unwrap().unwrap(), b"bytes");

    let unknown = fetch(&crate::http::client(), &url).unwrap_err();
    let (expired_url, expired_ca) = tls_server("localhost", (-9, -1));
    let expired = fetch(&trusting(&expired_ca).0, &expired_url).unwrap_err();
    let (other_url, other_ca) = tls_server("elsewhere.example", (-1, 1));
    let (client, _file) = trusting(&other_ca);
    let other = fetch(&client, &other_url).unwrap_err();
    for (error, hint) in [
        (unknown, "SSL_CERT_FILE"),
        (expired, "clock"),
        (other, "insecure"),
    ] {
        assert_eq!(error.kind(), Kind::Refused, "{error}");
        assert!(
            error.hints().iter().any(|h| h.contains(hint)),
            "{error} {:?}",
            error.hints()
        );
    }
    assert_eq!(client.moved().requests, 1, "never tried again");
    let (client, _file) = trusting("no certificate");
    assert!(
        fetch(&client, &url)
            .unwrap_err()
            .to_string()
            .contains("contains no certificate")
    );
}
