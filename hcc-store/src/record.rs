//! Our stored view of a server.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use secrecy::SecretString;
use serde::de::{self, DeserializeOwned, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Deserializer, Map, Number, Value};
use serde_with::{
    DeserializeAs, DeserializeFromStr, SerializeAs, SerializeDisplay, TimestampSecondsWithFrac,
    serde_as,
};

/// Times are seconds since the epoch, with a fraction.
pub(crate) type Seconds = TimestampSecondsWithFrac<f64>;

/// A server's record; every field has the name that it has in the database.
///
/// A field is `None` when it is missing, null, or of a type that is not ours;
/// the latter is found in [`extra`](Self::extra), where nothing is lost.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Record {
    /// The server's name, which no other record has.
    pub name: String,
    /// Hetzner's id; a reservation has none yet.
    pub id: Option<u64>,
    /// How far its creation is; a record made by a sync has none.
    pub stage: Option<Stage>,
    /// What the server was doing when Hetzner was last asked, such as `running`.
    pub status: Option<String>,
    /// When the server was created: `2026-11-22 14:21:09+00:00`.
    pub created: Option<String>,
    /// Its public IPv4 address.
    pub ip4: Option<String>,
    /// Its public IPv6 network, such as `2001:db8::/64`.
    pub ip6: Option<String>,
    /// The image it was made of.
    pub image: Option<Image>,
    /// Its server type.
    pub r#type: Option<ServerType>,
    /// Its traffic.
    pub io: Option<Traffic>,
    /// Where it stands.
    pub dc: Option<DataCentre>,
    /// Whether its next start is into the rescue system.
    pub rescue: Option<bool>,
    /// Its labels at Hetzner.
    pub labels: Option<BTreeMap<String, String>>,
    /// Whether Hetzner is working on it.
    pub lock: Option<bool>,
    /// What it is protected from.
    pub prot: Option<Protection>,
    /// The root password; a server with SSH keys has none.
    pub pw: Option<SecretString>,
    /// The actions that its creation started.
    pub act: Option<Vec<Action>>,
    /// The last console's WebSocket URL, which holds a token.
    pub url: Option<SecretString>,
    /// The last console's password.
    pub auth: Option<SecretString>,
    /// When the last console was made.
    pub ts: Option<SystemTime>,
    /// When Hetzner was last asked.
    pub synced: Option<SystemTime>,
    /// How the last command for this server ended.
    pub last: Option<Outcome>,
    /// What other programs keep in the record.
    pub extra: ExtraFields,
}

impl Record {
    /// Reads a document of JSON; one without a name is no record.
    ///
    /// # Errors
    ///
    /// The text is no JSON object.
    pub(crate) fn read(document: &str) -> serde_json::Result<Option<Self>> {
        let mut document: Document<'_> = serde_json::from_str(document)?;
        let d = &mut document;
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
            pw: take(d, "pw"),
            act: take(d, "act"),
            url: take(d, "url"),
            auth: take(d, "auth"),
            ts: take_as::<Seconds, _>(d, "ts"),
            synced: take_as::<Seconds, _>(d, "synced"),
            last: take(d, "last"),
            extra: ExtraFields::read(document)?,
        }))
    }
}

/// The fields of a document, of which each is read when its type is known.
type Document<'a> = BTreeMap<String, &'a RawValue>;

fn take<T: DeserializeOwned>(document: &mut Document<'_>, field: &str) -> Option<T> {
    take_as::<serde_with::Same, T>(document, field)
}

/// Takes a field out of a document, unless its value is of another type.
fn take_as<As, T>(document: &mut Document<'_>, field: &str) -> Option<T>
where
    As: for<'de> DeserializeAs<'de, T>,
{
    let text = document.get(field)?.get();
    let value = match text {
        "null" => None,
        text => Some(As::deserialize_as(&mut Deserializer::from_str(text)).ok()?),
    };
    document.remove(field);
    value
}

/// How far the creation of a server is.
#[derive(Clone, Debug, PartialEq, Eq, SerializeDisplay, DeserializeFromStr)]
#[non_exhaustive]
pub enum Stage {
    /// The name is reserved; whether Hetzner has the server is not known yet.
    New,
    /// Hetzner has created it.
    Created,
    /// What another program wrote.
    Unknown(String),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Created => "created",
            Self::Unknown(text) => text,
        })
    }
}

impl FromStr for Stage {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "new" => Self::New,
            "created" => Self::Created,
            other => Self::Unknown(other.to_owned()),
        })
    }
}

