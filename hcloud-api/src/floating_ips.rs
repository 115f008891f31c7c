//! Floating IPs: public addresses that move from server to server while these run.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#floating-ips>

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::dns_ptr::ChangeDnsPtr;
use crate::request::Request;
use crate::{
    Action, ChangeProtection, Client, DnsPtr, FloatingIpId, IdOrName, IpType, KindActions,
    LabelSelector, Labels, Listing, Location, LocationId, Patch, Protection, ResourceActions,
    Result, ServerId, Sort,
};

/// The Floating IPs of one project; made by [`Client::floating_ips`].
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
        self.0.get("/floating_ips").query(filter).list()
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
        self.0.get(format!("/floating_ips/{id}")).one().await
    }

    /// Creates a Floating IP, for a server or in a location, which costs money from now on.
    ///
    /// A create is not sent twice after a lost answer. Give it a name of your own, so that
    /// [`find`](Self::find) tells whether it took effect.
    pub async fn create(self, floating_ip: &CreateFloatingIp) -> Result<FloatingIpCreated> {
        self.0.post("/floating_ips").json(floating_ip).whole().await
    }

    /// Changes the name, the description or the labels.
    pub async fn update(self, id: FloatingIpId, change: &UpdateFloatingIp) -> Result<FloatingIp> {
        self.0
            .put(format!("/floating_ips/{id}"))
            .json(change)
            .one()
            .await
    }

    /// Deletes a Floating IP.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::MustBeUnassigned`](crate::ErrorCode::MustBeUnassigned) while it is assigned;
    /// see [`unassign`](Self::unassign).
    pub async fn delete(self, id: FloatingIpId) -> Result<Option<Action>> {
        self.0
            .delete(format!("/floating_ips/{id}"))
            .optional()
            .await
    }

    /// The actions of all Floating IPs.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/floating_ips")
    }

    /// The actions of one Floating IP.
    pub fn actions_for(self, id: FloatingIpId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/floating_ips/{id}"))
    }

    /// Assigns a Floating IP to a server, also of another location.
    ///
    /// The server has to set the address up itself.
    pub async fn assign(self, id: FloatingIpId, server: ServerId) -> Result<Action> {
        self.act(id, "assign").json(&Assign { server }).one().await
    }

    /// Takes a Floating IP from its server; nobody can be reached by it then.
    pub async fn unassign(self, id: FloatingIpId) -> Result<Action> {
        self.act(id, "unassign").one().await
    }

    /// Sets the name of an address in reverse DNS; `None` restores Hetzner's own name for it.
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

    /// Changes what a Floating IP is protected against.
    pub async fn change_protection(
        self,
        id: FloatingIpId,
        change: &ChangeProtection,
    ) -> Result<Action> {
        self.act(id, "change_protection").json(change).one().await
    }

    fn act(self, id: FloatingIpId, command: &str) -> Request {
        self.0.post(format!("/floating_ips/{id}/actions/{command}"))
    }
}

/// Which Floating IPs to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListFloatingIps {
    /// Only the one with exactly this name.
    pub name: Option<String>,
    /// Only Floating IPs with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<FloatingIpSort>>,
}

open_enum! {
    /// What Floating IPs can be sorted by.
    pub enum FloatingIpSort {
        Id = "id",
        Created = "created",
    }
}

/// A Floating IP.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct FloatingIp {
    /// Names the Floating IP.
    pub id: FloatingIpId,
    /// Unique in the project.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// An IPv4 address such as `203.0.113.9`, or an IPv6 network such as `2001:db8:9::/64`.
    pub ip: String,
    /// Which of the two it is.
    #[serde(rename = "type")]
    pub kind: IpType,
    /// The server it is assigned to, if any.
    pub server: Option<ServerId>,
    /// Reverse DNS, one entry per address that has one.
    pub dns_ptr: Vec<DnsPtr>,
    /// Where it is at home; the way to servers elsewhere is longer.
    pub home_location: Location,
    /// Whether Hetzner blocked it because of abuse.
    pub blocked: bool,
    /// What it is protected against.
    pub protection: Protection,
    /// The user's labels.
    pub labels: Labels,
    /// When it was made.
    pub created: Timestamp,
}

resource!(FloatingIp, FloatingIpId, "floating_ip", "floating_ips");

/// A Floating IP to create.
///
/// The API wants either a server or a location, hence the two constructors.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct CreateFloatingIp {
    /// IPv4 or IPv6.
    #[serde(rename = "type")]
    pub kind: IpType,
    /// Where it shall be at home.
    pub home_location: Option<IdOrName<LocationId>>,
    /// The server to assign it to.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub server: Patch<ServerId>,
    /// Unique in the project; the API makes one up if `None`.
    pub name: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<String>,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateFloatingIp {
    /// A Floating IP that waits in `location` for a server.
    pub fn in_location(kind: IpType, location: impl Into<IdOrName<LocationId>>) -> Self {
        Self {
            home_location: Some(location.into()),
            ..Self::new(kind)
        }
    }

    /// A Floating IP that is assigned to a server, and at home where the server is.
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
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct FloatingIpCreated {
    /// The Floating IP.
    pub floating_ip: FloatingIp,
    /// Assigns it; `None` if it was not to be assigned.
    pub action: Option<Action>,
}

/// What to change about a Floating IP; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateFloatingIp {
    /// The name from now on.
    pub name: Option<String>,
    /// The description from now on.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<String>,
    /// All labels from now on: those missing here are removed.
    pub labels: Option<Labels>,
}

#[derive(Serialize)]
struct Assign {
    server: ServerId,
}
