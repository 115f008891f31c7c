use hcloud_api::{FloatingIp, FloatingIpCreated};

use super::{Answer, again};

pub(super) const ANSWERS: &[Answer] = &[
    Answer {
        name: "floating_ip",
        json: include_str!("../fixtures/floating_ip.json"),
        again: again::<FloatingIp>,
        nullable: &["/description", "/server"],
        optional: &[],
        open: &["/type"],
    },
    Answer {
        name: "floating_ips",
        json: include_str!("../fixtures/floating_ips.json"),
        again: again::<Vec<FloatingIp>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Answer {
        name: "",
        json: include_str!("../fixtures/floating_ip_created.json"),
        again: again::<FloatingIpCreated>,
        nullable: &["/action"],
        optional: &[],
        open: &["/floating_ip/type"],
    },
];
