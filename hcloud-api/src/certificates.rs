//! TLS certificates of load balancers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#certificates>

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::number::Integer;
use crate::secret::Secret;
use crate::{
    Action, ActionError, CertificateId, Client, IdOrName, KindActions, LabelSelector, Labels,
    Listing, ResourceActions, Result, Sort,
};

/// The certificates of one project; returned by [`Client::certificates`].
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
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<Certificate>> {
        self.list(&ListCertificates::default()).all().await
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
        self.0.fetch(id).await
    }

    /// Gets one certificate, or `None` if it does not exist.
    pub async fn try_get(self, id: CertificateId) -> Result<Option<Certificate>> {
        found(self.get(id).await)
    }

    /// Uploads a certificate, or requests a managed one.
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
        self.0.change(id, change).await
    }

    /// Deletes a certificate that is not in use.
    pub async fn delete(self, id: CertificateId) -> Result<Option<Action>> {
        self.0.remove::<Certificate>(id).await
    }

    /// The actions of all certificates.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/certificates")
    }

    /// The actions of one certificate.
    pub fn actions_for(self, id: CertificateId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/certificates/{id}"))
    }

    /// Retries the failed issuance or renewal of a managed certificate.
    pub async fn retry(self, id: CertificateId) -> Result<Action> {
        self.0.act::<Certificate>(id, "retry").one().await
    }
}

/// A filter for certificates. Empty lists match all.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListCertificates {
    /// Only the certificate with exactly this name.
    pub name: Option<String>,
    /// Only certificates of one of these types.
    #[serde(rename = "type")]
    pub kind: Vec<CertificateType>,
    /// Only certificates with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<CertificateSort>>,
}

open_enum! {
    /// The sort keys of certificates.
    pub enum CertificateSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

/// A certificate for TLS.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Certificate {
    /// The certificate's id.
    #[serde_with(skip_apply)]
    pub id: CertificateId,
    /// The name, unique in the project.
    #[serde_with(skip_apply)]
    pub name: String,
    /// Whether it is uploaded or managed.
    #[serde(rename = "type", default = "uploaded")]
    #[serde_with(skip_apply)]
    pub kind: CertificateType,
    /// The certificate and its chain in PEM; `None` until it is issued.
    pub certificate: Option<String>,
    /// The SHA-256 fingerprint, such as `03:c7:…`; `None` until it is issued.
    pub fingerprint: Option<String>,
    /// The start of its validity; `None` until it is issued.
    pub not_valid_before: Option<Timestamp>,
    /// The end of its validity; `None` until it is issued.
    pub not_valid_after: Option<Timestamp>,
    /// The domains.
    pub domain_names: Vec<String>,
    /// The status of issuance and renewal; `None` for an uploaded certificate.
    pub status: Option<CertificateStatus>,
    /// The resources that use it.
    pub used_by: Vec<CertificateUser>,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
}

resource!(Certificate, CertificateId, "certificate", "certificates");

open_enum! {
    /// The type of a certificate.
    pub enum CertificateType {
        /// Uploaded, and to be renewed by the user.
        Uploaded = "uploaded",
        /// Issued by Let's Encrypt, and renewed by Hetzner.
        Managed = "managed",
    }
}

/// The type of a certificate if the API omits it, as the definition of its requests does.
fn uploaded() -> CertificateType {
    CertificateType::Uploaded
}

/// The status of issuance and renewal of a managed certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CertificateStatus {
    /// The status of the issuance.
    pub issuance: Option<CertificateIssuance>,
    /// The status of the renewal.
    pub renewal: Option<CertificateRenewal>,
    /// The error if either failed.
    pub error: Option<ActionError>,
}

open_enum! {
    /// The status of the issuance of a certificate.
    pub enum CertificateIssuance {
        /// It is in progress.
        Pending = "pending",
        /// The certificate is usable.
        Completed = "completed",
        /// See [`CertificateStatus::error`] and [`Certificates::retry`].
        Failed = "failed",
    }
}

open_enum! {
    /// The status of the renewal of a certificate.
    pub enum CertificateRenewal {
        /// It is scheduled.
        Scheduled = "scheduled",
        /// It is in progress.
        Pending = "pending",
        /// See [`CertificateStatus::error`] and [`Certificates::retry`].
        Failed = "failed",
        /// There is nothing to renew yet.
        Unavailable = "unavailable",
    }
}

/// A resource that uses a certificate.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CertificateUser {
    /// The resource's id, which is unique only among resources of its kind.
    #[serde_as(as = "Integer")]
    #[serde_with(skip_apply)]
    pub id: u64,
    /// The resource's kind, such as `load_balancer`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A certificate to create.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreateCertificate {
    /// The name, unique in the project.
    pub name: String,
    /// The source.
    #[serde(flatten)]
    pub source: CertificateSource,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// The source of a certificate.
#[serde_as]
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CertificateSource {
    /// Uploaded, and to be renewed by the user.
    Uploaded {
        /// The certificate and its chain in PEM, each certified by the next.
        certificate: String,
        /// The private key in PEM.
        #[serde_as(as = "Secret")]
        private_key: SecretString,
    },
    /// Issued and renewed by Let's Encrypt.
    Managed {
        /// The domains, which must use Hetzner's name servers.
        domain_names: Vec<String>,
    },
}

impl CreateCertificate {
    /// Creates a request to upload a certificate with its chain and key, all in PEM.
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

    /// Creates a request for a managed certificate of domains that use Hetzner's name servers.
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
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CertificateCreated {
    /// The new certificate.
    #[serde_with(skip_apply)]
    pub certificate: Certificate,
    /// The action that issues it; `None` if it was uploaded.
    pub action: Option<Action>,
}

/// An update of a certificate; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateCertificate {
    /// The new name.
    pub name: Option<String>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}
