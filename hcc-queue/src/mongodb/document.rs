//! The documents of commands, as we write and as anybody may have written them.

use std::time::Duration;

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{self, Bson, DateTime, Document, RawDocument, doc};
use serde_json::Value;

use crate::{Command, CommandId, Entry, State};

/// The fields with which other programs see a command; nothing that is not said.
pub(super) fn document(command: &Command) -> bson::error::Result<Document> {
    let mut document = doc! { "cmd": &command.verb, "for": &command.server };
    if !command.args.is_null() {
        document.insert("args", bson::serialize_to_bson(&command.args)?);
    }
    if let Some(by) = &command.by {
        document.insert("by", by);
    }
    Ok(document)
}

/// Whatever can be read of a command.
pub(super) fn command(document: &RawDocument) -> Command {
    let text = |field| document.get_str(field).ok().map(str::to_owned);
    Command {
        id: id(field(document, "_id")),
        verb: text("cmd").unwrap_or_default(),
        server: text("for").unwrap_or_default(),
        args: field(document, "args").map_or(Value::Null, value),
        by: text("by"),
        at: pushed(document).map(DateTime::to_system_time),
    }
}

/// A command as it stood when the server's clock showed `now`.
pub(super) fn entry(document: &RawDocument, now: DateTime) -> Entry {
    let due = document.get_datetime("due").ok();
    let left = due.map_or(Duration::ZERO, |due| between(now, due));
    let state = match left {
        _ if is_dead(document) => State::Dead,
        Duration::ZERO => State::Waiting,
        left if document.get_bool("held").unwrap_or_default() => State::Leased(left),
        left => State::Delayed(left),
    };
    let why = document.get_str("err").ok().map(str::to_owned);
    Entry::new(command(document), attempts(document), state, why)
}

pub(super) fn is_dead(document: &RawDocument) -> bool {
    document.get_bool("dead").unwrap_or_default()
}

pub(super) fn attempts(document: &RawDocument) -> u32 {
    let attempts = document.get_i32("attempts").unwrap_or_default();
    attempts.try_into().unwrap_or_default()
}

/// When a command was pushed: ids of other programs begin with a time.
pub(super) fn pushed(document: &RawDocument) -> Option<DateTime> {
    let at = document.get_datetime("at").ok();
    let made = || document.get_object_id("_id").ok().map(|id| id.timestamp());
    at.or_else(made)
}

pub(super) fn between(from: DateTime, to: DateTime) -> Duration {
    to.checked_duration_since(from).unwrap_or_default()
}

/// A field of any type, unless it is missing.
pub(super) fn field(document: &RawDocument, name: &str) -> Option<Bson> {
    document.get(name).ok()??.try_into().ok()
}

/// The text of an id: what it looks like in MongoDB's tools.
fn id(id: Option<Bson>) -> CommandId {
    let text = match id {
        Some(Bson::ObjectId(id)) => id.to_hex(),
        Some(Bson::String(text)) if stored_id(&text.as_str().into()) == Bson::from(&text) => text,
        // Ids of any other type are rare, but must not be taken for others.
        other => serde_json::to_string(&other).unwrap_or_default(),
    };
    text.into()
}

/// The id in the type in which it is stored.
pub(super) fn stored_id(id: &CommandId) -> Bson {
    let text = id.as_str();
    if let Ok(id) = ObjectId::parse_str(text) {
        return id.into();
    }
    match serde_json::from_str::<Bson>(text) {
        Ok(id) if serde_json::to_string(&id).is_ok_and(|written| written == text) => id,
        _ => text.into(),
    }
}

fn value(stored: Bson) -> Value {
    // Whatever JSON does not know becomes an object that names the type.
    serde_json::to_value(stored).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_type_are_told_apart_and_found_again() {
        let hex = "6b030dd2cbc29f3fc47ee500";
        let ids = [
            Bson::ObjectId(hex.parse().unwrap()),
            hex.into(),
            "x".into(),
            "{\"$oid\":\"6b030dd2cbc29f3fc47ee500\"}".into(),
            "\"x\"".into(),
            "7".into(),
            "1e5".into(),
            "".into(),
            7.into(),
            doc! { "a": 7 }.into(),
            DateTime::from_millis(7).into(),
        ];

        let texts: Vec<_> = ids.iter().cloned().map(|stored| id(Some(stored))).collect();

        assert_eq!(texts[0].as_str(), hex);
        assert_eq!(texts[2].as_str(), "x");
        let stored: Vec<_> = texts.iter().map(stored_id).collect();
        assert_eq!(stored, ids);
    }
}