/// An image, as it was when the server was last looked at.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Image {
    /// Its id.
    #[serde_as(as = "Option<Whole>")]
    pub id: Option<u64>,
    /// Its name, such as `debian-13`; a snapshot has none.
    pub name: Option<String>,
    /// What it says of itself.
    pub desc: Option<String>,
    /// `system`, `app`, `snapshot` or `backup`.
    pub r#type: Option<String>,
    /// Its operating system, such as `debian`.
    pub os: Option<String>,
    /// The operating system's version.
    pub ver: Option<String>,
    /// Whether servers are made of it quickly.
    pub fast: Option<bool>,
    /// Whether it can be used: `available`.
    pub stat: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A server type and its price.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ServerType {
    /// Its id.
    #[serde_as(as = "Option<Whole>")]
    pub id: Option<u64>,
    /// Its name, such as `cx23`.
    pub name: Option<String>,
    /// What it says of itself.
    pub desc: Option<String>,
    /// How many CPUs.
    #[serde_as(as = "Option<Whole>")]
    pub cpus: Option<u64>,
    /// Memory in GB.
    pub mem: Option<f64>,
    /// Disk in GB.
    #[serde_as(as = "Option<Whole>")]
    pub gb: Option<u64>,
    /// Where its disk is: `local` or `network`.
    pub disk: Option<String>,
    /// Whether its CPUs are `shared` or `dedicated`.
    pub cpu: Option<String>,
    /// What it costs.
    pub price: Option<Price>,
}

/// The gross price of a month, in the text that Hetzner gives.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Price {
    /// At the server's location.
    Here(String),
    /// The lowest and the highest, where the location has no price.
    Between([String; 2]),
}

/// A server's traffic of this month, in bytes.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Traffic {
    /// What it received.
    #[serde_as(as = "Option<Whole>")]
    pub r#in: Option<u64>,
    /// What it sent.
    #[serde_as(as = "Option<Whole>")]
    pub out: Option<u64>,
    /// What it may send before that costs extra.
    #[serde_as(as = "Option<Whole>")]
    pub max: Option<u64>,
}

/// Where a server stands.
///
/// Hetzner has no data centres any more. Programs still read `name` and `loc`,
/// so both are filled from the location.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DataCentre {
    /// Its id.
    #[serde_as(as = "Option<Whole>")]
    pub id: Option<u64>,
    /// Its name, such as `fsn1`; in older records `fsn1-dc14`.
    pub name: Option<String>,
    /// What it says of itself.
    pub desc: Option<String>,
    /// Its location.
    pub loc: Option<Location>,
}

/// A location, as Hetzner describes it.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Location {
    /// Its id.
    #[serde_as(as = "Option<Whole>")]
    pub id: Option<u64>,
    /// Its name, such as `fsn1`.
    pub name: Option<String>,
    /// What it says of itself.
    pub description: Option<String>,
    /// Two letters, such as `DE`.
    pub country: Option<String>,
    /// The next city.
    pub city: Option<String>,
    /// In degrees, north positive.
    pub latitude: Option<f64>,
    /// In degrees, east positive.
    pub longitude: Option<f64>,
    /// The network zone, such as `eu-central`.
    pub network_zone: Option<String>,
}

/// What a server is protected from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Protection {
    /// Deletion.
    pub delete: bool,
    /// Being made anew from an image.
    pub rebuild: bool,
}

/// One of the actions that a creation started, as it was then.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Action {
    /// What it does, such as `create_server`.
    pub command: String,
    /// `running`, `success` or `error`.
    pub status: String,
    /// In percent.
    #[serde_as(as = "Whole")]
    pub progress: u64,
    /// What it works on.
    pub resources: Vec<Resource>,
}

/// A thing at Hetzner.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Resource {
    /// Its id.
    #[serde_as(as = "Whole")]
    pub id: u64,
    /// What it is, such as `server`.
    pub r#type: String,
}

/// How a command ended.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Outcome {
    /// The command, such as `start`.
    pub cmd: String,
    /// Whether it did what it should.
    pub ok: bool,
    /// Why not.
    #[serde(default)]
    pub err: Option<String>,
    /// When it ended.
    #[serde_as(as = "Seconds")]
    pub at: SystemTime,
    /// Who asked for it.
    #[serde(default)]
    pub by: Option<String>,
}

/// What other programs keep in a record, under their names.
///
/// `Debug` shows the names alone: a value may be a secret.
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

    /// The value of one field.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    /// All fields and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(field, value)| (field.as_str(), value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for ExtraFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A whole number, also when it was stored as `44.0`: JavaScript knows no other.
struct Whole;

impl<'de> DeserializeAs<'de, u64> for Whole {
    fn deserialize_as<D: de::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        /// Above, a double no longer tells one whole number from the next.
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
