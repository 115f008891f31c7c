//! The fuzz targets.

#![expect(clippy::unwrap_used, reason = "a target fails by panicking")]

mod api;
mod queue;
mod servers;
mod settings;
mod store;
mod texts;

use tokio::runtime::{Builder, Runtime};

/// Runs a future on a runtime of the current thread, which is kept for the next input.
fn block_on<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
