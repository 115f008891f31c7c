use hcloud_api::*;

use super::{Answer, again};

pub(super) const ANSWERS: &[Answer] = &[
    Answer {
        name: "zone",
        json: include_str!("../fixtures/zone.json"),
        again: again::<Zone>,
        nullable: &[
            "/authoritative_nameservers/delegation_last_check",
            "/authoritative_nameservers/delegation_status",
            "/primary_nameservers/*/port",
            "/primary_nameservers/*/tsig_algorithm",
            "/primary_nameservers/*/tsig_key",
        ],
        optional: &[
            "/authoritative_nameservers/assigned",
            "/authoritative_nameservers/delegated",
            "/primary_nameservers",
        ],
        open: &[
            "/authoritative_nameservers/delegation_status",
            "/mode",
            "/primary_nameservers/*/tsig_algorithm",
            "/registrar",
            "/status",
        ],
    },
    Answer {
        name: "rrset",
        json: include_str!("../fixtures/rrset.json"),
        again: again::<Rrset>,
        nullable: &["/records/*/comment", "/ttl"],
        optional: &[],
        open: &["/type"],
    },
    Answer {
        name: "",
        json: include_str!("../fixtures/zone_created.json"),
        again: again::<ZoneCreated>,
        nullable: &[],
        optional: &[],
        open: &["/zone/mode", "/zone/status"],
    },
    Answer {
        name: "",
        json: include_str!("../fixtures/rrset_created.json"),
        again: again::<RrsetCreated>,
        nullable: &["/rrset/ttl"],
        optional: &[],
        open: &["/rrset/type"],
    },
];
