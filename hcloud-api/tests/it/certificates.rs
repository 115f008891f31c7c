use hcloud_api::{
    Certificate, CertificateId, CertificateIssuance, CertificateType, CreateCertificate, ErrorCode,
};
use wiremock::MockServer;

use crate::api::{body, client, respond};

const CERTIFICATES: &str = include_str!("../../src/fixtures/certificates.json");
const CREATED: &str = include_str!("../../src/fixtures/certificate_created.json");

async fn certificates() -> [Certificate; 3] {
    let api = MockServer::start().await;
    respond(&api, "GET", "/certificates", [body(CERTIFICATES)]).await;
    let certificates = client(&api).certificates().list(&Default::default());
    certificates.all().await.unwrap().try_into().unwrap()
}

#[test]
fn a_private_key_is_never_shown() {
    let upload = CreateCertificate::uploaded("own", "the chain", "CanaryKey");

    let shown = format!("{upload:?} {:#?}", upload.source);

    assert!(
        shown.contains("the chain") && !shown.contains("CanaryKey"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_certificate_has_the_error_of_its_renewal() {
    let [shop, ..] = certificates().await;

    let error = shop.status.unwrap().error.unwrap();
    assert_eq!(error.code, ErrorCode::DnsZoneNotFound);
}

#[tokio::test]
async fn an_uploaded_certificate_has_no_status() {
    let [_, uploaded, _] = certificates().await;

    assert_eq!(uploaded.kind, CertificateType::Uploaded);
    assert!(uploaded.status.is_none());
}

#[tokio::test]
async fn a_certificate_is_empty_until_it_is_issued() {
    let api = MockServer::start().await;
    respond(&api, "POST", "/certificates", [body(CREATED)]).await;
    let create = CreateCertificate::managed("new shop", ["new.example.com"]);

    let created = client(&api).certificates().create(&create).await.unwrap();

    let status = created.certificate.status.unwrap();
    assert_eq!(status.issuance, Some(CertificateIssuance::Pending));
    assert!(created.certificate.certificate.is_none());
    assert!(created.certificate.not_valid_after.is_none());
    assert_eq!(
        created.action.unwrap().resources[0].id,
        CertificateId::new(4720).number()
    );
}
