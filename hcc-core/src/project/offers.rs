//! What Hetzner offers, compared with what is to be ordered.

use std::error::Error as StdError;
use std::{fmt, slice};

use hcloud_api::{
    ApiError, Architecture, Deprecation, ErrorCode, Image, ListImages, ServerType,
    ServerTypeLocation, Timestamp,
};
use tokio::try_join;

use super::Project;
use super::catalog::id_or_name;
use crate::{CreateOptions, Error, ResourceKind, Result, choices};

/// Why a server cannot be ordered as requested, or soon cannot.
///
/// The display names the resource, where its name comes from, and the reason:
/// `server type "cax11" from HCC_TYPE is not offered in ash, but in fsn1, nbg1`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OfferProblem {
    /// The resource.
    pub resource: NamedResource,
    /// The reason.
    pub reason: OfferReason,
}

/// A resource as a user has named it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedResource {
    /// The kind of resource.
    pub kind: ResourceKind,
    /// The name or id.
    pub name: String,
    /// Where the name comes from, if the settings [say so](crate::Settings::with_origin).
    pub origin: Option<String>,
}

/// What is wrong with a resource of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OfferReason {
    /// It does not exist.
    NotFound,
    /// The server type is offered in other locations only.
    ElsewhereOnly {
        /// The requested location.
        location: String,
        /// The locations that offer the type.
        offered_in: Vec<String>,
    },
    /// Orders are no longer accepted.
    Ended {
        /// The requested location; `None` if it holds for all.
        location: Option<String>,
        /// When the last orders were accepted.
        since: Timestamp,
    },
    /// Orders are still accepted, for a limited time.
    Ending {
        /// The requested location; `None` if it holds for all.
        location: Option<String>,
        /// When the last orders are accepted.
        until: Timestamp,
    },
    /// The server type is sold out.
    SoldOut {
        /// The requested location; `None` if it holds for all.
        location: Option<String>,
        /// The locations in which the type can be ordered now.
        available_in: Vec<String>,
    },
    /// The image is for another architecture than that of the server type.
    OtherArchitecture {
        /// The architecture of the image.
        image: Architecture,
        /// The server type.
        server_type: String,
        /// The architecture of the server type.
        required: Architecture,
    },
    /// The image does not fit on the disk of the server type.
    DiskTooSmall {
        /// The minimum size of the disk, in GB.
        required: u64,
        /// The server type.
        server_type: String,
        /// The disk of the server type, in GB.
        disk: u64,
    },
}

impl OfferProblem {
    fn new(resource: &NamedResource, reason: OfferReason) -> Self {
        let resource = resource.clone();
        Self { resource, reason }
    }

    /// Returns the kinds of the resources that do not fit together, or of the one that cannot be
    /// ordered.
    pub fn kinds(&self) -> Vec<ResourceKind> {
        let other = match &self.reason {
            OfferReason::ElsewhereOnly { .. }
            | OfferReason::Ended {
                location: Some(_), ..
            }
            | OfferReason::Ending {
                location: Some(_), ..
            }
            | OfferReason::SoldOut {
                location: Some(_), ..
            } => Some(ResourceKind::Location),
            OfferReason::OtherArchitecture { .. } | OfferReason::DiskTooSmall { .. } => {
                Some(ResourceKind::ServerType)
            }
            _ => None,
        };
        [self.resource.kind].into_iter().chain(other).collect()
    }

    /// Returns whether the resource cannot be ordered as requested, now and later. Otherwise it may
    /// be orderable again, or still is.
    pub fn is_permanent(&self) -> bool {
        !matches!(
            self.reason,
            OfferReason::SoldOut { .. } | OfferReason::Ending { .. }
        )
    }
}

/// A refused order. The error is Hetzner's.
#[derive(Debug)]
#[non_exhaustive]
pub struct RefusedOrder {
    /// What is wrong with the order.
    pub problems: Vec<OfferProblem>,
    /// Hetzner's error.
    pub error: hcloud_api::Error,
}

