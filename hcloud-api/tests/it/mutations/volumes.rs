use hcloud_api::{Volume, VolumeCreated};

use super::{Answer, again};

pub(super) const ANSWERS: &[Answer] = &[
    Answer {
        name: "volume",
        json: include_str!("../fixtures/volume.json"),
        again: again::<Volume>,
        nullable: &["/format", "/server"],
        optional: &[],
        open: &["/format", "/status"],
    },
    Answer {
        name: "volumes",
        json: include_str!("../fixtures/volumes.json"),
        again: again::<Vec<Volume>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Answer {
        name: "",
        json: include_str!("../fixtures/volume_created.json"),
        again: again::<VolumeCreated>,
        nullable: &[],
        optional: &["/next_actions"],
        open: &["/volume/status"],
    },
];
