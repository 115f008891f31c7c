//! The names of the collections of a MongoDB queue.

/// The collections of a queue in MongoDB.
///
/// Build it with `..Collections::default()`, so that fields can be added later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collections {
    /// The commands: `cmd`. Dead letters are stored in `cmd_dead`.
    pub commands: String,
    /// The signals: `msg`.
    pub signals: String,
    /// The events: `evt`.
    pub events: String,
    /// The size of the capped collections of signals and events, in bytes: 100,000. When
    /// they are full, new messages replace the oldest. In SQLite, the size of the files next to the
    /// database, which begin anew when they are full.
    pub signal_bytes: u64,
}

impl Default for Collections {
    fn default() -> Self {
        Self {
            commands: "cmd".to_owned(),
            signals: "msg".to_owned(),
            events: "evt".to_owned(),
            signal_bytes: 100_000,
        }
    }
}
