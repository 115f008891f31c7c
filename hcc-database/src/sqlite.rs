//! SQLite files, for any number of processes of one machine.

mod database;
mod fault;
mod file;
mod local;
mod lock;
mod permissions;

pub use database::{Database, Permit};
pub use fault::Fault;
pub use file::{File, Schema, WriteLock, lock_directory};
pub use lock::{lock, try_lock, try_lock_shared, unlock};
pub use permissions::{create_directory, create_file, open_or_create};