impl RefusedOrder {
    /// Returns whether the same order cannot succeed later either.
    pub(crate) fn is_permanent(&self) -> bool {
        self.problems.iter().any(OfferProblem::is_permanent)
    }

    /// Returns the problems on one line.
    pub fn explanation(&self) -> String {
        let problems: Vec<_> = self.problems.iter().map(ToString::to_string).collect();
        problems.join("; ")
    }
}

impl fmt::Display for RefusedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for RefusedOrder {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

/// The named resources of an order; `None` for those that have a default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) server_type: Option<NamedResource>,
    pub(crate) image: Option<NamedResource>,
    pub(crate) location: Option<NamedResource>,
    pub(crate) ssh_keys: Vec<NamedResource>,
}

impl Selection {
    /// Selects another type and location.
    pub(crate) fn at(self, server_type: &str, location: Option<&str>) -> Self {
        let server_type = NamedResource::new(ResourceKind::ServerType, server_type);
        let location = location.map(|name| NamedResource::new(ResourceKind::Location, name));
        Self {
            server_type: Some(server_type),
            location,
            ..self
        }
    }
}

impl NamedResource {
    pub(crate) fn new(kind: ResourceKind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            origin: None,
        }
    }
}

impl Project {
    /// Compares an order with what Hetzner offers, and returns all problems. Unset options are taken
    /// from the settings. Of several types or locations, each must be orderable with one of the others,
    /// but one combination is enough that is not sold out.
    ///
    /// Hetzner may refuse an order without a problem, for other reasons.
    ///
    /// # Errors
    ///
    /// The request to Hetzner fails, or a list of types or locations has no name.
    pub async fn check_offers(&self, options: &CreateOptions) -> Result<Vec<OfferProblem>> {
        self.problems(&self.selections(options)?).await
    }

    /// Returns the order with each combination of type and location, in the order of preference; at
    /// least one. Unset options are taken from the settings.
    ///
    /// # Errors
    ///
    /// A list of types or locations has no name.
    pub(crate) fn selections(&self, options: &CreateOptions) -> Result<Vec<Selection>> {
        let settings = &self.settings;
        let named = |kind, option: &Option<String>, setting: &Option<String>| {
            let origin = || settings.origin(kind).map(str::to_owned);
            let (name, origin) = match (option, setting) {
                (Some(name), _) => (name, None),
                (None, Some(name)) => (name, origin()),
                (None, None) => return None,
            };
            Some(NamedResource {
                origin,
                ..NamedResource::new(kind, name)
            })
        };
        let types = each(named(
            ResourceKind::ServerType,
            &options.server_type,
            &settings.server_type,
        ))?;
        let locations = each(named(
            ResourceKind::Location,
            &options.location,
            &settings.location,
        ))?;
        let image = named(ResourceKind::Image, &options.image, &settings.image);
        let keys = options.ssh_keys.iter();
        let keys = keys.map(|key| NamedResource::new(ResourceKind::SshKey, key));
        let ssh_keys: Vec<_> = keys.collect();
        let selection =
            |server_type: &Option<NamedResource>, location: &Option<NamedResource>| Selection {
                server_type: server_type.clone(),
                image: image.clone(),
                location: location.clone(),
                ssh_keys: ssh_keys.clone(),
            };
        let selections = types.iter().flat_map(|server_type| {
            let locations = locations.iter();
            locations.map(|location| selection(server_type, location))
        });
        Ok(selections.collect())
    }

