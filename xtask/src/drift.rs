//! `cargo xtask drift`: the differences between Hetzner's OpenAPI description and `hcloud-api`.
//!
//! What the client supports is read from its tests: they record every request that it can send, and
//! decode a response of every kind without losing a field.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::description::reduce::Reduced;
use crate::workspace::root;

/// The depth of recursion into schemas, twice that of the API's fields.
const MAX_DEPTH: usize = 10;

/// Compare Hetzner's OpenAPI description with what hcloud-api and the simulator support
///
/// Lines with + are described but not supported, lines with - are supported but not described, lines with ~ are
/// described differently than in the files of the simulator that `cargo xtask description` makes.
#[derive(clap::Args)]
pub(crate) struct Drift {
    /// JSON files with the descriptions of the cloud API, the storage box API, or both
    #[arg(required = true)]
    descriptions: Vec<PathBuf>,
}

impl Drift {
    pub(crate) fn run(self) -> Result<()> {
        let mut described = Api::default();
        for path in &self.descriptions {
            described.add_description(&json(path)?);
        }
        let supported = Api::supported(&root().join("hcloud-api"))?;

        let mut differences = differences(&described, &supported);
        differences.extend(Reduced::read(&self.descriptions)?.differences(root())?);
        for difference in &differences {
            println!("{difference}");
        }
        println!(
            "{} operations described, {} supported, {} differences",
            described.operations.len(),
            supported.operations.len(),
            differences.len()
        );
        Ok(())
    }
}

/// The parts of an API that can be compared.
#[derive(Default)]
struct Api {
    /// For each operation (`GET /servers/{id}`) its parameters (`?name`) and the fields of its
    /// request body (`public_net.ipv4`).
    operations: BTreeMap<String, BTreeSet<String>>,
    /// The fields of all responses (`server.public_net.ipv4.ip`).
    responses: BTreeSet<String>,
    /// The values of all enums.
    values: BTreeSet<String>,
}

impl Api {
    fn add_description(&mut self, description: &Value) {
        let schema = Schema(description);
        add_values(description, &mut self.values);
        for (path, operations) in entries(&description["paths"]) {
            let verbs = entries(operations)
                .filter(|(verb, _)| ["get", "post", "put", "delete"].contains(verb));
            for (verb, operation) in verbs {
                let mut inputs = BTreeSet::new();
                schema.parameters(operations, &mut inputs);
                schema.parameters(operation, &mut inputs);
                schema.content(&operation["requestBody"], &mut inputs);
                let operation_name = format!("{} {}", verb.to_uppercase(), anonymous(path));
                self.operations.insert(operation_name, inputs);

                let responses = entries(&operation["responses"]);
                for (_, response) in responses.filter(|(status, _)| status.starts_with('2')) {
                    let mut fields = BTreeSet::new();
                    schema.content(response, &mut fields);
                    self.add_response(fields);
                }
            }
        }
    }

    fn supported(client: &Path) -> Result<Self> {
        let fixtures = client.join("tests/it/fixtures");
        let operations = read(&fixtures.join("operations.txt"))?;
        let operations = operations.lines().map(str::to_owned);
        let mut supported = Self {
            operations: operations.map(|name| (name, BTreeSet::new())).collect(),
            ..Self::default()
        };
        for request in read(&fixtures.join("requests.txt"))?.lines() {
            supported.add_request(request)?;
        }
        for source in files(&client.join("src"), "rs")? {
            supported.add_source(&read(&source)?);
        }
        for response in files(&client.join("src/fixtures"), "json")? {
            let mut fields = BTreeSet::new();
            add_fields(&json(&response)?, "", &mut fields);
            supported.add_response(fields);
        }
        // Errors are not described per operation.
        supported
            .responses
            .retain(|field| !is_within(field, "error"));
        Ok(supported)
    }

    /// Adds the enum values that a source file declares, as in `Running = "running",`.
    fn add_source(&mut self, source: &str) {
        let declared = source.lines().filter_map(|line| line.split_once(" = \""));
        let values = declared.filter_map(|(_, rest)| rest.split_once('"'));
        self.values
            .extend(values.map(|(value, _)| value.to_owned()));
    }

