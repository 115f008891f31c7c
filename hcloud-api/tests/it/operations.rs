//! Every public operation, against a server that records requests.

mod certificates;
mod firewalls;
mod floating_ips;
mod load_balancers;
mod networks;
mod placement_groups;
mod storage_boxes;
mod volumes;
mod zones;

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use hcloud_api::*;
use serde_json::{Map, Value};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::api::builder;

const OPERATIONS: &str = include_str!("fixtures/operations.txt");
const REQUESTS: &str = include_str!("fixtures/requests.txt");

#[tokio::test]
async fn every_operation_sends_what_is_documented() {
    let requests = record().await;

    let arrived = Path::new(env!("CARGO_TARGET_TMPDIR")).join("requests.txt");
    fs::write(&arrived, requests.join("\n") + "\n").unwrap();
    println!("what arrived is in {}", arrived.display());
    for (request, expected) in requests.iter().zip(REQUESTS.lines()) {
        assert_eq!(request, expected);
    }
    assert_eq!(requests.len(), REQUESTS.lines().count());
}

#[tokio::test]
async fn no_operation_is_missing() {
    let requests = record().await;

    let called: BTreeSet<_> = requests.iter().map(|request| operation(request)).collect();
    let described: BTreeSet<_> = OPERATIONS.lines().map(str::to_owned).collect();
    println!("{} of {} operations", called.len(), described.len());
    assert_eq!(called, described);
}

/// Calls every operation once and returns the requests: method, path, query and body.
async fn record() -> Vec<String> {
    let api = MockServer::start().await;
    let everything = ResponseTemplate::new(200).set_body_json(every_response());
    Mock::given(any())
        .respond_with(everything)
        .mount(&api)
        .await;

    let client = builder(&api).storage_box_endpoint(api.uri());
    call_everything(&client.build().unwrap()).await.unwrap();

    let requests = api.received_requests().await.unwrap();
    requests.iter().map(line).collect()
}

fn line(request: &Request) -> String {
    let url = &request.url;
    let mut line = format!("{} {}", request.method, url.path());
    if let Some(query) = url.query() {
        line.push('?');
        line.push_str(query);
    }
    if !request.body.is_empty() {
        line.push(' ');
        line.push_str(std::str::from_utf8(&request.body).unwrap());
    }
    line
}

/// The names that are used in paths as ids are.
const NAMES: [&str; 8] = [
    "example.com",
    "www",
    "@",
    "%2A.dev",
    "A",
    "AAAA",
    "CNAME",
    "MX",
];

/// `POST /servers/42/actions/poweron {…}` is `POST /servers/{id}/actions/poweron`.
fn operation(request: &str) -> String {
    let end = request.find(['?', '{']).unwrap_or(request.len());
    let segments = request[..end].trim_end().split('/');
    let is_id = |segment: &str| {
        segment.bytes().all(|byte| byte.is_ascii_digit()) || NAMES.contains(&segment)
    };
    let segments: Vec<_> = segments
        .map(|segment| if is_id(segment) { "{id}" } else { segment })
        .collect();
    segments.join("/")
}

