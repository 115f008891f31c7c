//! Certificates: what load balancers show to browsers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#certificates>

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use crate::number::Integer;
use crate::secret::Secret;
use crate::{
    Action, ActionError, CertificateId, Client, IdOrName, KindActions, LabelSelector, Labels,
    Listing, ResourceActions, Result, Sort,
};

/// The certificates of one project; made by [`Client::certificates`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::CreateCertificate;
///
/// let shop = CreateCertificate::managed("shop", ["shop.example.com"]);
/// let created = client.certificates().create(&shop).await?;
/// client.wait(&created.action).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Certificates<'a>(pub(crate) &'a Client);

impl<'a> Certificates<'a> {
    /// Lists the certificates that match `filter`.
    pub fn list(self, filter: &ListCertificates) -> Listing<Certificate> {
        self.0.get("/certificates").query(filter).list()
    }

    /// Finds the certificate with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<Certificate>> {
        self.0.find(name).await
    }

    /// Finds a certificate by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<CertificateId>) -> Result<Option<Certificate>> {
        self.0.resolve(key).await
    }

    /// Gets one certificate.
    pub async fn get(self, id: CertificateId) -> Result<Certificate> {
        self.0.get(format!("/certificates/{id}")).one().await
    }

    /// Uploads a certificate, or has one issued.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if the name is taken.
    pub async fn create(self, certificate: &CreateCertificate) -> Result<CertificateCreated> {
        self.0.post("/certificates").json(certificate).whole().await
    }

    /// Renames a certificate or replaces its labels.
    pub async fn update(
        self,
        id: CertificateId,
        change: &UpdateCertificate,
    ) -> Result<Certificate> {
        self.0
            .put(format!("/certificates/{id}"))
            .json(change)
            .one()
            .await
    }

    /// Deletes a certificate that nothing uses.
    pub async fn delete(self, id: CertificateId) -> Result<Option<Action>> {
        self.0
            .delete(format!("/certificates/{id}"))
            .optional()
            .await
    }

    /// The actions of all certificates.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/certificates")
    }

    /// The actions of one certificate.
    pub fn actions_for(self, id: CertificateId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/certificates/{id}"))
    }

    /// Tries again to issue or renew a managed certificate after that failed.
    pub async fn retry(self, id: CertificateId) -> Result<Action> {
        self.0
            .post(format!("/certificates/{id}/actions/retry"))
            .one()
            .await
    }
}

/// Which certificates to list. An empty list of alternatives means any.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListCertificates {
    /// Only the certificate with exactly this name.
    pub name: Option<String>,
    /// Only certificates of one of these types.
    #[serde(rename = "type")]
    pub kind: Vec<CertificateType>,
    /// Only certificates with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<CertificateSort>>,
}

open_enum! {
    /// What certificates can be sorted by.
    pub enum CertificateSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

/// A certificate for TLS.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Certificate {
    /// Names the certificate.
    pub id: CertificateId,
    /// Unique in the project.
    pub name: String,
    /// Who takes care of it.
    #[serde(rename = "type", default = "uploaded")]
    pub kind: CertificateType,
    /// The certificate and its chain in PEM; `None` until it is issued.
    pub certificate: Option<String>,
    /// The SHA-256 fingerprint, written `03:c7:…`; `None` until it is issued.
    pub fingerprint: Option<String>,
    /// When it becomes valid; `None` until it is issued.
    pub not_valid_before: Option<Timestamp>,
    /// When it stops being valid; `None` until it is issued.
    pub not_valid_after: Option<Timestamp>,
    /// The domains that it is for.
    pub domain_names: Vec<String>,
    /// How issuing and renewing went; `None` for an uploaded certificate.
    pub status: Option<CertificateStatus>,
    /// What uses it.
    pub used_by: Vec<CertificateUser>,
    /// The user's labels.
    pub labels: Labels,
    /// When it was made.
    pub created: Timestamp,
}

resource!(Certificate, CertificateId, "certificate", "certificates");

open_enum! {
    /// Who takes care of a certificate.
    pub enum CertificateType {
        /// The user, who renews it in time.
        Uploaded = "uploaded",
        /// Hetzner, who has it issued and renewed by Let's Encrypt.
        Managed = "managed",
    }
}

/// What a certificate is whose type the API leaves out, as in the definition of its requests.
fn uploaded() -> CertificateType {
    CertificateType::Uploaded
}

/// How issuing and renewing a managed certificate went.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CertificateStatus {
    /// How far issuing it is.
    pub issuance: Option<CertificateIssuance>,
    /// How far renewing it is.
    pub renewal: Option<CertificateRenewal>,
    /// Why either failed.
    pub error: Option<ActionError>,
}

open_enum! {
    /// How far issuing a certificate is.
    pub enum CertificateIssuance {
        /// It is going on.
        Pending = "pending",
        /// The certificate can be used.
        Completed = "completed",
        /// See [`CertificateStatus::error`] and [`Certificates::retry`].
        Failed = "failed",
    }
}

open_enum! {
    /// How far renewing a certificate is.
    pub enum CertificateRenewal {
        /// It will happen in time.
        Scheduled = "scheduled",
        /// It is going on.
        Pending = "pending",
        /// See [`CertificateStatus::error`] and [`Certificates::retry`].
        Failed = "failed",
        /// There is nothing to renew yet.
        Unavailable = "unavailable",
    }
}

/// Something that uses a certificate.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CertificateUser {
    /// The user's id; of which kind, `kind` says.
    #[serde_as(as = "Integer")]
    pub id: u64,
    /// What the user is, `load_balancer`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A certificate to create.
#[derive(Clone, Debug, Serialize)]
pub struct CreateCertificate {
    /// Unique in the project.
    pub name: String,
    /// Where it comes from.
    #[serde(flatten)]
    pub source: CertificateSource,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// Where a certificate comes from.
#[serde_as]
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CertificateSource {
    /// The user has it, and takes care that it is renewed.
    Uploaded {
        /// The certificate and its chain in PEM, each certified by the one that follows.
        certificate: String,
        /// Its key in PEM.
        #[serde_as(as = "Secret")]
        private_key: SecretString,
    },
    /// Let's Encrypt issues and renews it.
    Managed {
        /// The domains that it is for; Hetzner has to be their name server.
        domain_names: Vec<String>,
    },
}

impl CreateCertificate {
    /// Uploads a certificate with its chain, and its key, all in PEM.
    pub fn uploaded(
        name: impl Into<String>,
        certificate: impl Into<String>,
        private_key: impl Into<SecretString>,
    ) -> Self {
        let source = CertificateSource::Uploaded {
            certificate: certificate.into(),
            private_key: private_key.into(),
        };
        Self::new(name.into(), source)
    }

    /// Has a certificate issued for domains whose name server Hetzner is.
    pub fn managed<D: Into<String>>(
        name: impl Into<String>,
        domain_names: impl IntoIterator<Item = D>,
    ) -> Self {
        let source = CertificateSource::Managed {
            domain_names: domain_names.into_iter().map(D::into).collect(),
        };
        Self::new(name.into(), source)
    }

    fn new(name: String, source: CertificateSource) -> Self {
        Self {
            name,
            source,
            labels: Labels::default(),
        }
    }
}

/// A certificate that was uploaded or is being issued.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CertificateCreated {
    /// The certificate as it begins.
    pub certificate: Certificate,
    /// Issues it; `None` if it was uploaded.
    pub action: Option<Action>,
}

/// What to change about a certificate; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateCertificate {
    /// The name from now on.
    pub name: Option<String>,
    /// All labels from now on: those missing here are removed.
    pub labels: Option<Labels>,
}
