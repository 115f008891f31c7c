//! Load balancers: one address in front of many targets.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#load-balancers>

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use crate::dns_ptr::ChangeDnsPtr;
use crate::number::Integer;
use crate::request::Request;
use crate::wrapped::{InId, InIp, InSelector};
use crate::{
    Action, CertificateId, ChangeProtection, Client, IdOrName, KindActions, LabelSelector, Labels,
    Listing, LoadBalancerId, LoadBalancerType, LoadBalancerTypeId, Location, LocationId, Metrics,
    MetricsQuery, NetworkId, Patch, PrimaryIpId, Protection, ResourceActions, Result, ServerId,
    Sort,
};

/// The load balancers of one project; made by [`Client::load_balancers`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use hcloud_api::{AddTarget, CreateLoadBalancer, LabelSelector, LoadBalancerService};
///
/// let web: LabelSelector = "role=web".parse()?;
/// let front = CreateLoadBalancer {
///     services: vec![LoadBalancerService::http(80, 8080)],
///     targets: vec![AddTarget::publicly(web)],
///     ..CreateLoadBalancer::in_location("front", "lb11", "fsn1")
/// };
/// let created = client.load_balancers().create(&front).await?;
/// client.wait([created.action]).await?;
///
/// let front = client.load_balancers().get(created.load_balancer.id).await?;
/// println!("healthy: {}", front.is_healthy());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LoadBalancers<'a>(pub(crate) &'a Client);

impl<'a> LoadBalancers<'a> {
    /// Lists the load balancers that match `filter`.
    pub fn list(self, filter: &ListLoadBalancers) -> Listing<LoadBalancer> {
        self.0.get("/load_balancers").query(filter).list()
    }

