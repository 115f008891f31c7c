//! The common fields and operations of all resources; each [`Kind`] adds its own.

use std::collections::BTreeMap;

use axum::http::Method;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::actions::{self, Effect, Job, ResourceRef};
use crate::call::{Answer, Call, Operation, Reply};
use crate::certificates::Certificate;
use crate::errors::ApiError;
use crate::firewalls::Firewall;
use crate::floating_ips::FloatingIp;
use crate::images::Image;
use crate::labels::{self, Labels};
use crate::load_balancers::LoadBalancer;
use crate::networks::Network;
use crate::paging::{Page, SortKeys};
use crate::placement_groups::PlacementGroup;
use crate::primary_ips::PrimaryIp;
use crate::routes::Route;
use crate::servers::Server;
use crate::ssh_keys::SshKey;
use crate::state::Cloud;
use crate::storage_boxes::StorageBox;
use crate::volumes::Volume;
use crate::zones::Zone;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Resource<K> {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) created: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protection: Option<Protection>,
    /// The number of running actions that lock the resource.
    #[serde(default)]
    pub(crate) locks: u32,
    #[serde(flatten)]
    pub(crate) own: K,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Protection {
    pub(crate) delete: bool,
    /// Servers are also protected against being rebuilt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rebuild: Option<bool>,
}

/// All resources of a kind, by ID.
pub(crate) type Resources<K> = BTreeMap<u64, Resource<K>>;

/// A kind of resource.
pub(crate) trait Kind: Clone + Serialize + DeserializeOwned + Sized + 'static {
    /// The singular in bodies and actions, such as `firewall`.
    const ONE: &'static str;
    /// The plural in bodies and paths, such as `firewalls`.
    const MANY: &'static str;
    /// The name of the path parameter of a resource.
    const KEY: &'static str = "id";
    /// The protection of a new resource, if the kind can be protected.
    const PROTECTION: Option<Protection> = Some(Protection {
        delete: false,
        rebuild: None,
    });
    /// The last path segments of the actions, and their operations.
    const ACTIONS: &'static [(&'static str, Operation)];

    fn all(cloud: &Cloud) -> &Resources<Self>;
    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self>;

    /// Creates a resource.
    fn create(cloud: &mut Cloud, call: &Call) -> Reply;

    /// Returns the JSON representation of a resource.
    fn view<'a>(it: &'a Resource<Self>, _cloud: &'a Cloud) -> impl Serialize + 'a {
        plain(it)
    }

    /// Returns whether the resource exists for requests.
    fn exists(&self) -> bool {
        true
    }

    /// Returns which resources match the query parameters other than name and labels.
    fn filter(_call: &Call) -> impl Fn(&Self) -> bool {
        |_| true
    }

    /// Returns an error if the name is not valid for the kind.
    fn check_name(name: &str) -> Result<(), ApiError> {
        match name.trim().is_empty() {
            true => Err(ApiError::invalid("name", "must not be empty")),
            false => Ok(()),
        }
    }

    /// Returns an error if the resource may not be changed, because it is not the project's.
    fn check_change(&self) -> Result<(), ApiError> {
        Ok(())
    }

    /// Applies the fields of an update other than name and labels.
    fn update(&mut self, _call: &Call) -> Result<(), ApiError> {
        Ok(())
    }

    /// Returns an error if a resource is still in use and therefore cannot be deleted.
    fn check_unused(_it: &Resource<Self>, _cloud: &Cloud) -> Result<(), ApiError> {
        Ok(())
    }

    /// Deletes a resource that is neither locked, protected nor in use, and responds.
    fn delete(cloud: &mut Cloud, id: u64) -> Reply {
        Self::remove(cloud, id);
        Answer::no_content()
    }

    /// Returns to the previous status after an action that has failed.
    fn revert(&mut self) {}

    /// Removes a resource, and what refers to it.
    fn remove(cloud: &mut Cloud, id: u64) {
        Self::all_mut(cloud).remove(&id);
    }
}

