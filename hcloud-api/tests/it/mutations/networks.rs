use hcloud_api::{Network, NetworkMember};

use super::{Response, reencode};

pub(super) const RESPONSES: &[Response] = &[
    Response {
        name: "network",
        json: include_str!("../../../src/fixtures/network.json"),
        reencode: reencode::<Network>,
        nullable: &["/subnets/*/vswitch_id"],
        optional: &["/load_balancers", "/subnets/*/ip_range"],
        open: &["/subnets/*/type"],
    },
    Response {
        name: "networks",
        json: include_str!("../../../src/fixtures/networks.json"),
        reencode: reencode::<Vec<Network>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Response {
        name: "members",
        json: include_str!("../../../src/fixtures/network_members.json"),
        reencode: reencode::<Vec<NetworkMember>>,
        nullable: &[],
        optional: &["/*/alias_ips"],
        open: &["/*/status", "/*/type"],
    },
];
