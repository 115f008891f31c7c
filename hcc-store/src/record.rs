//! The stored view of a server.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Deserializer, Map, Number, Value, to_value};
use serde_with::{
    DeserializeAs, DeserializeFromStr, SerializeAs, SerializeDisplay, TimestampSecondsWithFrac,
    serde_as,
};

use crate::Fields;

/// A time, stored as seconds since the epoch with a fraction.
pub(crate) type Seconds = TimestampSecondsWithFrac<f64>;

/// The record of a server; every field has the same name as in the database.
///
/// A field is `None` if it is missing, null, or of an unexpected type; a value of an unexpected
/// type is available in [`extra`](Self::extra).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Record {
    /// The name of the server, which is unique.
    pub name: String,
    /// The ID at Hetzner; a reservation has none yet.
    pub id: Option<u64>,
    /// The stage of the creation; a record inserted by a sync has none.
    pub stage: Option<Stage>,
    /// The status at the last sync, such as `running`.
    pub status: Option<String>,
    /// The time of creation, such as `2026-11-22 14:21:09+00:00`.
    pub created: Option<String>,
    /// The public IPv4 address.
    pub ip4: Option<String>,
    /// The public IPv6 network, such as `2001:db8::/64`.
    pub ip6: Option<String>,
    /// The image that it was created from.
    pub image: Option<Image>,
    /// The server type.
    pub r#type: Option<ServerType>,
    /// The traffic of this month.
    pub io: Option<Traffic>,
    /// The location.
    pub dc: Option<DataCentre>,
    /// Whether it boots into the rescue system next.
    pub rescue: Option<bool>,
    /// The labels at Hetzner.
    pub labels: Option<BTreeMap<String, String>>,
    /// Whether it is locked by an action.
    pub lock: Option<bool>,
    /// The protection from changes.
    pub prot: Option<Protection>,
    /// The addresses in private networks.
    pub net: Option<Vec<PrivateAddress>>,
    /// The ids of the attached volumes.
    pub volumes: Option<Vec<u64>>,
    /// The attached ISO image.
    pub iso: Option<Iso>,
    /// The time window (UTC) of its daily backups, such as `22-02`; none without backups.
    pub window: Option<String>,
    /// The snapshots of its disk, at the last sync of all records.
    pub snapshots: Option<Vec<SavedImage>>,
    /// The daily backups of its disk, at the last sync of all records.
    pub backups: Option<Vec<SavedImage>>,
    /// The root password; a server created with SSH keys has none.
    pub pw: Option<SecretString>,
    /// Why there is no root password, if that is known; without a meaning if there is one.
    pub nopw: Option<NoPassword>,
    /// The actions started by the creation.
    pub act: Option<Vec<Action>>,
    /// The WebSocket URL of the last console, which contains a token.
    pub url: Option<SecretString>,
    /// The password of the last console.
    pub auth: Option<SecretString>,
    /// The time at which the last console was created.
    pub ts: Option<SystemTime>,
    /// The time of the last sync.
    pub synced: Option<SystemTime>,
    /// The outcome of the last command for this server.
    pub last: Option<Outcome>,
    /// The fields of other programs.
    pub extra: ExtraFields,
}

impl Record {
    /// Reads fields of a document, a JSON object, as every backend does it; returns `None` if it has no
    /// name.
    ///
    /// # Errors
    ///
    /// The document is not a JSON object. The error may quote it: use only its position.
    pub fn from_json(document: &str, fields: Fields) -> serde_json::Result<Option<Self>> {
        let mut deserializer = Deserializer::from_str(document);
        let mut document = fields.deserialize(&mut deserializer)?;
        deserializer.end()?;
        let d = &mut document;
        d.remove(UPDATED);
        let Some(name) = take(d, "name") else {
            return Ok(None);
        };
        Ok(Some(Self {
            name,
            id: take_as::<Whole, _>(d, "id"),
            stage: take(d, "stage"),
            status: take(d, "status"),
            created: take(d, "created"),
            ip4: take(d, "ip4"),
            ip6: take(d, "ip6"),
            image: take(d, "image"),
            r#type: take(d, "type"),
            io: take(d, "io"),
            dc: take(d, "dc"),
            rescue: take(d, "rescue"),
            labels: take(d, "labels"),
            lock: take(d, "lock"),
            prot: take(d, "prot"),
            net: take(d, "net"),
            volumes: take(d, "volumes"),
            iso: take(d, "iso"),
            window: take(d, "window"),
            snapshots: take(d, "snapshots"),
            backups: take(d, "backups"),
            pw: take(d, "pw"),
            nopw: take(d, "nopw"),
            act: take(d, "act"),
            url: take(d, "url"),
            auth: take(d, "auth"),
            ts: take_as::<Seconds, _>(d, "ts"),
            synced: take_as::<Seconds, _>(d, "synced"),
            last: take(d, "last"),
            extra: ExtraFields::read(document)?,
        }))
    }

