//! Sets the rules of a firewall to those listed on standard input. A new firewall
//! is applied to all servers with matching labels.
//!
//!     HCLOUD_TOKEN=… cargo run --example firewall -- NAME SELECTOR < rules
//!
//! One rule for incoming traffic per line: protocol, port (`-` for ICMP), sources.
//!
//!     tcp  443   0.0.0.0/0 ::/0
//!     tcp  22    198.51.100.0/24
//!     icmp -     0.0.0.0/0 ::/0

use std::env;
use std::io::stdin;

use anyhow::Context as _;
use hcloud_api::{Client, CreateFirewall, FirewallRule, LabelSelector};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().context("missing firewall name")?;
    let selector = arguments.next().context("missing label selector")?;
    let selector: LabelSelector = selector.parse()?;
    let rules: Vec<FirewallRule> = stdin()
        .lines()
        .map(|line| rule(&line?))
        .collect::<anyhow::Result<_>>()?;

    let client = Client::from_env()?;
    let firewalls = client.firewalls();
    let actions = match firewalls.find(&name).await? {
        Some(firewall) => firewalls.set_rules(firewall.id, &rules).await?,
        None => {
            let firewall = CreateFirewall {
                rules,
                apply_to: vec![selector.into()],
                ..CreateFirewall::new(name)
            };
            firewalls.create(&firewall).await?.actions
        }
    };
    client.wait(actions).await?;
    Ok(())
}

fn rule(line: &str) -> anyhow::Result<FirewallRule> {
    let mut words = line.split_whitespace();
    let (protocol, port) = words
        .next()
        .zip(words.next())
        .with_context(|| format!("invalid rule {line:?}"))?;
    let rule = FirewallRule::incoming(protocol.into(), words);
    Ok(match port {
        "-" => rule,
        port => rule.port(port),
    })
}
