use hcloud_api::{PlacementGroup, PlacementGroupCreated};

use super::{Answer, again};

pub(super) const ANSWERS: &[Answer] = &[
    Answer {
        name: "placement_group",
        json: include_str!("../fixtures/placement_group.json"),
        again: again::<PlacementGroup>,
        nullable: &[],
        optional: &[],
        open: &["/type"],
    },
    Answer {
        name: "placement_groups",
        json: include_str!("../fixtures/placement_groups.json"),
        again: again::<Vec<PlacementGroup>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Answer {
        name: "",
        json: include_str!("../fixtures/placement_group_created.json"),
        again: again::<PlacementGroupCreated>,
        nullable: &["/action"],
        optional: &[],
        open: &[],
    },
];
