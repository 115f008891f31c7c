//! What Hetzner offers, compared with what is to be ordered.

use std::error::Error as StdError;
use std::fmt;

use hcloud_api::{
    ApiError, Architecture, Deprecation, ErrorCode, Image, ListImages, ServerType,
    ServerTypeLocation, Timestamp,
};
use tokio::try_join;

use super::Project;
use super::catalog::id_or_name;
use crate::{CreateOptions, Error, ResourceKind, Result};

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
    /// from the settings.
    ///
    /// Hetzner may refuse an order without a problem, for other reasons.
    ///
    /// # Errors
    ///
    /// The request to Hetzner fails.
    pub async fn check_offers(&self, options: &CreateOptions) -> Result<Vec<OfferProblem>> {
        self.problems(&self.selection(options)).await
    }

    pub(crate) fn selection(&self, options: &CreateOptions) -> Selection {
        let settings = &self.settings;
        let named = |kind, option: &Option<String>, setting: &Option<String>| {
            let origin = || settings.origin(kind).map(str::to_owned);
            let (name, origin) = match (option, setting) {
                (Some(name), _) => (name, None),
                (None, Some(name)) => (name, origin()),
                (None, None) => return None,
            };
            let name = match kind {
                ResourceKind::Location => crate::location(name),
                _ => name,
            };
            Some(NamedResource {
                origin,
                ..NamedResource::new(kind, name)
            })
        };
        let keys = options.ssh_keys.iter();
        Selection {
            server_type: named(
                ResourceKind::ServerType,
                &options.server_type,
                &settings.server_type,
            ),
            image: named(ResourceKind::Image, &options.image, &settings.image),
            location: named(
                ResourceKind::Location,
                &options.location,
                &settings.location,
            ),
            ssh_keys: keys
                .map(|key| NamedResource::new(ResourceKind::SshKey, key))
                .collect(),
        }
    }

    /// Returns what is wrong with an order.
    pub(crate) async fn problems(&self, selection: &Selection) -> Result<Vec<OfferProblem>> {
        let (server_type, (location, no_location), images, no_keys) = try_join!(
            self.find_type(selection.server_type.as_ref()),
            self.find_location(selection.location.as_ref()),
            self.find_images(selection.image.as_ref()),
            self.find_missing_keys(&selection.ssh_keys),
        )?;
        let mut problems = Vec::from_iter(no_location);
        match (&selection.server_type, &server_type) {
            (Some(wanted), None) => problems.push(OfferProblem::new(wanted, OfferReason::NotFound)),
            (Some(wanted), Some(found)) => {
                let reason = type_reason(found, location.as_deref());
                problems.extend(reason.map(|reason| OfferProblem::new(wanted, reason)));
            }
            (None, _) => {}
        }
        if let Some(wanted) = &selection.image {
            let reason = image_reason(&images, server_type.as_ref());
            problems.extend(reason.map(|reason| OfferProblem::new(wanted, reason)));
        }
        problems.extend(no_keys);
        Ok(problems)
    }

    async fn find_type(&self, wanted: Option<&NamedResource>) -> Result<Option<ServerType>> {
        let Some(wanted) = wanted else {
            return Ok(None);
        };
        let types = self.api.server_types();
        Ok(types.resolve(&id_or_name(&wanted.name)).await?)
    }

    /// Returns the location's own name, or that it does not exist.
    async fn find_location(
        &self,
        wanted: Option<&NamedResource>,
    ) -> Result<(Option<String>, Option<OfferProblem>)> {
        let Some(wanted) = wanted else {
            return Ok((None, None));
        };
        let locations = self.api.locations();
        Ok(match locations.resolve(&id_or_name(&wanted.name)).await? {
            Some(location) => (Some(location.name), None),
            None => (None, Some(OfferProblem::new(wanted, OfferReason::NotFound))),
        })
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
        let problems = self.problems(selection).await.unwrap_or_default();
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
