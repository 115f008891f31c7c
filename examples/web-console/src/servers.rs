//! The servers: all of them, and each of them.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use hcc_core::ServerName;
use hcc_queue::Entry;
use hcc_store::{AuditEntry, AuditQuery, Record};

use crate::WebConsole;
use crate::page::Html;
use crate::refusal::Refusal;
use crate::view::{ACTIONS, Action, CommandView, Offers, ServerView};
use crate::visitor::Visitor;

/// How much of a server's past its page shows.
const PAST: usize = 20;

#[derive(Template)]
#[template(path = "servers.html")]
struct ServersPage {
    visitor: Visitor,
    servers: Vec<Shown>,
    commands: Vec<CommandView>,
    silent: bool,
}

#[derive(Template)]
#[template(path = "server.html")]
struct ServerPage {
    visitor: Visitor,
    server: Shown,
    commands: Vec<CommandView>,
    past: Vec<AuditEntry>,
    silent: bool,
}

/// A server, and what its visitor may do with it.
#[derive(Default)]
struct Shown {
    view: ServerView,
    offers: Offers,
}

impl Shown {
    fn new(record: &Record, commands: &[Entry], visitor: &Visitor) -> Self {
        let here = |entry: &&Entry| entry.command.server == record.name;
        let commands: Vec<_> = commands.iter().filter(here).cloned().collect();
        Self {
            view: ServerView::new(record, &commands),
            offers: Offers::new(visitor, record),
        }
    }

    fn actions(&self) -> impl Iterator<Item = &'static Action> {
        ACTIONS.iter().filter(|action| self.allows(action.verb))
    }

    fn allows(&self, verb: &str) -> bool {
        self.offers.allow(verb)
    }

    fn offers(&self, verb: &str) -> bool {
        self.offers.offer(verb)
    }
}

impl ServersPage {
    /// A row for a server that comes while the page is open.
    fn blank(&self) -> Shown {
        Shown::default()
    }

    /// What can be done without going to a server's own page.
    fn quick(&self) -> impl Iterator<Item = &'static Action> {
        ["start", "stop"].into_iter().filter_map(Action::of)
    }
}

pub(crate) async fn list(
    State(console): State<WebConsole>,
    visitor: Visitor,
) -> Result<impl IntoResponse, Refusal> {
    let frontend = &console.frontend;
    let (mut records, entries) = tokio::try_join!(frontend.records(), frontend.commands())?;
    records.sort_by(|a, b| a.name.cmp(&b.name));

    let record = |name: &str| records.iter().find(|record| record.name == name);
    let command = |entry: &Entry| CommandView::of(entry, record(&entry.command.server), &visitor);
    let commands = entries.iter().filter_map(command).collect();
    let visible = records
        .iter()
        .filter(|record| visitor.permissions.can_view(record));
    let servers = visible.map(|record| Shown::new(record, &entries, &visitor));
    Ok(Html(ServersPage {
        servers: servers.collect(),
        commands,
        silent: console.live.is_silent(),
        visitor,
    }))
}

pub(crate) async fn one(
    State(console): State<WebConsole>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    let (_, record) = console.server(&visitor, &name).await?;
    let entries = console.frontend.commands().await?;
    let query = AuditQuery {
        server: Some(name),
        limit: PAST,
        ..AuditQuery::default()
    };
    let past = console.accounts.audit(&query).await?.entries;

    let here = |entry: &&Entry| entry.command.server == record.name;
    let command = |entry: &Entry| CommandView::of(entry, Some(&record), &visitor);
    let commands = entries.iter().filter(here).filter_map(command).collect();
    Ok(Html(ServerPage {
        server: Shown::new(&record, &entries, &visitor),
        commands,
        past,
        silent: console.live.is_silent(),
        visitor,
    }))
}

impl WebConsole {
    /// A server that the visitor may see. Others do not exist for them.
    pub(crate) async fn server(
        &self,
        visitor: &Visitor,
        name: &str,
    ) -> Result<(ServerName, Record), Refusal> {
        let name: ServerName = name.parse().map_err(|_| Refusal::NotFound)?;
        let record = self.frontend.record(&name).await?;
        let visible = record.filter(|record| visitor.permissions.can_view(record));
        Ok((name, visible.ok_or(Refusal::NotFound)?))
    }
}
