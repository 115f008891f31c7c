//! SSH keys: public keys that are put into new servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#ssh-keys>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::{Action, Client, IdOrName, LabelSelector, Labels, Listing, Result, Sort, SshKeyId};

/// The SSH keys of one project; made by [`Client::ssh_keys`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::CreateSshKey;
///
/// let keys = client.ssh_keys();
/// if keys.find("laptop").await?.is_none() {
///     keys.create(&CreateSshKey::new("laptop", "ssh-ed25519 AAAA… me@laptop")).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SshKeys<'a>(pub(crate) &'a Client);

impl SshKeys<'_> {
    /// Lists the keys that match `filter`.
    pub fn list(self, filter: &ListSshKeys) -> Listing<SshKey> {
        self.0.get("/ssh_keys").query(filter).list()
    }

    /// Finds the key with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<SshKey>> {
        self.0.find(name).await
    }

    /// Finds a key by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<SshKeyId>) -> Result<Option<SshKey>> {
        self.0.resolve(key).await
    }

    /// Gets one key.
    pub async fn get(self, id: SshKeyId) -> Result<SshKey> {
        self.0.get(format!("/ssh_keys/{id}")).one().await
    }

    /// Uploads a public key.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if the project has the
    /// name or the key already.
    pub async fn create(self, key: &CreateSshKey) -> Result<SshKey> {
        self.0.post("/ssh_keys").json(key).one().await
    }

    /// Renames a key or replaces its labels; the key itself cannot change.
    pub async fn update(self, id: SshKeyId, change: &UpdateSshKey) -> Result<SshKey> {
        self.0
            .put(format!("/ssh_keys/{id}"))
            .json(change)
            .one()
            .await
    }

    /// Forgets a key; servers that have it keep it.
    pub async fn delete(self, id: SshKeyId) -> Result<Option<Action>> {
        self.0.delete(format!("/ssh_keys/{id}")).optional().await
    }
}

/// Which SSH keys to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListSshKeys {
    /// Only the key with exactly this name.
    pub name: Option<String>,
    /// Only the key with this MD5 fingerprint, written `b7:2f:…`.
    pub fingerprint: Option<String>,
    /// Only keys with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<SshKeySort>>,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct SshKey {
    /// Names the key.
    pub id: SshKeyId,
    /// Unique in the project.
    pub name: String,
    /// The MD5 fingerprint, written `b7:2f:…`.
    pub fingerprint: String,
    /// In the format of `authorized_keys`.
    pub public_key: String,
    /// The user's labels.
    pub labels: Labels,
    /// When it was uploaded.
    pub created: Timestamp,
}

resource!(SshKey, SshKeyId, "ssh_key", "ssh_keys");

/// A key to upload.
#[derive(Clone, Debug, Serialize)]
pub struct CreateSshKey {
    /// Unique in the project.
    pub name: String,
    /// In the format of `authorized_keys`; the same key cannot be uploaded twice.
    pub public_key: String,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateSshKey {
    /// Uploads `public_key` under `name`.
    pub fn new(name: impl Into<String>, public_key: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            public_key: public_key.into(),
            labels: Labels::default(),
        }
    }
}

/// What to change about an SSH key; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateSshKey {
    /// The name from now on.
    pub name: Option<String>,
    /// All labels from now on: those missing here are removed.
    pub labels: Option<Labels>,
}

open_enum! {
    /// What SSH keys can be sorted by.
    pub enum SshKeySort {
        /// When they were uploaded.
        Id = "id",
        /// Their names.
        Name = "name",
    }
}
