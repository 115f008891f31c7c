use hcloud_api::*;

use super::{history, labels, selector};

pub(super) async fn call(client: &Client) -> Result<()> {
    let firewalls = client.firewalls();
    let id = FirewallId::new(38);
    let filter = ListFirewalls {
        name: Some("web".to_owned()),
        label_selector: Some(selector()),
        sort: vec![Sort::Ascending(FirewallSort::Name)],
    };
    let rules = [
        FirewallRule::incoming(FirewallProtocol::Tcp, ANYWHERE).port(443),
        FirewallRule::outgoing(FirewallProtocol::Udp, ["2001:db8::/32"])
            .port("1024-5000")
            .description("replies"),
        FirewallRule::incoming(FirewallProtocol::Icmp, ANYWHERE),
    ];
    let targets = [ServerId::new(42).into(), selector().into()];
    firewalls.list(&filter).all().await?;
    firewalls.get(id).await?;
    firewalls.create(&CreateFirewall::new("closed")).await?;
    let firewall = CreateFirewall {
        rules: rules.to_vec(),
        apply_to: targets.to_vec(),
        labels: labels(),
        ..CreateFirewall::new("web")
    };
    firewalls.create(&firewall).await?;
    let change = UpdateFirewall {
        name: Some("other".to_owned()),
        labels: Some(Labels::new()),
    };
    firewalls.update(id, &change).await?;
    firewalls.delete(id).await?;
    firewalls.set_rules(id, &rules).await?;
    firewalls.set_rules(id, &[]).await?;
    firewalls.apply_to(id, &targets).await?;
    firewalls.remove_from(id, &targets).await?;
    history(firewalls.actions(), firewalls.actions_for(id)).await
}
