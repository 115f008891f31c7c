//! Primary IPs: the public addresses of servers, which can outlive them.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#primary-ips>

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{apply, skip_serializing_none};

use crate::crud::found;
use crate::dns_ptr::ChangeDnsPtr;
use crate::request::Request;
use crate::{
    Action, ChangeProtection, Client, DnsPtr, IdOrName, KindActions, LabelSelector, Labels,
    Listing, Location, LocationId, Patch, PrimaryIpId, Protection, ResourceActions, Result,
    ServerId, Sort,
};

/// The Primary IPs of one project; returned by [`Client::primary_ips`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::{CreatePrimaryIp, IpType};
///
/// let spare = CreatePrimaryIp::in_location("spare", IpType::Ipv4, "fsn1");
/// let created = client.primary_ips().create(&spare).await?;
/// println!("{}", created.primary_ip.ip);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PrimaryIps<'a>(pub(crate) &'a Client);

impl<'a> PrimaryIps<'a> {
    /// Lists the Primary IPs that match `filter`.
    pub fn list(self, filter: &ListPrimaryIps) -> Listing<PrimaryIp> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<PrimaryIp>> {
        self.list(&ListPrimaryIps::default()).all().await
    }

    /// Finds the Primary IP with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<PrimaryIp>> {
        self.0.find(name).await
    }

    /// Finds a Primary IP by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<PrimaryIpId>) -> Result<Option<PrimaryIp>> {
        self.0.resolve(key).await
    }

    /// Gets one Primary IP.
    pub async fn get(self, id: PrimaryIpId) -> Result<PrimaryIp> {
        self.0.fetch(id).await
    }

    /// Gets one Primary IP, or `None` if it does not exist.
    pub async fn try_get(self, id: PrimaryIpId) -> Result<Option<PrimaryIp>> {
        found(self.get(id).await)
    }

    /// Creates a Primary IP, for a server or in a location.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::ServerNotStopped`](crate::ErrorCode::ServerNotStopped) if the server is not
    /// off.
    pub async fn create(self, primary_ip: &CreatePrimaryIp) -> Result<PrimaryIpCreated> {
        self.0.post("/primary_ips").json(primary_ip).whole().await
    }

    /// Updates the name, the labels, or whether it is deleted together with its server.
    pub async fn update(self, id: PrimaryIpId, change: &UpdatePrimaryIp) -> Result<PrimaryIp> {
        self.0.change(id, change).await
    }

    /// Deletes a Primary IP.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::MustBeUnassigned`](crate::ErrorCode::MustBeUnassigned) while it is assigned;
    /// see [`unassign`](Self::unassign).
    pub async fn delete(self, id: PrimaryIpId) -> Result<Option<Action>> {
        self.0.remove::<PrimaryIp>(id).await
    }

    /// Assigns a Primary IP to a server, which must be off.
    pub async fn assign(self, id: PrimaryIpId, server: ServerId) -> Result<Action> {
        let body = Assign {
            assignee_type: AssigneeType::Server,
            assignee_id: server,
        };
        self.act(id, "assign").json(&body).one().await
    }

    /// Unassigns a Primary IP from its server, which must be off.
    pub async fn unassign(self, id: PrimaryIpId) -> Result<Action> {
        self.act(id, "unassign").one().await
    }

    /// Sets the name of an address in reverse DNS; `None` restores Hetzner's default name.
    pub async fn change_dns_ptr(
        self,
        id: PrimaryIpId,
        ip: IpAddr,
        name: Option<&str>,
    ) -> Result<Action> {
        self.act(id, "change_dns_ptr")
            .json(&ChangeDnsPtr { ip, dns_ptr: name })
            .one()
            .await
    }

    /// Changes the protection of a Primary IP.
    pub async fn change_protection(
        self,
        id: PrimaryIpId,
        change: &ChangeProtection,
    ) -> Result<Action> {
        self.act(id, "change_protection").json(change).one().await
    }

    /// The actions of all Primary IPs.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/primary_ips")
    }

    /// The actions of one Primary IP.
    pub fn actions_for(self, id: PrimaryIpId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/primary_ips/{id}"))
    }

    fn act(self, id: PrimaryIpId, command: &str) -> Request {
        self.0.act::<PrimaryIp>(id, command)
    }
}

