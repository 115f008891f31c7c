//! Reduces OpenAPI descriptions to names and types.
//!
//! The simulator validates requests, and its tests, which include this file, validate responses. The descriptions are
//! large and mostly text; the reduced files hold the structure only. What has changed since the descriptions were
//! published is in [`correct`].

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

const REQUESTS: &str = "examples/hcloud-sim/src/description/requests.json";
const RESPONSES: &str = "examples/hcloud-sim/tests/it/description/responses.json";

const LICENCE: &str = "Made by `cargo xtask description` from Hetzner's OpenAPI descriptions at https://docs.hetzner.cloud, \
                       which state no licence; only names and types are kept, no texts.";

/// The depth of nested schemas that is kept; recursive schemas accept any value below it.
const MAX_DEPTH: usize = 24;

/// Schemas that are shorter, as JSON, are not shared.
const MIN_SHARED_BYTES: usize = 160;

/// What is kept of a schema, besides its type and nested schemas.
const KEYWORDS: [&str; 10] = [
    "enum",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "format",
];

/// The operations, such as `GET /servers`, with their query parameters, request body and responses.
pub(crate) struct Reduced(BTreeMap<String, Operation>);

struct Operation {
    request: Value,
    responses: Value,
}

impl Reduced {
    pub(crate) fn read(descriptions: &[PathBuf]) -> Result<Self> {
        let mut operations = BTreeMap::new();
        for path in descriptions {
            let text =
                fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
            let description = serde_json::from_slice(&text)?;
            add_operations(&description, &mut operations);
        }
        ensure!(
            !operations.is_empty(),
            "the descriptions have no operations"
        );
        correct(&mut operations)?;
        Ok(Self(operations))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the paths in the workspace and the contents of the two files.
    pub(crate) fn files(&self) -> [(&'static str, Value); 2] {
        let of = |part: fn(&Operation) -> &Value| {
            let operations = self
                .0
                .iter()
                .map(|(name, it)| (name.clone(), part(it).clone()));
            shared(operations.collect())
        };
        [
            (REQUESTS, of(|it| &it.request)),
            (RESPONSES, of(|it| &it.responses)),
        ]
    }

    /// Returns how the files in the workspace differ from the descriptions.
    pub(crate) fn differences(&self, root: &Path) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for (path, file) in self.files() {
            let (described, simulated) = (expanded(&file), expanded(&read(&root.join(path))?));
            for (sign, one, other) in [('+', &described, &simulated), ('-', &simulated, &described)]
            {
                for (name, part) in one.as_object().into_iter().flatten() {
                    match &other[name] {
                        Value::Null => lines.push(format!("{sign} simulator: {name}")),
                        same if same == part => {}
                        _ if sign == '+' => lines.push(format!("~ simulator: {name} ({path})")),
                        _ => {}
                    }
                }
            }
        }
        Ok(lines)
    }
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    Ok(serde_json::from_slice(&text)?)
}

/// Returns the text of a file: one line per operation and shared schema.
pub(crate) fn text(file: &Value) -> Result<String> {
    let mut lines = vec![format!("\"note\": {}", file["note"])];
    for part in ["operations", "$defs"] {
        let entries = file[part].as_object().context("an object")?;
        let entries: Vec<_> = entries
            .iter()
            .map(|(name, it)| format!("{}: {it}", json!(name)))
            .collect();
        lines.push(format!("\"{part}\": {{\n{}\n}}", entries.join(",\n")));
    }
    Ok(format!("{{\n{}\n}}\n", lines.join(",\n")))
}

fn add_operations(description: &Value, operations: &mut BTreeMap<String, Operation>) {
    let resolve = |part: &Value| resolve(description, part).clone();
    for (path, item) in entries(&description["paths"]) {
        let verbs = entries(item)
            .filter(|(verb, _)| ["get", "post", "put", "delete"].contains(&verb.as_str()));
        for (verb, operation) in verbs {
            let mut query = Map::new();
            let parameters = [&item["parameters"], &operation["parameters"]];
            for parameter in parameters.into_iter().filter_map(Value::as_array).flatten() {
                let parameter = resolve(parameter);
                let is_required = parameter["required"] == true;
                if let (Some(name), true) = (parameter["name"].as_str(), parameter["in"] == "query")
                {
                    let mut schema = reduced(description, &parameter["schema"], 0);
                    if is_required {
                        schema["needed"] = true.into();
                    }
                    query.insert(name.into(), schema);
                }
            }
            let content = |part: &Value| {
                let schema = &resolve(part)["content"]["application/json"]["schema"];
                (!schema.is_null()).then(|| reduced(description, schema, 0))
            };
            let mut request = Map::new();
            if !query.is_empty() {
                request.insert("query".into(), query.into());
            }
            if let Some(body) = content(&operation["requestBody"]) {
                request.insert("body".into(), body);
            }
            let responses = entries(&operation["responses"]);
            let responses = responses
                .filter(|(status, _)| status.starts_with('2'))
                .map(|(status, response)| (status.clone(), content(response).unwrap_or_default()));
            let operation = Operation {
                request: request.into(),
                responses: Value::Object(responses.collect()),
            };
            operations.insert(format!("{} {path}", verb.to_uppercase()), operation);
        }
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn resolve<'a>(description: &'a Value, part: &'a Value) -> &'a Value {
    let pointer = part["$ref"]
        .as_str()
        .and_then(|name| name.strip_prefix('#'));
    match pointer.and_then(|pointer| description.pointer(pointer)) {
        Some(part) => resolve(description, part),
        None => part,
    }
}

/// Returns a schema as JSON Schema, without its texts.
fn reduced(description: &Value, schema: &Value, depth: usize) -> Value {
    let schema = resolve(description, schema);
    if depth > MAX_DEPTH {
        return json!({});
    }
    let inner = |part: &Value| reduced(description, part, depth + 1);
    let mut kept = Map::new();
    for key in KEYWORDS {
        if let Some(value) = schema.get(key) {
            kept.insert(key.into(), value.clone());
        }
    }
    let is_nullable = schema["nullable"] == true;
    if let Some(name) = schema.get("type") {
        let types = if is_nullable {
            json!([name, "null"])
        } else {
            name.clone()
        };
        kept.insert("type".into(), types);
    }
    if let (true, Some(Value::Array(values))) = (is_nullable, kept.get_mut("enum")) {
        values.push(Value::Null);
    }
    if schema["properties"].is_object() {
        let properties = entries(&schema["properties"]);
        let properties = properties.map(|(name, property)| (name.clone(), inner(property)));
        kept.insert("properties".into(), Value::Object(properties.collect()));
    }
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            kept.insert(key.into(), inner(&schema[key]));
        }
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        if let Some(parts) = schema[key].as_array() {
            kept.insert(key.into(), parts.iter().map(inner).collect());
        }
    }
    let kept = Value::Object(kept);
    if is_nullable && schema["type"].is_null() {
        return json!({ "anyOf": [kept, { "type": "null" }] });
    }
    kept
}

/// Applies what has changed since the descriptions were published, and where they are wrong.
fn correct(operations: &mut BTreeMap<String, Operation>) -> Result<()> {
    operations.retain(|name, _| !name.contains("/datacenters"));
    for operation in operations.values_mut() {
        walk(&mut operation.request, &mut correct_request);
        walk(&mut operation.responses, &mut correct_response);
    }

    // A service needs its protocol only, and a change its port: all the rest has defaults or stays, and clients rely
    // on it.
    for (name, needed) in [
        ("add_service", "protocol"),
        ("update_service", "listen_port"),
    ] {
        let name = format!("POST /load_balancers/{{id}}/actions/{name}");
        let service = &mut operation(operations, &name)?.request["body"];
        walk(service, &mut |part| {
            if let Some(part) = part.as_object_mut() {
                part.remove("required");
            }
        });
        service["required"] = json!([needed]);
    }
    let add_service = "POST /load_balancers/{id}/actions/add_service";
    let service = operation(operations, add_service)?.request["body"].clone();
    let body = &mut operation(operations, "POST /load_balancers")?.request["body"];
    body["properties"]["services"]["items"] = service;
    let id = json!({ "type": ["integer", "null"] });
    body["properties"]["public_net"] =
        json!({ "type": "object", "properties": { "ipv4": id, "ipv6": id } });

    let body = &mut operation(operations, "POST /primary_ips")?.request["body"];
    body["required"] = json!(["name", "type"]);
    body["properties"]["assignee_type"]["enum"] = json!(["server", "unassigned"]);

    for name in [
        "POST /floating_ips/{id}/actions/change_dns_ptr",
        "POST /load_balancers/{id}/actions/change_dns_ptr",
        "POST /primary_ips/{id}/actions/change_dns_ptr",
        "POST /servers/{id}/actions/change_dns_ptr",
    ] {
        operation(operations, name)?.request["body"]["required"] = json!(["ip", "dns_ptr"]);
    }
    operation(operations, "POST /servers/{id}/actions/rebuild")?.request["body"]["required"] =
        json!(["image"]);

    // The storage boxes have these fields, whose description is that of the subaccounts.
    let body = &mut operation(
        operations,
        "POST /storage_boxes/{id}/actions/update_access_settings",
    )?
    .request["body"];
    body["properties"]["zfs_enabled"] = json!({ "type": "boolean" });

    let deleted = operation(operations, "DELETE /zones/{id_or_name}")?
        .responses
        .clone();
    operation(operations, "DELETE /load_balancers/{id}")?.responses = deleted;

    let page = operation(operations, "GET /servers/actions")?;
    let query = page.request["query"].clone();
    let meta = page.responses["200"]["properties"]["meta"].clone();
    operations.insert("GET /networks/{id}/members".into(), members(&query, &meta));
    Ok(())
}

fn operation<'a>(
    operations: &'a mut BTreeMap<String, Operation>,
    name: &str,
) -> Result<&'a mut Operation> {
    let found = operations.get_mut(name);
    found.with_context(|| format!("{name} is not described"))
}

