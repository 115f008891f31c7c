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

/// Creates a network, a firewall, a volume and a placement group, and returns them.
async fn surroundings(user: &User) -> [Value; 4] {
    let subnet =
        json!({ "type": "cloud", "ip_range": "10.0.1.0/24", "network_zone": "eu-central" });
    let network = json!({ "name": "net", "ip_range": "10.0.0.0/16", "subnets": [subnet] });
    let network = api(user, "POST", "/networks", &network).await;
    let firewall = api(user, "POST", "/firewalls", &json!({ "name": "wall" })).await;
    let volume = json!({ "name": "data", "size": 10, "location": "fsn1", "format": "ext4" });
    let volume = api(user, "POST", "/volumes", &volume).await;
    let group = json!({ "name": "apart", "type": "spread" });
    let group = api(user, "POST", "/placement_groups", &group).await;
    [network, firewall, volume, group]
}

#[tokio::test]
async fn server_is_created_with_all_its_surroundings() {
    let user = user().await;
    let [network, firewall, volume, group] = surroundings(&user).await;
    let volume_id = volume["volume"]["id"].to_string();
    let network_id = network["network"]["id"].to_string();
    let line = "create web1 cx23 debian-13 fsn1 --label env=test --firewall wall \
                --placement-group apart --without-ipv4 --backups --protect --wait";
    let mut args: Vec<&str> = line.split_whitespace().collect();
    args.extend(["--volume", &volume_id, "--network", "net"]);

    let created = user.ok(&args).await;
    args.pop();
    args.push(&network_id);
    let again = user.hcc(&args).await;

    assert_eq!(created, "ok\n");
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(again.err, "hcc: web1 already exists\n");
    assert_eq!(user.requests("POST", "/servers"), 1);
    assert_eq!(user.requests("POST", "/actions/enable_backup"), 1);
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
async fn existing_server_without_what_is_requested_is_a_conflict() {
    let user = user().await;
    let [network, _, volume, _] = surroundings(&user).await;
    let network_id = network["network"]["id"].to_string();
    let volume_id = volume["volume"]["id"].to_string();
    let label = ["--label", "env=test"];
    user.ok(&[&["create", "web1", "--wait"], &label[..]].concat())
        .await;

    for (args, difference) in [
        (
            &["--label", "env=prod"][..],
            "labels env=test instead of env=prod",
        ),
        (&["--label", "team=a"], "labels none instead of team=a"),
        (&["--network", "net"], "networks none instead of net"),
        (
            &["--network", &network_id],
            &format!("networks none instead of {network_id}"),
        ),
        (&["--firewall", "wall"], "firewalls none instead of wall"),
        (
            &["--volume", &volume_id],
            &format!("volumes none instead of {volume_id}"),
        ),
        (
            &["--placement-group", "apart"],
            "placement_group none instead of apart",
        ),
        (&["--without-ipv4"], "without_ipv4 no instead of yes"),
        (&["--backups"], "backups no instead of yes"),
        (&["--protect"], "protect no instead of yes"),
    ] {
        let run = user
            .hcc(&[&["create", "web1", "--wait"][..], &label, args].concat())
            .await;

        let (code, text) = run.failure();
        assert_eq!(code, 4, "{args:?}: {run:?}");
        let reason = format!("but is not what was requested: {difference} (differs)\n");
        let is_label = args[0] == "--label";
        assert!(is_label || text.contains(&reason), "{args:?}: {text}");
        assert!(text.contains(difference), "{args:?}: {text}");
    }

    for args in [label, ["--label", "managed=2"]] {
        user.ok(&[&["create", "web1", "--wait"], &args[..]].concat())
            .await;
    }
    let unknown = user.hcc(&["create", "web1", "--network", "nonsense"]).await;
    assert_eq!(
        unknown.failure(),
        (3, "hcc: network \"nonsense\" not found (no_such_resource)")
    );
}

#[tokio::test]
async fn digits_that_are_the_name_of_one_server_and_the_id_of_another_are_ambiguous() {
    let managed: &[(&str, &str)] = &[("managed", "1")];
    for is_recorded in [true, false] {
        let sim = Sim::builder().server("other", managed);
        let user = User::of(sim.server("web1", managed)).await;
        let web1 = user.id("web1").await.to_string();
        let digits = user.id("other").await.to_string();
        let renamed = json!({ "name": web1 });
        api(&user, "PUT", &format!("/servers/{digits}"), &renamed).await;
        if is_recorded {
            user.ok(&["sync", "--all"]).await;
        }

        let run = user.hcc(&["kill", &web1, "--yes"]).await;

        assert_eq!(
            run.failure(),
            (
                4,
                &*format!(
                    "hcc: {web1} is ambiguous: it is the name of a server and the id of web1 \
                     (ambiguous)\n\
                     hint: pass web1, or the id of the server with the name {web1}"
                )
            )
        );
        user.ok(&["kill", &digits, "--yes", "--wait"]).await;
        let left = user.ok(&["list", "-o", "columns=name"]).await;
        assert_eq!(left, "NAME\nweb1\n");
        user.ok(&["kill", &web1, "--yes", "--wait"]).await;
    }
}

#[tokio::test]
async fn type_that_is_withdrawn_is_not_worth_another_try() {
    let user = user().await;

    let run = user.hcc(&["create", "web1", "--type", "cx22"]).await;

    let (code, text) = run.failure();
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("cannot be ordered"), "{text}");
}

