//! The client and its builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::attempt::OnAttempt;
use crate::delay::{OnDelay, Spell};
use crate::lenient::Mode;
use crate::rate_limit::Pacers;
use crate::request::Request;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
use crate::tls;
use crate::token::{Token, TokenSource};
use crate::{
    Actions, Attempt, BoxError, Certificates, Delay, Deviation, Error, Firewalls, FloatingIps,
    Images, Isos, LoadBalancerTypes, LoadBalancers, Locations, Networks, PlacementGroups,
    PrimaryIps, Quota, RateLimit, Result, RetryPolicy, ServerTypes, Servers, SshKeys,
    StorageBoxTypes, StorageBoxes, Volumes, Zones,
};

const CLOUD_ENDPOINT: &str = "https://api.hetzner.cloud/v1";
const STORAGE_BOX_ENDPOINT: &str = "https://api.hetzner.com/v1";

type OnDeviation = Arc<dyn Fn(&Deviation) + Send + Sync>;

const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client for one project of the Hetzner Cloud.
///
/// A clone is cheap and shares connections and the request budget: clone the client into each
/// task instead of building another.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) retry: RetryPolicy,
    pub(crate) call_timeout: Option<Duration>,
}

/// What all clones of a client share.
pub(crate) struct Shared {
    pub(crate) http: reqwest::Client,
    #[cfg(feature = "console")]
    pub(crate) setup: ClientBuilder,
    pub(crate) dry_run: bool,
    pub(crate) mode: Mode,
    pub(crate) on_deviation: Option<OnDeviation>,
    pub(crate) report_unknown: bool,
    pub(crate) on_delay: Option<OnDelay>,
    pub(crate) on_attempt: Option<OnAttempt>,
    pub(crate) token: Token,
    pub(crate) timeout: Duration,
    /// While the API does not respond.
    pub(crate) unresponsive: Spell,
    pub(crate) cloud: Url,
    pub(crate) storage_boxes: Url,
    pub(crate) pacers: Pacers,
    pub(crate) parallel_pages: usize,
    pub(crate) poll_interval: PollInterval,
}

/// The proxy that connections use.
#[derive(Clone)]
enum Proxy {
    /// That of the environment, with the feature `system-proxy`.
    System,
    None,
    At(SecretString),
}

/// The interval between polls of running actions, which grows from `initial` to `max`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PollInterval {
    pub(crate) initial: Duration,
    pub(crate) max: Duration,
}

impl Client {
    /// Creates a client with the default settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`] if the token is empty or not printable ASCII.
    pub fn new(token: impl Into<SecretString>) -> Result<Self> {
        Self::builder(token).build()
    }

    /// Returns a builder for a client with other settings.
    pub fn builder(token: impl Into<SecretString>) -> ClientBuilder {
        ClientBuilder::new(token.into())
    }

    /// Creates a client from the environment, as [`ClientBuilder::from_env`] does.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`] if neither variable with a token is set, or [`Error::TokenFile`].
    pub fn from_env() -> Result<Self> {
        ClientBuilder::from_env()?.build()
    }

    /// Replaces the token of this client and all its clones; returns whether it is another one.
    ///
    /// Requests that have been sent finish with the old one.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`] if the token is empty or not printable ASCII.
    pub fn set_token(&self, token: impl Into<SecretString>) -> Result<bool> {
        self.shared.token.set(&token.into())
    }

    /// Waits until the API rejects the token, if its [source](ClientBuilder::token_source) has no
    /// other one: it is invalid, or may not write.
    ///
    /// One rejection wakes one waiter, and is remembered while there is none.
    pub async fn token_rejected(&self) {
        self.shared.token.rejected().await;
    }

    /// Returns the rate limit of the project as the last response reported it; that of actions and
    /// storage boxes is counted separately.
    pub fn rate_limit(&self) -> RateLimit {
        self.shared.pacers.cloud().limit()
    }

    /// Returns how many requests each rate limit leaves now, without sending one.
    ///
    /// It is what the last responses reported, less the requests sent since, and refilled since:
    /// `None` before the first response.
    ///
    /// ```no_run
    /// # fn example(client: &hcloud_api::Client) {
    /// if client.quota().cloud.remaining.is_some_and(|left| left < 100) {
    ///     println!("other programs use this project's rate limit too");
    /// }
    /// # }
    /// ```
    pub fn quota(&self) -> Quota {
        self.shared.pacers.quota()
    }

    /// Returns the endpoint of the Cloud API.
    pub fn endpoint(&self) -> &str {
        self.shared.cloud.as_str()
    }

