//! Floating IPs: public addresses that can be moved between running servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#floating-ips>

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{apply, skip_serializing_none};

use crate::crud::found;
use crate::dns_ptr::ChangeDnsPtr;
use crate::request::Request;
use crate::{
    Action, ChangeProtection, Client, DnsPtr, FloatingIpId, IdOrName, IpType, KindActions,
    LabelSelector, Labels, Listing, Location, LocationId, Patch, Protection, ResourceActions,
    Result, ServerId, Sort,
};

/// The Floating IPs of one project; returned by [`Client::floating_ips`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::ServerId;
///
/// let floating_ips = client.floating_ips();
/// if let Some(service) = floating_ips.find("service").await? {
///     let action = floating_ips.assign(service.id, ServerId::new(43)).await?;
///     client.wait([&action]).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FloatingIps<'a>(pub(crate) &'a Client);

impl<'a> FloatingIps<'a> {
    /// Lists the Floating IPs that match `filter`.
    pub fn list(self, filter: &ListFloatingIps) -> Listing<FloatingIp> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<FloatingIp>> {
        self.list(&ListFloatingIps::default()).all().await
    }

    /// Finds the Floating IP with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<FloatingIp>> {
        self.0.find(name).await
    }

    /// Finds a Floating IP by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<FloatingIpId>) -> Result<Option<FloatingIp>> {
        self.0.resolve(key).await
    }

    /// Gets one Floating IP.
    pub async fn get(self, id: FloatingIpId) -> Result<FloatingIp> {
        self.0.fetch(id).await
    }

    /// Gets one Floating IP, or `None` if it does not exist.
    pub async fn try_get(self, id: FloatingIpId) -> Result<Option<FloatingIp>> {
        found(self.get(id).await)
    }

    /// Creates a Floating IP, for a server or in a location, which is billed from now on.
    ///
    /// A create is not retried after a timeout. Set a name, so that [`find`](Self::find) shows whether
    /// it took effect.
    pub async fn create(self, floating_ip: &CreateFloatingIp) -> Result<FloatingIpCreated> {
        self.0.post("/floating_ips").json(floating_ip).whole().await
    }

    /// Updates the name, the description or the labels.
    pub async fn update(self, id: FloatingIpId, change: &UpdateFloatingIp) -> Result<FloatingIp> {
        self.0.change(id, change).await
    }

    /// Deletes a Floating IP.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::MustBeUnassigned`](crate::ErrorCode::MustBeUnassigned) while it is assigned;
    /// see [`unassign`](Self::unassign).
    pub async fn delete(self, id: FloatingIpId) -> Result<Option<Action>> {
        self.0.remove::<FloatingIp>(id).await
    }

    /// The actions of all Floating IPs.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/floating_ips")
    }

    /// The actions of one Floating IP.
    pub fn actions_for(self, id: FloatingIpId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/floating_ips/{id}"))
    }

    /// Assigns a Floating IP to a server, which may be in another location.
    ///
    /// The address must be configured on the server.
    pub async fn assign(self, id: FloatingIpId, server: ServerId) -> Result<Action> {
        self.act(id, "assign").json(&Assign { server }).one().await
    }

    /// Unassigns a Floating IP from its server; it is unreachable then.
    pub async fn unassign(self, id: FloatingIpId) -> Result<Action> {
        self.act(id, "unassign").one().await
    }

    /// Sets the name of an address in reverse DNS; `None` restores Hetzner's default name.
    pub async fn change_dns_ptr(
        self,
        id: FloatingIpId,
        ip: IpAddr,
        name: Option<&str>,
    ) -> Result<Action> {
        self.act(id, "change_dns_ptr")
            .json(&ChangeDnsPtr { ip, dns_ptr: name })
            .one()
            .await
    }

    /// Changes the protection of a Floating IP.
    pub async fn change_protection(
        self,
        id: FloatingIpId,
        change: &ChangeProtection,
    ) -> Result<Action> {
        self.act(id, "change_protection").json(change).one().await
    }

    fn act(self, id: FloatingIpId, command: &str) -> Request {
        self.0.act::<FloatingIp>(id, command)
    }
}

/// A filter for Floating IPs.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListFloatingIps {
    /// Only the one with this name.
    pub name: Option<String>,
    /// Only Floating IPs with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<FloatingIpSort>>,
}

open_enum! {
    /// The sort keys of Floating IPs.
    pub enum FloatingIpSort {
        Id = "id",
        Created = "created",
    }
}

/// A Floating IP.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct FloatingIp {
    /// The Floating IP's id.
    #[serde_with(skip_apply)]
    pub id: FloatingIpId,
    /// The name, unique in the project.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// An IPv4 address such as `203.0.113.9`, or an IPv6 network such as `2001:db8:9::/64`.
    pub ip: String,
    /// The IP version.
    #[serde(rename = "type")]
    pub kind: IpType,
    /// The server that it is assigned to, if any.
    pub server: Option<ServerId>,
    /// The reverse DNS entries, one per address that has one.
    pub dns_ptr: Vec<DnsPtr>,
    /// The home location; traffic to servers elsewhere takes a longer route.
    pub home_location: Option<Location>,
    /// Whether Hetzner has blocked it because of abuse.
    pub blocked: bool,
    /// The operations that it is protected against.
    pub protection: Protection,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
}

resource!(FloatingIp, FloatingIpId, "floating_ip", "floating_ips");

/// A Floating IP to create.
///
/// The API requires either a server or a location, hence the two constructors.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreateFloatingIp {
    /// IPv4 or IPv6.
    #[serde(rename = "type")]
    pub kind: IpType,
    /// The home location.
    pub home_location: Option<IdOrName<LocationId>>,
    /// The server to assign it to.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub server: Patch<ServerId>,
    /// The name, unique in the project; chosen by the API if `None`.
    pub name: Option<String>,
    /// The description.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<String>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateFloatingIp {
    /// Creates a request for an unassigned Floating IP in `location`.
    pub fn in_location(kind: IpType, location: impl Into<IdOrName<LocationId>>) -> Self {
        Self {
            home_location: Some(location.into()),
            ..Self::new(kind)
        }
    }

    /// Creates a request for a Floating IP assigned to a server, with the server's home location.
    pub fn for_server(kind: IpType, server: ServerId) -> Self {
        Self {
            server: Patch::Set(server),
            ..Self::new(kind)
        }
    }

    fn new(kind: IpType) -> Self {
        Self {
            kind,
            home_location: None,
            server: Patch::Keep,
            name: None,
            description: Patch::Keep,
            labels: Labels::default(),
        }
    }
}

/// A Floating IP that was created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct FloatingIpCreated {
    /// The Floating IP.
    #[serde_with(skip_apply)]
    pub floating_ip: FloatingIp,
    /// The action that assigns it; `None` if it is not assigned.
    pub action: Option<Action>,
}

/// An update of a Floating IP; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateFloatingIp {
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<String>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

#[derive(Serialize)]
struct Assign {
    server: ServerId,
}
