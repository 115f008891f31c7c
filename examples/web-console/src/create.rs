//! Creating a server.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::{Command, CreateOptions, OfferedCatalog, OfferedType, Request, ServerName, choices};
use hcc_store::Record;
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::commands::not_allowed;
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::page::Html;

/// What the names of the boxes of SSH keys begin with.
const KEY_PREFIX: &str = "key:";

/// The status in the record of a server that no longer exists.
const DELETED: &str = "deleted";

#[derive(Template)]
#[template(path = "create.html")]
struct CreatePage {
    auth: AuthUser,
    /// What can be ordered; `None` if no worker has said so.
    catalog: Option<OfferedCatalog>,
    form: CreateForm,
    problem: Problem,
}

/// The options of a server. Empty fields leave the choice to the worker's settings.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct CreateForm {
    name: String,
    #[serde(rename = "type")]
    server_type: String,
    image: String,
    location: String,
    /// Names or ids, separated by commas.
    ssh_keys: String,
    user_data: String,
    /// The other fields: boxes of SSH keys.
    #[serde(flatten)]
    boxes: BTreeMap<String, String>,
}

impl CreatePage {
    /// The server types that the user may create.
    fn types(&self) -> Vec<&OfferedType> {
        let limits = self.auth.permissions.create_limits();
        let is_allowed = |name: &String| {
            limits.is_none_or(|limits| limits.types.is_empty() || limits.types.contains(name))
        };
        let types = self.catalog.iter().flat_map(|catalog| &catalog.types);
        types.filter(|it| is_allowed(&it.name)).collect()
    }

    /// The names of the images, each once.
    fn images(&self) -> BTreeMap<&str, &str> {
        let images = self.catalog.iter().flat_map(|catalog| &catalog.images);
        images
            .map(|image| (&*image.name, &*image.description))
            .collect()
    }

    fn limits(&self) -> Vec<String> {
        let Some(limits) = self.auth.permissions.create_limits() else {
            return Vec::new();
        };
        let servers = limits.servers.map(|max| format!("{max} servers"));
        let currency = self.catalog.as_ref().map_or("", |it| &it.currency);
        let monthly = limits
            .monthly
            .map(|max| format!("{max} {currency} a month"));
        [servers, monthly].into_iter().flatten().collect()
    }

    fn has_key(&self, key: &str) -> bool {
        self.form.boxes.contains_key(&format!("{KEY_PREFIX}{key}"))
    }
}

/// A type in one location: nothing if it is sold out there. Without a location, all of them.
pub(crate) fn in_place(it: &OfferedType, location: Option<&str>) -> OfferedType {
    let mut here = it.clone();
    here.places
        .retain(|place| place.available && location.is_none_or(|it| it == place.location));
    here
}

/// A type in a list: what it has, and the lowest price.
pub(crate) fn described(it: &OfferedType, currency: &str) -> String {
    let places = it.places.iter().filter(|place| place.available);
    let prices = places.filter_map(|place| place.monthly.parse::<f64>().ok());
    let price = match prices.min_by(f64::total_cmp) {
        Some(price) if it.places.len() == 1 => format!("{price:.2} {currency} a month"),
        Some(lowest) => format!("from {lowest:.2} {currency} a month"),
        None => "sold out".to_owned(),
    };
    let OfferedType {
        name,
        cores,
        memory,
        disk,
        ..
    } = it;
    format!("{name}: {cores} CPUs, {memory} GB, {disk} GB disk, {price}")
}

/// The prices of a type for scripts: `fsn1=4.49 nbg1=4.49`; locations that are sold out are missing.
fn prices(it: &OfferedType) -> String {
    let places = it.places.iter().filter(|place| place.available);
    let prices = places.filter_map(|place| {
        let price: f64 = place.monthly.parse().ok()?;
        Some(format!("{}={price:.2}", place.location))
    });
    prices.collect::<Vec<_>>().join(" ")
}

#[derive(Template)]
#[template(path = "choose_project.html")]
struct ChoicePage {
    auth: AuthUser,
    /// The names of the projects, and the addresses of their forms.
    projects: Vec<(String, String)>,
}

pub(crate) async fn form(
    State(console): State<WebConsole>,
    auth: AuthUser,
) -> Result<Response, AppError> {
    if console.has_several() {
        let projects = console.projects();
        let projects: Vec<_> = projects
            .filter(|it| auth.in_project(&it.project).may_create())
            .filter(|it| it.project.name().is_some())
            .map(|it| (it.project_name().to_owned(), it.project_path() + "/new"))
            .collect();
        return match projects.is_empty() {
            true => Err(AppError::NotFound),
            false => Ok(Html(ChoicePage { auth, projects }).into_response()),
        };
    }
    if !auth.may_create() {
        return Err(AppError::NotFound);
    }
    Ok(Html(CreatePage {
        auth,
        catalog: OfferedCatalog::read(&*console.accounts, &console.project).await?,
        form: CreateForm::default(),
        problem: Problem::default(),
    })
    .into_response())
}

