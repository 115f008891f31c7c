//! What can be ordered, and what is ordered when nobody says.

use hcloud_api::{
    CreateServer, ErrorCode, Image, ImageType, ListImages, ListLocations, ListServerTypes,
    Location, ServerType, TypePrice,
};

use super::Project;
use crate::{Error, ResourceKind, Result, Settings};

impl Project {
    /// The images that servers can be created from, by name.
    ///
    /// # Errors
    ///
    /// Hetzner refuses or cannot be reached.
    pub async fn images(&self) -> Result<Vec<Image>> {
        let filter = ListImages {
            kind: vec![ImageType::System],
            ..ListImages::default()
        };
        let mut images = self.api.images().list(&filter).all().await?;
        images.sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
        Ok(images)
    }

    /// The places where servers can be.
    ///
    /// # Errors
    ///
    /// Hetzner refuses or cannot be reached.
    pub async fn locations(&self) -> Result<Vec<Location>> {
        let all = ListLocations::default();
        Ok(self.api.locations().list(&all).all().await?)
    }

    /// The types that servers can have, the cheapest first.
    ///
    /// # Errors
    ///
    /// Hetzner refuses or cannot be reached.
    pub async fn server_types(&self) -> Result<Vec<ServerType>> {
        let all = ListServerTypes::default();
        let mut types = self.api.server_types().list(&all).all().await?;
        types.sort_by(|a, b| lowest(a).total_cmp(&lowest(b)));
        Ok(types)
    }

    /// The currency of all prices, such as `EUR`.
    ///
    /// # Errors
    ///
    /// Hetzner refuses or cannot be reached.
    pub async fn currency(&self) -> Result<String> {
        Ok(self.api.pricing().await?.currency)
    }

    /// The type of an order that names none: the cheapest that is available,
    /// and where it is that.
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

    /// The image of an order that names none: the newest Debian for its type.
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
            .filter_map(|image| Some((debian(image.name.as_deref()?)?, image.name?)))
            .max()
            .map(|(_, name)| name)
            .ok_or_else(|| not_offered(ResourceKind::Image, "debian"))
    }
}

/// What Hetzner offers, all at once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Catalog {
    /// The places where servers can be.
    pub locations: Vec<Location>,
    /// The types that servers can have, the cheapest first.
    pub types: Vec<ServerType>,
    /// The images that servers can be created from, by name.
    pub images: Vec<Image>,
    /// The currency of the prices, such as `EUR`.
    pub currency: String,
}

impl Catalog {
    /// Asks Hetzner.
    ///
    /// # Errors
    ///
    /// Hetzner refuses or cannot be reached.
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

    /// Refuses settings that name what is not offered.
    ///
    /// # Errors
    ///
    /// [`Error::NotOffered`].
    pub fn check(&self, settings: &Settings) -> Result<()> {
        let location = settings.location.as_deref().map(crate::location);
        let locations = self.locations.iter().map(|location| location.name.as_str());
        offered(ResourceKind::Location, location, locations)?;
        let types = self.types.iter().map(|offer| offer.name.as_str());
        offered(
            ResourceKind::ServerType,
            settings.server_type.as_deref(),
            types,
        )?;
        let images = self.images.iter().filter_map(|image| image.name.as_deref());
        offered(ResourceKind::Image, settings.image.as_deref(), images)
    }
}

/// Digits are an id, of a snapshot perhaps, which no list of names holds.
fn offered<'a>(
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

/// A server type, and a location if that is decided.
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

/// The places where a type can be ordered now and later, with what it costs there.
fn choices<'a>(
    server_type: &'a ServerType,
    location: Option<&'a str>,
) -> impl Iterator<Item = (f64, Choice)> + 'a {
    server_type
        .orderable_in()
        .filter(|place| place.deprecation.is_none())
        .filter(move |place| location.is_none_or(|wanted| place.name == wanted))
        .filter_map(|place| {
            let price = monthly(server_type.price(&place.name)?);
            Some((price, Choice::new(&server_type.name, Some(&place.name))))
        })
}

fn lowest(server_type: &ServerType) -> f64 {
    server_type
        .prices
        .iter()
        .map(monthly)
        .fold(f64::INFINITY, f64::min)
}

/// For comparing only; a price that is no number is nobody's first choice.
fn monthly(price: &TypePrice) -> f64 {
    price.price_monthly.gross.to_f64().unwrap_or(f64::INFINITY)
}

/// The version of a Debian image, from its name.
fn debian(name: &str) -> Option<u32> {
    name.strip_prefix("debian-")?.parse().ok()
}

/// What Hetzner does not offer, if that is why it refused the order.
pub(crate) fn not_offered(request: &CreateServer, error: &hcloud_api::Error) -> Option<Error> {
    let refusal = error.api()?;
    if !matches!(refusal.code, ErrorCode::InvalidInput | ErrorCode::NotFound) {
        return None;
    }
    let fields = &refusal.details.fields;
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
