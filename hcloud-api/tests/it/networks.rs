use hcloud_api::{NetworkId, NetworkMember, NetworkMemberStatus, NetworkMemberType, SubnetType};
use wiremock::MockServer;

use crate::api::{body, client, respond};

const NETWORKS: &str = include_str!("../../src/fixtures/networks.json");
const MEMBERS: &str = include_str!("../../src/fixtures/network_members.json");

#[tokio::test]
async fn a_server_and_a_load_balancer_with_the_same_id_are_two_members() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/networks/4711/members", [body(MEMBERS)]).await;

    let members = client(&api)
        .networks()
        .members(NetworkId::new(4711), &Default::default())
        .all()
        .await
        .unwrap();

    let [server, balancer]: [NetworkMember; 2] = members.try_into().unwrap();
    assert_eq!(server.id, balancer.id);
    assert_eq!(server.kind, NetworkMemberType::Server);
    assert_eq!(balancer.kind, NetworkMemberType::LoadBalancer);
    assert_eq!(balancer.status, NetworkMemberStatus::Attaching);
}

#[tokio::test]
async fn only_a_subnet_for_dedicated_servers_has_a_vswitch() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/networks", [body(NETWORKS)]).await;

    let network = client(&api).networks().find("internal").await.unwrap();

    let subnets = network.unwrap().subnets;
    let vswitches = subnets
        .iter()
        .map(|subnet| (&subnet.kind, subnet.vswitch_id));
    assert!(vswitches.eq([
        (&SubnetType::Cloud, None),
        (&SubnetType::Vswitch, Some(1000))
    ]));
}
