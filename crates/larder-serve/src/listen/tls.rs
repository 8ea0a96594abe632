//! TLS: the certificate, which can be replaced while connections are served, and the handshake.

use std::sync::{Arc, PoisonError, RwLock};

use larder_core::error::{Error, Result};
use larder_core::fs;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::settings::TlsFiles;

/// The largest file that is read.
const LARGEST: u64 = 1 << 20;

/// The certificate and how connections are encrypted with it.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    certificate: Arc<Current>,
    config: Arc<ServerConfig>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// The certificate of new connections.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }
}

impl Tls {
    /// Reads the certificate and its key.
    pub fn open(files: &TlsFiles) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = read(files, &provider)?;
        let certificate = Arc::new(Current(RwLock::new(Arc::new(key))));
        let mut config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::failed("cannot set up TLS").cause(error))?
            .with_no_client_auth()
            .with_cert_resolver(certificate.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            files: files.clone(),
            provider,
            certificate,
            config: Arc::new(config),
        })
    }

    /// Reads the files again. If they are wrong, the old certificate stays.
    pub fn reload(&self) -> Result<()> {
        let key = Arc::new(read(&self.files, &self.provider)?);
        let current = self.certificate.0.write();
        *current.unwrap_or_else(PoisonError::into_inner) = key;
        Ok(())
    }

    /// What does handshakes.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.config.clone().into()
    }
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let TlsFiles { certificate, key } = files;
    let bytes = |path| {
        fs::read_bounded(path, LARGEST)?
            .ok_or_else(|| Error::usage(format!("there is no file {path}")))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|error| not_pem(certificate, &error))?;
    let Some(first) = chain.first() else {
        return Err(
            Error::usage(format!("{certificate} has no certificate in PEM")).hint(
                "its first block is `-----BEGIN CERTIFICATE-----`, followed by intermediate ones",
            ),
        );
    };
    rustls::server::ParsedCertificate::try_from(first).map_err(|error| {
        Error::usage(format!("{certificate} has no valid certificate")).cause(error)
    })?;
    let secret =
        PrivateKeyDer::from_pem_slice(&bytes(key)?).map_err(|error| not_pem(key, &error))?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Error::usage(format!(
            "the key {key} does not belong to the certificate {certificate}"
        ))
        .hint("name the two files of one pair"),
        other => Error::usage(format!("{key} can't be used as a private key")).cause(other),
    })
}

fn not_pem(path: &camino::Utf8Path, error: &rustls::pki_types::pem::Error) -> Error {
    Error::usage(format!("{path} is not the PEM file that TLS needs"))
        .cause(error)
        .hint("--tls-cert names a chain of certificates, and --tls-key a private key without a password")
}
