//! Storage boxes, with their snapshots and subaccounts.
//!
//! API reference: <https://docs.hetzner.cloud/reference/hetzner#storage-boxes>

use std::collections::BTreeSet;

use axum::http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::{Effect, Job, ResourceRef};
use crate::call::{Answer, Call, IdOrName, Operation, Reply};
use crate::catalog::{Location, by_id};
use crate::errors::ApiError;
use crate::labels::{self, Labels};
use crate::paging::{self, SortKeys};
use crate::primary_ips::find_location;
use crate::resources::{self, Kind, Resource, Resources};
use crate::routes::Route;
use crate::state::Cloud;
use crate::storage_box_types::{self, StorageBoxType};

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StorageBox {
    #[serde(with = "by_id")]
    storage_box_type: &'static StorageBoxType,
    #[serde(with = "by_id")]
    location: &'static Location,
    status: Status,
    access_settings: AccessSettings,
    snapshot_plan: Option<SnapshotPlan>,
    snapshots: Vec<Snapshot>,
    subaccounts: Vec<Subaccount>,
    /// How many subaccounts there have ever been, for their usernames.
    subaccounts_created: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Initializing,
    Active,
}

/// The settings of a box or of a subaccount; the latter can be read-only and has no ZFS.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
struct AccessSettings {
    reachable_externally: bool,
    samba_enabled: bool,
    ssh_enabled: bool,
    webdav_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    zfs_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    readonly: Option<bool>,
}

#[derive(Default, Deserialize)]
struct ChangedSettings {
    reachable_externally: Option<bool>,
    samba_enabled: Option<bool>,
    ssh_enabled: Option<bool>,
    webdav_enabled: Option<bool>,
    zfs_enabled: Option<bool>,
    readonly: Option<bool>,
}

impl AccessSettings {
    fn of_box() -> Self {
        Self {
            zfs_enabled: Some(false),
            ..Self::default()
        }
    }

    fn of_subaccount() -> Self {
        Self {
            readonly: Some(false),
            ..Self::default()
        }
    }

