//! Backends with one mistake each: the conformance suite finds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hcc_queue::conformance::{self, Fixture};
use hcc_queue::{
    Channel, Command, CommandId, Commands, Counts, Entry, Error, Lease, Memory, Page, PageCursor,
    Presence, Pushed, Queue, RawEvent, Reason, Received, Result, State, Subscription,
};
use tokio::runtime::Runtime;
use tokio::time::sleep;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    None,
    AgeIsZero,
    AckOfAStaleLeaseSucceeds,
    ReleaseHasNoDelay,
    ExtensionIsIgnored,
    BusyServerDelaysLeases,
    NothingIsPending,
    NewestIsFirst,
    NumbersAreDoubles,
    DeadLettersStay,
    LagNeverEnds,
    LongMessagesAreCut,
}

/// The memory backend with a mistake.
#[derive(Clone, Debug)]
struct Mutant {
    queue: Queue,
    memory: Memory,
    mistake: Mistake,
}

impl Mutant {
    fn new(mistake: Mistake) -> Self {
        let memory = Memory::default();
        Self {
            queue: memory.queue(),
            memory,
            mistake,
        }
    }

    fn has(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    fn commands(&self) -> &dyn Commands {
        self.queue.commands()
    }

    async fn changed(&self, lease: Option<Lease>) -> Option<Lease> {
        let mut lease = lease?;
        if self.has(Mistake::AgeIsZero) {
            lease.age = Duration::ZERO;
        }
        if self.has(Mistake::BusyServerDelaysLeases) {
            let waiting = self.commands().counts().await.unwrap().waiting;
            sleep(Duration::from_millis(1) * waiting as u32).await;
        }
        Some(lease)
    }
}

#[async_trait]
impl Fixture for Mutant {
    async fn queue(&self) -> Queue {
        let this = || Arc::new(self.clone());
        Queue::new(this(), this(), this())
    }

    async fn insert(&self, verb: &str, server: &str, args: &str) {
        self.memory.insert(verb, server, args).await;
    }
}

#[async_trait]
impl Commands for Mutant {
    async fn init(&self) -> Result<()> {
        self.commands().init().await
    }

    async fn push(&self, command: &Command, delay: Duration) -> Result<Pushed> {
        let mut command = command.clone();
        if self.has(Mistake::NumbersAreDoubles) {
            for value in command
                .args
                .as_object_mut()
                .into_iter()
                .flat_map(|args| args.values_mut())
            {
                if let Some(number) = value.as_f64() {
                    *value = number.into();
                }
            }
        }
        self.commands().push(&command, delay).await
    }

    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        let lease = self.commands().lease(duration).await?;
        Ok(self.changed(lease).await)
    }

    fn announce(&self) -> Box<dyn Presence> {
        self.commands().announce()
    }

    async fn extend(&self, lease: &Lease, duration: Duration) -> Result<()> {
        if self.has(Mistake::ExtensionIsIgnored) {
            return Ok(());
        }
        self.commands().extend(lease, duration).await
    }

    async fn ack(&self, lease: Lease) -> Result<()> {
        let id = lease.command.id.clone();
        match self.commands().ack(lease).await {
            Err(Error::LeaseLost { .. }) if self.has(Mistake::AckOfAStaleLeaseSucceeds) => {
                self.commands().remove(&id).await.map(drop)
            }
            done => done,
        }
    }

    async fn release(&self, lease: Lease, delay: Duration, reason: &str) -> Result<()> {
        let delay = match self.mistake {
            Mistake::ReleaseHasNoDelay => Duration::ZERO,
            _ => delay,
        };
        self.commands().release(lease, delay, reason).await
    }

    async fn bury(&self, lease: Lease, reason: &Reason) -> Result<()> {
        self.commands().bury(lease, reason).await
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        self.commands().next_due().await
    }

    async fn get(&self, id: &CommandId) -> Result<Option<Entry>> {
        self.commands().get(id).await
    }

    async fn first(&self, server: &str) -> Result<Option<Entry>> {
        if self.has(Mistake::NothingIsPending) {
            return Ok(None);
        }
        if self.has(Mistake::NewestIsFirst) {
            let entries = self.commands().list(None, 100).await?.entries;
            let mut newest = entries.into_iter().rev();
            return Ok(newest.find(|it| it.command.server == server && it.state != State::Dead));
        }
        self.commands().first(server).await
    }

