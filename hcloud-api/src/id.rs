//! Numbers that name one thing each, one type per kind of thing.

use std::fmt;

/// The largest id: the largest integer that every JSON implementation keeps exactly.
pub(crate) const MAX_ID: u64 = (1 << 53) - 1;

/// The text is no id: not an integer from 1 to 2⁵³ − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is an integer from 1 to 9007199254740991")]
pub struct InvalidId;

/// Declares id types: `ids! { /// Names a server. ServerId, … }`.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// The id with this number.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number.
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

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::id::parse(text).map(Self)
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
    /// Names an action, [`crate::Action`].
    ActionId,
    /// Names an image.
    ImageId,
    /// Names an ISO.
    IsoId,
    /// Names a location.
    LocationId,
    /// Names a network.
    NetworkId,
    /// Names a floating IP.
    FloatingIpId,
    /// Names a firewall.
    FirewallId,
    /// Names a load balancer.
    LoadBalancerId,
    /// Names a load balancer type.
    LoadBalancerTypeId,
    /// Names a placement group.
    PlacementGroupId,
    /// Names a primary IP.
    PrimaryIpId,
    /// Names a server.
    ServerId,
    /// Names a server type.
    ServerTypeId,
    /// Names an SSH key.
    SshKeyId,
    /// Names a certificate.
    CertificateId,
    /// Names a storage box.
    StorageBoxId,
    /// Names a snapshot of a storage box.
    StorageBoxSnapshotId,
    /// Names a subaccount of a storage box.
    StorageBoxSubaccountId,
    /// Names a storage box type.
    StorageBoxTypeId,
    /// Names a volume.
    VolumeId,
    /// Names a DNS zone.
    ZoneId,
}

pub(crate) fn parse(text: &str) -> Result<u64, InvalidId> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidId);
    }
    text.parse().ok().filter(in_range).ok_or(InvalidId)
}

pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let number = crate::number::integer(input)?;
    Some(number)
        .filter(in_range)
        .ok_or_else(|| serde::de::Error::custom(InvalidId))
}

fn in_range(number: &u64) -> bool {
    (1..=MAX_ID).contains(number)
}

/// Names one thing by its id or by its name, where the API takes either.
///
/// In JSON an id is a number and a name is text. A name may consist of digits, so
/// [`IdOrName::from_str`](std::str::FromStr) is a guess, right for people's input: digits are an
/// id. `From` never guesses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(untagged)]
pub enum IdOrName<Id> {
    /// The thing with this id.
    Id(Id),
    /// The thing with exactly this name.
    Name(String),
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

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text
            .parse()
            .map_or_else(|_| Self::Name(text.to_owned()), Self::Id))
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
