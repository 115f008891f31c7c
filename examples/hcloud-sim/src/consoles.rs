//! Access to the consoles: who asked for one, and the WebSocket that leads there.

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

/// How long after the request a console can be connected to.
const VALID: Duration = Duration::from_secs(60);

/// The consoles that were asked for.
pub(crate) struct Consoles {
    /// Where the WebSocket is, without the query.
    url: String,
    /// Where all consoles are instead, and their password.
    elsewhere: Option<(String, String)>,
    tickets: HashMap<String, Ticket>,
    /// Servers whose power may be switched off from their console.
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
            elsewhere: None,
            tickets: HashMap::new(),
            watched: BTreeSet::new(),
        }
    }

    /// Has every console lead to a screen that is none of ours.
    pub(crate) fn lead_elsewhere(self, url: String, password: String) -> Self {
        Self {
            elsewhere: Some((url, password)),
            ..self
        }
    }
}

impl Cloud {
    /// The machine of a server, which is running if the server is.
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

    /// What the screen of a server shows; nothing, if there is no such server or it is off.
    pub(crate) fn screen(&mut self, id: u64) -> Option<String> {
        self.machine(id).map(|machine| machine.text())
    }

    /// Notes which servers were switched off by who types into their console.
    pub(crate) fn notice_power_off(&mut self) {
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

    /// Switches everything off, which ends all sessions.
    pub(crate) fn shut_down(&mut self) {
        for server in self.servers.values_mut() {
            server.power_off();
        }
    }

    fn admit(&mut self, visit: &Visit) -> Option<(Machine, String)> {
        let now = self.clock.now();
        self.consoles
            .tickets
            .retain(|_, ticket| ticket.expires > now);
        let ticket = self.consoles.tickets.get(&visit.token)?;
        if ticket.server != visit.server_id {
            return None;
        }
        let password = ticket.password.clone();
        Some((self.machine(visit.server_id)?, password))
    }
}

pub(crate) fn request(cloud: &mut Cloud, call: &Call) -> Reply {
    let id = cloud.server(call.id("id")?)?.id;
    let action = cloud.act("request_console", id, |_| {});
    if let Some((url, password)) = &cloud.consoles.elsewhere {
        let answer = json!({ "wss_url": url, "password": password, "action": action });
        return Answer::created(&answer);
    }
    let (token, password) = (cloud.secret(32), cloud.secret(32));
    let url = format!("{}?server_id={id}&token={token}", cloud.consoles.url);
    let ticket = Ticket {
        server: id,
        password: password.clone(),
        expires: cloud.clock.now() + VALID,
    };
    cloud.consoles.tickets.insert(token, ticket);
    Answer::created(&json!({ "wss_url": url, "password": password, "action": action }))
}

#[derive(Deserialize)]
pub(crate) struct Visit {
    server_id: u64,
    token: String,
}

/// `GET /console`: the WebSocket.
pub(crate) async fn connect(
    State(shared): State<Shared>,
    visit: Result<Query<Visit>, QueryRejection>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let admitted = visit
        .ok()
        .and_then(|Query(visit)| shared.cloud().admit(&visit));
    match admitted {
        Some((machine, password)) => console::accept(upgrade, machine, password),
        None => (StatusCode::FORBIDDEN, "unknown or expired token").into_response(),
    }
}
