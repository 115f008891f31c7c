//! Setting fields of a JSON document without touching the others.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

/// Returns the document with these fields; all others keep their exact JSON.
///
/// # Errors
///
/// The document is not a JSON object.
pub(crate) fn merge_fields(document: &str, set: &Map<String, Value>) -> serde_json::Result<String> {
    // Raw values keep numbers that neither `u64` nor `f64` can hold.
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(document)?;
    for (field, value) in set {
        let old = fields.get(field).map_or("{}", |old| old.get());
        fields.insert(field.clone(), merged(field, old, value));
    }
    serde_json::to_string(&fields)
}

fn merged(field: &str, old: &str, value: &Value) -> Box<RawValue> {
    let inner = match value {
        Value::Object(inner) if !is_replaced_whole(field) => inner,
        value => return raw(value),
    };
    match merge_fields(old, inner) {
        Ok(json) => RawValue::from_string(json).expect("it was just written as JSON"),
        // The field did not contain an object.
        Err(_) => raw(value),
    }
}

/// Returns whether a field is an object that is replaced instead of merged: its keys are data, or
/// depend on each other.
pub(crate) fn is_replaced_whole(field: &str) -> bool {
    matches!(field, "labels" | "outcome")
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("its keys are strings")
}
