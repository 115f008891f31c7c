//! The requests that `hcloud-api` can send, replayed; and the coverage of the API.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use hcloud_sim::Sim;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::description::{self, Report};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlH8pQn2uHsqCVXBrtMgLhOa9nMm6vOPoIHpyrsSoN0 test";
const OTHER_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f other";

/// A simulator with one resource of each kind.
pub(crate) struct Prepared {
    pub(crate) sim: Sim,
    pub(crate) client: Client,
    /// The IDs of the resources, by kind.
    pub(crate) ids: Map<String, Value>,
}

impl Prepared {
    pub(crate) async fn start() -> Self {
        let sim = Sim::builder()
            .rate_limit(None)
            .record_bodies(true)
            .start()
            .await
            .unwrap();
        let client = Client::of(&sim);
        let mut prepared = Self {
            sim,
            client,
            ids: Map::new(),
        };
        for (kind, path, body) in [
            (
                "ssh_keys",
                "/ssh_keys",
                json!({ "name": "2323", "public_key": KEY }),
            ),
            (
                "placement_groups",
                "/placement_groups",
                json!({ "name": "group", "type": "spread" }),
            ),
            ("firewalls", "/firewalls", json!({ "name": "firewall" })),
            (
                "primary_ips",
                "/primary_ips",
                json!({ "name": "ip", "type": "ipv4", "location": "fsn1" }),
            ),
            (
                "ipv4",
                "/primary_ips",
                json!({ "name": "v4", "type": "ipv4", "location": "fsn1" }),
            ),
            (
                "ipv6",
                "/primary_ips",
                json!({ "name": "v6", "type": "ipv6", "location": "fsn1" }),
            ),
            (
                "floating_ips",
                "/floating_ips",
                json!({ "name": "floating", "type": "ipv4", "home_location": "fsn1" }),
            ),
            (
                "volumes",
                "/volumes",
                json!({ "name": "volume", "size": 10, "location": "fsn1" }),
            ),
            (
                "networks",
                "/networks",
                json!({
                    "name": "network", "ip_range": "10.0.0.0/16",
                    "subnets": [{ "type": "cloud", "network_zone": "eu-central", "ip_range": "10.0.0.0/24" }],
                }),
            ),
            (
                "servers",
                "/servers",
                json!({
                    "name": "server", "server_type": "cx23", "image": "debian-13", "location": "fsn1", "ssh_keys": ["2323"],
                    "start_after_create": false, "public_net": { "enable_ipv4": false },
                }),
            ),
            (
                "load_balancers",
                "/load_balancers",
                json!({
                    "name": "balancer", "load_balancer_type": "lb11", "location": "fsn1",
                }),
            ),
            (
                "uploaded",
                "/certificates",
                json!({
                    "name": "uploaded", "certificate": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", "private_key": "key",
                }),
            ),
            (
                "certificates",
                "/certificates",
                json!({
                    "name": "managed", "type": "managed", "domain_names": ["shop.invalid"],
                }),
            ),
            (
                "zones",
                "/zones",
                json!({ "name": "example.com", "mode": "primary", "rrsets": [
                { "name": "www", "type": "A", "records": [{ "value": "203.0.113.7" }, { "value": "203.0.113.8" }] },
                { "name": "@", "type": "MX", "records": [{ "value": "10 mail" }] },
                { "name": "*.dev", "type": "CNAME", "records": [{ "value": "www" }] },
            ] }),
            ),
            (
                "storage_boxes",
                "/storage_boxes",
                json!({
                    "name": "box", "storage_box_type": "bx11", "location": "fsn1", "password": "secret",
                }),
            ),
        ] {
            let created = prepared.post(path, body).await;
            let mut parts = created.as_object().unwrap().iter();
            let id = parts.find_map(|(name, it)| it["id"].as_u64().filter(|_| name != "action"));
            prepared.ids.insert(kind.into(), id.unwrap().into());
        }
        prepared.wait();
        let image = prepared.act("servers", "create_image", json!({})).await;
        prepared
            .ids
            .insert("images".into(), image["image"]["id"].clone());
        prepared
            .act("images", "change_protection", json!({ "delete": false }))
            .await;
        for (kind, path, body) in [
            ("snapshots", "snapshots", json!({})),
            (
                "subaccounts",
                "subaccounts",
                json!({ "home_directory": "backups", "password": "secret" }),
            ),
        ] {
            let path = format!("/storage_boxes/{}/{path}", prepared.ids["storage_boxes"]);
            let created = prepared.post(&path, body).await;
            let part = created
                .as_object()
                .unwrap()
                .values()
                .find(|it| !it["storage_box"].is_null());
            prepared
                .ids
                .insert(kind.into(), part.unwrap()["id"].clone());
            prepared.wait();
        }
        // One action of each kind whose creation starts none.
        prepared
            .act("networks", "change_protection", json!({ "delete": false }))
            .await;
        prepared
            .act(
                "primary_ips",
                "change_protection",
                json!({ "delete": false }),
            )
            .await;
        prepared
            .act(
                "floating_ips",
                "change_protection",
                json!({ "delete": false }),
            )
            .await;
        prepared
    }

