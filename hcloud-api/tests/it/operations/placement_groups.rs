use hcloud_api::*;

use super::{labels, selector};

pub(super) async fn call(client: &Client) -> Result<()> {
    let groups = client.placement_groups();
    let id = PlacementGroupId::new(897);
    let filter = ListPlacementGroups {
        name: Some("apart".to_owned()),
        kind: vec![PlacementGroupType::Spread],
        label_selector: Some(selector()),
        sort: vec![Sort::Ascending(PlacementGroupSort::Id)],
    };
    groups.list(&filter).all().await?;
    groups.get(id).await?;
    groups
        .create(&CreatePlacementGroup::spread("apart"))
        .await?;
    let labelled = CreatePlacementGroup {
        labels: labels(),
        ..CreatePlacementGroup::spread("apart")
    };
    groups.create(&labelled).await?;
    let change = UpdatePlacementGroup {
        name: Some("other".to_owned()),
        labels: Some(Labels::new()),
    };
    groups.update(id, &change).await?;
    groups.delete(id).await?;
    Ok(())
}