/// Returns a response with the fields that any operation expects.
fn every_response() -> Value {
    let responses = [
        include_str!("../../src/fixtures/folders.json"),
        include_str!("../../src/fixtures/load_balancer_created.json"),
        include_str!("../../src/fixtures/load_balancer_type.json"),
        include_str!("../../src/fixtures/load_balancer_types.json"),
        include_str!("../../src/fixtures/load_balancers.json"),
        include_str!("../../src/fixtures/rrset_created.json"),
        include_str!("../../src/fixtures/rrsets.json"),
        include_str!("../../src/fixtures/storage_box_created.json"),
        include_str!("../../src/fixtures/storage_box_snapshot.json"),
        include_str!("../../src/fixtures/storage_box_snapshots.json"),
        include_str!("../../src/fixtures/storage_box_subaccount.json"),
        include_str!("../../src/fixtures/storage_box_subaccounts.json"),
        include_str!("../../src/fixtures/storage_box_type.json"),
        include_str!("../../src/fixtures/storage_box_types.json"),
        include_str!("../../src/fixtures/storage_boxes.json"),
        include_str!("../../src/fixtures/zone_created.json"),
        include_str!("../../src/fixtures/zonefile.json"),
        include_str!("../../src/fixtures/zones.json"),
        include_str!("../../src/fixtures/certificate_created.json"),
        include_str!("../../src/fixtures/certificates.json"),
        include_str!("../../src/fixtures/firewall_created.json"),
        include_str!("../../src/fixtures/firewalls.json"),
        include_str!("../../src/fixtures/floating_ip_created.json"),
        include_str!("../../src/fixtures/floating_ips.json"),
        include_str!("../../src/fixtures/network.json"),
        include_str!("../../src/fixtures/network_members.json"),
        include_str!("../../src/fixtures/networks.json"),
        include_str!("../../src/fixtures/placement_group_created.json"),
        include_str!("../../src/fixtures/placement_groups.json"),
        include_str!("../../src/fixtures/volume_created.json"),
        include_str!("../../src/fixtures/volumes.json"),
        include_str!("../../src/fixtures/console.json"),
        include_str!("../../src/fixtures/root_password.json"),
        include_str!("../../src/fixtures/image.json"),
        include_str!("../../src/fixtures/images.json"),
        include_str!("../../src/fixtures/iso.json"),
        include_str!("../../src/fixtures/isos.json"),
        include_str!("../../src/fixtures/location.json"),
        include_str!("../../src/fixtures/locations.json"),
        include_str!("../../src/fixtures/pricing.json"),
        include_str!("../../src/fixtures/primary_ip.json"),
        include_str!("../../src/fixtures/primary_ips.json"),
        include_str!("../../src/fixtures/server_created.json"),
        include_str!("../../src/fixtures/server_metrics.json"),
        include_str!("../../src/fixtures/server_type.json"),
        include_str!("../../src/fixtures/server_types.json"),
        include_str!("../../src/fixtures/servers.json"),
        include_str!("../../src/fixtures/ssh_key.json"),
        include_str!("../../src/fixtures/ssh_keys.json"),
        include_str!("../../src/fixtures/actions.json"),
    ];
    let fields = responses.iter().flat_map(|response| {
        let response: Map<String, Value> = serde_json::from_str(response).unwrap();
        response
    });
    Value::Object(fields.collect())
}

async fn call_everything(client: &Client) -> Result<()> {
    actions(client).await?;
    images(client).await?;
    isos(client).await?;
    locations(client).await?;
    primary_ips(client).await?;
    server_types(client).await?;
    servers(client).await?;
    server_actions(client).await?;
    ssh_keys(client).await?;
    client.pricing().await?;
    networks::call(client).await?;
    floating_ips::call(client).await?;
    volumes::call(client).await?;
    load_balancers::call(client).await?;
    zones::call(client).await?;
    storage_boxes::call(client).await?;
    placement_groups::call(client).await?;
    certificates::call(client).await?;
    firewalls::call(client).await?;
    Ok(())
}

async fn actions(client: &Client) -> Result<()> {
    let id = ActionId::new(7);
    client.actions().get(id).await?;
    client.actions().list(&[id, ActionId::new(8)]).await?;
    Ok(())
}

async fn images(client: &Client) -> Result<()> {
    let images = client.images();
    let id = ImageId::new(259001);
    let filter = ListImages {
        name: Some("debian-13".to_owned()),
        architecture: Some(Architecture::Arm),
        kind: vec![ImageType::Snapshot, ImageType::Backup],
        status: vec![ImageStatus::Available],
        bound_to: vec![ServerId::new(42)],
        include_deprecated: Some(true),
        label_selector: Some(selector()),
        sort: vec![Sort::Descending(ImageSort::Created)],
    };
    images.list(&ListImages::default()).all().await?;
    images.list(&filter).all().await?;
    images.get(id).await?;
    let change = UpdateImage {
        description: Some("kept".to_owned()),
        kind: Some(ImageType::Snapshot),
        labels: Some(Labels::new()),
    };
    images.update(id, &change).await?;
    images.update(id, &UpdateImage::default()).await?;
    images.delete(id).await?;
    let protection = ChangeProtection { delete: true };
    images.change_protection(id, &protection).await?;
    history(images.actions(), images.actions_for(id)).await
}

async fn isos(client: &Client) -> Result<()> {
    let filter = ListIsos {
        name: Some("installer".to_owned()),
        architecture: Some(Architecture::X86),
        include_architecture_wildcard: Some(false),
    };
    client.isos().list(&filter).all().await?;
    client.isos().get(IsoId::new(4711)).await?;
    Ok(())
}

