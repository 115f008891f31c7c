//! The state of the simulated cloud, and the agenda of what happens to it next.

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

/// One project at the simulated Hetzner Cloud.
///
/// Whoever looks at it first calls [`Cloud::settle`], which carries out what has become due.
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
    /// The actions that the present request starts are to fail.
    pub(crate) failing: bool,
    pub(crate) clock: Clock,
    speed: f64,
    rng: fastrand::Rng,
    next_id: u64,
    agenda: BTreeMap<(Timestamp, u64), Event>,
    agenda_changed: Arc<Notify>,
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
            failing: false,
            clock,
            speed,
            rng: fastrand::Rng::with_seed(seed),
            next_id: 100_000_000,
            agenda: BTreeMap::new(),
            agenda_changed: Arc::default(),
        }
    }

    /// The time in whole seconds, as the API states it.
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

    /// Letters and digits: a password, or a token.
    pub(crate) fn secret(&mut self, length: usize) -> String {
        iter::repeat_with(|| self.rng.alphanumeric())
            .take(length)
            .collect()
    }

    /// The time at which something ends that takes so many seconds of a real cloud's time.
    pub(crate) fn after(&self, start: Timestamp, seconds: f64) -> Timestamp {
        start + Duration::from_secs_f64(seconds / self.speed)
    }

    /// Lets something happen at a time; what is due at once happens at once.
    pub(crate) fn at(&mut self, due: Timestamp, event: impl FnOnce(&mut Self) + Send + 'static) {
        let id = self.new_id();
        self.agenda.insert((due, id), Box::new(event));
        self.agenda_changed.notify_one();
    }

    /// Carries out what has become due, and says when something becomes due next.
    pub(crate) fn settle(&mut self) -> Option<Timestamp> {
        while let Some(entry) = self.agenda.first_entry() {
            let &(due, _) = entry.key();
            if due > self.clock.now() {
                return Some(due);
            }
            let event = entry.remove();
            event(self);
        }
        None
    }

    /// Notifies whoever waits for the time that [`Cloud::settle`] said.
    pub(crate) fn agenda_changed(&self) -> Arc<Notify> {
        self.agenda_changed.clone()
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
