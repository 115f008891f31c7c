use std::sync::Arc;

use hcloud_api::{Client, ClientBuilder, Error, LocationId, RetryPolicy, reqwest};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};

use crate::api::{TOKEN, read_request};

/// Serves one location over HTTPS; returns its endpoint and its certificate.
async fn api() -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let body = include_str!("../../src/fixtures/location.json");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate closes the connection.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            read_request(&mut stream).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (format!("https://localhost:{port}/v1"), cert.pem())
}

/// Returns a client for each compiled TLS backend.
fn builders(endpoint: &str) -> Vec<ClientBuilder> {
    let builder = Client::builder(TOKEN)
        .endpoint(endpoint)
        .retry(RetryPolicy::never());
    vec![
        #[cfg(feature = "native-tls")]
        builder.clone().native_tls(),
        builder,
    ]
}

#[tokio::test]
async fn an_extra_root_certificate_is_trusted() {
    let (endpoint, certificate) = api().await;

    for builder in builders(&endpoint) {
        let client = builder.root_certificates(&*certificate).build().unwrap();
        let location = client.locations().get(LocationId::new(1)).await.unwrap();

        assert_eq!(location.name, "fsn1");
    }
}

#[tokio::test]
async fn an_untrusted_certificate_gets_no_token() {
    let (endpoint, _) = api().await;

    for builder in builders(&endpoint) {
        let client = builder.build().unwrap();
        let got = client.locations().get(LocationId::new(1)).await;

        let error = got.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    }
}

#[test]
fn invalid_certificates_are_refused() {
    for builder in builders("https://localhost/v1") {
        let error = builder.root_certificates("no PEM").build().unwrap_err();

        assert!(
            matches!(error, Error::InvalidRootCertificate { .. }),
            "{error:?}"
        );
    }
}

#[cfg(feature = "rustls")]
#[test]
fn after_a_client_was_built_others_have_cryptography_too() {
    Client::new(TOKEN).unwrap();

    // Both panic if there is no default, or more than one to choose from.
    reqwest::Client::new();
    ClientConfig::builder();
}

#[tokio::test]
async fn a_client_of_ones_own_keeps_its_trust() {
    let (endpoint, certificate) = api().await;
    let certificate = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    let builder = Client::builder(TOKEN)
        .endpoint(endpoint)
        .retry(RetryPolicy::never());
    // Without a default the builder of reqwest panics.
    builder.clone().build().unwrap();
    let http = reqwest::Client::builder().tls_certs_only([certificate]);

    let client = builder.http(http.build().unwrap()).build().unwrap();
    let location = client.locations().get(LocationId::new(1)).await.unwrap();

    assert_eq!(location.name, "fsn1");
}