async fn locations(client: &Client) -> Result<()> {
    let filter = ListLocations {
        name: Some("fsn1".to_owned()),
        sort: vec![Sort::Ascending(LocationSort::Name)],
    };
    client.locations().list(&filter).all().await?;
    client.locations().get(LocationId::new(1)).await?;
    Ok(())
}

async fn primary_ips(client: &Client) -> Result<()> {
    let ips = client.primary_ips();
    let id = PrimaryIpId::new(71);
    let server = ServerId::new(42);
    let filter = ListPrimaryIps {
        name: Some("spare".to_owned()),
        ip: Some(IPV4),
        label_selector: Some(selector()),
        sort: vec![Sort::Ascending(PrimaryIpSort::Id)],
    };
    ips.list(&filter).all().await?;
    ips.get(id).await?;
    let spare = CreatePrimaryIp::in_location("spare", IpType::Ipv6, "fsn1");
    ips.create(&spare).await?;
    let assigned = CreatePrimaryIp {
        auto_delete: Some(false),
        labels: labels(),
        ..CreatePrimaryIp::for_server("web-1", IpType::Ipv4, server)
    };
    ips.create(&assigned).await?;
    let unassigned = CreatePrimaryIp {
        assignee_id: Patch::Null,
        ..CreatePrimaryIp::in_location("free", IpType::Ipv4, LocationId::new(1))
    };
    ips.create(&unassigned).await?;
    let change = UpdatePrimaryIp {
        name: Some("other".to_owned()),
        auto_delete: Some(true),
        labels: Some(labels()),
    };
    ips.update(id, &change).await?;
    ips.delete(id).await?;
    ips.assign(id, server).await?;
    ips.unassign(id).await?;
    ips.change_dns_ptr(id, IPV4, Some("web-1.example.com"))
        .await?;
    ips.change_dns_ptr(id, IPV4, None).await?;
    ips.change_protection(id, &ChangeProtection { delete: false })
        .await?;
    history(ips.actions(), ips.actions_for(id)).await
}

async fn server_types(client: &Client) -> Result<()> {
    let filter = ListServerTypes {
        name: Some("cx23".to_owned()),
    };
    client.server_types().list(&filter).all().await?;
    client.server_types().get(ServerTypeId::new(114)).await?;
    Ok(())
}

async fn ssh_keys(client: &Client) -> Result<()> {
    let keys = client.ssh_keys();
    let id = SshKeyId::new(2323);
    let filter = ListSshKeys {
        name: Some("laptop".to_owned()),
        fingerprint: Some("b7:2f".to_owned()),
        label_selector: Some(selector()),
        sort: vec![Sort::Ascending(SshKeySort::Name)],
    };
    keys.list(&filter).all().await?;
    keys.get(id).await?;
    let key = CreateSshKey::new("laptop", "ssh-ed25519 AAAA me");
    keys.create(&key).await?;
    let change = UpdateSshKey {
        name: Some("desk".to_owned()),
        labels: Some(Labels::new()),
    };
    keys.update(id, &change).await?;
    keys.delete(id).await?;
    Ok(())
}

async fn servers(client: &Client) -> Result<()> {
    let servers = client.servers();
    let id = ServerId::new(42);
    let filter = ListServers {
        name: Some("web-1".to_owned()),
        status: vec![
            ServerStatus::Running,
            ServerStatus::Unknown("dozing".to_owned()),
        ],
        label_selector: Some(selector()),
        sort: vec![
            Sort::Descending(ServerSort::Created),
            Sort::Ascending(ServerSort::Name),
        ],
    };
    servers.list(&ListServers::default()).all().await?;
    servers.list(&filter).all().await?;
    servers.get(id).await?;
    servers
        .create(&CreateServer::new("web-1", "cx23", "debian-13"))
        .await?;
    servers.create(&everything_about_a_server()).await?;
    let change = UpdateServer {
        name: Some("web-2".to_owned()),
        labels: Some(Labels::new()),
    };
    servers.update(id, &change).await?;
    let change = UpdateServer {
        labels: Some(labels()),
        ..UpdateServer::default()
    };
    servers.update(id, &change).await?;
    servers.delete(id).await?;
    let mut query = ServerMetricsQuery::new(
        [ServerMetric::Cpu, ServerMetric::Disk],
        "2026-11-22T18:00:00Z".parse().unwrap(),
        "2026-11-22T19:00:00Z".parse().unwrap(),
    );
    servers.metrics(id, &query).await?;
    query.step = Some(60);
    servers.metrics(id, &query).await?;
    history(servers.actions(), servers.actions_for(id)).await
}

