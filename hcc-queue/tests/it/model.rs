//! Random calls: every database returns the same results as the reference in memory.

use std::mem::discriminant;
use std::time::Duration;

use fastrand::Rng;
use hcc_queue::{Command, CommandId, Entry, Lease, Memory, Queue, Result, open};

use crate::place::{Kind, everywhere};
use crate::processes::Test;

const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_secs(60 * 60);

everywhere! {
    results_equal_those_of_the_reference
}

async fn results_equal_those_of_the_reference(test: Test) {
    for _ in 0..4 {
        let place = test.kind.shared().await;
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut both = Both {
            model: Memory::default().queue(),
            real: open(&place.url.parse().unwrap()).await.unwrap(),
            // The contract does not define the order of servers; that of MongoDB differs.
            servers: match test.kind {
                Kind::Mongod | Kind::ReplicaSet => &["a"],
                Kind::Sqlite | Kind::Redis => &["a", "b", "c"],
            },
            ids: vec!["unknown".into()],
            leases: Vec::new(),
            rng: Rng::with_seed(seed),
        };
        for _ in 0..150 {
            both.step().await;
        }
    }
}

/// A queue, and its model.
struct Both {
    model: Queue,
    real: Queue,
    servers: &'static [&'static str],
    ids: Vec<CommandId>,
    /// Pairs of leases of both queues; some are stale.
    leases: Vec<[Lease; 2]>,
    rng: Rng,
}

impl Both {
    async fn step(&mut self) {
        let (model, real) = (self.model.commands(), self.real.commands());
        let id = self.rng.choice(&self.ids).unwrap().clone();
        match self.rng.u8(..12) {
            0..4 => {
                let verb = *self.rng.choice(&["start", "stop"]).unwrap();
                let server = *self.rng.choice(self.servers).unwrap();
                let command = Command {
                    by: self.rng.bool().then(|| "mary".to_owned()),
                    ..Command::new(verb, server)
                };
                let delay = if self.rng.u8(..4) == 0 { HOUR } else { NOW };
                same(
                    model.push(&command, delay).await.map(|pushed| pushed.id),
                    real.push(&command, delay).await.map(|pushed| pushed.id),
                );
                self.ids.push(command.id);
            }
            4..6 => self.lease(HOUR).await,
            // An expired lease is valid until the next, which a later step may acquire.
            6 => {
                self.lease(NOW).await;
                if let Some(leases) = self.leases.last() {
                    self.extend(leases).await;
                }
            }
            7 => same(model.retry(&id).await, real.retry(&id).await),
            8 => same(model.remove(&id).await, real.remove(&id).await),
            9 if self.rng.u8(..8) == 0 => {
                same(model.delete_dead(NOW).await, real.delete_dead(NOW).await);
            }
            _ => self.settle().await,
        }
        self.compare().await;
    }

    async fn lease(&mut self, duration: Duration) {
        let model = self.model.commands().lease(duration).await.unwrap();
        let real = self.real.commands().lease(duration).await.unwrap();
        let summary = |lease: &Lease| (lease.command.id.clone(), lease.attempt);
        assert_eq!(real.as_ref().map(summary), model.as_ref().map(summary));
        self.leases.extend(model.zip(real).map(<[Lease; 2]>::from));
    }

    async fn extend(&self, [of_model, of_real]: &[Lease; 2]) {
        let (model, real) = (self.model.commands(), self.real.commands());
        same(
            model.extend(of_model, HOUR).await,
            real.extend(of_real, HOUR).await,
        );
    }

    /// Uses a lease, possibly a stale one.
    async fn settle(&mut self) {
        if self.leases.is_empty() {
            return;
        }
        let any = self.rng.usize(..self.leases.len());
        let leases = self.leases.swap_remove(any);
        if self.rng.bool() {
            self.leases.push(leases.each_ref().map(copy));
        }
        let [of_model, of_real] = leases;
        let (model, real) = (self.model.commands(), self.real.commands());
        match self.rng.u8(..4) {
            0 => self.extend(&[of_model, of_real]).await,
            1 => same(model.ack(of_model).await, real.ack(of_real).await),
            2 => same(
                model.release(of_model, HOUR, "locked").await,
                real.release(of_real, HOUR, "locked").await,
            ),
            _ => same(
                model.bury(of_model, &"no".into()).await,
                real.bury(of_real, &"no".into()).await,
            ),
        }
    }

    /// Compares everything that can be read from both.
    async fn compare(&self) {
        let (model, real) = (self.model.commands(), self.real.commands());
        let summary = |entries: Vec<Entry>| -> Vec<_> {
            let fields = |entry: Entry| {
                let Command {
                    id,
                    verb,
                    server,
                    by,
                    ..
                } = entry.command;
                (
                    id,
                    verb,
                    server,
                    by,
                    entry.attempts,
                    discriminant(&entry.state),
                    entry.reason,
                )
            };
            entries.into_iter().map(fields).collect()
        };
        same(
            self.model.list_all().await.map(summary),
            self.real.list_all().await.map(summary),
        );
        same(model.counts().await, real.counts().await);
        for server in self.servers {
            let first = |first: Option<Entry>| first.map(|first| first.command.id);
            same(
                model.first(server).await.map(first),
                real.first(server).await.map(first),
            );
        }
        let rough = |due: Option<Duration>| due.map(|due| due > HOUR / 2);
        same(
            model.next_due().await.map(rough),
            real.next_due().await.map(rough),
        );
    }
}

/// A copy of a lease, as a faulty worker might use it.
fn copy(lease: &Lease) -> Lease {
    let command = lease.command.clone();
    Lease::new(command, lease.token, lease.attempt, lease.age)
}

/// Both succeeded with equal results, or failed with equal errors.
fn same<T: PartialEq + std::fmt::Debug>(model: Result<T>, real: Result<T>) {
    let message = |result: Result<T>| result.map_err(|error| error.to_string());
    assert_eq!(message(real), message(model));
}