    fn change(&mut self, changed: &ChangedSettings) {
        let set = |field: &mut bool, value: Option<bool>| *field = value.unwrap_or(*field);
        set(&mut self.reachable_externally, changed.reachable_externally);
        set(&mut self.samba_enabled, changed.samba_enabled);
        set(&mut self.ssh_enabled, changed.ssh_enabled);
        set(&mut self.webdav_enabled, changed.webdav_enabled);
        self.zfs_enabled = self
            .zfs_enabled
            .map(|present| changed.zfs_enabled.unwrap_or(present));
        self.readonly = self
            .readonly
            .map(|present| changed.readonly.unwrap_or(present));
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct SnapshotPlan {
    max_snapshots: u32,
    minute: u8,
    hour: u8,
    day_of_week: Option<u8>,
    day_of_month: Option<u8>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Snapshot {
    id: u64,
    name: String,
    description: String,
    stats: SnapshotStats,
    is_automatic: bool,
    labels: Labels,
    created: Timestamp,
    storage_box: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct SnapshotStats {
    size: u64,
    size_filesystem: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Subaccount {
    id: u64,
    name: String,
    username: String,
    server: String,
    home_directory: String,
    access_settings: AccessSettings,
    description: String,
    labels: Labels,
    created: Timestamp,
    storage_box: u64,
}

impl Kind for StorageBox {
    const ONE: &'static str = "storage_box";
    const MANY: &'static str = "storage_boxes";
    const ACTIONS: &'static [(&'static str, Operation)] = &[
        ("change_protection", resources::change_protection::<Self>),
        ("change_type", change_type),
        ("disable_snapshot_plan", disable_snapshot_plan),
        ("enable_snapshot_plan", enable_snapshot_plan),
        ("reset_password", reset_password),
        ("rollback_snapshot", rollback_snapshot),
        ("update_access_settings", update_access_settings),
    ];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.storage_boxes
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.storage_boxes
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        #[derive(Deserialize)]
        struct Create {
            location: IdOrName,
            storage_box_type: IdOrName,
            password: String,
            #[serde(default)]
            access_settings: ChangedSettings,
        }
        let create: Create = call.body()?;
        check_password(&create.password)?;
        let storage_box_type = storage_box_types::find(&create.storage_box_type)?;
        let location = find_location(&create.location)?;
        if !storage_box_type.is_offered_at(location.name) {
            return Err(ApiError::invalid(
                "location",
                "unsupported location for storage box type",
            ));
        }
        let mut access_settings = AccessSettings::of_box();
        access_settings.change(&create.access_settings);
        let own = Self {
            storage_box_type,
            location,
            status: Status::Initializing,
            access_settings,
            snapshot_plan: None,
            snapshots: Vec::new(),
            subaccounts: Vec::new(),
            subaccounts_created: 0,
        };
        let id = resources::insert(cloud, call, own)?;
        let job = resources::changing::<Self>(cloud, id, "create", |it| {
            it.status = Status::Active;
            Ok(())
        })?;
        let action = job.begin(cloud);
        let storage_box = resources::view::<Self>(cloud, id);
        Answer::created(&json!({ "storage_box": storage_box, "action": action }))
    }

    fn view<'a>(it: &'a Resource<Self>, _: &'a Cloud) -> impl Serialize + 'a {
        let own = &it.own;
        let is_active = own.status == Status::Active;
        let username = format!("u{}", it.id);
        let mut view = resources::plain(it);
        resources::hide(
            &mut view,
            &["snapshots", "subaccounts", "subaccounts_created"],
        );
        view["storage_box_type"] = json!(own.storage_box_type);
        view["location"] = json!(own.location);
        view["username"] = json!(is_active.then_some(&username));
        view["server"] = json!(is_active.then(|| server(&username)));
        view["system"] = json!(is_active.then_some("SIM1-BX1"));
        let snapshots: u64 = own
            .snapshots
            .iter()
            .map(|snapshot| snapshot.stats.size)
            .sum();
        view["stats"] = json!({ "size": snapshots, "size_data": 0, "size_snapshots": snapshots });
        view
    }

    fn delete(cloud: &mut Cloud, id: u64) -> Reply {
        let it = ResourceRef::of::<Self>(id);
        Job::on::<Self>("delete", id)
            .then(Effect::Remove(it))
            .respond(cloud)
    }
}

fn server(username: &str) -> String {
    format!("{username}.your-storagebox.de")
}

fn check_password(password: &str) -> Result<(), ApiError> {
    match password.is_empty() {
        true => Err(ApiError::invalid("password", "must not be empty")),
        false => Ok(()),
    }
}

fn change(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    change: impl FnOnce(&mut StorageBox) -> Result<(), ApiError>,
) -> Reply {
    resources::change::<StorageBox>(cloud, call, command, change)
}

fn change_type(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        storage_box_type: IdOrName,
    }
    let Change { storage_box_type } = call.body()?;
    let wanted = storage_box_types::find(&storage_box_type)?;
    change(cloud, call, "change_type", |it| {
        if wanted.id == it.storage_box_type.id {
            return Err(ApiError::invalid(
                "storage_box_type",
                "is the type of the storage box",
            ));
        }
        it.storage_box_type = wanted;
        Ok(())
    })
}

fn enable_snapshot_plan(cloud: &mut Cloud, call: &Call) -> Reply {
    let plan: SnapshotPlan = call.body()?;
    change(cloud, call, "enable_snapshot_plan", |it| {
        if plan.max_snapshots > it.storage_box_type.automatic_snapshot_limit {
            return Err(ApiError::invalid(
                "max_snapshots",
                "is more than the type allows",
            ));
        }
        it.snapshot_plan = Some(plan);
        Ok(())
    })
}

fn disable_snapshot_plan(cloud: &mut Cloud, call: &Call) -> Reply {
    change(cloud, call, "disable_snapshot_plan", |it| {
        it.snapshot_plan = None;
        Ok(())
    })
}

#[derive(Deserialize)]
struct Password {
    password: String,
}

fn reset_password(cloud: &mut Cloud, call: &Call) -> Reply {
    let Password { password } = call.body()?;
    check_password(&password)?;
    change(cloud, call, "reset_password", |_| Ok(()))
}

fn update_access_settings(cloud: &mut Cloud, call: &Call) -> Reply {
    let changed = call.body()?;
    change(cloud, call, "update_access_settings", |it| {
        it.access_settings.change(&changed);
        Ok(())
    })
}

/// Newer snapshots are removed.
fn rollback_snapshot(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Rollback {
        snapshot: IdOrName,
    }
    let Rollback { snapshot } = call.body()?;
    change(cloud, call, "rollback_snapshot", |it| {
        let found = snapshot.find(it.snapshots.iter(), |it| it.id, |it| Some(&it.name));
        let id = found
            .ok_or_else(|| ApiError::not_found("snapshot", &snapshot))?
            .id;
        it.snapshots.retain(|it| it.id <= id);
        Ok(())
    })
}

/// The parts of a storage box that have an ID: snapshots and subaccounts.
trait Part: Clone + Serialize + 'static {
    /// The singular in bodies.
    const ONE: &'static str;
    /// The plural in bodies and paths.
    const MANY: &'static str;
    /// The name of the path parameter.
    const KEY: &'static str;
    /// The name of the resource in actions.
    const RESOURCE: &'static str;

