//! Responses that differ from the documentation, by kinds of difference, for every resource and
//! operation: all that is not the identity of the resource must survive.
//!
//! `cargo test -p hcloud-api --test it odd_responses -- --nocapture` prints the table.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use hcloud_api::*;
use serde::Serialize;
use serde_json::{Map, Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::api::builder;

/// A response of the API, and the call that returns it encoded again.
struct Response {
    name: &'static str,
    json: &'static str,
    /// The field that the call returns; the whole response if empty.
    field: &'static str,
    call: fn(Client) -> BoxFuture<'static, Result<Value>>,
}

fn encoded(result: Result<impl Serialize>) -> Result<Value> {
    result.map(|value| serde_json::to_value(value).unwrap())
}

/// `fixture "field" |client| call,` each.
macro_rules! responses {
    ($($name:ident $field:literal |$client:ident| $call:expr),+ $(,)?) => {&[$(
        Response {
            name: stringify!($name),
            json: include_str!(concat!("../../src/fixtures/", stringify!($name), ".json")),
            field: $field,
            call: |$client| Box::pin(async move { encoded($call.await) }),
        }
    ),+]};
}

/// Lists with pages: `fixture Type,` each.
macro_rules! lists {
    ($($name:ident $type:ty),+ $(,)?) => {
        responses![$(
            $name "*" |client| client.request(Method::GET, "/list").list::<$type>().all()
        ),+]
    };
}

const LISTS: &[Response] = lists![
    actions Action,
    certificates Certificate,
    firewalls Firewall,
    floating_ips FloatingIp,
    images Image,
    isos Iso,
    load_balancer_types LoadBalancerType,
    load_balancers LoadBalancer,
    locations Location,
    networks Network,
    placement_groups PlacementGroup,
    primary_ips PrimaryIp,
    rrsets Rrset,
    server_types ServerType,
    servers Server,
    ssh_keys SshKey,
    storage_box_types StorageBoxType,
    storage_boxes StorageBox,
    volumes Volume,
    zones Zone,
];

const OTHERS: &[Response] = responses![
    action "action" |client| client.actions().get(1.into()),
    certificate "certificate" |client| client.certificates().get(1.into()),
    certificate_created "" |client| {
        let new = CreateCertificate::uploaded("own", "certificate", "key");
        async move { client.certificates().create(&new).await }
    },
    console "" |client| client.servers().request_console(1.into()),
    firewall "firewall" |client| client.firewalls().get(1.into()),
    firewall_created "" |client| async move {
        client.firewalls().create(&CreateFirewall::new("closed")).await
    },
    floating_ip "floating_ip" |client| client.floating_ips().get(1.into()),
    floating_ip_created "" |client| async move {
        let new = CreateFloatingIp::in_location(IpType::Ipv4, "fsn1");
        client.floating_ips().create(&new).await
    },
    folders "folders" |client| client.storage_boxes().folders(1.into(), "."),
    image "image" |client| client.images().get(1.into()),
    iso "iso" |client| client.isos().get(1.into()),
    load_balancer "load_balancer" |client| client.load_balancers().get(1.into()),
    load_balancer_created "" |client| async move {
        let new = CreateLoadBalancer::in_location("lb", "lb11", "fsn1");
        client.load_balancers().create(&new).await
    },
    load_balancer_metrics "metrics" |client| async move {
        let [start, end] = period();
        let query = LoadBalancerMetricsQuery::new([LoadBalancerMetric::Bandwidth], start, end);
        client.load_balancers().metrics(1.into(), &query).await
    },
    load_balancer_type "load_balancer_type" |client| client.load_balancer_types().get(1.into()),
    location "location" |client| client.locations().get(1.into()),
    network "network" |client| client.networks().get(1.into()),
    network_members "*" |client| async move {
        client.networks().members(1.into(), &Default::default()).all().await
    },
    placement_group "placement_group" |client| client.placement_groups().get(1.into()),
    placement_group_created "" |client| async move {
        client.placement_groups().create(&CreatePlacementGroup::spread("apart")).await
    },
    pricing "pricing" |client| async move { client.pricing().await },
    primary_ip "primary_ip" |client| client.primary_ips().get(1.into()),
    primary_ip_created "" |client| async move {
        let new = CreatePrimaryIp::in_location("spare", IpType::Ipv4, "fsn1");
        client.primary_ips().create(&new).await
    },
    root_password "" |client| client.servers().reset_password(1.into()),
    rrset "rrset" |client| async move {
        let id = RrsetId::new("www", RrsetType::A);
        client.zones().rrsets(ZoneId::new(1)).get(&id).await
    },
    rrset_created "" |client| async move {
        let new = CreateRrset::new(RrsetId::new("www", RrsetType::A), [Record::new("10.0.0.1")]);
        client.zones().rrsets(ZoneId::new(1)).create(&new).await
    },
    server "server" |client| client.servers().get(1.into()),
    server_created "" |client| async move {
        client.servers().create(&CreateServer::new("web-1", "cx23", "debian-13")).await
    },
    server_metrics "metrics" |client| async move {
        let [start, end] = period();
        let query = ServerMetricsQuery::new([ServerMetric::Cpu], start, end);
        client.servers().metrics(1.into(), &query).await
    },
    server_type "server_type" |client| client.server_types().get(1.into()),
    ssh_key "ssh_key" |client| client.ssh_keys().get(1.into()),
    storage_box "storage_box" |client| client.storage_boxes().get(1.into()),
    storage_box_created "" |client| async move {
        let new = CreateStorageBox::new("backup", "bx11", "fsn1", "secret");
        client.storage_boxes().create(&new).await
    },
    storage_box_snapshot "snapshot" |client| async move {
        client.storage_boxes().snapshots(1.into()).get(1.into()).await
    },
    storage_box_snapshot_created "" |client| async move {
        client.storage_boxes().snapshots(1.into()).create(&Default::default()).await
    },
    storage_box_snapshots "*" |client| async move {
        client.storage_boxes().snapshots(1.into()).list(&Default::default()).await
    },
    storage_box_subaccount "subaccount" |client| async move {
        client.storage_boxes().subaccounts(1.into()).get(1.into()).await
    },
    storage_box_subaccount_created "" |client| async move {
        let new = CreateStorageBoxSubaccount::new("backups/web", "secret");
        client.storage_boxes().subaccounts(1.into()).create(&new).await
    },
    storage_box_subaccounts "*" |client| async move {
        client.storage_boxes().subaccounts(1.into()).list(&Default::default()).await
    },
    storage_box_type "storage_box_type" |client| client.storage_box_types().get(1.into()),
    volume "volume" |client| client.volumes().get(1.into()),
    volume_created "" |client| async move {
        client.volumes().create(&CreateVolume::in_location("raw", 10, "fsn1")).await
    },
    zone "zone" |client| client.zones().get(ZoneId::new(1)),
    zone_created "" |client| async move {
        client.zones().create(&CreateZone::primary("example.com")).await
    },
];

fn period() -> [Timestamp; 2] {
    ["2026-11-22T18:00:00Z", "2026-11-22T19:00:00Z"].map(|time| time.parse().unwrap())
}

/// The results of one kind of difference.
#[derive(Default)]
struct Tally {
    responses: usize,
    failed: Vec<String>,
    failed_without_identity: usize,
    lost: Vec<String>,
}

#[tokio::test]
async fn nothing_but_the_identity_is_needed() {
    let body = Arc::new(Mutex::new(String::new()));
    let api = MockServer::builder()
        .disable_request_recording()
        .start()
        .await;
    let sent = Arc::clone(&body);
    let respond = move |_: &wiremock::Request| {
        ResponseTemplate::new(200).set_body_raw(sent.lock().unwrap().clone(), "application/json")
    };
    Mock::given(any()).respond_with(respond).mount(&api).await;
    let client = builder(&api).storage_box_endpoint(api.uri());
    let client = client.build().unwrap();

    let mut table: BTreeMap<&str, Tally> = BTreeMap::new();
    for response in LISTS.iter().chain(OTHERS) {
        let original: Value = serde_json::from_str(response.json).unwrap();
        for mutant in mutants(&original) {
            *body.lock().unwrap() = mutant.json.to_string();
            let result = (response.call)(client.clone()).await;

            let tally = table.entry(mutant.kind).or_default();
            tally.responses += 1;
            let about = format!("{} {}", response.name, mutant.path);
            match result {
                Ok(encoded) => tally.lost.extend(
                    lost(response, &original, &mutant, &encoded).map(|lost| about + ": " + &lost),
                ),
                Err(_) if is_identity(response, &mutant.path) => tally.failed_without_identity += 1,
                Err(error) => {
                    let cause = std::error::Error::source(&error);
                    tally.failed.push(format!("{about}: {error}: {cause:?}"));
                }
            }
        }
    }

    print(&table);
    let failed: Vec<_> = table.values().flat_map(|tally| &tally.failed).collect();
    let lost: Vec<_> = table.values().flat_map(|tally| &tally.lost).collect();
    assert!(
        failed.is_empty(),
        "{} fail: {:#?}",
        failed.len(),
        &failed[..failed.len().min(40)]
    );
    assert!(
        lost.is_empty(),
        "{} lose: {:#?}",
        lost.len(),
        &lost[..lost.len().min(40)]
    );
}

fn print(table: &BTreeMap<&str, Tally>) {
    println!("| difference | responses | fail | lose other fields | identity gone |");
    println!("| --- | --: | --: | --: | --: |");
    let mut sum = [0; 4];
    for (kind, tally) in table {
        let row = [
            tally.responses,
            tally.failed.len(),
            tally.lost.len(),
            tally.failed_without_identity,
        ];
        println!(
            "| {kind} | {} | {} | {} | {} |",
            row[0], row[1], row[2], row[3]
        );
        sum.iter_mut()
            .zip(row)
            .for_each(|(sum, count)| *sum += count);
    }
    println!(
        "| all | {} | {} | {} | {} |",
        sum[0], sum[1], sum[2], sum[3]
    );
}

struct Mutant {
    kind: &'static str,
    path: String,
    json: Value,
}

fn mutants(original: &Value) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (path, value) in parts(original) {
        // Wrong page numbers must be an error: the list would end too early.
        if path.is_empty() || path.starts_with("/meta") || is_later_item(&path) {
            continue;
        }
        let (parent, field) = path.rsplit_once('/').unwrap();
        let is_field = original.pointer(parent).unwrap().is_object();
        let is_entry = parent.ends_with("/labels") || parent.ends_with("/time_series");
        let mut add = |kind, new: Option<Value>| {
            let mut json = original.clone();
            match new {
                Some(new) => *json.pointer_mut(&path).unwrap() = new,
                None => drop(
                    json.pointer_mut(parent)
                        .unwrap()
                        .as_object_mut()
                        .unwrap()
                        .remove(field),
                ),
            }
            let path = path.clone();
            mutants.push(Mutant { kind, path, json });
        };
        if is_field && !is_entry {
            let is_map = path.ends_with("/labels") || path.ends_with("/time_series");
            let (absent, null) = match value {
                Value::Array(_) => ("list absent", "list null"),
                _ if is_map => ("map absent", "map null"),
                _ => ("field absent", "field null"),
            };
            add(absent, None);
            add(null, Some(Value::Null));
        }
        match value {
            Value::String(text) => {
                add("empty string", Some(json!("")));
                add("number for a string", Some(json!(17)));
                if matches!(field, "net" | "gross" | "percentage" | "vat_rate") {
                    let number: f64 = text.parse().unwrap();
                    add("number for a decimal", Some(json!(number)));
                }
                if text.parse::<Timestamp>().is_ok() {
                    add("unparsable time", Some(json!("soon")));
                }
                let address = text.split('/').next().unwrap();
                if address.parse::<IpAddr>().is_ok() {
                    add("unparsable address", Some(json!("somewhere")));
                }
                if matches!(
                    field,
                    "type" | "status" | "architecture" | "mode" | "protocol"
                ) {
                    add("unknown enum value", Some(json!("new-value")));
                }
            }
            Value::Number(number) => {
                add("string for a number", Some(json!(number.to_string())));
                add("object for a number", Some(json!({})));
            }
            Value::Bool(_) => add("string for a boolean", Some(json!("yes"))),
            Value::Object(_) => add("string for an object", Some(json!("odd"))),
            Value::Array(_) => {
                add("object for a list", Some(json!({"odd": true})));
                let mut longer = value.clone();
                longer.as_array_mut().unwrap().insert(0, json!([true]));
                add("odd item in a list", Some(longer));
            }
            Value::Null => {}
        }
        if is_field && !is_entry {
            add("list for a value", Some(json!([[["odd"]]])));
        }
    }
    mutants
}

