//! Subaccounts of storage boxes: further users, each with its own home directory.
//!
//! API reference: <https://docs.hetzner.cloud/reference/hetzner#storage-box-subaccounts>

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::request::Request;
use crate::secret::Secret;
use crate::storage_boxes::ResetPassword;
use crate::{
    Action, Client, LabelSelector, Labels, Result, Sort, StorageBoxId, StorageBoxSubaccountId,
};

/// The subaccounts of one storage box; returned by
/// [`StorageBoxes::subaccounts`](crate::StorageBoxes::subaccounts).
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client, id: hcloud_api::StorageBoxId)
/// # -> hcloud_api::Result<()> {
/// use hcloud_api::CreateStorageBoxSubaccount;
///
/// # let password = "";
/// let subaccounts = client.storage_boxes().subaccounts(id);
/// let web = CreateStorageBoxSubaccount::new("backups/web", password);
/// let created = subaccounts.create(&web).await?;
/// client.wait(created.action).await?;
/// println!("{}", subaccounts.get(created.subaccount.id).await?.username);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StorageBoxSubaccounts<'a>(pub(crate) &'a Client, pub(crate) StorageBoxId);

impl StorageBoxSubaccounts<'_> {
    /// Lists the subaccounts that match `filter`. The API does not paginate this list.
    pub async fn list(
        self,
        filter: &ListStorageBoxSubaccounts,
    ) -> Result<Vec<StorageBoxSubaccount>> {
        self.0.get(self.all()).query(filter).many().await
    }

    /// Finds the subaccount with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<StorageBoxSubaccount>> {
        if name.is_empty() {
            return Ok(None);
        }
        let filter = ListStorageBoxSubaccounts {
            name: Some(name.to_owned()),
            ..ListStorageBoxSubaccounts::default()
        };
        Ok(self.list(&filter).await?.into_iter().next())
    }

    /// Gets one subaccount.
    pub async fn get(self, id: StorageBoxSubaccountId) -> Result<StorageBoxSubaccount> {
        self.0.get(self.one(id)).one().await
    }

    /// Gets one subaccount, or `None` if it does not exist.
    pub async fn try_get(self, id: StorageBoxSubaccountId) -> Result<Option<StorageBoxSubaccount>> {
        found(self.get(id).await)
    }

    /// Creates a subaccount; its directory is created if it does not exist.
    ///
    /// This is not retried after a timeout because that could create two; check with
    /// [`list`](Self::list).
    pub async fn create(
        self,
        subaccount: &CreateStorageBoxSubaccount,
    ) -> Result<StorageBoxSubaccountCreated> {
        self.0.post(self.all()).json(subaccount).whole().await
    }

    /// Renames a subaccount, updates its description or replaces its labels.
    pub async fn update(
        self,
        id: StorageBoxSubaccountId,
        change: &UpdateStorageBoxSubaccount,
    ) -> Result<StorageBoxSubaccount> {
        self.0.put(self.one(id)).json(change).one().await
    }

    /// Deletes a subaccount; its directory is kept.
    pub async fn delete(self, id: StorageBoxSubaccountId) -> Result<Option<Action>> {
        self.0.delete(self.one(id)).optional().await
    }

    /// Changes the home directory of a subaccount, which is created if it does not exist.
    pub async fn change_home_directory(
        self,
        id: StorageBoxSubaccountId,
        home_directory: &str,
    ) -> Result<Action> {
        self.act(id, "change_home_directory")
            .json(&ChangeHomeDirectory { home_directory })
            .one()
            .await
    }

    /// Sets the password of a subaccount.
    pub async fn reset_password(
        self,
        id: StorageBoxSubaccountId,
        password: impl Into<SecretString>,
    ) -> Result<Action> {
        self.act(id, "reset_subaccount_password")
            .json(&ResetPassword {
                password: password.into(),
            })
            .one()
            .await
    }

    /// Updates the access settings of a subaccount.
    pub async fn update_access_settings(
        self,
        id: StorageBoxSubaccountId,
        change: &UpdateSubaccountAccess,
    ) -> Result<Action> {
        self.act(id, "update_access_settings")
            .json(change)
            .one()
            .await
    }

    fn all(self) -> String {
        format!("/storage_boxes/{}/subaccounts", self.1)
    }

    fn one(self, id: StorageBoxSubaccountId) -> String {
        format!("{}/{id}", self.all())
    }

    fn act(self, id: StorageBoxSubaccountId, command: &str) -> Request {
        self.0.post(format!("{}/actions/{command}", self.one(id)))
    }
}

