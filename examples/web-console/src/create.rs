//! Creating a server.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use hcc_core::{Command, CreateOptions, Request, ServerName};
use hcc_store::Record;
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::page::Html;
use crate::view::{price, size};

#[derive(Template)]
#[template(path = "create.html")]
struct CreatePage {
    auth: AuthUser,
    /// Suggestions, each with a description, from the records that the user
    /// may see: without a token there is no catalog.
    types: BTreeMap<String, String>,
    images: BTreeMap<String, String>,
    locations: BTreeMap<String, String>,
}

/// The options of a server. Empty fields leave the choice to the worker's settings.
#[derive(Deserialize)]
pub(crate) struct CreateForm {
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
    auth: AuthUser,
) -> Result<impl IntoResponse, AppError> {
    if !auth.may_create() {
        return Err(AppError::NotFound);
    }
    let records = console.frontend.records().await?;
    let visible = records
        .iter()
        .filter(|record| auth.permissions.can_view(record));
    let mut page = CreatePage {
        auth: auth.clone(),
        types: BTreeMap::new(),
        images: BTreeMap::new(),
        locations: BTreeMap::new(),
    };
    visible.for_each(|record| page.suggest(record));
    Ok(Html(page))
}

impl CreatePage {
    fn suggest(&mut self, record: &Record) {
        if let Some(server_type) = &record.r#type
            && let Some(name) = &server_type.name
        {
            let monthly = server_type
                .price
                .as_ref()
                .map(|it| format!(", {} per month", price(it)));
            let description = size(server_type) + &monthly.unwrap_or_default();
            self.types.insert(name.clone(), description);
        }
        if let Some(image) = &record.image
            && let Some(name) = &image.name
        {
            let description = image.desc.clone().unwrap_or_default();
            self.images.insert(name.clone(), description);
        }
        if let Some(location) = record.dc.as_ref().and_then(|dc| dc.loc.as_ref())
            && let Some(name) = &location.name
        {
            let city = location.city.clone().unwrap_or_default();
            self.locations.insert(name.clone(), city);
        }
    }
}

pub(crate) async fn create(
    State(console): State<WebConsole>,
    CsrfForm(auth, form): CsrfForm<CreateForm>,
) -> Result<Redirect, AppError> {
    let parsed: Result<ServerName, _> = form.name.trim().parse();
    let name = parsed.map_err(|error| AppError::Invalid(error.to_string()))?;
    let command = Command::Create(form.into());
    if !auth.may(&command, &name, None) {
        return Err(console.refuse(&auth, "new", name.as_str()).await);
    }
    console.submit(&auth, Request::new(command, name)).await?;
    Ok(Redirect::to("/"))
}

impl From<CreateForm> for CreateOptions {
    fn from(form: CreateForm) -> Self {
        let given = |field: String| Some(field.trim().to_owned()).filter(|field| !field.is_empty());
        let keys = form.ssh_keys.split([',', '\n']);
        let keys = keys.filter_map(|key| given(key.to_owned()));
        let mut options = Self::default();
        options.server_type = given(form.server_type);
        options.image = given(form.image);
        options.location = given(form.location);
        options.ssh_keys = keys.collect();
        options.user_data = given(form.user_data).map(Into::into);
        options
    }
}
