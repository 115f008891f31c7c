//! The memory backend keeps the contract.

use hcc_queue::{Memory, conformance};

conformance!(Memory::default());
