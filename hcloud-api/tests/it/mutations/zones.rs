use hcloud_api::*;

use super::{Response, reencode};

pub(super) const RESPONSES: &[Response] = &[
    Response {
        name: "zone",
        json: include_str!("../../../src/fixtures/zone.json"),
        reencode: reencode::<Zone>,
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
    Response {
        name: "rrset",
        json: include_str!("../../../src/fixtures/rrset.json"),
        reencode: reencode::<Rrset>,
        nullable: &["/records/*/comment", "/ttl"],
        optional: &[],
        open: &["/type"],
    },
    Response {
        name: "",
        json: include_str!("../../../src/fixtures/zone_created.json"),
        reencode: reencode::<ZoneCreated>,
        nullable: &[],
        optional: &[],
        open: &["/zone/mode", "/zone/status"],
    },
    Response {
        name: "",
        json: include_str!("../../../src/fixtures/rrset_created.json"),
        reencode: reencode::<RrsetCreated>,
        nullable: &["/rrset/ttl"],
        optional: &[],
        open: &["/rrset/type"],
    },
];
