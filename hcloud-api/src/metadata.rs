//! The metadata service: what a server can learn about itself.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#description/server-metadata>

use std::net::Ipv4Addr;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde::de::IntoDeserializer;

use crate::{Error, Result, ServerId};

const ENDPOINT: &str = "http://169.254.169.254/hetzner/v1/metadata";
const TIMEOUT: Duration = Duration::from_secs(2);

/// The metadata service, which answers on servers only, and needs no token.
///
/// ```no_run
/// # async fn example() -> hcloud_api::Result<()> {
/// let metadata = hcloud_api::Metadata::new()?;
/// if metadata.is_there().await {
///     println!("server {} in {}", metadata.instance_id().await?, metadata.region().await?);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Metadata {
    http: reqwest::Client,
    endpoint: String,
}

impl Metadata {
    /// The service of the server that this runs on.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`].
    pub fn new() -> Result<Self> {
        Self::at(ENDPOINT)
    }

    /// A service elsewhere, such as one of a test.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`].
    pub fn at(endpoint: impl Into<String>) -> Result<Self> {
        let builder = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // The address means this very server.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        let builder = {
            use crate::tls::{Protocols, set_up};
            set_up(builder, Default::default(), &[], Protocols::Any)?
        };
        Ok(Self {
            http: builder.build().map_err(|source| Error::Setup { source })?,
            endpoint: endpoint.into(),
        })
    }

    /// Whether the service answers within two seconds: whether this is a server at Hetzner.
    pub async fn is_there(&self) -> bool {
        self.instance_id().await.is_ok()
    }

    /// The id of the server.
    pub async fn instance_id(&self) -> Result<ServerId> {
        let id = self.text("/instance-id").await?;
        let number = serde_json::from_str(&id);
        number.map_err(|source| misread("/instance-id", source))
    }

    /// The name that the server had when it last booted.
    pub async fn hostname(&self) -> Result<String> {
        self.text("/hostname").await
    }

    /// The public IPv4 address; `None` for a server without one.
    pub async fn public_ipv4(&self) -> Result<Option<Ipv4Addr>> {
        const PATH: &str = "/public-ipv4";
        match self.text(PATH).await {
            Ok(none) if none.is_empty() => Ok(None),
            Err(error) if error.status() == Some(crate::StatusCode::NOT_FOUND) => Ok(None),
            Ok(ip) => Ipv4Addr::deserialize(ip.into_deserializer())
                .map(Some)
                .map_err(|source| misread(PATH, source)),
            Err(error) => Err(error),
        }
    }

    /// The private networks that the server is attached to, as YAML.
    pub async fn private_networks(&self) -> Result<String> {
        self.text("/private-networks").await
    }

    /// The availability zone, such as `hel1-dc2`.
    pub async fn availability_zone(&self) -> Result<String> {
        self.text("/availability-zone").await
    }

    /// The network zone, such as `eu-central`.
    pub async fn region(&self) -> Result<String> {
        self.text("/region").await
    }

    async fn text(&self, path: &str) -> Result<String> {
        let unanswered = |error| Error::unanswered(Method::GET, path, error);
        let request = self.http.get(format!("{}{path}", self.endpoint));
        let answer = request.send().await.map_err(unanswered)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Error::Gateway {
                method: Method::GET,
                path: path.to_owned(),
                status,
                correlation_id: None,
            });
        }
        let text = answer.text().await.map_err(unanswered)?;
        Ok(text.trim_end().to_owned())
    }
}

fn misread(path: &str, source: serde_json::Error) -> Error {
    Error::Decode {
        method: Method::GET,
        path: path.to_owned(),
        correlation_id: None,
        source,
    }
}
