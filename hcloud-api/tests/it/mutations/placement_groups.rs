use hcloud_api::{PlacementGroup, PlacementGroupCreated};

use super::{Response, reencode};

pub(super) const RESPONSES: &[Response] = &[
    Response {
        name: "placement_group",
        json: include_str!("../../../src/fixtures/placement_group.json"),
        reencode: reencode::<PlacementGroup>,
        nullable: &[],
        optional: &[],
        open: &["/type"],
    },
    Response {
        name: "placement_groups",
        json: include_str!("../../../src/fixtures/placement_groups.json"),
        reencode: reencode::<Vec<PlacementGroup>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Response {
        name: "",
        json: include_str!("../../../src/fixtures/placement_group_created.json"),
        reencode: reencode::<PlacementGroupCreated>,
        nullable: &["/action"],
        optional: &[],
        open: &[],
    },
];
