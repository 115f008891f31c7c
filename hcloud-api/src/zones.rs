//! DNS zones.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#zones>

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::number::Integer;
use crate::request::{Request, segment};
use crate::secret::Secret;
use crate::{
    Action, ChangeProtection, Client, CreateRrset, IdOrName, KindActions, LabelSelector, Labels,
    Listing, Protection, ResourceActions, Result, Rrsets, Sort, ZoneId,
};

/// The DNS zones of one project; returned by [`Client::zones`].
///
/// All methods accept a zone's id or its name.
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::CreateZone;
///
/// let zones = client.zones();
/// let created = zones.create(&CreateZone::primary("example.com")).await?;
/// client.wait(created.action).await?;
/// println!("{}", zones.export_zonefile("example.com").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Zones<'a>(pub(crate) &'a Client);

impl<'a> Zones<'a> {
    /// Lists the zones that match `filter`.
    pub fn list(self, filter: &ListZones) -> Listing<Zone> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<Zone>> {
        self.list(&ListZones::default()).all().await
    }

    /// Finds the zone with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<Zone>> {
        self.0.find(name).await
    }

    /// Finds a zone by its id or else by its name.
    pub async fn resolve(self, key: &IdOrName<ZoneId>) -> Result<Option<Zone>> {
        self.0.resolve(key).await
    }

    /// Gets one zone.
    pub async fn get(self, zone: impl Into<IdOrName<ZoneId>>) -> Result<Zone> {
        self.0.get(path(zone)).one().await
    }

    /// Gets one zone, or `None` if it does not exist.
    pub async fn try_get(self, zone: impl Into<IdOrName<ZoneId>>) -> Result<Option<Zone>> {
        found(self.get(zone).await)
    }

    /// Creates a zone, with the records that are required in every zone.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if Hetzner's name servers
    /// already serve the zone.
    pub async fn create(self, zone: &CreateZone) -> Result<ZoneCreated> {
        self.0.post("/zones").json(zone).whole().await
    }

    /// Replaces the labels of a zone.
    pub async fn update(
        self,
        zone: impl Into<IdOrName<ZoneId>>,
        change: &UpdateZone,
    ) -> Result<Zone> {
        self.0.put(path(zone)).json(change).one().await
    }

    /// Deletes a zone with all its records.
    pub async fn delete(self, zone: impl Into<IdOrName<ZoneId>>) -> Result<Option<Action>> {
        self.0.delete(path(zone)).optional().await
    }

    /// The records of a zone.
    pub fn rrsets(self, zone: impl Into<IdOrName<ZoneId>>) -> Rrsets<'a> {
        Rrsets(self.0, format!("{}/rrsets", path(zone)))
    }

    /// Exports all records of a primary zone as a zone file in the format of BIND.
    pub async fn export_zonefile(self, zone: impl Into<IdOrName<ZoneId>>) -> Result<String> {
        let request = self.0.get(format!("{}/zonefile", path(zone)));
        request.field("zonefile").await
    }

    /// Replaces all records of a primary zone with those of a zone file in the format of BIND.
    ///
    /// The file must contain the `SOA` record and the `NS` records of Hetzner's name servers, as an
    /// exported one does.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Protected`](crate::ErrorCode::Protected) if a record set is protected.
    pub async fn import_zonefile(
        self,
        zone: impl Into<IdOrName<ZoneId>>,
        zonefile: &str,
    ) -> Result<Action> {
        self.act(zone, "import_zonefile")
            .json(&ImportZonefile { zonefile })
            .one()
            .await
    }

    /// Changes the default TTL of a primary zone, in seconds.
    pub async fn change_ttl(self, zone: impl Into<IdOrName<ZoneId>>, ttl: u32) -> Result<Action> {
        self.act(zone, "change_ttl")
            .json(&ChangeTtl { ttl })
            .one()
            .await
    }

    /// Replaces the primary name servers of a secondary zone.
    pub async fn change_primary_nameservers(
        self,
        zone: impl Into<IdOrName<ZoneId>>,
        primary_nameservers: &[PrimaryNameserver],
    ) -> Result<Action> {
        self.act(zone, "change_primary_nameservers")
            .json(&ChangePrimaryNameservers {
                primary_nameservers,
            })
            .one()
            .await
    }

    /// Changes the protection of a zone.
    pub async fn change_protection(
        self,
        zone: impl Into<IdOrName<ZoneId>>,
        change: &ChangeProtection,
    ) -> Result<Action> {
        self.act(zone, "change_protection").json(change).one().await
    }

    /// The actions of all zones.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/zones")
    }

    /// The actions of one zone.
    pub fn actions_for(self, zone: impl Into<IdOrName<ZoneId>>) -> ResourceActions<'a> {
        ResourceActions(self.0, path(zone))
    }

    fn act(self, zone: impl Into<IdOrName<ZoneId>>, command: &str) -> Request {
        self.0.post(format!("{}/actions/{command}", path(zone)))
    }
}

fn path(zone: impl Into<IdOrName<ZoneId>>) -> String {
    format!("/zones/{}", segment(zone.into()))
}

/// A filter for zones.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListZones {
    /// Only the one with this name.
    pub name: Option<String>,
    /// Only those in this mode.
    pub mode: Option<ZoneMode>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<ZoneSort>>,
}

