use hcloud_api::{Firewall, FirewallCreated};

use super::{Response, reencode};

pub(super) const RESPONSES: &[Response] = &[
    Response {
        name: "firewall",
        json: include_str!("../../../src/fixtures/firewall.json"),
        reencode: reencode::<Firewall>,
        nullable: &[
            "/applied_to/*/label_selector",
            "/applied_to/*/server",
            "/rules/*/description",
            "/rules/*/port",
        ],
        optional: &[
            "/applied_to/*/applied_to_resources",
            "/applied_to/*/applied_to_resources/*/server",
            "/applied_to/*/applied_to_resources/*/type",
            "/labels",
        ],
        open: &[
            "/applied_to/*/applied_to_resources/*/type",
            "/applied_to/*/type",
            "/rules/*/direction",
            "/rules/*/protocol",
        ],
    },
    Response {
        name: "firewalls",
        json: include_str!("../../../src/fixtures/firewalls.json"),
        reencode: reencode::<Vec<Firewall>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Response {
        name: "",
        json: include_str!("../../../src/fixtures/firewall_created.json"),
        reencode: reencode::<FirewallCreated>,
        nullable: &[],
        optional: &["/actions"],
        open: &["/actions/*/status"],
    },
];
