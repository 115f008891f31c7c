//! TLS backends.

#[cfg(feature = "rustls")]
mod mozilla;

use reqwest::ClientBuilder;

use crate::Result;

/// The library that provides TLS.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Backend {
    #[cfg(feature = "rustls")]
    #[default]
    Rustls,
    #[cfg(feature = "native-tls")]
    #[cfg_attr(not(feature = "rustls"), default)]
    Native,
}

/// The protocols to negotiate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocols {
    /// All that the features support.
    Any,
    /// HTTP/1.1, which WebSockets require.
    #[cfg(feature = "console")]
    Http1,
}

/// Sets the backend, and the PEM certificates that it trusts in addition to its own.
pub(crate) fn set_up(
    builder: ClientBuilder,
    backend: Backend,
    extra: &[Vec<u8>],
    protocols: Protocols,
) -> Result<ClientBuilder> {
    let builder = match protocols {
        Protocols::Any => builder,
        #[cfg(feature = "console")]
        Protocols::Http1 => builder.http1_only(),
    };
    match backend {
        #[cfg(feature = "rustls")]
        Backend::Rustls => {
            Ok(builder.tls_backend_preconfigured(mozilla::config(extra, protocols)?))
        }
        #[cfg(feature = "native-tls")]
        Backend::Native => native(builder, extra),
    }
}

#[cfg(feature = "native-tls")]
fn native(builder: ClientBuilder, extra: &[Vec<u8>]) -> Result<ClientBuilder> {
    extra
        .iter()
        .try_fold(builder.tls_backend_native(), |builder, pem| {
            Ok(builder.tls_certs_merge(certificates(pem)?))
        })
}

#[cfg(feature = "native-tls")]
fn certificates(pem: &[u8]) -> Result<Vec<reqwest::Certificate>> {
    let invalid = |source: crate::BoxError| crate::Error::InvalidRootCertificate { source };
    match reqwest::Certificate::from_pem_bundle(pem) {
        Ok(none) if none.is_empty() => Err(invalid("no certificate in the PEM data".into())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(invalid(error.into())),
    }
}
