//! Locations, server types and ISOs: the fixed catalog.

use serde::Serialize;

use crate::call::{Answer, Call, Reply};
use crate::catalog::{Iso, Listed, Location, ServerType};
use crate::errors::ApiError;
use crate::paging::{Page, SortKeys};
use crate::state::Cloud;

/// Lists a part of the catalog.
pub(crate) fn list<T: Listed + Serialize>(
    key: &'static str,
    call: &Call,
    choose: impl Fn(&T) -> bool,
) -> Reply {
    let sort_keys: &SortKeys<T> = &[
        ("id", |a, b| a.id().cmp(&b.id())),
        ("name", |a, b| a.name().cmp(b.name())),
    ];
    let names = call.allowed("name");
    let found = T::all().iter();
    let found = found.filter(|it| names.contain(it.name()) && choose(it));
    Answer::page(&Page::of(key, found, call, sort_keys)?)
}

/// Shows one item of the catalog.
pub(crate) fn show<T: Listed + Serialize>(key: &str, call: &Call) -> Reply {
    let wanted = call.id("id")?;
    let found = T::all().iter().find(|it| it.id() == wanted);
    Answer::one(
        key,
        &found.ok_or_else(|| ApiError::not_found(&key.replace('_', " "), wanted))?,
    )
}

pub(crate) fn locations(_: &mut Cloud, call: &Call) -> Reply {
    list::<Location>("locations", call, |_| true)
}

pub(crate) fn location(_: &mut Cloud, call: &Call) -> Reply {
    show::<Location>("location", call)
}

pub(crate) fn server_types(_: &mut Cloud, call: &Call) -> Reply {
    list::<ServerType>("server_types", call, |_| true)
}

pub(crate) fn server_type(_: &mut Cloud, call: &Call) -> Reply {
    show::<ServerType>("server_type", call)
}

pub(crate) fn isos(_: &mut Cloud, call: &Call) -> Reply {
    let any_architecture = call.flag("include_architecture_wildcard");
    let architectures = call.allowed("architecture");
    list("isos", call, |iso: &Iso| match iso.architecture {
        Some(architecture) => architectures.contain(architecture.name()),
        None => any_architecture || call.query("architecture").is_none(),
    })
}

pub(crate) fn iso(_: &mut Cloud, call: &Call) -> Reply {
    show::<Iso>("iso", call)
}

/// Data centers were removed from the API in October 2026.
pub(crate) fn datacenters(_: &mut Cloud, _: &Call) -> Reply {
    Err(ApiError::removed(
        "https://docs.hetzner.cloud/changelog#2026-10-01-datacenters-api-removed",
    ))
}
