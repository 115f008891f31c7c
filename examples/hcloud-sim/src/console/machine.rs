//! The machine of a console: power, keyboard, and a screen for any number of viewers.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::guest::{Guest, Request, System};
use super::keyboard::Key;
use super::screen::Screen;
use crate::clock::Clock;

/// A machine with a text screen; clones are handles to the same machine.
///
/// No task runs for a machine: the screen is brought up to date with the clock when it is read.
#[derive(Clone)]
pub(crate) struct Machine {
    clock: Clock,
    /// `None` while the power is off; dropping the sender ends all viewers.
    running: Arc<Mutex<Option<watch::Sender<Running>>>>,
}

#[derive(Debug)]
struct Running {
    since: Timestamp,
    guest: Guest,
}

impl Machine {
    /// Returns a machine that is switched off.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            running: Arc::default(),
        }
    }

    /// Switches the machine on, with a time in the past if needed; resets it, with its viewers, if it is on.
    pub(crate) fn power_on(&self, system: System, since: Timestamp) {
        let running = Running {
            since,
            guest: Guest::boot(system),
        };
        let mut lock = self.lock();
        match &*lock {
            Some(power) => drop(power.send_replace(running)),
            None => *lock = Some(watch::Sender::new(running)),
        }
    }

    /// Switches the machine off, which ends all sessions.
    pub(crate) fn power_off(&self) {
        *self.lock() = None;
    }

    /// Returns whether the power is on; the command `poweroff` in the console switches it off.
    pub(crate) fn is_on(&self) -> bool {
        self.lock().is_some()
    }

    /// Returns the text on the screen without trailing whitespace; empty while the power is off.
    pub(crate) fn text(&self) -> String {
        let mut viewer = self.watch();
        viewer
            .as_mut()
            .map(|viewer| viewer.screen().text())
            .unwrap_or_default()
    }

    /// Presses a key on the machine's keyboard.
    pub(super) fn press(&self, key: Key) {
        let mut lock = self.lock();
        let Some(running) = &*lock else { return };
        let mut request = None;
        running.send_modify(|running| {
            let uptime = running.uptime(self.clock.now());
            running.guest.advance(uptime);
            request = running.guest.press(key, uptime);
        });
        match request {
            Some(Request::PowerOff) => *lock = None,
            Some(Request::Reboot) => running.send_modify(|running| running.reset(self.clock.now())),
            None => {}
        }
    }

    /// Returns a viewer of the screen; `None` while the power is off.
    pub(super) fn watch(&self) -> Option<Viewer> {
        let running = self.lock().as_ref()?.subscribe();
        Some(Viewer {
            machine: self.clone(),
            running,
        })
    }

    /// Brings the screen up to date with the clock.
    fn catch_up(&self) {
        if let Some(running) = &*self.lock() {
            running.send_if_modified(|running| {
                let uptime = running.uptime(self.clock.now());
                running.guest.advance(uptime)
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<watch::Sender<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("is_on", &self.is_on())
            .finish_non_exhaustive()
    }
}

impl Running {
    fn reset(&mut self, now: Timestamp) {
        self.since = now;
        self.guest = Guest::boot(self.guest.system().clone());
    }

    fn uptime(&self, now: Timestamp) -> Duration {
        now.duration_since(self.since).unsigned_abs()
    }

    fn next_change(&self) -> Option<Timestamp> {
        self.guest.next_change().map(|uptime| self.since + uptime)
    }
}

/// A viewer of a machine's screen.
#[derive(Clone, Debug)]
pub(super) struct Viewer {
    machine: Machine,
    running: watch::Receiver<Running>,
}

impl Viewer {
    pub(super) fn hostname(&self) -> String {
        self.running.borrow().guest.system().hostname.clone()
    }

    /// Returns the current screen.
    pub(super) fn screen(&mut self) -> Screen {
        self.machine.catch_up();
        self.running.borrow_and_update().guest.screen().clone()
    }

    /// Waits until the screen may differ from the last return value of [`Viewer::screen`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(super) async fn changed(&mut self) -> Result<(), PoweredOff> {
        let due = self.running.borrow().next_change();
        let due = async {
            match due {
                Some(due) => self.machine.clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.running.changed() => changed.map_err(|_| PoweredOff),
            () = due => {
                self.machine.catch_up();
                Ok(())
            }
        }
    }

    /// Waits until the machine is switched off.
    pub(super) async fn powered_off(mut self) {
        while self.running.changed().await.is_ok() {}
    }
}

/// The error for a machine that has been switched off.
#[derive(Debug)]
pub(super) struct PoweredOff;

#[cfg(test)]
mod tests {
    use super::*;

    fn running(clock: &Clock) -> Machine {
        let machine = Machine::new(clock.clone());
        let system = System {
            hostname: "web1".into(),
            release: "Debian GNU/Linux 13".into(),
        };
        machine.power_on(system, clock.now());
        machine
    }

    #[tokio::test]
    async fn machine_boots_by_its_clock() {
        let clock = Clock::default();
        let machine = running(&clock);
        assert!(machine.text().starts_with("Booting"));

        clock.advance(Duration::from_secs(2));

        assert!(machine.text().ends_with("web1 login:"));
    }

    #[tokio::test]
    async fn viewer_is_woken_by_the_clock_by_keys_and_by_power_off() {
        let clock = Clock::default();
        let machine = running(&clock);
        let mut viewer = machine.watch().unwrap();

        let (changed, ()) = tokio::join!(viewer.changed(), async {
            clock.advance(Duration::from_secs(2));
        });
        assert!(changed.is_ok());
        assert!(viewer.screen().text().ends_with("login:"));

        let (changed, ()) = tokio::join!(viewer.changed(), async {
            machine.press(Key::Character('x'));
        });
        assert!(changed.is_ok());
        assert!(viewer.screen().text().ends_with("login: x"));

        let (changed, ()) = tokio::join!(viewer.changed(), async { machine.power_off() });
        assert!(changed.is_err());
    }

    #[tokio::test]
    async fn viewers_share_one_screen_and_stay_over_a_reboot() {
        let clock = Clock::default();
        let machine = running(&clock);
        clock.advance(Duration::from_secs(2));
        let (mut one, mut two) = (machine.watch().unwrap(), machine.watch().unwrap());

        machine.press(Key::Character('x'));
        assert_eq!(one.screen(), two.screen());

        machine.press(Key::ControlAltDelete);
        assert!(one.screen().text().starts_with("Booting"));
        assert!(two.changed().await.is_ok());
    }

    #[tokio::test]
    async fn machine_that_is_off_shows_nothing() {
        let machine = running(&Clock::default());

        machine.power_off();

        assert!(!machine.is_on());
        assert!(machine.watch().is_none());
        assert_eq!(machine.text(), "");
    }
}