    /// Finds the load balancer with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<LoadBalancer>> {
        self.0.find(name).await
    }

    /// Finds a load balancer by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<LoadBalancerId>) -> Result<Option<LoadBalancer>> {
        self.0.resolve(key).await
    }

    /// Gets one load balancer, with the health of its targets.
    pub async fn get(self, id: LoadBalancerId) -> Result<LoadBalancer> {
        self.0.get(format!("/load_balancers/{id}")).one().await
    }

    /// Creates a load balancer, which costs money from now on.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::SourcePortAlreadyUsed`](crate::ErrorCode::SourcePortAlreadyUsed) if two
    /// services listen on one port,
    /// [`ErrorCode::LoadBalancerNotAttachedToNetwork`](crate::ErrorCode::LoadBalancerNotAttachedToNetwork)
    /// if a target is to be reached privately and [`CreateLoadBalancer::network`] is not set.
    pub async fn create(self, load_balancer: &CreateLoadBalancer) -> Result<LoadBalancerCreated> {
        let request = self.0.post("/load_balancers").json(load_balancer);
        request.whole().await
    }

    /// Renames a load balancer or replaces its labels.
    pub async fn update(
        self,
        id: LoadBalancerId,
        change: &UpdateLoadBalancer,
    ) -> Result<LoadBalancer> {
        let request = self.0.put(format!("/load_balancers/{id}"));
        request.json(change).one().await
    }

    /// Deletes a load balancer; its targets stay.
    pub async fn delete(self, id: LoadBalancerId) -> Result<Option<Action>> {
        let request = self.0.delete(format!("/load_balancers/{id}"));
        request.optional().await
    }

    /// Listens on one more port.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::SourcePortAlreadyUsed`](crate::ErrorCode::SourcePortAlreadyUsed) if another
    /// service listens on the port.
    pub async fn add_service(
        self,
        id: LoadBalancerId,
        service: &LoadBalancerService,
    ) -> Result<Action> {
        self.act(id, "add_service").json(service).one().await
    }

    /// Changes the service that listens on [`UpdateService::listen_port`].
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client, id: hcloud_api::LoadBalancerId)
    /// # -> hcloud_api::Result<()> {
    /// use hcloud_api::{UpdateHealthCheck, UpdateService};
    ///
    /// let patient = UpdateService {
    ///     health_check: Some(UpdateHealthCheck { retries: Some(5), ..Default::default() }),
    ///     ..UpdateService::new(443)
    /// };
    /// client.load_balancers().update_service(id, &patient).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn update_service(
        self,
        id: LoadBalancerId,
        change: &UpdateService,
    ) -> Result<Action> {
        self.act(id, "update_service").json(change).one().await
    }

    /// Listens on a port no longer.
    pub async fn delete_service(self, id: LoadBalancerId, listen_port: u16) -> Result<Action> {
        self.act(id, "delete_service")
            .json(&DeleteService { listen_port })
            .one()
            .await
    }

    /// Sends traffic to one more target.
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client, id: hcloud_api::LoadBalancerId)
    /// # -> hcloud_api::Result<()> {
    /// use hcloud_api::{AddTarget, ServerId};
    ///
    /// let target = AddTarget::privately(ServerId::new(42));
    /// client.load_balancers().add_target(id, &target).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorCode::TargetAlreadyDefined`](crate::ErrorCode::TargetAlreadyDefined) if it is one
    /// already.
    pub async fn add_target(self, id: LoadBalancerId, target: &AddTarget) -> Result<Action> {
        self.act(id, "add_target").json(target).one().await
    }

    /// Sends traffic to a target no longer.
    pub async fn remove_target(self, id: LoadBalancerId, target: &Target) -> Result<Action> {
        self.act(id, "remove_target").json(target).one().await
    }

    /// Changes how the target of a connection is chosen.
    pub async fn change_algorithm(
        self,
        id: LoadBalancerId,
        algorithm: &LoadBalancerAlgorithm,
    ) -> Result<Action> {
        self.act(id, "change_algorithm").json(algorithm).one().await
    }

    /// Moves a load balancer to another type, while it works.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidLoadBalancerType`](crate::ErrorCode::InvalidLoadBalancerType) if the
    /// load balancer has more services or targets than the type allows.
    pub async fn change_type(
        self,
        id: LoadBalancerId,
        load_balancer_type: impl Into<IdOrName<LoadBalancerTypeId>>,
    ) -> Result<Action> {
        let load_balancer_type = load_balancer_type.into();
        self.act(id, "change_type")
            .json(&ChangeType { load_balancer_type })
            .one()
            .await
    }

    /// Attaches a load balancer to a private network; it can be in one.
    pub async fn attach_to_network(
        self,
        id: LoadBalancerId,
        attach: &AttachLoadBalancerToNetwork,
    ) -> Result<Action> {
        self.act(id, "attach_to_network").json(attach).one().await
    }

    /// Detaches a load balancer from a private network.
    pub async fn detach_from_network(
        self,
        id: LoadBalancerId,
        network: NetworkId,
    ) -> Result<Action> {
        self.act(id, "detach_from_network")
            .json(&DetachFromNetwork { network })
            .one()
            .await
    }

    /// Makes a load balancer reachable by its public addresses.
    pub async fn enable_public_interface(self, id: LoadBalancerId) -> Result<Action> {
        self.act(id, "enable_public_interface").one().await
    }

    /// Makes a load balancer reachable in its private network only.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::TargetsWithoutUsePrivateIp`](crate::ErrorCode::TargetsWithoutUsePrivateIp) if
    /// a target is reached publicly.
    pub async fn disable_public_interface(self, id: LoadBalancerId) -> Result<Action> {
        self.act(id, "disable_public_interface").one().await
    }

    /// Sets the name of an address in reverse DNS; `None` restores Hetzner's own name for it.
    pub async fn change_dns_ptr(
        self,
        id: LoadBalancerId,
        ip: IpAddr,
        name: Option<&str>,
    ) -> Result<Action> {
        self.act(id, "change_dns_ptr")
            .json(&ChangeDnsPtr { ip, dns_ptr: name })
            .one()
            .await
    }

    /// Changes what a load balancer is protected against.
    pub async fn change_protection(
        self,
        id: LoadBalancerId,
        change: &ChangeProtection,
    ) -> Result<Action> {
        self.act(id, "change_protection").json(change).one().await
    }

    /// Measures what a load balancer did in a period of the last 30 days.
    pub async fn metrics(
        self,
        id: LoadBalancerId,
        query: &LoadBalancerMetricsQuery,
    ) -> Result<Metrics> {
        let request = self.0.get(format!("/load_balancers/{id}/metrics"));
        request.query(query).field("metrics").await
    }

    /// The actions of all load balancers.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/load_balancers")
    }

    /// The actions of one load balancer.
    pub fn actions_for(self, id: LoadBalancerId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/load_balancers/{id}"))
    }

    fn act(self, id: LoadBalancerId, command: &str) -> Request {
        self.0
            .post(format!("/load_balancers/{id}/actions/{command}"))
    }
}