fn correct_request(schema: &mut Value) {
    // These are IDs or names; the type of a parameter named `type` is not meant.
    const ID_OR_NAME: [&str; 8] = [
        "image",
        "iso",
        "load_balancer_type",
        "location",
        "server_type",
        "snapshot",
        "ssh_keys",
        "storage_box_type",
    ];
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("datacenter");
        // Hetzner's Python client sends null for what a subnet does not have.
        if properties.contains_key("network_zone") && properties.contains_key("vswitch_id") {
            properties["ip_range"]["type"] = json!(["string", "null"]);
            properties["vswitch_id"]["type"] = json!(["integer", "null"]);
        }
        for name in ID_OR_NAME {
            if let Some(property) = properties.get_mut(name) {
                let property = if property["items"].is_object() {
                    &mut property["items"]
                } else {
                    property
                };
                if property["type"] == "string" {
                    property["type"] = json!(["string", "integer"]);
                }
            }
        }
    }
}

fn correct_response(schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    let removed: Vec<_> = ["datacenter", "deprecated"]
        .into_iter()
        .filter(|name| properties.remove(*name).is_some())
        .collect();
    if let Some(kind) = properties.get_mut("assignee_type") {
        kind["enum"] = json!(["server", "unassigned"]);
    }
    // What the load balancers' addresses have since October.
    let is_load_balancer = properties.contains_key("load_balancer_type");
    if let (true, Some(net)) = (is_load_balancer, properties.get_mut("public_net")) {
        for version in ["ipv4", "ipv6"] {
            let address = &mut net["properties"][version];
            address["properties"]["id"] = json!({ "type": ["integer", "null"] });
            address["properties"]["blocked"] = json!({ "type": "boolean" });
            address["required"] = json!(["id", "ip", "blocked", "dns_ptr"]);
        }
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !removed.iter().any(|removed| name == removed));
    }
}