/// Calls a function for the kind of a resource.
macro_rules! for_kind_of {
    ($it:expr, $function:ident($cloud:expr, $($argument:expr),*)) => {
        for_kind_of!(@ $it, $function($cloud, ($($argument),*)),
            Certificate Firewall FloatingIp Image LoadBalancer Network PlacementGroup PrimaryIp Server SshKey StorageBox
            Volume Zone)
    };
    (@ $it:expr, $function:ident($cloud:expr, $arguments:tt), $($kind:ident)*) => {
        match &*$it.r#type {
            $(<$kind as Kind>::ONE => $function::<$kind>($cloud, $it.id, $arguments),)*
            _ => {}
        }
    };
}

/// Sets fields of a resource that still exists.
pub(crate) fn set(cloud: &mut Cloud, it: &ResourceRef, fields: Map<String, Value>) {
    fn set<K: Kind>(cloud: &mut Cloud, id: u64, mut fields: Map<String, Value>) {
        let Some(it) = K::all_mut(cloud).get_mut(&id) else {
            return;
        };
        if let Some(protection) = fields.remove("protection") {
            it.protection = serde_json::from_value(protection).ok();
        }
        if let Ok(Value::Object(mut own)) = serde_json::to_value(&it.own) {
            own.extend(fields);
            it.own =
                serde_json::from_value(own.into()).expect("fields of another value of the type");
        }
    }
    for_kind_of!(it, set(cloud, fields));
}

pub(crate) fn remove(cloud: &mut Cloud, it: &ResourceRef) {
    fn remove<K: Kind>(cloud: &mut Cloud, id: u64, (): ()) {
        K::remove(cloud, id);
    }
    for_kind_of!(it, remove(cloud,));
}

pub(crate) fn revert(cloud: &mut Cloud, it: &ResourceRef) {
    fn revert<K: Kind>(cloud: &mut Cloud, id: u64, (): ()) {
        if let Some(it) = K::all_mut(cloud).get_mut(&id) {
            it.own.revert();
        }
    }
    for_kind_of!(it, revert(cloud,));
}

/// Changes the number of actions that lock a resource.
pub(crate) fn lock(cloud: &mut Cloud, it: &ResourceRef, change: i32) {
    fn lock<K: Kind>(cloud: &mut Cloud, id: u64, change: i32) {
        if let Some(it) = K::all_mut(cloud).get_mut(&id) {
            it.locks = it.locks.saturating_add_signed(change);
        }
    }
    for_kind_of!(it, lock(cloud, change));
}

impl<K> Resource<K> {
    /// Returns an error while an action is running that locks the resource.
    pub(crate) fn unlocked(&self, kind: &str) -> Result<(), ApiError> {
        match self.locks {
            0 => Ok(()),
            _ => Err(ApiError::new("locked")
                .with_message(format!("{} is locked", kind.replace('_', " ")))),
        }
    }

    pub(crate) fn is_protected(&self) -> bool {
        self.protection.is_some_and(|protection| protection.delete)
    }
}

/// Returns the JSON of a resource as it is stored, without what the API does not show.
pub(crate) fn plain<K: Serialize>(it: &Resource<K>) -> Value {
    let mut view = json!(it);
    hide(&mut view, &["locks"]);
    view
}

/// Removes fields that the API does not show.
pub(crate) fn hide(view: &mut Value, names: &[&str]) {
    if let Some(view) = view.as_object_mut() {
        view.retain(|name, _| !names.contains(&name.as_str()));
    }
}

/// The common fields of requests to create a resource.
#[derive(Deserialize)]
struct Create {
    #[serde(default)]
    name: String,
    #[serde(default)]
    labels: Labels,
}

/// Validates the common fields of a request to create a resource.
pub(crate) fn check_new<K: Kind>(cloud: &Cloud, call: &Call) -> Result<(), ApiError> {
    let Create { name, labels } = call.body()?;
    labels::check(&labels)?;
    check_name::<K>(cloud, &name)
}

/// Adds a resource by a validated request.
pub(crate) fn insert<K: Kind>(cloud: &mut Cloud, call: &Call, own: K) -> Result<u64, ApiError> {
    check_new::<K>(cloud, call)?;
    let Create { name, labels } = call.body()?;
    Ok(add(cloud, name, labels, own))
}

/// Adds a resource.
pub(crate) fn add<K: Kind>(cloud: &mut Cloud, name: String, labels: Labels, own: K) -> u64 {
    let id = cloud.new_id();
    let resource = Resource {
        id,
        name,
        labels,
        created: cloud.now(),
        protection: K::PROTECTION,
        locks: 0,
        own,
    };
    K::all_mut(cloud).insert(id, resource);
    id
}

