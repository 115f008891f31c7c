use hcloud_api::*;

use super::{history, labels, selector};

const ZONE: ZoneId = ZoneId::new(9001);

pub(super) async fn call(client: &Client) -> Result<()> {
    let zones = client.zones();
    let filter = ListZones {
        name: Some("example.com".to_owned()),
        mode: Some(ZoneMode::Primary),
        label_selector: Some(selector()),
        sort: vec![Sort::Ascending(ZoneSort::Name)],
    };
    zones.list(&filter).all().await?;
    zones.get(ZONE).await?;
    zones.get("example.com").await?;
    create(zones).await?;
    let change = UpdateZone {
        labels: Some(Labels::new()),
    };
    zones.update(ZONE, &change).await?;
    zones.delete(ZONE).await?;
    zones.export_zonefile(ZONE).await?;
    zones.import_zonefile(ZONE, "$TTL 60\n").await?;
    zones.change_ttl(ZONE, 60).await?;
    zones
        .change_primary_nameservers(ZONE, &nameservers())
        .await?;
    zones
        .change_protection(ZONE, &ChangeProtection { delete: true })
        .await?;
    history(zones.actions(), zones.actions_for(ZONE)).await?;
    rrsets(zones.rrsets(ZONE)).await
}

async fn create(zones: Zones<'_>) -> Result<()> {
    let www = RrsetId::new("www", RrsetType::A);
    let primary = CreateZone {
        ttl: Some(60),
        rrsets: vec![
            CreateRrset::new(
                www.clone(),
                [Record::new("203.0.113.7").comment("the shop")],
            ),
            CreateRrset {
                ttl: Patch::Null,
                labels: labels(),
                ..CreateRrset::new(RrsetId::apex("TXT"), [Record::txt("v=spf1 -all")])
            },
        ],
        labels: labels(),
        ..CreateZone::primary("example.com")
    };
    zones.create(&primary).await?;
    let imported = CreateZone {
        zonefile: Some("$TTL 60\n".to_owned()),
        ..CreateZone::primary("example.org")
    };
    zones.create(&imported).await?;
    zones
        .create(&CreateZone::secondary("example.net", nameservers()))
        .await?;
    Ok(())
}

fn nameservers() -> [PrimaryNameserver; 2] {
    let mut signed = PrimaryNameserver::new("203.0.113.53");
    signed.port = Some(5353);
    [
        signed.signed(TsigAlgorithm::HmacSha256, "a2V5"),
        PrimaryNameserver::new("2001:db8::53"),
    ]
}

async fn rrsets(rrsets: Rrsets<'_>) -> Result<()> {
    let www = RrsetId::new("www", RrsetType::A);
    let filter = ListRrsets {
        name: Some("www".to_owned()),
        kind: vec![RrsetType::A, RrsetType::Aaaa],
        label_selector: Some(selector()),
        sort: vec![Sort::Ascending(RrsetSort::Name)],
    };
    rrsets.list(&filter).all().await?;
    rrsets.get(&www).await?;
    rrsets.get(&RrsetId::apex(RrsetType::Mx)).await?;
    rrsets.get(&RrsetId::new("*.dev", RrsetType::Cname)).await?;
    let records = [
        Record::new("203.0.113.7").comment("the shop"),
        Record::new("203.0.113.8"),
    ];
    let ttl = CreateRrset {
        ttl: Patch::Set(300),
        labels: labels(),
        ..CreateRrset::new(www.clone(), records.clone())
    };
    rrsets.create(&ttl).await?;
    let change = UpdateRrset {
        labels: Some(labels()),
    };
    rrsets.update(&www, &change).await?;
    rrsets.delete(&www).await?;
    rrsets.set_records(&www, &records).await?;
    let mut add = AddRecords::new(records.clone());
    for ttl in [Patch::Keep, Patch::Null, Patch::Set(60)] {
        add.ttl = ttl;
        rrsets.add_records(&www, &add).await?;
    }
    rrsets.remove_records(&www, &records).await?;
    let comment = UpdateRecord {
        value: "203.0.113.7".to_owned(),
        comment: "the old shop".to_owned(),
    };
    rrsets.update_records(&www, &[comment]).await?;
    rrsets.change_ttl(&www, Some(60)).await?;
    rrsets.change_ttl(&www, None).await?;
    rrsets
        .change_protection(&www, &ChangeRrsetProtection { change: true })
        .await?;
    Ok(())
}
