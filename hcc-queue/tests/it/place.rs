//! Queues that several processes of a test share.

use std::fmt;
use std::sync::Arc;

use test_services::{Mongod, Process, Redis, ReplicaSet};

use crate::sqlite::Directory;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Mongod,
    ReplicaSet,
    Redis,
}

/// A queue for one test, and its server.
pub(crate) struct Place {
    pub(crate) url: String,
    backend: Backend,
}

enum Backend {
    Sqlite { _directory: Directory },
    Mongod(Arc<Mongod>),
    ReplicaSet(Arc<ReplicaSet>),
    Redis(Arc<Redis>),
}

impl Kind {
    /// A queue on a server that the tests share.
    pub(crate) async fn shared(self) -> Place {
        Place::of(match self {
            Self::Sqlite => Backend::directory(),
            Self::Mongod => Backend::Mongod(Mongod::shared()),
            Self::ReplicaSet => Backend::ReplicaSet(ReplicaSet::shared().await),
            Self::Redis => Backend::Redis(Redis::shared()),
        })
    }

    /// A queue on its own server, for fault injection.
    pub(crate) async fn own(self) -> Place {
        Place::of(match self {
            Self::Sqlite => Backend::directory(),
            Self::Mongod => Backend::Mongod(Mongod::start().into()),
            Self::ReplicaSet => Backend::ReplicaSet(ReplicaSet::start().await.into()),
            Self::Redis => Backend::Redis(Redis::start().into()),
        })
    }
}

impl Backend {
    fn directory() -> Self {
        Self::Sqlite {
            _directory: Directory::new(),
        }
    }
}

impl Place {
    fn of(backend: Backend) -> Self {
        let url = match &backend {
            Backend::Sqlite {
                _directory: directory,
            } => format!("sqlite:{}", directory.path().display()),
            Backend::Mongod(server) => server.fresh_url(),
            Backend::ReplicaSet(set) => set.fresh_url(),
            Backend::Redis(server) => server.fresh_url(),
        };
        Self { url, backend }
    }

    /// The server that takes writes now; `None` for SQLite.
    pub(crate) async fn server(&self) -> Option<&Process> {
        match &self.backend {
            Backend::Sqlite { .. } => None,
            Backend::Mongod(server) => Some(server.process()),
            Backend::ReplicaSet(set) => Some(set.primary().await.process()),
            Backend::Redis(server) => Some(server.process()),
        }
    }

    /// The replica set, if the server is a member of one.
    pub(crate) fn replica_set(&self) -> Option<&ReplicaSet> {
        match &self.backend {
            Backend::ReplicaSet(set) => Some(set),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Mongod => "MongoDB",
            Self::ReplicaSet => "MongoDB, a replica set",
            Self::Redis => "Redis",
        })
    }
}

/// Creates a test for each kind of database from each function.
macro_rules! everywhere {
    ($($case:ident)*) => {
        $(mod $case {
            use crate::place::Kind;
            use crate::processes::Test;

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$case(Test::new(concat!(module_path!(), "::sqlite"), Kind::Sqlite)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs MongoDB"]
            async fn mongod() {
                super::$case(Test::new(concat!(module_path!(), "::mongod"), Kind::Mongod)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs MongoDB"]
            async fn replica_set() {
                let path = concat!(module_path!(), "::replica_set");
                super::$case(Test::new(path, Kind::ReplicaSet)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs Redis"]
            async fn redis() {
                super::$case(Test::new(concat!(module_path!(), "::redis"), Kind::Redis)).await;
            }
        })*
    };
}
pub(crate) use everywhere;