/// A filter for subaccounts of a storage box.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListStorageBoxSubaccounts {
    /// Only the one with this name.
    pub name: Option<String>,
    /// Only the one with this user name.
    pub username: Option<String>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<StorageBoxSubaccountSort>>,
}

open_enum! {
    /// The sort keys of subaccounts of storage boxes.
    pub enum StorageBoxSubaccountSort {
        Id = "id",
        Created = "created",
    }
}

/// A subaccount of a storage box.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxSubaccount {
    /// The subaccount's id.
    #[serde_with(skip_apply)]
    pub id: StorageBoxSubaccountId,
    /// The display name, if it has one.
    pub name: Option<String>,
    /// The user name, such as `u1337-sub1`.
    pub username: String,
    /// The host name.
    pub server: String,
    /// The home directory, outside of which it has no access.
    pub home_directory: String,
    /// The access settings.
    pub access_settings: SubaccountAccess,
    /// The description.
    pub description: String,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// The storage box.
    #[serde_with(skip_apply)]
    pub storage_box: StorageBoxId,
}

resource!(
    StorageBoxSubaccount,
    StorageBoxSubaccountId,
    "subaccount",
    "subaccounts"
);

/// The access settings of a subaccount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SubaccountAccess {
    /// Whether it is reachable from outside Hetzner's network.
    pub reachable_externally: bool,
    /// Whether it is read-only.
    pub readonly: bool,
    /// Whether Samba is enabled.
    pub samba_enabled: bool,
    /// Whether SSH is enabled, which SFTP, rsync and Borg require.
    pub ssh_enabled: bool,
    /// Whether `WebDAV` is enabled.
    pub webdav_enabled: bool,
}

/// A subaccount to create.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CreateStorageBoxSubaccount {
    /// The home directory, outside of which it has no access.
    pub home_directory: String,
    /// The password: 12 to 128 characters, with upper case, lower case, digits and special characters,
    /// and in no list of leaked passwords.
    #[serde_as(as = "Secret")]
    pub password: SecretString,
    /// The display name.
    pub name: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The access settings.
    pub access_settings: Option<UpdateSubaccountAccess>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateStorageBoxSubaccount {
    /// Creates a request with the API's defaults for all other fields.
    pub fn new(home_directory: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self {
            home_directory: home_directory.into(),
            password: password.into(),
            name: None,
            description: None,
            access_settings: None,
            labels: Labels::default(),
        }
    }
}

/// A subaccount that is being created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxSubaccountCreated {
    /// The ids of the subaccount.
    #[serde_with(skip_apply)]
    pub subaccount: NewStorageBoxSubaccount,
    /// The action that creates it.
    pub action: Option<Action>,
}

/// The ids of a subaccount that is being created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct NewStorageBoxSubaccount {
    /// The subaccount's id.
    #[serde_with(skip_apply)]
    pub id: StorageBoxSubaccountId,
    /// The storage box.
    #[serde_with(skip_apply)]
    pub storage_box: StorageBoxId,
}

/// An update of a subaccount; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateStorageBoxSubaccount {
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

/// An update of a subaccount's access settings; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateSubaccountAccess {
    /// Whether it is reachable from outside Hetzner's network.
    pub reachable_externally: Option<bool>,
    /// Whether it is read-only.
    pub readonly: Option<bool>,
    /// Whether Samba is enabled.
    pub samba_enabled: Option<bool>,
    /// Whether SSH is enabled, which SFTP, rsync and Borg require.
    pub ssh_enabled: Option<bool>,
    /// Whether `WebDAV` is enabled.
    pub webdav_enabled: Option<bool>,
}

#[derive(Serialize)]
struct ChangeHomeDirectory<'a> {
    home_directory: &'a str,
}
