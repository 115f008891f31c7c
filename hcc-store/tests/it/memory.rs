//! The memory backend keeps the contract.

use hcc_store::{Memory, conformance};

conformance!(Memory::default());
