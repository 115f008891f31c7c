//! The client, and how it is set up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::rate_limit::Pacers;
use crate::request::Request;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
use crate::tls;
use crate::{
    Actions, Certificates, Error, Firewalls, FloatingIps, Images, Isos, LoadBalancerTypes,
    LoadBalancers, Locations, Networks, PlacementGroups, PrimaryIps, Result, RetryPolicy,
    ServerTypes, Servers, SshKeys, StorageBoxTypes, StorageBoxes, Volumes, Zones,
};

const ENDPOINT: &str = "https://api.hetzner.cloud/v1";
const STORAGE_BOX_ENDPOINT: &str = "https://api.hetzner.com/v1";

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Access to one project of the Hetzner Cloud.
///
/// A clone is cheap and shares connections and the request budget: clone it into every task
/// rather than making another.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) retry: RetryPolicy,
}

/// What all clones of a client share.
pub(crate) struct Shared {
    pub(crate) http: reqwest::Client,
    #[cfg(feature = "console")]
    pub(crate) setup: ClientBuilder,
    pub(crate) dry_run: bool,
    pub(crate) cloud: Url,
    pub(crate) storage_boxes: Url,
    pub(crate) pacers: Pacers,
    pub(crate) parallel_pages: usize,
    pub(crate) poll: Poll,
}

/// How often actions are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Poll {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Client {
    /// A client with the usual settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`] if the token cannot be a token.
    pub fn new(token: impl Into<SecretString>) -> Result<Self> {
        Self::builder(token).build()
    }

    /// Starts a client with settings of your own.
    pub fn builder(token: impl Into<SecretString>) -> ClientBuilder {
        ClientBuilder::new(token.into())
    }

    /// A client for the token in `HCLOUD_TOKEN` and, if it is set, the endpoint in
    /// `HCLOUD_ENDPOINT`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`] if `HCLOUD_TOKEN` is not set.
    pub fn from_env() -> Result<Self> {
        let token = std::env::var("HCLOUD_TOKEN").map_err(|_| Error::InvalidToken)?;
        let builder = Self::builder(token);
        match std::env::var("HCLOUD_ENDPOINT") {
            Ok(endpoint) if !endpoint.is_empty() => builder.endpoint(endpoint).build(),
            _ => builder.build(),
        }
    }

    /// The same client with another retry policy.
    pub fn with_retry(&self, retry: RetryPolicy) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            retry,
        }
    }

    /// Actions: what the API does in the background.
    pub fn actions(&self) -> Actions<'_> {
        Actions(self)
    }

    /// Servers.
    pub fn servers(&self) -> Servers<'_> {
        Servers(self)
    }

    /// What the disks of new servers are filled with.
    pub fn images(&self) -> Images<'_> {
        Images(self)
    }

    /// What servers can boot from instead of their disks.
    pub fn isos(&self) -> Isos<'_> {
        Isos(self)
    }

    /// Public addresses of servers.
    pub fn primary_ips(&self) -> PrimaryIps<'_> {
        PrimaryIps(self)
    }

    /// Public addresses that move from server to server.
    pub fn floating_ips(&self) -> FloatingIps<'_> {
        FloatingIps(self)
    }

    /// Private connections between servers.
    pub fn networks(&self) -> Networks<'_> {
        Networks(self)
    }

    /// Which public traffic reaches servers.
    pub fn firewalls(&self) -> Firewalls<'_> {
        Firewalls(self)
    }

    /// Block storage that outlives servers.
    pub fn volumes(&self) -> Volumes<'_> {
        Volumes(self)
    }

    /// Servers that must not share a host.
    pub fn placement_groups(&self) -> PlacementGroups<'_> {
        PlacementGroups(self)
    }

    /// What load balancers show to browsers.
    pub fn certificates(&self) -> Certificates<'_> {
        Certificates(self)
    }

    /// Public keys for new servers.
    pub fn ssh_keys(&self) -> SshKeys<'_> {
        SshKeys(self)
    }

    /// How big servers can be.
    pub fn server_types(&self) -> ServerTypes<'_> {
        ServerTypes(self)
    }

    /// One address in front of many targets.
    pub fn load_balancers(&self) -> LoadBalancers<'_> {
        LoadBalancers(self)
    }

    /// How much load balancers can take.
    pub fn load_balancer_types(&self) -> LoadBalancerTypes<'_> {
        LoadBalancerTypes(self)
    }

    /// The domains that Hetzner's name servers answer for.
    pub fn zones(&self) -> Zones<'_> {
        Zones(self)
    }

    /// Network storage.
    pub fn storage_boxes(&self) -> StorageBoxes<'_> {
        StorageBoxes(self)
    }

    /// How much storage boxes can hold.
    pub fn storage_box_types(&self) -> StorageBoxTypes<'_> {
        StorageBoxTypes(self)
    }

    /// Where servers can be.
    pub fn locations(&self) -> Locations<'_> {
        Locations(self)
    }
}

/// Requests, for the resource modules.
///
/// A method of a resource says verb, path, query, body, and which part of the answer it wants:
///
/// ```text
/// self.0.get(format!("/servers/{id}")).one().await                      // {"server": …}
/// self.0.get("/servers").query(filter).list()                           // {"servers": […], "meta": …}
/// self.0.put(format!("/servers/{id}")).json(change).one().await
/// self.0.post(format!("/servers/{id}/actions/poweron")).one().await     // {"action": …}
/// self.0.post("/servers").json(new).whole().await                       // the whole body
/// self.0.delete(format!("/servers/{id}")).optional().await              // {"action": …} or nothing
/// self.0.get(format!("/servers/{id}/metrics")).query(q).field("metrics").await
/// ```
///
/// What `one`, `optional` and `list` return is a [`Resource`](crate::Resource), which knows the
/// name of its field.
impl Client {
    pub(crate) fn get(&self, path: impl Into<String>) -> Request {
        Request::new(self, Method::GET, path.into())
    }

