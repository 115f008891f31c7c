//! Arguments that several verbs share.

mod confirmation;
mod defaults;
mod line;
mod progress_marks;
mod target;
mod waiting;

pub(super) use self::confirmation::{Confirmation, switch};
pub(super) use self::defaults::Defaults;
pub(super) use self::line::line;
pub(super) use self::progress_marks::ProgressMarks;
pub(super) use self::target::{Selection, Target, Targets, for_each, resolve_all};
pub(super) use self::waiting::{DEFAULT_TIMEOUT, Waiting, goes_on, retry_while_busy};
