//! Load balancers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#load-balancers>

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
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

/// The load balancers of one project; returned by [`Client::load_balancers`].
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
/// client.wait(created.action).await?;
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
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<LoadBalancer>> {
        self.list(&ListLoadBalancers::default()).all().await
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
        self.0.fetch(id).await
    }

    /// Gets one load balancer, with the health of its targets, or `None` if it does not exist.
    pub async fn try_get(self, id: LoadBalancerId) -> Result<Option<LoadBalancer>> {
        found(self.get(id).await)
    }

    /// Creates a load balancer, which is billed from now on.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::SourcePortAlreadyUsed`](crate::ErrorCode::SourcePortAlreadyUsed) if two
    /// services listen on one port,
    /// [`ErrorCode::LoadBalancerNotAttachedToNetwork`](crate::ErrorCode::LoadBalancerNotAttachedToNetwork)
    /// if a target uses its private address and [`CreateLoadBalancer::network`] is not set.
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
        self.0.change(id, change).await
    }

    /// Deletes a load balancer; its targets are kept.
    pub async fn delete(self, id: LoadBalancerId) -> Result<Option<Action>> {
        self.0.remove::<LoadBalancer>(id).await
    }

    /// Adds a service, which listens on another port.
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

    /// Updates the service that listens on [`UpdateService::listen_port`].
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client, id: hcloud_api::LoadBalancerId)
    /// # -> hcloud_api::Result<()> {
    /// use hcloud_api::{UpdateHealthCheck, UpdateService};
    ///
    /// let update = UpdateService {
    ///     health_check: Some(UpdateHealthCheck { retries: Some(5), ..Default::default() }),
    ///     ..UpdateService::new(443)
    /// };
    /// client.load_balancers().update_service(id, &update).await?;
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

    /// Deletes the service that listens on a port.
    pub async fn delete_service(self, id: LoadBalancerId, listen_port: u16) -> Result<Action> {
        self.act(id, "delete_service")
            .json(&DeleteService { listen_port })
            .one()
            .await
    }

    /// Adds a target.
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
    /// [`ErrorCode::TargetAlreadyDefined`](crate::ErrorCode::TargetAlreadyDefined) if it is a target
    /// already.
    pub async fn add_target(self, id: LoadBalancerId, target: &AddTarget) -> Result<Action> {
        self.act(id, "add_target").json(target).one().await
    }

    /// Removes a target.
    pub async fn remove_target(self, id: LoadBalancerId, target: &Target) -> Result<Action> {
        self.act(id, "remove_target").json(target).one().await
    }

    /// Changes the load balancing algorithm.
    pub async fn change_algorithm(
        self,
        id: LoadBalancerId,
        algorithm: &LoadBalancerAlgorithm,
    ) -> Result<Action> {
        self.act(id, "change_algorithm").json(algorithm).one().await
    }

    /// Changes the type of a load balancer without downtime.
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

    /// Attaches a load balancer to a private network; at most one.
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

    /// Enables the public addresses of a load balancer.
    pub async fn enable_public_interface(self, id: LoadBalancerId) -> Result<Action> {
        self.act(id, "enable_public_interface").one().await
    }

    /// Disables the public addresses of a load balancer.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::TargetsWithoutUsePrivateIp`](crate::ErrorCode::TargetsWithoutUsePrivateIp) if
    /// a target uses its public address.
    pub async fn disable_public_interface(self, id: LoadBalancerId) -> Result<Action> {
        self.act(id, "disable_public_interface").one().await
    }

    /// Sets the reverse DNS name of an address; `None` restores Hetzner's default name.
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

    /// Changes the protection of a load balancer.
    pub async fn change_protection(
        self,
        id: LoadBalancerId,
        change: &ChangeProtection,
    ) -> Result<Action> {
        self.act(id, "change_protection").json(change).one().await
    }

    /// Gets metrics of a load balancer for a period of the last 30 days.
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
        self.0.act::<LoadBalancer>(id, command)
    }
}

/// A filter for load balancers.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListLoadBalancers {
    /// Only the one with this name.
    pub name: Option<String>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<LoadBalancerSort>>,
}

