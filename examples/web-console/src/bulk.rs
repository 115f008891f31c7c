//! One command for several servers, with one confirmation.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::{Request, ServerName};
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::limits::BULKS;
use crate::natural::Natural;
use crate::page::Html;
use crate::view::{Button, Confirm, ServerView};

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
    #[serde(flatten)]
    fields: BTreeMap<String, String>,
}

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage {
    auth: AuthUser,
    button: &'static Button,
    /// The servers, with what distinguishes them from those of all projects.
    servers: Vec<(String, ServerView)>,
    /// Servers that are left out, with the reason.
    others: Vec<(String, String)>,
    /// Whether something else than the number of servers was typed.
    mistyped: bool,
}

#[derive(Template)]
#[template(path = "bulk_result.html")]
struct BulkResultPage {
    auth: AuthUser,
    button: &'static Button,
    /// How many commands were submitted.
    submitted: usize,
    /// The other servers, with the reason.
    others: Vec<(String, String)>,
}

impl BulkPage {
    fn needs_number(&self) -> bool {
        self.button.confirm == Confirm::TypedName
    }
}

/// Shows which servers a command is for, and submits it once that is confirmed.
pub(crate) async fn submit(
    State(console): State<WebConsole>,
    CsrfForm(auth, form): CsrfForm<BulkForm>,
) -> Result<Response, AppError> {
    let button = form.verb.parse().ok().and_then(Button::of);
    let button = button.ok_or(AppError::NotFound)?;
    let names = form
        .fields
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
    let confirmed = match button.confirm {
        Confirm::TypedName => form.sure == chosen.len().to_string(),
        Confirm::No | Confirm::Click => form.sure == "yes",
    };
    if !confirmed || chosen.is_empty() {
        return Ok(Html(BulkPage {
            auth,
            button,
            servers: chosen.into_iter().map(|it| (it.key, it.view)).collect(),
            others,
            mistyped: !form.sure.is_empty(),
        })
        .into_response());
    }

    console.count(BULKS, auth.name()).await?;
    let mut submitted = 0;
    for Chosen {
        project,
        auth,
        key,
        server,
        ..
    } in chosen
    {
        match project
            .push(&auth, Request::new(button.command(), server))
            .await
        {
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
    async fn choose(
        &self,
        auth: &AuthUser,
        button: &Button,
        key: &str,
    ) -> Result<Chosen, AppError> {
        let (project, name) = self.find(key).ok_or(AppError::NotFound)?;
        let auth = auth.in_project(&project.project);
        let (server, record) = project.server(&auth, name).await?;
        if !auth.may(&button.command(), &server, Some(&record)) {
            return Err(AppError::NotPermitted);
        }
        if !button.is_useful(&record) {
            let status = record.status.clone().unwrap_or_default();
            return Err(AppError::Useless(status));
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
