use hcloud_api::{Network, NetworkMember};

use super::{Answer, again};

pub(super) const ANSWERS: &[Answer] = &[
    Answer {
        name: "network",
        json: include_str!("../fixtures/network.json"),
        again: again::<Network>,
        nullable: &["/subnets/*/vswitch_id"],
        optional: &["/load_balancers", "/subnets/*/ip_range"],
        open: &["/subnets/*/type"],
    },
    Answer {
        name: "networks",
        json: include_str!("../fixtures/networks.json"),
        again: again::<Vec<Network>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Answer {
        name: "members",
        json: include_str!("../fixtures/network_members.json"),
        again: again::<Vec<NetworkMember>>,
        nullable: &[],
        optional: &["/*/alias_ips"],
        open: &["/*/status", "/*/type"],
    },
];
