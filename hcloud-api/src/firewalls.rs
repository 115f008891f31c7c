//! Firewalls, which filter the public traffic of servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#firewalls>

use std::fmt::Display;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::request::Request;
use crate::wrapped::{InId, InSelector};
use crate::{
    Action, Client, FirewallId, IdOrName, KindActions, LabelSelector, Labels, Listing,
    ResourceActions, Result, ServerId, Sort,
};

/// The firewalls of one project; returned by [`Client::firewalls`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> anyhow::Result<()> {
/// use hcloud_api::{ANYWHERE, CreateFirewall, FirewallProtocol, FirewallRule, LabelSelector};
///
/// let created = client.firewalls().create(&CreateFirewall {
///     rules: vec![
///         FirewallRule::incoming(FirewallProtocol::Tcp, ANYWHERE).port(443),
///         FirewallRule::incoming(FirewallProtocol::Tcp, ["198.51.100.0/24"]).port(22),
///         FirewallRule::incoming(FirewallProtocol::Icmp, ANYWHERE),
///     ],
///     apply_to: vec![LabelSelector::new().equals("role", "web")?.into()],
///     ..CreateFirewall::new("web")
/// }).await?;
/// client.wait(&created.actions).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Firewalls<'a>(pub(crate) &'a Client);

/// All IPv4 and IPv6 addresses, for a [`FirewallRule`].
pub const ANYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

impl<'a> Firewalls<'a> {
    /// Lists the firewalls that match `filter`.
    pub fn list(self, filter: &ListFirewalls) -> Listing<Firewall> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<Firewall>> {
        self.list(&ListFirewalls::default()).all().await
    }

    /// Finds the firewall with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<Firewall>> {
        self.0.find(name).await
    }

    /// Finds a firewall by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<FirewallId>) -> Result<Option<Firewall>> {
        self.0.resolve(key).await
    }

    /// Gets one firewall.
    pub async fn get(self, id: FirewallId) -> Result<Firewall> {
        self.0.fetch(id).await
    }

    /// Gets one firewall, or `None` if it does not exist.
    pub async fn try_get(self, id: FirewallId) -> Result<Option<Firewall>> {
        found(self.get(id).await)
    }

    /// Creates a firewall.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if the name is taken.
    pub async fn create(self, firewall: &CreateFirewall) -> Result<FirewallCreated> {
        self.0.post("/firewalls").json(firewall).whole().await
    }

    /// Renames a firewall or replaces its labels.
    pub async fn update(self, id: FirewallId, change: &UpdateFirewall) -> Result<Firewall> {
        self.0.change(id, change).await
    }

    /// Deletes a firewall.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::ResourceInUse`](crate::ErrorCode::ResourceInUse) while it is applied to a
    /// server; see [`remove_from`](Self::remove_from).
    pub async fn delete(self, id: FirewallId) -> Result<Option<Action>> {
        self.0.remove::<Firewall>(id).await
    }

    /// The actions of all firewalls.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/firewalls")
    }

    /// The actions of one firewall.
    pub fn actions_for(self, id: FirewallId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/firewalls/{id}"))
    }

    /// Replaces all rules of a firewall; returns one action for the rules and one for each server.
    ///
    /// Without rules, all incoming traffic is blocked and all outgoing traffic allowed.
    pub async fn set_rules(self, id: FirewallId, rules: &[FirewallRule]) -> Result<Vec<Action>> {
        self.act(id, "set_rules")
            .json(&SetRules { rules })
            .field("actions")
            .await
    }

    /// Applies a firewall to further servers.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::FirewallAlreadyApplied`](crate::ErrorCode::FirewallAlreadyApplied),
    /// [`ErrorCode::PrivateNetOnlyServer`](crate::ErrorCode::PrivateNetOnlyServer) if a server has
    /// no public address.
    pub async fn apply_to(self, id: FirewallId, targets: &[FirewallTarget]) -> Result<Vec<Action>> {
        self.act(id, "apply_to_resources")
            .json(&ApplyTo { apply_to: targets })
            .field("actions")
            .await
    }

    /// Removes a firewall from servers that it is applied to.
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
    /// use hcloud_api::{AppliedTo, FirewallId};
    ///
    /// let firewalls = client.firewalls();
    /// let web = firewalls.get(FirewallId::new(38)).await?;
    /// let everywhere: Vec<_> = web.applied_to.iter().filter_map(AppliedTo::target).collect();
    /// client.wait(firewalls.remove_from(web.id, &everywhere).await?).await?;
    /// firewalls.delete(web.id).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorCode::FirewallManagedByLabelSelector`](crate::ErrorCode::FirewallManagedByLabelSelector)
    /// if the server matches a label selector; remove the selector instead.
    pub async fn remove_from(
        self,
        id: FirewallId,
        targets: &[FirewallTarget],
    ) -> Result<Vec<Action>> {
        self.act(id, "remove_from_resources")
            .json(&RemoveFrom {
                remove_from: targets,
            })
            .field("actions")
            .await
    }

    fn act(self, id: FirewallId, command: &str) -> Request {
        self.0.act::<Firewall>(id, command)
    }
}

/// A filter for firewalls.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListFirewalls {
    /// Only the firewall with exactly this name.
    pub name: Option<String>,
    /// Only firewalls with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<FirewallSort>>,
}

open_enum! {
    /// The sort keys of firewalls.
    pub enum FirewallSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

/// A firewall.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Firewall {
    /// The firewall's id.
    #[serde_with(skip_apply)]
    pub id: FirewallId,
    /// The name, unique in the project.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The rules.
    pub rules: Vec<FirewallRule>,
    /// The servers and label selectors that it is applied to.
    pub applied_to: Vec<AppliedTo>,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
}

