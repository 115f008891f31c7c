//! The metadata service, which gives a server information about itself.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#description/server-metadata>

use std::net::Ipv4Addr;
use std::time::Duration;

use http::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IntoDeserializer;

use crate::{Error, Result, ServerId};

const ENDPOINT: &str = "http://169.254.169.254/hetzner/v1/metadata";
const TIMEOUT: Duration = Duration::from_secs(2);

/// The metadata service, which is reachable only from servers and requires no token.
///
/// ```no_run
/// # async fn example() -> hcloud_api::Result<()> {
/// let metadata = hcloud_api::Metadata::new()?;
/// if metadata.is_available().await {
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
    /// Creates a client for the service of the server that the program runs on.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`].
    pub fn new() -> Result<Self> {
        Self::at(ENDPOINT)
    }

    /// Creates a client for another endpoint, such as that of a test.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`].
    pub fn at(endpoint: impl Into<String>) -> Result<Self> {
        let builder = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // The address is link-local.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        let builder = {
            use crate::tls::{Protocols, set_up};
            set_up(builder, Default::default(), &[], Protocols::Any)?
        };
        Ok(Self {
            http: builder.build().map_err(Error::setup)?,
            endpoint: endpoint.into(),
        })
    }

    /// Returns whether the service responds within two seconds, so whether the program runs on a
    /// server at Hetzner.
    pub async fn is_available(&self) -> bool {
        self.instance_id().await.is_ok()
    }

    /// Returns everything that the service knows in one document, as YAML.
    pub async fn summary(&self) -> Result<String> {
        self.get("").await
    }

    /// Returns the user data, the cloud-init configuration of the server; `None` if it has none.
    pub async fn user_data(&self) -> Result<Option<SecretString>> {
        let version = self.endpoint.strip_suffix("/metadata");
        let version = version.unwrap_or(&self.endpoint);
        match self.read(format!("{version}/userdata"), "/userdata").await {
            Ok(data) => Ok(Some(data).filter(|data| !data.is_empty()).map(Into::into)),
            Err(error) if error.status() == Some(crate::StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the id of the server.
    pub async fn instance_id(&self) -> Result<ServerId> {
        const PATH: &str = "/instance-id";
        let id = self.get(PATH).await?;
        serde_json::from_str(&id).map_err(|source| decode_error(PATH, source))
    }

    /// Returns the name that the server had at its last boot.
    pub async fn hostname(&self) -> Result<String> {
        self.get("/hostname").await
    }

    /// Returns the public IPv4 address; `None` if the server has none.
    pub async fn public_ipv4(&self) -> Result<Option<Ipv4Addr>> {
        const PATH: &str = "/public-ipv4";
        match self.get(PATH).await {
            Ok(ip) if ip.is_empty() => Ok(None),
            Err(error) if error.status() == Some(crate::StatusCode::NOT_FOUND) => Ok(None),
            Ok(ip) => Ipv4Addr::deserialize(ip.into_deserializer())
                .map(Some)
                .map_err(|source| decode_error(PATH, source)),
            Err(error) => Err(error),
        }
    }

    /// Returns the private networks that the server is attached to, as YAML.
    pub async fn private_networks(&self) -> Result<String> {
        self.get("/private-networks").await
    }

    /// Returns the availability zone, such as `hel1-dc2`.
    pub async fn availability_zone(&self) -> Result<String> {
        self.get("/availability-zone").await
    }

    /// Returns the network zone, such as `eu-central`.
    pub async fn region(&self) -> Result<String> {
        self.get("/region").await
    }

    async fn get(&self, path: &str) -> Result<String> {
        let text = self.read(format!("{}{path}", self.endpoint), path).await?;
        Ok(text.trim_end().to_owned())
    }

    async fn read(&self, url: String, path: &str) -> Result<String> {
        let failed = |error| Error::transport(Method::GET, path, error);
        let response = self.http.get(url).send().await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(Error::Gateway {
                method: Method::GET,
                path: path.to_owned(),
                status,
                correlation_id: None,
            });
        }
        response.text().await.map_err(failed)
    }
}

fn decode_error(path: &str, source: serde_json::Error) -> Error {
    Error::Decode {
        method: Method::GET,
        path: path.to_owned(),
        field: String::new(),
        salvage: None,
        correlation_id: None,
        source,
    }
}
