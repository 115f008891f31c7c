//! What takes time, what is locked meanwhile, and what is refused.

use std::time::Duration;

use hcloud_sim::{Builder, Sim};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::Client;

/// A project of a test.
struct Project {
    sim: Sim,
    client: Client,
}

impl Project {
    async fn start(builder: Builder) -> Self {
        let sim = builder.rate_limit(None).start().await.unwrap();
        let client = Client::of(&sim);
        Self { sim, client }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let response = self.client.send(method, path, Some(body)).await;
        (response.status(), response.json().await.unwrap_or_default())
    }

    /// Sends a request that must succeed.
    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(Method::POST, path, &body).await;
        assert!(status.is_success(), "{path} {body}: {answer}");
        answer
    }

    /// Sends a request that must succeed, and lets its actions end.
    async fn done(&self, path: &str, body: Value) -> Value {
        let answer = self.post(path, body).await;
        self.wait();
        answer
    }

    fn wait(&self) {
        self.sim.clock().advance(Duration::from_secs(60));
    }

    /// Sends a request that must be refused, and returns its status and code.
    async fn refused(&self, method: Method, path: &str, body: Value) -> (u16, String) {
        let (status, answer) = self.send(method, path, &body).await;
        assert!(!status.is_success(), "{path} {body}: {answer}");
        (
            status.as_u16(),
            answer["error"]["code"].as_str().unwrap().into(),
        )
    }

    async fn assert_refused(&self, path: &str, cases: &[(Value, u16, &str)]) {
        for (body, status, code) in cases {
            let found = self.refused(Method::POST, path, body.clone()).await;
            assert_eq!(found, (*status, (*code).to_owned()), "{path} {body}");
        }
    }

    /// Creates a resource and returns its path.
    async fn create(&self, kind: &str, body: Value) -> String {
        let created = self.done(&format!("/{kind}"), body).await;
        let mut parts = created.as_object().unwrap().iter();
        let id = parts.find_map(|(name, it)| it["id"].as_u64().filter(|_| name != "action"));
        format!("/{kind}/{}", id.unwrap())
    }

    async fn server(&self, name: &str) -> u64 {
        let servers = self.client.json(&format!("/servers?name={name}")).await;
        servers["servers"][0]["id"].as_u64().unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.client.json(path).await;
        answer.as_object().unwrap().values().next().unwrap().clone()
    }
}

