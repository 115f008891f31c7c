use hcloud_api::{Certificate, CertificateCreated};

use super::{Answer, again};

pub(super) const ANSWERS: &[Answer] = &[
    Answer {
        name: "certificate",
        json: include_str!("../fixtures/certificate.json"),
        again: again::<Certificate>,
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
    Answer {
        name: "certificates",
        json: include_str!("../fixtures/certificates.json"),
        again: again::<Vec<Certificate>>,
        nullable: &[],
        optional: &[],
        open: &[],
    },
    Answer {
        name: "",
        json: include_str!("../fixtures/certificate_created.json"),
        again: again::<CertificateCreated>,
        nullable: &["/action"],
        optional: &[],
        open: &["/certificate/status/issuance"],
    },
];