    fn all(it: &StorageBox) -> &Vec<Self>;
    fn all_mut(it: &mut StorageBox) -> &mut Vec<Self>;
    fn id(&self) -> u64;
    fn created(&self) -> Timestamp;
    fn name(&self) -> &str;
    fn labels(&mut self) -> &mut Labels;
    fn matches_query(&self, call: &Call) -> bool;
    fn create(cloud: &mut Cloud, call: &Call) -> Reply;
    fn update(&mut self, update: Update);
}

#[derive(Deserialize)]
struct Update {
    name: Option<String>,
    description: Option<String>,
    labels: Option<Labels>,
}

impl Part for Snapshot {
    const ONE: &'static str = "snapshot";
    const MANY: &'static str = "snapshots";
    const KEY: &'static str = "snapshot_id";
    const RESOURCE: &'static str = "storage_box_snapshot";

    fn all(it: &StorageBox) -> &Vec<Self> {
        &it.snapshots
    }

    fn all_mut(it: &mut StorageBox) -> &mut Vec<Self> {
        &mut it.snapshots
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn labels(&mut self) -> &mut Labels {
        &mut self.labels
    }

    fn matches_query(&self, call: &Call) -> bool {
        call.query("is_automatic").is_none() || call.flag("is_automatic") == self.is_automatic
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        #[derive(Deserialize)]
        struct Create {
            #[serde(default)]
            description: String,
            #[serde(default)]
            labels: Labels,
        }
        let create: Create = call.body()?;
        labels::check(&create.labels)?;
        let (id, created) = (cloud.next_id(), cloud.now());
        let storage_box = resources::find_unlocked::<StorageBox>(cloud, call)?;
        let snapshots = &mut storage_box.own.snapshots;
        if snapshots.len() >= storage_box.own.storage_box_type.snapshot_limit as usize {
            return Err(ApiError::limit("storage_box_snapshot_limit"));
        }
        let stamp = created.strftime("%Y-%m-%dT%H-%M-%S").to_string();
        let taken = snapshots
            .iter()
            .filter(|it| it.name.starts_with(&stamp))
            .count();
        snapshots.push(Self {
            id,
            name: if taken == 0 {
                stamp
            } else {
                format!("{stamp}-{taken}")
            },
            description: create.description,
            stats: SnapshotStats {
                size: 0,
                size_filesystem: 0,
            },
            is_automatic: false,
            labels: create.labels,
            created,
            storage_box: storage_box.id,
        });
        let storage_box = storage_box.id;
        created_part::<Self>(cloud, storage_box, "create_snapshot")
    }

    fn update(&mut self, update: Update) {
        self.description = update
            .description
            .unwrap_or_else(|| self.description.clone());
    }
}

impl Part for Subaccount {
    const ONE: &'static str = "subaccount";
    const MANY: &'static str = "subaccounts";
    const KEY: &'static str = "subaccount_id";
    const RESOURCE: &'static str = "storage_box_subaccount";

    fn all(it: &StorageBox) -> &Vec<Self> {
        &it.subaccounts
    }

