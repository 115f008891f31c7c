use hcloud_api::*;

use super::{history, labels, selector};

const BOX: StorageBoxId = StorageBoxId::new(1337);

pub(super) async fn call(client: &Client) -> Result<()> {
    let boxes = client.storage_boxes();
    let filter = ListStorageBoxes {
        name: Some("backup".to_owned()),
        label_selector: Some(selector()),
        sort: vec![Sort::Descending(StorageBoxSort::Size)],
    };
    boxes.list(&filter).all().await?;
    boxes.get(BOX).await?;
    boxes
        .create(&CreateStorageBox::new("backup", "bx11", "fsn1", "secret"))
        .await?;
    let everything = CreateStorageBox {
        ssh_keys: vec!["ssh-ed25519 AAAA me".to_owned()],
        access_settings: Some(access()),
        labels: labels(),
        ..CreateStorageBox::new("backup", StorageBoxTypeId::new(1333), "fsn1", "secret")
    };
    boxes.create(&everything).await?;
    let change = UpdateStorageBox {
        name: Some("other".to_owned()),
        labels: Some(Labels::new()),
    };
    boxes.update(BOX, &change).await?;
    boxes.delete(BOX).await?;
    boxes.folders(BOX, ".").await?;
    boxes.reset_password(BOX, "secret").await?;
    boxes.update_access_settings(BOX, &access()).await?;
    boxes.change_type(BOX, "bx21").await?;
    boxes.rollback_snapshot(BOX, "2026-11-21T03-30-02").await?;
    boxes
        .rollback_snapshot(BOX, StorageBoxSnapshotId::new(77))
        .await?;
    let daily = SnapshotPlan::daily(10, 3, 30);
    for plan in [daily, daily.on_weekday(5), daily.on_day_of_month(1)] {
        boxes.enable_snapshot_plan(BOX, &plan).await?;
    }
    boxes.disable_snapshot_plan(BOX).await?;
    boxes
        .change_protection(BOX, &ChangeProtection { delete: true })
        .await?;
    history(boxes.actions(), boxes.actions_for(BOX)).await?;
    snapshots(boxes.snapshots(BOX)).await?;
    subaccounts(boxes.subaccounts(BOX)).await?;
    types(client).await
}

fn access() -> UpdateStorageBoxAccess {
    UpdateStorageBoxAccess {
        reachable_externally: Some(true),
        samba_enabled: Some(false),
        ssh_enabled: Some(true),
        webdav_enabled: Some(false),
        zfs_enabled: Some(true),
    }
}

async fn snapshots(snapshots: StorageBoxSnapshots<'_>) -> Result<()> {
    let id = StorageBoxSnapshotId::new(77);
    let filter = ListStorageBoxSnapshots {
        name: Some("2026-11-21T03-30-02".to_owned()),
        is_automatic: Some(false),
        label_selector: Some(selector()),
        sort: vec![Sort::Descending(StorageBoxSnapshotSort::Created)],
    };
    snapshots.list(&filter).await?;
    snapshots.get(id).await?;
    let snapshot = CreateStorageBoxSnapshot {
        description: Some("before the move".to_owned()),
        labels: labels(),
    };
    snapshots.create(&snapshot).await?;
    let change = UpdateStorageBoxSnapshot {
        description: Some("after all".to_owned()),
        labels: Some(Labels::new()),
    };
    snapshots.update(id, &change).await?;
    snapshots.delete(id).await?;
    Ok(())
}

async fn subaccounts(subaccounts: StorageBoxSubaccounts<'_>) -> Result<()> {
    let id = StorageBoxSubaccountId::new(88);
    let filter = ListStorageBoxSubaccounts {
        name: Some("web".to_owned()),
        username: Some("u1337-sub1".to_owned()),
        label_selector: Some(selector()),
        sort: vec![Sort::Ascending(StorageBoxSubaccountSort::Created)],
    };
    subaccounts.list(&filter).await?;
    subaccounts.get(id).await?;
    subaccounts
        .create(&CreateStorageBoxSubaccount::new("backups/web", "secret"))
        .await?;
    let access = UpdateSubaccountAccess {
        reachable_externally: Some(false),
        readonly: Some(true),
        samba_enabled: Some(false),
        ssh_enabled: Some(true),
        webdav_enabled: Some(false),
    };
    let everything = CreateStorageBoxSubaccount {
        name: Some("web".to_owned()),
        description: Some("the web servers".to_owned()),
        access_settings: Some(access),
        labels: labels(),
        ..CreateStorageBoxSubaccount::new("backups/web", "secret")
    };
    subaccounts.create(&everything).await?;
    let change = UpdateStorageBoxSubaccount {
        name: Some("shop".to_owned()),
        description: Some(String::new()),
        labels: Some(Labels::new()),
    };
    subaccounts.update(id, &change).await?;
    subaccounts.delete(id).await?;
    subaccounts.change_home_directory(id, "photos").await?;
    subaccounts.reset_password(id, "secret").await?;
    subaccounts.update_access_settings(id, &access).await?;
    Ok(())
}

async fn types(client: &Client) -> Result<()> {
    let types = client.storage_box_types();
    let filter = ListStorageBoxTypes {
        name: Some("bx11".to_owned()),
    };
    types.list(&filter).all().await?;
    types.get(StorageBoxTypeId::new(1333)).await?;
    Ok(())
}