    /// Lets all actions end.
    pub(crate) fn wait(&self) {
        self.sim.clock().advance(Duration::from_secs(60));
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let response = self.client.send(Method::POST, path, Some(&body)).await;
        let status = response.status();
        let answer: Value = response.json().await.unwrap();
        assert!(status.is_success(), "{path} {body}: {answer}");
        answer
    }

    /// Runs an action of a resource to its end.
    async fn act(&self, kind: &str, action: &str, body: Value) -> Value {
        let answer = self
            .post(
                &format!("/{kind}/{}/actions/{action}", self.ids[kind]),
                body,
            )
            .await;
        self.wait();
        answer
    }

    /// Connects everything with everything.
    async fn connect(&self) {
        let server = self.ids["servers"].clone();
        let group = self.ids["placement_groups"].clone();
        let network = self.ids["networks"].clone();
        self.act(
            "servers",
            "add_to_placement_group",
            json!({ "placement_group": group }),
        )
        .await;
        self.act(
            "primary_ips",
            "assign",
            json!({ "assignee_type": "server", "assignee_id": server }),
        )
        .await;
        self.act(
            "servers",
            "attach_to_network",
            json!({ "network": network, "ip": "10.0.0.3" }),
        )
        .await;
        self.act(
            "load_balancers",
            "attach_to_network",
            json!({ "network": network }),
        )
        .await;
        self.act("floating_ips", "assign", json!({ "server": server }))
            .await;
        self.act("volumes", "attach", json!({ "server": server }))
            .await;
        let selector =
            json!({ "type": "label_selector", "label_selector": { "selector": "env=prod,!old" } });
        let itself = json!({ "type": "server", "server": { "id": server } });
        self.act(
            "firewalls",
            "apply_to_resources",
            json!({ "apply_to": [itself, selector] }),
        )
        .await;
        let vswitch = json!({ "type": "vswitch", "network_zone": "eu-central", "ip_range": "10.0.2.0/24", "vswitch_id": 1000 });
        self.act("networks", "add_subnet", vswitch).await;
        let route = json!({ "destination": "10.100.1.0/24", "gateway": "10.0.0.3" });
        self.act("networks", "add_route", route).await;
        self.act("servers", "enable_backup", json!({})).await;
    }

    /// Adds the targets and the service of the recorded requests to the load balancer.
    async fn balance(&self) {
        let server = self.ids["servers"].clone();
        for target in [
            json!({ "type": "server", "server": { "id": server } }),
            json!({ "type": "label_selector", "label_selector": { "selector": "env=prod,!old" } }),
            json!({ "type": "ip", "ip": { "ip": "203.0.113.7" } }),
        ] {
            self.act("load_balancers", "add_target", target).await;
        }
        let service = json!({
            "protocol": "https", "listen_port": 443, "http": { "certificates": [self.ids["uploaded"]] },
        });
        self.act("load_balancers", "add_service", service).await;
    }

    /// Replaces the zone by a secondary one.
    async fn make_secondary(&mut self) {
        let body = json!({ "name": "second.example", "mode": "secondary", "primary_nameservers": [{ "address": "203.0.113.53" }] });
        let created = self.post("/zones", body).await;
        self.ids["zones"] = created["zone"]["id"].clone();
        let path = format!("/zones/{}", self.ids["zones"]);
        self.client.get(&path).await;
        self.client
            .send(Method::DELETE, "/zones/example.com", None)
            .await;
        self.wait();
    }

