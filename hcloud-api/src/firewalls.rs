//! Firewalls: which public traffic reaches servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#firewalls>

use std::fmt::Display;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use crate::request::Request;
use crate::wrapped::{InId, InSelector};
use crate::{
    Action, Client, FirewallId, IdOrName, KindActions, LabelSelector, Labels, Listing,
    ResourceActions, Result, ServerId, Sort,
};

/// The firewalls of one project; made by [`Client::firewalls`].
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

/// Every IPv4 and every IPv6 address, for a [`FirewallRule`].
pub const ANYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

impl<'a> Firewalls<'a> {
    /// Lists the firewalls that match `filter`.
    pub fn list(self, filter: &ListFirewalls) -> Listing<Firewall> {
        self.0.get("/firewalls").query(filter).list()
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
        self.0.get(format!("/firewalls/{id}")).one().await
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
        self.0
            .put(format!("/firewalls/{id}"))
            .json(change)
            .one()
            .await
    }

    /// Deletes a firewall.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::ResourceInUse`](crate::ErrorCode::ResourceInUse) while it is applied to
    /// anything; see [`remove_from`](Self::remove_from).
    pub async fn delete(self, id: FirewallId) -> Result<Option<Action>> {
        self.0.delete(format!("/firewalls/{id}")).optional().await
    }

    /// The actions of all firewalls.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/firewalls")
    }

    /// The actions of one firewall.
    pub fn actions_for(self, id: FirewallId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/firewalls/{id}"))
    }

    /// Replaces all rules of a firewall: one action for the rules, and one for each server.
    ///
    /// Without any rules, nothing comes in and everything goes out.
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
    /// if a label selector chose the server: then the selector is to be removed.
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
        self.0.post(format!("/firewalls/{id}/actions/{command}"))
    }
}

/// Which firewalls to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListFirewalls {
    /// Only the firewall with exactly this name.
    pub name: Option<String>,
    /// Only firewalls with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<FirewallSort>>,
}

open_enum! {
    /// What firewalls can be sorted by.
    pub enum FirewallSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

/// A firewall.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Firewall {
    /// Names the firewall.
    pub id: FirewallId,
    /// Unique in the project.
    pub name: String,
    /// What it lets through.
    pub rules: Vec<FirewallRule>,
    /// Whom it protects.
    pub applied_to: Vec<AppliedTo>,
    /// The user's labels.
    #[serde(default)]
    pub labels: Labels,
    /// When it was made.
    pub created: Timestamp,
}

resource!(Firewall, FirewallId, "firewall", "firewalls");

/// Traffic that a firewall lets through.
///
/// Once there is a rule for outgoing traffic, no other traffic goes out.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct FirewallRule {
    /// Where the traffic goes to, seen from the server.
    pub direction: FirewallDirection,
    /// What the traffic consists of.
    pub protocol: FirewallProtocol,
    /// The server's port, or the other side's for outgoing traffic: `443`, `1024-5000` or `any`.
    /// For TCP and UDP only.
    pub port: Option<String>,
    /// Where incoming traffic may come from, such as `198.51.100.0/24`; at most 100 ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_ips: Vec<String>,
    /// Where outgoing traffic may go to, such as `2001:db8::/32`; at most 100 ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destination_ips: Vec<String>,
    /// For people, at most 255 characters.
    pub description: Option<String>,
}

impl FirewallRule {
    /// Lets traffic in that comes from these ranges, or from [`ANYWHERE`].
    pub fn incoming<R: Into<String>>(
        protocol: FirewallProtocol,
        source_ips: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            source_ips: source_ips.into_iter().map(R::into).collect(),
            ..Self::new(FirewallDirection::In, protocol)
        }
    }

    /// Lets traffic out that goes to these ranges, or to [`ANYWHERE`].
    pub fn outgoing<R: Into<String>>(
        protocol: FirewallProtocol,
        destination_ips: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            destination_ips: destination_ips.into_iter().map(R::into).collect(),
            ..Self::new(FirewallDirection::Out, protocol)
        }
    }

    /// The rule for one port, `443`, or a range of ports, `"1024-5000"`. TCP and UDP need one.
    #[must_use]
    pub fn port(mut self, port: impl Display) -> Self {
        self.port = Some(port.to_string());
        self
    }

    /// The rule with a description.
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
    /// Where traffic goes to, seen from the server.
    pub enum FirewallDirection {
        In = "in",
        Out = "out",
    }
}

open_enum! {
    /// What traffic consists of.
    pub enum FirewallProtocol {
        Tcp = "tcp",
        Udp = "udp",
        Icmp = "icmp",
        Esp = "esp",
        Gre = "gre",
    }
}

/// Whom a firewall protects: a server, or all servers that a label selector chooses.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct AppliedTo {
    /// Which of the two it is.
    #[serde(rename = "type", default = "server")]
    pub kind: FirewallTargetType,
    /// The server; `None` for a label selector.
    #[serde_as(as = "Option<InId>")]
    #[serde(default)]
    pub server: Option<ServerId>,
    /// The label selector as its author wrote it; `None` for a server.
    #[serde_as(as = "Option<InSelector>")]
    #[serde(default)]
    pub label_selector: Option<String>,
    /// The servers that the label selector chooses now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applied_to_resources: Vec<Self>,
}

impl AppliedTo {
    /// The same as requests say it; `None` if this version cannot say it.
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
        /// All servers with matching labels, also those to come.
        LabelSelector = "label_selector",
    }
}

/// What a firewall is applied to where the API does not say it: label selectors choose servers.
fn server() -> FirewallTargetType {
    FirewallTargetType::Server
}

/// Whom to protect by a firewall.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FirewallTarget {
    /// One server.
    Server {
        /// The server, which needs a public address.
        #[serde_as(as = "InId")]
        server: ServerId,
    },
    /// All servers with matching labels, also those to come.
    LabelSelector {
        /// What chooses the servers.
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
#[derive(Clone, Debug, Serialize)]
pub struct CreateFirewall {
    /// Unique in the project, at most 128 characters.
    pub name: String,
    /// What it shall let through, at most 50 rules. Without any, nothing comes in and everything
    /// goes out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<FirewallRule>,
    /// Whom it shall protect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apply_to: Vec<FirewallTarget>,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateFirewall {
    /// A firewall without rules that is not applied to anything.
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
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct FirewallCreated {
    /// The firewall as it begins.
    pub firewall: Firewall,
    /// Set its rules and apply it.
    #[serde(default)]
    pub actions: Vec<Action>,
}

/// What to change about a firewall; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateFirewall {
    /// The name from now on.
    pub name: Option<String>,
    /// All labels from now on: those missing here are removed.
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