    /// Adds a request such as `POST /servers?name=x {"name": …}`.
    fn add_request(&mut self, request: &str) -> Result<()> {
        let body_at = request.find(" {").unwrap_or(request.len());
        let (head, body) = request.split_at(body_at);
        let (call, query) = head.split_once('?').unwrap_or((head, ""));
        let (_, inputs) = self
            .operations
            .iter_mut()
            .filter(|(operation, _)| is_call_of(call, operation))
            .min_by_key(|(operation, _)| operation.matches("{id}").count())
            .with_context(|| format!("unknown operation {call}"))?;

        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        inputs.extend(parameters.map(|parameter| {
            let (name, _) = parameter.split_once('=').unwrap_or((parameter, ""));
            format!("?{name}")
        }));
        if !body.is_empty() {
            add_fields(&serde_json::from_str(body)?, "", inputs);
        }
        Ok(())
    }

    /// Adds the fields of a response; those of a list count as those of one of its items.
    fn add_response(&mut self, fields: BTreeSet<String>) {
        self.responses.extend(fields.into_iter().map(|field| {
            let (first, rest) = field.split_at(field.find('.').unwrap_or(field.len()));
            match first.strip_suffix("[]") {
                Some(many) => format!("{}{rest}", singular(many)),
                None => field,
            }
        }));
    }

    /// Returns the first segments of the paths, such as `servers`.
    fn resources(&self) -> BTreeSet<&str> {
        self.operations.keys().map(|name| resource(name)).collect()
    }
}

fn differences(described: &Api, supported: &Api) -> Vec<String> {
    let mut lines = Vec::new();
    let resources = described.resources();
    for resource in supported.resources().difference(&resources) {
        lines.push(format!("- /{resource} (all operations)"));
    }
    for operation in described.operations.keys() {
        if !supported.operations.contains_key(operation) {
            lines.push(format!("+ {operation}"));
        }
    }
    for (operation, sent) in &supported.operations {
        match described.operations.get(operation) {
            Some(inputs) => compare(inputs, sent, &format!("{operation}: "), &mut lines),
            None if resources.contains(resource(operation)) => lines.push(format!("- {operation}")),
            None => {}
        }
    }
    let tops: BTreeSet<_> = described.responses.iter().map(|field| top(field)).collect();
    let mut responses = supported.responses.clone();
    responses.retain(|field| tops.contains(top(field)));
    compare(&described.responses, &responses, "response: ", &mut lines);
    let values = described.values.difference(&supported.values);
    lines.extend(values.map(|value| format!("+ value: {value}")));
    lines
}

/// Lists the fields that only one side has, without the fields inside of them.
fn compare(
    described: &BTreeSet<String>,
    supported: &BTreeSet<String>,
    context: &str,
    lines: &mut Vec<String>,
) {
    let is_data = |field: &str| maps(described).any(|map| is_within(field, map));
    let new: BTreeSet<_> = described.difference(supported).collect();
    let removed: BTreeSet<_> = supported.difference(described).collect();
    for (sign, fields) in [('+', new), ('-', removed)] {
        let inside = |field: &str| fields.iter().any(|other| is_inside(field, other));
        let outermost = fields
            .iter()
            .filter(|field| !inside(field) && !is_data(field));
        lines.extend(outermost.map(|field| format!("{sign} {context}{field}")));
    }
}

/// A description; its parts can contain `$ref`s.
struct Schema<'a>(&'a Value);

