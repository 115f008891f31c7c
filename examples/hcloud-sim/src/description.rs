//! The description of the API's requests: their query parameters and bodies, validated in one place.
//!
//! `cargo xtask description` makes the file from Hetzner's OpenAPI description.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::call::Call;
use crate::errors::ApiError;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("description/requests.json"))
        .expect("the file is made by a program")
});

const MISSING: &str = "Missing data for required field.";

/// The query parameters and the body of an operation.
#[derive(Clone, Copy)]
pub(crate) struct Described(&'static Value);

/// Returns the operation of a method and path, such as `GET /servers/{id}`; `None` if the API has no such operation.
pub(crate) fn operation(name: &str) -> Option<Described> {
    DESCRIPTION["operations"].get(name).map(Described)
}

impl Described {
    /// Validates the query and the body of a request.
    pub(crate) fn check(self, call: &Call) -> Result<(), ApiError> {
        for (name, schema) in fields(&self.0["query"]) {
            check_parameter(name, resolved(schema), call)?;
        }
        match self.0.get("body") {
            Some(schema) => check(schema, &call.json()?, &Path::Root),
            None => Ok(()),
        }
    }
}

fn check_parameter(name: &str, schema: &'static Value, call: &Call) -> Result<(), ApiError> {
    let mut values = call
        .query_all(name)
        .filter(|value| !value.is_empty())
        .peekable();
    if values.peek().is_none() && schema["needed"] == true {
        return Err(ApiError::invalid(name, MISSING));
    }
    let item = match schema["type"] == "array" {
        true => resolved(&schema["items"]),
        false => schema,
    };
    // Some clients join the values of a parameter that can be repeated.
    for value in values.flat_map(|value| value.split(',')) {
        let is_valid = match (item["enum"].as_array(), item["type"].as_str()) {
            (Some(allowed), _) => allowed.iter().any(|allowed| allowed == value),
            (None, Some("integer")) => value.parse::<i64>().is_ok(),
            (None, Some("boolean")) => {
                value.parse::<bool>().is_ok() || ["True", "False"].contains(&value)
            }
            _ => true,
        };
        if !is_valid {
            return Err(ApiError::invalid(
                name,
                format!("'{value}' is not a valid value"),
            ));
        }
    }
    Ok(())
}

/// The place of a value in a body.
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => f.write_str("."),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(at, name) => write!(f, "{at}.{name}"),
            Self::Item(at, index) => write!(f, "{at}[{index}]"),
        }
    }
}

fn fields(value: &'static Value) -> impl Iterator<Item = (&'static String, &'static Value)> {
    value.as_object().into_iter().flatten()
}

fn resolved(schema: &'static Value) -> &'static Value {
    let name = schema["$ref"]
        .as_str()
        .and_then(|name| name.strip_prefix("#/$defs/"));
    name.map_or(schema, |name| resolved(&DESCRIPTION["$defs"][name]))
}

/// Validates a value; an error names the field.
fn check(schema: &'static Value, value: &Value, at: &Path<'_>) -> Result<(), ApiError> {
    let schema = resolved(schema);
    let refuse = |problem: String| Err(ApiError::invalid(&at.to_string(), problem));
    for part in parts(schema, "allOf") {
        check(part, value, at)?;
    }
    for key in ["anyOf", "oneOf"] {
        let mut errors = parts(schema, key).map(|part| check(part, value, at));
        if let Some(first) = errors.next()
            && first.is_err()
            && errors.all(|result| result.is_err())
        {
            return first;
        }
    }
    if !has_type(schema, value) {
        return match value {
            Value::Null => refuse("Field may not be null.".into()),
            _ => refuse(format!(
                "Not a valid {}.",
                types(schema).collect::<Vec<_>>().join(" or ")
            )),
        };
    }
    if let Some(allowed) = schema["enum"]
        .as_array()
        .filter(|allowed| !allowed.contains(value))
    {
        let allowed: Vec<_> = allowed.iter().filter_map(Value::as_str).collect();
        return refuse(format!("Must be one of: {}.", allowed.join(", ")));
    }
    match value {
        Value::Number(number) => check_range(
            schema,
            number.as_f64().unwrap_or_default(),
            ["minimum", "maximum"],
        ),
        Value::String(text) => check_range(
            schema,
            text.chars().count() as f64,
            ["minLength", "maxLength"],
        ),
        Value::Array(items) => check_range(schema, items.len() as f64, ["minItems", "maxItems"]),
        _ => Ok(()),
    }
    .or_else(refuse)?;
    match value {
        Value::Array(items) if !schema["items"].is_null() => {
            let mut items = items.iter().enumerate();
            items
                .try_for_each(|(index, item)| check(&schema["items"], item, &Path::Item(at, index)))
        }
        Value::Object(object) => check_fields(schema, object, at),
        _ => Ok(()),
    }
}

fn check_fields(
    schema: &'static Value,
    object: &Map<String, Value>,
    at: &Path<'_>,
) -> Result<(), ApiError> {
    for (name, value) in object {
        let schema = schema["properties"]
            .get(name)
            .or_else(|| schema.get("additionalProperties"));
        if let Some(schema) = schema {
            check(schema, value, &Path::Field(at, name))?;
        }
    }
    let mut required = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    if let Some(missing) = required.find(|name| !object.contains_key(*name)) {
        return Err(ApiError::invalid(
            &Path::Field(at, missing).to_string(),
            MISSING,
        ));
    }
    Ok(())
}

fn parts(schema: &'static Value, key: &str) -> impl Iterator<Item = &'static Value> {
    schema[key].as_array().into_iter().flatten()
}

fn types(schema: &'static Value) -> impl Iterator<Item = &'static str> {
    let many = schema["type"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    schema["type"].as_str().into_iter().chain(many)
}

fn has_type(schema: &'static Value, value: &Value) -> bool {
    let is = |name| match name {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    let mut types = types(schema).peekable();
    types.peek().is_none() || types.any(is)
}

fn check_range(schema: &Value, size: f64, [min, max]: [&str; 2]) -> Result<(), String> {
    match (schema[min].as_f64(), schema[max].as_f64()) {
        (Some(least), _) if size < least => Err(format!("{min} is {least}.")),
        (_, Some(most)) if size > most => Err(format!("{max} is {most}.")),
        _ => Ok(()),
    }
}
