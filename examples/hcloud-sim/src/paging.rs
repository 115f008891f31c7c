//! Sorted lists with pagination.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#pagination>

use std::cmp::Ordering;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::call::Call;
use crate::errors::ApiError;

/// The sort keys of a list.
pub(crate) type SortKeys<T> = [(&'static str, fn(&T, &T) -> Ordering)];

/// One page of a list, as the API sends it: `{"servers": […], "meta": {"pagination": {…}}}`.
#[derive(Debug)]
pub(crate) struct Page<T> {
    key: &'static str,
    items: Vec<T>,
    pagination: Pagination,
}

#[derive(Debug, Serialize)]
struct Pagination {
    page: usize,
    per_page: usize,
    previous_page: Option<usize>,
    next_page: Option<usize>,
    last_page: usize,
    total_entries: usize,
}

impl<'a, T> Page<&'a T> {
    /// Returns the requested page of `items`, which must be sorted by ID.
    pub(crate) fn of(
        key: &'static str,
        items: impl Iterator<Item = &'a T>,
        call: &Call,
        sort_keys: &SortKeys<T>,
    ) -> Result<Self, ApiError> {
        let page = number(call, "page", 1)?;
        let per_page = number(call, "per_page", 25)?;
        let max = if key == "rrsets" { 100 } else { 50 };
        if per_page > max {
            return Err(ApiError::invalid(
                "per_page",
                format!("must be at most {max}"),
            ));
        }
        let mut items: Vec<_> = items.collect();
        sort(&mut items, call, sort_keys);

        let total_entries = items.len();
        let last_page = total_entries.div_ceil(per_page).max(1);
        Ok(Self {
            key,
            items: items
                .into_iter()
                .skip((page - 1).saturating_mul(per_page))
                .take(per_page)
                .collect(),
            pagination: Pagination {
                page,
                per_page,
                previous_page: (page > 1).then(|| page - 1),
                next_page: (page < last_page).then(|| page + 1),
                last_page,
                total_entries,
            },
        })
    }

    pub(crate) fn map<U>(self, view: impl FnMut(&'a T) -> U) -> Page<U> {
        Page {
            key: self.key,
            items: self.items.into_iter().map(view).collect(),
            pagination: self.pagination,
        }
    }
}

impl<T> Page<T> {
    /// Returns the pages that the `Link` header names, by their relation.
    pub(crate) fn neighbors(&self) -> [(&'static str, Option<usize>); 3] {
        let pages = &self.pagination;
        [
            ("prev", pages.previous_page),
            ("next", pages.next_page),
            ("last", (pages.last_page > 1).then_some(pages.last_page)),
        ]
    }
}

impl<T: Serialize> Serialize for Page<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Meta<'a> {
            pagination: &'a Pagination,
        }
        let meta = Meta {
            pagination: &self.pagination,
        };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(self.key, &self.items)?;
        map.serialize_entry("meta", &meta)?;
        map.end()
    }
}

fn number(call: &Call, name: &str, default: usize) -> Result<usize, ApiError> {
    let Some(text) = call.query(name) else {
        return Ok(default);
    };
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(ApiError::invalid(name, "must be a positive number")),
    }
}

/// Sorts by the `sort` parameters of the query, the first one first; values without a key have been validated by the
/// description and do not differ between the items.
pub(crate) fn sort<T>(items: &mut [&T], call: &Call, sort_keys: &SortKeys<T>) {
    let by: Vec<_> = call
        .query_all("sort")
        .flat_map(|value| value.split(','))
        .filter_map(|field| order(field, sort_keys))
        .collect();
    if by.is_empty() {
        return;
    }
    items.sort_by(|a, b| {
        by.iter()
            .map(|(compare, descending)| {
                let order = compare(a, b);
                if *descending { order.reverse() } else { order }
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    });
}

type Order<T> = (fn(&T, &T) -> Ordering, bool);

fn order<T>(text: &str, sort_keys: &SortKeys<T>) -> Option<Order<T>> {
    let (field, direction) = text.split_once(':').unwrap_or((text, "asc"));
    let (_, compare) = sort_keys.iter().find(|(name, _)| *name == field)?;
    Some((*compare, direction == "desc"))
}
