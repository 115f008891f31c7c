//! What the collections of a MongoDB queue are called.

/// The collections of a queue in MongoDB; programs of others may use them as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collections {
    /// Of the commands: `cmd`. Dead letters lie in `cmd_dead`.
    pub commands: String,
    /// Of the signals: `msg`.
    pub signals: String,
    /// Of the events: `evt`.
    pub events: String,
    /// How much room signals have, and events as well, before new ones replace
    /// the oldest: 100,000 bytes.
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
