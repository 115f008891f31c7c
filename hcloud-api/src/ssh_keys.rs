//! SSH keys, which are installed on new servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#ssh-keys>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{apply, skip_serializing_none};

use crate::crud::found;
use crate::{Action, Client, IdOrName, LabelSelector, Labels, Listing, Result, Sort, SshKeyId};

/// The SSH keys of one project; returned by [`Client::ssh_keys`].
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
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<SshKey>> {
        self.list(&ListSshKeys::default()).all().await
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
        self.0.fetch(id).await
    }

    /// Gets one key, or `None` if it does not exist.
    pub async fn try_get(self, id: SshKeyId) -> Result<Option<SshKey>> {
        found(self.get(id).await)
    }

    /// Finds a public key, under whatever name it was uploaded.
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = std::fs::read_to_string("/home/me/.ssh/id_ed25519.pub")?.parse()?;
    /// if let Some(uploaded) = client.ssh_keys().find_by_key(&key).await? {
    ///     println!("{} {}", uploaded.name, key.sha256());
    /// }
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "ssh-keys")]
    pub async fn find_by_key(self, key: &crate::SshPublicKey) -> Result<Option<SshKey>> {
        let filter = ListSshKeys {
            fingerprint: Some(key.md5()),
            ..ListSshKeys::default()
        };
        let found = self.list(&filter).all().await?;
        // Different keys can be made that have the same MD5 fingerprint.
        let is_same = |uploaded: &SshKey| uploaded.key().as_ref() == Some(key);
        Ok(found.into_iter().find(is_same))
    }

    /// Uploads a public key.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if the project already has a
    /// key with this name, or the same key.
    pub async fn create(self, key: &CreateSshKey) -> Result<SshKey> {
        self.0.post("/ssh_keys").json(key).one().await
    }

    /// Renames a key or replaces its labels; the public key cannot be changed.
    pub async fn update(self, id: SshKeyId, change: &UpdateSshKey) -> Result<SshKey> {
        self.0.change(id, change).await
    }

    /// Deletes a key; servers on which it is installed keep it.
    pub async fn delete(self, id: SshKeyId) -> Result<Option<Action>> {
        self.0.remove::<SshKey>(id).await
    }
}

/// A filter for SSH keys.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListSshKeys {
    /// Only the key with exactly this name.
    pub name: Option<String>,
    /// Only the key with this MD5 fingerprint, such as `b7:2f:…`.
    pub fingerprint: Option<String>,
    /// Only keys with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<SshKeySort>>,
}

/// A public key.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct SshKey {
    /// The key's id.
    #[serde_with(skip_apply)]
    pub id: SshKeyId,
    /// The name, unique in the project.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The MD5 fingerprint, such as `b7:2f:…`.
    pub fingerprint: String,
    /// The public key in the format of `authorized_keys`.
    pub public_key: String,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
}

resource!(SshKey, SshKeyId, "ssh_key", "ssh_keys");

impl SshKey {
    /// Returns the public key, to compare it or for its SHA-256 fingerprint; `None` if the text is not
    /// a public key.
    #[cfg(feature = "ssh-keys")]
    pub fn key(&self) -> Option<crate::SshPublicKey> {
        self.public_key.parse().ok()
    }
}

/// A key to upload.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreateSshKey {
    /// The name, unique in the project.
    pub name: String,
    /// The public key in the format of `authorized_keys`, unique in the project.
    pub public_key: String,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateSshKey {
    /// Creates a request to upload `public_key` under `name`.
    pub fn new(name: impl Into<String>, public_key: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            public_key: public_key.into(),
            labels: Labels::default(),
        }
    }
}

/// An update of an SSH key; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateSshKey {
    /// The new name.
    pub name: Option<String>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

open_enum! {
    /// The sort keys of SSH keys.
    pub enum SshKeySort {
        Id = "id",
        Name = "name",
    }
}