    pub(crate) fn post(&self, path: impl Into<String>) -> Request {
        Request::new(self, Method::POST, path.into())
    }

    pub(crate) fn put(&self, path: impl Into<String>) -> Request {
        Request::new(self, Method::PUT, path.into())
    }

    pub(crate) fn delete(&self, path: impl Into<String>) -> Request {
        Request::new(self, Method::DELETE, path.into())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.shared.cloud.as_str())
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// A client being set up; made by [`Client::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    token: SecretString,
    endpoint: String,
    storage_box_endpoint: String,
    user_agent: String,
    timeout: Duration,
    connect_timeout: Duration,
    retry: RetryPolicy,
    parallel_pages: usize,
    poll: Poll,
    dry_run: bool,
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    tls: tls::Backend,
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    root_certificates: Vec<Vec<u8>>,
}

impl ClientBuilder {
    fn new(token: SecretString) -> Self {
        Self {
            token,
            endpoint: ENDPOINT.to_owned(),
            storage_box_endpoint: STORAGE_BOX_ENDPOINT.to_owned(),
            user_agent: concat!("hcloud-api/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            retry: RetryPolicy::default(),
            parallel_pages: 32,
            poll: Poll {
                first: Duration::from_millis(250),
                longest: Duration::from_secs(5),
            },
            dry_run: false,
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            tls: tls::Backend::default(),
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            root_certificates: Vec::new(),
        }
    }

    /// Where the Cloud API is, instead of `https://api.hetzner.cloud/v1`.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into();
        self
    }

    /// Where the storage box API is, instead of `https://api.hetzner.com/v1`.
    pub fn storage_box_endpoint(mut self, url: impl Into<String>) -> Self {
        self.storage_box_endpoint = url.into();
        self
    }

    /// Names your program to Hetzner, before this library.
    pub fn user_agent(mut self, product: &str, version: &str) -> Self {
        self.user_agent = format!("{product}/{version} {}", self.user_agent);
        self
    }

    /// How long one attempt of a request may take, 30 seconds unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long making a connection may take, 10 seconds unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How requests that failed are repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Makes a dry run: requests that could change something are not sent but return
    /// [`Error::DryRun`](crate::Error::DryRun) with what would have been sent.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// How many pages of one list are fetched side by side, 32 unless set.
    pub fn parallel_pages(mut self, pages: usize) -> Self {
        self.parallel_pages = pages.max(1);
        self
    }

    /// The pauses between looks at running actions: the first, from which they grow, and the
    /// longest. 0.25 and 5 seconds unless set.
    pub fn poll_interval(mut self, first: Duration, longest: Duration) -> Self {
        self.poll = Poll { first, longest };
        self
    }

    /// Trusts these root certificates (PEM, one or more) too, for proxies that inspect TLS.
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Has the operating system's library do HTTPS, with the root certificates that it trusts.
    ///
    /// Without the feature `rustls` that is so anyway.
    #[cfg(feature = "native-tls")]
    pub fn native_tls(mut self) -> Self {
        self.tls = tls::Backend::Native;
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`], [`Error::InvalidEndpoint`], [`Error::InvalidRootCertificate`] or
    /// [`Error::Setup`].
    pub fn build(self) -> Result<Client> {
        Ok(Client {
            shared: Arc::new(Shared {
                http: self.http()?,
                #[cfg(feature = "console")]
                setup: self.clone(),
                dry_run: self.dry_run,
                cloud: endpoint(&self.endpoint)?,
                storage_boxes: endpoint(&self.storage_box_endpoint)?,
                pacers: Pacers::default(),
                parallel_pages: self.parallel_pages,
                poll: self.poll,
            }),
            retry: self.retry,
        })
    }

    /// Speaks HTTP to the API.
    fn http(&self) -> Result<reqwest::Client> {
        let builder = self
            .connections()
            .default_headers(HeaderMap::from_iter([(
                AUTHORIZATION,
                authorization(&self.token)?,
            )]))
            .pool_max_idle_per_host(self.parallel_pages)
            // The API hangs up on idle connections; doing so first keeps it from happening under
            // a POST, which could not be sent again.
            .pool_idle_timeout(IDLE);
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        let builder = self.encrypted(builder, tls::Protocols::Any)?;
        builder.build().map_err(|source| Error::Setup { source })
    }

    /// Speaks HTTP to consoles, which are not shown the token.
    #[cfg(feature = "console")]
    pub(crate) fn http_to_consoles(&self) -> Result<reqwest::Client> {
        let builder = self.connections();
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        let builder = self.encrypted(builder, tls::Protocols::Http1)?;
        builder.build().map_err(|source| Error::Setup { source })
    }

    /// What holds for connections of all kinds.
    fn connections(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .timeout(self.timeout)
            .connect_timeout(self.connect_timeout)
            // The API never redirects; whatever does shall not get the token.
            .redirect(reqwest::redirect::Policy::none())
    }

    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    fn encrypted(
        &self,
        builder: reqwest::ClientBuilder,
        protocols: tls::Protocols,
    ) -> Result<reqwest::ClientBuilder> {
        tls::set_up(builder, self.tls, &self.root_certificates, protocols)
    }
}

fn authorization(token: &SecretString) -> Result<HeaderValue> {
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::InvalidToken);
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| Error::InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}

fn endpoint(text: &str) -> Result<Url> {
    Url::parse(text.trim_end_matches('/'))
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| Error::InvalidEndpoint {
            endpoint: text.to_owned(),
        })
}