/// Which load balancers to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListLoadBalancers {
    /// Only the one with exactly this name.
    pub name: Option<String>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<LoadBalancerSort>>,
}

open_enum! {
    /// What load balancers can be sorted by.
    pub enum LoadBalancerSort {
        /// Their ids.
        Id = "id",
        /// Their names.
        Name = "name",
        /// When they were made.
        Created = "created",
    }
}

/// A load balancer.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancer {
    /// Names the load balancer.
    pub id: LoadBalancerId,
    /// Unique in the project.
    pub name: String,
    /// Its public addresses.
    pub public_net: LoadBalancerPublicNet,
    /// Its private network, if it is in one.
    #[serde(default)]
    pub private_net: Vec<LoadBalancerPrivateNet>,
    /// Where it is.
    pub location: Location,
    /// How much it can take.
    pub load_balancer_type: LoadBalancerType,
    /// What it is protected against.
    pub protection: Protection,
    /// The user's labels.
    pub labels: Labels,
    /// When it was made.
    pub created: Timestamp,
    /// What it listens on.
    #[serde(default)]
    pub services: Vec<LoadBalancerService>,
    /// Where it sends what arrives, and how healthy that is.
    #[serde(default)]
    pub targets: Vec<LoadBalancerTarget>,
    /// How the target of a connection is chosen.
    pub algorithm: LoadBalancerAlgorithm,
    /// Bytes sent in this billing period; `None` while not known.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub outgoing_traffic: Option<u64>,
    /// Bytes received in this billing period; `None` while not known.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub ingoing_traffic: Option<u64>,
    /// Bytes that may be sent in this billing period without extra cost.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub included_traffic: Option<u64>,
}

resource!(
    LoadBalancer,
    LoadBalancerId,
    "load_balancer",
    "load_balancers"
);

impl LoadBalancer {
    /// Whether there are targets, all of them found healthy for every service; false while one is
    /// not checked yet.
    pub fn is_healthy(&self) -> bool {
        let mut health = self.targets.iter().flat_map(|t| t.health()).peekable();
        health.peek().is_some() && health.all(|health| health.status == TargetHealthStatus::Healthy)
    }
}

/// The public addresses of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancerPublicNet {
    /// Whether it can be reached by them.
    pub enabled: bool,
    /// The IPv4 address.
    pub ipv4: LoadBalancerIp,
    /// The IPv6 address.
    pub ipv6: LoadBalancerIp,
}

/// A public address of a load balancer. All is `None` without one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancerIp {
    /// The Primary IP behind it.
    pub id: Option<PrimaryIpId>,
    /// The address.
    pub ip: Option<IpAddr>,
    /// Whether Hetzner blocked it because of abuse.
    pub blocked: Option<bool>,
    /// Its name in reverse DNS.
    pub dns_ptr: Option<String>,
}

/// A load balancer's place in a private network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancerPrivateNet {
    /// The network.
    pub network: NetworkId,
    /// The load balancer's address in it.
    pub ip: IpAddr,
}

/// How the target of a connection is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancerAlgorithm {
    /// Which algorithm it is.
    #[serde(rename = "type")]
    pub kind: LoadBalancerAlgorithmType,
}

impl From<LoadBalancerAlgorithmType> for LoadBalancerAlgorithm {
    fn from(kind: LoadBalancerAlgorithmType) -> Self {
        Self { kind }
    }
}

open_enum! {
    /// How the target of a connection is chosen.
    pub enum LoadBalancerAlgorithmType {
        /// One after the other.
        RoundRobin = "round_robin",
        /// The one with the fewest connections.
        LeastConnections = "least_connections",
    }
}

