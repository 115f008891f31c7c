//! A simulated Hetzner Cloud.

mod clock;
mod console;

pub use clock::Clock;
