use hcloud_api::*;

use super::{history, labels, selector};

pub(super) async fn call(client: &Client) -> Result<()> {
    let volumes = client.volumes();
    let id = VolumeId::new(4712);
    let server = ServerId::new(42);
    let filter = ListVolumes {
        name: Some("database".to_owned()),
        status: vec![VolumeStatus::Available, VolumeStatus::Creating],
        label_selector: Some(selector()),
        sort: vec![Sort::Descending(VolumeSort::Name)],
    };
    volumes.list(&filter).all().await?;
    volumes.get(id).await?;
    volumes
        .create(&CreateVolume::in_location("raw", 10, "fsn1"))
        .await?;
    let attached = CreateVolume {
        automount: Some(true),
        format: Some(VolumeFormat::Ext4),
        labels: labels(),
        ..CreateVolume::for_server("database", 50, server)
    };
    volumes.create(&attached).await?;
    let change = UpdateVolume {
        name: Some("other".to_owned()),
        labels: Some(Labels::new()),
    };
    volumes.update(id, &change).await?;
    volumes.delete(id).await?;
    volumes.attach(id, &AttachVolume::new(server)).await?;
    let attach = AttachVolume {
        automount: Some(false),
        ..AttachVolume::new(server)
    };
    volumes.attach(id, &attach).await?;
    volumes.detach(id).await?;
    volumes.resize(id, 100).await?;
    volumes
        .change_protection(id, &ChangeProtection { delete: true })
        .await?;
    history(volumes.actions(), volumes.actions_for(id)).await
}