impl<'a> Schema<'a> {
    fn resolve(&self, part: &'a Value) -> &'a Value {
        match part["$ref"]
            .as_str()
            .and_then(|name| name.strip_prefix('#'))
        {
            Some(pointer) => self.resolve(self.0.pointer(pointer).unwrap_or(&Value::Null)),
            None => part,
        }
    }

    fn parameters(&self, operation: &'a Value, inputs: &mut BTreeSet<String>) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.map(|parameter| self.resolve(parameter));
        let query = parameters.filter(|parameter| parameter["in"] == "query");
        inputs.extend(
            query.filter_map(|parameter| Some(format!("?{}", parameter["name"].as_str()?))),
        );
    }

    fn content(&self, message: &'a Value, fields: &mut BTreeSet<String>) {
        let schema = &self.resolve(message)["content"]["application/json"]["schema"];
        self.fields(schema, "", fields);
    }

    /// Adds the fields of a schema; `labels.*` means that the keys of `labels` are data.
    fn fields(&self, schema: &'a Value, at: &str, fields: &mut BTreeSet<String>) {
        // Schemas can be recursive.
        if at.matches('.').count() > MAX_DEPTH {
            return;
        }
        let schema = self.resolve(schema);
        for alternatives in ["allOf", "anyOf", "oneOf"] {
            for part in schema[alternatives].as_array().into_iter().flatten() {
                self.fields(part, at, fields);
            }
        }
        for (name, property) in entries(&schema["properties"]) {
            let many = if self.is_list(property) { "[]" } else { "" };
            let field = format!("{}{name}{many}", prefix(at));
            self.fields(property, &field, fields);
            fields.insert(field);
        }
        if schema["additionalProperties"].is_object() {
            fields.insert(format!("{at}.*"));
        }
        if self.is_list(schema) {
            self.fields(&schema["items"], at, fields);
        }
    }

    fn is_list(&self, schema: &'a Value) -> bool {
        self.resolve(schema)["type"] == "array"
    }
}

/// Adds the fields of a value, as [`Schema::fields`] does.
fn add_fields(value: &Value, at: &str, fields: &mut BTreeSet<String>) {
    for (name, value) in entries(value) {
        let many = if value.is_array() { "[]" } else { "" };
        let field = format!("{}{name}{many}", prefix(at));
        add_fields(value, &field, fields);
        fields.insert(field);
    }
    for item in value.as_array().into_iter().flatten() {
        add_fields(item, at, fields);
    }
}

/// Adds the values of all enums, without the direction of sort keys (`:asc`).
fn add_values(part: &Value, values: &mut BTreeSet<String>) {
    let enum_values = part["enum"].as_array().into_iter().flatten();
    let names = enum_values.filter_map(Value::as_str);
    values.extend(names.map(|name| name.split(':').next().unwrap_or(name).to_owned()));
    let inside = entries(part).map(|(_, part)| part);
    for part in inside.chain(part.as_array().into_iter().flatten()) {
        add_values(part, values);
    }
}

fn prefix(at: &str) -> String {
    if at.is_empty() {
        String::new()
    } else {
        format!("{at}.")
    }
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let entries = object.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.as_str(), value))
}