/// Returns whether the path is in another than the first item of a list of resources.
fn is_later_item(path: &str) -> bool {
    let index = path.split('/').nth(2).and_then(|index| index.parse().ok());
    index.is_some_and(|index: usize| index > 0)
}

fn parts(value: &Value) -> Vec<(String, &Value)> {
    let mut all = vec![(String::new(), value)];
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, v)| (name.clone(), v)).collect(),
        Value::Array(items) => (0..).map(|i: usize| i.to_string()).zip(items).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        all.extend(
            parts(child)
                .into_iter()
                .map(|(rest, v)| (format!("/{name}{rest}"), v)),
        );
    }
    all
}

/// Returns whether the resource, or what makes it this one, is at this path.
fn is_identity(response: &Response, path: &str) -> bool {
    let path: Vec<&str> = path.split('/').skip(1).collect();
    match (response.field, path.as_slice()) {
        // A list that is something else than a list.
        ("*", [_]) => true,
        (_, ["wss_url" | "password"]) => true,
        ("", ["action" | "next_actions" | "actions" | "root_password"]) => false,
        (_, [_]) => true,
        ("*", _) => false,
        ("", ["action" | "next_actions" | "actions", ..]) => false,
        (_, [_, "id" | "name" | "zone" | "storage_box"]) => true,
        _ => false,
    }
}

