//! TLS certificates: uploaded ones, and managed ones that Hetzner requests.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#certificates>

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::{ActionError, Job};
use crate::call::{Answer, Call, Operation, Reply};
use crate::errors::ApiError;
use crate::labels;
use crate::resources::{self, Kind, Protection, Resource, Resources};
use crate::state::Cloud;

/// How long a managed certificate is valid.
const VALIDITY: Duration = Duration::from_secs(90 * 24 * 3600);

/// The issuance for names below it fails, as they are in no DNS zone.
const UNKNOWN_DOMAIN: &str = ".invalid";

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Certificate {
    r#type: Type,
    certificate: Option<String>,
    not_valid_before: Option<Timestamp>,
    not_valid_after: Option<Timestamp>,
    domain_names: Vec<String>,
    fingerprint: Option<String>,
    status: Option<Status>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Uploaded,
    Managed,
}

/// The status of a managed certificate.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Status {
    issuance: Cow<'static, str>,
    renewal: Cow<'static, str>,
    error: Option<ActionError>,
}

impl Status {
    fn new(issuance: &'static str, error: Option<ActionError>) -> Self {
        let renewal = match issuance {
            "completed" => "scheduled",
            _ => "unavailable",
        };
        Self {
            issuance: issuance.into(),
            renewal: renewal.into(),
            error,
        }
    }
}

impl Kind for Certificate {
    const ONE: &'static str = "certificate";
    const MANY: &'static str = "certificates";
    const PROTECTION: Option<Protection> = None;
    const ACTIONS: &'static [(&'static str, Operation)] = &[("retry", retry)];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.certificates
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.certificates
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        #[derive(Deserialize)]
        struct Create {
            #[serde(default = "uploaded")]
            r#type: Type,
            certificate: Option<String>,
            private_key: Option<String>,
            #[serde(default)]
            domain_names: Vec<String>,
        }
        let create: Create = call.body()?;
        let missing = |field| ApiError::invalid(field, "Missing data for required field.");
        if create.r#type == Type::Uploaded {
            let pem = create.certificate.ok_or_else(|| missing("certificate"))?;
            create
                .private_key
                .filter(|key| !key.is_empty())
                .ok_or_else(|| missing("private_key"))?;
            let own = Self::uploaded(pem, cloud.now())
                .ok_or_else(|| ApiError::invalid("certificate", "must be in PEM format"))?;
            let id = resources::insert(cloud, call, own)?;
            let certificate = resources::view::<Self>(cloud, id);
            return Answer::created(&json!({ "certificate": certificate, "action": null }));
        }
        if create.domain_names.is_empty() {
            return Err(missing("domain_names"));
        }
        let is_domain = |name: &String| {
            labels::is_dns_name(name.strip_prefix("*.").unwrap_or(name)) && name.contains('.')
        };
        if let Some(name) = create.domain_names.iter().find(|name| !is_domain(name)) {
            return Err(ApiError::invalid(
                "domain_names",
                format!("'{name}' is not a valid domain"),
            ));
        }
        let own = Self {
            r#type: Type::Managed,
            certificate: None,
            not_valid_before: None,
            not_valid_after: None,
            domain_names: create.domain_names,
            fingerprint: None,
            status: Some(Status::new("pending", None)),
        };
        let id = resources::insert(cloud, call, own)?;
        let action = issue(cloud, id, "create_certificate")?.begin(cloud);
        let certificate = resources::view::<Self>(cloud, id);
        Answer::created(&json!({ "certificate": certificate, "action": action }))
    }

    fn view<'a>(it: &'a Resource<Self>, cloud: &'a Cloud) -> impl Serialize + 'a {
        let balancers = cloud
            .load_balancers
            .values()
            .filter(|balancer| balancer.own.uses_certificate(it.id));
        let mut view = resources::plain(it);
        view["used_by"] = balancers
            .map(|balancer| json!({ "id": balancer.id, "type": "load_balancer" }))
            .collect();
        view
    }

    fn filter(call: &Call) -> impl Fn(&Self) -> bool {
        let types = call.allowed("type");
        move |it| {
            types.contain(match it.r#type {
                Type::Uploaded => "uploaded",
                Type::Managed => "managed",
            })
        }
    }

    fn check_unused(it: &Resource<Self>, cloud: &Cloud) -> Result<(), ApiError> {
        match cloud
            .load_balancers
            .values()
            .any(|balancer| balancer.own.uses_certificate(it.id))
        {
            true => {
                Err(ApiError::new("resource_in_use").with_message("certificate is still in use"))
            }
            false => Ok(()),
        }
    }

    fn revert(&mut self) {
        self.status = Some(Status::new("failed", self.problem()));
    }
}