fn check_name<K: Kind>(cloud: &Cloud, name: &str) -> Result<(), ApiError> {
    K::check_name(name)?;
    if K::all(cloud).values().any(|other| other.name == name) {
        let kind = K::ONE.replace('_', " ");
        return Err(ApiError::not_unique(
            "name",
            &format!("{kind} name is already used"),
        ));
    }
    Ok(())
}

fn missing<K: Kind>(id: impl std::fmt::Display) -> ApiError {
    ApiError::not_found(&K::ONE.replace('_', " "), id)
}

/// Returns a resource by its ID.
pub(crate) fn get<K: Kind>(cloud: &Cloud, id: u64) -> Result<&Resource<K>, ApiError> {
    let found = K::all(cloud).get(&id).filter(|it| it.own.exists());
    found.ok_or_else(|| missing::<K>(id))
}

/// Returns a resource by its ID, to change it.
pub(crate) fn get_mut<K: Kind>(cloud: &mut Cloud, id: u64) -> Result<&mut Resource<K>, ApiError> {
    let found = K::all_mut(cloud).get_mut(&id).filter(|it| it.own.exists());
    found.ok_or_else(|| missing::<K>(id))
}

/// Returns the ID of the resource in the path, by its ID or, on some routes, by its name.
pub(crate) fn id_of<K: Kind>(cloud: &Cloud, call: &Call) -> Result<u64, ApiError> {
    let key = call.path(K::KEY).unwrap_or_default();
    let exists = |id: &u64| K::all(cloud).get(id).is_some_and(|it| it.own.exists());
    match K::KEY {
        "id" => Some(call.id("id")?).filter(exists),
        _ => {
            let by_id = key.parse().ok().filter(exists);
            by_id.or_else(|| {
                K::all(cloud)
                    .values()
                    .find(|it| it.name == key)
                    .map(|it| it.id)
            })
        }
    }
    .ok_or_else(|| missing::<K>(key))
}

/// Returns the resource in the path.
pub(crate) fn find<'a, K: Kind>(
    cloud: &'a Cloud,
    call: &Call,
) -> Result<&'a Resource<K>, ApiError> {
    get(cloud, id_of::<K>(cloud, call)?)
}

/// Returns the resource in the path, to change it.
///
/// # Errors
///
/// `locked` while an action is running on the resource.
pub(crate) fn find_unlocked<'a, K: Kind>(
    cloud: &'a mut Cloud,
    call: &Call,
) -> Result<&'a mut Resource<K>, ApiError> {
    let id = id_of::<K>(cloud, call)?;
    let it = get_mut::<K>(cloud, id)?;
    it.own.check_change()?;
    it.unlocked(K::ONE)?;
    Ok(it)
}

/// Returns the JSON representation of a resource.
pub(crate) fn view<K: Kind>(cloud: &Cloud, id: u64) -> Value {
    json!(K::view(&K::all(cloud)[&id], cloud))
}

/// Computes a change of a resource, and returns the action that makes it when it ends.
pub(crate) fn changing<K: Kind>(
    cloud: &Cloud,
    id: u64,
    command: &'static str,
    change: impl FnOnce(&mut K) -> Result<(), ApiError>,
) -> Result<Job, ApiError> {
    Ok(Job::on::<K>(command, id).then(difference(cloud, id, change)?))
}

/// Computes the effect of a change of a resource.
pub(crate) fn difference<K: Kind>(
    cloud: &Cloud,
    id: u64,
    change: impl FnOnce(&mut K) -> Result<(), ApiError>,
) -> Result<Effect, ApiError> {
    let it = get::<K>(cloud, id)?;
    let mut own = it.own.clone();
    change(&mut own)?;
    let before = json!(it.own);
    let fields = match json!(own) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let changed = fields
        .into_iter()
        .filter(|(name, value)| before[name] != *value);
    Ok(Effect::Set(ResourceRef::of::<K>(id), changed.collect()))
}

/// Changes the resource in the path when an action ends, and responds with the action.
pub(crate) fn change<K: Kind>(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    change: impl FnOnce(&mut K) -> Result<(), ApiError>,
) -> Reply {
    let id = find_unlocked::<K>(cloud, call)?.id;
    changing(cloud, id, command, change)?.respond(cloud)
}