#[tokio::test]
async fn unknown_images_and_types_are_reported_alike_for_existing_servers() {
    let user = user().await;
    user.ok(&["create", "web1", "--wait"]).await;
    user.ok(&["stop", "web1", "--wait"]).await;

    for (args, message, verb) in [
        (
            &["rebuild", "web1", "debian-99", "--yes"][..],
            "hcc: image \"debian-99\" not found: ",
            "images",
        ),
        (
            &["rebuild", "web1", "4711", "--yes"],
            "hcc: image \"4711\" not found: ",
            "images",
        ),
        (
            &["resize", "web1", "cx99"],
            "hcc: server type \"cx99\" not found: ",
            "types",
        ),
        (
            &["resize", "web1", "cx99", "--restart"],
            "hcc: server type \"cx99\" not found: ",
            "types",
        ),
    ] {
        let run = user.hcc(args).await;

        let (code, text) = run.failure();
        assert_eq!(code, 3, "{text}");
        assert!(text.starts_with(message), "{text}");
        let hint = format!("(not_offered)\nhint: run hcc {verb} to list what is available");
        assert!(text.contains(&hint), "{text}");
    }
}

#[tokio::test]
async fn state_of_the_server_that_forbids_a_change_is_a_conflict() {
    let user = user().await;
    user.ok(&["create", "web1", "--wait"]).await;

    let running = user.hcc(&["resize", "web1", "cx33"]).await;
    user.fault("error=invalid_server_type POST /v1/servers/*/actions/change_type");
    let unsuitable = user.hcc(&["resize", "web1", "cx33"]).await;

    assert_eq!(running.failure().0, 4, "{running:?}");
    assert_eq!(unsuitable.failure().0, 4, "{unsuitable:?}");
}

#[tokio::test]
async fn app_images_are_listed_by_default() {
    let user = user().await;

    let images = user.ok(&["images"]).await;

    assert!(images.contains("debian-13"), "{images}");
    assert!(images.contains("docker-ce"), "{images}");
}

#[tokio::test]
async fn show_has_the_surroundings_of_a_server() {
    let user = user().await;
    let [_, firewall, _, group] = surroundings(&user).await;
    let line = "create web1 cx23 debian-13 fsn1 --firewall wall --placement-group apart --wait";
    user.ok(&line.split(' ').collect::<Vec<_>>()).await;
    let rdns = ["rdns", "set", "web1", "ip4", "web1.example.com", "--wait"];
    user.ok(&rdns).await;

    let shown: Value =
        serde_json::from_str(&user.ok(&["show", "web1", "-o", "json"]).await).unwrap();
    let columns = "columns=rdns,firewalls,group";
    let text = user.ok(&["show", "web1", "-o", columns]).await;

    let firewall = &firewall["firewall"]["id"];
    assert_eq!(shown["firewalls"], json!([firewall]));
    let group = json!({ "id": group["placement_group"]["id"], "name": "apart" });
    assert_eq!(shown["placement_group"], group);
    let rdns = json!([{ "ip": shown["ip4"], "name": "web1.example.com" }]);
    assert_eq!(shown["rdns"], rdns);
    let row: Vec<_> = text.lines().nth(1).unwrap().split("  ").collect();
    let address = format!("{} web1.example.com", shown["ip4"].as_str().unwrap());
    assert_eq!(row[0], address, "{text}");
    assert!(row.contains(&&*firewall.to_string()), "{text}");
    assert!(text.contains("apart"), "{text}");
}

#[tokio::test]
async fn price_of_what_remains_has_the_digits_of_the_api() {
    let user = user().await;
    let volume = json!({ "name": "data", "size": 10, "location": "fsn1", "format": "ext4" });
    let volume = api(&user, "POST", "/volumes", &volume).await;
    let volume_id = volume["volume"]["id"].to_string();
    let place = ["create", "web1", "cx23", "debian-13", "fsn1", "--wait"];
    user.ok(&[&place[..], &["--volume", &volume_id]].concat())
        .await;

    let shown = user.ok(&["show", "web1", "-o", "json"]).await;

    assert!(shown.contains("\"monthly_net\": 0.44"), "{shown}");
    assert!(!shown.contains("0.43999"), "{shown}");
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