open_enum! {
    /// The sort keys of zones.
    pub enum ZoneSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

/// A DNS zone.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Zone {
    /// The zone's id.
    #[serde_with(skip_apply)]
    pub id: ZoneId,
    /// The domain, such as `example.com`.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The mode.
    pub mode: ZoneMode,
    /// The status.
    pub status: ZoneStatus,
    /// The default TTL of record sets, in seconds.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub ttl: Option<u32>,
    /// The number of records.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub record_count: Option<u64>,
    /// The primary name servers of a secondary zone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub primary_nameservers: Vec<PrimaryNameserver>,
    /// Hetzner's name servers, and those to which the domain is delegated.
    pub authoritative_nameservers: AuthoritativeNameservers,
    /// The registrar.
    pub registrar: Registrar,
    /// The operations that it is protected against.
    pub protection: Protection,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
}

resource!(Zone, ZoneId, "zone", "zones");

open_enum! {
    /// The source of a zone's records.
    pub enum ZoneMode {
        /// The API.
        Primary = "primary",
        /// Other name servers, from which they are copied.
        Secondary = "secondary",
    }
}

open_enum! {
    /// The status of a zone on the name servers.
    pub enum ZoneStatus {
        /// The records are served.
        Ok = "ok",
        /// The records are being updated.
        Updating = "updating",
        /// The update failed.
        Error = "error",
    }
}

/// Hetzner's name servers for a zone, and those to which the domain is delegated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AuthoritativeNameservers {
    /// Hetzner's name servers, which must be set at the registrar.
    pub assigned: Vec<String>,
    /// The name servers in the parent zone.
    pub delegated: Vec<String>,
    /// When the delegation was last checked.
    pub delegation_last_check: Option<Timestamp>,
    /// The result of the last check.
    pub delegation_status: Option<DelegationStatus>,
}

open_enum! {
    /// The status of a zone's delegation to Hetzner's name servers.
    pub enum DelegationStatus {
        /// It is delegated to exactly these.
        Valid = "valid",
        /// It is delegated to some of them, or also to others.
        PartiallyValid = "partially-valid",
        /// It is delegated only to others.
        Invalid = "invalid",
        /// It is delegated to name servers that do not serve the zone.
        Lame = "lame",
        /// The domain is not registered.
        Unregistered = "unregistered",
        /// It has not been checked yet.
        Unchecked = "unknown",
    }
}

open_enum! {
    /// Where a domain is registered.
    pub enum Registrar {
        /// Hetzner.
        Hetzner = "hetzner",
        /// Another registrar.
        Other = "other",
        /// The registrar is unknown.
        Undetermined = "unknown",
    }
}

/// A primary name server of a secondary zone.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PrimaryNameserver {
    /// The public address.
    pub address: String,
    /// The port; 53 if `None`.
    #[serde_as(as = "Option<Integer>")]
    pub port: Option<u16>,
    /// The key that transfers are signed with.
    #[serde_as(as = "Option<Secret>")]
    pub tsig_key: Option<SecretString>,
    /// The signature algorithm of transfers.
    pub tsig_algorithm: Option<TsigAlgorithm>,
}

impl PrimaryNameserver {
    /// Creates a name server with this address, port 53 and unsigned transfers.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            port: None,
            tsig_key: None,
            tsig_algorithm: None,
        }
    }

    /// Sets the key of signed transfers.
    pub fn signed(self, algorithm: TsigAlgorithm, key: impl Into<SecretString>) -> Self {
        Self {
            tsig_key: Some(key.into()),
            tsig_algorithm: Some(algorithm),
            ..self
        }
    }
}

open_enum! {
    /// The signature algorithm of zone transfers.
    pub enum TsigAlgorithm {
        HmacMd5 = "hmac-md5",
        HmacSha1 = "hmac-sha1",
        HmacSha256 = "hmac-sha256",
    }
}

/// A zone to create.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreateZone {
    /// The domain, directly below a public suffix such as `de` or `co.uk`.
    pub name: String,
    /// The mode, which cannot be changed later.
    pub mode: ZoneMode,
    /// The default TTL of record sets, in seconds; an hour if `None`.
    pub ttl: Option<u32>,
    /// The primary name servers of a secondary zone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_nameservers: Vec<PrimaryNameserver>,
    /// The initial records of a primary zone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rrsets: Vec<CreateRrset>,
    /// The initial records of a primary zone, as a zone file in the format of BIND.
    pub zonefile: Option<String>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateZone {
    /// Creates a request for a primary zone.
    pub fn primary(name: impl Into<String>) -> Self {
        Self::new(name.into(), ZoneMode::Primary)
    }

    /// Creates a request for a secondary zone, copied from these name servers.
    pub fn secondary(
        name: impl Into<String>,
        primary_nameservers: impl Into<Vec<PrimaryNameserver>>,
    ) -> Self {
        Self {
            primary_nameservers: primary_nameservers.into(),
            ..Self::new(name.into(), ZoneMode::Secondary)
        }
    }

    fn new(name: String, mode: ZoneMode) -> Self {
        Self {
            name,
            mode,
            ttl: None,
            primary_nameservers: Vec::new(),
            rrsets: Vec::new(),
            zonefile: None,
            labels: Labels::default(),
        }
    }
}

/// A zone that is being created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ZoneCreated {
    /// The new zone.
    #[serde_with(skip_apply)]
    pub zone: Zone,
    /// The action that creates it.
    pub action: Option<Action>,
}

/// An update of a zone; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateZone {
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

#[derive(Serialize)]
struct ImportZonefile<'a> {
    zonefile: &'a str,
}

#[derive(Serialize)]
struct ChangeTtl {
    ttl: u32,
}

#[derive(Serialize)]
struct ChangePrimaryNameservers<'a> {
    primary_nameservers: &'a [PrimaryNameserver],
}