pub(crate) fn change_protection<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        delete: Option<bool>,
    }
    let Change { delete } = call.body()?;
    let it = find_unlocked::<K>(cloud, call)?;
    let (id, present) = (it.id, it.protection.unwrap_or_default());
    let protection = Protection {
        delete: delete.unwrap_or(present.delete),
        ..present
    };
    protect::<K>(id, protection).respond(cloud)
}

/// Returns an action that changes the protection of a resource when it ends.
pub(crate) fn protect<K: Kind>(id: u64, protection: Protection) -> Job {
    let fields = Map::from_iter([("protection".into(), json!(protection))]);
    let effect = Effect::Set(ResourceRef::of::<K>(id), fields);
    Job::on::<K>("change_protection", id).then(effect)
}

fn list<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    let sort_keys: &SortKeys<Resource<K>> = &[
        ("id", |a, b| a.id.cmp(&b.id)),
        ("name", |a, b| a.name.cmp(&b.name)),
        ("created", |a, b| a.created.cmp(&b.created)),
    ];
    let (names, selector, matches) = (call.allowed("name"), call.selector()?, K::filter(call));
    let cloud = &*cloud;
    let found = K::all(cloud).values().filter(|it| {
        it.own.exists()
            && names.contain(&it.name)
            && selector.matches(&it.labels)
            && matches(&it.own)
    });
    Answer::page(&Page::of(K::MANY, found, call, sort_keys)?.map(|it| K::view(it, cloud)))
}

fn show<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    Answer::one(K::ONE, &K::view(find::<K>(cloud, call)?, cloud))
}

fn update<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Update {
        name: Option<String>,
        labels: Option<Labels>,
    }
    let update: Update = call.body()?;
    let it = find::<K>(cloud, call)?;
    it.own.check_change()?;
    let (id, present) = (it.id, it.name.clone());
    if let Some(new) = &update.labels {
        labels::check(new)?;
    }
    if let Some(name) = update.name.as_deref().filter(|name| *name != present) {
        check_name::<K>(cloud, name)?;
    }
    let it = get_mut::<K>(cloud, id)?;
    it.own.update(call)?;
    it.name = update.name.unwrap_or(present);
    it.labels = update.labels.unwrap_or_else(|| it.labels.clone());
    Answer::one(K::ONE, &view::<K>(cloud, id))
}

fn delete<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    let it = find_unlocked::<K>(cloud, call)?;
    if it.is_protected() {
        let kind = K::ONE.replace('_', " ");
        return Err(
            ApiError::new("protected").with_message(format!("{kind} deletion is protected"))
        );
    }
    let id = it.id;
    K::check_unused(get(cloud, id)?, cloud)?;
    K::delete(cloud, id)
}

fn actions<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    let it = ResourceRef::of::<K>(id_of::<K>(cloud, call)?);
    actions::list_of(cloud, call, &it)
}

fn action<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    let it = ResourceRef::of::<K>(id_of::<K>(cloud, call)?);
    actions::get_of(cloud, call, &it)
}

/// Returns the routes of a kind.
pub(crate) fn routes<K: Kind>() -> Vec<Route> {
    let all = format!("/{}", K::MANY);
    let one = format!("{all}/{{{}}}", K::KEY);
    let mut routes = vec![
        Route::new(Method::GET, &all, list::<K>),
        Route::new(Method::POST, &all, K::create),
        Route::new(
            Method::GET,
            &format!("{all}/actions"),
            actions::list_of_kind::<K>,
        ),
        Route::new(Method::GET, &format!("{all}/actions/{{id}}"), actions::get),
        Route::new(Method::GET, &one, show::<K>),
        Route::new(Method::PUT, &one, update::<K>),
        Route::new(Method::DELETE, &one, delete::<K>),
        Route::new(Method::GET, &format!("{one}/actions"), actions::<K>),
        Route::new(
            Method::GET,
            &format!("{one}/actions/{{action_id}}"),
            action::<K>,
        ),
    ];
    let actions = K::ACTIONS.iter();
    routes.extend(actions.map(|&(name, operation)| {
        Route::new(Method::POST, &format!("{one}/actions/{name}"), operation)
    }));
    routes
}
