//! Which fields of records are read.

/// The fields of a record that a call reads; the others are `None` or missing.
///
/// The name is always read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// All of them, including those of other programs.
    All,
    /// These, by their names in the document; those of other programs are in
    /// [`Record::extra`](crate::Record::extra).
    Only(&'static [&'static str]),
}

impl Fields {
    /// What lists show: everything but secrets, the actions of the creation, and the fields of other
    /// programs.
    pub const SUMMARY: Self = Self::Only(&[
        "id",
        "stage",
        "status",
        "created",
        "ip4",
        "ip6",
        "image",
        "type",
        "io",
        "dc",
        "rescue",
        "labels",
        "lock",
        "prot",
        "net",
        "volumes",
        "iso",
        "window",
        "snapshots",
        "backups",
        "ts",
        "synced",
        "last",
    ]);

    /// The name only.
    pub const NAME: Self = Self::Only(&[]);

    /// Returns whether a field is read.
    pub fn contains(self, field: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(fields) => field == "name" || fields.contains(&field),
        }
    }
}
