//! The documents of commands, written by this crate or by other programs.

use std::time::Duration;

use ::mongodb::Cursor;
use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{self, Bson, DateTime, Document, RawDocument, RawDocumentBuf, doc};
use serde_json::Value;

use hcc_database::mongodb::Server;

use crate::{Command, CommandId, Entry, Result, State};

/// Reads all results of a query.
pub(super) async fn read_all(
    server: &Server,
    query: impl IntoFuture<Output = mongodb::error::Result<Cursor<RawDocumentBuf>>>,
) -> Result<Vec<RawDocumentBuf>> {
    let read = async {
        let mut cursor = query.await?;
        let mut documents = Vec::new();
        while cursor.advance().await? {
            documents.push(cursor.current().to_owned());
        }
        Ok(documents)
    };
    Ok(server.answer(read).await?)
}

/// The fields of a command that other programs use; those without a value are left out.
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

/// Reads a command as far as it can be interpreted.
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

/// The entry of a query result `{command, now}`.
pub(super) fn entry(found: &RawDocument) -> Option<Entry> {
    let (document, now) = (
        found.get_document("command").ok()?,
        found.get_datetime("now").ok()?,
    );
    let time = |field| document.get_datetime(field).ok();
    let due = time("due").max(time("after"));
    let left = due.map_or(Duration::ZERO, |due| between(now, due));
    let is_leased = document.get_bool("held").unwrap_or_default();
    let state = match left {
        _ if is_dead(document) => State::Dead,
        Duration::ZERO => State::Waiting,
        left if is_leased => State::Leased(left),
        left => State::Delayed(left),
    };
    let reason = document.get_str("err").ok().map(str::to_owned);
    let entry = Entry::new(command(document), attempts(document), state, reason);
    let outcome = field(document, "outcome").filter(|_| state == State::Dead);
    Some(entry.with_outcome(outcome.map_or(Value::Null, value)))
}

/// The position of a query result `{command, now}` within its page: the dead in the order of
/// their death, the others in that of their turns.
pub(super) fn order(found: &RawDocument) -> (bool, i64) {
    let Ok(document) = found.get_document("command") else {
        return (false, 0);
    };
    let millis = |field| document.get_datetime(field).map(DateTime::timestamp_millis);
    if is_dead(document) {
        return (true, millis("died").unwrap_or_default());
    }
    let turn = document.get_i64("turn").map(|turn| -turn);
    // Commands without a turn come after those with one. Ids count in seconds.
    let pushed = || pushed(document).map_or(0, |pushed| pushed.timestamp_millis() + 999);
    (false, turn.or(millis("at")).unwrap_or_else(|_| pushed()))
}

/// Whether a time has not passed yet.
pub(super) fn is_later(document: &RawDocument, field: &str, now: DateTime) -> bool {
    document.get_datetime(field).is_ok_and(|time| time > now)
}

pub(super) fn is_dead(document: &RawDocument) -> bool {
    document.get_bool("dead").unwrap_or_default()
}

pub(super) fn attempts(document: &RawDocument) -> u32 {
    let attempts = document.get_i32("attempts").unwrap_or_default();
    attempts.try_into().unwrap_or_default()
}

/// When a command was pushed; the ids of other programs begin with the time.
pub(super) fn pushed(document: &RawDocument) -> Option<DateTime> {
    let at = document.get_datetime("at").ok();
    let of_id = || document.get_object_id("_id").ok().map(|id| id.timestamp());
    at.or_else(of_id)
}

pub(super) fn between(from: DateTime, to: DateTime) -> Duration {
    to.checked_duration_since(from).unwrap_or_default()
}

/// A field of any type, unless it is missing.
pub(super) fn field(document: &RawDocument, name: &str) -> Option<Bson> {
    document.get(name).ok()??.try_into().ok()
}

/// An id as a string, as MongoDB's tools display it.
fn id(id: Option<Bson>) -> CommandId {
    let text = match id {
        Some(Bson::ObjectId(id)) => id.to_hex(),
        Some(Bson::String(text)) if stored_id(&text.as_str().into()) == Bson::from(&text) => text,
        // Ids of other types are rare, but must not be confused with strings.
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
    // Types that JSON lacks become objects with the type's name.
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