/// A port that a load balancer listens on, and what happens to what arrives there.
///
/// What one load balancer has can be given to another as it is.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancerService {
    /// What is spoken.
    pub protocol: ServiceProtocol,
    /// The port of the load balancer; names the service.
    #[serde_as(as = "Integer")]
    pub listen_port: u16,
    /// The port of the targets.
    #[serde_as(as = "Integer")]
    pub destination_port: u16,
    /// Whether targets are told the client's address by the PROXY protocol.
    pub proxyprotocol: bool,
    /// How the health of targets is found out.
    pub health_check: HealthCheck,
    /// What holds for HTTP and HTTPS only.
    pub http: Option<ServiceHttp>,
}

impl LoadBalancerService {
    /// Passes TCP connections on; a target is healthy if it accepts connections.
    pub fn tcp(listen_port: u16, destination_port: u16) -> Self {
        Self {
            protocol: ServiceProtocol::Tcp,
            listen_port,
            destination_port,
            proxyprotocol: false,
            health_check: HealthCheck::tcp(destination_port),
            http: None,
        }
    }

    /// Passes HTTP requests on; a target is healthy if it answers `GET /` with a status from 200
    /// to 399.
    pub fn http(listen_port: u16, destination_port: u16) -> Self {
        Self {
            protocol: ServiceProtocol::Http,
            health_check: HealthCheck::http(destination_port, "/"),
            http: Some(ServiceHttp::default()),
            ..Self::tcp(listen_port, destination_port)
        }
    }

    /// Ends TLS with one of these certificates and passes HTTP requests on, as
    /// [`http`](Self::http) does.
    pub fn https(
        listen_port: u16,
        destination_port: u16,
        certificates: impl Into<Vec<CertificateId>>,
    ) -> Self {
        Self {
            protocol: ServiceProtocol::Https,
            http: Some(ServiceHttp {
                certificates: certificates.into(),
                ..ServiceHttp::default()
            }),
            ..Self::http(listen_port, destination_port)
        }
    }
}

open_enum! {
    /// What a service speaks.
    pub enum ServiceProtocol {
        /// Bytes.
        Tcp = "tcp",
        /// HTTP.
        Http = "http",
        /// HTTP over TLS, which ends at the load balancer.
        Https = "https",
    }
}

/// What holds for a service that speaks HTTP; what is `None` in a request gets the API's default.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ServiceHttp {
    /// Whether a client always gets the same target, by a cookie.
    pub sticky_sessions: Option<bool>,
    /// The name of that cookie.
    pub cookie_name: Option<String>,
    /// How long that cookie lasts, in seconds.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub cookie_lifetime: Option<u32>,
    /// After how many seconds an idle connection is closed, on either side.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub timeout_idle: Option<u32>,
    /// What TLS ends with, HTTPS only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateId>,
    /// Whether port 80 redirects to this service, HTTPS only.
    pub redirect_http: Option<bool>,
}

/// How the health of targets is found out.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct HealthCheck {
    /// What is asked.
    pub protocol: HealthCheckProtocol,
    /// The port of the target that is asked.
    #[serde_as(as = "Integer")]
    pub port: u16,
    /// The time from one check to the next, in seconds.
    #[serde_as(as = "Integer")]
    pub interval: u32,
    /// How long an answer may take, in seconds.
    #[serde_as(as = "Integer")]
    pub timeout: u32,
    /// How many checks in a row have to say otherwise before a target's health changes.
    #[serde_as(as = "Integer")]
    pub retries: u32,
    /// What is asked by HTTP.
    pub http: Option<HealthCheckHttp>,
}

impl HealthCheck {
    /// Connects to a port every 15 seconds.
    pub fn tcp(port: u16) -> Self {
        Self {
            protocol: HealthCheckProtocol::Tcp,
            port,
            interval: 15,
            timeout: 10,
            retries: 3,
            http: None,
        }
    }

    /// Gets a path by HTTP every 15 seconds; a status from 200 to 399 is healthy.
    pub fn http(port: u16, path: impl Into<String>) -> Self {
        Self {
            protocol: HealthCheckProtocol::Http,
            http: Some(HealthCheckHttp {
                domain: None,
                path: path.into(),
                response: None,
                status_codes: Vec::new(),
                tls: None,
            }),
            ..Self::tcp(port)
        }
    }
}

open_enum! {
    /// What a target is asked to find out its health.
    pub enum HealthCheckProtocol {
        /// To accept a connection.
        Tcp = "tcp",
        /// To answer a request.
        Http = "http",
    }
}

