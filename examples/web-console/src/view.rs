//! Servers and commands as pages show them: as strings.

use hcc_core::{Failure, Outcome, Request, Verb};
use hcc_queue::{Command, Entry, State};
use hcc_store::{Price, Record, ServerType};
use serde::Serialize;

use crate::auth::AuthUser;
use crate::button::{Button, POWER, label_of};
use crate::page::{stored_time, timestamp};

/// The record of a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct ServerView {
    pub(crate) name: String,
    pub(crate) status: String,
    /// The color of the status.
    pub(crate) tone: &'static str,
    /// The first command that is waiting or running.
    pub(crate) doing: String,
    /// The outcome of the last command, its time, and its color.
    pub(crate) last: String,
    pub(crate) last_at: String,
    pub(crate) last_tone: &'static str,
    pub(crate) ip4: String,
    pub(crate) ip6: String,
    pub(crate) kind: String,
    pub(crate) size: String,
    pub(crate) location: String,
    pub(crate) image: String,
    pub(crate) price: String,
    pub(crate) created: String,
    pub(crate) labels: String,
    pub(crate) synced: String,
}

impl ServerView {
    pub(crate) fn new(record: &Record, doing: String) -> Self {
        let field = |field: &Option<String>| field.clone().unwrap_or_default();
        let status = record.status.as_deref().unwrap_or("unknown");
        let location = record.dc.as_ref().and_then(|dc| dc.loc.as_ref());
        let image = record.image.as_ref();
        let server_type = record.r#type.as_ref();
        let labels = record.labels.iter().flatten();
        let labels: Vec<_> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let last = record.last.as_ref();
        Self {
            name: record.name.clone(),
            status: status.to_owned(),
            tone: match status {
                "running" => "good",
                "off" => "off",
                "unknown" => "unknown",
                _ => "busy",
            },
            doing,
            last: last.map(outcome).unwrap_or_default(),
            last_at: last.map(|last| timestamp(last.at)).unwrap_or_default(),
            last_tone: match last {
                Some(last) if !last.ok => "bad",
                _ => "",
            },
            ip4: field(&record.ip4),
            ip6: field(&record.ip6),
            kind: server_type
                .and_then(|it| it.name.clone())
                .unwrap_or_default(),
            size: server_type.map(size).unwrap_or_default(),
            location: location
                .and_then(|location| location.city.clone().or(location.name.clone()))
                .unwrap_or_default(),
            image: image
                .and_then(|image| image.name.clone().or(image.desc.clone()))
                .unwrap_or_default(),
            price: server_type
                .and_then(|it| it.price.as_ref())
                .map(price)
                .unwrap_or_default(),
            created: record
                .created
                .as_deref()
                .map(stored_time)
                .unwrap_or_default(),
            labels: labels.join(", "),
            synced: record.synced.map(timestamp).unwrap_or_default(),
        }
    }
}

/// The commands of [`POWER`] and the screen, as far as a user may submit them for a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct AllowedCommands {
    /// Their verbs.
    allowed: Vec<Verb>,
    /// Those that would change anything now.
    offers: Vec<Verb>,
}

impl AllowedCommands {
    pub(crate) fn new(auth: &AuthUser, record: &Record) -> Self {
        let may = |verb: &Verb| Button::of(*verb).is_allowed(auth, record);
        let useful = |verb: &Verb| Button::of(*verb).is_useful(record);
        let verbs = POWER.into_iter().chain([Verb::Console]);
        let allowed: Vec<_> = verbs.filter(may).collect();
        Self {
            offers: allowed.iter().copied().filter(useful).collect(),
            allowed,
        }
    }

    pub(crate) fn allows(&self, verb: Verb) -> bool {
        self.allowed.contains(&verb)
    }

    pub(crate) fn offers(&self, verb: Verb) -> bool {
        self.offers.contains(&verb)
    }
}

pub(crate) fn doing(entry: &Entry) -> String {
    format!("{}: {}", label(&entry.command), state(entry.state))
}

pub(crate) fn state(state: State) -> String {
    match state {
        State::Waiting => "waiting".to_owned(),
        State::Delayed(wait) => format!("retry in {} s", wait.as_secs().max(1)),
        State::Leased(_) => "in progress".to_owned(),
        State::Dead => "failed".to_owned(),
        _ => String::new(),
    }
}

fn outcome(last: &hcc_store::Outcome) -> String {
    let label = label_of(&last.cmd, None);
    match Outcome::of_last(last) {
        Outcome::Failed(failure) if failure.message.is_empty() => format!("{label} failed"),
        Outcome::Failed(failure) => format!("{label} failed: {}", reason(&failure)),
        Outcome::Removed { .. } => format!("{label}: {}", last.err.as_deref().unwrap_or("removed")),
        Outcome::Done { note: Some(note) } => format!("{label}: {note}"),
        _ => format!("{label}: done"),
    }
}

/// The message, which has all that the Hetzner API said, and the id of the API's response.
pub(crate) fn reason(failure: &Failure) -> String {
    let api = failure.api.as_deref();
    match api.and_then(|api| api.correlation_id.as_deref()) {
        Some(id) => format!("{failure} (correlation id {id})"),
        None => failure.to_string(),
    }
}

/// What the outcome of a command begins with in the audit trail, if an API token was used.
pub(crate) const ASKED_WITH_TOKEN: &str = "asked with token ";

