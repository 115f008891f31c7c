pub async fn is_running(client: &hcloud_api::Client, name: &str) -> hcloud_api::Result<bool> {
    let server = client.servers().find(name).await?;
    Ok(server.is_some_and(|server| server.status == hcloud_api::ServerStatus::Running))
}

#[cfg(test)]
#[tokio::test]
async fn servers_of_the_simulator_run() {
    let sim = hcloud_sim::Sim::builder().server("web1", &[]).start().await;
    let sim = sim.unwrap();
    let client = hcloud_api::Client::builder(sim.token()).endpoint(sim.endpoint());
    let client = client.build().unwrap();
    assert!(is_running(&client, "web1").await.unwrap());
    assert!(!is_running(&client, "web2").await.unwrap());
}
