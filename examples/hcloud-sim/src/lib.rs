#![doc = include_str!("../README.md")]

mod actions;
mod admin;
mod call;
mod catalog;
mod clock;
mod console;
mod consoles;
mod errors;
mod faults;
mod http;
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
mod server_actions;
mod server_creation;
mod servers;
mod sim;
mod ssh_keys;
mod state;

pub use clock::Clock;
pub use faults::{Fault, InvalidFault, parse_duration};
pub use request_log::Request;
pub use sim::{Builder, Sim};
