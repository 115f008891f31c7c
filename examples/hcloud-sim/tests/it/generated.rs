//! Generated requests: no request is the server's fault, and every response is as described.

use std::fs;
use std::path::Path;

use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};

use crate::description::Report;
use crate::replay::Prepared;

/// The number of requests of a run; another number or seed is read from the environment.
const REQUESTS: usize = 3_000;

/// Makes requests of the description, most of them almost valid.
struct Generator {
    rng: Rng,
    description: Value,
    /// IDs that exist, and one that does not.
    ids: Vec<u64>,
}

impl Generator {
    fn new(seed: u64, ids: Vec<u64>) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/description/requests.json");
        Self {
            rng: Rng::with_seed(seed),
            description: serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap(),
            ids,
        }
    }

    /// Returns the method, path and body of a request.
    fn request(&mut self) -> (Method, String, Option<Value>) {
        let operations = self.description["operations"].as_object().unwrap();
        let at = self.rng.usize(..operations.len());
        let (name, described) = operations.iter().nth(at).unwrap();
        let (name, described) = (name.clone(), described.clone());
        let (method, template) = name.split_once(' ').unwrap();
        let segments = template.split('/').map(|segment| match segment {
            "{rr_name}" => self.pick(&["www", "@", "*", "_x"]),
            "{rr_type}" => self.pick(&["A", "TXT", "NS", "SOA", "nonsense"]),
            "{id_or_name}" if self.rng.bool() => "example.com".into(),
            segment if segment.starts_with('{') => self.id().to_string(),
            segment => segment.into(),
        });
        let mut path = segments.collect::<Vec<String>>().join("/");
        let mut separator = '?';
        for (name, schema) in described["query"].as_object().into_iter().flatten() {
            if self.rng.u8(..3) > 0 {
                continue;
            }
            let value = self.value(schema);
            let values = value.as_array().cloned().unwrap_or(vec![value]);
            for value in values {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                let text: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
                path += &format!("{separator}{name}={text}");
                separator = '&';
            }
        }
        let body = described
            .get("body")
            .map(|schema| self.value(&schema.clone()));
        (method.parse().unwrap(), path, body)
    }

    fn id(&mut self) -> u64 {
        self.ids[self.rng.usize(..self.ids.len())]
    }

    fn pick(&mut self, from: &[&str]) -> String {
        from[self.rng.usize(..from.len())].into()
    }

    /// Returns a value of a schema, now and then another one.
    fn value(&mut self, schema: &Value) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.strip_prefix("#/$defs/").unwrap();
            return self.value(&self.description["$defs"][name].clone());
        }
        if self.rng.u8(..40) == 0 {
            let odd = [
                json!(null),
                json!(-1),
                json!(1.5),
                json!("ü\u{0}\""),
                json!([]),
                json!({}),
                json!(true),
                json!(u64::MAX),
            ];
            return odd[self.rng.usize(..odd.len())].clone();
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(parts) = schema[key].as_array() {
                let at = self.rng.usize(..parts.len());
                return self.value(&parts[at].clone());
            }
        }
        let mut object = json!({});
        if let Some(parts) = schema["allOf"].as_array() {
            for part in parts {
                if let Value::Object(fields) = self.value(part) {
                    object.as_object_mut().unwrap().extend(fields);
                }
            }
            return object;
        }
        if let Some(values) = schema["enum"].as_array() {
            return values[self.rng.usize(..values.len())].clone();
        }
        let kinds: Vec<_> = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect(),
        };
        match kinds.get(self.rng.usize(..kinds.len().max(1))) {
            Some(&"string") => self.text().into(),
            Some(&"integer" | &"number") => match self.rng.u8(..4) {
                0 => schema["minimum"]
                    .as_i64()
                    .unwrap_or(self.rng.i64(0..100))
                    .into(),
                1 => self.rng.i64(0..70_000).into(),
                _ => self.id().into(),
            },
            Some(&"boolean") => self.rng.bool().into(),
            Some(&"array") => (0..self.rng.u8(..3))
                .map(|_| self.value(&schema["items"]))
                .collect(),
            Some(&"object") => {
                let required = schema["required"].as_array().cloned().unwrap_or_default();
                for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                    let is_required = required.iter().any(|it| it == name);
                    if is_required && self.rng.u8(..30) > 0 || self.rng.bool() {
                        object[name] = self.value(property);
                    }
                }
                if schema["additionalProperties"].is_object() && self.rng.bool() {
                    object[self.text()] = self.value(&schema["additionalProperties"]);
                }
                object
            }
            _ => Value::Null,
        }
    }

    fn text(&mut self) -> String {
        if self.rng.u8(..6) == 0 {
            return (0..self.rng.u8(..20)).map(|_| self.rng.char(..)).collect();
        }
        self.pick(&[
            "",
            "web",
            "example.org",
            "cx23",
            "debian-13",
            "fsn1",
            "eu-central",
            "lb11",
            "bx11",
            "10.0.0.0/16",
            "10.0.1.0/24",
            "10.0.0.3",
            "0.0.0.0/0",
            "203.0.113.7",
            "2001:db8::1",
            "80",
            "env=prod",
            "env in (",
            "ext4",
            "10 mail",
            "\"text\"",
            "$TTL 60\nwww IN A 203.0.113.7\n",
            "2026-11-22T18:00:00Z",
            "2026-11-22T19:00:00Z",
            "-----BEGIN CERTIFICATE-----",
        ])
    }
}

#[tokio::test]
async fn generated_requests_are_answered_as_described() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let prepared = Prepared::start().await;
    let ids = prepared
        .ids
        .values()
        .filter_map(Value::as_u64)
        .chain([1, 114, 1333, 4711])
        .collect();
    let seed = number("HCLOUD_SIM_SEED").unwrap_or(2026) as u64;
    let mut generator = Generator::new(seed, ids);
    let start = prepared.sim.export_state();

    for count in 0..number("HCLOUD_SIM_REQUESTS").unwrap_or(REQUESTS) {
        // Deletions would leave nothing to send requests for.
        if count % 100 == 0 {
            prepared.sim.import_state(start.clone()).unwrap();
        }
        let (method, path, body) = generator.request();
        prepared.client.send(method, &path, body.as_ref()).await;
        if generator.rng.bool() {
            prepared.wait();
        }
    }

    Report::of(&prepared.sim.requests()).assert_valid();
}
