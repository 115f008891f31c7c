use hcloud_api::{FloatingIp, FloatingIpCreated};

use super::{Response, reencode};

pub(super) const RESPONSES: &[Response] = &[
    Response {
        name: "floating_ip",
        json: include_str!("../../../src/fixtures/floating_ip.json"),
        reencode: reencode::<FloatingIp>,
        nullable: &["/description", "/server"],
        optional: &[],
        open: &["/type"],
    },
    Response {
        name: "floating_ips",
        json: include_str!("../../../src/fixtures/floating_ips.json"),
        reencode: reencode::<Vec<FloatingIp>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Response {
        name: "",
        json: include_str!("../../../src/fixtures/floating_ip_created.json"),
        reencode: reencode::<FloatingIpCreated>,
        nullable: &["/action"],
        optional: &[],
        open: &["/floating_ip/type"],
    },
];
