//! DNS zones: the domains that Hetzner's name servers answer for.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#zones>

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use crate::number::Integer;
use crate::request::{Request, segment};
use crate::secret::Secret;
use crate::{
    Action, ChangeProtection, Client, CreateRrset, IdOrName, KindActions, LabelSelector, Labels,
    Listing, Protection, ResourceActions, Result, Rrsets, Sort, ZoneId,
};

/// The DNS zones of one project; made by [`Client::zones`].
///
/// Wherever a zone is meant, its id and its name do.
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::CreateZone;
///
/// let zones = client.zones();
/// let created = zones.create(&CreateZone::primary("example.com")).await?;
/// client.wait([created.action]).await?;
/// println!("{}", zones.export_zonefile("example.com").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Zones<'a>(pub(crate) &'a Client);

impl<'a> Zones<'a> {
    /// Lists the zones that match `filter`.
    pub fn list(self, filter: &ListZones) -> Listing<Zone> {
        self.0.get("/zones").query(filter).list()
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

    /// Creates a zone, with the records that every zone needs.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if Hetzner's name servers
    /// answer for it already.
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

    /// Writes all records of a primary zone as a zone file in the format of BIND.
    pub async fn export_zonefile(self, zone: impl Into<IdOrName<ZoneId>>) -> Result<String> {
        let request = self.0.get(format!("{}/zonefile", path(zone)));
        request.field("zonefile").await
    }

    /// Replaces all records of a primary zone by those of a zone file in the format of BIND.
    ///
    /// The file has to hold the `SOA` record and the `NS` records of Hetzner's name servers, as an
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

    /// Changes how long record sets of a primary zone are kept in caches, in seconds, where they
    /// do not say it themselves.
    pub async fn change_ttl(self, zone: impl Into<IdOrName<ZoneId>>, ttl: u32) -> Result<Action> {
        self.act(zone, "change_ttl")
            .json(&ChangeTtl { ttl })
            .one()
            .await
    }

    /// Replaces the name servers that a secondary zone is copied from.
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

    /// Changes what a zone is protected against.
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

/// Which zones to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListZones {
    /// Only the one with exactly this name.
    pub name: Option<String>,
    /// Only those in this mode.
    pub mode: Option<ZoneMode>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<ZoneSort>>,
}

open_enum! {
    /// What zones can be sorted by.
    pub enum ZoneSort {
        /// Their ids.
        Id = "id",
        /// Their names.
        Name = "name",
        /// When they were made.
        Created = "created",
    }
}

/// A DNS zone.
#[serde_as]
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Zone {
    /// Names the zone.
    pub id: ZoneId,
    /// The domain, `example.com`.
    pub name: String,
    /// Where its records come from.
    pub mode: ZoneMode,
    /// Whether the name servers have its records.
    pub status: ZoneStatus,
    /// How long record sets are kept in caches that do not say it themselves, in seconds.
    #[serde_as(as = "Integer")]
    pub ttl: u32,
    /// How many records it has.
    #[serde_as(as = "Integer")]
    pub record_count: u64,
    /// Where a secondary zone is copied from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_nameservers: Vec<PrimaryNameserver>,
    /// Hetzner's name servers, and those that the world asks.
    pub authoritative_nameservers: AuthoritativeNameservers,
    /// Where the domain is registered.
    pub registrar: Registrar,
    /// What it is protected against.
    pub protection: Protection,
    /// The user's labels.
    pub labels: Labels,
    /// When it was made.
    pub created: Timestamp,
}

resource!(Zone, ZoneId, "zone", "zones");

open_enum! {
    /// Where the records of a zone come from.
    pub enum ZoneMode {
        /// From the API.
        Primary = "primary",
        /// From other name servers, which Hetzner's copy.
        Secondary = "secondary",
    }
}

open_enum! {
    /// Whether the name servers have the records of a zone.
    pub enum ZoneStatus {
        /// They have.
        Ok = "ok",
        /// They are getting them.
        Updating = "updating",
        /// They could not get them.
        Error = "error",
    }
}

/// Hetzner's name servers for a zone, and those that the world asks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct AuthoritativeNameservers {
    /// Hetzner's, which the registrar has to name.
    #[serde(default)]
    pub assigned: Vec<String>,
    /// Those that the parent zone names.
    #[serde(default)]
    pub delegated: Vec<String>,
    /// When the parent zone was last asked.
    pub delegation_last_check: Option<Timestamp>,
    /// How far the two agree.
    pub delegation_status: Option<DelegationStatus>,
}

open_enum! {
    /// How far the parent of a zone names Hetzner's name servers.
    pub enum DelegationStatus {
        /// It names them and no others.
        Valid = "valid",
        /// It names some of them, or others too.
        PartiallyValid = "partially-valid",
        /// It names others only.
        Invalid = "invalid",
        /// It names name servers that do not answer for the zone.
        Lame = "lame",
        /// It does not know the domain.
        Unregistered = "unregistered",
        /// It was not asked yet.
        Unchecked = "unknown",
    }
}

open_enum! {
    /// Where a domain is registered.
    pub enum Registrar {
        /// With Hetzner.
        Hetzner = "hetzner",
        /// Elsewhere.
        Other = "other",
        /// Hetzner does not know.
        Undetermined = "unknown",
    }
}

/// A name server that a secondary zone is copied from.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PrimaryNameserver {
    /// Its public address.
    pub address: String,
    /// Its port; 53 if `None`.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub port: Option<u16>,
    /// The key that transfers are signed with.
    #[serde_as(as = "Option<Secret>")]
    #[serde(default)]
    pub tsig_key: Option<SecretString>,
    /// How transfers are signed.
    pub tsig_algorithm: Option<TsigAlgorithm>,
}

impl PrimaryNameserver {
    /// The name server with this address, port 53, without signatures.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            port: None,
            tsig_key: None,
            tsig_algorithm: None,
        }
    }

    /// Has transfers signed.
    pub fn signed(self, algorithm: TsigAlgorithm, key: impl Into<SecretString>) -> Self {
        Self {
            tsig_key: Some(key.into()),
            tsig_algorithm: Some(algorithm),
            ..self
        }
    }
}

open_enum! {
    /// How zone transfers are signed.
    pub enum TsigAlgorithm {
        HmacMd5 = "hmac-md5",
        HmacSha1 = "hmac-sha1",
        HmacSha256 = "hmac-sha256",
    }
}

/// A zone to create.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct CreateZone {
    /// The domain, directly below a public suffix such as `de` or `co.uk`.
    pub name: String,
    /// Where its records come from, which can never change.
    pub mode: ZoneMode,
    /// How long record sets are kept in caches that do not say it themselves, in seconds; an hour
    /// if `None`.
    pub ttl: Option<u32>,
    /// Where a secondary zone is copied from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub primary_nameservers: Vec<PrimaryNameserver>,
    /// The records that a primary zone begins with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rrsets: Vec<CreateRrset>,
    /// The records that a primary zone begins with, as a zone file in the format of BIND.
    pub zonefile: Option<String>,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateZone {
    /// A zone whose records are kept by the API.
    pub fn primary(name: impl Into<String>) -> Self {
        Self::new(name.into(), ZoneMode::Primary)
    }

    /// A zone whose records are copied from other name servers.
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
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ZoneCreated {
    /// The zone as it begins.
    pub zone: Zone,
    /// Creates it.
    pub action: Action,
}

/// What to change about a zone; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateZone {
    /// All labels from now on: those missing here are removed.
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
