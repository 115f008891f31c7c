//! The resources that servers are created from, and the defaults.

use hcloud_api::{
    CreateServer, Decimal, ErrorCode, Image, ImageType, ListImages, ListLocations, ListServerTypes,
    Location, ServerType, TypePrice,
};

use super::Project;
use crate::{Error, ResourceKind, Result, Settings};

impl Project {
    /// Returns the images that servers can be created from, sorted by name.
    ///
    /// # Errors
    ///
    /// The request to Hetzner fails.
    pub async fn images(&self) -> Result<Vec<Image>> {
        let filter = ListImages {
            kind: vec![ImageType::System],
            ..ListImages::default()
        };
        let mut images = self.api.images().list(&filter).all().await?;
        images.sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
        Ok(images)
    }

    /// Returns the locations of servers.
    ///
    /// # Errors
    ///
    /// The request to Hetzner fails.
    pub async fn locations(&self) -> Result<Vec<Location>> {
        let all = ListLocations::default();
        Ok(self.api.locations().list(&all).all().await?)
    }

    /// Returns the server types, the cheapest first.
    ///
    /// # Errors
    ///
    /// The request to Hetzner fails.
    pub async fn server_types(&self) -> Result<Vec<ServerType>> {
        let all = ListServerTypes::default();
        let mut types = self.api.server_types().list(&all).all().await?;
        types.sort_by(|a, b| lowest(a).total_cmp(&lowest(b)));
        Ok(types)
    }

    /// Returns the currency of all prices, such as `EUR`.
    ///
    /// # Errors
    ///
    /// The request to Hetzner fails.
    pub async fn currency(&self) -> Result<String> {
        Ok(self.api.pricing().await?.currency)
    }

    /// Returns the default server type: the cheapest one available, with its location.
    pub(crate) async fn cheapest(&self, location: Option<&str>) -> Result<Choice> {
        let types = self.server_types().await?;
        types
            .iter()
            .flat_map(|server_type| choices(server_type, location))
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, choice)| choice)
            .ok_or_else(|| Error::NoTypeAvailable {
                location: location.map(str::to_owned),
            })
    }

    /// Returns where servers can be created, the cheapest type first and all locations of a type
    /// together.
    pub(crate) async fn places(
        &self,
        server_type: Option<&str>,
        location: Option<&str>,
    ) -> Result<Vec<Choice>> {
        let is_requested = |known: &&ServerType| {
            server_type.is_none_or(|wanted| {
                known.name == wanted || wanted.parse() == Ok(known.id.number())
            })
        };
        let types = self.server_types().await?;
        let mut by_type: Vec<Vec<(f64, Choice)>> = types
            .iter()
            .filter(is_requested)
            .map(|server_type| choices(server_type, location).collect())
            .filter(|places: &Vec<_>| !places.is_empty())
            .collect();
        for places in &mut by_type {
            places.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        }
        by_type.sort_by(|a, b| a[0].0.total_cmp(&b[0].0));
        let places = by_type.into_iter().flatten();
        Ok(places.map(|(_, place)| place).collect())
    }

    /// Returns the default image: the newest Debian for the server type.
    pub(crate) async fn newest_debian(&self, server_type: &str) -> Result<String> {
        let not_offered = |kind, name: &str| Error::NotOffered {
            kind,
            name: name.to_owned(),
        };
        let Some(server_type) = self.api.server_types().find(server_type).await? else {
            return Err(not_offered(ResourceKind::ServerType, server_type));
        };
        let images = self.images().await?;
        images
            .into_iter()
            .filter(|image| image.architecture == server_type.architecture)
            .filter(|image| !image.is_deprecated())
            .filter_map(|image| Some((debian_version(image.name.as_deref()?)?, image.name?)))
            .max()
            .map(|(_, name)| name)
            .ok_or_else(|| not_offered(ResourceKind::Image, "debian"))
    }
}

/// The resources that servers are created from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Catalog {
    /// The locations.
    pub locations: Vec<Location>,
    /// The server types, the cheapest first.
    pub types: Vec<ServerType>,
    /// The images, sorted by name.
    pub images: Vec<Image>,
    /// The currency of the prices, such as `EUR`.
    pub currency: String,
}