    /// Returns what is wrong with an order, given its combinations of type and location.
    pub(crate) async fn problems(&self, selections: &[Selection]) -> Result<Vec<OfferProblem>> {
        let order = &selections[0];
        let (types, locations, images, no_keys) = try_join!(
            self.find_types(distinct(selections, |it| it.server_type.as_ref())),
            self.find_locations(distinct(selections, |it| it.location.as_ref())),
            self.find_images(order.image.as_ref()),
            self.find_missing_keys(&order.ssh_keys),
        )?;
        let checked = selections.iter().map(|selection| {
            let mut problems = Vec::new();
            let location = find(&locations, selection.location.as_ref());
            if let (Some(wanted), None) = (&selection.location, location) {
                problems.push(OfferProblem::new(wanted, OfferReason::NotFound));
            }
            let server_type = find(&types, selection.server_type.as_ref());
            if let Some(wanted) = &selection.server_type {
                let reason = match server_type {
                    None => Some(OfferReason::NotFound),
                    Some(found) => type_reason(found, location.map(String::as_str)),
                };
                problems.extend(reason.map(|reason| OfferProblem::new(wanted, reason)));
            }
            if let Some(wanted) = &selection.image {
                let reason = image_reason(&images, server_type);
                problems.extend(reason.map(|reason| OfferProblem::new(wanted, reason)));
            }
            (selection, problems)
        });
        let mut problems = of_alternatives(&checked.collect::<Vec<_>>());
        problems.extend(no_keys);
        Ok(problems)
    }

    async fn find_types<'a>(
        &self,
        wanted: Vec<&'a NamedResource>,
    ) -> Result<Found<'a, ServerType>> {
        let mut found = Vec::new();
        for wanted in wanted {
            let types = self.api.server_types();
            found.push((wanted, types.resolve(&id_or_name(&wanted.name)).await?));
        }
        Ok(found)
    }

    /// Returns the locations' own names.
    async fn find_locations<'a>(
        &self,
        wanted: Vec<&'a NamedResource>,
    ) -> Result<Found<'a, String>> {
        let mut found = Vec::new();
        for wanted in wanted {
            let locations = self.api.locations();
            let location = locations.resolve(&id_or_name(&wanted.name)).await?;
            found.push((wanted, location.map(|location| location.name)));
        }
        Ok(found)
    }

    /// Returns all images of a name, of which there is one for each architecture, or that of an id.
    async fn find_images(&self, wanted: Option<&NamedResource>) -> Result<Vec<Image>> {
        let Some(wanted) = wanted else {
            return Ok(Vec::new());
        };
        let images = self.api.images();
        if let Ok(id) = wanted.name.parse() {
            match images.get(id).await {
                Err(error) if error.is_not_found() => {}
                found => return Ok(vec![found?]),
            }
        }
        let named = ListImages {
            name: Some(wanted.name.clone()),
            include_deprecated: Some(true),
            ..ListImages::default()
        };
        Ok(images.list(&named).all().await?)
    }

    async fn find_missing_keys(&self, wanted: &[NamedResource]) -> Result<Vec<OfferProblem>> {
        let mut missing = Vec::new();
        for key in wanted {
            let ssh_keys = self.api.ssh_keys();
            if ssh_keys.resolve(&id_or_name(&key.name)).await?.is_none() {
                missing.push(OfferProblem::new(key, OfferReason::NotFound));
            }
        }
        Ok(missing)
    }

    /// Explains why Hetzner refused an order, as far as a look at the offers can; Hetzner's own
    /// reason is kept.
    pub(crate) async fn explain(&self, selection: &Selection, error: hcloud_api::Error) -> Error {
        let Some(refusal) = error.api().filter(|refusal| is_about_offers(&refusal.code)) else {
            return error.into();
        };
        // Without an explanation there still is the error.
        let problems = self.problems(slice::from_ref(selection)).await;
        let problems = problems.unwrap_or_default();
        let is_cause = |problem: &OfferProblem| {
            problem.reason == OfferReason::NotFound && names(refusal, problem.resource.kind)
        };
        if problems.iter().any(is_cause) {
            let source = Some(Box::new(error));
            return Error::NotOffered { problems, source };
        }
        if problems.is_empty() {
            return error.into();
        }
        Error::CreateRefused(Box::new(RefusedOrder { problems, error }))
    }
}

/// What exists of the resources of an order.
type Found<'a, T> = Vec<(&'a NamedResource, Option<T>)>;

fn find<'a, T>(all: &'a Found<'_, T>, wanted: Option<&NamedResource>) -> Option<&'a T> {
    let (_, found) = all.iter().find(|(known, _)| Some(*known) == wanted)?;
    found.as_ref()
}

