//! What pages show of servers and commands, as text.

use hcc_core::Request;
use hcc_queue::{Command, Entry, State};
use hcc_store::{Price, Record, ServerType};
use serde::Serialize;

use crate::page::moment;
use crate::visitor::Visitor;

/// Something that can be asked for with a click.
#[derive(Debug)]
pub(crate) struct Action {
    /// Its name in the queue.
    pub(crate) verb: &'static str,
    pub(crate) label: &'static str,
    pub(crate) consequence: &'static str,
    pub(crate) confirm: Confirm,
}

/// What it takes to do something that is not easily undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirm {
    No,
    Click,
    TypedName,
}

/// All that can be asked for with a click, in the order of the buttons.
pub(crate) const ACTIONS: &[Action] = &[
    action("start", "Start", "", Confirm::No),
    action("stop", "Stop", "", Confirm::No),
    action("reboot", "Reboot", "", Confirm::No),
    action(
        "reset",
        "Reset",
        "Cuts the power and switches it on again. What has not been saved is lost.",
        Confirm::Click,
    ),
    action(
        "off",
        "Cut power",
        "Cuts the power. What has not been saved is lost.",
        Confirm::Click,
    ),
    action("sync", "Refresh", "", Confirm::No),
    action(
        "kill",
        "Delete",
        "Deletes the server and all that is on its disk, for ever.",
        Confirm::TypedName,
    ),
];

const fn action(
    verb: &'static str,
    label: &'static str,
    consequence: &'static str,
    confirm: Confirm,
) -> Action {
    Action {
        verb,
        label,
        consequence,
        confirm,
    }
}

impl Action {
    pub(crate) fn of(verb: &str) -> Option<&'static Self> {
        ACTIONS.iter().find(|action| action.verb == verb)
    }

    /// Whether it is asked whether they mean it.
    pub(crate) fn asks(&self) -> bool {
        self.confirm != Confirm::No
    }

    /// Whether it makes sense for a server in this state.
    fn fits(&self, record: &Record) -> bool {
        !matches!(
            (self.verb, record.status.as_deref()),
            ("start", Some("running")) | ("stop" | "reboot" | "reset" | "off", Some("off"))
        )
    }
}

/// What a server's record says.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct ServerView {
    pub(crate) name: String,
    pub(crate) status: String,
    /// Which colour the status has.
    pub(crate) tone: &'static str,
    /// What is being done with it.
    pub(crate) doing: String,
    /// How the last command ended, when, and how that is coloured.
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
    pub(crate) fn new(record: &Record, commands: &[Entry]) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let status = record.status.as_deref().unwrap_or("unknown");
        let place = record.dc.as_ref().and_then(|dc| dc.loc.as_ref());
        let image = record.image.as_ref();
        let kind = record.r#type.as_ref();
        let labels = record.labels.iter().flatten();
        let labels: Vec<_> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let last = record.last.as_ref();
        let mut busy = commands.iter().filter(|entry| entry.state != State::Dead);
        Self {
            name: record.name.clone(),
            status: status.to_owned(),
            tone: match status {
                "running" => "good",
                "off" => "off",
                "unknown" => "unknown",
                _ => "busy",
            },
            doing: busy.next().map(doing).unwrap_or_default(),
            last: last.map(outcome).unwrap_or_default(),
            last_at: last.map(|last| moment(last.at)).unwrap_or_default(),
            last_tone: match last {
                Some(last) if !last.ok => "bad",
                _ => "",
            },
            ip4: text(&record.ip4),
            ip6: text(&record.ip6),
            kind: kind.and_then(|kind| kind.name.clone()).unwrap_or_default(),
            size: kind.map(size).unwrap_or_default(),
            location: place
                .and_then(|place| place.city.clone().or(place.name.clone()))
                .unwrap_or_default(),
            image: image
                .and_then(|image| image.name.clone().or(image.desc.clone()))
                .unwrap_or_default(),
            price: kind
                .and_then(|kind| kind.price.as_ref())
                .map(price)
                .unwrap_or_default(),
            created: text(&record.created).replacen(' ', "T", 1),
            labels: labels.join(", "),
            synced: record.synced.map(moment).unwrap_or_default(),
        }
    }
}

/// What a visitor may do with a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Offers {
    /// The verbs that they may ask for.
    allowed: Vec<&'static str>,
    /// Those that make sense now.
    offers: Vec<&'static str>,
}

impl Offers {
    pub(crate) fn new(visitor: &Visitor, record: &Record) -> Self {
        let may = |verb: &&str| may(visitor, verb, record);
        let fits = |verb: &&str| Action::of(verb).is_none_or(|action| action.fits(record));
        let verbs = ACTIONS.iter().map(|action| action.verb).chain(["console"]);
        let allowed: Vec<_> = verbs.filter(may).collect();
        Self {
            offers: allowed.iter().copied().filter(fits).collect(),
            allowed,
        }
    }

