//! Asking for commands, and clearing up after those that failed.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::{Request, ServerName};
use hcc_queue::CommandId;
use serde::Deserialize;

use crate::WebConsole;
use crate::page::Html;
use crate::refusal::Refusal;
use crate::view::{Action, Confirm, may, settlements};
use crate::visitor::{Posted, Visitor};

#[derive(Deserialize)]
pub(crate) struct Asked {
    verb: String,
    /// Says that they mean it: `yes`, or the name of the server.
    #[serde(default)]
    sure: String,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    visitor: Visitor,
    server: String,
    action: &'static Action,
    /// Whether another name was typed.
    mistyped: bool,
}

impl ConfirmPage {
    fn wants_name(&self) -> bool {
        self.action.confirm == Confirm::TypedName
    }
}

#[derive(Deserialize)]
pub(crate) struct Settled {
    #[serde(rename = "do")]
    verb: String,
}

/// Asks for a command, and for a confirmation where there is no way back.
pub(crate) async fn request(
    State(console): State<WebConsole>,
    Path(name): Path<String>,
    Posted(visitor, Asked { verb, sure }): Posted<Asked>,
) -> Result<Response, Refusal> {
    let (server, record) = console.server(&visitor, &name).await?;
    let action = Action::of(&verb).ok_or(Refusal::NotFound)?;
    if !may(&visitor, action.verb, &record) {
        console
            .note(&visitor, action.verb, Some(&name), "not_permitted")
            .await?;
        return Err(Refusal::NotPermitted);
    }
    let confirmed = match action.confirm {
        Confirm::No => true,
        Confirm::Click => sure == "yes",
        Confirm::TypedName => sure == name,
    };
    if !confirmed {
        let page = ConfirmPage {
            visitor,
            server: name,
            action,
            mistyped: !sure.is_empty(),
        };
        return Ok(Html(page).into_response());
    }
    let command = hcc_queue::Command::new(action.verb, server.as_str());
    let request = Request::try_from(&command).map_err(|_| Refusal::NotFound)?;
    console.ask(&visitor, request).await?;
    let page = match action.verb {
        "kill" => "/".to_owned(),
        _ => format!("/servers/{server}"),
    };
    Ok(Redirect::to(&page).into_response())
}

/// Asks for a sync of everything, which shows everything.
pub(crate) async fn sync_all(
    State(console): State<WebConsole>,
    Posted(visitor, ()): Posted<()>,
) -> Result<Redirect, Refusal> {
    visitor.must_be_admin()?;
    console.pace(&visitor)?;
    console.note(&visitor, "sync", None, "asked").await?;
    console
        .frontend
        .submit_sync_all(Some(visitor.name()))
        .await?;
    Ok(Redirect::to("/"))
}

/// Tries a failed command again, or removes one.
pub(crate) async fn settle(
    State(console): State<WebConsole>,
    Path(id): Path<String>,
    Posted(visitor, Settled { verb }): Posted<Settled>,
) -> Result<Redirect, Refusal> {
    let queue = console.frontend.queue();
    let id = CommandId::from(id);
    let entry = queue
        .commands()
        .get(&id)
        .await
        .map_err(hcc_core::Error::from)?;
    let entry = entry.ok_or(Refusal::NotFound)?;
    let server: Option<ServerName> = entry.command.server.parse().ok();
    let record = match &server {
        Some(server) => console.frontend.record(server).await?,
        None => None,
    };
    if !settlements(&entry, record.as_ref(), &visitor).contains(&verb.as_str()) {
        return Err(Refusal::NotFound);
    }
    let what = format!("{verb} {}", entry.command.verb);
    console
        .note(&visitor, &what, Some(&entry.command.server), "asked")
        .await?;
    let done = match verb.as_str() {
        "retry" => {
            console.pace(&visitor)?;
            queue.retry(&id).await
        }
        _ => queue.remove(&id).await,
    };
    done.map_err(hcc_core::Error::from)?;
    match record.is_some_and(|record| visitor.permissions.can_view(&record)) {
        true => Ok(Redirect::to(&format!("/servers/{}", entry.command.server))),
        false => Ok(Redirect::to("/")),
    }
}

impl WebConsole {
    /// Writes down what a visitor asks for, and asks for it in their name.
    pub(crate) async fn ask(
        &self,
        visitor: &Visitor,
        request: Request,
    ) -> Result<CommandId, Refusal> {
        self.pace(visitor)?;
        if visitor.permissions.waiting.is_some() {
            let queue = self.frontend.commands().await?;
            if !visitor.permissions.within_quota(visitor.name(), &queue) {
                return Err(Refusal::Full);
            }
        }
        let request = request.by(visitor.name());
        let (verb, server) = (request.command.verb(), request.server.as_str());
        self.note(visitor, verb, Some(server), "asked").await?;
        Ok(self.frontend.submit(&request).await?)
    }

    /// Counts a command of somebody, who may ask for so many in a while.
    pub(crate) fn pace(&self, visitor: &Visitor) -> Result<(), Refusal> {
        let counted = self.throttles.commands.count(visitor.name());
        counted.map_err(Refusal::TooOften)
    }
}