/// What a target is asked by HTTP to find out its health.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct HealthCheckHttp {
    /// The `Host` header; none is sent if `None`.
    pub domain: Option<String>,
    /// What is got.
    pub path: String,
    /// What has to be in the body of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// The statuses that are healthy, with `?` for one digit; `2??` and `3??` if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status_codes: Vec<String>,
    /// Whether TLS is spoken, whatever the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<bool>,
}

/// Something that a load balancer sends traffic to.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancerTarget {
    /// Which of `server`, `label_selector` and `ip` is set.
    #[serde(rename = "type")]
    pub kind: TargetType,
    /// A server.
    #[serde_as(as = "Option<InId>")]
    #[serde(default)]
    pub server: Option<ServerId>,
    /// All servers with matching labels; [`LoadBalancerTarget::targets`] are those of now.
    #[serde_as(as = "Option<InSelector>")]
    #[serde(default)]
    pub label_selector: Option<String>,
    /// An address outside the cloud.
    #[serde_as(as = "Option<InIp>")]
    #[serde(default)]
    pub ip: Option<IpAddr>,
    /// Whether it is reached by its private address.
    pub use_private_ip: Option<bool>,
    /// How healthy it is, one entry per service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health_status: Vec<TargetHealth>,
    /// The servers that a label selector means now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Self>,
}

impl LoadBalancerTarget {
    /// How healthy it is, or the servers that it means now are: one entry per server and service.
    pub fn health(&self) -> impl Iterator<Item = &TargetHealth> {
        // Only label selectors have targets of their own, and those are servers.
        let servers = self.targets.iter().flat_map(|server| &server.health_status);
        self.health_status.iter().chain(servers)
    }

    /// What it is, as requests say it; `None` if this version cannot say it.
    pub fn target(&self) -> Option<Target> {
        match self.kind {
            TargetType::Server => Some(self.server?.into()),
            TargetType::LabelSelector => {
                let selector: LabelSelector = self.label_selector.as_ref()?.parse().ok()?;
                Some(selector.into())
            }
            TargetType::Ip => Some(self.ip?.into()),
            TargetType::Unknown(_) => None,
        }
    }
}

open_enum! {
    /// What a target is.
    pub enum TargetType {
        /// A server.
        Server = "server",
        /// All servers with matching labels.
        LabelSelector = "label_selector",
        /// An address outside the cloud.
        Ip = "ip",
    }
}

/// How healthy a target is for one service.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct TargetHealth {
    /// The port of the load balancer, which names the service.
    #[serde_as(as = "Integer")]
    pub listen_port: u16,
    /// How healthy it is.
    pub status: TargetHealthStatus,
    /// Why it is unhealthy.
    pub detail: Option<TargetHealthDetail>,
    /// What it answered, if that is [`TargetHealthDetail::UnexpectedHttpStatus`].
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub http_status_code: Option<u16>,
}

open_enum! {
    /// Why a target is unhealthy.
    pub enum TargetHealthDetail {
        /// The API does not say.
        Unspecified = "unspecified",
        /// It accepts no connection.
        NoConnection = "layer4_no_connection",
        /// Connecting takes too long.
        ConnectionTimeout = "layer4_timeout",
        /// Answering takes too long.
        AnswerTimeout = "layer7_timeout",
        /// It answers with another status than [`HealthCheckHttp::status_codes`] say.
        UnexpectedHttpStatus = "unexpected_http_status",
        /// The answer does not hold [`HealthCheckHttp::response`].
        UnexpectedHttpContent = "unexpected_http_content",
    }
}

open_enum! {
    /// How healthy a target is.
    pub enum TargetHealthStatus {
        /// It gets traffic.
        Healthy = "healthy",
        /// It gets none.
        Unhealthy = "unhealthy",
        /// It was not checked yet.
        Unchecked = "unknown",
    }
}

/// Something to send traffic to.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Target {
    /// A server of the project.
    Server {
        /// The server.
        #[serde_as(as = "InId")]
        server: ServerId,
    },
    /// All servers of the project with matching labels, also those to come.
    LabelSelector {
        /// What chooses the servers.
        #[serde_as(as = "InSelector")]
        label_selector: LabelSelector,
    },
    /// A dedicated server of the same customer.
    Ip {
        /// Its public address, or a private one in a vSwitch subnet.
        #[serde_as(as = "InIp")]
        ip: IpAddr,
    },
}