    /// Returns a clone with another retry policy.
    pub fn with_retry(&self, retry: RetryPolicy) -> Self {
        Self {
            retry,
            ..self.clone()
        }
    }

    /// Returns a clone whose requests end within `timeout`, with all retries and waits for the rate
    /// limit, or else with [`Error::CallTimeout`].
    ///
    /// Each page of a list is a request of its own. [`wait`](Client::wait) has a deadline of its
    /// own.
    ///
    /// ```no_run
    /// # async fn example(client: hcloud_api::Client) -> hcloud_api::Result<()> {
    /// use std::time::Duration;
    ///
    /// let servers = client.with_timeout(Duration::from_secs(3)).servers().find("web-1").await?;
    /// # Ok(()) }
    /// ```
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            call_timeout: Some(timeout),
            ..self.clone()
        }
    }

    /// Actions: operations that the API runs in the background.
    pub fn actions(&self) -> Actions<'_> {
        Actions(self)
    }

    /// Servers.
    pub fn servers(&self) -> Servers<'_> {
        Servers(self)
    }

    /// Images, from which the disks of servers are created.
    pub fn images(&self) -> Images<'_> {
        Images(self)
    }

    /// ISO images, from which servers can boot instead of their disks.
    pub fn isos(&self) -> Isos<'_> {
        Isos(self)
    }

    /// Primary IPs: public addresses of servers.
    pub fn primary_ips(&self) -> PrimaryIps<'_> {
        PrimaryIps(self)
    }

    /// Floating IPs: public addresses that can be moved between servers.
    pub fn floating_ips(&self) -> FloatingIps<'_> {
        FloatingIps(self)
    }

    /// Private networks.
    pub fn networks(&self) -> Networks<'_> {
        Networks(self)
    }

    /// Firewalls, which filter the public traffic of servers.
    pub fn firewalls(&self) -> Firewalls<'_> {
        Firewalls(self)
    }

    /// Volumes: block storage independent of a server's lifetime.
    pub fn volumes(&self) -> Volumes<'_> {
        Volumes(self)
    }

    /// Placement groups, which keep servers on different hosts.
    pub fn placement_groups(&self) -> PlacementGroups<'_> {
        PlacementGroups(self)
    }

    /// TLS certificates of load balancers.
    pub fn certificates(&self) -> Certificates<'_> {
        Certificates(self)
    }

    /// SSH keys, which are installed on new servers.
    pub fn ssh_keys(&self) -> SshKeys<'_> {
        SshKeys(self)
    }

    /// Server types.
    pub fn server_types(&self) -> ServerTypes<'_> {
        ServerTypes(self)
    }

    /// Load balancers.
    pub fn load_balancers(&self) -> LoadBalancers<'_> {
        LoadBalancers(self)
    }

    /// Load balancer types.
    pub fn load_balancer_types(&self) -> LoadBalancerTypes<'_> {
        LoadBalancerTypes(self)
    }

    /// DNS zones.
    pub fn zones(&self) -> Zones<'_> {
        Zones(self)
    }

    /// Storage boxes: network storage.
    pub fn storage_boxes(&self) -> StorageBoxes<'_> {
        StorageBoxes(self)
    }

    /// Storage box types.
    pub fn storage_box_types(&self) -> StorageBoxTypes<'_> {
        StorageBoxTypes(self)
    }

    /// Locations of data centers.
    pub fn locations(&self) -> Locations<'_> {
        Locations(self)
    }
}

/// Requests, for the resource modules.
///
/// A method of a resource names the verb, path, query, body, and the part of the response that it
/// returns:
///
/// ```text
/// self.0.post("/servers").json(server).whole().await                    // the whole body
/// self.0.get(format!("/zones/{zone}")).one().await                      // {"zone": …}
/// self.0.get(format!("/networks/{id}/members")).query(filter).list()    // {"members": […], "meta": …}
/// self.0.delete(format!("/zones/{zone}")).optional().await              // {"action": …} or nothing
/// self.0.get(format!("/servers/{id}/metrics")).query(q).field("metrics").await
/// ```
///
/// `one`, `optional` and `list` return a [`Resource`](crate::Resource), which has the name of its
/// field. Most calls are shorter still, see `crud.rs`.
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

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("endpoint", &self.endpoint)
            .field("storage_box_endpoint", &self.storage_box_endpoint)
            .field("user_agent", &self.user_agent)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
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