/// Returns what was lost outside the field that is odd.
fn lost(response: &Response, original: &Value, mutant: &Mutant, encoded: &Value) -> Option<String> {
    let path: Vec<&str> = mutant.path.split('/').skip(1).collect();
    let (mut original, mut encoded, path) = match response.field {
        "" => (original.clone(), encoded.clone(), path.as_slice()),
        "*" => {
            let items = original[path[0]].as_array().unwrap();
            let [_, index, path @ ..] = path.as_slice() else {
                return None;
            };
            let index: usize = index.parse().unwrap();
            let decoded = encoded.as_array().unwrap();
            if decoded.len() != items.len() {
                let was_identity = matches!(path, [] | ["id" | "name" | "zone" | "storage_box"]);
                let lost = !was_identity || decoded.len() + 1 != items.len();
                return lost.then(|| format!("{} of {} items", decoded.len(), items.len()));
            }
            (items[index].clone(), decoded[index].clone(), path)
        }
        field => (original[field].clone(), encoded.clone(), &path[1..]),
    };
    // Within a created resource, its other fields are compared too.
    if let ("", ["action", "id"]) = (response.field, path) {
        return None;
    }
    if let ("", [resource, field, ..]) = (response.field, path)
        && original[resource].is_object()
    {
        clear(&mut original[resource], field);
        clear(&mut encoded[resource], field);
    } else if let [field, ..] = path {
        clear(&mut original, field);
        clear(&mut encoded, field);
    } else {
        return None;
    }
    original
        .is_object()
        .then(|| difference(&original, &encoded))?
}

