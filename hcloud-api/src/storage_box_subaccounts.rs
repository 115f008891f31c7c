//! Subaccounts of storage boxes: further users, each with a folder of its own.
//!
//! API reference: <https://docs.hetzner.cloud/reference/hetzner#storage-box-subaccounts>

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use crate::request::Request;
use crate::secret::Secret;
use crate::storage_boxes::ResetPassword;
use crate::{
    Action, Client, LabelSelector, Labels, Result, Sort, StorageBoxId, StorageBoxSubaccountId,
};

/// The subaccounts of one storage box; made by
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
/// client.wait([created.action]).await?;
/// println!("{}", subaccounts.get(created.subaccount.id).await?.username);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StorageBoxSubaccounts<'a>(pub(crate) &'a Client, pub(crate) StorageBoxId);

impl StorageBoxSubaccounts<'_> {
    /// Lists the subaccounts that match `filter`. The API does not cut this list into pages.
    pub async fn list(
        self,
        filter: &ListStorageBoxSubaccounts,
    ) -> Result<Vec<StorageBoxSubaccount>> {
        self.0.get(self.all()).query(filter).many().await
    }

    /// Finds the subaccount with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<StorageBoxSubaccount>> {
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

    /// Creates a subaccount; its folder is created if there is none.
    ///
    /// This is never sent twice after a lost answer, because that could make two; look with
    /// [`list`](Self::list).
    pub async fn create(
        self,
        subaccount: &CreateStorageBoxSubaccount,
    ) -> Result<StorageBoxSubaccountCreated> {
        self.0.post(self.all()).json(subaccount).whole().await
    }

    /// Renames a subaccount, changes its description or replaces its labels.
    pub async fn update(
        self,
        id: StorageBoxSubaccountId,
        change: &UpdateStorageBoxSubaccount,
    ) -> Result<StorageBoxSubaccount> {
        self.0.put(self.one(id)).json(change).one().await
    }

    /// Deletes a subaccount; its folder stays.
    pub async fn delete(self, id: StorageBoxSubaccountId) -> Result<Option<Action>> {
        self.0.delete(self.one(id)).optional().await
    }

    /// Moves a subaccount to another folder, which is created if there is none.
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

    /// Changes how a subaccount can be used.
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

/// Which subaccounts of a storage box to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListStorageBoxSubaccounts {
    /// Only the one with exactly this name.
    pub name: Option<String>,
    /// Only the one with exactly this user name.
    pub username: Option<String>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<StorageBoxSubaccountSort>>,
}

open_enum! {
    /// What subaccounts of storage boxes can be sorted by.
    pub enum StorageBoxSubaccountSort {
        /// Their ids.
        Id = "id",
        /// When they were made.
        Created = "created",
    }
}

/// A subaccount of a storage box.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxSubaccount {
    /// Names the subaccount.
    pub id: StorageBoxSubaccountId,
    /// The name for people, if it has one.
    pub name: Option<String>,
    /// What the subaccount logs in with, such as `u1337-sub1`.
    pub username: String,
    /// The host name by which it is reached.
    pub server: String,
    /// The only folder that it can see.
    pub home_directory: String,
    /// How it can be used.
    pub access_settings: SubaccountAccess,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The user's labels.
    pub labels: Labels,
    /// When it was made.
    pub created: Timestamp,
    /// The storage box that it belongs to.
    pub storage_box: StorageBoxId,
}

resource!(
    StorageBoxSubaccount,
    StorageBoxSubaccountId,
    "subaccount",
    "subaccounts"
);

/// How a subaccount can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct SubaccountAccess {
    /// Whether it can be reached from outside Hetzner's network.
    pub reachable_externally: bool,
    /// Whether it can only read.
    pub readonly: bool,
    /// Whether Samba works.
    pub samba_enabled: bool,
    /// Whether SSH works, which SFTP, rsync and Borg need.
    pub ssh_enabled: bool,
    /// Whether `WebDAV` works.
    pub webdav_enabled: bool,
}

/// A subaccount to create.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct CreateStorageBoxSubaccount {
    /// The only folder that it can see.
    pub home_directory: String,
    /// Its password: 12 to 128 characters, with capital and small letters, digits and others, and
    /// in no list of stolen passwords.
    #[serde_as(as = "Secret")]
    pub password: SecretString,
    /// The name for people.
    pub name: Option<String>,
    /// More for people.
    pub description: Option<String>,
    /// How it can be used.
    pub access_settings: Option<UpdateSubaccountAccess>,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateStorageBoxSubaccount {
    /// A subaccount with the defaults of the API for everything else.
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
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StorageBoxSubaccountCreated {
    /// Names the subaccount; more is known when it is made.
    pub subaccount: NewStorageBoxSubaccount,
    /// Creates it.
    pub action: Action,
}

/// Names a subaccount that is being created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct NewStorageBoxSubaccount {
    /// Names the subaccount.
    pub id: StorageBoxSubaccountId,
    /// The storage box that it belongs to.
    pub storage_box: StorageBoxId,
}

/// What to change about a subaccount; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateStorageBoxSubaccount {
    /// The name from now on.
    pub name: Option<String>,
    /// The description from now on.
    pub description: Option<String>,
    /// All labels from now on: those missing here are removed.
    pub labels: Option<Labels>,
}

/// What to change about how a subaccount can be used; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct UpdateSubaccountAccess {
    /// Whether it can be reached from outside Hetzner's network.
    pub reachable_externally: Option<bool>,
    /// Whether it can only read.
    pub readonly: Option<bool>,
    /// Whether Samba works.
    pub samba_enabled: Option<bool>,
    /// Whether SSH works, which SFTP, rsync and Borg need.
    pub ssh_enabled: Option<bool>,
    /// Whether `WebDAV` works.
    pub webdav_enabled: Option<bool>,
}

#[derive(Serialize)]
struct ChangeHomeDirectory<'a> {
    home_directory: &'a str,
}