/// Renames path parameters: `/servers/{id}/actions/{action_id}` to `/servers/{id}/actions/{id}`.
fn anonymous(path: &str) -> String {
    let is_name = |segment: &str| segment.starts_with('{');
    let segments = path.split('/');
    let segments = segments.map(|segment| if is_name(segment) { "{id}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// Returns whether a call (`GET /servers/42`) is one of an operation (`GET /servers/{id}`).
fn is_call_of(call: &str, operation: &str) -> bool {
    call.split('/').count() == operation.split('/').count()
        && call
            .split('/')
            .zip(operation.split('/'))
            .all(|(segment, expected)| segment == expected || expected == "{id}")
}

/// Returns the resource of an operation: `servers` for `GET /servers/{id}`.
fn resource(operation: &str) -> &str {
    operation.split('/').nth(1).unwrap_or_default()
}

fn singular(many: &str) -> &str {
    many.strip_suffix("xes")
        .map(|stem| &many[..=stem.len()])
        .or_else(|| many.strip_suffix('s'))
        .unwrap_or(many)
}

/// Returns the first part of a field: `server` for `server.image.name`.
fn top(field: &str) -> &str {
    field.split('.').next().unwrap_or(field)
}

fn is_within(field: &str, other: &str) -> bool {
    field == other || is_inside(field, other)
}

/// Returns whether a field (`server.image.name`) is inside of another (`server.image`).
fn is_inside(field: &str, other: &str) -> bool {
    field
        .strip_prefix(other)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// Returns the fields with keys that are data.
fn maps(fields: &BTreeSet<String>) -> impl Iterator<Item = &str> {
    fields.iter().filter_map(|field| field.strip_suffix(".*"))
}

/// Returns the files of a directory with this extension.
fn files(directory: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?;
    let paths: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    let matches = |path: &PathBuf| path.extension().is_some_and(|it| it == extension);
    Ok(paths.into_iter().filter(matches).collect())
}

fn json(path: &Path) -> Result<Value> {
    serde_json::from_str(&read(path)?)
        .with_context(|| format!("invalid JSON in {}", path.display()))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A description of listing servers and creating one.
    fn description(filters: &[&str], inputs: Value, server: Value) -> Value {
        let filters = filters.iter();
        let filters: Vec<_> = filters
            .map(|name| json!({"name": name, "in": "query"}))
            .collect();
        let object = |properties: &Value| {
            let schema = json!({"type": "object", "properties": properties});
            json!({"content": {"application/json": {"schema": schema}}})
        };
        let servers = json!({"servers": {"type": "array", "items": {"$ref": "#/server"}}});
        json!({
            "server": {"allOf": [{"properties": server}]},
            "paths": {
                "/servers": {
                    "get": {"parameters": filters, "responses": {"200": object(&servers)}},
                    "post": {"requestBody": object(&inputs), "responses": {"404": object(&inputs)}},
                },
            },
        })
    }

    fn supported() -> Api {
        let mut supported = Api::default();
        for operation in ["GET /servers", "POST /servers", "GET /volumes/{id}"] {
            supported
                .operations
                .insert(operation.to_owned(), BTreeSet::new());
        }
        supported
            .add_request("GET /servers?name=x&sort=id%3Aasc")
            .unwrap();
        supported
            .add_request(r#"POST /servers {"name": "x", "net": {"ipv4": 1}}"#)
            .unwrap();
        supported.add_source("enum Status {\n    Running = \"running\",\n}\n");
        let mut fields = BTreeSet::new();
        let servers = json!({"servers": [{"id": 1, "labels": {"env": "prod"}}]});
        add_fields(&servers, "", &mut fields);
        supported.add_response(fields);
        supported
    }

    fn described(description: &Value) -> Api {
        let mut described = Api::default();
        described.add_description(description);
        described
    }

    #[test]
    fn equal_apis_have_no_differences() {
        let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
        let net = json!({"properties": {"ipv4": {}}});
        let inputs = json!({"name": {}, "net": net});
        let described = described(&description(
            &["name", "sort"],
            inputs,
            json!({"id": {}, "labels": map}),
        ));

        assert_eq!(
            differences(&described, &supported()),
            ["- /volumes (all operations)"]
        );
    }

    #[test]
    fn differences_of_both_sides_are_listed() {
        let disk = json!({"type": "array", "items": {"properties": {"size": {}}}});
        let mut description = description(
            &["name", "status"],
            json!({"name": {}, "image": {}}),
            json!({"id": {}, "labels": {}, "disks": disk}),
        );
        description["paths"]["/servers/{id}"] = json!({"delete": {}});
        description["paths"]["/volumes/{id}"] = json!({"put": {}});
        description["server"]["enum"] = json!(["running", "dozing:asc"]);

        assert_eq!(
            differences(&described(&description), &supported()),
            [
                "+ DELETE /servers/{id}",
                "+ PUT /volumes/{id}",
                "+ GET /servers: ?status",
                "- GET /servers: ?sort",
                "- GET /volumes/{id}",
                "+ POST /servers: image",
                "- POST /servers: net",
                "+ response: server.disks[]",
                "- response: server.labels.env",
                "+ value: dozing",
            ]
        );
    }

    #[test]
    fn recursive_description_is_supported() {
        let me = json!({"$ref": "#/server"});
        let description = description(&[], json!({}), json!({"id": {}, "backup_of": me}));

        let lines = differences(&described(&description), &supported());

        assert!(lines.contains(&"+ response: server.backup_of".to_owned()));
    }

    #[test]
    fn request_belongs_to_the_most_specific_operation() {
        let mut supported = supported();
        for operation in ["GET /servers/{id}", "GET /servers/actions"] {
            supported
                .operations
                .insert(operation.to_owned(), BTreeSet::new());
        }

        supported
            .add_request("GET /servers/actions?status=running")
            .unwrap();

        assert!(supported.operations["GET /servers/{id}"].is_empty());
        assert!(supported.operations["GET /servers/actions"].contains("?status"));
        assert!(supported.add_request("GET /nowhere").is_err());
    }
}
