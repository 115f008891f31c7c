//! Signals that end a process, and work that they must not cut off.

use std::future::pending;
use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::error::{CliError, Exit, Result};

/// How many [`ShutdownSignals`] catch the signals that end a process.
static CATCHING: AtomicUsize = AtomicUsize::new(0);

/// Reports the first [`ShutdownSignals`].
static CAUGHT: Notify = Notify::const_new();

/// Waits for a signal that nothing else catches and that does not end the process by itself:
/// it was caught earlier, or the kernel does not deliver it to the first process of a container.
/// Returns the exit code.
pub(crate) async fn end_by_signal() -> ExitCode {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        const FIRST: u32 = 1;
        if std::process::id() != FIRST {
            CAUGHT.notified().await;
        }
        let next = async |kind: SignalKind, exit: Exit| {
            let Ok(mut received) = signal(kind) else {
                return pending().await;
            };
            loop {
                received.recv().await;
                if CATCHING.load(Ordering::Relaxed) == 0 {
                    return exit.into();
                }
            }
        };
        tokio::select! {
            code = next(SignalKind::interrupt(), Exit::Interrupted) => code,
            code = next(SignalKind::terminate(), Exit::Terminated) => code,
        }
    }
    #[cfg(windows)]
    pending().await
}

/// What SIGHUP means to a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// It ends the process, unless it was ignored at the start, as by nohup.
    Ends,
    /// It asks for a reload, unless it reports the end of the terminal.
    Reloads,
}

/// The signals that shut a process down: Ctrl-C, SIGTERM, and SIGHUP or the end of its terminal.
pub(crate) struct ShutdownSignals {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
    #[cfg(unix)]
    hangups: Hangups,
    #[cfg(windows)]
    signal: tokio::signal::windows::CtrlC,
}

impl ShutdownSignals {
    /// Catches them from now on: they no longer end the process by themselves.
    pub(crate) fn listen(hangup: Hangup) -> io::Result<Self> {
        #[cfg(unix)]
        let caught = {
            use tokio::signal::unix::{SignalKind, signal};

            let signals = [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            ];
            let hangups = Hangups::listen(hangup)?;
            Self { signals, hangups }
        };
        #[cfg(windows)]
        let caught = {
            let _ = hangup;
            let signal = tokio::signal::windows::ctrl_c()?;
            Self { signal }
        };
        CATCHING.fetch_add(1, Ordering::Relaxed);
        CAUGHT.notify_one();
        Ok(caught)
    }

    /// Waits for the next one, and returns the exit code of a program that it ends.
    pub(crate) async fn next(&mut self) -> Exit {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
                () = self.hangups.end() => Exit::HungUp,
            }
        }
        #[cfg(windows)]
        {
            self.signal.recv().await;
            Exit::Interrupted
        }
    }
}

impl Drop for ShutdownSignals {
    fn drop(&mut self) {
        CATCHING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// SIGHUP: the end of the process or of its terminal, or a request to reload.
#[cfg(unix)]
pub(crate) struct Hangups {
    signal: tokio::signal::unix::Signal,
    meaning: Hangup,
    is_ignored: bool,
    has_terminal: bool,
}

#[cfg(unix)]
impl Hangups {
    /// Catches them from now on.
    pub(crate) fn listen(meaning: Hangup) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let is_ignored = is_ignored_by_parent(SignalKind::hangup());
        let signal = signal(SignalKind::hangup())?;
        Ok(Self {
            signal,
            meaning,
            is_ignored,
            has_terminal: has_terminal(),
        })
    }

    /// Waits for the next request to reload.
    pub(crate) async fn reload(&mut self) {
        while self.signal.recv().await.is_some() {
            if !self.is_end() {
                return;
            }
        }
        pending::<()>().await;
    }

    async fn end(&mut self) {
        while self.signal.recv().await.is_some() {
            if self.is_end() {
                return;
            }
        }
        pending::<()>().await;
    }

    /// Whether the signal that has arrived ends the process.
    fn is_end(&self) -> bool {
        let ends = match self.meaning {
            Hangup::Ends => true,
            Hangup::Reloads => self.has_terminal && !has_terminal(),
        };
        ends && !self.is_ignored
    }
}

/// Whether the process has a terminal; one that was closed is none.
#[cfg(unix)]
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// Whether the process ignored the signal when it started.
#[cfg(unix)]
fn is_ignored_by_parent(kind: tokio::signal::unix::SignalKind) -> bool {
    #[cfg(target_os = "linux")]
    {
        use std::sync::LazyLock;

        // Catching a signal changes the set.
        static IGNORED: LazyLock<u64> = LazyLock::new(|| {
            let status = procfs::process::Process::myself().and_then(|process| process.status());
            status.map_or(0, |status| status.sigign)
        });
        *IGNORED >> (kind.as_raw_value() - 1) & 1 == 1
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = kind;
        false
    }
}

/// Finishes `work` although Ctrl-C is pressed, SIGTERM arrives or the terminal is closed; the next
/// signal cancels it.
///
/// After a signal the outcome is an interruption, unless the work failed.
pub(crate) async fn finish<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    let mut signals = ShutdownSignals::listen(Hangup::Ends)?;
    let exit = tokio::select! {
        outcome = &mut work => return outcome,
        exit = signals.next() => exit,
    };
    eprintln!("hcc: finishing the request in progress; press Ctrl-C again to cancel it");
    cancel_on_signal(work)
        .await
        .and(Err(CliError::interrupted(exit)))
}

/// Drops `work` when Ctrl-C is pressed, SIGTERM arrives or the terminal is closed.
pub(crate) async fn cancel_on_signal<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut signals = ShutdownSignals::listen(Hangup::Ends)?;
    tokio::select! {
        outcome = work => outcome,
        exit = signals.next() => Err(CliError::interrupted(exit)),
    }
}