/// Returns the resources of one kind, each once.
fn distinct(
    selections: &[Selection],
    of: impl Fn(&Selection) -> Option<&NamedResource>,
) -> Vec<&NamedResource> {
    let mut distinct = Vec::new();
    for resource in selections.iter().filter_map(of) {
        if !distinct.contains(&resource) {
            distinct.push(resource);
        }
    }
    distinct
}

/// Returns the error that a resource does not exist.
pub(crate) fn not_found(resource: NamedResource) -> Error {
    let reason = OfferReason::NotFound;
    Error::NotOffered {
        problems: vec![OfferProblem { resource, reason }],
        source: None,
    }
}

/// Returns the resources in a list.
fn each(list: Option<NamedResource>) -> Result<Vec<Option<NamedResource>>> {
    let Some(list) = list else {
        return Ok(vec![None]);
    };
    let named = choices(&list.name).map(|name| {
        let name = match list.kind {
            ResourceKind::Location => crate::location(name),
            _ => name,
        };
        Some(NamedResource {
            name: name.to_owned(),
            ..list.clone()
        })
    });
    let named: Vec<_> = named.collect();
    if named.is_empty() {
        return Err(not_found(list));
    }
    Ok(named)
}

/// Returns the problems of an order of which one combination of type and location is enough.
fn of_alternatives(checked: &[(&Selection, Vec<OfferProblem>)]) -> Vec<OfferProblem> {
    if let [(_, problems)] = checked {
        return problems.clone();
    }
    let is_never_orderable = |is_included: &dyn Fn(&Selection) -> bool| {
        let mut included = checked.iter().filter(|(it, _)| is_included(it));
        included.all(|(_, problems)| problems.iter().any(OfferProblem::is_permanent))
    };
    let mut all = Vec::new();
    for (selection, problems) in checked {
        let is_useless = is_never_orderable(&|it| it.server_type == selection.server_type)
            || is_never_orderable(&|it| it.location == selection.location);
        for problem in problems {
            let is_ending = matches!(problem.reason, OfferReason::Ending { .. });
            if (is_useless || is_ending) && !all.contains(problem) {
                all.push(problem.clone());
            }
        }
    }
    let is_orderable =
        |problems: &Vec<OfferProblem>| problems.iter().all(|problem| all.contains(problem));
    match checked.iter().any(|(_, problems)| is_orderable(problems)) {
        true => all,
        // Everything is sold out.
        false => checked[0].1.clone(),
    }
}

/// Whether a refusal may be due to the resources of the order.
fn is_about_offers(code: &ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::InvalidInput
            | ErrorCode::InvalidServerType
            | ErrorCode::NotFound
            | ErrorCode::PlacementError
            | ErrorCode::ResourceUnavailable
            | ErrorCode::UnsupportedError
    )
}

/// Whether a refusal names this kind of resource, or no field at all.
fn names(refusal: &ApiError, kind: ResourceKind) -> bool {
    let field = match kind {
        ResourceKind::ServerType => "server_type",
        ResourceKind::Image => "image",
        ResourceKind::Location => "location",
        ResourceKind::SshKey => "ssh_key",
    };
    let fields = &refusal.details.fields;
    fields.is_empty() || fields.iter().any(|found| found.name.starts_with(field))
}

/// Returns what is wrong with a server type, in one location or in all.
fn type_reason(server_type: &ServerType, location: Option<&str>) -> Option<OfferReason> {
    let all = &server_type.locations;
    let names = |is_listed: fn(&ServerTypeLocation) -> bool| {
        let listed = all.iter().filter(|offer| is_listed(offer));
        listed.map(|offer| offer.name.clone()).collect()
    };
    let is_here = |offer: &&ServerTypeLocation| location.is_none_or(|name| offer.name == name);
    let here: Vec<_> = all.iter().filter(is_here).collect();
    let location = location.map(str::to_owned);
    if let (true, false, Some(location)) = (here.is_empty(), all.is_empty(), &location) {
        return Some(OfferReason::ElsewhereOnly {
            location: location.clone(),
            offered_in: names(|_| true),
        });
    }
    let end = end(here.iter().map(|offer| offer.deprecation.as_ref()));
    match ending(end, location.clone()) {
        Some(ended @ OfferReason::Ended { .. }) => Some(ended),
        // Where no location is available, the API may have left that out.
        _ if all.iter().any(|offer| offer.available)
            && here.iter().all(|offer| !offer.available) =>
        {
            Some(OfferReason::SoldOut {
                location,
                available_in: names(|offer| offer.available),
            })
        }
        ending => ending,
    }
}