    /// Returns the states in which the recorded requests make sense; each is accepted in one of them.
    async fn states(&mut self) -> Vec<(Value, Map<String, Value>)> {
        let mut states = Vec::new();
        let named = |mut state: Value, name: &str| {
            let boxes = state["projects"][0]["state"]["storage_boxes"]
                .as_object_mut()
                .unwrap();
            for it in boxes.values_mut() {
                it["snapshots"][0]["name"] = name.into();
            }
            state
        };
        let mut save = |it: &Self| {
            states.push((
                named(it.sim.export_state(), "2026-11-21T03-30-02"),
                it.ids.clone(),
            ));
        };
        save(self);
        self.connect().await;
        save(self);
        self.act("servers", "poweron", json!({})).await;
        save(self);
        self.balance().await;
        self.client
            .send(Method::DELETE, "/zones/example.com/rrsets/www/A", None)
            .await;
        save(self);
        self.make_secondary().await;
        save(self);
        states
    }

    /// Returns the ID of an action of a kind of resource.
    async fn action(&self, kind: &str) -> Value {
        let actions = self.client.json(&format!("/{kind}/actions")).await;
        let first = &actions["actions"][0];
        let of = first["resources"].as_array().unwrap();
        assert!(!of.is_empty(), "{kind}");
        first["id"].clone()
    }

    /// Returns a recorded path with the IDs of this project.
    async fn path(&self, path: &str) -> String {
        let (path, query) = path
            .split_once('?')
            .map_or((path, None), |(path, query)| (path, Some(query)));
        let mut segments: Vec<_> = path.split('/').map(str::to_owned).collect();
        let kind = segments[1].clone();
        for at in 2..segments.len() {
            if segments[at].parse::<u64>().is_err() {
                continue;
            }
            let id = match (kind.as_str(), segments[at - 1].as_str()) {
                ("isos", _) => 8637.into(),
                ("locations" | "server_types" | "load_balancer_types" | "storage_box_types", _) => {
                    continue;
                }
                ("actions", "actions") => self.action("servers").await,
                (kind, "actions") if at == 3 => self.action(kind).await,
                (kind, "actions") => {
                    let path = format!("/{kind}/{}/actions", self.ids[kind]);
                    self.client.json(&path).await["actions"][0]["id"].clone()
                }
                (_, parent) => self.ids[parent].clone(),
            };
            segments[at] = id.to_string();
        }
        let path = segments.join("/");
        query.map_or(path.clone(), |query| format!("{path}?{query}"))
    }

    /// Replaces the recorded IDs and values in a body.
    fn body(&self, path: &str, name: &str, value: &mut Value) {
        let id = |kind: &str| self.ids[kind].clone();
        match value {
            Value::Object(fields) => {
                let certificate = path.starts_with("/certificates");
                for (name, value) in fields {
                    self.body(path, if certificate { "" } else { name }, value);
                }
            }
            Value::Array(items) => items
                .iter_mut()
                .for_each(|item| self.body(path, name, item)),
            Value::Number(_) => {
                *value = match name {
                    "server" | "assignee_id" | "id" => id("servers"),
                    "network" | "networks" => id("networks"),
                    "volumes" => id("volumes"),
                    "firewall" => id("firewalls"),
                    "placement_group" => id("placement_groups"),
                    "image" => id("images"),
                    "ssh_keys" => id("ssh_keys"),
                    "certificates" => id("uploaded"),
                    "snapshot" => id("snapshots"),
                    "iso" => 8637.into(),
                    "ipv4" if path.starts_with("/servers") => id("primary_ips"),
                    "ipv4" | "ipv6" => id(name),
                    _ => return,
                }
            }
            Value::String(text) if name == "iso" => *text = "8637".into(),
            Value::String(text) if name == "public_key" => *text = OTHER_KEY.into(),
            _ => {}
        }
    }

