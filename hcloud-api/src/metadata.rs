//! The metadata service, which gives a server information about itself.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#description/server-metadata>

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde_with::serde_as;

use crate::number::Integer;
use crate::{Error, NetworkId, Result, ServerId};

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

    /// Returns the private networks that the server is attached to, as YAML; see
    /// [`networks`](Self::networks).
    pub async fn private_networks(&self) -> Result<String> {
        self.get("/private-networks").await
    }

    /// Returns the private networks that the server is attached to.
    ///
    /// ```no_run
    /// # async fn example(metadata: &hcloud_api::Metadata) -> hcloud_api::Result<()> {
    /// for network in metadata.networks().await? {
    ///     println!("{} {:?} {:?}", network.name, network.ip, network.mac_address);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] if the document does not have the documented form.
    pub async fn networks(&self) -> Result<Vec<MetadataNetwork>> {
        let yaml = self.private_networks().await?;
        let networks = networks::parse(&yaml)
            .and_then(|networks| networks.into_iter().map(serde_json::from_value).collect());
        networks.map_err(|source| decode_error("/private-networks", source))
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
                message: None,
                retry_after: None,
                salvage: None,
                correlation_id: None,
            });
        }
        response.text().await.map_err(failed)
    }
}

/// A private network, as the metadata service describes it; returned by [`Metadata::networks`].
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MetadataNetwork {
    /// The network.
    #[serde(rename = "network_id")]
    pub id: Option<NetworkId>,
    /// The name of the network.
    #[serde(rename = "network_name")]
    pub name: String,
    /// The range of the network, such as `10.0.0.0/8`.
    #[serde(rename = "network")]
    pub ip_range: String,
    /// The range of the subnet, such as `10.0.1.0/24`.
    pub subnet: String,
    /// The gateway.
    pub gateway: Option<IpAddr>,
    /// The server's address in it.
    pub ip: Option<IpAddr>,
    /// Further addresses of the server in it.
    pub alias_ips: Vec<IpAddr>,
    /// The number of the interface, from 1.
    #[serde(rename = "interface_num")]
    #[serde_as(as = "Option<Integer>")]
    pub interface: Option<u32>,
    /// The MAC address of the interface, such as `86:00:ff:2a:7d:e1`.
    pub mac_address: Option<String>,
}

/// The part of YAML that the document of private networks uses: a list of maps, whose values are
/// strings or lists of strings.
mod networks {
    use serde::de::Error as _;
    use serde_json::{Error, Map, Value};

    pub(super) fn parse(yaml: &str) -> Result<Vec<Value>, Error> {
        let mut networks: Vec<Map<String, Value>> = Vec::new();
        // The field whose items follow.
        let mut list = None;
        for line in yaml.lines().map(str::trim_end) {
            let content = line.trim_start();
            if matches!(content, "" | "---" | "[]") || content.starts_with('#') {
                continue;
            }
            let (is_item, content) = match content.strip_prefix('-') {
                Some(item) => (true, item.trim()),
                None => (false, content),
            };
            // Addresses of version 6 have colons, but not followed by spaces.
            let field = content.split_once(": ");
            let field = field.or_else(|| Some((content.strip_suffix(':')?, "")));
            if is_item && content.is_empty() {
                networks.push(Map::new());
                list = None;
                continue;
            }
            match (field, networks.last_mut(), &list) {
                (Some(field), _, _) if is_item => {
                    networks.push(Map::new());
                    list = set(networks.last_mut(), field);
                }
                (Some(field), network @ Some(_), _) => list = set(network, field),
                (None, Some(network), Some(name)) if is_item => {
                    if let Some(Value::Array(items)) = network.get_mut(name) {
                        items.push(scalar(content));
                    }
                }
                _ => return Err(Error::custom("not a list of networks")),
            }
        }
        Ok(networks.into_iter().map(Value::Object).collect())
    }

    /// Sets a field; returns its name if it is a list whose items may follow.
    fn set(network: Option<&mut Map<String, Value>>, field: (&str, &str)) -> Option<String> {
        let (name, value) = (field.0.trim().to_owned(), field.1.trim());
        let items = value.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let is_open = value.is_empty() && name == "alias_ips";
        let value = match items {
            Some(items) => items
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(scalar)
                .collect(),
            None if is_open => Value::Array(Vec::new()),
            None if matches!(value, "" | "null" | "~") => Value::Null,
            None => scalar(value),
        };
        // A null is the same as nothing.
        let network = network.filter(|_| !value.is_null());
        network.map(|network| network.insert(name.clone(), value));
        Some(name).filter(|_| is_open)
    }

    fn scalar(text: &str) -> Value {
        text.trim_matches(['"', '\'']).into()
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
