//! Ordering a new server.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use hcc_core::{Command, CreateOptions, Request, ServerName};
use hcc_store::Record;
use serde::Deserialize;

use crate::WebConsole;
use crate::page::Html;
use crate::refusal::Refusal;
use crate::view::{price, size};
use crate::visitor::{Posted, Visitor};

#[derive(Template)]
#[template(path = "create.html")]
struct CreatePage {
    visitor: Visitor,
    /// What the servers that are known are made of, and what is known of that:
    /// only the side with the token can ask what else there is.
    types: BTreeMap<String, String>,
    images: BTreeMap<String, String>,
    locations: BTreeMap<String, String>,
}

/// What is ordered; what is empty is up to the worker's settings.
#[derive(Deserialize)]
pub(crate) struct Ordered {
    name: String,
    #[serde(rename = "type")]
    server_type: String,
    image: String,
    location: String,
    ssh_keys: String,
    user_data: String,
}

pub(crate) async fn form(
    State(console): State<WebConsole>,
    visitor: Visitor,
) -> Result<impl IntoResponse, Refusal> {
    if !visitor.may_create() {
        return Err(Refusal::NotFound);
    }
    let records = console.frontend.records().await?;
    let records = records
        .iter()
        .filter(|record| visitor.permissions.can_view(record));
    let mut page = CreatePage {
        visitor: visitor.clone(),
        types: BTreeMap::new(),
        images: BTreeMap::new(),
        locations: BTreeMap::new(),
    };
    records.for_each(|record| page.learn(record));
    Ok(Html(page))
}

impl CreatePage {
    fn learn(&mut self, record: &Record) {
        if let Some(kind) = &record.r#type
            && let Some(name) = &kind.name
        {
            let price = kind
                .price
                .as_ref()
                .map(|it| format!(", {} a month", price(it)));
            let facts = size(kind) + &price.unwrap_or_default();
            self.types.insert(name.clone(), facts);
        }
        if let Some(image) = &record.image
            && let Some(name) = &image.name
        {
            let facts = image.desc.clone().unwrap_or_default();
            self.images.insert(name.clone(), facts);
        }
        if let Some(place) = record.dc.as_ref().and_then(|dc| dc.loc.as_ref())
            && let Some(name) = &place.name
        {
            let facts = place.city.clone().unwrap_or_default();
            self.locations.insert(name.clone(), facts);
        }
    }
}

pub(crate) async fn create(
    State(console): State<WebConsole>,
    Posted(visitor, ordered): Posted<Ordered>,
) -> Result<Redirect, Refusal> {
    let parsed: Result<ServerName, _> = ordered.name.trim().parse();
    let name = parsed.map_err(|error| Refusal::Invalid(error.to_string()))?;
    let command = Command::Create(ordered.into());
    if !visitor.may(&command, &name, None) {
        console
            .note(&visitor, "new", Some(name.as_str()), "not_permitted")
            .await?;
        return Err(Refusal::NotPermitted);
    }
    console.ask(&visitor, Request::new(command, name)).await?;
    Ok(Redirect::to("/"))
}

impl From<Ordered> for CreateOptions {
    fn from(ordered: Ordered) -> Self {
        let said = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let keys = ordered.ssh_keys.split([',', '\n']);
        let keys = keys.filter_map(|key| said(key.to_owned()));
        let mut order = Self::default();
        order.server_type = said(ordered.server_type);
        order.image = said(ordered.image);
        order.location = said(ordered.location);
        order.ssh_keys = keys.collect();
        order.user_data = said(ordered.user_data).map(Into::into);
        order
    }
}
