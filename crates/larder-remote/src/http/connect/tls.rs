//! The certificate authorities to trust: the system's, plus those in the file of `SSL_CERT_FILE`.

use std::path::Path;

use reqwest::Certificate;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use larder_core::error::{Error, Result};
use larder_core::fs;

/// The files in which systems store their roots. The platform verifier uses `SSL_CERT_FILE` in
/// place of these files, so they are read in addition: a file with only a company's CA must not
/// make all other servers untrusted.
#[cfg(all(unix, not(target_vendor = "apple")))]
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
const SYSTEM_BUNDLES: &[&str] = &[];

/// Roots in addition to those that the platform verifier finds by itself.
pub(in crate::http) fn extra_roots(ca_file: Option<&Path>) -> Result<Vec<Certificate>> {
    let Some(file) = ca_file else {
        return Ok(Vec::new());
    };
    let mut roots =
        parse(&fs::read(file).map_err(|e| e.hint("the variable SSL_CERT_FILE names this file"))?);
    if roots.is_empty() {
        return Err(
            Error::failed(format!("{} contains no certificate", file.display()))
                .hint("the variable SSL_CERT_FILE names this file; it must be in PEM format"),
        );
    }
    let bundles = SYSTEM_BUNDLES
        .iter()
        .filter(|bundle| Path::new(bundle) != file);
    for bundle in bundles {
        if let Ok(Some(bytes)) = fs::read_opt(bundle) {
            roots.extend(parse(&bytes));
            break;
        }
    }
    Ok(roots)
}

/// The text of all roots in PEM, for TLS that is not this client's: the system's, and those in the
/// file of `SSL_CERT_FILE`. Empty where the system keeps its roots in no file.
pub fn root_bundle(ca_file: Option<&Path>) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    if let Some(file) = ca_file {
        text = fs::read(file).map_err(|e| e.hint("the variable SSL_CERT_FILE names this file"))?;
        text.push(b'\n');
    }
    for bundle in SYSTEM_BUNDLES {
        if let Ok(Some(bytes)) = fs::read_opt(bundle) {
            text.extend(bytes);
            break;
        }
    }
    Ok(text)
}

/// The certificates of a PEM bundle that can be roots. Others are ignored, as other TLS clients do.
fn parse(pem: &[u8]) -> Vec<Certificate> {
    let mut store = rustls::RootCertStore::empty();
    let good = CertificateDer::pem_slice_iter(pem)
        .flatten()
        .filter(|cert| store.add(cert.clone()).is_ok());
    good.filter_map(|cert| Certificate::from_der(&cert).ok())
        .collect()
}