    fn all_mut(it: &mut StorageBox) -> &mut Vec<Self> {
        &mut it.subaccounts
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn labels(&mut self) -> &mut Labels {
        &mut self.labels
    }

    fn matches_query(&self, call: &Call) -> bool {
        call.allowed("username").contain(&self.username)
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        #[derive(Deserialize)]
        struct Create {
            home_directory: String,
            password: String,
            name: Option<String>,
            #[serde(default)]
            description: String,
            #[serde(default)]
            access_settings: ChangedSettings,
            #[serde(default)]
            labels: Labels,
        }
        let create: Create = call.body()?;
        labels::check(&create.labels)?;
        check_password(&create.password)?;
        check_home_directory(&create.home_directory)?;
        let (id, created) = (cloud.next_id(), cloud.now());
        let storage_box = resources::find_unlocked::<StorageBox>(cloud, call)?;
        let box_id = storage_box.id;
        let own = &mut storage_box.own;
        if own.subaccounts.len() >= own.storage_box_type.subaccounts_limit as usize {
            return Err(ApiError::limit("storage_box_subaccount_limit"));
        }
        own.subaccounts_created += 1;
        let username = format!("u{box_id}-sub{}", own.subaccounts_created);
        let mut access_settings = AccessSettings::of_subaccount();
        access_settings.change(&create.access_settings);
        own.subaccounts.push(Self {
            id,
            name: create.name.unwrap_or_else(|| username.clone()),
            server: server(&username),
            username,
            home_directory: create.home_directory,
            access_settings,
            description: create.description,
            labels: create.labels,
            created,
            storage_box: box_id,
        });
        created_part::<Self>(cloud, box_id, "create_subaccount")
    }

    fn update(&mut self, update: Update) {
        self.name = update.name.unwrap_or_else(|| self.name.clone());
        self.description = update
            .description
            .unwrap_or_else(|| self.description.clone());
    }
}

fn check_home_directory(path: &str) -> Result<(), ApiError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || " ./_-".contains(c);
    match !path.is_empty()
        && path.chars().all(is_allowed)
        && !path.split('/').any(|part| part == "..")
    {
        true => Ok(()),
        false => Err(ApiError::invalid(
            "home_directory",
            format!("'{path}' is not a valid directory"),
        )),
    }
}

fn part_job<P: Part>(command: &'static str, storage_box: u64, id: u64) -> Job {
    let part = ResourceRef {
        id,
        r#type: P::RESOURCE.into(),
    };
    Job::on::<StorageBox>(command, storage_box).naming(part)
}

/// Responds to the creation of a part, whose ID was taken from the next one.
fn created_part<P: Part>(cloud: &mut Cloud, storage_box: u64, command: &'static str) -> Reply {
    let id = cloud.new_id();
    let action = part_job::<P>(command, storage_box, id).begin(cloud);
    Answer::created(&json!({ P::ONE: { "id": id, "storage_box": storage_box }, "action": action }))
}

/// Returns the ID of the part in the path, which exists.
fn part_id<P: Part>(it: &StorageBox, call: &Call) -> Result<u64, ApiError> {
    let id = call.id(P::KEY)?;
    let found = P::all(it).iter().find(|part| part.id() == id);
    found
        .map(P::id)
        .ok_or_else(|| ApiError::not_found(P::ONE, id))
}

/// Lists the parts, without pagination.
fn list_parts<P: Part>(cloud: &mut Cloud, call: &Call) -> Reply {
    let (names, selector) = (call.allowed("name"), call.selector()?);
    let storage_box = resources::find::<StorageBox>(cloud, call)?;
    let sort_keys: &SortKeys<P> = &[
        ("id", |a, b| a.id().cmp(&b.id())),
        ("name", |a, b| a.name().cmp(b.name())),
        ("created", |a, b| a.created().cmp(&b.created())),
    ];
    let mut found: Vec<_> = (P::all(&storage_box.own).iter())
        .filter(|it| {
            names.contain(it.name())
                && it.matches_query(call)
                && selector.matches((*it).clone().labels())
        })
        .collect();
    paging::sort(&mut found, call, sort_keys);
    Answer::ok(&json!({ P::MANY: found }))
}

fn show_part<P: Part>(cloud: &mut Cloud, call: &Call) -> Reply {
    let storage_box = &resources::find::<StorageBox>(cloud, call)?.own;
    let id = part_id::<P>(storage_box, call)?;
    Answer::one(
        P::ONE,
        &json!(P::all(storage_box).iter().find(|part| part.id() == id)),
    )
}

fn update_part<P: Part>(cloud: &mut Cloud, call: &Call) -> Reply {
    let mut update: Update = call.body()?;
    if let Some(labels) = &update.labels {
        labels::check(labels)?;
    }
    let id = resources::id_of::<StorageBox>(cloud, call)?;
    let storage_box = &mut resources::get_mut::<StorageBox>(cloud, id)?.own;
    let id = part_id::<P>(storage_box, call)?;
    for part in P::all_mut(storage_box)
        .iter_mut()
        .filter(|part| part.id() == id)
    {
        if let Some(labels) = update.labels.take() {
            *part.labels() = labels;
        }
        part.update(Update {
            name: update.name.take(),
            description: update.description.take(),
            labels: None,
        });
    }
    show_part::<P>(cloud, call)
}

/// Changes the part in the path when an action ends.
fn change_part<P: Part>(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    change: impl FnOnce(&mut Vec<P>, usize) -> Result<(), ApiError>,
) -> Reply {
    let storage_box = resources::find_unlocked::<StorageBox>(cloud, call)?;
    let (box_id, id) = (storage_box.id, part_id::<P>(&storage_box.own, call)?);
    let changed = resources::difference::<StorageBox>(cloud, box_id, |it| {
        let parts = P::all_mut(it);
        let index = parts
            .iter()
            .position(|part| part.id() == id)
            .expect("it was found");
        change(parts, index)
    })?;
    part_job::<P>(command, box_id, id)
        .then(changed)
        .respond(cloud)
}

fn delete_snapshot(cloud: &mut Cloud, call: &Call) -> Reply {
    change_part::<Snapshot>(cloud, call, "delete_snapshot", |parts, index| {
        parts.remove(index);
        Ok(())
    })
}

fn delete_subaccount(cloud: &mut Cloud, call: &Call) -> Reply {
    change_part::<Subaccount>(cloud, call, "delete_subaccount", |parts, index| {
        parts.remove(index);
        Ok(())
    })
}

fn change_home_directory(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        home_directory: String,
    }
    let Change { home_directory } = call.body()?;
    change_part::<Subaccount>(cloud, call, "change_home_directory", |parts, index| {
        check_home_directory(&home_directory)?;
        parts[index].home_directory = home_directory;
        Ok(())
    })
}