/// What an entry of the audit trail says about the outcome, in words.
pub(crate) fn audited(outcome: &str) -> String {
    if let Some(token) = outcome.strip_prefix(ASKED_WITH_TOKEN) {
        return format!("requested with API token {token}");
    }
    let words = match outcome {
        "asked" => "requested",
        "ok" => "done",
        "wrong_password" => "wrong password",
        "wrong_code" => "wrong code",
        "wrong_passkey" => "wrong passkey",
        "not_permitted" | "denied" => "not permitted",
        "no_account" => "no account",
        other => other,
    };
    words.to_owned()
}

/// What an entry of the audit trail is about, in words.
pub(crate) fn audited_action(what: &str) -> String {
    let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
    match (first, Button::parse(what)) {
        ("retry", _) => format!("Retry: {}", audited_action(rest)),
        ("drop", _) => format!("Remove: {}", audited_action(rest)),
        (_, Some(button)) if !rest.is_empty() => button.label(),
        // Entries of older releases name no form.
        _ if what.parse::<Verb>().is_ok() => label_of(what, None),
        _ => what.to_owned(),
    }
}

fn label(command: &Command) -> String {
    label_of(&command.verb, Some(&command.args))
}

pub(crate) fn size(server_type: &ServerType) -> String {
    let cpus = server_type.cpus.map(|cpus| format!("{cpus} CPUs"));
    let memory = server_type.mem.map(|mem| format!("{mem} GB"));
    let disk = server_type.gb.map(|gb| format!("{gb} GB disk"));
    let parts: Vec<_> = [cpus, memory, disk].into_iter().flatten().collect();
    parts.join(", ")
}

pub(crate) fn price(price: &Price) -> String {
    let short = |price: &str| match price.parse::<f64>() {
        Ok(number) => format!("{number:.2}"),
        Err(_) => price.to_owned(),
    };
    match price {
        Price::Here(price) => short(price),
        Price::Between([low, high]) => format!("{}–{}", short(low), short(high)),
    }
}

/// A command in the queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct CommandView {
    pub(crate) id: String,
    /// The name of the project, if there are several, and the path of its pages. Updates say it once.
    #[serde(skip)]
    pub(crate) project: String,
    #[serde(skip)]
    pub(crate) path: String,
    pub(crate) server: String,
    pub(crate) what: String,
    pub(crate) by: String,
    pub(crate) at: String,
    pub(crate) state: String,
    pub(crate) tone: &'static str,
    pub(crate) why: String,
    /// What to do about a failure.
    pub(crate) hint: String,
    /// The ways to resolve it: `retry`, `drop`.
    pub(crate) offers: Vec<&'static str>,
}

impl CommandView {
    /// Returns a command as the user may see it; `None` if hidden from the user.
    pub(crate) fn of(entry: &Entry, record: Option<&Record>, auth: &AuthUser) -> Option<Self> {
        let command = &entry.command;
        let is_own = auth.owns(command.by.as_deref(), &command.server, record);
        if !is_own && !record.is_some_and(|record| auth.can_view(record)) {
            return None;
        }
        let failure = match Outcome::of_entry(entry) {
            Some(Outcome::Failed(failure)) => Some(failure),
            _ => None,
        };
        let why = failure.as_ref().map(reason);
        Some(Self {
            id: command.id.to_string(),
            project: String::new(),
            path: String::new(),
            server: command.server.clone(),
            what: label(command),
            by: command.by.clone().unwrap_or_default(),
            at: command.at.map(timestamp).unwrap_or_default(),
            state: state(entry.state),
            tone: match entry.state {
                State::Dead => "bad",
                _ => "busy",
            },
            why: why.or_else(|| entry.reason.clone()).unwrap_or_default(),
            hint: failure.and_then(|failure| failure.hint).unwrap_or_default(),
            offers: resolutions(entry, record, auth),
        })
    }

    /// Names the project, among the commands of several.
    pub(crate) fn in_project(self, project: &str, path: &str) -> Self {
        Self {
            project: project.to_owned(),
            path: path.to_owned(),
            ..self
        }
    }

    pub(crate) fn offers(&self, verb: &str) -> bool {
        self.offers.contains(&verb)
    }
}

/// Returns how the user may resolve a command in the queue.
pub(crate) fn resolutions(
    entry: &Entry,
    record: Option<&Record>,
    auth: &AuthUser,
) -> Vec<&'static str> {
    let command = &entry.command;
    let is_own = auth.owns(command.by.as_deref(), &command.server, record);
    let could_submit = could_submit(command, record, auth);
    let retry = is_own && entry.state == State::Dead && could_submit;
    // An API token drops what it could have submitted.
    let may_drop = auth.limit.is_none() || could_submit;
    let drop = is_own && may_drop && !matches!(entry.state, State::Leased(_));
    let resolutions = [("retry", retry), ("drop", drop)];
    resolutions
        .into_iter()
        .filter(|(_, may)| *may)
        .map(|(verb, _)| verb)
        .collect()
}

fn could_submit(command: &Command, record: Option<&Record>, auth: &AuthUser) -> bool {
    Request::try_from(command).is_ok_and(|request| match &request.server {
        Some(server) => auth.may(&request.command, server, record),
        None => auth.is_admin(),
    })
}