    pub(crate) fn allow(&self, verb: &str) -> bool {
        self.allowed.contains(&verb)
    }

    pub(crate) fn offer(&self, verb: &str) -> bool {
        self.offers.contains(&verb)
    }
}

pub(crate) fn may(visitor: &Visitor, verb: &str, record: &Record) -> bool {
    Request::try_from(&Command::new(verb, &record.name))
        .is_ok_and(|request| visitor.may(&request.command, &request.server, Some(record)))
}

fn doing(entry: &Entry) -> String {
    let label = label(&entry.command.verb);
    format!("{label}: {}", state(entry.state))
}

fn state(state: State) -> String {
    match state {
        State::Waiting => "waiting".to_owned(),
        State::Delayed(wait) => format!("again in {} s", wait.as_secs().max(1)),
        State::Leased(_) => "in progress".to_owned(),
        State::Dead => "failed".to_owned(),
        _ => String::new(),
    }
}

fn outcome(last: &hcc_store::Outcome) -> String {
    let label = label(&last.cmd);
    match (&last.err, last.ok) {
        (_, true) => format!("{label}: done"),
        (Some(why), false) => format!("{label} failed: {why}"),
        (None, false) => format!("{label} failed"),
    }
}

fn label(verb: &str) -> String {
    match verb {
        "new" | "create" => "Create".to_owned(),
        "console" => "Screen".to_owned(),
        "force" => "Cut power".to_owned(),
        _ => Action::of(verb)
            .map_or(verb, |action| action.label)
            .to_owned(),
    }
}

pub(crate) fn size(kind: &ServerType) -> String {
    let cpus = kind.cpus.map(|cpus| format!("{cpus} CPUs"));
    let memory = kind.mem.map(|mem| format!("{mem} GB"));
    let disk = kind.gb.map(|gb| format!("{gb} GB disk"));
    let parts: Vec<_> = [cpus, memory, disk].into_iter().flatten().collect();
    parts.join(", ")
}

pub(crate) fn price(price: &Price) -> String {
    let short = |text: &str| match text.parse::<f64>() {
        Ok(number) => format!("{number:.2}"),
        Err(_) => text.to_owned(),
    };
    match price {
        Price::Here(price) => short(price),
        Price::Between([low, high]) => format!("{} to {}", short(low), short(high)),
    }
}

/// A command in the queue, as somebody sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct CommandView {
    pub(crate) id: String,
    pub(crate) server: String,
    pub(crate) what: String,
    pub(crate) by: String,
    pub(crate) at: String,
    pub(crate) state: String,
    pub(crate) tone: &'static str,
    pub(crate) why: String,
    /// What may be done with it: `retry`, `drop`.
    pub(crate) offers: Vec<&'static str>,
}

impl CommandView {
    /// What a visitor sees of a command; `None` if it is none of their business.
    pub(crate) fn of(entry: &Entry, record: Option<&Record>, visitor: &Visitor) -> Option<Self> {
        let command = &entry.command;
        let theirs = is_theirs(command, visitor);
        if !theirs && !record.is_some_and(|record| visitor.permissions.can_view(record)) {
            return None;
        }
        Some(Self {
            id: command.id.to_string(),
            server: command.server.clone(),
            what: label(&command.verb),
            by: command.by.clone().unwrap_or_default(),
            at: command.at.map(moment).unwrap_or_default(),
            state: state(entry.state),
            tone: match entry.state {
                State::Dead => "bad",
                _ => "busy",
            },
            why: entry.reason.clone().unwrap_or_default(),
            offers: settlements(entry, record, visitor),
        })
    }
}

impl CommandView {
    pub(crate) fn offers(&self, verb: &str) -> bool {
        self.offers.contains(&verb)
    }
}

/// What a visitor may do about a command in the queue.
pub(crate) fn settlements(
    entry: &Entry,
    record: Option<&Record>,
    visitor: &Visitor,
) -> Vec<&'static str> {
    let theirs = is_theirs(&entry.command, visitor);
    let retry = theirs && entry.state == State::Dead && could_ask(&entry.command, record, visitor);
    let drop = theirs && !matches!(entry.state, State::Leased(_));
    let offers = [("retry", retry), ("drop", drop)];
    offers
        .into_iter()
        .filter(|(_, may)| *may)
        .map(|(verb, _)| verb)
        .collect()
}

fn is_theirs(command: &Command, visitor: &Visitor) -> bool {
    visitor.is_admin() || command.by.as_deref() == Some(visitor.name())
}

fn could_ask(command: &Command, record: Option<&Record>, visitor: &Visitor) -> bool {
    Request::try_from(command)
        .is_ok_and(|request| visitor.may(&request.command, &request.server, record))
}
