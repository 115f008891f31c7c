//! `hcc images isos locations types`: what servers are created from, or boot from.

use hcc_core::{choices, location};
use hcloud_api::{Image, ImageType, Iso, ListImages, Location, Price, ServerType};
use serde::Serialize;

use crate::completion_cache;
use crate::config::{Config, Key};
use crate::error::{CliError, Exit, Result};
use crate::output::{Output, Row};
use crate::price::rounded;
use crate::suggestion::nearest;

/// List the images for new servers, or snapshots and backups
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc images --type snapshot")]
pub(crate) struct Images {
    /// Types of images: system, app, snapshot or backup [default: system and app]
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = image_type)]
    kinds: Vec<ImageType>,
}

/// List the ISO images that can be attached to servers
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc isos -o columns=name,desc")]
pub(crate) struct Isos {}

/// List the locations for new servers
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc locations")]
pub(crate) struct Locations {}

/// List the types of servers, with price and availability
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc types --location fsn1,nbg1")]
pub(crate) struct Types {
    /// Only in this location, or in several, separated by commas
    #[arg(id = "location_flag", long = "location", value_name = "LOCATION", value_parser = locations)]
    location: Option<String>,
}

impl Images {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let project = config.project_without_records()?;
        if !self.kinds.is_empty() {
            let filter = ListImages {
                kind: self.kinds,
                ..ListImages::default()
            };
            let images = project.api().images().list(&filter).all().await;
            let images = images.map_err(hcc_core::Error::from)?;
            let rows: Vec<SavedRow> = images.into_iter().map(SavedRow::from).collect();
            return out.rows(&rows);
        }
        let images = project.images().await?;
        completion_cache::store_images(config, &images);
        let rows: Vec<ImageRow> = images.into_iter().map(ImageRow::from).collect();
        out.rows(&rows)
    }
}

fn image_type(name: &str) -> Result<ImageType, &'static str> {
    match name {
        "system" => Ok(ImageType::System),
        "app" => Ok(ImageType::App),
        "snapshot" => Ok(ImageType::Snapshot),
        "backup" => Ok(ImageType::Backup),
        _ => Err("expected system, app, snapshot or backup"),
    }
}

/// An image of any type.
#[derive(Serialize)]
struct SavedRow {
    id: u64,
    r#type: String,
    name: Option<String>,
    desc: String,
    server: Option<String>,
    size: Option<f64>,
    created: Option<String>,
    arch: String,
}

impl From<Image> for SavedRow {
    fn from(image: Image) -> Self {
        Self {
            id: image.id.number(),
            r#type: image.kind.to_string(),
            name: image.name,
            desc: image.description,
            server: image.created_from.map(|origin| origin.name),
            size: image.image_size,
            created: image.created.map(|at| at.to_string()),
            arch: image.architecture.to_string(),
        }
    }
}

impl Row for SavedRow {
    const COLUMNS: &'static [&'static str] = &[
        "id", "type", "name", "desc", "server", "size", "created", "arch",
    ];
    const DROP_IF_NARROW: &'static [&'static str] =
        &["arch", "name", "created", "size", "server", "type"];
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
    const DROP_IF_NARROW: &'static [&'static str] = &["v", "os", "desc", "arch"];
}

impl Isos {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let isos = config.project_without_records()?.api().isos().all().await;
        let mut isos = isos.map_err(hcc_core::Error::from)?;
        isos.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        completion_cache::store_isos(config, &isos);
        let rows: Vec<IsoRow> = isos.into_iter().map(IsoRow::from).collect();
        out.rows(&rows)
    }
}

#[derive(Serialize)]
struct IsoRow {
    name: Option<String>,
    arch: Option<String>,
    r#type: Option<String>,
    desc: String,
    id: u64,
}

impl From<Iso> for IsoRow {
    fn from(iso: Iso) -> Self {
        Self {
            name: iso.name,
            arch: iso.architecture.map(|arch| arch.to_string()),
            r#type: iso.kind.map(|kind| kind.to_string()),
            desc: iso.description,
            id: iso.id.number(),
        }
    }
}

impl Row for IsoRow {
    const COLUMNS: &'static [&'static str] = &["name", "arch", "type", "desc", "id"];
    const DROP_IF_NARROW: &'static [&'static str] = &["type", "arch", "desc"];
}

impl Locations {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let locations = config.project_without_records()?.locations().await?;
        completion_cache::store_locations(config, &locations);
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
    const DROP_IF_NARROW: &'static [&'static str] = &["desc", "zone", "country", "city"];
}

impl Types {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let project = config.project_without_records()?;
        let (types, currency) = tokio::join!(project.server_types(), project.currency());
        // Without the price list, the types are listed all the same.
        let (types, currency) = (types?, currency.unwrap_or_default());
        let locations = self.location.as_deref();
        if let Some(list) = locations {
            check_locations(list, &project.locations().await?)?;
        }
        completion_cache::store_types(config, &types);
        let rows = types
            .iter()
            .flat_map(|server_type| TypeRow::all(server_type, &currency));
        let rows = rows.filter(|row| {
            locations.is_none_or(|list| choices(list).any(|it| location(it) == row.location))
        });
        out.rows(&rows.collect::<Vec<_>>())
    }
}

/// Reads a list of locations.
fn locations(list: &str) -> Result<String, String> {
    Key::Location.check(list).map(|()| list.to_owned())
}

/// Refuses locations that do not exist.
fn check_locations(list: &str, existing: &[Location]) -> Result<()> {
    let names = || existing.iter().map(|location| &*location.name);
    let is_missing = |name: &&str| !names().any(|known| known == location(name));
    let missing: Vec<_> = choices(list).filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message: Vec<_> = missing
        .iter()
        .map(|name| format!("location {name:?} not found"))
        .collect();
    let similar = missing.iter().find_map(|name| nearest(name, names()));
    let similar = similar.map(|name| format!("did you mean {name}? "));
    let hint = similar.unwrap_or_default() + "run hcc locations to list what is available";
    Err(CliError::new(Exit::NotFound, "not_offered", message.join("; ")).hint(hint))
}

/// A type in one location: price and availability differ by location.
#[derive(Serialize)]
struct TypeRow {
    name: String,
    location: String,
    cores: Option<u64>,
    memory: Option<f64>,
    disk: Option<u64>,
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
        server_type.locations.iter().map(move |location| {
            let price = server_type.price(&location.name);
            let ends = location
                .deprecation
                .as_ref()
                .and_then(|deprecation| deprecation.unavailable_after);
            Self {
                name: server_type.name.clone(),
                location: location.name.clone(),
                cores: server_type.cores,
                memory: server_type.memory,
                disk: server_type.disk,
                arch: server_type.architecture.to_string(),
                cpu: server_type.cpu_type.to_string(),
                hourly: price.and_then(|price| gross(&price.price_hourly)),
                monthly: price.and_then(|price| gross(&price.price_monthly)),
                currency: currency.to_owned(),
                available: location.available,
                ends: ends.map(|at| at.strftime("%F").to_string()),
            }
        })
    }
}

fn gross(price: &Price) -> Option<String> {
    price.gross.as_ref().map(ToString::to_string)
}

fn gigabytes(size: impl std::fmt::Display) -> String {
    format!("{size} GB")
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
    const DROP_IF_NARROW: &'static [&'static str] = &[
        "cpu", "arch", "ends", "hourly", "disk", "currency", "cores", "memory",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.location.clone(),
            self.cores
                .map(|cores| cores.to_string())
                .unwrap_or_default(),
            self.memory.map(gigabytes).unwrap_or_default(),
            self.disk.map(gigabytes).unwrap_or_default(),
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
