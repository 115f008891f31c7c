//! TLS by rustls with built-in root certificates: reading the system's takes tens of milliseconds.

use std::sync::Arc;

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
    let mut config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring supports the default protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
    config.alpn_protocols = match protocols {
        #[cfg(feature = "http2")]
        Protocols::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        _ => vec![b"http/1.1".to_vec()],
    };
    Ok(config)
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
