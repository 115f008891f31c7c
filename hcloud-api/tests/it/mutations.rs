//! Responses that differ from today's in every way that the API's compatibility policy allows.

mod certificates;
mod firewalls;
mod floating_ips;
mod load_balancers;
mod networks;
mod placement_groups;
mod storage_boxes;
mod volumes;
mod zones;

use hcloud_api::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// A response, and the paths that may change. `*` in a path matches every element of a list.
struct Response {
    name: &'static str,
    json: &'static str,
    /// Decodes one part of the response and encodes it again.
    reencode: fn(&Value) -> serde_json::Result<Value>,
    /// May be null, and may be absent.
    nullable: &'static [&'static str],
    /// May be absent.
    optional: &'static [&'static str],
    /// Enums, which may have unknown values.
    open: &'static [&'static str],
}

fn reencode<T: DeserializeOwned + Serialize>(value: &Value) -> serde_json::Result<Value> {
    let decoded: T = serde_json::from_str(&value.to_string())?;
    serde_json::to_value(decoded)
}

const RESPONSES: &[Response] = &[
    Response {
        name: "server",
        json: include_str!("../../src/fixtures/server.json"),
        reencode: reencode::<Server>,
        nullable: &[
            "/backup_window",
            "/image",
            "/included_traffic",
            "/ingoing_traffic",
            "/iso",
            "/iso/architecture",
            "/iso/deprecation",
            "/iso/name",
            "/iso/type",
            "/outgoing_traffic",
            "/placement_group",
            "/private_net/*/ip",
            "/private_net/*/mac_address",
            "/private_net/*/network",
            "/public_net/ipv4",
            "/public_net/ipv4/id",
            "/public_net/ipv6",
            "/public_net/ipv6/dns_ptr",
            "/public_net/ipv6/id",
        ],
        optional: &[
            "/load_balancers",
            "/private_net",
            "/private_net/*/alias_ips",
            "/public_net/firewalls",
            "/public_net/floating_ips",
            "/volumes",
        ],
        open: &[
            "/image/os_flavor",
            "/image/status",
            "/image/type",
            "/iso/architecture",
            "/iso/type",
            "/placement_group/type",
            "/public_net/firewalls/*/status",
            "/server_type/architecture",
            "/server_type/cpu_type",
            "/server_type/storage_type",
            "/status",
        ],
    },
    Response {
        name: "server_type",
        json: include_str!("../../src/fixtures/server_type.json"),
        reencode: reencode::<ServerType>,
        nullable: &["/category", "/deprecation", "/locations/*/deprecation"],
        optional: &[
            "/locations",
            "/locations/*/available",
            "/locations/*/recommended",
        ],
        open: &["/architecture", "/cpu_type", "/storage_type"],
    },
    Response {
        name: "image",
        json: include_str!("../../src/fixtures/image.json"),
        reencode: reencode::<Image>,
        nullable: &[
            "/bound_to",
            "/created_from",
            "/deleted",
            "/deprecation",
            "/image_size",
            "/name",
            "/os_version",
        ],
        optional: &["/rapid_deploy"],
        open: &["/architecture", "/os_flavor", "/status", "/type"],
    },
    Response {
        name: "iso",
        json: include_str!("../../src/fixtures/iso.json"),
        reencode: reencode::<Iso>,
        nullable: &["/architecture", "/deprecation", "/name", "/type"],
        optional: &[],
        open: &["/architecture", "/type"],
    },
    Response {
        name: "primary_ip",
        json: include_str!("../../src/fixtures/primary_ip.json"),
        reencode: reencode::<PrimaryIp>,
        nullable: &["/assignee_id"],
        optional: &[],
        open: &["/assignee_type", "/type"],
    },
    Response {
        name: "ssh_key",
        json: include_str!("../../src/fixtures/ssh_key.json"),
        reencode: reencode::<SshKey>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Response {
        name: "location",
        json: include_str!("../../src/fixtures/location.json"),
        reencode: reencode::<Location>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Response {
        name: "pricing",
        json: include_str!("../../src/fixtures/pricing.json"),
        reencode: reencode::<Pricing>,
        nullable: &["/floating_ip", "/primary_ips/*/prices/*/price_hourly"],
        optional: &[],
        open: &["/floating_ips/*/type", "/primary_ips/*/type"],
    },
    Response {
        name: "metrics",
        json: include_str!("../../src/fixtures/server_metrics.json"),
        reencode: reencode::<Metrics>,
        nullable: &[],
        optional: &["/time_series/cpu"],
        open: &[],
    },
    Response {
        name: "action",
        json: include_str!("../../src/fixtures/action.json"),
        reencode: reencode::<Action>,
        nullable: &["/error", "/finished"],
        optional: &["/resources"],
        open: &["/status"],
    },
    Response {
        name: "",
        json: include_str!("../../src/fixtures/server_created.json"),
        reencode: reencode::<ServerCreated>,
        nullable: &["/root_password"],
        optional: &["/next_actions"],
        open: &["/server/status"],
    },
    Response {
        name: "",
        json: include_str!("../../src/fixtures/primary_ip_created.json"),
        reencode: reencode::<PrimaryIpCreated>,
        nullable: &["/action"],
        optional: &[],
        open: &[],
    },
    Response {
        name: "",
        json: include_str!("../../src/fixtures/image.json"),
        reencode: reencode::<ImageCreated>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Response {
        name: "",
        json: include_str!("../../src/fixtures/root_password.json"),
        reencode: reencode::<RootAccess>,
        nullable: &["/root_password"],
        optional: &[],
        open: &[],
    },
    Response {
        name: "",
        json: include_str!("../../src/fixtures/console.json"),
        reencode: reencode::<Console>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
];

#[test]
fn no_compatible_change_breaks_decoding() {
    let mut cases = 0;
    let mut failures = Vec::new();
    let responses = [
        RESPONSES,
        certificates::RESPONSES,
        firewalls::RESPONSES,
        floating_ips::RESPONSES,
        load_balancers::RESPONSES,
        networks::RESPONSES,
        placement_groups::RESPONSES,
        storage_boxes::RESPONSES,
        volumes::RESPONSES,
        zones::RESPONSES,
    ];
    for response in responses.into_iter().flatten() {
        for (what, mutant) in mutants(response) {
            cases += 1;
            let failure = match (response.reencode)(&mutant) {
                Ok(encoded) => lost(&mutant, &encoded),
                Err(error) => Some(error.to_string()),
            };
            if let Some(failure) = failure {
                failures.push(format!("{} {what}: {failure}", response.name));
            }
        }
    }

    println!("{cases} mutated responses");
    assert!(failures.is_empty(), "{failures:#?}");
}

fn mutants(response: &Response) -> Vec<(String, Value)> {
    let body: Value = serde_json::from_str(response.json).unwrap();
    let original = match response.name {
        "" => body,
        name => body[name].clone(),
    };
    let paths = paths(&original);
    let mut mutants = vec![("as it is".to_owned(), original.clone())];
    let mut add = |what: &str, path: &str, change: &dyn Fn(&mut Value)| {
        let mut mutant = original.clone();
        change(mutant.pointer_mut(path).unwrap());
        mutants.push((format!("{what} at {path}"), mutant));
    };

    for path in &paths {
        let value = original.pointer(path).unwrap();
        if value.is_object() && !is_map(path) {
            add("new field", path, &|value| value["new-field"] = json!([{}]));
        }
        if let Some(integer) = value.as_u64() {
            add("fraction of zero", path, &|value| {
                *value = serde_json::from_str(&format!("{integer}.0")).unwrap();
            });
        }
    }
    for path in select(&paths, response.open) {
        add("new value", path, &|value| *value = json!("new-value"));
    }
    for path in select(&paths, response.nullable) {
        add("null", path, &|value| *value = Value::Null);
    }
    for path in select(&paths, response.nullable).chain(select(&paths, response.optional)) {
        let (parent, name) = path.rsplit_once('/').unwrap();
        add(&format!("no {name}"), parent, &|value| {
            value.as_object_mut().unwrap().remove(name);
        });
    }
    mutants
}

/// Returns whether the keys of an object are data, not fields.
fn is_map(path: &str) -> bool {
    path.ends_with("/labels") || path.ends_with("/time_series")
}

/// Returns the paths of everything in a value, including itself.
fn paths(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, v)| (name.clone(), v)).collect(),
        Value::Array(items) => (0..).map(|i: usize| i.to_string()).zip(items).collect(),
        _ => Vec::new(),
    };
    let mut all = vec![String::new()];
    for (name, child) in children {
        all.extend(paths(child).iter().map(|rest| format!("/{name}{rest}")));
    }
    all
}

/// Returns the paths that match the patterns; each pattern must match one.
fn select<'a>(paths: &'a [String], patterns: &'a [&str]) -> impl Iterator<Item = &'a str> {
    patterns.iter().flat_map(|pattern| {
        let found: Vec<_> = paths.iter().filter(|path| fits(path, pattern)).collect();
        assert!(!found.is_empty(), "no {pattern}");
        found.into_iter().map(String::as_str)
    })
}

fn fits(path: &str, pattern: &str) -> bool {
    let is_index = |segment: &str| segment.parse::<usize>().is_ok();
    path.split('/').count() == pattern.split('/').count()
        && path
            .split('/')
            .zip(pattern.split('/'))
            .all(|(segment, expected)| segment == expected || expected == "*" && is_index(segment))
}

/// Returns what encoding changed; an absent field may become null, and a time may be written
/// differently.
fn lost(original: &Value, encoded: &Value) -> Option<String> {
    match (original, encoded) {
        (Value::Object(original), Value::Object(encoded)) => lost_field(original, encoded),
        (Value::Array(original), Value::Array(encoded)) if original.len() == encoded.len() => {
            let mut pairs = original.iter().zip(encoded);
            pairs.find_map(|(original, encoded)| lost(original, encoded))
        }
        (Value::Number(original), Value::Number(encoded))
            if original.as_f64() == encoded.as_f64() =>
        {
            None
        }
        (Value::String(original), Value::String(encoded))
            if instant(original) == instant(encoded) =>
        {
            None
        }
        // A list that is null or absent is empty.
        (Value::Null, Value::Array(list)) | (Value::Array(list), Value::Null)
            if list.is_empty() =>
        {
            None
        }
        _ if original == encoded => None,
        _ => Some(format!("{original} became {encoded}")),
    }
}

fn lost_field(original: &Map<String, Value>, encoded: &Map<String, Value>) -> Option<String> {
    let known = original.iter().filter(|(name, _)| *name != "new-field");
    known
        .map(|(name, value)| (name, value, encoded.get(name).unwrap_or(&Value::Null)))
        .find_map(|(name, value, encoded)| Some(format!("{name}: {}", lost(value, encoded)?)))
}

fn instant(time: &str) -> Result<Timestamp, &str> {
    time.parse().map_err(|_| time)
}
