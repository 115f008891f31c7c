//! The resources that servers are created from, and the defaults.

use std::convert::Infallible;
use std::str::FromStr;

use hcloud_api::{
    Decimal, IdOrName, Image, ImageType, ListImages, ListLocations, ListServerTypes, Location,
    ServerType, TypePrice,
};

use super::Project;
use super::offers::{NamedResource, Selection, not_found};
use crate::{CreateOptions, Error, PricedPlace, ResourceKind, Result};

impl Project {
    /// Returns the images that servers can be created from, sorted by name.
    ///
    /// # Errors
    ///
    /// The request to Hetzner fails.
    pub async fn images(&self) -> Result<Vec<Image>> {
        let filter = ListImages {
            kind: vec![ImageType::System, ImageType::App],
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

    /// Returns the currency of all prices, such as `EUR`; empty if the price list cannot be decoded.
    ///
    /// # Errors
    ///
    /// The request to Hetzner fails.
    pub async fn currency(&self) -> Result<String> {
        match self.api.pricing().await {
            Ok(pricing) => Ok(pricing.currency),
            // The price list is odd; prices are still known of the types.
            Err(hcloud_api::Error::Decode { .. }) => Ok(String::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the default server type: the cheapest one available, with its location.
    pub(crate) async fn cheapest(&self, location: Option<&NamedResource>) -> Result<Choice> {
        let name = location.map(|location| location.name.as_str());
        let types = self.server_types().await?;
        let cheapest = types
            .iter()
            .flat_map(|server_type| choices(server_type, name))
            .min_by(|(a, _), (b, _)| a.total_cmp(b));
        if let Some((_, choice)) = cheapest {
            return Ok(choice);
        }
        let selection = Selection {
            location: location.cloned(),
            ..Selection::default()
        };
        let problems = self.problems(&[selection]).await?;
        if problems.is_empty() {
            let location = name.map(str::to_owned);
            return Err(Error::NoTypeAvailable { location });
        }
        let source = None;
        Err(Error::NotOffered { problems, source })
    }

    /// Returns where servers can be created, the cheapest type first and all locations of a type
    /// together.
    pub(crate) async fn places(
        &self,
        server_type: Option<&str>,
        location: Option<&str>,
    ) -> Result<Vec<Choice>> {
        let types = self.server_types().await?;
        let is_requested = |known: &&ServerType| {
            server_type.is_none_or(|wanted| is_named(&known.name, known.id.number(), wanted))
        };
        let places = places_of(types.iter().filter(is_requested), location);
        Ok(places.into_iter().map(|(_, place)| place).collect())
    }

    /// Returns where [`create`](Self::create) may create a server with these options, in the order in
    /// which it tries that, with the prices; at least one place.
    ///
    /// # Errors
    ///
    /// A type or location does not exist, nothing can be ordered, or the request to Hetzner fails.
    pub(crate) async fn priced_places(&self, options: &CreateOptions) -> Result<Vec<PricedPlace>> {
        let selections = self.selections(options)?;
        let types = self.server_types().await?;
        let mut priced = Vec::new();
        for selection in &selections {
            let location = match &selection.location {
                Some(wanted) => Some(location_of(&types, wanted)?),
                None => None,
            };
            let Some(wanted) = &selection.server_type else {
                priced.extend(places_of(&types, location).into_iter().map(with_price));
                continue;
            };
            let mut named = types.iter();
            let found = named.find(|it| is_named(&it.name, it.id.number(), &wanted.name));
            let found = found.ok_or_else(|| not_found(wanted.clone()))?;
            let places = match location {
                Some(_) => Vec::new(),
                None => places_of([found], None),
            };
            if places.is_empty() {
                // Hetzner is asked all the same, for the reason.
                let prices = found.prices.iter();
                let prices = prices.filter(|it| location.is_none_or(|name| it.location == name));
                let price = prices.map(monthly).max_by(f64::total_cmp);
                let place = Choice::new(&found.name, location);
                priced.push(with_price((price.unwrap_or(f64::INFINITY), place)));
            } else {
                priced.extend(places.into_iter().map(with_price));
            }
        }
        if priced.is_empty() {
            let location = selections[0].location.as_ref();
            self.cheapest(location).await?;
            let location = location.map(|location| location.name.clone());
            return Err(Error::NoTypeAvailable { location });
        }
        Ok(priced)
    }

    /// Returns the default image: the newest Debian for the server type.
    pub(crate) async fn newest_debian(&self, server_type: &NamedResource) -> Result<String> {
        let types = self.api.server_types();
        let Some(found) = types.resolve(&id_or_name(&server_type.name)).await? else {
            return Err(not_found(server_type.clone()));
        };
        let images = self.images().await?;
        images
            .into_iter()
            .filter(|image| image.architecture == found.architecture)
            .filter(|image| !image.is_deprecated())
            .filter_map(|image| Some((debian_version(image.name.as_deref()?)?, image.name?)))
            .max()
            .map(|(_, name)| name)
            .ok_or_else(|| not_found(NamedResource::new(ResourceKind::Image, "debian")))
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

/// Returns where servers of these types can be created, with prices: the cheapest type first, and all
/// locations of a type together.
fn places_of<'a>(
    types: impl IntoIterator<Item = &'a ServerType>,
    location: Option<&str>,
) -> Vec<(f64, Choice)> {
    let mut by_type: Vec<Vec<_>> = types
        .into_iter()
        .map(|server_type| choices(server_type, location).collect())
        .filter(|places: &Vec<_>| !places.is_empty())
        .collect();
    for places in &mut by_type {
        places.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    }
    by_type.sort_by(|a, b| a[0].0.total_cmp(&b[0].0));
    by_type.into_iter().flatten().collect()
}

/// Returns the own name of a location.
fn location_of<'a>(types: &'a [ServerType], wanted: &NamedResource) -> Result<&'a str> {
    let mut locations = types.iter().flat_map(|it| &it.locations);
    let found = locations.find(|it| is_named(&it.name, it.id.number(), &wanted.name));
    let found = found.ok_or_else(|| not_found(wanted.clone()))?;
    Ok(&found.name)
}

/// Whether a resource has this name or id.
fn is_named(name: &str, id: u64, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted) || wanted.parse() == Ok(id)
}

fn with_price((price, place): (f64, Choice)) -> PricedPlace {
    PricedPlace {
        server_type: place.server_type,
        location: place.location,
        monthly: Some(price).filter(|price| price.is_finite()),
    }
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

/// Reads what a user has typed: digits are an id, or else a name.
pub(crate) fn id_or_name<Id: FromStr>(value: &str) -> IdOrName<Id> {
    value
        .parse()
        .unwrap_or_else(|never: Infallible| match never {})
}