impl From<ServerId> for Target {
    fn from(server: ServerId) -> Self {
        Self::Server { server }
    }
}

impl From<LabelSelector> for Target {
    fn from(label_selector: LabelSelector) -> Self {
        Self::LabelSelector { label_selector }
    }
}

impl From<IpAddr> for Target {
    fn from(ip: IpAddr) -> Self {
        Self::Ip { ip }
    }
}

/// Something to send traffic to, and how.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddTarget {
    /// What it is.
    #[serde(flatten)]
    pub target: Target,
    /// Whether servers are reached by their private addresses; by their public ones if `None`.
    pub use_private_ip: Option<bool>,
}

impl AddTarget {
    /// Reaches the target by its public address.
    pub fn publicly(target: impl Into<Target>) -> Self {
        Self {
            target: target.into(),
            use_private_ip: None,
        }
    }

    /// Reaches servers by their private addresses; the load balancer has to be in the same
    /// network.
    pub fn privately(target: impl Into<Target>) -> Self {
        Self {
            use_private_ip: Some(true),
            ..Self::publicly(target)
        }
    }
}

/// A load balancer to create.
///
/// The API wants either a location or a network zone, hence the two constructors.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct CreateLoadBalancer {
    /// Unique in the project.
    pub name: String,
    /// How much it can take.
    pub load_balancer_type: IdOrName<LoadBalancerTypeId>,
    /// Where it shall be.
    pub location: Option<IdOrName<LocationId>>,
    /// In which network zone it shall be, such as `eu-central`.
    pub network_zone: Option<String>,
    /// How the target of a connection is chosen; one after the other if `None`.
    pub algorithm: Option<LoadBalancerAlgorithm>,
    /// What it listens on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<LoadBalancerService>,
    /// Where it sends what arrives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<AddTarget>,
    /// The private network to attach it to.
    pub network: Option<NetworkId>,
    /// Whether it can be reached by public addresses, as is the case if `None`.
    pub public_interface: Option<bool>,
    /// Its public addresses; new ones if `None`.
    pub public_net: Option<CreateLoadBalancerPublicNet>,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateLoadBalancer {
    /// A load balancer in a location.
    pub fn in_location(
        name: impl Into<String>,
        load_balancer_type: impl Into<IdOrName<LoadBalancerTypeId>>,
        location: impl Into<IdOrName<LocationId>>,
    ) -> Self {
        Self {
            location: Some(location.into()),
            ..Self::anywhere(name.into(), load_balancer_type.into())
        }
    }

    /// A load balancer in a location of the network zone that Hetzner chooses.
    pub fn in_network_zone(
        name: impl Into<String>,
        load_balancer_type: impl Into<IdOrName<LoadBalancerTypeId>>,
        network_zone: impl Into<String>,
    ) -> Self {
        Self {
            network_zone: Some(network_zone.into()),
            ..Self::anywhere(name.into(), load_balancer_type.into())
        }
    }

    fn anywhere(name: String, load_balancer_type: IdOrName<LoadBalancerTypeId>) -> Self {
        Self {
            name,
            load_balancer_type,
            location: None,
            network_zone: None,
            algorithm: None,
            services: Vec::new(),
            targets: Vec::new(),
            network: None,
            public_interface: None,
            public_net: None,
            labels: Labels::default(),
        }
    }
}

/// The Primary IPs that a new load balancer gets.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct CreateLoadBalancerPublicNet {
    /// For IPv4; a new one if `None`.
    pub ipv4: Option<PrimaryIpId>,
    /// For IPv6; a new one if `None`.
    pub ipv6: Option<PrimaryIpId>,
}

/// A load balancer that is being created.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancerCreated {
    /// The load balancer as it begins.
    pub load_balancer: LoadBalancer,
    /// Creates it.
    pub action: Action,
}

/// What to change about a load balancer; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateLoadBalancer {
    /// The name from now on.
    pub name: Option<String>,
    /// All labels from now on: those missing here are removed.
    pub labels: Option<Labels>,
}

