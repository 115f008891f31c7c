use hcloud_api::*;

use super::{IPV4, history, labels, selector};

pub(super) async fn call(client: &Client) -> Result<()> {
    let ips = client.floating_ips();
    let id = FloatingIpId::new(4715);
    let server = ServerId::new(42);
    let filter = ListFloatingIps {
        name: Some("service".to_owned()),
        label_selector: Some(selector()),
        sort: vec![Sort::Descending(FloatingIpSort::Created)],
    };
    ips.list(&filter).all().await?;
    ips.get(id).await?;
    let spare = CreateFloatingIp::in_location(IpType::Ipv6, "fsn1");
    ips.create(&spare).await?;
    let assigned = CreateFloatingIp {
        name: Some("service".to_owned()),
        description: Patch::Set("moves".to_owned()),
        labels: labels(),
        ..CreateFloatingIp::for_server(IpType::Ipv4, server)
    };
    ips.create(&assigned).await?;
    let unassigned = CreateFloatingIp {
        server: Patch::Null,
        description: Patch::Null,
        ..CreateFloatingIp::in_location(IpType::Ipv4, LocationId::new(1))
    };
    ips.create(&unassigned).await?;
    let change = UpdateFloatingIp {
        name: Some("other".to_owned()),
        description: Patch::Set("stays".to_owned()),
        labels: Some(Labels::new()),
    };
    ips.update(id, &change).await?;
    let change = UpdateFloatingIp {
        description: Patch::Null,
        ..UpdateFloatingIp::default()
    };
    ips.update(id, &change).await?;
    ips.update(id, &UpdateFloatingIp::default()).await?;
    ips.delete(id).await?;
    ips.assign(id, server).await?;
    ips.unassign(id).await?;
    ips.change_dns_ptr(id, IPV4, Some("service.example.com"))
        .await?;
    ips.change_dns_ptr(id, IPV4, None).await?;
    ips.change_protection(id, &ChangeProtection { delete: true })
        .await?;
    history(ips.actions(), ips.actions_for(id)).await
}
