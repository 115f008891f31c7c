//! Creates a load balancer for all servers with matching labels, and prints
//! their health until all are healthy.
//!
//!     HCLOUD_TOKEN=… cargo run --example load_balancer -- NAME SELECTOR [LOCATION]

use std::env;
use std::time::Duration;

use anyhow::Context as _;
use hcloud_api::{
    AddTarget, Client, CreateLoadBalancer, LabelSelector, LoadBalancer, LoadBalancerService,
    LoadBalancerTarget,
};
use tokio::time::{sleep, timeout};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().context("missing name")?;
    let selector = arguments.next().context("missing label selector")?;
    let label_selector: LabelSelector = selector.parse()?;
    let location = arguments.next().unwrap_or_else(|| "fsn1".to_owned());

    let client = Client::from_env()?;
    let load_balancer = CreateLoadBalancer {
        services: vec![LoadBalancerService::http(80, 80)],
        targets: vec![AddTarget::publicly(label_selector)],
        ..CreateLoadBalancer::in_location(name, "lb11", location)
    };
    let created = client.load_balancers().create(&load_balancer).await?;
    client.wait(&created.action).await?;

    let healthy = async {
        loop {
            let now = client
                .load_balancers()
                .get(created.load_balancer.id)
                .await?;
            println!();
            show(&now);
            if now.is_healthy() {
                return anyhow::Ok(());
            }
            // The API has no notification of health changes.
            sleep(Duration::from_secs(5)).await;
        }
    };
    timeout(Duration::from_secs(180), healthy)
        .await
        .context("some targets did not become healthy")?
}

fn show(load_balancer: &LoadBalancer) {
    // The servers that match a label selector are targets inside the target.
    let found = load_balancer
        .targets
        .iter()
        .flat_map(|target| &target.targets);
    for target in found.chain(&load_balancer.targets) {
        show_target(target);
    }
}

fn show_target(target: &LoadBalancerTarget) {
    let Some(server) = &target.server else {
        return;
    };
    for health in &target.health_status {
        let detail = health.detail.as_ref().map_or("", |detail| detail.as_str());
        let port = health.listen_port.unwrap_or_default();
        println!(
            "server {}, port {port}: {} {detail}",
            server.id, health.status
        );
    }
}
