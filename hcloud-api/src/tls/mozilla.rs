//! TLS by rustls with built-in root certificates: reading the system's takes tens of milliseconds.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::Protocols;
use crate::{BoxError, Error, Result};

/// Returns a configuration that trusts Mozilla's root certificates, which are part of the binary,
/// and the `extra` PEM certificates.
pub(super) fn config(extra: &[Vec<u8>], protocols: Protocols) -> Result<ClientConfig> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for pem in extra {
        add(&mut roots, pem).map_err(|source| Error::InvalidRootCertificate { source })?;
    }
    let unsupported = |error: rustls::Error| Error::Setup {
        source: error.into(),
    };
    let mut config = ClientConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(unsupported)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = match protocols {
        #[cfg(feature = "http2")]
        Protocols::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        _ => vec![b"http/1.1".to_vec()],
    };
    Ok(config)
}

/// Returns the cryptography of the process. If there is none yet, that of the features becomes it, as
/// the first configuration of rustls does too: other users of reqwest and rustls in this process
/// would panic without one.
pub(super) fn provider() -> Result<Arc<CryptoProvider>> {
    if let Some(installed) = CryptoProvider::get_default() {
        return Ok(Arc::clone(installed));
    }
    let provider = compiled_in()?;
    // Another thread may have been faster.
    let _ = provider.install_default();
    Ok(Arc::clone(
        CryptoProvider::get_default().expect("a default that was installed stays"),
    ))
}

#[cfg(feature = "aws-lc-rs")]
fn compiled_in() -> Result<CryptoProvider> {
    Ok(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn compiled_in() -> Result<CryptoProvider> {
    Ok(rustls::crypto::ring::default_provider())
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
fn compiled_in() -> Result<CryptoProvider> {
    Err(Error::Setup {
        source: "no cryptography for TLS: neither a default of the process nor the feature `ring` or `aws-lc-rs`".into(),
    })
}

fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), BoxError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        return Err("no certificate in the PEM data".into());
    }
    for certificate in certificates {
        roots.add(certificate)?;
    }
    Ok(())
}
