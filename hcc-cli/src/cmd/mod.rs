//! One verb or one family of verbs, one file.

pub(crate) mod page;