/// A filter for Primary IPs.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListPrimaryIps {
    /// Only the one with this name.
    pub name: Option<String>,
    /// Only the one with this address.
    pub ip: Option<IpAddr>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<PrimaryIpSort>>,
}

/// A Primary IP.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PrimaryIp {
    /// The Primary IP's id.
    #[serde_with(skip_apply)]
    pub id: PrimaryIpId,
    /// The name, unique in the project.
    #[serde_with(skip_apply)]
    pub name: String,
    /// An IPv4 address such as `203.0.113.7`, or an IPv6 network such as `2001:db8:7::/64`.
    pub ip: String,
    /// The IP version.
    #[serde(rename = "type")]
    pub kind: IpType,
    /// The kind of resource that it is assigned to.
    pub assignee_type: AssigneeType,
    /// The server that it is assigned to, if any.
    pub assignee_id: Option<ServerId>,
    /// Whether it is deleted together with its server.
    pub auto_delete: bool,
    /// Whether Hetzner has blocked it because of abuse.
    pub blocked: bool,
    /// The reverse DNS entries, one per address that has one.
    pub dns_ptr: Vec<DnsPtr>,
    /// The location, which must be that of the server.
    pub location: Option<Location>,
    /// The operations that it is protected against.
    pub protection: Protection,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
}

resource!(PrimaryIp, PrimaryIpId, "primary_ip", "primary_ips");

open_enum! {
    /// The version of an IP address.
    pub enum IpType {
        /// A single address.
        Ipv4 = "ipv4",
        /// A network of 2⁶⁴ addresses.
        Ipv6 = "ipv6",
    }
}

open_enum! {
    /// The kind of resource that a Primary IP is assigned to.
    pub enum AssigneeType {
        /// A server.
        Server = "server",
        /// It is not assigned.
        Unassigned = "unassigned",
    }
}

open_enum! {
    /// The sort keys of Primary IPs.
    pub enum PrimaryIpSort {
        Id = "id",
        Created = "created",
    }
}

/// A Primary IP to create.
///
/// The API requires either a server or a location, hence the two constructors.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreatePrimaryIp {
    /// The name, unique in the project.
    pub name: String,
    /// IPv4 or IPv6.
    #[serde(rename = "type")]
    pub kind: IpType,
    /// The location.
    pub location: Option<IdOrName<LocationId>>,
    /// The kind of resource that it is assigned to.
    pub assignee_type: Option<AssigneeType>,
    /// The server to assign it to, which must be off.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub assignee_id: Patch<ServerId>,
    /// Whether it is deleted together with its server.
    pub auto_delete: Option<bool>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreatePrimaryIp {
    /// Creates a request for an unassigned Primary IP in `location`.
    pub fn in_location(
        name: impl Into<String>,
        kind: IpType,
        location: impl Into<IdOrName<LocationId>>,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            location: Some(location.into()),
            assignee_type: None,
            assignee_id: Patch::Keep,
            auto_delete: None,
            labels: Labels::default(),
        }
    }

    /// Creates a request for a Primary IP of a server, which must be off.
    pub fn for_server(name: impl Into<String>, kind: IpType, server: ServerId) -> Self {
        Self {
            name: name.into(),
            kind,
            location: None,
            assignee_type: Some(AssigneeType::Server),
            assignee_id: Patch::Set(server),
            auto_delete: None,
            labels: Labels::default(),
        }
    }
}

/// A Primary IP that was created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PrimaryIpCreated {
    /// The Primary IP.
    #[serde_with(skip_apply)]
    pub primary_ip: PrimaryIp,
    /// The action that assigns it; `None` if it is not assigned.
    pub action: Option<Action>,
}

/// An update of a Primary IP; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdatePrimaryIp {
    /// The new name.
    pub name: Option<String>,
    /// Whether it is deleted together with its server.
    pub auto_delete: Option<bool>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

#[derive(Serialize)]
struct Assign {
    assignee_type: AssigneeType,
    assignee_id: ServerId,
}
