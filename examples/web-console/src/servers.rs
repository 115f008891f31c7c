//! The list of servers, and the page of one server.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use hcc_core::{ServerName, Verb};
use hcc_queue::Entry;
use hcc_store::{AuditEntry, AuditQuery, Record};

use crate::WebConsole;
use crate::auth::AuthUser;
use crate::error::AppError;
use crate::page::Html;
use crate::view::{AllowedCommands, BUTTONS, Button, CommandView, ServerView};

/// How many entries of the audit trail the page of a server shows.
const HISTORY_LEN: usize = 20;

#[derive(Template)]
#[template(path = "servers.html")]
struct ServersPage {
    auth: AuthUser,
    servers: Vec<ServerRow>,
    commands: Vec<CommandView>,
    no_worker: bool,
}

#[derive(Template)]
#[template(path = "server.html")]
struct ServerPage {
    auth: AuthUser,
    server: ServerRow,
    commands: Vec<CommandView>,
    history: Vec<AuditEntry>,
    no_worker: bool,
}

/// A server, and what the user may do with it.
#[derive(Default)]
struct ServerRow {
    view: ServerView,
    commands: AllowedCommands,
}

impl ServerRow {
    fn new(record: &Record, entries: &[Entry], auth: &AuthUser) -> Self {
        let here = |entry: &&Entry| entry.command.server == record.name;
        let entries: Vec<_> = entries.iter().filter(here).cloned().collect();
        Self {
            view: ServerView::new(record, &entries),
            commands: AllowedCommands::new(auth, record),
        }
    }

    fn buttons(&self) -> impl Iterator<Item = &'static Button> {
        BUTTONS.iter().filter(|button| self.allows(&button.verb))
    }

    fn allows(&self, verb: &Verb) -> bool {
        self.commands.allows(*verb)
    }

    fn offers(&self, verb: &Verb) -> bool {
        self.commands.offers(*verb)
    }
}

impl ServersPage {
    /// The template for servers that appear while the page is open.
    fn blank(&self) -> ServerRow {
        ServerRow::default()
    }

    /// The buttons in each row of the list.
    fn row_buttons(&self) -> impl Iterator<Item = &'static Button> {
        [Verb::Start, Verb::Stop].into_iter().filter_map(Button::of)
    }
}

pub(crate) async fn list(
    State(console): State<WebConsole>,
    auth: AuthUser,
) -> Result<impl IntoResponse, AppError> {
    let frontend = &console.frontend;
    let (mut records, entries) = tokio::try_join!(frontend.records(), frontend.commands())?;
    records.sort_by(|a, b| a.name.cmp(&b.name));

    let record = |name: &str| records.iter().find(|record| record.name == name);
    let command = |entry: &Entry| CommandView::of(entry, record(&entry.command.server), &auth);
    let commands = entries.iter().filter_map(command).collect();
    let visible = records
        .iter()
        .filter(|record| auth.permissions.can_view(record));
    let servers = visible.map(|record| ServerRow::new(record, &entries, &auth));
    Ok(Html(ServersPage {
        servers: servers.collect(),
        commands,
        no_worker: console.live.no_worker(),
        auth,
    }))
}

pub(crate) async fn one(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Path(name): Path<String>,
) -> Result<impl IntoResponse, AppError> {
    let (_, record) = console.server(&auth, &name).await?;
    let entries = console.frontend.commands().await?;
    let query = AuditQuery {
        server: Some(name),
        limit: HISTORY_LEN,
        ..AuditQuery::default()
    };
    let history = console.accounts.audit(&query).await?.entries;

    let here = |entry: &&Entry| entry.command.server == record.name;
    let command = |entry: &Entry| CommandView::of(entry, Some(&record), &auth);
    let commands = entries.iter().filter(here).filter_map(command).collect();
    Ok(Html(ServerPage {
        server: ServerRow::new(&record, &entries, &auth),
        commands,
        history,
        no_worker: console.live.no_worker(),
        auth,
    }))
}

impl WebConsole {
    /// Returns a server that the user may see. Others do not exist for the user.
    pub(crate) async fn server(
        &self,
        auth: &AuthUser,
        name: &str,
    ) -> Result<(ServerName, Record), AppError> {
        let name: ServerName = name.parse().map_err(|_| AppError::NotFound)?;
        let record = self.frontend.record(&name).await?;
        let visible = record.filter(|record| auth.permissions.can_view(record));
        Ok((name, visible.ok_or(AppError::NotFound)?))
    }
}
