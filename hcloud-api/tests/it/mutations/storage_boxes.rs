use hcloud_api::*;

use super::{Response, reencode};

pub(super) const RESPONSES: &[Response] = &[
    Response {
        name: "storage_box",
        json: include_str!("../../../src/fixtures/storage_box.json"),
        reencode: reencode::<StorageBox>,
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
    Response {
        name: "storage_box_type",
        json: include_str!("../../../src/fixtures/storage_box_type.json"),
        reencode: reencode::<StorageBoxType>,
        nullable: &[
            "/automatic_snapshot_limit",
            "/deprecation",
            "/snapshot_limit",
        ],
        optional: &[],
        open: &[],
    },
    Response {
        name: "snapshot",
        json: include_str!("../../../src/fixtures/storage_box_snapshot.json"),
        reencode: reencode::<StorageBoxSnapshot>,
        nullable: &[],
        optional: &["/description"],
        open: &[],
    },
    Response {
        name: "subaccount",
        json: include_str!("../../../src/fixtures/storage_box_subaccount.json"),
        reencode: reencode::<StorageBoxSubaccount>,
        nullable: &["/name"],
        optional: &["/description"],
        open: &[],
    },
    Response {
        name: "",
        json: include_str!("../../../src/fixtures/storage_box_created.json"),
        reencode: reencode::<StorageBoxCreated>,
        nullable: &["/storage_box/stats"],
        optional: &[],
        open: &["/storage_box/status"],
    },
    Response {
        name: "",
        json: include_str!("../../../src/fixtures/storage_box_snapshot_created.json"),
        reencode: reencode::<StorageBoxSnapshotCreated>,
        nullable: &[],
        optional: &[],
        open: &["/action/status"],
    },
    Response {
        name: "",
        json: include_str!("../../../src/fixtures/storage_box_subaccount_created.json"),
        reencode: reencode::<StorageBoxSubaccountCreated>,
        nullable: &[],
        optional: &[],
        open: &["/action/status"],
    },
];