resource!(Firewall, FirewallId, "firewall", "firewalls");

/// A rule that allows traffic.
///
/// Once there is a rule for outgoing traffic, all other outgoing traffic is blocked.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FirewallRule {
    /// The direction of the traffic, as seen from the server.
    pub direction: FirewallDirection,
    /// The protocol.
    pub protocol: FirewallProtocol,
    /// The destination port: `443`, `1024-5000` or `any`.
    /// For TCP and UDP only.
    pub port: Option<String>,
    /// The allowed sources of incoming traffic, such as `198.51.100.0/24`; at most 100 ranges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_ips: Vec<String>,
    /// The allowed destinations of outgoing traffic, such as `2001:db8::/32`; at most 100 ranges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destination_ips: Vec<String>,
    /// The description, at most 255 characters.
    pub description: Option<String>,
}

impl FirewallRule {
    /// Creates a rule that allows incoming traffic from these ranges, or from [`ANYWHERE`].
    pub fn incoming<R: Into<String>>(
        protocol: FirewallProtocol,
        source_ips: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            source_ips: source_ips.into_iter().map(R::into).collect(),
            ..Self::new(FirewallDirection::In, protocol)
        }
    }

    /// Creates a rule that allows outgoing traffic to these ranges, or to [`ANYWHERE`].
    pub fn outgoing<R: Into<String>>(
        protocol: FirewallProtocol,
        destination_ips: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            destination_ips: destination_ips.into_iter().map(R::into).collect(),
            ..Self::new(FirewallDirection::Out, protocol)
        }
    }

    /// Sets the port, `443`, or a range of ports, `"1024-5000"`; required for TCP and UDP.
    #[must_use]
    pub fn port(mut self, port: impl Display) -> Self {
        self.port = Some(port.to_string());
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    fn new(direction: FirewallDirection, protocol: FirewallProtocol) -> Self {
        Self {
            direction,
            protocol,
            port: None,
            source_ips: Vec::new(),
            destination_ips: Vec::new(),
            description: None,
        }
    }
}

open_enum! {
    /// The direction of traffic, as seen from the server.
    pub enum FirewallDirection {
        In = "in",
        Out = "out",
    }
}

open_enum! {
    /// The protocol of traffic.
    pub enum FirewallProtocol {
        Tcp = "tcp",
        Udp = "udp",
        Icmp = "icmp",
        Esp = "esp",
        Gre = "gre",
    }
}

/// What a firewall is applied to: a server, or all servers that match a label selector.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct AppliedTo {
    /// The type.
    #[serde(rename = "type", default = "server")]
    #[serde_with(skip_apply)]
    pub kind: FirewallTargetType,
    /// The server; `None` for a label selector.
    #[serde_as(as = "Option<InId>", no_default)]
    pub server: Option<ServerId>,
    /// The label selector as it was written; `None` for a server.
    #[serde_as(as = "Option<InSelector>", no_default)]
    pub label_selector: Option<String>,
    /// The servers that currently match the label selector.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub applied_to_resources: Vec<Self>,
}

impl AppliedTo {
    /// Returns the same for use in requests; `None` if this version does not support it.
    pub fn target(&self) -> Option<FirewallTarget> {
        match self.kind {
            FirewallTargetType::Server => Some(self.server?.into()),
            FirewallTargetType::LabelSelector => {
                let selector: LabelSelector = self.label_selector.as_ref()?.parse().ok()?;
                Some(selector.into())
            }
            FirewallTargetType::Unknown(_) => None,
        }
    }
}

open_enum! {
    /// What a firewall is applied to.
    pub enum FirewallTargetType {
        /// One server.
        Server = "server",
        /// All servers with matching labels, including future ones.
        LabelSelector = "label_selector",
    }
}

/// The type if the API omits it, in the servers of a label selector.
fn server() -> FirewallTargetType {
    FirewallTargetType::Server
}

/// What to apply a firewall to.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FirewallTarget {
    /// One server.
    Server {
        /// The server, which must have a public address.
        #[serde_as(as = "InId")]
        server: ServerId,
    },
    /// All servers with matching labels, including future ones.
    LabelSelector {
        /// The label selector.
        #[serde_as(as = "InSelector")]
        label_selector: LabelSelector,
    },
}

impl From<ServerId> for FirewallTarget {
    fn from(server: ServerId) -> Self {
        Self::Server { server }
    }
}

impl From<LabelSelector> for FirewallTarget {
    fn from(label_selector: LabelSelector) -> Self {
        Self::LabelSelector { label_selector }
    }
}

/// A firewall to create.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreateFirewall {
    /// The name, unique in the project, at most 128 characters.
    pub name: String,
    /// The rules, at most 50. Without any, all incoming traffic is blocked and all outgoing traffic
    /// allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<FirewallRule>,
    /// What to apply it to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apply_to: Vec<FirewallTarget>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateFirewall {
    /// Creates a request for a firewall without rules that is not applied to anything.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            rules: Vec::new(),
            apply_to: Vec::new(),
            labels: Labels::default(),
        }
    }
}

/// A firewall that was created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct FirewallCreated {
    /// The new firewall.
    #[serde_with(skip_apply)]
    pub firewall: Firewall,
    /// The actions that set its rules and apply it.
    pub actions: Vec<Action>,
}

/// An update of a firewall; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateFirewall {
    /// The new name.
    pub name: Option<String>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

#[derive(Serialize)]
struct SetRules<'a> {
    rules: &'a [FirewallRule],
}

#[derive(Serialize)]
struct ApplyTo<'a> {
    apply_to: &'a [FirewallTarget],
}

#[derive(Serialize)]
struct RemoveFrom<'a> {
    remove_from: &'a [FirewallTarget],
}
