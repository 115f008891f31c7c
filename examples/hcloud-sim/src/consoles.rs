//! Access to consoles: tickets for requested consoles, and their WebSocket.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::call::{Answer, Call, Reply};
use crate::console::{self, Machine};
use crate::http::Shared;
use crate::state::Cloud;

/// How long a requested console accepts connections.
const TICKET_TTL: Duration = Duration::from_secs(60);

/// The consoles that have been requested.
pub(crate) struct Consoles {
    /// The URL of the WebSocket, without the query.
    url: String,
    /// URL and password of an external console that replaces all others.
    external: Option<(String, String)>,
    tickets: HashMap<String, Ticket>,
    /// Servers that may be switched off from their console.
    watched: BTreeSet<u64>,
}

struct Ticket {
    server: u64,
    password: String,
    expires: Timestamp,
}

impl Consoles {
    pub(crate) fn at(url: String) -> Self {
        Self {
            url,
            external: None,
            tickets: HashMap::new(),
            watched: BTreeSet::new(),
        }
    }

    /// Uses an external console instead of the simulated ones.
    pub(crate) fn with_external_console(self, url: String, password: String) -> Self {
        Self {
            external: Some((url, password)),
            ..self
        }
    }
}

impl Cloud {
    /// Returns the machine of a server, which is on if the server is.
    fn machine(&mut self, id: u64) -> Option<Machine> {
        let server = self.servers.get(&id)?;
        if server.machine.is_none() {
            let machine = Machine::new(self.clock.clone());
            if let Some(since) = server.on_since {
                machine.power_on(self.system(id), since);
            }
            self.servers.get_mut(&id)?.machine = Some(machine);
            self.consoles.watched.insert(id);
        }
        self.servers[&id].machine.clone()
    }

    /// Returns the text on the screen of a server; `None` if the server does not exist.
    pub(crate) fn screen(&mut self, id: u64) -> Option<String> {
        self.machine(id).map(|machine| machine.text())
    }

    /// Updates the status of servers that have been switched off from their console.
    pub(crate) fn observe_power_off(&mut self) {
        for id in &self.consoles.watched {
            if let Some(server) = self.servers.get_mut(id)
                && server.on_since.is_some()
                && server
                    .machine
                    .as_ref()
                    .is_some_and(|machine| !machine.is_on())
            {
                server.power_off();
            }
        }
    }

    /// Switches all servers off, which ends all sessions.
    pub(crate) fn shut_down(&mut self) {
        for server in self.servers.values_mut() {
            server.power_off();
        }
    }

    fn redeem(&mut self, query: &ConsoleQuery) -> Option<(Machine, String)> {
        let now = self.clock.now();
        self.consoles
            .tickets
            .retain(|_, ticket| ticket.expires > now);
        let ticket = self.consoles.tickets.get(&query.token)?;
        if ticket.server != query.server_id {
            return None;
        }
        let password = ticket.password.clone();
        Some((self.machine(query.server_id)?, password))
    }
}

pub(crate) fn request(cloud: &mut Cloud, call: &Call) -> Reply {
    let id = cloud.server(call.id("id")?)?.id;
    let action = cloud.act("request_console", id, |_| {});
    if let Some((url, password)) = &cloud.consoles.external {
        let body = json!({ "wss_url": url, "password": password, "action": action });
        return Answer::created(&body);
    }
    let (token, password) = (cloud.secret(32), cloud.secret(32));
    let url = format!("{}?server_id={id}&token={token}", cloud.consoles.url);
    let ticket = Ticket {
        server: id,
        password: password.clone(),
        expires: cloud.clock.now() + TICKET_TTL,
    };
    cloud.consoles.tickets.insert(token, ticket);
    Answer::created(&json!({ "wss_url": url, "password": password, "action": action }))
}

#[derive(Deserialize)]
pub(crate) struct ConsoleQuery {
    server_id: u64,
    token: String,
}

/// `GET /console`: upgrades to the WebSocket of a console.
pub(crate) async fn connect(
    State(shared): State<Shared>,
    query: Result<Query<ConsoleQuery>, QueryRejection>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let console = query
        .ok()
        .and_then(|Query(query)| shared.cloud().redeem(&query));
    match console {
        Some((machine, password)) => console::accept(upgrade, machine, password),
        None => (StatusCode::FORBIDDEN, "unknown or expired token").into_response(),
    }
}
