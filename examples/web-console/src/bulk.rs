//! One command for several servers, with one confirmation.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::{Request, ServerName};
use serde::Deserialize;

use crate::WebConsole;
use crate::argument_fields::{Field, Input, Offers, Values, command};
use crate::auth::{AuthUser, CsrfForm};
use crate::button::{Button, Confirm, Place};
use crate::commands::not_allowed;
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::limits::BULKS;
use crate::natural::Natural;
use crate::page::Html;
use crate::view::ServerView;

/// What the names of the fields of servers begin with. HTML forms have no lists that are the value
/// of one field.
pub(crate) const PREFIX: &str = "server:";

/// More than a page of the list shows.
const MAX_SERVERS: usize = 1000;

#[derive(Deserialize)]
pub(crate) struct BulkForm {
    verb: String,
    /// The confirmation: `yes`, or the number of servers.
    #[serde(default)]
    sure: String,
    /// The servers, and the arguments.
    #[serde(flatten)]
    values: Values,
}

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage {
    auth: AuthUser,
    button: Button,
    /// The servers, with what distinguishes them from those of all projects.
    servers: Vec<(String, ServerView)>,
    fields: Vec<Field>,
    problem: Problem,
    /// Servers that are left out, with the reason.
    others: Vec<(String, String)>,
    /// Whether something else than the number of servers was typed.
    mistyped: bool,
}

#[derive(Template)]
#[template(path = "bulk_result.html")]
struct BulkResultPage {
    auth: AuthUser,
    button: Button,
    /// How many commands were submitted.
    submitted: usize,
    /// The other servers, with the reason.
    others: Vec<(String, String)>,
}

impl BulkPage {
    fn needs_number(&self) -> bool {
        self.button.confirm() == Confirm::TypedName
    }
}

/// Shows which servers a command is for, and submits it once that is confirmed.
pub(crate) async fn submit(
    State(console): State<WebConsole>,
    CsrfForm(auth, form): CsrfForm<BulkForm>,
) -> Result<Response, AppError> {
    let button = Button::parse(&form.verb);
    let is_known = |button: &Button| Button::bulk().any(|it| it.value() == button.value());
    let button = button.filter(is_known).ok_or(AppError::NotFound)?;
    let names = form
        .values
        .keys()
        .filter_map(|key| key.strip_prefix(PREFIX));
    let mut names: Vec<_> = names.map(Natural::from).collect();
    names.sort();
    if names.is_empty() {
        return Err(AppError::Invalid("No servers are selected.".to_owned()));
    }
    if names.len() > MAX_SERVERS {
        let message = format!("At most {MAX_SERVERS} servers can be selected.");
        return Err(AppError::Invalid(message));
    }

    let (mut chosen, mut others) = (Vec::<Chosen>::new(), Vec::new());
    for key in &names {
        match console.choose(&auth, button, key.as_str()).await {
            Ok(server) => chosen.push(server),
            Err(error @ (AppError::NotFound | AppError::NotPermitted | AppError::Useless(_))) => {
                others.push((key.as_str().to_owned(), error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    let confirmed = match button.confirm() {
        Confirm::TypedName => form.sure == chosen.len().to_string(),
        Confirm::No | Confirm::Click => form.sure == "yes",
    };
    let command = match command(button, &form.values) {
        Ok(command) if confirmed && !chosen.is_empty() => command,
        checked => {
            // Nothing is wrong before the form has been seen.
            let problem = checked.err().filter(|_| confirmed).unwrap_or_default();
            let offers = Offers {
                auth: &auth,
                record: None,
                catalog: None,
            };
            let fields = offers.fields(button, &form.values);
            let is_refused = problem.is_some();
            let page = BulkPage {
                auth,
                button,
                servers: chosen.into_iter().map(|it| (it.key, it.view)).collect(),
                fields,
                problem,
                others,
                mistyped: !confirmed && !form.sure.is_empty(),
            };
            return Ok(match is_refused {
                true => refused(page),
                false => Html(page).into_response(),
            });
        }
    };

    console.count(BULKS, auth.name()).await?;
    let mut submitted = 0;
    // What the limit of a project says, since all its records are read for that.
    let mut refusals = BTreeMap::new();
    for Chosen {
        project,
        auth,
        key,
        server,
        ..
    } in chosen
    {
        let refusal = match refusals.entry(project.project_name().to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let exceeded = project.exceeded(&auth, &command, &server, None).await?;
                unknown.insert(exceeded.map(|denied| not_allowed(&command, &denied)))
            }
        };
        if let Some(problem) = refusal {
            others.push((key, problem.message().to_owned()));
            continue;
        }
        let request = Request::new(command.clone(), server);
        match project.push(&auth, request).await {
            Ok(_) => submitted += 1,
            Err(error) => others.push((key, error.message())),
        }
    }
    if others.is_empty() {
        return Ok(Redirect::to("/").into_response());
    }
    Ok(Html(BulkResultPage {
        auth,
        button,
        submitted,
        others,
    })
    .into_response())
}

/// A server that a command is for.
struct Chosen {
    project: WebConsole,
    /// The user, with the permissions in the project.
    auth: AuthUser,
    key: String,
    server: ServerName,
    view: ServerView,
}

impl WebConsole {
    /// Returns a server that the user may submit this command for, if that would change anything.
    async fn choose(&self, auth: &AuthUser, button: Button, key: &str) -> Result<Chosen, AppError> {
        let (project, name) = self.find(key).ok_or(AppError::NotFound)?;
        let auth = auth.in_project(&project.project);
        let (server, record) = project.server(&auth, name).await?;
        if !button.is_allowed(&auth, &record) {
            return Err(AppError::NotPermitted);
        }
        if !button.is_useful(&record) {
            return Err(AppError::Useless(match button.place() {
                Place::Power => record.status.clone().unwrap_or_default(),
                _ => String::new(),
            }));
        }
        Ok(Chosen {
            project,
            auth,
            key: key.to_owned(),
            server,
            view: ServerView::new(&record, String::new()),
        })
    }
}
