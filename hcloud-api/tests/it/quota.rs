//! The rate limits, whichever of them a request counts against.

use std::time::Duration;

use hcloud_api::{ActionId, Client, ServerId};
use hcloud_sim::Sim;
use tokio::time::timeout;

use crate::simulator::{requests, start};

/// Ten requests per second.
const LIMIT: u64 = 36_000;

async fn with_server(sim: hcloud_sim::Builder) -> (Sim, Client, ServerId, ActionId) {
    let (sim, client) = start(sim.server("web-1", &[])).await;
    let id = client.servers().all().await.unwrap()[0].id;
    let action = client.servers().reboot(id).await.unwrap().id;
    (sim, client, id, action)
}

#[tokio::test]
async fn each_limit_is_taken_from_its_own_responses() {
    for lists_are_actions in [true, false] {
        let sim = Sim::builder().rate_limit(Some(LIMIT as u32));
        let sim = sim.action_lists_are_actions(lists_are_actions);
        let (_sim, client, id, action) = with_server(sim).await;

        let before = client.quota();
        assert_eq!(before.cloud.limit, Some(LIMIT));
        assert_eq!(
            (before.actions.limit, before.action_lists.limit),
            (None, None)
        );

        let actions = client.servers().actions_for(id);
        actions.list(&Default::default()).all().await.unwrap();
        let after = client.quota();
        let limit = if lists_are_actions { 2 * LIMIT } else { LIMIT };
        assert_eq!(after.action_lists.limit, Some(limit));
        assert_eq!(
            (after.cloud.limit, after.actions.limit),
            (Some(LIMIT), None)
        );

        client.actions().get(action).await.unwrap();
        let last = client.quota();
        assert_eq!(last.actions.limit, Some(2 * LIMIT));
        assert_eq!(
            (last.cloud.limit, last.action_lists.limit),
            (Some(LIMIT), Some(limit))
        );
    }
}

#[tokio::test]
async fn refused_lists_of_actions_are_retried_and_delay_nothing_else() {
    for lists_are_actions in [true, false] {
        let sim = Sim::builder().rate_limit(Some(LIMIT as u32));
        let sim = sim.action_lists_are_actions(lists_are_actions);
        let (sim, client, id, action) = with_server(sim).await;
        sim.add_fault("rate-limit GET /v1/servers/*/actions x2".parse().unwrap());
        sim.clear_requests();

        let actions = client.servers().actions_for(id);
        let actions = actions.list(&Default::default()).all().await.unwrap();

        assert_eq!(actions.len(), 1);
        let list = format!("GET /v1/servers/{id}/actions");
        assert_eq!(requests(&sim), [&*list; 3]);
        let left = client.quota().cloud.remaining.unwrap();
        assert!(left > LIMIT - 100, "{left}");
        client.actions().get(action).await.unwrap();
    }
}

#[tokio::test]
async fn an_exhausted_limit_delays_no_lists_of_actions() {
    let sim = Sim::builder().rate_limit(Some(2));
    let (_sim, client, id, _) = with_server(sim).await;
    assert_eq!(client.quota().cloud.remaining, Some(0));

    let actions = client.servers().actions_for(id);
    let list = actions.list(&Default::default()).all();

    timeout(Duration::from_secs(30), list)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn the_quota_needs_no_request_and_refills() {
    let sim = Sim::builder().rate_limit(Some(2));
    let (sim, client, ..) = with_server(sim).await;
    sim.clear_requests();

    let quota = client.quota();

    assert_eq!(quota.cloud.limit, Some(2));
    assert!(quota.cloud.resets_at.is_some());
    assert_eq!(quota.storage_boxes, Default::default());
    assert_eq!(requests(&sim), Vec::<String>::new());
}
