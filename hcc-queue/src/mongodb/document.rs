//! The documents of commands, written by this crate or by other programs.

use std::time::Duration;

use ::mongodb::Cursor;
use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::raw::RawIter;
use ::mongodb::bson::spec::ElementType;
use ::mongodb::bson::{
    self, Bson, DateTime, Document, RawBson, RawBsonRef, RawDocument, RawDocumentBuf, doc,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use hcc_database::mongodb::{Server, to_json};

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
    let text = |field| text(document, field);
    Command {
        id: id(field(document, "_id")),
        verb: text("cmd").unwrap_or_default(),
        server: text("for").unwrap_or_default(),
        args: field(document, "args").map_or(Value::Null, to_json),
        by: text("by"),
        at: pushed(document).map(DateTime::to_system_time),
        coalesce: true,
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
    Some(entry.with_outcome(outcome.map_or(Value::Null, to_json)))
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
    let turn = integer(document, "turn").map(i64::saturating_neg);
    // Commands without a turn come after those with one. Ids count in seconds.
    let pushed = || {
        let pushed = pushed(document).map_or(0, DateTime::timestamp_millis);
        pushed.saturating_add(999)
    };
    let turn = turn.or(millis("at").ok());
    (false, turn.unwrap_or_else(pushed))
}

/// Whether a time has not passed yet.
pub(super) fn is_later(document: &RawDocument, field: &str, now: DateTime) -> bool {
    document.get_datetime(field).is_ok_and(|time| time > now)
}

pub(super) fn is_dead(document: &RawDocument) -> bool {
    document.get_bool("dead").unwrap_or_default()
}

pub(super) fn attempts(document: &RawDocument) -> u32 {
    let attempts = integer(document, "attempts").unwrap_or_default().max(0);
    attempts.try_into().unwrap_or(u32::MAX)
}

/// A field with an integer of any size.
pub(super) fn integer(document: &RawDocument, field: &str) -> Option<i64> {
    match document.get(field).ok()?? {
        RawBsonRef::Int32(number) => Some(number.into()),
        RawBsonRef::Int64(number) => Some(number),
        _ => None,
    }
}

/// A string, with replacement characters where it is not valid UTF-8.
fn text(document: &RawDocument, field: &str) -> Option<String> {
    if let Ok(text) = document.get_str(field) {
        return Some(text.to_owned());
    }
    let mut elements = document.iter_elements().map_while(Result::ok);
    let element = elements.find(|element| element.key().as_str() == field)?;
    match element.value_utf8_lossy() {
        Ok(RawBson::String(text)) => Some(text),
        _ => None,
    }
}

/// Why a document makes no sense: a field that is ours has another type, a number in the arguments
/// would be lost as JSON, or any field cannot be read.
pub(super) fn oddity(document: &RawDocument) -> Option<String> {
    const DATE: (&[ElementType], &str) = (&[ElementType::DateTime], "a date");
    const INTEGER: (&[ElementType], &str) =
        (&[ElementType::Int32, ElementType::Int64], "an integer");
    const FLAG: (&[ElementType], &str) = (&[ElementType::Boolean], "a boolean");
    const TEXT: (&[ElementType], &str) = (&[ElementType::String], "a string");
    let fields = [
        ("cmd", TEXT),
        ("for", TEXT),
        ("by", TEXT),
        ("at", DATE),
        ("turn", INTEGER),
        ("after", DATE),
        ("due", DATE),
        ("held", FLAG),
        ("token", INTEGER),
        ("attempts", INTEGER),
    ];
    let mistyped = fields.into_iter().find_map(|(field, (types, expected))| {
        let actual = document.get(field).ok()??.element_type();
        let is_odd = actual != ElementType::Null && !types.contains(&actual);
        is_odd.then(|| format!("its field {field:?} is not {expected}"))
    });
    mistyped.or_else(|| {
        let (path, expected) = odd_value(document.iter_elements(), |field| field == "args")?;
        Some(format!("its field {path:?} is not {expected}"))
    })
}

/// Returns the path of the first value that cannot be read, or that is not JSON in a field that has
/// to be, and what it is not.
fn odd_value(
    elements: RawIter<'_>,
    has_to_be_json: fn(&str) -> bool,
) -> Option<(String, &'static str)> {
    const TEXT: &str = "valid UTF-8";

    for element in elements {
        let Ok(element) = element else {
            return Some((String::new(), TEXT));
        };
        let field = element.key().as_str();
        let is_json: fn(&str) -> bool = match has_to_be_json(field) {
            true => |_| true,
            false => |_| false,
        };
        let odd = match element.value() {
            Ok(RawBsonRef::Document(inner)) => odd_value(inner.iter_elements(), is_json),
            Ok(RawBsonRef::Array(inner)) => odd_value(inner.iter_elements(), is_json),
            Ok(RawBsonRef::Double(number)) if is_json("") && !number.is_finite() => {
                Some((String::new(), "a number that JSON has"))
            }
            value => match value.map(Bson::try_from) {
                Ok(Ok(_)) => None,
                _ => Some((String::new(), TEXT)),
            },
        };
        if let Some((path, expected)) = odd {
            let path = format!("{field}.{path}");
            return Some((path.trim_end_matches('.').to_owned(), expected));
        }
    }
    None
}

/// Whether a document has a field that cannot be read.
pub(super) fn is_unreadable(document: &RawDocument, name: &str) -> bool {
    !matches!(document.get(name), Ok(None)) && field(document, name).is_none()
}

/// When a command was pushed; the ids of other programs begin with the time.
pub(super) fn pushed(document: &RawDocument) -> Option<DateTime> {
    let at = document.get_datetime("at").ok();
    let of_id = || document.get_object_id("_id").ok().map(|id| id.timestamp());
    at.or_else(of_id)
}

pub(super) fn between(from: DateTime, to: DateTime) -> Duration {
    let millis = to
        .timestamp_millis()
        .saturating_sub(from.timestamp_millis());
    Duration::from_millis(millis.try_into().unwrap_or_default())
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
        other => written(&other.unwrap_or(Bson::Null)),
    };
    text.into()
}

/// The id in the type in which it is stored.
pub(super) fn stored_id(id: &CommandId) -> Bson {
    let text = id.as_str();
    if let Ok(id) = ObjectId::parse_str(text) {
        return id.into();
    }
    let parsed = match text.strip_prefix(BINARY_ID) {
        Some(base64) => parse_binary_id(base64),
        None => serde_json::from_str(text).ok(),
    };
    let parsed = parsed.filter(|id| written(id) == text);
    parsed.unwrap_or_else(|| text.into())
}

/// How ids begin that JSON cannot express.
const BINARY_ID: &str = "bson:";

/// An id of any type as JSON or else, like an infinite number, as a document in Base64.
fn written(id: &Bson) -> String {
    let json = serde_json::to_string(id).unwrap_or_default();
    if serde_json::from_str(&json).ok().as_ref() == Some(id) {
        return json;
    }
    let document = doc! { "": id }.to_vec().unwrap_or_default();
    format!("{BINARY_ID}{}", BASE64_STANDARD.encode(document))
}

fn parse_binary_id(base64: &str) -> Option<Bson> {
    let document = BASE64_STANDARD.decode(base64).ok()?;
    Document::from_reader(&*document).ok()?.remove("")
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
            0.5.into(),
            f64::INFINITY.into(),
            Bson::Null,
            bson::Binary::from_uuid(bson::Uuid::from_bytes([7; 16])).into(),
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