/// A builder for a [`Client`]; returned by [`Client::builder`].
#[derive(Clone)]
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
    poll_interval: PollInterval,
    dry_run: bool,
    mode: Mode,
    on_deviation: Option<OnDeviation>,
    report_unknown: bool,
    on_delay: Option<OnDelay>,
    on_attempt: Option<OnAttempt>,
    token_source: Option<TokenSource>,
    http: Option<reqwest::Client>,
    proxy: Proxy,
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    tls: tls::Backend,
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    root_certificates: Vec<Vec<u8>>,
}

impl ClientBuilder {
    fn new(token: SecretString) -> Self {
        Self {
            token,
            endpoint: CLOUD_ENDPOINT.to_owned(),
            storage_box_endpoint: STORAGE_BOX_ENDPOINT.to_owned(),
            user_agent: concat!("hcloud-api/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            retry: RetryPolicy::default(),
            parallel_pages: 32,
            poll_interval: PollInterval {
                initial: Duration::from_millis(250),
                max: Duration::from_secs(5),
            },
            dry_run: false,
            mode: Mode::Lenient,
            on_deviation: None,
            report_unknown: false,
            on_delay: None,
            on_attempt: None,
            token_source: None,
            http: None,
            proxy: Proxy::System,
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            tls: tls::Backend::default(),
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            root_certificates: Vec::new(),
        }
    }

    /// Returns a builder with what these variables of the environment have; empty ones count as
    /// absent.
    ///
    /// | variable | |
    /// | --- | --- |
    /// | `HCLOUD_TOKEN` | the token |
    /// | `HCLOUD_TOKEN_FILE` | otherwise, a file with the token, which is read again when the API rejects it |
    /// | `HCLOUD_ENDPOINT` | the [endpoint](Self::endpoint) of the Cloud API |
    /// | `HETZNER_ENDPOINT` | that of the [storage box API](Self::storage_box_endpoint) |
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`] if neither variable with a token is set, or [`Error::TokenFile`].
    pub fn from_env() -> Result<Self> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let mut builder = match (variable("HCLOUD_TOKEN"), variable("HCLOUD_TOKEN_FILE")) {
            (Some(token), _) => Self::new(token.into()),
            (None, Some(path)) => {
                let token = token_in(&path)?;
                Self::new(token).token_source(move || {
                    let token = token_in(&path).map_err(BoxError::from);
                    std::future::ready(token)
                })
            }
            (None, None) => return Err(Error::InvalidToken),
        };
        if let Some(endpoint) = variable("HCLOUD_ENDPOINT") {
            builder = builder.endpoint(endpoint);
        }
        if let Some(endpoint) = variable("HETZNER_ENDPOINT") {
            builder = builder.storage_box_endpoint(endpoint);
        }
        Ok(builder)
    }

    /// Sets the endpoint of the Cloud API, instead of `https://api.hetzner.cloud/v1`.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into();
        self
    }

    /// Sets the endpoint of the storage box API, instead of `https://api.hetzner.com/v1`.
    pub fn storage_box_endpoint(mut self, url: impl Into<String>) -> Self {
        self.storage_box_endpoint = url.into();
        self
    }

    /// Prepends your program's name and version to the `User-Agent`.
    pub fn user_agent(mut self, product: &str, version: &str) -> Self {
        self.user_agent = format!("{product}/{version} {}", self.user_agent);
        self
    }

    /// Sets the timeout of one attempt of a request; the default is 30 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the timeout for establishing a connection; the default is 10 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how failed requests are retried.
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

    /// Makes every response that differs from the documentation an error,
    /// [`Error::Decode`](crate::Error::Decode).
    ///
    /// By default, values that do not fit their field are treated as absent. Absent fields and
    /// unknown fields and enum values are never an error.
    pub fn strict(mut self, strict: bool) -> Self {
        self.mode = if strict { Mode::Strict } else { Mode::Lenient };
        self
    }

    /// Calls `observe` for each value that was ignored because it differs from the documentation,
    /// and for each documented field that an item of a list lacks although others have it.
    ///
    /// In addition, each such response is logged as a warning. With an observer, lists are decoded
    /// a second time to find missing fields.
    pub fn on_deviation(mut self, observe: impl Fn(&Deviation) + Send + Sync + 'static) -> Self {
        self.on_deviation = Some(Arc::new(observe));
        self
    }

    /// Reports also what responses have beyond this version of the crate: fields and values of enums
    /// that it does not know, and documented fields that are missing anywhere.
    ///
    /// Reports have the path without the value, see [`DeviationKind`](crate::DeviationKind). Each
    /// response is decoded twice.
    pub fn report_unknown(mut self, report: bool) -> Self {
        self.report_unknown = report;
        self
    }