pub(crate) async fn create(
    State(console): State<WebConsole>,
    CsrfForm(auth, form): CsrfForm<CreateForm>,
) -> Result<Response, AppError> {
    if !auth.may_create() {
        return Err(console.refuse(&auth, "new", form.name.trim()).await);
    }
    let catalog = OfferedCatalog::read(&*console.accounts, &console.project).await?;
    let checked = console.check_create(&auth, &form, catalog.as_ref()).await?;
    let (name, command) = match checked {
        Ok(checked) => checked,
        Err(problem) => {
            return Ok(refused(CreatePage {
                auth,
                catalog,
                form,
                problem,
            }));
        }
    };
    if !auth.may(&command, &name, None) {
        return Err(console.refuse(&auth, "new", name.as_str()).await);
    }
    console.submit(&auth, Request::new(command, name)).await?;
    Ok(Redirect::to("/").into_response())
}

impl WebConsole {
    /// Checks a form against what exists, what is offered and what the user may.
    async fn check_create(
        &self,
        auth: &AuthUser,
        form: &CreateForm,
        catalog: Option<&OfferedCatalog>,
    ) -> Result<Result<(ServerName, Command), Problem>, AppError> {
        let name: ServerName = match form.name.trim().parse() {
            Ok(name) => name,
            Err(error) => return Ok(Err(Problem::new("name", error))),
        };
        let existing = self.frontend.record(&name).await?;
        let exists = |record: &Record| record.status.as_deref() != Some(DELETED);
        if existing.is_some_and(|it| exists(&it) && auth.can_view(&it)) {
            let message = format!("{name} already exists.");
            return Ok(Err(Problem::new("name", message)));
        }
        let options = form.options();
        if let Some(catalog) = catalog {
            let problem = not_offered(catalog, &options);
            if problem.is_some() {
                return Ok(Err(problem));
            }
        }
        let command = Command::Create(options);
        Ok(match self.exceeded(auth, &command, &name, None).await? {
            None => Ok((name, command)),
            Some(denied) => Err(not_allowed(&command, &denied)),
        })
    }
}

/// Returns what is not in the catalog.
fn not_offered(catalog: &OfferedCatalog, options: &CreateOptions) -> Problem {
    let locations: BTreeSet<_> = catalog.locations.iter().map(|it| &*it.name).collect();
    let images: BTreeSet<_> = catalog.images.iter().map(|it| &*it.name).collect();
    let types: BTreeSet<_> = catalog.types.iter().map(|it| &*it.name).collect();
    // Ids, as of snapshots, are valid, too.
    let is_id = |it: &str| it.parse::<u64>().is_ok();
    let all = |list: &str, is_known: &dyn Fn(&str) -> bool| {
        let mut names = choices(list).peekable();
        names.peek().is_some() && names.all(is_known)
    };
    let location = options.location.as_deref();
    if location.is_some_and(|list| !all(list, &|it| is_id(it) || locations.contains(it))) {
        return Problem::new("location", "This location does not exist.");
    }
    let image = options.image.as_deref();
    if image.is_some_and(|it| !is_id(it) && !images.contains(it)) {
        return Problem::new("image", "This image does not exist.");
    }
    let Some(server_type) = options.server_type.as_deref() else {
        return Problem::default();
    };
    if !all(server_type, &|it| types.contains(it)) {
        return Problem::new("type", "This type does not exist, or is not sold any more.");
    }
    match catalog.places(options).is_empty() {
        false => Problem::default(),
        true => Problem::new("type", "This type is sold out there at the moment."),
    }
}

impl CreateForm {
    fn options(&self) -> CreateOptions {
        let given = |field: &str| Some(field.trim().to_owned()).filter(|field| !field.is_empty());
        let typed = self.ssh_keys.split([',', '\n']);
        let checked = self
            .boxes
            .keys()
            .filter_map(|key| key.strip_prefix(KEY_PREFIX));
        let mut options = CreateOptions::default();
        options.server_type = given(&self.server_type);
        options.image = given(&self.image);
        options.location = given(&self.location);
        options.ssh_keys = typed.chain(checked).filter_map(given).collect();
        options.user_data = given(&self.user_data).map(Into::into);
        options
    }
}
