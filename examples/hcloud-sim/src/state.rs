//! The state of a simulated project, and the schedule of its future events.
//!
//! Everything in it is data, so that it can be exported and imported.

use std::collections::BTreeMap;
use std::fmt;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::actions::{Effect, RunningAction};
use crate::catalog;
use crate::certificates::Certificate;
use crate::clock::Clock;
use crate::consoles::Consoles;
use crate::faults::ActionFault;
use crate::firewalls::Firewall;
use crate::floating_ips::FloatingIp;
use crate::images::Image;
use crate::load_balancers::LoadBalancer;
use crate::networks::Network;
use crate::placement_groups::PlacementGroup;
use crate::primary_ips::PrimaryIp;
use crate::resources::Resources;
use crate::servers::Server;
use crate::ssh_keys::SshKey;
use crate::storage_boxes::StorageBox;
use crate::volumes::Volume;
use crate::zones::Zone;

/// One project of the simulated Hetzner Cloud.
///
/// Callers apply due events with [`Cloud::run_due_events`] before they read the state.
#[derive(Deserialize, Serialize)]
pub(crate) struct Cloud {
    pub(crate) servers: Resources<Server>,
    pub(crate) images: Resources<Image>,
    pub(crate) ssh_keys: Resources<SshKey>,
    pub(crate) primary_ips: Resources<PrimaryIp>,
    pub(crate) certificates: Resources<Certificate>,
    pub(crate) firewalls: Resources<Firewall>,
    pub(crate) floating_ips: Resources<FloatingIp>,
    pub(crate) load_balancers: Resources<LoadBalancer>,
    pub(crate) networks: Resources<Network>,
    pub(crate) placement_groups: Resources<PlacementGroup>,
    pub(crate) storage_boxes: Resources<StorageBox>,
    pub(crate) volumes: Resources<Volume>,
    pub(crate) zones: Resources<Zone>,
    pub(crate) actions: BTreeMap<u64, RunningAction>,
    #[serde(with = "pairs")]
    schedule: BTreeMap<(Timestamp, u64), Effect>,
    next_id: u64,
    #[serde(with = "seed")]
    rng: fastrand::Rng,
    #[serde(skip)]
    pub(crate) consoles: Consoles,
    /// What happens to the actions that the current request starts.
    #[serde(skip)]
    pub(crate) action_fault: ActionFault,
    #[serde(skip)]
    pub(crate) clock: Clock,
    #[serde(skip)]
    speed: f64,
    #[serde(skip)]
    schedule_changed: Arc<Notify>,
}

/// The distance between the first IDs of two projects.
const IDS_PER_PROJECT: u64 = 10_000_000;

impl Cloud {
    /// Returns an empty project; the IDs of its resources depend on its `number`.
    pub(crate) fn new(
        number: u64,
        clock: Clock,
        seed: u64,
        speed: f64,
        consoles: Consoles,
    ) -> Self {
        Self {
            servers: Resources::new(),
            images: catalog::images().map(|image| (image.id, image)).collect(),
            ssh_keys: Resources::new(),
            primary_ips: Resources::new(),
            certificates: Resources::new(),
            firewalls: Resources::new(),
            floating_ips: Resources::new(),
            load_balancers: Resources::new(),
            networks: Resources::new(),
            placement_groups: Resources::new(),
            storage_boxes: Resources::new(),
            volumes: Resources::new(),
            zones: Resources::new(),
            actions: BTreeMap::new(),
            schedule: BTreeMap::new(),
            next_id: 100_000_000 + number * IDS_PER_PROJECT,
            rng: fastrand::Rng::with_seed(seed.wrapping_add(number)),
            consoles,
            action_fault: ActionFault::default(),
            clock,
            speed,
            schedule_changed: Arc::default(),
        }
    }

    /// Replaces the resources and actions, but neither the clock nor the URL of the consoles.
    pub(crate) fn replace(&mut self, mut loaded: Self) {
        self.shut_down();
        loaded.consoles = self.consoles.emptied();
        loaded.clock = self.clock.clone();
        loaded.speed = self.speed;
        loaded.schedule_changed = self.schedule_changed.clone();
        *self = loaded;
        self.schedule_changed.notify_one();
    }

    /// Returns the time in whole seconds, as in responses.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        now.round(
            jiff::TimestampRound::new()
                .smallest(Unit::Second)
                .mode(jiff::RoundMode::Trunc),
        )
        .unwrap_or(now)
    }

    /// Returns the ID that [`Cloud::new_id`] returns next.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id + 1
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Returns an alphanumeric password or token.
    pub(crate) fn secret(&mut self, length: usize) -> String {
        iter::repeat_with(|| self.rng.alphanumeric())
            .take(length)
            .collect()
    }

    /// Returns the end of a period that takes `seconds` at Hetzner.
    pub(crate) fn after(&self, start: Timestamp, seconds: f64) -> Timestamp {
        start + Duration::from_secs_f64(seconds / self.speed)
    }

    /// Schedules an effect.
    pub(crate) fn schedule(&mut self, due: Timestamp, effect: Effect) {
        let id = self.new_id();
        self.schedule.insert((due, id), effect);
        self.schedule_changed.notify_one();
    }

    /// Applies all due effects, and returns the time of the next one.
    pub(crate) fn run_due_events(&mut self) -> Option<Timestamp> {
        while let Some(entry) = self.schedule.first_entry() {
            let &(due, _) = entry.key();
            if due > self.clock.now() {
                return Some(due);
            }
            let effect = entry.remove();
            effect.apply(self);
        }
        None
    }

    /// Returns the actions that have not ended.
    pub(crate) fn running_actions(&self) -> impl Iterator<Item = &RunningAction> {
        self.schedule.values().filter_map(|effect| match effect {
            Effect::End(action) => self.actions.get(action),
            _ => None,
        })
    }

    /// Returns a notification for changes of the time returned by [`Cloud::run_due_events`].
    pub(crate) fn schedule_changed(&self) -> Arc<Notify> {
        self.schedule_changed.clone()
    }
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud")
            .field("servers", &self.servers.len())
            .finish_non_exhaustive()
    }
}

/// The schedule as a list, because keys of JSON objects are strings.
mod pairs {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::actions::Effect;

    type Schedule = BTreeMap<(Timestamp, u64), Effect>;

    pub(super) fn serialize<S: Serializer>(
        schedule: &Schedule,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(schedule)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Schedule, D::Error> {
        Vec::deserialize(deserializer).map(|pairs: Vec<_>| pairs.into_iter().collect())
    }
}

mod seed {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        rng: &fastrand::Rng,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(rng.get_seed())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<fastrand::Rng, D::Error> {
        u64::deserialize(deserializer).map(fastrand::Rng::with_seed)
    }
}
