//! Storage boxes, which have an endpoint of their own.

use hcloud_api::{
    Client, CreateStorageBox, CreateStorageBoxSnapshot, CreateStorageBoxSubaccount, StorageBox,
    StorageBoxId, StorageBoxStatus, StorageBoxSubaccountId,
};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::api::{body, builder, refusal, requests, respond};

const BOXES: &str = include_str!("../../src/fixtures/storage_boxes.json");
const CREATED: &str = include_str!("../../src/fixtures/storage_box_created.json");
const ACTION: &str = include_str!("../../src/fixtures/action.json");

const BOX: StorageBoxId = StorageBoxId::new(1337);

/// Starts both endpoints, and returns a client.
async fn hosts() -> (MockServer, MockServer, Client) {
    let (cloud, hetzner) = (MockServer::start().await, MockServer::start().await);
    let client = builder(&cloud).storage_box_endpoint(hetzner.uri());
    let client = client.build().unwrap();
    (cloud, hetzner, client)
}

#[tokio::test]
async fn storage_boxes_and_their_actions_have_different_endpoints() {
    let (cloud, hetzner, client) = hosts().await;
    respond(&hetzner, "POST", "/storage_boxes", [body(CREATED)]).await;
    let mut done: Value = serde_json::from_str(CREATED).unwrap();
    done["action"]["status"] = "success".into();
    let done = json!({"actions": [done["action"]]}).to_string();
    respond(&cloud, "GET", "/actions", [body(&done)]).await;
    let new = CreateStorageBox::new("new", "bx11", "fsn1", "secret");

    let created = client.storage_boxes().create(&new).await.unwrap();
    client.wait(created.action).await.unwrap();

    assert_eq!(requests(&hetzner).await, 1);
    assert_eq!(requests(&cloud).await, 1);
}

#[tokio::test]
async fn storage_box_requests_use_their_own_endpoint() {
    let (cloud, hetzner, client) = hosts().await;
    respond(&hetzner, "GET", "/storage_boxes", [body(BOXES)]).await;
    let types = include_str!("../../src/fixtures/storage_box_types.json");
    respond(&hetzner, "GET", "/storage_box_types", [body(types)]).await;
    let history = include_str!("../../src/fixtures/actions.json");
    respond(&hetzner, "GET", "/storage_boxes/actions", [body(history)]).await;
    let boxes = client.storage_boxes();

    boxes.find("backup").await.unwrap().unwrap();
    let offer = client.storage_box_types().resolve(&"bx11".into()).await;
    let actions = boxes.actions().list(&Default::default()).all().await;

    assert_eq!(offer.unwrap().unwrap().size, Some(1 << 40));
    assert!(!actions.unwrap().is_empty());
    assert_eq!(requests(&cloud).await, 0);
}

#[tokio::test]
async fn a_new_storage_box_is_not_ready() {
    let (_cloud, hetzner, client) = hosts().await;
    respond(&hetzner, "GET", "/storage_boxes", [body(BOXES)]).await;

    let boxes = client.storage_boxes().list(&Default::default()).all().await;

    let [ready, new]: [StorageBox; 2] = boxes.unwrap().try_into().unwrap();
    assert_eq!(ready.server.as_deref(), Some("u1337.your-storagebox.de"));
    assert_eq!(ready.snapshot_plan.unwrap().day_of_week, Some(5));
    assert_eq!(new.status, StorageBoxStatus::Initializing);
    assert_eq!((new.username, new.server, new.system), (None, None, None));
    assert!(new.stats.is_none());
}

#[tokio::test]
async fn lists_of_a_storage_box_have_no_pages() {
    let (_cloud, hetzner, client) = hosts().await;
    let snapshots = include_str!("../../src/fixtures/storage_box_snapshots.json");
    let at = "/storage_boxes/1337/snapshots";
    respond(&hetzner, "GET", at, [body(snapshots)]).await;
    let subaccounts = include_str!("../../src/fixtures/storage_box_subaccounts.json");
    let at = "/storage_boxes/1337/subaccounts";
    respond(&hetzner, "GET", at, [body(subaccounts)]).await;
    let boxes = client.storage_boxes();

    let snapshots = boxes.snapshots(BOX).list(&Default::default()).await;
    let subaccount = boxes.subaccounts(BOX).find("web").await;

    let automatic: Vec<_> = snapshots.unwrap().iter().map(|s| s.is_automatic).collect();
    assert_eq!(automatic, [false, true]);
    assert_eq!(subaccount.unwrap().unwrap().username, "u1337-sub1");
    let asked = hetzner.received_requests().await.unwrap();
    let queries: Vec<_> = asked.iter().map(|request| request.url.query()).collect();
    assert_eq!(queries, [None, Some("name=web")]);
}

#[tokio::test]
async fn a_missing_resource_is_not_found() {
    let (_cloud, hetzner, client) = hosts().await;
    let at = "/storage_boxes/1337/snapshots";
    respond(&hetzner, "GET", at, [body(r#"{"snapshots": []}"#)]).await;

    let snapshots = client.storage_boxes().snapshots(BOX);

    assert_eq!(snapshots.find("gone").await.unwrap(), None);
}

#[tokio::test]
async fn a_snapshot_is_not_created_twice() {
    let (_cloud, hetzner, client) = hosts().await;
    let lost = [ResponseTemplate::new(502)];
    respond(&hetzner, "POST", "/storage_boxes/1337/snapshots", lost).await;

    let snapshots = client.storage_boxes().snapshots(BOX);
    let error = snapshots.create(&CreateStorageBoxSnapshot::default()).await;

    assert!(error.unwrap_err().may_have_taken_effect());
    assert_eq!(requests(&hetzner).await, 1);
}

#[tokio::test]
async fn passwords_are_sent_but_never_shown() {
    const PASSWORD: &str = "Canary-Password-1";
    let (_cloud, hetzner, client) = hosts().await;
    let act = "/storage_boxes/1337/subaccounts/88/actions/reset_subaccount_password";
    respond(&hetzner, "POST", act, [body(ACTION)]).await;
    let act = "/storage_boxes/1337/actions/reset_password";
    respond(&hetzner, "POST", act, [refusal(422, "invalid_input")]).await;
    let boxes = client.storage_boxes();
    let subaccount = StorageBoxSubaccountId::new(88);

    let subaccounts = boxes.subaccounts(BOX);
    let reset = subaccounts.reset_password(subaccount, PASSWORD).await;
    let refused = boxes.reset_password(BOX, PASSWORD).await;

    for request in hetzner.received_requests().await.unwrap() {
        assert_eq!(
            request.body,
            format!(r#"{{"password":"{PASSWORD}"}}"#).as_bytes()
        );
    }
    let created = CreateStorageBox::new("backup", "bx11", "fsn1", PASSWORD);
    let sub = CreateStorageBoxSubaccount::new("web", PASSWORD);
    let shown = format!("{reset:?} {refused:?} {created:?} {sub:#?} {boxes:?}");
    assert!(!shown.contains("Canary-Password"), "{shown}");
}
