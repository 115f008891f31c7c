use hcloud_api::{ErrorCode, FloatingIp, FloatingIpId, ServerId};
use wiremock::MockServer;

use crate::api::{body, client, refusal, respond};

const FLOATING_IPS: &str = include_str!("../../src/fixtures/floating_ips.json");

#[tokio::test]
async fn a_floating_ip_may_be_unassigned() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/floating_ips", [body(FLOATING_IPS)]).await;

    let ips = client(&api).floating_ips().list(&Default::default());

    let [service, spare]: [FloatingIp; 2] = ips.all().await.unwrap().try_into().unwrap();
    assert_eq!(service.server, Some(ServerId::new(42)));
    assert!(spare.server.is_none());
    assert!(spare.description.is_none());
}

#[tokio::test]
async fn an_assigned_floating_ip_is_not_deleted() {
    let api = MockServer::start().await;
    let refusal = refusal(422, "must_be_unassigned");
    respond(&api, "DELETE", "/floating_ips/4715", [refusal]).await;

    let id = FloatingIpId::new(4715);
    let error = client(&api).floating_ips().delete(id).await.unwrap_err();

    assert_eq!(error.code(), Some(&ErrorCode::MustBeUnassigned));
}
