//! Ids, one type per kind of resource.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, IntoDeserializer, Visitor};

/// The largest id: the largest integer that every JSON implementation keeps exactly.
pub(crate) const MAX_ID: u64 = (1 << 53) - 1;

/// The error for a string that is not a valid id: not an integer from 1 to 2⁵³ − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid id: not an integer from 1 to 9007199254740991")]
pub struct InvalidId;

/// Declares id types: `ids! { /// The id of a server. ServerId, … }`.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Creates an id from its number.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// Returns the number.
            pub const fn number(self) -> u64 {
                self.0
            }
        }

        impl From<u64> for $name {
            fn from(number: u64) -> Self {
                Self(number)
            }
        }

        impl From<$name> for u64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<$name> for $crate::IdOrName<$name> {
            fn from(id: $name) -> Self {
                Self::Id(id)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::InvalidId;

            fn from_str(id: &str) -> Result<Self, Self::Err> {
                $crate::id::parse(id).map(Self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                $crate::id::deserialize(input).map(Self)
            }
        }
    )+};
}

ids! {
    /// The id of an action.
    ActionId,
    /// The id of an image.
    ImageId,
    /// The id of an ISO.
    IsoId,
    /// The id of a location.
    LocationId,
    /// The id of a network.
    NetworkId,
    /// The id of a floating IP.
    FloatingIpId,
    /// The id of a firewall.
    FirewallId,
    /// The id of a load balancer.
    LoadBalancerId,
    /// The id of a load balancer type.
    LoadBalancerTypeId,
    /// The id of a placement group.
    PlacementGroupId,
    /// The id of a primary IP.
    PrimaryIpId,
    /// The id of a server.
    ServerId,
    /// The id of a server type.
    ServerTypeId,
    /// The id of an SSH key.
    SshKeyId,
    /// The id of a certificate.
    CertificateId,
    /// The id of a storage box.
    StorageBoxId,
    /// The id of a snapshot of a storage box.
    StorageBoxSnapshotId,
    /// The id of a subaccount of a storage box.
    StorageBoxSubaccountId,
    /// The id of a storage box type.
    StorageBoxTypeId,
    /// The id of a volume.
    VolumeId,
    /// The id of a DNS zone.
    ZoneId,
}

pub(crate) fn parse(id: &str) -> Result<u64, InvalidId> {
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidId);
    }
    id.parse().ok().filter(in_range).ok_or(InvalidId)
}

pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let number = crate::number::integer(input)?;
    Some(number)
        .filter(in_range)
        .ok_or_else(|| de::Error::custom(InvalidId))
}

fn in_range(number: &u64) -> bool {
    (1..=MAX_ID).contains(number)
}

/// The id or the name of a resource, where the API accepts either.
///
/// In JSON an id is a number and a name is a string. A name may consist of digits, so
/// [`IdOrName::from_str`](std::str::FromStr), meant for user input, has to guess: it treats digits
/// as an id. `From` never guesses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(untagged)]
pub enum IdOrName<Id> {
    /// The id of a resource.
    Id(Id),
    /// The exact name of a resource.
    Name(String),
}

impl<'de, Id: Deserialize<'de>> Deserialize<'de> for IdOrName<Id> {
    fn deserialize<D: de::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(KeyVisitor(PhantomData))
    }
}

/// Reads a number as an id, and a string as a name.
struct KeyVisitor<Id>(PhantomData<Id>);

impl<'de, Id: Deserialize<'de>> Visitor<'de> for KeyVisitor<Id> {
    type Value = IdOrName<Id>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id or a name")
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<Self::Value, E> {
        Id::deserialize(id.into_deserializer()).map(IdOrName::Id)
    }

    fn visit_i64<E: de::Error>(self, id: i64) -> Result<Self::Value, E> {
        Id::deserialize(id.into_deserializer()).map(IdOrName::Id)
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(name.into())
    }
}

impl<Id> From<&str> for IdOrName<Id> {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl<Id> From<String> for IdOrName<Id> {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl<Id: std::str::FromStr> std::str::FromStr for IdOrName<Id> {
    type Err = std::convert::Infallible;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        Ok(key
            .parse()
            .map_or_else(|_| Self::Name(key.to_owned()), Self::Id))
    }
}

impl<Id: fmt::Display> fmt::Display for IdOrName<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}