    /// Returns the document of the record, a JSON object with its secrets; fields that are `None` are
    /// left out.
    pub fn to_json(&self) -> String {
        let mut document = Map::from_iter([("name".to_owned(), self.name.as_str().into())]);
        let mut set = |field: &str, value: serde_json::Result<Value>| {
            let value = value.expect("its keys are strings");
            if !value.is_null() {
                document.insert(field.to_owned(), value);
            }
        };
        let secret =
            |it: &Option<SecretString>| to_value(it.as_ref().map(ExposeSecret::expose_secret));
        let time = |it: &Option<SystemTime>| {
            it.map_or(Ok(Value::Null), |it| {
                Seconds::serialize_as(&it, serde_json::value::Serializer)
            })
        };
        set("id", to_value(self.id));
        set("stage", to_value(&self.stage));
        set("status", to_value(&self.status));
        set("created", to_value(&self.created));
        set("ip4", to_value(&self.ip4));
        set("ip6", to_value(&self.ip6));
        set("image", to_value(&self.image));
        set("type", to_value(&self.r#type));
        set("io", to_value(&self.io));
        set("dc", to_value(&self.dc));
        set("rescue", to_value(self.rescue));
        set("labels", to_value(&self.labels));
        set("lock", to_value(self.lock));
        set("prot", to_value(self.prot));
        set("net", to_value(&self.net));
        set("volumes", to_value(&self.volumes));
        set("iso", to_value(&self.iso));
        set("window", to_value(&self.window));
        set("snapshots", to_value(&self.snapshots));
        set("backups", to_value(&self.backups));
        set("pw", secret(&self.pw));
        set("nopw", to_value(&self.nopw));
        set("act", to_value(&self.act));
        set("url", secret(&self.url));
        set("auth", secret(&self.auth));
        set("ts", time(&self.ts));
        set("synced", time(&self.synced));
        set("last", to_value(&self.last));
        document.extend(self.extra.0.clone());
        Value::Object(document).to_string()
    }
}

/// The field of MongoDB's documents by which changed records are found: seconds since the epoch, by
/// the clock of the server.
pub(crate) const UPDATED: &str = "hcc_updated";

/// The fields of a document, each of which is parsed once its type is known.
type Document<'a> = BTreeMap<String, &'a RawValue>;

/// Reads these fields of a document, and skips the others.
impl<'de> DeserializeSeed<'de> for Fields {
    type Value = Document<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, document: D) -> Result<Self::Value, D::Error> {
        document.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Document<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut document = Document::new();
        while let Some(field) = fields.next_key::<String>()? {
            if self.contains(&field) {
                document.insert(field, fields.next_value()?);
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(document)
    }
}

fn take<T: DeserializeOwned>(document: &mut Document<'_>, field: &str) -> Option<T> {
    take_as::<serde_with::Same, T>(document, field)
}

/// Removes and returns a field, unless its value has another type.
fn take_as<As, T>(document: &mut Document<'_>, field: &str) -> Option<T>
where
    As: for<'de> DeserializeAs<'de, T>,
{
    let json = document.get(field)?.get();
    let value = match json {
        "null" => None,
        json => Some(As::deserialize_as(&mut Deserializer::from_str(json)).ok()?),
    };
    document.remove(field);
    value
}

/// The stage of a server's creation.
#[derive(Clone, Debug, PartialEq, Eq, SerializeDisplay, DeserializeFromStr)]
#[non_exhaustive]
pub enum Stage {
    /// The name is reserved; it is not known yet whether the server exists.
    New,
    /// Hetzner has created the server.
    Created,
    /// A value written by another program.
    Unknown(String),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Created => "created",
            Self::Unknown(stage) => stage,
        })
    }
}

impl FromStr for Stage {
    type Err = Infallible;

