use hcloud_api::*;

use super::{history, labels, selector};

pub(super) async fn call(client: &Client) -> Result<()> {
    let certificates = client.certificates();
    let id = CertificateId::new(4718);
    let filter = ListCertificates {
        name: Some("shop".to_owned()),
        kind: vec![CertificateType::Managed, CertificateType::Uploaded],
        label_selector: Some(selector()),
        sort: vec![Sort::Descending(CertificateSort::Created)],
    };
    certificates.list(&filter).all().await?;
    certificates.get(id).await?;
    let uploaded = CreateCertificate::uploaded("own", "-----BEGIN…", "a key");
    certificates.create(&uploaded).await?;
    let managed = CreateCertificate {
        labels: labels(),
        ..CreateCertificate::managed("shop", ["shop.example.com", "www.shop.example.com"])
    };
    certificates.create(&managed).await?;
    let change = UpdateCertificate {
        name: Some("other".to_owned()),
        labels: Some(Labels::new()),
    };
    certificates.update(id, &change).await?;
    certificates.delete(id).await?;
    certificates.retry(id).await?;
    history(certificates.actions(), certificates.actions_for(id)).await
}