    /// Calls `observe` when requests begin to take long: once while the rate limit is reached, and
    /// once while the API does not respond.
    ///
    /// Beginning and end are logged in addition.
    pub fn on_delay(mut self, observe: impl Fn(&Delay) + Send + Sync + 'static) -> Self {
        self.on_delay = Some(Arc::new(observe));
        self
    }

    /// Calls `observe` after each attempt of a request, for metrics and logs of your own.
    ///
    /// It is called by the task that sends the request, so it should return quickly. With the feature
    /// `metrics`, attempts are recorded without it.
    ///
    /// ```
    /// # fn example() -> hcloud_api::Result<()> {
    /// use hcloud_api::Client;
    ///
    /// let client = Client::builder("token")
    ///     .on_attempt(|attempt| {
    ///         println!("{} {} {:?}", attempt.method, attempt.route(), attempt.took);
    ///     })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_attempt(mut self, observe: impl Fn(&Attempt<'_>) + Send + Sync + 'static) -> Self {
        self.on_attempt = Some(Arc::new(observe));
        self
    }

    /// Reads the token again when the API rejects it, with 401 or `token_readonly`.
    ///
    /// If `read` returns another token, it replaces the old one and the request is sent once more;
    /// a rejected request had no effect. Concurrent requests read it once. If `read` fails, that is
    /// logged, and the request fails with the API's error.
    ///
    /// ```
    /// # fn example() -> hcloud_api::Result<()> {
    /// use hcloud_api::Client;
    ///
    /// let read = || std::fs::read_to_string("/run/secrets/token").unwrap_or_default();
    /// let client = Client::builder(read().trim())
    ///     .token_source(move || async move { Ok(read().trim().into()) })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn token_source<F>(mut self, read: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<SecretString, BoxError>> + Send + 'static,
    {
        self.token_source = Some(Arc::new(move || Box::pin(read())));
        self
    }

    /// Sets how many pages of one list are fetched concurrently; the default is 32.
    pub fn parallel_pages(mut self, pages: usize) -> Self {
        self.parallel_pages = pages.max(1);
        self
    }

    /// Sets the interval between polls of running actions, which grows from `initial` to `max`;
    /// the defaults are 0.25 and 5 seconds.
    pub fn poll_interval(mut self, initial: Duration, max: Duration) -> Self {
        self.poll_interval = PollInterval { initial, max };
        self
    }

    /// Sends all requests by a client of your own: with its proxies, TLS, user agent and pool of
    /// connections, instead of those that this builder sets.
    ///
    /// It should follow no redirects, as the API never redirects. For [consoles], it must not use
    /// HTTP/2. Its version is that of [`hcloud_api::reqwest`](crate::reqwest).
    ///
    /// ```
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use hcloud_api::{Client, reqwest};
    ///
    /// let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    /// let client = Client::builder("token").http(http.build()?).build()?;
    /// # Ok(()) }
    /// ```
    ///
    /// [consoles]: crate::Client#method.open_console
    pub fn http(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// Connects through the proxy at a URL, such as `http://proxy.example:3128` or
    /// `socks5h://user:password@127.0.0.1:1080`, instead of that of the environment.
    ///
    /// With `socks5h` the proxy resolves host names, with `socks5` this program does.
    pub fn proxy(mut self, url: impl Into<SecretString>) -> Self {
        self.proxy = Proxy::At(url.into());
        self
    }

    /// Ignores the proxy settings of the environment.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = Proxy::None;
        self
    }

    /// Trusts these root certificates (PEM, one or more) in addition to the built-in ones, for
    /// proxies that inspect TLS.
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Uses the operating system's TLS library and the root certificates that it trusts.
    ///
    /// This is the default if the feature `rustls` is off.
    #[cfg(feature = "native-tls")]
    pub fn native_tls(mut self) -> Self {
        self.tls = tls::Backend::Native;
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`], [`Error::InvalidEndpoint`], [`Error::InvalidProxy`],
    /// [`Error::InvalidRootCertificate`] or [`Error::Setup`].
    pub fn build(self) -> Result<Client> {
        Ok(Client {
            shared: Arc::new(Shared {
                http: self.http_to_api()?,
                #[cfg(feature = "console")]
                setup: self.clone(),
                dry_run: self.dry_run,
                mode: self.mode,
                on_deviation: self.on_deviation.clone(),
                report_unknown: self.report_unknown,
                on_delay: self.on_delay.clone(),
                on_attempt: self.on_attempt.clone(),
                token: Token::new(&self.token, self.token_source.clone())?,
                timeout: self.timeout,
                unresponsive: Spell::default(),
                cloud: endpoint(&self.endpoint)?,
                storage_boxes: endpoint(&self.storage_box_endpoint)?,
                pacers: Pacers::default(),
                parallel_pages: self.parallel_pages,
                poll_interval: self.poll_interval,
            }),
            retry: self.retry,
            call_timeout: None,
        })
    }

    /// Returns the HTTP client for the API.
    fn http_to_api(&self) -> Result<reqwest::Client> {
        if let Some(http) = &self.http {
            return Ok(http.clone());
        }
        let builder = self
            .connections()?
            .pool_max_idle_per_host(self.parallel_pages)
            // The API closes idle connections. Closing them first avoids that this happens during
            // a POST, which must not be retried.
            .pool_idle_timeout(IDLE_TIMEOUT);
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        let builder = self.with_tls(builder, tls::Protocols::Any)?;
        builder.build().map_err(Error::setup)
    }

    /// Returns the HTTP client for consoles, which does not send the token.
    #[cfg(feature = "console")]
    pub(crate) fn http_to_consoles(&self) -> Result<reqwest::Client> {
        if let Some(http) = &self.http {
            return Ok(http.clone());
        }
        let builder = self.connections()?;
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        let builder = self.with_tls(builder, tls::Protocols::Http1)?;
        builder.build().map_err(Error::setup)
    }

    /// Returns the settings that all connections share.
    fn connections(&self) -> Result<reqwest::ClientBuilder> {
        let builder = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(self.connect_timeout)
            // The API never redirects; following one could leak the token.
            .redirect(reqwest::redirect::Policy::none());
        Ok(match &self.proxy {
            Proxy::System => builder,
            Proxy::None => builder.no_proxy(),
            Proxy::At(url) => builder.proxy(proxy(url.expose_secret())?),
        })
    }

    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    fn with_tls(
        &self,
        builder: reqwest::ClientBuilder,
        protocols: tls::Protocols,
    ) -> Result<reqwest::ClientBuilder> {
        tls::set_up(builder, self.tls, &self.root_certificates, protocols)
    }
}

/// Reads the token in a file.
fn token_in(path: &str) -> Result<SecretString> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().into()),
        Err(source) => Err(Error::TokenFile {
            path: path.to_owned(),
            source,
        }),
    }
}

fn proxy(url: &str) -> Result<reqwest::Proxy> {
    let invalid = || {
        // Without the password.
        let shown = Url::parse(url).map(|mut url| {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        });
        let proxy = shown.unwrap_or_default();
        Error::InvalidProxy { proxy }
    };
    let schemes = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
    let parsed = Url::parse(url).ok().filter(Url::has_host);
    let parsed = parsed.filter(|url| schemes.contains(&url.scheme()));
    reqwest::Proxy::all(parsed.ok_or_else(invalid)?).map_err(|_| invalid())
}

fn endpoint(endpoint: &str) -> Result<Url> {
    Url::parse(endpoint.trim_end_matches('/'))
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| Error::InvalidEndpoint {
            endpoint: endpoint.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn from_env(variables: &[(&str, &str)]) -> Result<Client> {
        let variables = HashMap::<&str, &str>::from_iter(variables.iter().copied());
        let variable = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        ClientBuilder::from_variables(variable)?.build()
    }

    #[test]
    fn endpoints_are_those_of_the_environment() {
        let client = from_env(&[
            ("HCLOUD_TOKEN", "token"),
            ("HCLOUD_ENDPOINT", "http://127.0.0.1:1/v1"),
            ("HETZNER_ENDPOINT", "http://127.0.0.1:2/v1"),
        ]);

        let client = client.unwrap();
        assert_eq!(client.endpoint(), "http://127.0.0.1:1/v1");
        let storage_boxes = client.shared.storage_boxes.as_str();
        assert_eq!(storage_boxes, "http://127.0.0.1:2/v1");
    }

    #[test]
    fn empty_variables_count_as_absent() {
        let client = from_env(&[("HCLOUD_TOKEN", "token"), ("HCLOUD_ENDPOINT", "")]);

        assert_eq!(client.unwrap().endpoint(), CLOUD_ENDPOINT);
        for variables in [&[][..], &[("HCLOUD_TOKEN", ""), ("HCLOUD_TOKEN_FILE", "")]] {
            let error = from_env(variables).unwrap_err();
            assert!(matches!(error, Error::InvalidToken), "{error:?}");
        }
    }

    #[test]
    fn a_token_file_that_cannot_be_read_is_named() {
        let error = from_env(&[("HCLOUD_TOKEN_FILE", "/nonexistent/token")]).unwrap_err();

        let message = error.to_string();
        assert_eq!(message, "token file \"/nonexistent/token\" cannot be read");
    }
}