open_enum! {
    /// The sort keys of load balancers.
    pub enum LoadBalancerSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

/// A load balancer.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancer {
    /// The load balancer's id.
    #[serde_with(skip_apply)]
    pub id: LoadBalancerId,
    /// The name, unique in the project.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The public addresses.
    pub public_net: LoadBalancerPublicNet,
    /// The private network, if it is attached to one.
    pub private_net: Vec<LoadBalancerPrivateNet>,
    /// The location.
    pub location: Option<Location>,
    /// The load balancer type.
    pub load_balancer_type: Option<LoadBalancerType>,
    /// The operations that it is protected against.
    pub protection: Protection,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// The services.
    pub services: Vec<LoadBalancerService>,
    /// The targets and their health.
    pub targets: Vec<LoadBalancerTarget>,
    /// The load balancing algorithm.
    pub algorithm: LoadBalancerAlgorithm,
    /// Bytes sent in this billing period; `None` if unknown.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub outgoing_traffic: Option<u64>,
    /// Bytes received in this billing period; `None` if unknown.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub ingoing_traffic: Option<u64>,
    /// Bytes that may be sent in this billing period without extra cost.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub included_traffic: Option<u64>,
}

resource!(
    LoadBalancer,
    LoadBalancerId,
    "load_balancer",
    "load_balancers"
);

impl LoadBalancer {
    /// Returns whether there are targets and all are healthy for all services; false while one is not
    /// checked yet.
    pub fn is_healthy(&self) -> bool {
        let mut health = self.targets.iter().flat_map(|t| t.health()).peekable();
        health.peek().is_some() && health.all(|health| health.status == TargetHealthStatus::Healthy)
    }
}

/// The public addresses of a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LoadBalancerPublicNet {
    /// Whether they are enabled.
    pub enabled: bool,
    /// The IPv4 address.
    pub ipv4: LoadBalancerIp,
    /// The IPv6 address.
    pub ipv6: LoadBalancerIp,
}

/// A public address of a load balancer. All fields are `None` without one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LoadBalancerIp {
    /// The Primary IP.
    pub id: Option<PrimaryIpId>,
    /// The address.
    pub ip: Option<IpAddr>,
    /// Whether Hetzner has blocked it because of abuse.
    pub blocked: Option<bool>,
    /// The reverse DNS name.
    pub dns_ptr: Option<String>,
}

/// A load balancer's attachment to a private network.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancerPrivateNet {
    /// The network.
    #[serde_with(skip_apply)]
    pub network: NetworkId,
    /// The load balancer's address in the network.
    pub ip: Option<IpAddr>,
}

/// The load balancing algorithm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LoadBalancerAlgorithm {
    /// The algorithm.
    #[serde(rename = "type")]
    pub kind: LoadBalancerAlgorithmType,
}

impl From<LoadBalancerAlgorithmType> for LoadBalancerAlgorithm {
    fn from(kind: LoadBalancerAlgorithmType) -> Self {
        Self { kind }
    }
}

open_enum! {
    /// The load balancing algorithm.
    pub enum LoadBalancerAlgorithmType {
        /// Each target in turn.
        RoundRobin = "round_robin",
        /// The target with the fewest connections.
        LeastConnections = "least_connections",
    }
}

/// A service: a port that a load balancer listens on, and how it forwards traffic.
///
/// The service of one load balancer can be used to create that of another.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LoadBalancerService {
    /// The protocol.
    pub protocol: ServiceProtocol,
    /// The port of the load balancer, which identifies the service.
    #[serde_as(as = "Option<Integer>")]
    pub listen_port: Option<u16>,
    /// The port of the targets.
    #[serde_as(as = "Option<Integer>")]
    pub destination_port: Option<u16>,
    /// Whether the client's address is sent to targets by the PROXY protocol.
    pub proxyprotocol: bool,
    /// The health check.
    pub health_check: HealthCheck,
    /// The settings for HTTP and HTTPS.
    pub http: Option<ServiceHttp>,
}

impl LoadBalancerService {
    /// Creates a service that forwards TCP connections; a target is healthy if it accepts connections.
    pub fn tcp(listen_port: u16, destination_port: u16) -> Self {
        Self {
            protocol: ServiceProtocol::Tcp,
            listen_port: Some(listen_port),
            destination_port: Some(destination_port),
            proxyprotocol: false,
            health_check: HealthCheck::tcp(destination_port),
            http: None,
        }
    }

