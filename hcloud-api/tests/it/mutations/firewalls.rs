use hcloud_api::{Firewall, FirewallCreated};

use super::{Answer, again};

pub(super) const ANSWERS: &[Answer] = &[
    Answer {
        name: "firewall",
        json: include_str!("../fixtures/firewall.json"),
        again: again::<Firewall>,
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
    Answer {
        name: "firewalls",
        json: include_str!("../fixtures/firewalls.json"),
        again: again::<Vec<Firewall>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Answer {
        name: "",
        json: include_str!("../fixtures/firewall_created.json"),
        again: again::<FirewallCreated>,
        nullable: &[],
        optional: &["/actions"],
        open: &["/actions/*/status"],
    },
];
