use hcloud_api::{ActionId, CreateVolume, Volume, VolumeFormat};
use wiremock::MockServer;

use crate::api::{body, client, respond};

const VOLUMES: &str = include_str!("../../src/fixtures/volumes.json");
const CREATED: &str = include_str!("../../src/fixtures/volume_created.json");

#[tokio::test]
async fn a_new_volume_is_ready_after_its_next_actions_too() {
    let api = MockServer::start().await;
    respond(&api, "POST", "/volumes", [body(CREATED)]).await;
    let create = CreateVolume::in_location("database", 50, "fsn1");

    let created = client(&api).volumes().create(&create).await.unwrap();

    let ids: Vec<_> = created.actions().map(|action| action.id).collect();
    assert_eq!(ids, [1021, 1022].map(ActionId::new));
}

#[tokio::test]
async fn a_volume_may_have_neither_server_nor_format() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/volumes", [body(VOLUMES)]).await;

    let volumes = client(&api).volumes().list(&Default::default()).all().await;

    let [database, raw]: [Volume; 2] = volumes.unwrap().try_into().unwrap();
    assert_eq!(database.format, Some(VolumeFormat::Ext4));
    assert!(raw.server.is_none());
    assert!(raw.format.is_none());
}
