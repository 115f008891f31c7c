//! The common fields and operations of most resources; each [`Kind`] adds its own.

use std::collections::BTreeMap;

use axum::Router;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::{self, Action, Job, ResourceRef, action_response};
use crate::call::{Answer, Call, Operation, Reply};
use crate::errors::ApiError;
use crate::http::{Shared, run};
use crate::images::Protection;
use crate::labels::{self, Labels};
use crate::paging::{Page, SortKeys};
use crate::state::Cloud;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Resource<K> {
    pub(crate) id: u64,
    pub(crate) name: String,
    labels: Labels,
    created: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protection: Option<Protection>,
    #[serde(flatten)]
    pub(crate) own: K,
}

/// All resources of a kind, by ID.
pub(crate) type Resources<K> = BTreeMap<u64, Resource<K>>;

/// A kind of resource.
pub(crate) trait Kind: Serialize + Sized + 'static {
    /// The singular in bodies and actions, such as `firewall`.
    const ONE: &'static str;
    /// The plural in bodies and paths, such as `firewalls`.
    const MANY: &'static str;
    /// Whether resources can be protected against deletion.
    const IS_PROTECTED: bool;
    /// The last path segments of the actions, and their operations.
    const ACTIONS: &'static [(&'static str, Operation)];

    fn all(cloud: &Cloud) -> &Resources<Self>;
    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self>;

    /// Creates a resource.
    fn create(cloud: &mut Cloud, call: &Call) -> Reply;

    /// Returns the JSON representation of a resource.
    fn view(it: &Resource<Self>, _cloud: &Cloud) -> Value {
        json!(it)
    }

    /// Returns whether a resource matches the query parameters other than name and labels.
    fn matches_query(&self, _call: &Call) -> bool {
        true
    }

    /// Applies the fields of an update other than name and labels.
    fn update(&mut self, _call: &Call) -> Result<(), ApiError> {
        Ok(())
    }

    /// Detaches a resource before it is deleted; returns an error if it is still in use.
    fn detach(_it: &Resource<Self>, _cloud: &mut Cloud) -> Result<(), ApiError> {
        Ok(())
    }

    /// Returns the response to a deletion.
    fn deleted(_cloud: &mut Cloud, _id: u64) -> Reply {
        Answer::no_content()
    }
}

/// The common fields of requests to create a resource.
#[derive(Deserialize)]
struct Create {
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
    let id = cloud.new_id();
    let created = cloud.now();
    let resource = Resource {
        id,
        name,
        labels,
        created,
        protection: K::IS_PROTECTED.then(Protection::default),
        own,
    };
    K::all_mut(cloud).insert(id, resource);
    Ok(id)
}

fn check_name<K: Kind>(cloud: &Cloud, name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(ApiError::invalid("name", "must not be empty"));
    }
    if K::all(cloud).values().any(|other| other.name == name) {
        let kind = K::ONE.replace('_', " ");
        return Err(ApiError::not_unique(
            "name",
            &format!("{kind} name is already used"),
        ));
    }
    Ok(())
}

/// Returns a resource by an ID in the body.
pub(crate) fn by_id<K: Kind>(cloud: &mut Cloud, id: u64) -> Result<&mut Resource<K>, ApiError> {
    K::all_mut(cloud)
        .get_mut(&id)
        .ok_or_else(|| ApiError::not_found(&K::ONE.replace('_', " "), id))
}

/// Returns the resource in the path, by its ID or, on some routes, by its name.
pub(crate) fn find<'a, K: Kind>(
    cloud: &'a mut Cloud,
    call: &Call,
) -> Result<&'a mut Resource<K>, ApiError> {
    let id = match call.id("id") {
        Ok(id) => id,
        Err(error) => call
            .path("id_or_name")
            .and_then(|key| {
                let by_id = key.parse().ok().filter(|id| K::all(cloud).contains_key(id));
                let mut all = K::all(cloud).values();
                by_id.or_else(|| all.find(|it| it.name == key).map(|it| it.id))
            })
            .ok_or_else(|| match call.path("id_or_name") {
                Some(key) => ApiError::not_found(K::ONE, key),
                None => error,
            })?,
    };
    by_id(cloud, id)
}