fn reset_subaccount_password(cloud: &mut Cloud, call: &Call) -> Reply {
    let Password { password } = call.body()?;
    change_part::<Subaccount>(cloud, call, "reset_subaccount_password", |_, _| {
        check_password(&password)
    })
}

fn update_subaccount_settings(cloud: &mut Cloud, call: &Call) -> Reply {
    let changed = call.body()?;
    change_part::<Subaccount>(cloud, call, "update_access_settings", |parts, index| {
        parts[index].access_settings.change(&changed);
        Ok(())
    })
}

/// `GET /storage_boxes/{id}/folders`: the directories at a path, which are those of the subaccounts.
fn folders(cloud: &mut Cloud, call: &Call) -> Reply {
    let storage_box = resources::find::<StorageBox>(cloud, call)?;
    let path = call.query("path").unwrap_or(".").trim_matches('/');
    let folders: BTreeSet<_> = (storage_box.own.subaccounts.iter())
        .filter_map(|it| {
            let home = it.home_directory.trim_matches('/');
            let rest = match path {
                "." | "" => home,
                path => home.strip_prefix(path)?.strip_prefix('/')?,
            };
            rest.split('/').next().filter(|name| !name.is_empty())
        })
        .collect();
    Answer::ok(&json!({ "folders": Value::from_iter(folders) }))
}

/// Returns the routes of snapshots, subaccounts and directories.
pub(crate) fn routes() -> Vec<Route> {
    const SUBACCOUNT: &str = "/storage_boxes/{id}/subaccounts/{subaccount_id}";
    const ACTIONS: [(&str, Operation); 3] = [
        ("change_home_directory", change_home_directory),
        ("reset_subaccount_password", reset_subaccount_password),
        ("update_access_settings", update_subaccount_settings),
    ];
    fn of<P: Part>(delete: Operation) -> [Route; 5] {
        let all = format!("/storage_boxes/{{id}}/{}", P::MANY);
        let one = format!("{all}/{{{}}}", P::KEY);
        [
            Route::new(Method::GET, &all, list_parts::<P>),
            Route::new(Method::POST, &all, P::create),
            Route::new(Method::GET, &one, show_part::<P>),
            Route::new(Method::PUT, &one, update_part::<P>),
            Route::new(Method::DELETE, &one, delete),
        ]
    }
    let mut routes = vec![Route::new(
        Method::GET,
        "/storage_boxes/{id}/folders",
        folders,
    )];
    routes.extend(of::<Snapshot>(delete_snapshot));
    routes.extend(of::<Subaccount>(delete_subaccount));
    routes.extend(ACTIONS.map(|(name, operation)| {
        Route::new(
            Method::POST,
            &format!("{SUBACCOUNT}/actions/{name}"),
            operation,
        )
    }));
    routes
}