fn everything_about_a_server() -> CreateServer {
    CreateServer {
        location: Some("fsn1".into()),
        start_after_create: Some(false),
        placement_group: Some(PlacementGroupId::new(897)),
        ssh_keys: vec![SshKeyId::new(2323).into(), "2323".into()],
        volumes: vec![VolumeId::new(4712)],
        automount: Some(true),
        networks: vec![NetworkId::new(4711)],
        firewalls: vec![FirewallId::new(38)],
        user_data: Some("#cloud-config".into()),
        labels: labels(),
        public_net: Some(CreatePublicNet {
            enable_ipv6: false,
            ipv4: Patch::Set(PrimaryIpId::new(71)),
            ipv6: Patch::Null,
            ..CreatePublicNet::default()
        }),
        ..CreateServer::new("web-1", ServerTypeId::new(114), ImageId::new(259001))
    }
}

async fn server_actions(client: &Client) -> Result<()> {
    let servers = client.servers();
    let id = ServerId::new(42);
    let network = NetworkId::new(4711);

    servers.power_on(id).await?;
    servers.power_off(id).await?;
    servers.reset(id).await?;
    servers.reboot(id).await?;
    servers.shutdown(id).await?;
    servers.request_console(id).await?;
    servers.reset_password(id).await?;
    servers.enable_rescue(id, &EnableRescue::default()).await?;
    let rescue = EnableRescue {
        kind: Some(RescueType::Linux64),
        ssh_keys: vec![SshKeyId::new(2323)],
    };
    servers.enable_rescue(id, &rescue).await?;
    servers.disable_rescue(id).await?;
    servers
        .rebuild(id, &RebuildServer::new("debian-13"))
        .await?;
    let rebuild = RebuildServer {
        user_data: Some("#cloud-config".into()),
        ..RebuildServer::new(ImageId::new(259001))
    };
    servers.rebuild(id, &rebuild).await?;
    servers.create_image(id, &CreateImage::default()).await?;
    let image = CreateImage {
        description: Some("before the upgrade".to_owned()),
        kind: Some(ImageType::Backup),
        labels: labels(),
    };
    servers.create_image(id, &image).await?;
    servers
        .change_type(id, &ChangeServerType::new("cx33"))
        .await?;
    let protection = ChangeServerProtection {
        delete: Some(true),
        rebuild: Some(true),
    };
    servers.change_protection(id, &protection).await?;
    servers.enable_backup(id).await?;
    servers.disable_backup(id).await?;
    servers.attach_iso(id, "4711").await?;
    servers.attach_iso(id, IsoId::new(4711)).await?;
    servers.detach_iso(id).await?;
    servers
        .change_dns_ptr(id, IPV4, Some("web-1.example.com"))
        .await?;
    servers.change_dns_ptr(id, IPV4, None).await?;
    servers
        .attach_to_network(id, &AttachToNetwork::new(network))
        .await?;
    let attach = AttachToNetwork {
        ip: Some(ALIAS),
        alias_ips: vec![ALIAS],
        ip_range: Some("10.0.0.0/24".to_owned()),
        ..AttachToNetwork::new(network)
    };
    servers.attach_to_network(id, &attach).await?;
    servers.detach_from_network(id, network).await?;
    servers.change_alias_ips(id, network, &[ALIAS]).await?;
    servers.change_alias_ips(id, network, &[]).await?;
    servers
        .add_to_placement_group(id, PlacementGroupId::new(897))
        .await?;
    servers.remove_from_placement_group(id).await?;
    Ok(())
}

#[expect(deprecated, reason = "the API still responses it")]
async fn history(of_all: KindActions<'_>, of_one: ResourceActions<'_>) -> Result<()> {
    let id = ActionId::new(1004);
    let filter = ListActions {
        id: vec![id],
        status: vec![ActionStatus::Running, ActionStatus::Error],
        sort: vec![Sort::Descending(ActionSort::Started)],
    };
    of_all.list(&filter).all().await?;
    of_all.get(id).await?;
    let filter = ListActions {
        id: Vec::new(),
        ..filter
    };
    of_one.list(&filter).all().await?;
    of_one.get(id).await?;
    Ok(())
}

const IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
const ALIAS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3));

fn selector() -> LabelSelector {
    "env=prod,!old".parse().unwrap()
}

fn labels() -> Labels {
    Labels::new().with("env", "prod").unwrap()
}
