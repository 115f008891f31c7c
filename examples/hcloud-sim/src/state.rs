//! The state of the simulated cloud, and the schedule of its future events.

use std::collections::BTreeMap;
use std::fmt;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Unit};
use tokio::sync::Notify;

use crate::actions::Action;
use crate::catalog;
use crate::clock::Clock;
use crate::consoles::Consoles;
use crate::errors::ApiError;
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
use crate::volumes::Volume;
use crate::zones::Zone;

/// One project of the simulated Hetzner Cloud.
///
/// Callers apply due events with [`Cloud::run_due_events`] before they read the state.
pub(crate) struct Cloud {
    pub(crate) servers: BTreeMap<u64, Server>,
    pub(crate) images: BTreeMap<u64, Image>,
    pub(crate) ssh_keys: BTreeMap<u64, SshKey>,
    pub(crate) primary_ips: BTreeMap<u64, PrimaryIp>,
    pub(crate) firewalls: Resources<Firewall>,
    pub(crate) floating_ips: Resources<FloatingIp>,
    pub(crate) load_balancers: Resources<LoadBalancer>,
    pub(crate) networks: Resources<Network>,
    pub(crate) placement_groups: Resources<PlacementGroup>,
    pub(crate) volumes: Resources<Volume>,
    pub(crate) zones: Resources<Zone>,
    pub(crate) actions: BTreeMap<u64, Action>,
    pub(crate) consoles: Consoles,
    /// What happens to the actions that the current request starts.
    pub(crate) action_fault: ActionFault,
    pub(crate) clock: Clock,
    speed: f64,
    rng: fastrand::Rng,
    next_id: u64,
    schedule: BTreeMap<(Timestamp, u64), Event>,
    schedule_changed: Arc<Notify>,
}

type Event = Box<dyn FnOnce(&mut Cloud) + Send>;

impl Cloud {
    pub(crate) fn new(clock: Clock, seed: u64, speed: f64, consoles: Consoles) -> Self {
        Self {
            servers: BTreeMap::new(),
            images: catalog::images().map(|image| (image.id, image)).collect(),
            ssh_keys: BTreeMap::new(),
            primary_ips: BTreeMap::new(),
            firewalls: Resources::new(),
            floating_ips: Resources::new(),
            load_balancers: Resources::new(),
            networks: Resources::new(),
            placement_groups: Resources::new(),
            volumes: Resources::new(),
            zones: Resources::new(),
            actions: BTreeMap::new(),
            consoles,
            action_fault: ActionFault::default(),
            clock,
            speed,
            rng: fastrand::Rng::with_seed(seed),
            next_id: 100_000_000,
            schedule: BTreeMap::new(),
            schedule_changed: Arc::default(),
        }
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

    /// Schedules an event.
    pub(crate) fn schedule(
        &mut self,
        due: Timestamp,
        event: impl FnOnce(&mut Self) + Send + 'static,
    ) {
        let id = self.new_id();
        self.schedule.insert((due, id), Box::new(event));
        self.schedule_changed.notify_one();
    }

    /// Applies all due events, and returns the time of the next one.
    pub(crate) fn run_due_events(&mut self) -> Option<Timestamp> {
        while let Some(entry) = self.schedule.first_entry() {
            let &(due, _) = entry.key();
            if due > self.clock.now() {
                return Some(due);
            }
            let event = entry.remove();
            event(self);
        }
        None
    }

    /// Returns a notification for changes of the time returned by [`Cloud::run_due_events`].
    pub(crate) fn schedule_changed(&self) -> Arc<Notify> {
        self.schedule_changed.clone()
    }

    pub(crate) fn server(&self, id: u64) -> Result<&Server, ApiError> {
        self.servers
            .get(&id)
            .ok_or_else(|| ApiError::not_found("server", id))
    }

    pub(crate) fn server_mut(&mut self, id: u64) -> Result<&mut Server, ApiError> {
        self.servers
            .get_mut(&id)
            .ok_or_else(|| ApiError::not_found("server", id))
    }
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud")
            .field("servers", &self.servers.len())
            .finish_non_exhaustive()
    }
}
