//! The catalog of the simulated cloud: locations, server types, images, ISOs.
//!
//! Names and availability are as of November 2026; prices are approximate.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::images::{Image, ImageKind, ImageStatus};
use crate::labels::Labels;
use crate::load_balancer_types::{LOAD_BALANCER_TYPES, LoadBalancerType};
use crate::prices::{LocationPrices, PerTime, Price};
use crate::resources::{Protection, Resource};
use crate::storage_box_types::{STORAGE_BOX_TYPES, StorageBoxType};

/// A part of the catalog; resources refer to it by its ID.
pub(crate) trait Listed: Sized + 'static {
    fn id(&self) -> u64;
    fn name(&self) -> &str;
    fn all() -> &'static [Self];
}

macro_rules! listed {
    ($($kind:ty: $all:expr),* $(,)?) => { $(
        impl Listed for $kind {
            fn id(&self) -> u64 {
                self.id
            }

            fn name(&self) -> &str {
                self.name.as_ref()
            }

            fn all() -> &'static [Self] {
                &$all
            }
        }
    )* };
}

listed! {
    Iso: ISOS,
    LoadBalancerType: LOAD_BALANCER_TYPES,
    Location: LOCATIONS,
    ServerType: SERVER_TYPES,
    StorageBoxType: STORAGE_BOX_TYPES,
}

/// Stores a reference to the catalog as an ID.
pub(crate) mod by_id {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Listed;

    pub(crate) fn serialize<T: Listed, S: Serializer>(
        it: &&'static T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(it.id())
    }

