use hcloud_api::*;

use super::{Answer, again};

pub(super) const ANSWERS: &[Answer] = &[
    Answer {
        name: "storage_box",
        json: include_str!("../fixtures/storage_box.json"),
        again: again::<StorageBox>,
        nullable: &[
            "/server",
            "/snapshot_plan",
            "/snapshot_plan/day_of_month",
            "/snapshot_plan/day_of_week",
            "/stats",
            "/storage_box_type/automatic_snapshot_limit",
            "/storage_box_type/deprecation",
            "/storage_box_type/snapshot_limit",
            "/system",
            "/username",
        ],
        optional: &[],
        open: &["/status"],
    },
    Answer {
        name: "storage_box_type",
        json: include_str!("../fixtures/storage_box_type.json"),
        again: again::<StorageBoxType>,
        nullable: &[
            "/automatic_snapshot_limit",
            "/deprecation",
            "/snapshot_limit",
        ],
        optional: &[],
        open: &[],
    },
    Answer {
        name: "snapshot",
        json: include_str!("../fixtures/storage_box_snapshot.json"),
        again: again::<StorageBoxSnapshot>,
        nullable: &[],
        optional: &["/description"],
        open: &[],
    },
    Answer {
        name: "subaccount",
        json: include_str!("../fixtures/storage_box_subaccount.json"),
        again: again::<StorageBoxSubaccount>,
        nullable: &["/name"],
        optional: &["/description"],
        open: &[],
    },
    Answer {
        name: "",
        json: include_str!("../fixtures/storage_box_created.json"),
        again: again::<StorageBoxCreated>,
        nullable: &["/storage_box/stats"],
        optional: &[],
        open: &["/storage_box/status"],
    },
    Answer {
        name: "",
        json: include_str!("../fixtures/storage_box_snapshot_created.json"),
        again: again::<StorageBoxSnapshotCreated>,
        nullable: &[],
        optional: &[],
        open: &["/action/status"],
    },
    Answer {
        name: "",
        json: include_str!("../fixtures/storage_box_subaccount_created.json"),
        again: again::<StorageBoxSubaccountCreated>,
        nullable: &[],
        optional: &[],
        open: &["/action/status"],
    },
];
