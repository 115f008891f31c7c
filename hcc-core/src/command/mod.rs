//! What each verb means; one subject, one file.

pub(crate) mod console;
pub(crate) mod create;
pub(crate) mod kill;
pub(crate) mod labels;
pub(crate) mod list;
pub(crate) mod power;
pub(crate) mod sync;
