//! SQLite files, for any number of processes of one machine.

mod database;
mod fault;
mod file;
mod local;
mod permissions;

pub use database::{Database, Permit};
pub use fault::Fault;
pub use file::{File, Schema, WriteLock, lock_directory};
pub use permissions::{create_directory, create_file, open_or_create};
