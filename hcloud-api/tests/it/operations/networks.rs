use hcloud_api::*;

use super::{ALIAS, history, labels, selector};

pub(super) async fn call(client: &Client) -> Result<()> {
    let networks = client.networks();
    let id = NetworkId::new(4711);
    let filter = ListNetworks {
        name: Some("internal".to_owned()),
        label_selector: Some(selector()),
        sort: vec![Sort::Ascending(NetworkSort::Name)],
    };
    let route = Route::new("10.100.1.0/24", ALIAS);
    let subnet = CreateSubnet::cloud("eu-central");
    let vswitch = CreateSubnet {
        ip_range: Some("10.0.2.0/24".to_owned()),
        ..CreateSubnet::vswitch("eu-central", 1000)
    };
    networks.list(&filter).all().await?;
    networks.get(id).await?;
    networks
        .create(&CreateNetwork::new("plain", "10.0.0.0/16"))
        .await?;
    let network = CreateNetwork {
        subnets: vec![subnet.clone(), vswitch.clone()],
        routes: vec![route.clone()],
        expose_routes_to_vswitch: Some(true),
        labels: labels(),
        ..CreateNetwork::new("internal", "10.0.0.0/16")
    };
    networks.create(&network).await?;
    let change = UpdateNetwork {
        name: Some("other".to_owned()),
        expose_routes_to_vswitch: Some(false),
        labels: Some(Labels::new()),
    };
    networks.update(id, &change).await?;
    networks.delete(id).await?;
    networks
        .members(id, &ListNetworkMembers::default())
        .all()
        .await?;
    let filter = ListNetworkMembers {
        kind: vec![NetworkMemberType::Server, NetworkMemberType::LoadBalancer],
        status: vec![NetworkMemberStatus::Ok, NetworkMemberStatus::Updating],
        subnet: vec!["10.0.1.0/24".to_owned()],
        sort: vec![Sort::Ascending(NetworkMemberSort::Ip)],
    };
    networks.members(id, &filter).all().await?;
    networks.add_subnet(id, &subnet).await?;
    networks.add_subnet(id, &vswitch).await?;
    networks.delete_subnet(id, "10.0.2.0/24").await?;
    networks.add_route(id, &route).await?;
    networks.delete_route(id, &route).await?;
    networks.change_ip_range(id, "10.0.0.0/15").await?;
    networks
        .change_protection(id, &ChangeProtection { delete: true })
        .await?;
    history(networks.actions(), networks.actions_for(id)).await
}