    /// Creates a service that forwards HTTP requests; a target is healthy if `GET /` returns a status
    /// from 200 to 399.
    pub fn http(listen_port: u16, destination_port: u16) -> Self {
        Self {
            protocol: ServiceProtocol::Http,
            health_check: HealthCheck::http(destination_port, "/"),
            http: Some(ServiceHttp::default()),
            ..Self::tcp(listen_port, destination_port)
        }
    }

    /// Creates a service that terminates TLS with one of these certificates, and forwards HTTP requests
    /// as [`http`](Self::http) does.
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
    /// The protocol of a service.
    pub enum ServiceProtocol {
        /// TCP.
        Tcp = "tcp",
        /// HTTP.
        Http = "http",
        /// HTTP over TLS, which the load balancer terminates.
        Https = "https",
    }
}

/// The HTTP settings of a service; in a request, `None` means the API's default.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ServiceHttp {
    /// Whether a client always gets the same target, by a cookie.
    pub sticky_sessions: Option<bool>,
    /// The name of the cookie.
    pub cookie_name: Option<String>,
    /// The lifetime of the cookie, in seconds.
    #[serde_as(as = "Option<Integer>")]
    pub cookie_lifetime: Option<u32>,
    /// The idle timeout of connections on either side, in seconds.
    #[serde_as(as = "Option<Integer>")]
    pub timeout_idle: Option<u32>,
    /// The certificates, for HTTPS only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateId>,
    /// Whether port 80 redirects to this service, for HTTPS only.
    pub redirect_http: Option<bool>,
}

/// The health check.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HealthCheck {
    /// The protocol.
    pub protocol: HealthCheckProtocol,
    /// The port of the targets.
    #[serde_as(as = "Option<Integer>")]
    pub port: Option<u16>,
    /// The interval between checks, in seconds.
    #[serde_as(as = "Option<Integer>")]
    pub interval: Option<u32>,
    /// The timeout of a check, in seconds.
    #[serde_as(as = "Option<Integer>")]
    pub timeout: Option<u32>,
    /// The number of consecutive checks after which a target's health changes.
    #[serde_as(as = "Option<Integer>")]
    pub retries: Option<u32>,
    /// The HTTP settings.
    pub http: Option<HealthCheckHttp>,
}

impl HealthCheck {
    /// Creates a health check that connects to a port every 15 seconds.
    pub fn tcp(port: u16) -> Self {
        Self {
            protocol: HealthCheckProtocol::Tcp,
            port: Some(port),
            interval: Some(15),
            timeout: Some(10),
            retries: Some(3),
            http: None,
        }
    }

    /// Creates a health check that gets a path by HTTP every 15 seconds; a status from 200 to 399 is
    /// healthy.
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
    /// The protocol of a health check.
    pub enum HealthCheckProtocol {
        /// The target must accept a connection.
        Tcp = "tcp",
        /// The target must respond to a request.
        Http = "http",
    }
}

/// The HTTP settings of a health check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HealthCheckHttp {
    /// The `Host` header; none is sent if `None`.
    pub domain: Option<String>,
    /// The path.
    pub path: String,
    /// A string that the response's body must contain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// The statuses that are healthy, with `?` for one digit; `2??` and `3??` if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status_codes: Vec<String>,
    /// Whether to use TLS; the certificate is not verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<bool>,
}

/// A target of a load balancer.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LoadBalancerTarget {
    /// Which of `server`, `label_selector` and `ip` is set.
    #[serde(rename = "type")]
    pub kind: TargetType,
    /// A server.
    pub server: Option<TargetServer>,
    /// A label selector; [`LoadBalancerTarget::targets`] are the servers that currently match.
    #[serde_as(as = "Option<InSelector>")]
    pub label_selector: Option<String>,
    /// An address outside the cloud.
    #[serde_as(as = "Option<InIp>")]
    pub ip: Option<IpAddr>,
    /// Whether its private address is used.
    pub use_private_ip: Option<bool>,
    /// The health, one entry per service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub health_status: Vec<TargetHealth>,
    /// The servers that currently match the label selector.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Self>,
}