impl Catalog {
    /// Fetches the catalog.
    ///
    /// # Errors
    ///
    /// The request to Hetzner fails.
    pub async fn fetch(project: &Project) -> Result<Self> {
        let (locations, types, images, currency) = tokio::try_join!(
            project.locations(),
            project.server_types(),
            project.images(),
            project.currency(),
        )?;
        Ok(Self {
            locations,
            types,
            images,
            currency,
        })
    }

    /// Checks that the settings name existing resources.
    ///
    /// # Errors
    ///
    /// [`Error::NotOffered`].
    pub fn check(&self, settings: &Settings) -> Result<()> {
        let location = settings.location.as_deref().map(crate::location);
        let locations = self.locations.iter().map(|location| location.name.as_str());
        check_offered(ResourceKind::Location, location, locations)?;
        let types = self
            .types
            .iter()
            .map(|server_type| server_type.name.as_str());
        check_offered(
            ResourceKind::ServerType,
            settings.server_type.as_deref(),
            types,
        )?;
        let images = self.images.iter().filter_map(|image| image.name.as_deref());
        check_offered(ResourceKind::Image, settings.image.as_deref(), images)
    }
}

/// Checks that a name is offered. Digits are an id, for example of a snapshot, and not checked.
fn check_offered<'a>(
    kind: ResourceKind,
    name: Option<&str>,
    mut names: impl Iterator<Item = &'a str>,
) -> Result<()> {
    match name {
        Some(name) if name.parse::<u64>().is_err() && !names.any(|known| known == name) => {
            let name = name.to_owned();
            Err(Error::NotOffered { kind, name })
        }
        _ => Ok(()),
    }
}

/// A server type, with its location if that is decided.
pub(crate) struct Choice {
    pub(crate) server_type: String,
    pub(crate) location: Option<String>,
}

impl Choice {
    pub(crate) fn new(server_type: &str, location: Option<&str>) -> Self {
        Self {
            server_type: server_type.to_owned(),
            location: location.map(str::to_owned),
        }
    }
}

/// Returns the locations where a type is available and not deprecated, with its price there.
fn choices<'a>(
    server_type: &'a ServerType,
    location: Option<&'a str>,
) -> impl Iterator<Item = (f64, Choice)> + 'a {
    server_type
        .orderable_in()
        .filter(|offered| offered.deprecation.is_none())
        .filter(move |offered| location.is_none_or(|location| offered.name == location))
        .filter_map(|offered| {
            let price = monthly(server_type.price(&offered.name)?);
            Some((price, Choice::new(&server_type.name, Some(&offered.name))))
        })
}

fn lowest(server_type: &ServerType) -> f64 {
    server_type
        .prices
        .iter()
        .map(monthly)
        .fold(f64::INFINITY, f64::min)
}

/// Returns a price for comparisons; one that is unknown or not a number is the highest.
fn monthly(price: &TypePrice) -> f64 {
    let gross = price.price_monthly.gross.as_ref();
    gross.and_then(Decimal::to_f64).unwrap_or(f64::INFINITY)
}

/// Parses the version of a Debian image from its name.
fn debian_version(name: &str) -> Option<u32> {
    name.strip_prefix("debian-")?.parse().ok()
}

/// Returns the error for the resource that does not exist, if that is why Hetzner refused.
pub(crate) fn not_offered(request: &CreateServer, error: &hcloud_api::Error) -> Option<Error> {
    let response = error.api()?;
    if !matches!(response.code, ErrorCode::InvalidInput | ErrorCode::NotFound) {
        return None;
    }
    let fields = &response.details.fields;
    let is_about = |field: &&str| fields.iter().any(|found| found.name == *field);
    let field = ["server_type", "image", "location", "ssh_keys"]
        .into_iter()
        .find(is_about)?;
    let (kind, name) = match field {
        "server_type" => (ResourceKind::ServerType, request.server_type.to_string()),
        "image" => (ResourceKind::Image, request.image.to_string()),
        "location" => (
            ResourceKind::Location,
            request.location.as_ref()?.to_string(),
        ),
        _ => (ResourceKind::SshKey, request.ssh_keys.first()?.to_string()),
    };
    Some(Error::NotOffered { kind, name })
}
