//! The options of new servers.

use hcloud_sim::Sim;
use serde_json::{Value, json};

use crate::user::{Run, User};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGbM8e1OyXgE9ASAtVxHXkZ8Xq0m0eX6DGbq3vY9Y2kL me";

async fn user() -> User {
    User::of(Sim::builder()).await
}

async fn api(user: &User, method: &str, path: &str, body: &Value) -> Value {
    let body = body.to_string();
    let response = user.ok(&["api", method, path, "--data", &body]).await;
    serde_json::from_str(&response).unwrap()
}

async fn server(user: &User, name: &str) -> Value {
    let path = format!("/servers?name={name}");
    let found = user.ok(&["api", "GET", &path]).await;
    let mut found: Value = serde_json::from_str(&found).unwrap();
    found["servers"][0].take()
}

#[tokio::test]
async fn server_is_created_with_all_its_surroundings() {
    let user = user().await;
    let subnet =
        json!({ "type": "cloud", "ip_range": "10.0.1.0/24", "network_zone": "eu-central" });
    let network = json!({ "name": "net", "ip_range": "10.0.0.0/16", "subnets": [subnet] });
    let network = api(&user, "POST", "/networks", &network).await;
    let firewall = api(&user, "POST", "/firewalls", &json!({ "name": "wall" })).await;
    let volume = json!({ "name": "data", "size": 10, "location": "fsn1", "format": "ext4" });
    let volume = api(&user, "POST", "/volumes", &volume).await;
    let group = json!({ "name": "apart", "type": "spread" });
    let group = api(&user, "POST", "/placement_groups", &group).await;
    let volume_id = volume["volume"]["id"].to_string();

    let created = user
        .ok(&[
            "create",
            "web1",
            "cx23",
            "debian-13",
            "fsn1",
            "--label",
            "env=test",
            "--network",
            "net",
            "--firewall",
            "wall",
            "--volume",
            &volume_id,
            "--placement-group",
            "apart",
            "--without-ipv4",
            "--backups",
            "--protect",
            "--wait",
        ])
        .await;

    assert_eq!(created, "ok\n");
    let server = server(&user, "web1").await;
    assert_eq!(server["labels"], json!({ "env": "test", "managed": "1" }));
    assert_eq!(
        server["private_net"][0]["network"],
        network["network"]["id"]
    );
    let firewalls = &server["public_net"]["firewalls"];
    assert_eq!(firewalls[0]["id"], firewall["firewall"]["id"]);
    assert_eq!(server["volumes"], json!([volume["volume"]["id"]]));
    assert_eq!(
        server["placement_group"]["id"],
        group["placement_group"]["id"]
    );
    assert_eq!(server["public_net"]["ipv4"], Value::Null);
    assert!(server["public_net"]["ipv6"].is_object());
    assert!(server["backup_window"].is_string());
    assert_eq!(
        server["protection"],
        json!({ "delete": true, "rebuild": true })
    );
}

#[tokio::test]
async fn surroundings_that_do_not_exist_are_named_before_anything_is_created() {
    let user = user().await;

    for (flag, kind) in [
        ("--network", "network"),
        ("--firewall", "firewall"),
        ("--volume", "volume"),
        ("--placement-group", "placement group"),
    ] {
        let run = user.hcc(&["create", "web1", flag, "nonsense"]).await;

        let (code, text) = run.failure();
        assert_eq!(code, 3, "{text}");
        assert!(
            text.contains(&format!("{kind} \"nonsense\" not found")),
            "{text}"
        );
    }

    assert_eq!(user.requests("POST", "/servers"), 0);
    assert_eq!(user.ok(&["list", "-o", "json"]).await, "[]\n");
}

#[tokio::test]
async fn sold_out_types_and_locations_fall_back_in_the_order_given() {
    let user = user().await;
    user.fault("error=resource_unavailable POST /v1/servers x2");
    let (types, locations) = ("cx23,cpx22", "fsn1,nbg1");

    user.ok(&[
        "create",
        "web1",
        "--type",
        types,
        "--location",
        locations,
        "--wait",
    ])
    .await;

    let server = server(&user, "web1").await;
    assert_eq!(server["server_type"]["name"], "cpx22");
    assert_eq!(server["location"]["name"], "fsn1");
    assert_eq!(user.requests("POST", "/servers"), 3);
}

#[tokio::test]
async fn lists_of_settings_and_variables_fall_back_like_those_of_flags() {
    for (settings, variables, args, fallback) in [
        (
            &[("type", "cx23,cpx22"), ("location", "fsn1,nbg1")][..],
            &[][..],
            &[][..],
            ("cpx22", "fsn1"),
        ),
        (
            &[("type", "cx33")],
            &[("HCC_TYPE", "cx23, cpx22,"), ("HCC_LOCATION", "fsn1,nbg1")],
            &[],
            ("cpx22", "fsn1"),
        ),
        (
            &[("type", "cx23,cpx22,cax11")],
            &[],
            &["--location", "nbg1"],
            ("cax11", "nbg1"),
        ),
        (
            &[("location", "fsn1,nbg1,hel1")],
            &[],
            &["--type", "cpx22"],
            ("cpx22", "hel1"),
        ),
    ] {
        let user = user().await;
        for (key, value) in settings {
            user.ok(&["config", "set", key, value]).await;
        }
        user.fault("error=resource_unavailable POST /v1/servers x2");
        let mut create = user.command(&["create", "web1", "--wait"]);
        create.args(args).envs(variables.iter().copied());

        let run = Run::of(create).await;

        assert_eq!(run.code, Some(0), "{run:?}");
        let server = server(&user, "web1").await;
        let found = (&server["server_type"]["name"], &server["location"]["name"]);
        assert_eq!(found, (&json!(fallback.0), &json!(fallback.1)), "{run:?}");
    }
}

#[tokio::test]
async fn default_keys_of_the_official_cli_are_given_to_new_servers() {
    let user = user().await;
    let key = json!({ "name": "laptop", "public_key": KEY });
    api(&user, "POST", "/ssh_keys", &key).await;
    user.write(
        ".config/hcloud/cli.toml",
        "active_context = \"work\"\n\
         [[contexts]]\nname = \"work\"\ntoken = \"canary-token\"\n\
         [contexts.preferences]\ndefault_ssh_keys = [\"laptop\"]\n",
    );

    let create = async |name| {
        // The keys belong to the context from which the token is taken.
        let run = Run::of(user.command_without_token(&["create", name, "--wait"])).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        Run::of(user.command_without_token(&["password", name])).await
    };
    let with_key = create("web1").await;
    user.ok(&["config", "set", "ssh_keys", "-"]).await;
    let without_key = create("web2").await;

    // A server with a key has no root password.
    assert_eq!(with_key.out, "", "{with_key:?}");
    assert_ne!(without_key.out, "", "{without_key:?}");
}
