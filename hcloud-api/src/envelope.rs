//! Responses are envelopes around resources: `{"server": {…}}`, `{"servers": […], "meta": {…}}`.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_with::serde_as;

use crate::lenient::{self, Mode};
use crate::number::Integer;
use crate::{Deviation, DeviationKind};

/// One page of a list, with its `meta.pagination`.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// The number of the next page.
    pub(crate) next: Option<u64>,
    /// The number of the last page, if the API reports it.
    pub(crate) last: Option<u64>,
    /// The number of items on all pages, if the API reports it.
    pub(crate) total: Option<u64>,
    /// What was ignored.
    pub(crate) deviations: Vec<Deviation>,
}

#[serde_as]
#[derive(Default, Deserialize)]
#[serde(default)]
struct Pagination {
    #[serde_as(as = "Option<Integer>")]
    next_page: Option<u64>,
    #[serde_as(as = "Option<Integer>")]
    last_page: Option<u64>,
    #[serde_as(as = "Option<Integer>")]
    total_entries: Option<u64>,
}

#[derive(Deserialize)]
struct Meta {
    pagination: Option<Pagination>,
}

/// Decodes one field.
pub(crate) fn field<T: DeserializeOwned>(body: &[u8], name: &'static str) -> serde_json::Result<T> {
    optional_field(body, name)?.ok_or_else(|| de::Error::missing_field(name))
}

/// Decodes one field that may be absent or null.
pub(crate) fn optional_field<T: DeserializeOwned>(
    body: &[u8],
    name: &'static str,
) -> serde_json::Result<Option<T>> {
    Ok(open(body, name)?.0)
}

/// Decodes the list in one field, and its pagination.
pub(crate) fn page<T: DeserializeOwned>(
    body: &[u8],
    name: &'static str,
) -> serde_json::Result<Page<T>> {
    let (items, pagination) = open(body, name)?;
    Ok(Page {
        items: items.ok_or_else(|| <serde_json::Error as de::Error>::missing_field(name))?,
        next: pagination.next_page,
        last: pagination.last_page,
        total: pagination.total_entries,
        deviations: Vec::new(),
    })
}

/// Decodes one field of a response that differs from the documentation.
pub(crate) fn odd_field<T: DeserializeOwned>(
    response: &Value,
    name: &'static str,
    mode: Mode,
    deviations: &mut Vec<Deviation>,
) -> Result<T, Deviation> {
    find_unknown(response, name, mode, deviations);
    let value = response.get(name).unwrap_or(&Value::Null);
    lenient::decode(value, name, mode, deviations)
}

/// Decodes a page of a list that differs from the documentation.
pub(crate) fn odd_page<T: DeserializeOwned>(
    response: &Value,
    name: &'static str,
    mode: Mode,
    deviations: &mut Vec<Deviation>,
) -> Result<Page<T>, Deviation> {
    // Without the page numbers the list would end too early.
    let mut ignored = Vec::new();
    let meta = response.get("meta").unwrap_or(&Value::Null);
    let meta: Option<Meta> = lenient::decode(meta, "meta", mode.without_search(), &mut ignored)?;
    if let Some(deviation) = ignored.pop() {
        return Err(deviation);
    }
    let pagination = meta.and_then(|meta| meta.pagination).unwrap_or_default();
    find_unknown(response, name, mode, deviations);
    Ok(Page {
        items: lenient::decode_list(response.get(name), name, mode, deviations)?,
        next: pagination.next_page,
        last: pagination.last_page,
        total: pagination.total_entries,
        deviations: Vec::new(),
    })
}

/// Finds the fields next to the one that is decoded.
pub(crate) fn find_unknown(
    response: &Value,
    name: &str,
    mode: Mode,
    deviations: &mut Vec<Deviation>,
) {
    let (Mode::Thorough, Value::Object(fields)) = (mode, response) else {
        return;
    };
    let others = fields
        .keys()
        .filter(|field| *field != name && *field != "meta");
    deviations.extend(others.map(|field| Deviation::unknown(DeviationKind::UnknownField, field)));
}

fn open<T: DeserializeOwned>(
    body: &[u8],
    name: &'static str,
) -> serde_json::Result<(Option<T>, Pagination)> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let opened = json.deserialize_map(Envelope(name, PhantomData))?;
    json.end()?;
    Ok(opened)
}

/// Extracts one field whose name is known only at run time.
struct Envelope<T>(&'static str, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Envelope<T> {
    type Value = (Option<T>, Pagination);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the field {:?}", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut value = None;
        let mut pagination = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                value = map.next_value()?;
            } else if key == "meta" {
                pagination = map
                    .next_value::<Option<Meta>>()?
                    .and_then(|meta| meta.pagination);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok((value, pagination.unwrap_or_default()))
    }
}
