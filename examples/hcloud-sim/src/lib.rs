//! A simulated Hetzner Cloud: a stateful project on loopback, whose servers boot, run, stop and have a screen.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use hcloud_sim::Sim;
//!
//! let sim = Sim::builder().server("web1", &[("env", "prod")]).start().await?;
//! println!("HCLOUD_ENDPOINT={}", sim.endpoint());
//! println!("HCLOUD_TOKEN={}", sim.token());
//! # Ok(())
//! # }
//! ```
//!
//! Actions take the time that they take at Hetzner, roughly, on a [`Clock`] that a test may push forward. [`Fault`]s are
//! what goes wrong. A program outside of the process has the same controls below `/sim` on the same port:
//!
//! | Request | Effect |
//! | --- | --- |
//! | `GET /sim/clock`, `POST /sim/clock` with `90s` | the time; pushes it forward |
//! | `GET`, `POST`, `DELETE /sim/faults` | the faults in force; adds some, one a line; ends them all |
//! | `GET`, `DELETE /sim/requests` | the requests that arrived; forgets them |
//! | `GET /sim/servers/{id}/screen` | the text on a server's screen |

mod actions;
mod admin;
mod call;
mod catalog;
mod clock;
mod console;
mod consoles;
mod errors;
mod faults;
mod images;
mod labels;
mod metrics;
mod offers;
mod paging;
mod prices;
mod primary_ips;
mod rate_limit;
mod request_log;
mod routes;
mod server;
mod server_actions;
mod servers;
mod sim;
mod ssh_keys;
mod state;

pub use clock::Clock;
pub use faults::{Fault, InvalidFault, parse_duration};
pub use request_log::Request;
pub use sim::{Builder, Sim};
