use hcloud_api::{Volume, VolumeCreated};

use super::{Response, reencode};

pub(super) const RESPONSES: &[Response] = &[
    Response {
        name: "volume",
        json: include_str!("../../../src/fixtures/volume.json"),
        reencode: reencode::<Volume>,
        nullable: &["/format", "/server"],
        optional: &[],
        open: &["/format", "/status"],
    },
    Response {
        name: "volumes",
        json: include_str!("../../../src/fixtures/volumes.json"),
        reencode: reencode::<Vec<Volume>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Response {
        name: "",
        json: include_str!("../../../src/fixtures/volume_created.json"),
        reencode: reencode::<VolumeCreated>,
        nullable: &[],
        optional: &["/next_actions"],
        open: &["/volume/status"],
    },
];
