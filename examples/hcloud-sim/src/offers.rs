//! Locations, server types and ISOs: the fixed catalog.

use serde::Serialize;

use crate::call::{Answer, Call, Reply};
use crate::catalog::{ISOS, Iso, LOCATIONS, Location, SERVER_TYPES, ServerType};
use crate::errors::ApiError;
use crate::paging::{Page, SortKeys};
use crate::state::Cloud;

const LOCATION_SORT_KEYS: &SortKeys<Location> = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("name", |a, b| a.name.cmp(b.name)),
];

const SERVER_TYPE_SORT_KEYS: &SortKeys<ServerType> = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("name", |a, b| a.name.cmp(b.name)),
];

const ISO_SORT_KEYS: &SortKeys<Iso> = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("name", |a, b| a.name.cmp(&b.name)),
];

pub(crate) fn locations(_: &mut Cloud, call: &Call) -> Reply {
    let found = LOCATIONS
        .iter()
        .filter(|location| call.allows("name", location.name));
    Answer::ok(&Page::of("locations", found, call, LOCATION_SORT_KEYS)?)
}

pub(crate) fn location(_: &mut Cloud, call: &Call) -> Reply {
    one(call, "location", "location", &LOCATIONS, |location| {
        location.id
    })
}

pub(crate) fn server_types(_: &mut Cloud, call: &Call) -> Reply {
    let found = SERVER_TYPES
        .iter()
        .filter(|server_type| call.allows("name", server_type.name));
    Answer::ok(&Page::of(
        "server_types",
        found,
        call,
        SERVER_TYPE_SORT_KEYS,
    )?)
}

pub(crate) fn server_type(_: &mut Cloud, call: &Call) -> Reply {
    one(
        call,
        "server_type",
        "server type",
        &SERVER_TYPES,
        |server_type| server_type.id,
    )
}

pub(crate) fn isos(_: &mut Cloud, call: &Call) -> Reply {
    let any_architecture = call.query("include_architecture_wildcard") == Some("true");
    let found = ISOS.iter().filter(|iso| {
        let matches = match iso.architecture {
            Some(architecture) => call.allows("architecture", architecture.name()),
            None => any_architecture || call.query("architecture").is_none(),
        };
        matches && call.allows("name", iso.name.unwrap_or_default())
    });
    Answer::ok(&Page::of("isos", found, call, ISO_SORT_KEYS)?)
}

pub(crate) fn iso(_: &mut Cloud, call: &Call) -> Reply {
    one(call, "iso", "iso", &ISOS, |iso: &Iso| iso.id)
}

/// Data centers were removed from the API in October 2026.
pub(crate) fn datacenters(_: &mut Cloud, _: &Call) -> Reply {
    Err(ApiError::removed(
        "https://docs.hetzner.cloud/changelog#2026-10-01-datacenters-api-removed",
    ))
}

fn one<T: Serialize>(
    call: &Call,
    key: &str,
    kind: &str,
    all: &[T],
    id: impl Fn(&T) -> u64,
) -> Reply {
    let wanted = call.id("id")?;
    let found = all.iter().find(|thing| id(thing) == wanted);
    Answer::one(
        key,
        &found.ok_or_else(|| ApiError::not_found(kind, wanted))?,
    )
}