/// Returns what is wrong with an image, of which there is one for each architecture.
fn image_reason(images: &[Image], server_type: Option<&ServerType>) -> Option<OfferReason> {
    let Some(first) = images.first() else {
        return Some(OfferReason::NotFound);
    };
    let fits = |image: &&Image| server_type.is_none_or(|of| fit(image, of));
    let fitting: Vec<_> = images.iter().filter(fits).collect();
    let end = end(fitting.iter().map(|image| image.deprecation.as_ref()));
    let (Some(server_type), image) = (server_type, fitting.first()) else {
        return ending(end, None);
    };
    let Some(image) = image else {
        return Some(OfferReason::OtherArchitecture {
            image: first.architecture.clone(),
            server_type: server_type.name.clone(),
            required: server_type.architecture.clone(),
        });
    };
    match (image.disk_size, server_type.disk) {
        (Some(required), Some(disk)) if required > disk => Some(OfferReason::DiskTooSmall {
            required,
            server_type: server_type.name.clone(),
            disk,
        }),
        _ => ending(end, None),
    }
}

/// Whether architectures are equal; those that are unknown are no obstacle.
fn fit(image: &Image, server_type: &ServerType) -> bool {
    let both = [&image.architecture, &server_type.architecture];
    both[0] == both[1] || both.contains(&&Architecture::default())
}

/// Returns the last end of offers that all are deprecated, if it is known.
fn end<'a>(offers: impl Iterator<Item = Option<&'a Deprecation>>) -> Option<Timestamp> {
    let ends: Option<Vec<_>> = offers.map(|offer| offer?.unavailable_after).collect();
    ends?.into_iter().max()
}

fn ending(end: Option<Timestamp>, location: Option<String>) -> Option<OfferReason> {
    let end = end?;
    Some(if end < Timestamp::now() {
        OfferReason::Ended {
            location,
            since: end,
        }
    } else {
        OfferReason::Ending {
            location,
            until: end,
        }
    })
}

impl fmt::Display for NamedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, origin } = self;
        write!(f, "{kind} {name:?}")?;
        match origin {
            Some(origin) => write!(f, " from {origin}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for OfferProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, reason } = self;
        write!(f, "{resource} {reason}")
    }
}

impl fmt::Display for OfferReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |location: &Option<String>| {
            let location = location.as_ref();
            location.map_or_else(String::new, |location| format!(" in {location}"))
        };
        match self {
            Self::NotFound => f.write_str("not found"),
            Self::ElsewhereOnly {
                location,
                offered_in,
            } => {
                let offered_in = offered_in.join(", ");
                write!(f, "is not offered in {location}, only in {offered_in}")
            }
            Self::Ended { location, since } => {
                let (place, day) = (place(location), since.strftime("%F"));
                write!(f, "is deprecated; it cannot be ordered{place} since {day}")
            }
            Self::Ending { location, until } => {
                let (place, day) = (place(location), until.strftime("%F"));
                write!(f, "is deprecated; it can be ordered{place} until {day}")
            }
            Self::SoldOut {
                location,
                available_in,
            } => {
                write!(f, "is sold out{}", place(location))?;
                match available_in.as_slice() {
                    [] => Ok(()),
                    others => write!(f, "; available in {}", others.join(", ")),
                }
            }
            Self::OtherArchitecture {
                image,
                server_type,
                required,
            } => write!(
                f,
                "is for {image}, but server type {server_type} is {required}"
            ),
            Self::DiskTooSmall {
                required,
                server_type,
                disk,
            } => write!(
                f,
                "needs a disk of {required} GB, but server type {server_type} has {disk} GB"
            ),
        }
    }
}