/// What to change about a service; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct UpdateService {
    /// The port that the service listens on, which names it.
    pub listen_port: u16,
    /// What is spoken from now on.
    pub protocol: Option<ServiceProtocol>,
    /// The port of the targets from now on.
    pub destination_port: Option<u16>,
    /// Whether targets are told the client's address by the PROXY protocol from now on.
    pub proxyprotocol: Option<bool>,
    /// What to change about how the health of targets is found out.
    pub health_check: Option<UpdateHealthCheck>,
    /// What to change about HTTP.
    pub http: Option<UpdateServiceHttp>,
}

impl UpdateService {
    /// Changes nothing yet about the service that listens on `listen_port`.
    pub fn new(listen_port: u16) -> Self {
        Self {
            listen_port,
            protocol: None,
            destination_port: None,
            proxyprotocol: None,
            health_check: None,
            http: None,
        }
    }
}

/// What to change about how the health of targets is found out; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateHealthCheck {
    /// What is asked from now on.
    pub protocol: Option<HealthCheckProtocol>,
    /// The port of the target that is asked from now on.
    pub port: Option<u16>,
    /// The time from one check to the next from now on, in seconds.
    pub interval: Option<u32>,
    /// How long an answer may take from now on, in seconds.
    pub timeout: Option<u32>,
    /// How many checks in a row have to say otherwise from now on.
    pub retries: Option<u32>,
    /// What to change about what is asked by HTTP.
    pub http: Option<UpdateHealthCheckHttp>,
}

/// What to change about what a target is asked by HTTP; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateHealthCheckHttp {
    /// The `Host` header from now on; [`Patch::Null`] sends none.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub domain: Patch<String>,
    /// What is got from now on.
    pub path: Option<String>,
    /// What has to be in the body of the answer from now on; empty for anything.
    pub response: Option<String>,
    /// The statuses that are healthy from now on.
    pub status_codes: Option<Vec<String>>,
    /// Whether TLS is spoken from now on.
    pub tls: Option<bool>,
}

/// What to change about a service that speaks HTTP; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateServiceHttp {
    /// Whether a client always gets the same target from now on.
    pub sticky_sessions: Option<bool>,
    /// The name of the cookie for that from now on.
    pub cookie_name: Option<String>,
    /// How long that cookie lasts from now on, in seconds.
    pub cookie_lifetime: Option<u32>,
    /// After how many seconds an idle connection is closed from now on.
    pub timeout_idle: Option<u32>,
    /// All certificates from now on: those missing here are used no longer.
    pub certificates: Option<Vec<CertificateId>>,
    /// Whether port 80 redirects to this service from now on.
    pub redirect_http: Option<bool>,
}

/// A private network for a load balancer, and its address there.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct AttachLoadBalancerToNetwork {
    /// The network.
    pub network: NetworkId,
    /// The load balancer's address; a free one if `None`.
    pub ip: Option<IpAddr>,
    /// The subnet to take an address from, such as `10.0.1.0/24`.
    pub ip_range: Option<String>,
}

impl AttachLoadBalancerToNetwork {
    /// The network, and a free address in it.
    pub fn new(network: NetworkId) -> Self {
        Self {
            network,
            ip: None,
            ip_range: None,
        }
    }
}

/// What to measure of a load balancer, and when.
pub type LoadBalancerMetricsQuery = MetricsQuery<LoadBalancerMetric>;

open_enum! {
    /// What a load balancer does.
    pub enum LoadBalancerMetric {
        /// Series `open_connections`.
        OpenConnections = "open_connections",
        /// Series `connections_per_second`.
        ConnectionsPerSecond = "connections_per_second",
        /// Series `requests_per_second`.
        RequestsPerSecond = "requests_per_second",
        /// Series `bandwidth.in` and `bandwidth.out`, in bytes per second.
        Bandwidth = "bandwidth",
    }
}

#[derive(Serialize)]
struct DeleteService {
    listen_port: u16,
}

#[derive(Serialize)]
struct ChangeType {
    load_balancer_type: IdOrName<LoadBalancerTypeId>,
}

#[derive(Serialize)]
struct DetachFromNetwork {
    network: NetworkId,
}