    fn from_str(stage: &str) -> Result<Self, Infallible> {
        Ok(match stage {
            "new" => Self::New,
            "created" => Self::Created,
            other => Self::Unknown(other.to_owned()),
        })
    }
}

/// Why a record has no root password.
#[derive(Clone, Debug, PartialEq, Eq, SerializeDisplay, DeserializeFromStr)]
#[non_exhaustive]
pub enum NoPassword {
    /// The server was created with SSH keys.
    Keys,
    /// The response to its creation was lost, or had no password.
    Lost,
    /// It was replaced by one that is not recorded.
    Replaced,
    /// A value written by another program.
    Unknown(String),
}

impl fmt::Display for NoPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys => "keys",
            Self::Lost => "lost",
            Self::Replaced => "replaced",
            Self::Unknown(why) => why,
        })
    }
}

impl FromStr for NoPassword {
    type Err = Infallible;

    fn from_str(why: &str) -> Result<Self, Infallible> {
        Ok(match why {
            "keys" => Self::Keys,
            "lost" => Self::Lost,
            "replaced" => Self::Replaced,
            other => Self::Unknown(other.to_owned()),
        })
    }
}

/// An image, as of the last sync of the server.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Image {
    /// The ID.
    #[serde_as(as = "Option<Whole>")]
    pub id: Option<u64>,
    /// The name, such as `debian-13`; a snapshot has none.
    pub name: Option<String>,
    /// The description.
    pub desc: Option<String>,
    /// `system`, `app`, `snapshot` or `backup`.
    pub r#type: Option<String>,
    /// The operating system, such as `debian`.
    pub os: Option<String>,
    /// The version of the operating system.
    pub ver: Option<String>,
    /// Whether servers are created from it quickly.
    pub fast: Option<bool>,
    /// The status; `available` if it can be used.
    pub stat: Option<String>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
}

/// A server type and its price.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ServerType {
    /// The ID.
    #[serde_as(as = "Option<Whole>")]
    pub id: Option<u64>,
    /// The name, such as `cx23`.
    pub name: Option<String>,
    /// The description.
    pub desc: Option<String>,
    /// The number of CPUs.
    #[serde_as(as = "Option<Whole>")]
    pub cpus: Option<u64>,
    /// Memory in GB.
    pub mem: Option<f64>,
    /// Disk in GB.
    #[serde_as(as = "Option<Whole>")]
    pub gb: Option<u64>,
    /// The type of disk: `local` or `network`.
    pub disk: Option<String>,
    /// The type of CPU: `shared` or `dedicated`.
    pub cpu: Option<String>,
    /// The monthly price.
    pub price: Option<Price>,
}

/// The monthly gross price, as the string that Hetzner reports.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Price {
    /// The price at the server's location.
    Here(String),
    /// The lowest and the highest price, if the location has none.
    Between([String; 2]),
}

/// The traffic of a server in this month, in bytes.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Traffic {
    /// The incoming traffic.
    #[serde_as(as = "Option<Whole>")]
    pub r#in: Option<u64>,
    /// The outgoing traffic.
    #[serde_as(as = "Option<Whole>")]
    pub out: Option<u64>,
    /// The outgoing traffic that is included in the price.
    #[serde_as(as = "Option<Whole>")]
    pub max: Option<u64>,
}

/// The place of a server.
///
/// Hetzner no longer reports data centres. Other programs still read `name` and `loc`, so both are
/// filled from the location.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DataCentre {
    /// The ID.
    #[serde_as(as = "Option<Whole>")]
    pub id: Option<u64>,
    /// The name, such as `fsn1`; in older records `fsn1-dc14`.
    pub name: Option<String>,
    /// The description.
    pub desc: Option<String>,
    /// The location.
    pub loc: Option<Location>,
}

/// A location of Hetzner.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Location {
    /// The ID.
    #[serde_as(as = "Option<Whole>")]
    pub id: Option<u64>,
    /// The name, such as `fsn1`.
    pub name: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The country code, such as `DE`.
    pub country: Option<String>,
    /// The nearest city.
    pub city: Option<String>,
    /// The latitude in degrees.
    pub latitude: Option<f64>,
    /// The longitude in degrees.
    pub longitude: Option<f64>,
    /// The network zone, such as `eu-central`.
    pub network_zone: Option<String>,
}

/// The protection of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Protection {
    /// Deletion.
    pub delete: bool,
    /// Rebuilding from an image.
    pub rebuild: bool,
}

/// An action started by a creation, as it was then.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Action {
    /// The command, such as `create_server`.
    pub command: String,
    /// `running`, `success` or `error`.
    pub status: String,
    /// The progress in percent.
    #[serde_as(as = "Whole")]
    pub progress: u64,
    /// The resources that it changes.
    pub resources: Vec<Resource>,
}