/// A server that is a target.
#[apply(_ => #[serde(default)])]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct TargetServer {
    /// The server's id.
    #[serde_with(skip_apply)]
    pub id: ServerId,
    /// The address that receives the traffic, public or private.
    pub ip: Option<IpAddr>,
}

impl LoadBalancerTarget {
    /// Returns the health of the target or of the servers that match its label selector, one entry per
    /// server and service.
    pub fn health(&self) -> impl Iterator<Item = &TargetHealth> {
        // Only label selectors have targets of their own, and those are servers.
        let servers = self.targets.iter().flat_map(|server| &server.health_status);
        self.health_status.iter().chain(servers)
    }

    /// Returns the target for use in requests; `None` if this version does not support it.
    pub fn target(&self) -> Option<Target> {
        match self.kind {
            TargetType::Server => Some(self.server.as_ref()?.id.into()),
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
    /// The type of a target.
    pub enum TargetType {
        /// A server.
        Server = "server",
        /// All servers with matching labels.
        LabelSelector = "label_selector",
        /// An address outside the cloud.
        Ip = "ip",
    }
}

/// The health of a target for one service.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TargetHealth {
    /// The port of the load balancer, which identifies the service.
    #[serde_as(as = "Option<Integer>")]
    pub listen_port: Option<u16>,
    /// The status.
    pub status: TargetHealthStatus,
    /// The reason if it is unhealthy.
    pub detail: Option<TargetHealthDetail>,
    /// The response's status for [`TargetHealthDetail::UnexpectedHttpStatus`].
    #[serde_as(as = "Option<Integer>")]
    pub http_status_code: Option<u16>,
}

open_enum! {
    /// The reason why a target is unhealthy.
    pub enum TargetHealthDetail {
        /// The API reports no reason.
        Unspecified = "unspecified",
        /// It does not accept connections.
        NoConnection = "layer4_no_connection",
        /// The connection timed out.
        ConnectionTimeout = "layer4_timeout",
        /// The response timed out.
        ResponseTimeout = "layer7_timeout",
        /// The response's status is not in [`HealthCheckHttp::status_codes`].
        UnexpectedHttpStatus = "unexpected_http_status",
        /// The response does not contain [`HealthCheckHttp::response`].
        UnexpectedHttpContent = "unexpected_http_content",
    }
}

open_enum! {
    /// The health of a target.
    pub enum TargetHealthStatus {
        /// It receives traffic.
        Healthy = "healthy",
        /// It receives no traffic.
        Unhealthy = "unhealthy",
        /// It has not been checked yet.
        Unchecked = "unknown",
    }
}

/// A target in a request.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Target {
    /// A server of the project.
    Server {
        /// The server.
        #[serde_as(as = "InId")]
        server: ServerId,
    },
    /// All servers of the project with matching labels, including future ones.
    LabelSelector {
        /// The label selector.
        #[serde_as(as = "InSelector")]
        label_selector: LabelSelector,
    },
    /// A dedicated server of the same account.
    Ip {
        /// The public address, or a private one in a vSwitch subnet.
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

/// A target to add.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct AddTarget {
    /// The target.
    #[serde(flatten)]
    pub target: Target,
    /// Whether to use the private addresses of servers; no if `None`.
    pub use_private_ip: Option<bool>,
}

impl AddTarget {
    /// Creates a target that uses public addresses.
    pub fn publicly(target: impl Into<Target>) -> Self {
        Self {
            target: target.into(),
            use_private_ip: None,
        }
    }

