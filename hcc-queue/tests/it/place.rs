//! Where the queues of tests lie that several processes share.

use std::fmt;

use crate::sqlite::Folder;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
}

/// A queue of its own.
pub(crate) enum Place {
    Sqlite(Folder),
}

impl Kind {
    /// A queue that nobody has used.
    pub(crate) async fn place(self) -> Place {
        match self {
            Self::Sqlite => Place::Sqlite(Folder::new()),
        }
    }
}

impl Place {
    /// Where the queue is.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().display()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
        })
    }
}

/// Stamps a test for each kind of database out of each function of its module.
macro_rules! everywhere {
    ($($case:ident)*) => {
        $(mod $case {
            use crate::place::Kind;
            use crate::processes::Test;

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$case(Test::new(concat!(module_path!(), "::sqlite"), Kind::Sqlite)).await;
            }
        })*
    };
}
pub(crate) use everywhere;