/// `GET /networks/{id}/members` is newer than the descriptions.
fn members(query: &Value, meta: &Value) -> Operation {
    let many =
        |values: &[&str]| json!({ "type": "array", "items": { "type": "string", "enum": values } });
    let (types, states) = (
        ["server", "load_balancer"],
        ["ok", "attaching", "detaching", "updating"],
    );
    let member = json!({
        "type": "object",
        "properties": {
            "id": { "type": "integer" },
            "type": { "type": "string", "enum": types },
            "ip": { "type": "string" },
            "alias_ips": { "type": "array", "items": { "type": "string" } },
            "subnet": { "type": "string" },
            "status": { "type": "string", "enum": states },
        },
        "required": ["id", "type", "ip", "alias_ips", "subnet", "status"],
    });
    Operation {
        request: json!({ "query": {
            "page": query["page"],
            "per_page": query["per_page"],
            "sort": many(&["id", "id:asc", "id:desc", "ip", "ip:asc", "ip:desc"]),
            "status": { "type": "array", "items": { "type": "string" } },
            "subnet": { "type": "string" },
            "type": many(&types),
        } }),
        responses: json!({ "200": {
            "type": "object",
            "properties": { "members": { "type": "array", "items": member }, "meta": meta },
            "required": ["members", "meta"],
        } }),
    }
}