/// Starts an action on a resource that has already been changed, and responds with it.
pub(crate) fn respond_with_action<K: Kind>(
    cloud: &mut Cloud,
    id: u64,
    command: &'static str,
) -> Reply {
    action_response(&begin::<K>(cloud, id, command))
}

/// Starts an action on a resource that has already been changed.
pub(crate) fn begin<K: Kind>(cloud: &mut Cloud, id: u64, command: &'static str) -> Action {
    cloud.begin(Job::on(command, [ResourceRef::of::<K>(id)]), |_| {})
}

/// Returns the JSON representation of a resource.
pub(crate) fn view<K: Kind>(cloud: &Cloud, id: u64) -> Value {
    K::view(&K::all(cloud)[&id], cloud)
}

pub(crate) fn change_protection<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    let it = find::<K>(cloud, call)?;
    let Protection { delete } = call.body()?;
    it.protection = Some(Protection { delete });
    let id = it.id;
    respond_with_action::<K>(cloud, id, "change_protection")
}

fn list<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    let sort_keys: &SortKeys<Resource<K>> = &[
        ("id", |a, b| a.id.cmp(&b.id)),
        ("name", |a, b| a.name.cmp(&b.name)),
        ("created", |a, b| a.created.cmp(&b.created)),
    ];
    let selector = call.selector()?;
    let found = K::all(cloud).values().filter(|it| {
        call.allows("name", &it.name) && selector.matches(&it.labels) && it.own.matches_query(call)
    });
    Answer::ok(&Page::of(K::MANY, found, call, sort_keys)?.map(|it| K::view(it, cloud)))
}

fn show<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    let id = find::<K>(cloud, call)?.id;
    Answer::one(K::ONE, &view::<K>(cloud, id))
}

fn update<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Update {
        name: Option<String>,
        labels: Option<Labels>,
    }
    let update: Update = call.body()?;
    let present = find::<K>(cloud, call)?.name.clone();
    if let Some(new) = &update.labels {
        labels::check(new)?;
    }
    if let Some(name) = update.name.as_deref().filter(|name| *name != present) {
        check_name::<K>(cloud, name)?;
    }
    let it = find::<K>(cloud, call)?;
    it.own.update(call)?;
    it.name = update.name.unwrap_or(present);
    it.labels = update.labels.unwrap_or_else(|| it.labels.clone());
    let id = it.id;
    Answer::one(K::ONE, &view::<K>(cloud, id))
}

fn delete<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    let it = find::<K>(cloud, call)?;
    if it.protection.is_some_and(|protection| protection.delete) {
        return Err(ApiError::new("protected"));
    }
    let id = it.id;
    let it = K::all_mut(cloud).remove(&id).expect("it was found");
    match K::detach(&it, cloud) {
        Ok(()) => K::deleted(cloud, id),
        Err(error) => {
            K::all_mut(cloud).insert(id, it);
            Err(error)
        }
    }
}

fn actions<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    let it = ResourceRef::of::<K>(find::<K>(cloud, call)?.id);
    actions::list_of(cloud, call, it)
}

fn action<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    let it = ResourceRef::of::<K>(find::<K>(cloud, call)?.id);
    actions::get_of(cloud, call, it)
}

/// Returns the routes of a kind; `key` is the path parameter of a resource, `id` or `id_or_name`.
pub(crate) fn routes<K: Kind>(key: &str) -> Router<Shared> {
    let all = format!("/{}", K::MANY);
    let one = format!("{all}/{{{key}}}");
    let router = Router::new()
        .route(&all, get(run(list::<K>)).post(run(K::create)))
        .route(
            &format!("{all}/actions"),
            get(run(|cloud, call| {
                actions::list_of_kind(cloud, call, K::ONE)
            })),
        )
        .route(&format!("{all}/actions/{{id}}"), get(run(actions::get)))
        .route(
            &one,
            get(run(show::<K>))
                .put(run(update::<K>))
                .delete(run(delete::<K>)),
        )
        .route(&format!("{one}/actions"), get(run(actions::<K>)))
        .route(
            &format!("{one}/actions/{{action_id}}"),
            get(run(action::<K>)),
        );
    K::ACTIONS
        .iter()
        .fold(router, |router, &(name, operation)| {
            router.route(&format!("{one}/actions/{name}"), post(run(operation)))
        })
}