    pub(crate) fn deserialize<'de, T: Listed, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<&'static T, D::Error> {
        let id = u64::deserialize(deserializer)?;
        let found = T::all().iter().find(|it| it.id() == id);
        found.ok_or_else(|| D::Error::custom(format!("{id} is not in the catalog")))
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Location {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    description: &'static str,
    country: &'static str,
    city: &'static str,
    latitude: f64,
    longitude: f64,
    pub(crate) network_zone: &'static str,
}

pub(crate) static LOCATIONS: [Location; 6] = [
    Location {
        id: 1,
        name: "fsn1",
        description: "Falkenstein DC Park 1",
        country: "DE",
        city: "Falkenstein",
        latitude: 50.47612,
        longitude: 12.370071,
        network_zone: "eu-central",
    },
    Location {
        id: 2,
        name: "nbg1",
        description: "Nuremberg DC Park 1",
        country: "DE",
        city: "Nuremberg",
        latitude: 49.452102,
        longitude: 11.076665,
        network_zone: "eu-central",
    },
    Location {
        id: 3,
        name: "hel1",
        description: "Helsinki DC Park 1",
        country: "FI",
        city: "Helsinki",
        latitude: 60.169855,
        longitude: 24.938379,
        network_zone: "eu-central",
    },
    Location {
        id: 4,
        name: "ash",
        description: "Ashburn, VA",
        country: "US",
        city: "Ashburn, VA",
        latitude: 39.045821,
        longitude: -77.487073,
        network_zone: "us-east",
    },
    Location {
        id: 5,
        name: "hil",
        description: "Hillsboro, OR",
        country: "US",
        city: "Hillsboro, OR",
        latitude: 45.54222,
        longitude: -122.951924,
        network_zone: "us-west",
    },
    Location {
        id: 6,
        name: "sin",
        description: "Singapore",
        country: "SG",
        city: "Singapore",
        latitude: 1.283333,
        longitude: 103.833333,
        network_zone: "ap-southeast",
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Architecture {
    X86,
    Arm,
}

impl Architecture {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86",
            Self::Arm => "arm",
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Deprecation {
    announced: Timestamp,
    pub(crate) unavailable_after: Timestamp,
}

#[derive(Debug, Serialize)]
pub(crate) struct ServerType {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    description: String,
    cores: u32,
    memory: f64,
    pub(crate) disk: u32,
    pub(crate) prices: Vec<LocationPrices>,
    storage_type: &'static str,
    cpu_type: &'static str,
    category: &'static str,
    pub(crate) architecture: Architecture,
    deprecation: Option<Deprecation>,
    pub(crate) locations: Vec<Offer>,
}

/// The availability of a server type at one location.
#[derive(Debug, Serialize)]
pub(crate) struct Offer {
    id: u64,
    name: &'static str,
    pub(crate) deprecation: Option<Deprecation>,
    pub(crate) available: bool,
    pub(crate) recommended: bool,
}

impl ServerType {
    pub(crate) fn offer(&self, location: &Location) -> Option<&Offer> {
        self.locations
            .iter()
            .find(|offer| offer.name == location.name)
    }

    /// Returns the location of servers that are created without one.
    pub(crate) fn default_location(&self) -> Option<&'static Location> {
        let offer = self.locations.iter().find(|offer| offer.available)?;
        LOCATIONS
            .iter()
            .find(|location| location.name == offer.name)
    }

    pub(crate) fn included_traffic(&self, location: &Location) -> u64 {
        self.prices
            .iter()
            .find(|prices| prices.location == location.name)
            .map_or(0, |prices| prices.included_traffic)
    }
}

/// The common properties of a family of server types.
struct Family {
    category: &'static str,
    cpu_type: &'static str,
    architecture: Architecture,
    markets: &'static [Market],
    types: &'static [Size],
}

/// ID, name, cores, memory and disk in GB, and the net price in euro cents per month.
struct Size(u64, &'static str, u32, u32, u32, u64);

/// The availability and price of a family at one location.
struct Market {
    location: &'static str,
    /// In percent of the list price.
    price: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Recommended,
    Available,
    SoldOut,
    /// Deprecated in October 2025, unavailable since January 2026.
    Gone,
}

const fn market(location: &'static str, price: u64, state: State) -> Market {
    Market {
        location,
        price,
        state,
    }
}

const FAMILIES: &[Family] = &[
    Family {
        category: "Shared vCPU",
        cpu_type: "shared",
        architecture: Architecture::X86,
        markets: &[
            market("fsn1", 100, State::Gone),
            market("nbg1", 100, State::Gone),
            market("hel1", 100, State::Gone),
            market("ash", 115, State::Available),
            market("hil", 115, State::Available),
            market("sin", 160, State::Available),
        ],
        types: &[
            Size(22, "cpx11", 2, 2, 40, 435),
            Size(23, "cpx21", 3, 4, 80, 755),
            Size(24, "cpx31", 4, 8, 160, 1360),
            Size(25, "cpx41", 8, 16, 240, 2540),
            Size(26, "cpx51", 16, 32, 360, 5490),
        ],
    },
    Family {
        category: "Shared vCPU",
        cpu_type: "shared",
        architecture: Architecture::Arm,
        markets: &[
            market("fsn1", 100, State::Available),
            market("nbg1", 100, State::Recommended),
            market("hel1", 100, State::SoldOut),
        ],
        types: &[
            Size(45, "cax11", 2, 4, 40, 379),
            Size(93, "cax21", 4, 8, 80, 649),
            Size(94, "cax31", 8, 16, 160, 1249),
            Size(95, "cax41", 16, 32, 320, 2449),
        ],
    },
    Family {
        category: "Dedicated vCPU",
        cpu_type: "dedicated",
        architecture: Architecture::X86,
        markets: &[
            market("fsn1", 100, State::Recommended),
            market("nbg1", 100, State::Available),
            market("hel1", 100, State::Available),
            market("ash", 105, State::Available),
            market("hil", 105, State::Available),
            market("sin", 150, State::SoldOut),
        ],
        types: &[
            Size(96, "ccx13", 2, 8, 80, 1249),
            Size(97, "ccx23", 4, 16, 160, 2449),
            Size(98, "ccx33", 8, 32, 240, 4849),
            Size(99, "ccx43", 16, 64, 360, 9649),
            Size(100, "ccx53", 32, 128, 600, 19249),
            Size(101, "ccx63", 48, 192, 960, 28849),
        ],
    },
    Family {
        category: "Shared vCPU",
        cpu_type: "shared",
        architecture: Architecture::X86,
        markets: &[
            market("fsn1", 100, State::Gone),
            market("nbg1", 100, State::Gone),
            market("hel1", 100, State::Gone),
        ],
        types: &[
            Size(104, "cx22", 2, 4, 40, 379),
            Size(105, "cx32", 4, 8, 80, 680),
            Size(106, "cx42", 8, 16, 160, 1640),
            Size(107, "cx52", 16, 32, 320, 3240),
        ],
    },
    Family {
        category: "Shared vCPU",
        cpu_type: "shared",
        architecture: Architecture::X86,
        markets: &[
            market("fsn1", 100, State::Available),
            market("nbg1", 100, State::Recommended),
            market("hel1", 100, State::Available),
        ],
        types: &[
            Size(108, "cpx12", 1, 2, 40, 549),
            Size(109, "cpx22", 2, 4, 80, 649),
            Size(110, "cpx32", 4, 8, 160, 1099),
            Size(111, "cpx42", 8, 16, 320, 1999),
            Size(112, "cpx52", 12, 24, 480, 2849),
            Size(113, "cpx62", 16, 32, 640, 3849),
        ],
    },
    Family {
        category: "Cost-Optimized",
        cpu_type: "shared",
        architecture: Architecture::X86,
        markets: &[
            market("fsn1", 100, State::Available),
            market("nbg1", 100, State::Recommended),
            market("hel1", 100, State::Available),
        ],
        types: &[
            Size(114, "cx23", 2, 4, 40, 349),
            Size(115, "cx33", 4, 8, 80, 549),
            Size(116, "cx43", 8, 16, 160, 949),
            Size(117, "cx53", 16, 32, 320, 1749),
        ],
    },
];

pub(crate) static SERVER_TYPES: LazyLock<Vec<ServerType>> = LazyLock::new(|| {
    FAMILIES
        .iter()
        .flat_map(|family| family.types.iter().map(|size| family.server_type(size)))
        .collect()
});

impl Family {
    fn server_type(&self, &Size(id, name, cores, memory, disk, cents): &Size) -> ServerType {
        let is_gone = self
            .markets
            .iter()
            .all(|market| market.state == State::Gone);
        ServerType {
            id,
            name,
            description: name.to_uppercase(),
            cores,
            memory: memory.into(),
            disk,
            prices: self
                .markets
                .iter()
                .map(|market| market.prices(cents))
                .collect(),
            storage_type: "local",
            cpu_type: self.cpu_type,
            category: self.category,
            architecture: self.architecture,
            deprecation: is_gone.then(gone),
            locations: self.markets.iter().map(Market::offer).collect(),
        }
    }
}

impl Market {
    fn offer(&self) -> Offer {
        Offer {
            id: location(self.location).id,
            name: self.location,
            deprecation: (self.state == State::Gone).then(gone),
            available: matches!(self.state, State::Recommended | State::Available),
            recommended: self.state == State::Recommended,
        }
    }

    fn prices(&self, cents: u64) -> LocationPrices {
        let (terabytes, traffic_price) = match location(self.location).network_zone {
            "eu-central" => (20, 100),
            "ap-southeast" => (1, 740),
            _ => (1, 100),
        };
        LocationPrices {
            location: self.location,
            price: PerTime::monthly(Price::cents(cents) * self.price / 100),
            included_traffic: terabytes << 40,
            price_per_tb_traffic: Price::cents(traffic_price),
        }
    }
}

fn gone() -> Deprecation {
    Deprecation {
        announced: day("2025-10-16"),
        unavailable_after: day("2026-01-01"),
    }
}

fn day(date: &str) -> Timestamp {
    format!("{date}T00:00:00Z")
        .parse()
        .expect("valid dates in the catalog")
}

/// Returns a location by a name that is used in the catalog.
fn location(name: &str) -> &'static Location {
    LOCATIONS
        .iter()
        .find(|location| location.name == name)
        .expect("a location of the catalog")
}

#[derive(Debug, Serialize)]
pub(crate) struct Iso {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    description: &'static str,
    r#type: &'static str,
    deprecation: Option<Deprecation>,
    pub(crate) architecture: Option<Architecture>,
}

pub(crate) static ISOS: LazyLock<Vec<Iso>> = LazyLock::new(|| {
    let iso = |id, name, description, architecture| Iso {
        id,
        name,
        description,
        r#type: "public",
        deprecation: None,
        architecture,
    };
    vec![
        iso(8637, "virtio-win-0.1.285.iso", "virtio 0.1.285", None),
        iso(
            90581,
            "debian-13.2.0-amd64-netinst.iso",
            "Debian 13.2 (amd64/netinstall)",
            Some(Architecture::X86),
        ),
        iso(
            90582,
            "debian-13.2.0-arm64-netinst.iso",
            "Debian 13.2 (arm64/netinstall)",
            Some(Architecture::Arm),
        ),
        iso(
            112951,
            "FreeBSD-15.0-RELEASE-amd64-dvd1.iso",
            "FreeBSD 15.0 (amd64)",
            Some(Architecture::X86),
        ),
        iso(
            118450,
            "nixos-minimal-26.05-x86_64-linux.iso",
            "NixOS 26.05 (amd64/minimal)",
            Some(Architecture::X86),
        ),
        Iso {
            deprecation: Some(gone()),
            ..iso(
                26,
                "debian-11.11.0-amd64-netinst.iso",
                "Debian 11.11 (amd64/netinstall)",
                Some(Architecture::X86),
            )
        },
    ]
});

/// Prefix of the name and of the description, flavor, version, disk in GB, and the release date.
struct Release(&'static str, &'static str, &'static str, u32, &'static str);

const RELEASES: &[Release] = &[
    Release("CentOS Stream", "centos", "10", 5, "2025-01-22"),
    Release("Debian", "debian", "11", 5, "2021-08-16"),
    Release("Debian", "debian", "12", 5, "2023-06-13"),
    Release("Debian", "debian", "13", 5, "2025-08-12"),
    Release("Fedora", "fedora", "43", 5, "2025-10-29"),
    Release("Fedora", "fedora", "44", 5, "2026-04-29"),
    Release("Rocky Linux", "rocky", "9", 5, "2022-07-20"),
    Release("Rocky Linux", "rocky", "10", 5, "2025-06-16"),
    Release("AlmaLinux", "alma", "9", 5, "2022-05-31"),
    Release("AlmaLinux", "alma", "10", 5, "2025-06-03"),
    Release("openSUSE Leap", "opensuse", "16", 5, "2025-10-07"),
    Release("Ubuntu", "ubuntu", "22.04", 5, "2022-04-21"),
    Release("Ubuntu", "ubuntu", "24.04", 5, "2024-04-25"),
    Release("Ubuntu", "ubuntu", "26.04", 5, "2026-04-23"),
];

/// Returns the public images: each release for both architectures, and one app.
pub(crate) fn images() -> impl Iterator<Item = Resource<Image>> {
    let systems = RELEASES.iter().flat_map(|release| {
        [Architecture::X86, Architecture::Arm].map(|architecture| release.image(architecture))
    });
    let mut docker =
        Release("Ubuntu", "ubuntu", "24.04", 20, "2024-05-06").image(Architecture::X86);
    docker.name = "docker-ce".into();
    docker.own.kind = ImageKind::App;
    docker.own.description = "Docker CE".into();
    systems
        .chain([docker])
        .zip(45_557_056..)
        .map(|(image, id)| Resource { id, ..image })
}

impl Release {
    fn image(&self, architecture: Architecture) -> Resource<Image> {
        let &Self(title, flavour, version, disk, day) = self;
        let name = match flavour {
            "centos" => format!("centos-stream-{version}"),
            _ => format!("{flavour}-{version}"),
        };
        Resource {
            id: 0,
            name,
            labels: Labels::new(),
            created: self::day(day),
            protection: Some(Protection::default()),
            locks: 0,
            own: Image {
                kind: ImageKind::System,
                status: ImageStatus::Available,
                description: format!("{title} {version}"),
                image_size: None,
                disk_size: disk,
                created_from: None,
                bound_to: None,
                os_flavor: flavour.into(),
                os_version: Some(version.into()),
                rapid_deploy: true,
                // It cannot be ordered after the last day of November.
                deprecation: ((flavour, version) == ("debian", "11")).then(|| Deprecation {
                    announced: self::day("2026-09-01"),
                    unavailable_after: self::day("2026-12-01"),
                }),
                deleted: None,
                architecture,
            },
        }
    }
}