fn id(path: &str) -> u64 {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn changes_take_effect_when_their_action_ends() {
    let project = Project::start(Sim::builder().server("web1", &[])).await;
    let server = project.server("web1").await;
    let location = project.get(&format!("/servers/{server}")).await["location"]["name"].clone();
    let volume = project
        .create(
            "volumes",
            json!({ "name": "data", "size": 10, "location": location }),
        )
        .await;
    let network = project
        .create(
            "networks",
            json!({ "name": "inside", "ip_range": "10.0.0.0/16", "subnets": [
            { "type": "cloud", "network_zone": "eu-central" },
        ] }),
        )
        .await;
    let balancer = project
        .create(
            "load_balancers",
            json!({ "name": "front", "load_balancer_type": "lb11", "location": "nbg1" }),
        )
        .await;
    let floating = project
        .create(
            "floating_ips",
            json!({ "type": "ipv4", "home_location": "nbg1" }),
        )
        .await;

    for (path, body, shown, before, after) in [
        (
            format!("{volume}/actions/attach"),
            json!({ "server": server }),
            (&volume, "/server"),
            json!(null),
            json!(server),
        ),
        (
            format!("{volume}/actions/resize"),
            json!({ "size": 20 }),
            (&volume, "/size"),
            json!(10),
            json!(20),
        ),
        (
            format!("{volume}/actions/change_protection"),
            json!({ "delete": true }),
            (&volume, "/protection/delete"),
            json!(false),
            json!(true),
        ),
        (
            format!("{network}/actions/change_ip_range"),
            json!({ "ip_range": "10.0.0.0/15" }),
            (&network, "/ip_range"),
            json!("10.0.0.0/16"),
            json!("10.0.0.0/15"),
        ),
        (
            format!("/servers/{server}/actions/attach_to_network"),
            json!({ "network": id(&network) }),
            (&network, "/servers"),
            json!([]),
            json!([server]),
        ),
        (
            format!("{balancer}/actions/add_target"),
            json!({ "type": "server", "server": { "id": server } }),
            (&balancer, "/targets/0/server/id"),
            json!(null),
            json!(server),
        ),
        (
            format!("{balancer}/actions/change_algorithm"),
            json!({ "type": "least_connections" }),
            (&balancer, "/algorithm/type"),
            json!("round_robin"),
            json!("least_connections"),
        ),
        (
            format!("{floating}/actions/assign"),
            json!({ "server": server }),
            (&floating, "/server"),
            json!(null),
            json!(server),
        ),
    ] {
        let answer = project.post(&path, body).await;
        let value = async || {
            project
                .get(shown.0)
                .await
                .pointer(shown.1)
                .cloned()
                .unwrap_or_default()
        };
        assert_eq!(answer["action"]["status"], "running", "{path}");
        assert_eq!(value().await, before, "{path}");

        project.wait();

        assert_eq!(value().await, after, "{path}");
    }
}

#[tokio::test]
async fn resource_is_locked_while_an_action_changes_it() {
    let project = Project::start(Sim::builder()).await;
    let created = project
        .post(
            "/volumes",
            json!({ "name": "data", "size": 10, "location": "nbg1" }),
        )
        .await;
    let path = format!("/volumes/{}", created["volume"]["id"]);

    assert_eq!(created["volume"]["status"], "creating");
    let locked = project
        .refused(
            Method::POST,
            &format!("{path}/actions/resize"),
            json!({ "size": 20 }),
        )
        .await;
    project.wait();
    let shown = project.get(&path).await;
    project
        .done(&format!("{path}/actions/resize"), json!({ "size": 20 }))
        .await;

    assert_eq!(locked, (423, "locked".into()));
    assert_eq!(shown["status"], "available");
}

#[tokio::test]
async fn failed_action_changes_nothing() {
    let project = Project::start(Sim::builder()).await;
    let volume = project
        .create(
            "volumes",
            json!({ "name": "data", "size": 10, "location": "nbg1" }),
        )
        .await;
    project
        .sim
        .add_fault("fail-action=resize_volume".parse().unwrap());

    let resize = project
        .done(&format!("{volume}/actions/resize"), json!({ "size": 20 }))
        .await;

    let action = project
        .get(&format!("/actions/{}", resize["action"]["id"]))
        .await;
    assert_eq!(action["error"]["code"], "action_failed");
    assert_eq!(project.get(&volume).await["size"], 10);
}

#[tokio::test]
async fn assigned_addresses_are_not_deleted() {
    let project = Project::start(Sim::builder().server("web1", &[])).await;
    let server = project.server("web1").await;
    let floating = project
        .create(
            "floating_ips",
            json!({ "type": "ipv4", "server": server, "name": "entry" }),
        )
        .await;
    let primary = project.client.json("/primary_ips").await["primary_ips"][0]["id"].clone();

    let assign = format!("{floating}/actions/assign");
    project
        .assert_refused(
            &assign,
            &[(json!({ "server": server }), 422, "floating_ip_assigned")],
        )
        .await;
    for path in [floating, format!("/primary_ips/{primary}")] {
        let found = project.refused(Method::DELETE, &path, json!({})).await;
        assert_eq!(found, (422, "must_be_unassigned".into()), "{path}");
    }
}

#[tokio::test]
async fn networks_refuse_what_overlaps_or_is_in_use() {
    let project = Project::start(Sim::builder().server("web1", &[])).await;
    let server = project.server("web1").await;
    let network = project
        .create(
            "networks",
            json!({ "name": "inside", "ip_range": "10.0.0.0/16", "subnets": [
            { "type": "cloud", "network_zone": "eu-central", "ip_range": "10.0.1.0/24" },
            { "type": "cloud", "network_zone": "eu-central", "ip_range": "10.0.2.0/24" },
        ] }),
        )
        .await;
    let route = json!({ "destination": "10.100.0.0/24", "gateway": "10.0.1.2" });
    project
        .done(&format!("{network}/actions/add_route"), route.clone())
        .await;
    let attach =
        json!({ "network": id(&network), "ip_range": "10.0.2.0/24", "alias_ips": ["10.0.2.7"] });
    project
        .done(
            &format!("/servers/{server}/actions/attach_to_network"),
            attach,
        )
        .await;
    let net = project.get(&format!("/servers/{server}")).await["private_net"][0].clone();
    assert_eq!(
        (&net["ip"], &net["alias_ips"]),
        (&json!("10.0.2.2"), &json!(["10.0.2.7"]))
    );

    let subnet = |ip_range: &str| json!({ "type": "cloud", "network_zone": "eu-central", "ip_range": ip_range });
    project
        .assert_refused(
            &format!("{network}/actions/add_subnet"),
            &[
                (subnet("10.0.1.128/25"), 422, "networks_overlap"),
                (subnet("10.1.0.0/24"), 422, "invalid_input"),
                (subnet("10.0.3.0/31"), 422, "invalid_input"),
                (subnet("203.0.113.0/24"), 422, "invalid_input"),
                (
                    json!({ "type": "cloud", "network_zone": "moon" }),
                    422,
                    "invalid_input",
                ),
                (
                    json!({ "type": "vswitch", "network_zone": "eu-central" }),
                    422,
                    "invalid_input",
                ),
            ],
        )
        .await;
    project
        .assert_refused(
            &format!("{network}/actions/add_route"),
            &[
                (route, 422, "invalid_input"),
                (
                    json!({ "destination": "10.100.0.0/25", "gateway": "10.0.1.2" }),
                    422,
                    "invalid_input",
                ),
                (
                    json!({ "destination": "10.0.1.0/25", "gateway": "10.0.1.2" }),
                    422,
                    "invalid_input",
                ),
                (
                    json!({ "destination": "10.101.0.0/24", "gateway": "10.0.0.1" }),
                    422,
                    "invalid_input",
                ),
                (
                    json!({ "destination": "10.101.0.0/24", "gateway": "192.168.0.2" }),
                    422,
                    "invalid_input",
                ),
                (
                    json!({ "destination": "10.101.0.1/24", "gateway": "10.0.1.2" }),
                    422,
                    "invalid_input",
                ),
            ],
        )
        .await;
    project
        .assert_refused(
            &format!("{network}/actions/delete_subnet"),
            &[
                (json!({ "ip_range": "10.0.2.0/24" }), 422, "resource_in_use"),
                (json!({ "ip_range": "10.0.9.0/24" }), 404, "not_found"),
            ],
        )
        .await;
    project
        .assert_refused(
            &format!("/servers/{server}/actions/change_alias_ips"),
            &[
                (
                    json!({ "network": id(&network), "alias_ips": ["10.9.9.9"] }),
                    422,
                    "ip_not_available",
                ),
                (
                    json!({ "network": id(&network), "alias_ips": ["10.0.1.3", "10.0.1.3"] }),
                    422,
                    "ip_not_available",
                ),
            ],
        )
        .await;
    project
        .assert_refused(
            "/networks",
            &[
                (
                    json!({ "name": "x", "ip_range": "8.8.8.0/24" }),
                    422,
                    "invalid_input",
                ),
                (
                    json!({ "name": "x", "ip_range": "10.0.0.0/28" }),
                    422,
                    "invalid_input",
                ),
                (
                    json!({ "name": "x", "ip_range": null }),
                    422,
                    "invalid_input",
                ),
            ],
        )
        .await;
}

#[tokio::test]
async fn members_of_a_network_are_listed_and_filtered() {
    let project = Project::start(Sim::builder().server("web1", &[])).await;
    let server = project.server("web1").await;
    let network = project
        .create(
            "networks",
            json!({ "name": "inside", "ip_range": "10.0.0.0/16", "subnets": [
            { "type": "cloud", "network_zone": "eu-central", "ip_range": "10.0.1.0/24" },
        ] }),
        )
        .await;
    let balancer = project
        .create("load_balancers", json!({ "name": "front", "load_balancer_type": "lb11", "location": "nbg1", "network": id(&network) }))
        .await;
    project
        .post(
            &format!("/servers/{server}/actions/attach_to_network"),
            json!({ "network": id(&network) }),
        )
        .await;
    let members = async |query: &str| project.get(&format!("{network}/members{query}")).await;

    assert_eq!(
        members("?sort=ip").await,
        json!([
            { "id": id(&balancer), "type": "load_balancer", "ip": "10.0.1.2", "alias_ips": [], "subnet": "10.0.1.0/24", "status": "ok" },
            { "id": server, "type": "server", "ip": "10.0.1.3", "alias_ips": [], "subnet": "10.0.1.0/24", "status": "attaching" },
        ])
    );
    assert_eq!(members("?type=server&status=ok").await, json!([]));
    project.wait();
    assert_eq!(members("?type=server&status=ok").await[0]["id"], server);
    assert_eq!(members("?subnet=10.0.2.0%2F24").await, json!([]));
}

#[tokio::test]
async fn load_balancers_refuse_targets_that_they_cannot_reach() {
    let project = Project::start(Sim::builder().server("web1", &[])).await;
    let server = project.server("web1").await;
    let network = project
        .create(
            "networks",
            json!({ "name": "inside", "ip_range": "10.0.0.0/16", "subnets": [
            { "type": "cloud", "network_zone": "eu-central", "ip_range": "10.0.1.0/24" },
        ] }),
        )
        .await;
    let hidden = project
        .create("servers", json!({
            "name": "hidden", "server_type": "cx23", "image": "debian-13", "networks": [id(&network)],
            "public_net": { "enable_ipv4": false, "enable_ipv6": false },
        }))
        .await;
    let balancer = project
        .create(
            "load_balancers",
            json!({ "name": "front", "load_balancer_type": "lb11", "location": "nbg1" }),
        )
        .await;
    let target = |id: u64, private: bool| json!({ "type": "server", "server": { "id": id }, "use_private_ip": private });
    let ip = |ip: &str| json!({ "type": "ip", "ip": { "ip": ip } });
    let add = format!("{balancer}/actions/add_target");

    project
        .assert_refused(
            &add,
            &[
                (
                    target(id(&hidden), false),
                    422,
                    "resolve_cloud_public_targets_error",
                ),
                (
                    target(id(&hidden), true),
                    422,
                    "load_balancer_not_attached_to_network",
                ),
                (ip("10.0.2.7"), 422, "load_balancer_not_attached_to_network"),
                (ip("nonsense"), 422, "invalid_input"),
            ],
        )
        .await;
    project
        .assert_refused(
            &format!("{balancer}/actions/disable_public_interface"),
            &[(json!({}), 422, "load_balancer_not_attached_to_network")],
        )
        .await;
    project
        .done(
            &format!("{balancer}/actions/attach_to_network"),
            json!({ "network": id(&network) }),
        )
        .await;
    project
        .assert_refused(
            &add,
            &[
                (
                    target(server, true),
                    422,
                    "resolve_cloud_private_targets_error",
                ),
                (ip("10.0.2.7"), 422, "network_has_no_vswitch_subnet"),
            ],
        )
        .await;
    project
        .assert_refused(
            &format!("{balancer}/actions/attach_to_network"),
            &[(
                json!({ "network": id(&network) }),
                422,
                "load_balancer_already_attached",
            )],
        )
        .await;
    project.done(&add, target(id(&hidden), true)).await;
    project
        .assert_refused(
            &add,
            &[(target(id(&hidden), true), 422, "target_already_defined")],
        )
        .await;
    project
        .done(
            &format!("{balancer}/actions/disable_public_interface"),
            json!({}),
        )
        .await;
    project
        .assert_refused(
            &add,
            &[(
                target(server, false),
                422,
                "load_balancer_public_interface_disabled",
            )],
        )
        .await;
    let services = format!("{balancer}/actions/add_service");
    for port in 1..=5 {
        project
            .done(
                &services,
                json!({ "protocol": "tcp", "listen_port": port, "destination_port": 80 }),
            )
            .await;
    }
    project
        .assert_refused(
            &services,
            &[
                (
                    json!({ "protocol": "tcp", "listen_port": 1, "destination_port": 80 }),
                    412,
                    "source_port_already_used",
                ),
                (
                    json!({ "protocol": "http" }),
                    403,
                    "resource_limit_exceeded",
                ),
                (json!({ "protocol": "https" }), 422, "invalid_input"),
                (json!({ "protocol": "udp" }), 422, "invalid_input"),
            ],
        )
        .await;
}

#[tokio::test]
async fn firewalls_refuse_invalid_rules_and_unknown_resources() {
    let project = Project::start(Sim::builder().server("web1", &[("role", "web")])).await;
    let server = json!({ "type": "server", "server": { "id": project.server("web1").await } });
    let unknown = json!({ "type": "server", "server": { "id": 1 } });
    let selector =
        json!({ "type": "label_selector", "label_selector": { "selector": "role=web" } });
    let rule = |port: &str, ip: &str| {
        json!({ "name": "x", "rules": [
        { "direction": "in", "protocol": "tcp", "port": port, "source_ips": [ip] },
    ] })
    };
    project
        .assert_refused(
            "/firewalls",
            &[
                (rule("0", "0.0.0.0/0"), 422, "invalid_input"),
                (rule("90-80", "0.0.0.0/0"), 422, "invalid_input"),
                (rule("80", "10.0.0.1/8"), 422, "invalid_input"),
                (rule("80", "10.0.0.1"), 422, "invalid_input"),
                (
                    json!({ "name": "x", "apply_to": [unknown] }),
                    422,
                    "firewall_resource_not_found",
                ),
                (
                    json!({ "name": "x", "apply_to": [server, server] }),
                    422,
                    "server_already_added",
                ),
            ],
        )
        .await;
    let firewall = project
        .create(
            "firewalls",
            json!({ "name": "around", "apply_to": [selector] }),
        )
        .await;

    project
        .assert_refused(
            &format!("{firewall}/actions/apply_to_resources"),
            &[
                (
                    json!({ "apply_to": [unknown] }),
                    404,
                    "firewall_resource_not_found",
                ),
                (
                    json!({ "apply_to": [selector] }),
                    422,
                    "firewall_already_applied",
                ),
            ],
        )
        .await;
    project
        .assert_refused(
            &format!("{firewall}/actions/remove_from_resources"),
            &[
                (
                    json!({ "remove_from": [server] }),
                    422,
                    "firewall_managed_by_label_selector",
                ),
                (
                    json!({ "remove_from": [unknown] }),
                    404,
                    "firewall_resource_not_found",
                ),
            ],
        )
        .await;
    let deleted = project.refused(Method::DELETE, &firewall, json!({})).await;
    assert_eq!(deleted, (422, "resource_in_use".into()));
}

#[tokio::test]
async fn zones_refuse_invalid_records_and_the_wrong_mode() {
    let project = Project::start(Sim::builder()).await;
    project
        .create("zones", json!({ "name": "example.com", "mode": "primary" }))
        .await;
    let nameservers = json!([{ "address": "203.0.113.53" }]);
    project.create("zones", json!({ "name": "example.org", "mode": "secondary", "primary_nameservers": nameservers })).await;
    let set = |name: &str, kind: &str, value: &str| json!({ "name": name, "type": kind, "records": [{ "value": value }] });
    project
        .done("/zones/example.com/rrsets", set("www", "A", "203.0.113.7"))
        .await;

    project.assert_refused("/zones/example.com/rrsets", &[
        (set("www", "A", "203.0.113.8"), 409, "uniqueness_error"),
        (set("www", "CNAME", "example.net."), 422, "invalid_input"),
        (set("text", "TXT", "unquoted"), 422, "invalid_input"),
        (set("host", "AAAA", "203.0.113.7"), 422, "invalid_input"),
        (set("Host", "A", "203.0.113.7"), 422, "invalid_input"),
        (set("host", "SPF", "x"), 422, "invalid_input"),
        (json!({ "name": "host", "type": "A", "ttl": 59, "records": [{ "value": "203.0.113.7" }] }), 422, "invalid_input"),
    ]).await;
    project
        .assert_refused(
            "/zones/example.org/rrsets",
            &[(set("www", "A", "203.0.113.7"), 422, "incorrect_zone_mode")],
        )
        .await;
    project
        .assert_refused(
            "/zones/example.org/actions/change_ttl",
            &[(json!({ "ttl": 60 }), 422, "incorrect_zone_mode")],
        )
        .await;
    project
        .assert_refused(
            "/zones/example.com/actions/change_primary_nameservers",
            &[(
                json!({ "primary_nameservers": nameservers }),
                422,
                "incorrect_zone_mode",
            )],
        )
        .await;
    let www = "/zones/example.com/rrsets/www/A";
    let double = project
        .send(
            Method::POST,
            &format!("{www}/actions/add_records"),
            &json!({ "records": [{ "value": "203.0.113.7" }] }),
        )
        .await;
    assert!(
        double.1["error"]["message"]
            .as_str()
            .unwrap()
            .contains("duplicate value"),
        "{double:?}"
    );
    project
        .done(
            &format!("{www}/actions/change_protection"),
            json!({ "change": true }),
        )
        .await;
    let deleted = project.refused(Method::DELETE, www, json!({})).await;
    assert_eq!(deleted, (423, "protected".into()));
}

#[tokio::test]
async fn zone_file_is_imported_and_exported() {
    let project = Project::start(Sim::builder()).await;
    project.create("zones", json!({ "name": "example.com", "mode": "primary", "zonefile": "www 300 IN A 203.0.113.7 ; the shop\n" })).await;

    let text = project.client.json("/zones/example.com/zonefile").await["zonefile"].clone();
    project
        .done(
            "/zones/example.com/actions/import_zonefile",
            json!({ "zonefile": text }),
        )
        .await;

    assert!(
        text.as_str()
            .unwrap()
            .ends_with("www\t300\tIN\tA\t203.0.113.7 ; the shop\n"),
        "{text}"
    );
    assert_eq!(
        project.client.json("/zones/example.com/zonefile").await["zonefile"],
        text
    );
}

#[tokio::test]
async fn managed_certificate_is_issued_or_fails() {
    let project = Project::start(Sim::builder()).await;
    let managed = |name: &str| json!({ "name": name, "type": "managed", "domain_names": [name] });
    let issued = project.post("/certificates", managed("example.com")).await;
    assert_eq!(issued["certificate"]["status"]["issuance"], "pending");
    let failed = project
        .create("certificates", managed("example.invalid"))
        .await;

    let issued = project
        .get(&format!("/certificates/{}", issued["certificate"]["id"]))
        .await;
    let refused = project.get(&failed).await;
    let retry = project
        .done(&format!("{failed}/actions/retry"), json!({}))
        .await;

    assert_eq!(issued["status"]["issuance"], "completed");
    assert!(issued["certificate"].is_string());
    assert_eq!(refused["status"]["error"]["code"], "dns_zone_not_found");
    assert_eq!(
        project
            .get(&format!("/actions/{}", retry["action"]["id"]))
            .await["status"],
        "error"
    );
}

#[tokio::test]
async fn wrong_types_nulls_and_unknown_values_are_refused() {
    let project = Project::start(Sim::builder()).await;

    project
        .assert_refused(
            "/volumes",
            &[
                (
                    json!({ "name": "data", "size": "10", "location": "nbg1" }),
                    422,
                    "invalid_input",
                ),
                (
                    json!({ "name": "data", "size": 10, "location": "nbg1", "format": "ntfs" }),
                    422,
                    "invalid_input",
                ),
                (
                    json!({ "name": "-", "size": 10, "location": "nbg1" }),
                    422,
                    "invalid_input",
                ),
                (
                    json!({ "name": "data", "size": 10, "location": "nbg1", "labels": null }),
                    422,
                    "invalid_input",
                ),
                (
                    json!({ "name": "data", "size": 10, "location": "nbg1", "automount": true }),
                    422,
                    "invalid_input",
                ),
            ],
        )
        .await;
    for path in [
        "/volumes?status=lost",
        "/servers?sort=size",
        "/images?type=disk",
        "/zones?mode=tertiary",
    ] {
        let found = project.refused(Method::GET, path, json!({})).await;
        assert_eq!(found, (422, "invalid_input".into()), "{path}");
    }
}

#[tokio::test]
async fn pages_are_linked() {
    let project = Project::start(Sim::builder().servers(5, &[])).await;

    let middle = project
        .client
        .get("/servers?per_page=2&page=2&sort=name%3Adesc")
        .await;
    let single = project.client.get("/servers").await;

    let base = format!("{}/servers", project.sim.endpoint());
    let link = |page: u8, rel: &str| {
        format!("<{base}?page={page}&per_page=2&sort=name%3Adesc>; rel=\"{rel}\"")
    };
    let links = [link(1, "prev"), link(3, "next"), link(3, "last")].join(", ");
    assert_eq!(middle.headers()["link"], links);
    assert!(!single.headers().contains_key("link"));
}
