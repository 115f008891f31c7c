//! Access to consoles: tickets for requested consoles, and their WebSocket.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::actions::Job;
use crate::call::{Answer, Call, Reply};
use crate::console::{self, Machine};
use crate::http::Shared;
use crate::resources;
use crate::servers::Server;
use crate::state::Cloud;

/// How long a requested console accepts connections.
const TICKET_TTL: Duration = Duration::from_secs(60);

/// The consoles that have been requested, and the machines of the servers.
#[derive(Default)]
pub(crate) struct Consoles {
    /// The URL of the WebSocket, without the query.
    url: String,
    /// URL and password of an external console that replaces all others.
    external: Option<(String, String)>,
    tickets: HashMap<String, Ticket>,
    /// The machines of servers, created by the first request for their console.
    machines: BTreeMap<u64, Machine>,
}

struct Ticket {
    server: u64,
    password: String,
    expires: Timestamp,
}

impl Consoles {
    /// Returns the consoles at a URL; an external one, given by its URL and password, replaces all of them.
    pub(crate) fn at(url: String, external: Option<(String, String)>) -> Self {
        Self {
            url,
            external,
            ..Self::default()
        }
    }
}

impl Consoles {
    /// Returns the consoles without machines and tickets.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            url: self.url.clone(),
            external: self.external.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn power_off(&self, server: u64) {
        if let Some(machine) = self.machines.get(&server) {
            machine.power_off();
        }
    }

    pub(crate) fn forget(&mut self, server: u64) {
        self.machines.remove(&server);
    }
}

impl Cloud {
    /// Returns the machine of a server, which is on if the server is.
    fn machine(&mut self, id: u64) -> Option<Machine> {
        let since = self.servers.get(&id)?.own.on_since;
        if !self.consoles.machines.contains_key(&id) {
            let machine = Machine::new(self.clock.clone());
            self.consoles.machines.insert(id, machine);
            if let Some(since) = since {
                self.power_machine_on(id, since);
            }
        }
        self.consoles.machines.get(&id).cloned()
    }

    /// Switches the machine of a server on, if it has one.
    pub(crate) fn power_machine_on(&self, id: u64, at: Timestamp) {
        if let Some(machine) = self.consoles.machines.get(&id) {
            machine.power_on(self.system(id), at);
        }
    }

    /// Returns the text on the screen of a server; `None` if the server does not exist.
    pub(crate) fn screen(&mut self, id: u64) -> Option<String> {
        self.machine(id).map(|machine| machine.text())
    }

    /// Updates the status of servers that have been switched off from their console.
    pub(crate) fn observe_power_off(&mut self) {
        for (id, machine) in &self.consoles.machines {
            if let Some(server) = self.servers.get_mut(id)
                && server.own.on_since.is_some()
                && !machine.is_on()
            {
                server.own.power_off();
            }
        }
    }

    /// Switches all machines off, which ends all sessions.
    pub(crate) fn shut_down(&mut self) {
        self.consoles.machines.values().for_each(Machine::power_off);
    }

    /// Returns whether a console of the project has been requested with this token.
    pub(crate) fn has_ticket(&self, token: &str) -> bool {
        self.consoles.tickets.contains_key(token)
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
    let id = resources::id_of::<Server>(cloud, call)?;
    let action = Job::on::<Server>("request_console", id)
        .without_lock()
        .begin(cloud);
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
        .and_then(|Query(query)| shared.with_ticket(&query.token)?.redeem(&query));
    match console {
        Some((machine, password)) => console::accept(upgrade, machine, password),
        None => (StatusCode::FORBIDDEN, "unknown or expired token").into_response(),
    }
}