fn uploaded() -> Type {
    Type::Uploaded
}

impl Certificate {
    /// Returns a certificate in PEM format; `None` if the text is not in this format.
    fn uploaded(pem: String, now: Timestamp) -> Option<Self> {
        let (_, rest) = pem.split_once("-----BEGIN")?;
        let body: String = rest
            .lines()
            .skip(1)
            .take_while(|line| !line.starts_with('-'))
            .collect();
        let der = STANDARD.decode(body).ok().unwrap_or_default();
        let mut times = times(&der);
        Some(Self {
            r#type: Type::Uploaded,
            // Tests also upload what is not a certificate.
            not_valid_before: times.next().or(Some(now)),
            not_valid_after: times.next().or(Some(now + VALIDITY)),
            domain_names: domain_names(&der),
            fingerprint: Some(fingerprint(pem.as_bytes())),
            certificate: Some(pem),
            status: None,
        })
    }

    /// Returns the error with which the issuance fails.
    fn problem(&self) -> Option<ActionError> {
        let is_unknown = self
            .domain_names
            .iter()
            .any(|name| name.ends_with(UNKNOWN_DOMAIN));
        is_unknown.then_some(ActionError {
            code: Cow::Borrowed("dns_zone_not_found"),
            message: Cow::Borrowed("DNS zone not found"),
        })
    }
}

fn fingerprint(bytes: &[u8]) -> String {
    let hash = [Md5::digest(bytes), Md5::digest([bytes, b"2"].concat())].concat();
    let bytes: Vec<_> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

/// Returns the times of type `UTCTime`: the beginning and the end of the validity.
fn times(der: &[u8]) -> impl Iterator<Item = Timestamp> {
    der.windows(15)
        .filter(|window| window.starts_with(&[0x17, 13]))
        .filter_map(|window| {
            let digits = std::str::from_utf8(&window[2..14]).ok()?;
            let part = |at: usize| digits.get(at..at + 2);
            let [year, month, day, hour, minute, second] =
                [part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, part(10)?];
            format!("20{year}-{month}-{day}T{hour}:{minute}:{second}Z")
                .parse()
                .ok()
        })
}

/// Returns the DNS names of the extension `subjectAltName`.
fn domain_names(der: &[u8]) -> Vec<String> {
    const SUBJECT_ALT_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x11];
    let Some(at) = der.windows(5).position(|window| window == SUBJECT_ALT_NAME) else {
        return Vec::new();
    };
    // An octet string with a sequence of names; tag 2 of the context is a DNS name.
    let mut rest = der.get(at + 9..).unwrap_or_default();
    let mut names = Vec::new();
    while let [0x82, length, tail @ ..] = rest {
        let Some((name, tail)) = tail.split_at_checked(usize::from(*length)) else {
            break;
        };
        names.push(String::from_utf8_lossy(name).into_owned());
        rest = tail;
    }
    names
}

/// Returns the action that issues a managed certificate.
fn issue(cloud: &Cloud, id: u64, command: &'static str) -> Result<Job, ApiError> {
    let now = cloud.now();
    let problem = resources::get::<Certificate>(cloud, id)?.own.problem();
    let job = resources::changing::<Certificate>(cloud, id, command, |it| {
        let body = STANDARD.encode(format!("simulated certificate {id}"));
        let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        it.fingerprint = Some(fingerprint(pem.as_bytes()));
        it.certificate = Some(pem);
        it.not_valid_before = Some(now);
        it.not_valid_after = Some(now + VALIDITY);
        it.status = Some(Status::new("completed", None));
        Ok(())
    })?;
    Ok(job.failing(problem))
}

fn retry(cloud: &mut Cloud, call: &Call) -> Reply {
    let certificate = resources::find_unlocked::<Certificate>(cloud, call)?;
    let has_failed = certificate
        .own
        .status
        .as_ref()
        .is_some_and(|status| status.issuance == "failed");
    if !has_failed {
        return Err(
            ApiError::new("unsupported_error").with_message("certificate issuance has not failed")
        );
    }
    let id = certificate.id;
    certificate.own.status = Some(Status::new("pending", None));
    issue(cloud, id, "issue_certificate")?.respond(cloud)
}
