//! Where the queues of tests lie that several processes share.

use std::fmt;
use std::sync::Arc;

use test_services::{Mongod, Process, Redis, ReplicaSet};

use crate::sqlite::Folder;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Mongod,
    ReplicaSet,
    Redis,
}

/// A queue that nobody else uses, and its server.
pub(crate) struct Place {
    pub(crate) url: String,
    keeper: Keeper,
}

enum Keeper {
    Sqlite { _folder: Folder },
    Mongod(Arc<Mongod>),
    ReplicaSet(Arc<ReplicaSet>),
    Redis(Arc<Redis>),
}

impl Kind {
    /// A queue on a server that the tests share.
    pub(crate) async fn shared(self) -> Place {
        Place::of(match self {
            Self::Sqlite => Keeper::folder(),
            Self::Mongod => Keeper::Mongod(Mongod::shared()),
            Self::ReplicaSet => Keeper::ReplicaSet(ReplicaSet::shared().await),
            Self::Redis => Keeper::Redis(Redis::shared()),
        })
    }

    /// A queue on a server of its own, to be disturbed.
    pub(crate) async fn own(self) -> Place {
        Place::of(match self {
            Self::Sqlite => Keeper::folder(),
            Self::Mongod => Keeper::Mongod(Mongod::start().into()),
            Self::ReplicaSet => Keeper::ReplicaSet(ReplicaSet::start().await.into()),
            Self::Redis => Keeper::Redis(Redis::start().into()),
        })
    }
}

impl Keeper {
    fn folder() -> Self {
        Self::Sqlite {
            _folder: Folder::new(),
        }
    }
}

impl Place {
    fn of(keeper: Keeper) -> Self {
        let url = match &keeper {
            Keeper::Sqlite { _folder: folder } => format!("sqlite:{}", folder.path().display()),
            Keeper::Mongod(server) => server.fresh_url(),
            Keeper::ReplicaSet(set) => set.fresh_url(),
            Keeper::Redis(server) => server.fresh_url(),
        };
        Self { url, keeper }
    }

    /// The server that takes writes now; `None` if there are no servers.
    pub(crate) async fn server(&self) -> Option<&Process> {
        match &self.keeper {
            Keeper::Sqlite { .. } => None,
            Keeper::Mongod(server) => Some(server.process()),
            Keeper::ReplicaSet(set) => Some(set.primary().await.process()),
            Keeper::Redis(server) => Some(server.process()),
        }
    }

    /// Another server takes over from one that is gone, if this is one of several.
    pub(crate) fn replica_set(&self) -> Option<&ReplicaSet> {
        match &self.keeper {
            Keeper::ReplicaSet(set) => Some(set),
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