fn clear(value: &mut Value, field: &str) {
    if let Value::Object(fields) = value {
        fields.remove(field);
    }
}

/// Returns what encoding changed; an absent field may become null, and a time may be written
/// differently.
fn difference(original: &Value, encoded: &Value) -> Option<String> {
    match (original, encoded) {
        (Value::Object(original), Value::Object(encoded)) => field_difference(original, encoded),
        (Value::Array(original), Value::Array(encoded)) if original.len() == encoded.len() => {
            let mut pairs = original.iter().zip(encoded);
            pairs.find_map(|(original, encoded)| difference(original, encoded))
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => None,
        (Value::String(one), Value::String(other)) if instant(one) == instant(other) => None,
        (Value::Null, Value::Array(list)) | (Value::Array(list), Value::Null)
            if list.is_empty() =>
        {
            None
        }
        _ if original == encoded => None,
        _ => Some(format!("{original} became {encoded}")),
    }
}

fn field_difference(original: &Map<String, Value>, encoded: &Map<String, Value>) -> Option<String> {
    original.iter().find_map(|(name, value)| {
        let encoded = encoded.get(name).unwrap_or(&Value::Null);
        Some(format!("{name}: {}", difference(value, encoded)?))
    })
}

fn instant(time: &str) -> Result<Timestamp, &str> {
    time.parse().map_err(|_| time)
}