    /// Creates a target that uses the private addresses of servers; the load balancer must be attached
    /// to the same network.
    pub fn privately(target: impl Into<Target>) -> Self {
        Self {
            use_private_ip: Some(true),
            ..Self::publicly(target)
        }
    }
}

/// A load balancer to create.
///
/// The API requires either a location or a network zone, hence the two constructors.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreateLoadBalancer {
    /// The name, unique in the project.
    pub name: String,
    /// The load balancer type.
    pub load_balancer_type: IdOrName<LoadBalancerTypeId>,
    /// The location.
    pub location: Option<IdOrName<LocationId>>,
    /// The network zone, such as `eu-central`.
    pub network_zone: Option<String>,
    /// The load balancing algorithm; round robin if `None`.
    pub algorithm: Option<LoadBalancerAlgorithm>,
    /// The services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<LoadBalancerService>,
    /// The targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<AddTarget>,
    /// The private network to attach it to.
    pub network: Option<NetworkId>,
    /// Whether its public addresses are enabled; yes if `None`.
    pub public_interface: Option<bool>,
    /// The public addresses; new ones if `None`.
    pub public_net: Option<CreateLoadBalancerPublicNet>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateLoadBalancer {
    /// Creates a request for a load balancer in a location.
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

    /// Creates a request for a load balancer in a location of the network zone chosen by Hetzner.
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

/// The Primary IPs of a new load balancer.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct CreateLoadBalancerPublicNet {
    /// For IPv4; a new one if `None`.
    pub ipv4: Option<PrimaryIpId>,
    /// For IPv6; a new one if `None`.
    pub ipv6: Option<PrimaryIpId>,
}

/// A load balancer that is being created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancerCreated {
    /// The new load balancer.
    #[serde_with(skip_apply)]
    pub load_balancer: LoadBalancer,
    /// The action that creates it.
    pub action: Option<Action>,
}

/// An update of a load balancer; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateLoadBalancer {
    /// The new name.
    pub name: Option<String>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

/// An update of a service; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct UpdateService {
    /// The port that the service listens on, which identifies it.
    pub listen_port: u16,
    /// The new protocol.
    pub protocol: Option<ServiceProtocol>,
    /// The new port of the targets.
    pub destination_port: Option<u16>,
    /// Whether the client's address is sent to targets by the PROXY protocol.
    pub proxyprotocol: Option<bool>,
    /// The update of the health check.
    pub health_check: Option<UpdateHealthCheck>,
    /// The update of the HTTP settings.
    pub http: Option<UpdateServiceHttp>,
}

impl UpdateService {
    /// Creates an empty update of the service that listens on `listen_port`.
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

/// An update of a health check; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateHealthCheck {
    /// The new protocol.
    pub protocol: Option<HealthCheckProtocol>,
    /// The new port of the target that is asked.
    pub port: Option<u16>,
    /// The new interval between checks, in seconds.
    pub interval: Option<u32>,
    /// The new timeout of a check, in seconds.
    pub timeout: Option<u32>,
    /// The new number of consecutive checks after which a target's health changes.
    pub retries: Option<u32>,
    /// The update of the HTTP settings.
    pub http: Option<UpdateHealthCheckHttp>,
}

/// An update of the HTTP settings of a health check; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateHealthCheckHttp {
    /// The new `Host` header; [`Patch::Null`] sends none.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub domain: Patch<String>,
    /// The new path.
    pub path: Option<String>,
    /// The new string that the response's body must contain; empty for any.
    pub response: Option<String>,
    /// The new statuses that are healthy.
    pub status_codes: Option<Vec<String>>,
    /// Whether to use TLS.
    pub tls: Option<bool>,
}

/// An update of a service that speaks HTTP; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateServiceHttp {
    /// Whether a client always gets the same target.
    pub sticky_sessions: Option<bool>,
    /// The new name of the cookie for that.
    pub cookie_name: Option<String>,
    /// The new lifetime of that cookie, in seconds.
    pub cookie_lifetime: Option<u32>,
    /// The new idle timeout of connections, in seconds.
    pub timeout_idle: Option<u32>,
    /// The new certificates, which replace all existing ones.
    pub certificates: Option<Vec<CertificateId>>,
    /// Whether port 80 redirects to this service.
    pub redirect_http: Option<bool>,
}

/// A private network to attach a load balancer to, and its address there.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct AttachLoadBalancerToNetwork {
    /// The network.
    pub network: NetworkId,
    /// The load balancer's address; a free one if `None`.
    pub ip: Option<IpAddr>,
    /// The subnet to take an address from, such as `10.0.1.0/24`.
    pub ip_range: Option<String>,
}

impl AttachLoadBalancerToNetwork {
    /// Creates a request for a free address in the network.
    pub fn new(network: NetworkId) -> Self {
        Self {
            network,
            ip: None,
            ip_range: None,
        }
    }
}

/// A query for metrics of a load balancer.
pub type LoadBalancerMetricsQuery = MetricsQuery<LoadBalancerMetric>;

open_enum! {
    /// A metric of a load balancer.
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
