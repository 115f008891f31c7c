//! The memory backend.

use hcc_store::{Memory, accounts_conformance, conformance};

conformance!(Memory::default());
accounts_conformance!(Memory::default());