    /// Returns the address of the resource whose reverse DNS entry a request changes.
    async fn address(&self, path: &str) -> Option<Value> {
        let one = path.strip_suffix("/actions/change_dns_ptr")?;
        let shown = self.client.json(one).await;
        let shown = shown.as_object()?.values().next()?;
        let places = ["/ip", "/public_net/ipv4/ip"];
        places
            .iter()
            .find_map(|place| shown.pointer(place))
            .cloned()
    }
}

/// Requests that `hcloud-api` records to show that it sends what it does not know.
const REFUSED: [&str; 1] = ["status=dozing"];

#[tokio::test]
async fn recorded_requests_of_hcloud_api_are_accepted() {
    let mut prepared = Prepared::start().await;
    let states = prepared.states().await;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hcloud-api/tests/it/fixtures");
    let requests = fs::read_to_string(fixtures.join("requests.txt")).unwrap();
    let mut refused = Vec::new();

    for line in requests.lines() {
        let body_at = line.find(" {").unwrap_or(line.len());
        let (head, body) = line.split_at(body_at);
        let (method, path) = head.split_once(' ').unwrap();
        let mut errors = Vec::new();
        let mut is_accepted = false;
        for (state, ids) in &states {
            prepared.sim.import_state(state.clone()).unwrap();
            prepared.ids = ids.clone();
            let path = prepared.path(path).await;
            let mut body = (!body.is_empty()).then(|| serde_json::from_str::<Value>(body).unwrap());
            if let Some(body) = &mut body {
                prepared.body(&path, "", body);
                if let Some(ip) = prepared.address(&path).await {
                    body["ip"] = ip;
                }
            }
            let response = prepared
                .client
                .send(method.parse().unwrap(), &path, body.as_ref())
                .await;
            is_accepted |= response.status().is_success();
            if !response.status().is_success() {
                errors.push(response.text().await.unwrap());
            }
        }
        if !is_accepted && !REFUSED.iter().any(|part| line.contains(part)) {
            refused.push(format!("{line}\n    {}", errors.join("\n    ")));
        }
    }

    let report = Report::of(&prepared.sim.requests());
    report.assert_valid();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    let missing: Vec<_> = description::operations()
        .filter(|name| !report.answers.contains_key(name))
        .collect();
    println!(
        "{} of {} operations",
        report.answers.len(),
        description::operations().count()
    );
    assert_eq!(missing, [""; 0]);
}

#[tokio::test]
async fn all_operations_are_simulated_and_listed_in_the_readme() {
    let sim = Sim::builder().start().await.unwrap();
    let simulated: BTreeSet<String> = Client::of(&sim).control("/_sim/operations").await;
    let described: BTreeSet<_> = description::operations().map(str::to_owned).collect();

    println!("{} of {}", simulated.len(), described.len());
    assert_eq!(simulated, described);
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&readme).unwrap();
    let (before, rest) = text.split_once("<!-- coverage -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of coverage -->").unwrap();
    let wanted = format!(
        "{before}<!-- coverage -->\n{}<!-- end of coverage -->{after}",
        table(&simulated)
    );
    if std::env::var("SNAPSHOTS").is_ok_and(|it| it == "overwrite") {
        fs::write(readme, wanted).unwrap();
    } else {
        assert_eq!(text, wanted, "SNAPSHOTS=overwrite rewrites it");
    }
}

/// Returns the number of operations of each resource as a table.
fn table(operations: &BTreeSet<String>) -> String {
    let resource = |name: &str| name.split('/').nth(1).unwrap_or_default().to_owned();
    let resources: BTreeSet<_> = operations.iter().map(|name| resource(name)).collect();
    let mut table = String::from(
        "\n| Path | Operations | Actions that can be started |\n| --- | --- | --- |\n",
    );
    for path in resources {
        let own: Vec<_> = operations
            .iter()
            .filter(|name| resource(name) == path)
            .collect();
        let started = own
            .iter()
            .filter(|name| name.starts_with("POST") && name.contains("/actions/"));
        let actions: BTreeSet<_> = started
            .filter_map(|name| Some(format!("`{}`", name.rsplit('/').next()?)))
            .collect();
        let actions = actions.into_iter().collect::<Vec<_>>().join(", ");
        table += &format!("| `/{path}` | {} | {actions} |\n", own.len());
    }
    table += &format!("| all | {0} of {0} | |\n\n", operations.len());
    table
}
