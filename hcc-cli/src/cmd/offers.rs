//! `hcc images locations types`: what can be ordered.

use hcloud_api::{Image, Location, ServerType};
use serde::Serialize;

use crate::config::Config;
use crate::offered;
use crate::output::{Output, Row};
use crate::price::rounded;

/// List the images that servers are created from
#[derive(Debug, clap::Args)]
pub(crate) struct Images {}

/// List the places where servers can be
#[derive(Debug, clap::Args)]
pub(crate) struct Locations {}

/// List the types that servers can have, with price and availability
#[derive(Debug, clap::Args)]
pub(crate) struct Types {}

impl Images {
    pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
        let images = config.project_without_records()?.images().await?;
        offered::keep_images(config, &images);
        let rows: Vec<ImageRow> = images.into_iter().map(ImageRow::from).collect();
        out.rows(&rows)
    }
}

#[derive(Serialize)]
struct ImageRow {
    name: Option<String>,
    arch: String,
    desc: String,
    os: String,
    v: Option<String>,
    id: u64,
}

impl From<Image> for ImageRow {
    fn from(image: Image) -> Self {
        Self {
            name: image.name,
            arch: image.architecture.to_string(),
            desc: image.description,
            os: image.os_flavor.to_string(),
            v: image.os_version,
            id: image.id.number(),
        }
    }
}

impl Row for ImageRow {
    const COLUMNS: &'static [&'static str] = &["name", "arch", "desc", "os", "v", "id"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone().unwrap_or_default(),
            self.arch.clone(),
            self.desc.clone(),
            self.os.clone(),
            self.v.clone().unwrap_or_default(),
            self.id.to_string(),
        ]
    }
}

impl Locations {
    pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
        let locations = config.project_without_records()?.locations().await?;
        offered::keep_locations(config, &locations);
        let rows: Vec<LocationRow> = locations.into_iter().map(LocationRow::from).collect();
        out.rows(&rows)
    }
}

#[derive(Serialize)]
struct LocationRow {
    name: String,
    desc: String,
    city: String,
    country: String,
    zone: String,
    id: u64,
}

impl From<Location> for LocationRow {
    fn from(location: Location) -> Self {
        Self {
            name: location.name,
            desc: location.description,
            city: location.city,
            country: location.country,
            zone: location.network_zone,
            id: location.id.number(),
        }
    }
}

impl Row for LocationRow {
    const COLUMNS: &'static [&'static str] = &["name", "desc", "city", "country", "zone", "id"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.desc.clone(),
            self.city.clone(),
            self.country.clone(),
            self.zone.clone(),
            self.id.to_string(),
        ]
    }
}

impl Types {
    pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
        let project = config.project_without_records()?;
        let (types, currency) = tokio::try_join!(project.server_types(), project.currency())?;
        offered::keep_types(config, &types);
        let rows = types
            .iter()
            .flat_map(|offer| TypeRow::all(offer, &currency));
        out.rows(&rows.collect::<Vec<_>>())
    }
}

/// A type in one location: price and availability differ from place to place.
#[derive(Serialize)]
struct TypeRow {
    name: String,
    location: String,
    cores: u64,
    memory: f64,
    disk: u64,
    arch: String,
    cpu: String,
    hourly: Option<String>,
    monthly: Option<String>,
    currency: String,
    available: bool,
    ends: Option<String>,
}

impl TypeRow {
    fn all<'a>(server_type: &'a ServerType, currency: &'a str) -> impl Iterator<Item = Self> + 'a {
        server_type.locations.iter().map(move |place| {
            let price = server_type.price(&place.name);
            let ends = place
                .deprecation
                .as_ref()
                .map(|deprecation| deprecation.unavailable_after);
            Self {
                name: server_type.name.clone(),
                location: place.name.clone(),
                cores: server_type.cores,
                memory: server_type.memory,
                disk: server_type.disk,
                arch: server_type.architecture.to_string(),
                cpu: server_type.cpu_type.to_string(),
                hourly: price.map(|price| price.price_hourly.gross.to_string()),
                monthly: price.map(|price| price.price_monthly.gross.to_string()),
                currency: currency.to_owned(),
                available: place.available,
                ends: ends.map(|at| at.strftime("%F").to_string()),
            }
        })
    }
}

impl Row for TypeRow {
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "location",
        "cores",
        "memory",
        "disk",
        "arch",
        "cpu",
        "hourly",
        "monthly",
        "currency",
        "available",
        "ends",
    ];
    const SPARE: &'static [&'static str] = &["cpu", "arch", "currency"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.location.clone(),
            self.cores.to_string(),
            format!("{} GB", self.memory),
            format!("{} GB", self.disk),
            self.arch.clone(),
            self.cpu.clone(),
            rounded(self.hourly.as_deref(), 4),
            rounded(self.monthly.as_deref(), 2),
            self.currency.clone(),
            if self.available { "yes" } else { "sold out" }.to_owned(),
            self.ends.clone().unwrap_or_default(),
        ]
    }
}