/// A resource at Hetzner.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Resource {
    /// The ID.
    #[serde_as(as = "Whole")]
    pub id: u64,
    /// The type, such as `server`.
    pub r#type: String,
}

/// An address in a private network.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct PrivateAddress {
    /// The ID of the network.
    #[serde_as(as = "Option<Whole>")]
    pub network: Option<u64>,
    /// The address.
    pub ip: Option<String>,
    /// Further addresses.
    pub alias: Vec<String>,
}

/// An attached ISO image.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Iso {
    /// The ID.
    #[serde_as(as = "Option<Whole>")]
    pub id: Option<u64>,
    /// The name; a private one has none.
    pub name: Option<String>,
}

/// A snapshot or backup of a server's disk.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct SavedImage {
    /// The ID.
    #[serde_as(as = "Whole")]
    pub id: u64,
    /// The description.
    pub name: String,
    /// The size in GB, by which a snapshot is billed; unknown while the disk is being copied.
    pub size: Option<f64>,
    /// The time of creation, such as `2026-11-22 14:21:09+00:00`.
    pub created: Option<String>,
    /// The status; `available` if it can be used.
    pub stat: Option<String>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
}

/// The outcome of a command.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Outcome {
    /// The command, such as `start`.
    pub cmd: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// The error, if it failed.
    #[serde(default)]
    pub err: Option<String>,
    /// The time at which it ended.
    #[serde_as(as = "Seconds")]
    pub at: SystemTime,
    /// The user who requested it.
    #[serde(default)]
    pub by: Option<String>,
    /// The id of the command in the queue; older releases did not store it.
    #[serde(default)]
    pub id: Option<String>,
    /// How the command ended, as in its event and its dead letter; older releases did not store it.
    #[serde(default)]
    pub outcome: Option<Value>,
}

/// The fields of a record that belong to other programs.
///
/// `Debug` shows only the names of the fields, as values may be secret.
#[derive(Clone, Default, PartialEq)]
pub struct ExtraFields(Map<String, Value>);

impl ExtraFields {
    fn read(document: Document<'_>) -> serde_json::Result<Self> {
        let read =
            |(field, value): (String, &RawValue)| Ok((field, serde_json::from_str(value.get())?));
        Ok(Self(
            document.into_iter().map(read).collect::<Result<_, _>>()?,
        ))
    }

    #[cfg(feature = "mongodb")]
    pub(crate) fn remove(&mut self, field: &str) {
        self.0.remove(field);
    }

    /// Returns the value of one field.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    /// Returns all fields and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(field, value)| (field.as_str(), value))
    }

    /// Returns whether there are no such fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for ExtraFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A whole number, even if it is stored as `44.0`: JavaScript has only doubles.
struct Whole;

impl<'de> DeserializeAs<'de, u64> for Whole {
    fn deserialize_as<D: de::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        /// The largest double up to which every whole number is exact.
        const EXACT: f64 = 9_007_199_254_740_992.0;

        let number = Number::deserialize(deserializer)?;
        let whole = |float: &f64| float.fract() == 0.0 && (0.0..=EXACT).contains(float);
        number
            .as_u64()
            .or_else(|| number.as_f64().filter(whole).map(|float| float as u64))
            .ok_or_else(|| D::Error::custom("not a whole number"))
    }
}

impl SerializeAs<u64> for Whole {
    fn serialize_as<S: serde::Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(*number)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn document_of_a_record_has_all_its_fields() {
        let mut original: Value =
            serde_json::from_str(include_str!("conformance/original.json")).unwrap();
        original["net"] = json!([{ "network": 7, "ip": "10.0.0.2" }]);
        original["volumes"] = json!([3]);
        original["iso"] = json!({ "id": 5, "name": "debian" });
        original["window"] = json!("22-02");
        original["snapshots"] = json!([{ "id": 8, "desc": "nightly" }]);
        original["backups"] = json!([]);
        original["owner"] = json!({ "name": "mary" });
        let record = Record::from_json(&original.to_string(), Fields::All);

        let document = record.unwrap().unwrap().to_json();

        let read = Record::from_json(&document, Fields::All).unwrap().unwrap();
        assert_eq!(read.to_json(), document);
        let document: Value = serde_json::from_str(&document).unwrap();
        for (field, value) in original.as_object().unwrap() {
            let is_kept = value.is_null() || document.get(field).is_some();
            assert!(is_kept, "{field} is missing in {document}");
        }
    }
}