/// Calls `change` with all parts of a value, inner ones first.
fn walk(part: &mut Value, change: &mut impl FnMut(&mut Value)) {
    match part {
        Value::Object(fields) => fields.values_mut().for_each(|field| walk(field, change)),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
        _ => return,
    }
    change(part);
}

/// Moves schemas that occur repeatedly to `$defs`.
fn shared(operations: Map<String, Value>) -> Value {
    let mut counts = BTreeMap::new();
    let mut operations = Value::Object(operations);
    walk(&mut operations, &mut |part| {
        if is_schema(part) {
            *counts.entry(part.to_string()).or_insert(0) += 1;
        }
    });
    counts.retain(|schema, count| *count > 1 && schema.len() >= MIN_SHARED_BYTES);
    let names: BTreeMap<_, _> = counts.into_keys().zip(1..).collect();
    let mut defs = Map::new();
    for (schema, number) in &names {
        let mut schema: Value = serde_json::from_str(schema).expect("a schema of above");
        inner_references(&mut schema, &names);
        defs.insert(format!("{number:03}"), schema);
    }
    inner_references(&mut operations, &names);
    defs.retain(|_, schema| !schema.is_null());
    json!({ "note": LICENCE, "operations": operations, "$defs": defs })
}

/// Returns whether a value is a schema and not a map of properties, one of which can be named `type`.
fn is_schema(part: &Value) -> bool {
    part["type"].is_string()
        || ["type", "allOf", "anyOf", "oneOf"]
            .iter()
            .any(|key| part[*key].is_array())
}

/// Replaces the schemas within a value by references.
fn inner_references(value: &mut Value, names: &BTreeMap<String, u32>) {
    let refer = |part: &mut Value| match names.get(&part.to_string()).filter(|_| is_schema(part)) {
        Some(number) => *part = json!({ "$ref": format!("#/$defs/{number:03}") }),
        None => inner_references(part, names),
    };
    match value {
        Value::Object(fields) => fields.values_mut().for_each(refer),
        Value::Array(items) => items.iter_mut().for_each(refer),
        _ => {}
    }
}

/// Returns the operations of a file with all references resolved.
fn expanded(file: &Value) -> Value {
    fn expand(part: &Value, defs: &Value) -> Value {
        let name = part["$ref"]
            .as_str()
            .and_then(|name| name.strip_prefix("#/$defs/"));
        match (name, part) {
            (Some(name), _) => expand(&defs[name], defs),
            (None, Value::Object(fields)) => {
                let fields = fields
                    .iter()
                    .map(|(name, field)| (name.clone(), expand(field, defs)));
                Value::Object(fields.collect())
            }
            (None, Value::Array(items)) => items.iter().map(|item| expand(item, defs)).collect(),
            (None, other) => other.clone(),
        }
    }
    expand(&file["operations"], &file["$defs"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_schemas_are_the_same_after_expansion() {
        let schema = json!({
            "type": "object",
            "required": ["a long name of a field", "another long name of a field", "a third long name"],
            "properties": { "a long name of a field": { "type": ["string", "null"], "enum": ["x", null] } },
        });
        let operations = json!({ "GET /a": { "200": schema }, "GET /b": { "200": schema } });

        let file = shared(operations.as_object().unwrap().clone());

        assert_eq!(
            file["operations"]["GET /a"]["200"],
            json!({ "$ref": "#/$defs/001" })
        );
        assert_eq!(expanded(&file), operations);
    }

    #[test]
    fn nullable_becomes_a_type() {
        let schema =
            json!({ "type": "string", "nullable": true, "description": "long", "enum": ["x"] });

        assert_eq!(
            reduced(&Value::Null, &schema, 0),
            json!({ "type": ["string", "null"], "enum": ["x", null] })
        );
    }
}
