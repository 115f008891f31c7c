use hcloud_api::{Certificate, CertificateCreated};

use super::{Response, reencode};

pub(super) const RESPONSES: &[Response] = &[
    Response {
        name: "certificate",
        json: include_str!("../../../src/fixtures/certificate.json"),
        reencode: reencode::<Certificate>,
        nullable: &[
            "/certificate",
            "/fingerprint",
            "/not_valid_after",
            "/not_valid_before",
            "/status",
            "/status/error",
        ],
        optional: &["/status/issuance", "/status/renewal", "/type"],
        open: &[
            "/status/error/code",
            "/status/issuance",
            "/status/renewal",
            "/type",
            "/used_by/*/type",
        ],
    },
    Response {
        name: "certificates",
        json: include_str!("../../../src/fixtures/certificates.json"),
        reencode: reencode::<Vec<Certificate>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Response {
        name: "",
        json: include_str!("../../../src/fixtures/certificate_created.json"),
        reencode: reencode::<CertificateCreated>,
        nullable: &["/action"],
        optional: &[],
        open: &["/certificate/status/issuance"],
    },
];