    async fn counts(&self) -> Result<Counts> {
        self.commands().counts().await
    }

    async fn list(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        self.commands().list(after, limit).await
    }

    async fn dead_letters(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        self.commands().dead_letters(after, limit).await
    }

    async fn count_dead(&self) -> Result<u64> {
        self.commands().count_dead().await
    }

    async fn retry(&self, id: &CommandId) -> Result<bool> {
        self.commands().retry(id).await
    }

    async fn remove(&self, id: &CommandId) -> Result<bool> {
        self.commands().remove(id).await
    }

    async fn delete_dead(&self, age: Duration) -> Result<u64> {
        if self.has(Mistake::DeadLettersStay) {
            return Ok(0);
        }
        self.commands().delete_dead(age).await
    }

    async fn version(&self) -> Result<String> {
        self.commands().version().await
    }
}

#[async_trait]
impl Channel<String> for Mutant {
    async fn send(&self, message: &String) -> Result<()> {
        let cut = message
            .char_indices()
            .nth(8_000)
            .map(|(at, _)| &message[..at]);
        match cut {
            Some(cut) if self.has(Mistake::LongMessagesAreCut) => {
                self.queue.signals().send(&cut.to_owned()).await
            }
            _ => self.queue.signals().send(message).await,
        }
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<String>>> {
        Ok(Box::new(Subscribed {
            inner: self.queue.signals().subscribe().await?,
            never_recovers: self.has(Mistake::LagNeverEnds),
            has_lagged: AtomicBool::default(),
        }))
    }

    async fn recent(&self) -> Result<Vec<String>> {
        self.queue.signals().recent().await
    }
}

#[async_trait]
impl Channel<RawEvent> for Mutant {
    async fn send(&self, message: &RawEvent) -> Result<()> {
        self.queue.events().send(message).await
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<RawEvent>>> {
        self.queue.events().subscribe().await
    }

    async fn recent(&self) -> Result<Vec<RawEvent>> {
        self.queue.events().recent().await
    }
}

struct Subscribed {
    inner: Box<dyn Subscription<String>>,
    never_recovers: bool,
    has_lagged: AtomicBool,
}

#[async_trait]
impl Subscription<String> for Subscribed {
    async fn next(&mut self) -> Result<Received<String>> {
        if self.never_recovers && self.has_lagged.load(Ordering::Relaxed) {
            return Ok(Received::Lagged);
        }
        let received = self.inner.next().await?;
        let lagged = received == Received::Lagged;
        self.has_lagged.store(lagged, Ordering::Relaxed);
        Ok(received)
    }
}

/// Runs a case in a thread of its own; returns whether it passed.
fn passes(mistake: Mistake, case: impl AsyncFnOnce(&dyn Fixture) + Send + 'static) -> bool {
    let run = move || {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async { case(&Mutant::new(mistake)).await });
    };
    std::thread::spawn(run).join().is_ok()
}

macro_rules! mutants {
    ($($test:ident: $mistake:ident dies in $case:ident;)*) => {
        $(#[test]
        fn $test() {
            assert!(passes(Mistake::None, async |fixture| conformance::$case(fixture).await));
            assert!(!passes(Mistake::$mistake, async |fixture| conformance::$case(fixture).await));
        })*
    };
}

mutants! {
    age_that_stays_zero: AgeIsZero dies in age_grows_while_a_command_waits;
    stale_ack_that_succeeds: AckOfAStaleLeaseSucceeds dies in stale_lease_changes_nothing;
    release_without_delay: ReleaseHasNoDelay dies in released_command_waits_for_its_delay;
    extension_without_effect: ExtensionIsIgnored dies in extended_lease_excludes_others;
    lease_that_a_busy_server_delays: BusyServerDelaysLeases dies in busy_server_does_not_slow_down_the_others;
    commands_that_are_not_pending: NothingIsPending dies in server_has_pending_commands_until_they_end;
    newest_command_as_the_first: NewestIsFirst dies in first_command_of_a_server_is_found;
    numbers_as_doubles: NumbersAreDoubles dies in numbers_arrive_exactly;
    dead_letters_for_good: DeadLettersStay dies in expired_dead_letters_are_deleted;
    lag_without_end: LagNeverEnds dies in slow_subscriber_receives_lagged;
    long_messages_that_are_cut: LongMessagesAreCut dies in long_messages_are_received_whole;
}
