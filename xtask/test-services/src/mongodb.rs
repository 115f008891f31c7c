//! MongoDB: one server, or a replica set of three.

use std::env;
use std::net::Ipv4Addr;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, Weak};

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Document, doc};
use ::mongodb::{Client, Database};
use tempfile::TempDir;

use crate::process::Process;

/// What `mongod` says when it accepts connections.
const READY: &str = "Waiting for connections";

/// A database of its own, on a server that the tests of a program share: the
/// one that `HCC_TEST_MONGODB_URI` names, or else a [`Mongod`] of their own.
#[derive(Debug)]
pub struct Fresh {
    /// Where the database is.
    pub url: String,
    _server: Option<Arc<Mongod>>,
}

impl Fresh {
    /// A database that nobody has used.
    pub fn new() -> Self {
        let name = fresh_name();
        match env::var("HCC_TEST_MONGODB_URI") {
            Ok(uri) => Self {
                url: format!("{}/{name}", uri.trim_end_matches('/')),
                _server: None,
            },
            Err(_) => {
                let server = Mongod::shared();
                Self {
                    url: server.url(&name),
                    _server: Some(server),
                }
            }
        }
    }
}

impl Default for Fresh {
    fn default() -> Self {
        Self::new()
    }
}

/// The name of a database that nobody has used.
pub(crate) fn fresh_name() -> String {
    format!("hcc-test-{}", ObjectId::new())
}

/// A `mongod`: the one that `HCC_TEST_MONGOD` names, or else that on the `PATH`.
#[derive(Debug)]
pub struct Mongod {
    // Ended before its folder goes.
    process: Process,
    /// As in a URL.
    host: String,
    _folder: TempDir,
}

impl Mongod {
    /// Starts a server that is reached by a socket in its folder.
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("mongod.sock");
        let mut mongod = mongod(&folder);
        mongod.arg("--bind_ip").arg(&socket);
        mongod.arg("--unixSocketPrefix").arg(folder.path());
        Self {
            process: Process::start(mongod, READY),
            host: socket.display().to_string().replace('/', "%2F"),
            _folder: folder,
        }
    }

    /// The server of all tests that run now; the last of them ends it.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Mongod>> = Mutex::new(Weak::new());

        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// Starts a member of a replica set, on an address of its own.
    fn start_member() -> Self {
        static STARTED: AtomicU8 = AtomicU8::new(0);

        let number = STARTED.fetch_add(1, Ordering::Relaxed) + 1;
        let [.., high, low] = process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, number, high, low).to_string();
        let folder = TempDir::new().unwrap();
        let mut mongod = mongod(&folder);
        let port = ReplicaSet::PORT;
        mongod.args(["--bind_ip", &address, "--port", &port.to_string()]);
        mongod.args(["--nounixsocket", "--replSet", "hcc", "--oplogSize", "100"]);
        Self {
            process: Process::start(mongod, READY),
            host: format!("{address}:{port}"),
            _folder: folder,
        }
    }

    /// Where a database of this server is.
    pub fn url(&self, database: &str) -> String {
        format!("mongodb://{}/{database}", self.host)
    }

    /// Where a database is that nobody has used.
    pub fn fresh_url(&self) -> String {
        self.url(&fresh_name())
    }

    /// The server itself.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Kills the server without a warning.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Kills the server without a warning, unless it is dead, and starts it again.
    pub fn restart(&self) {
        self.process.restart();
    }

    /// Lets the server stand still, as a network that swallows all would.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process.resume();
    }
}

fn mongod(folder: &TempDir) -> Command {
    let program = env::var_os("HCC_TEST_MONGOD").unwrap_or_else(|| "mongod".into());
    let mut mongod = Command::new(program);
    mongod.arg("--dbpath").arg(folder.path());
    mongod.args(["--wiredTigerCacheSizeGB", "0.25"]);
    mongod
}

/// Three members, which elect another primary within two seconds.
#[derive(Debug)]
pub struct ReplicaSet {
    members: Vec<Mongod>,
}

impl ReplicaSet {
    /// The port of all members. The system gives it to nobody else, so that a
    /// member finds it free when it comes back.
    pub const PORT: u16 = 27017;

    /// Starts the members and waits until they have a primary.
    pub async fn start() -> Self {
        let members: Vec<_> = (0..3).map(|_| Mongod::start_member()).collect();
        let hosts = members.iter().zip(0..);
        let hosts: Vec<_> = hosts
            .map(|(member, number)| doc! { "_id": number, "host": &member.host })
            .collect();
        let config = doc! {
            "_id": "hcc",
            "members": hosts,
            "settings": { "electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500 },
        };
        let first = members[0].url("?directConnection=true");
        let first = admin(&first).await;
        let initiate = doc! { "replSetInitiate": config };
        first.run_command(initiate).await.unwrap();
        let set = Self { members };
        set.hello().await;
        set
    }

    /// The set of all tests that run now; the last of them ends it.
    pub async fn shared() -> Arc<Self> {
        static SHARED: tokio::sync::Mutex<Weak<ReplicaSet>> =
            tokio::sync::Mutex::const_new(Weak::new());

        let mut shared = SHARED.lock().await;
        if let Some(set) = shared.upgrade() {
            return set;
        }
        let set = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&set);
        set
    }

    /// Where a database of this set is.
    pub fn url(&self, database: &str) -> String {
        let hosts: Vec<_> = self.members.iter().map(|member| &*member.host).collect();
        format!("mongodb://{}/{database}?replicaSet=hcc", hosts.join(","))
    }

    /// Where a database is that nobody has used.
    pub fn fresh_url(&self) -> String {
        self.url(&fresh_name())
    }

    /// The three servers.
    pub fn members(&self) -> &[Mongod] {
        &self.members
    }

    /// The server that takes writes now, as soon as there is one.
    pub async fn primary(&self) -> &Mongod {
        let hello = self.hello().await;
        self.member(hello.get_str("me").unwrap())
    }

    fn member(&self, host: &str) -> &Mongod {
        let mut members = self.members.iter();
        members.find(|member| member.host == host).unwrap()
    }

    /// Makes the primary a secondary, and keeps it one for ten seconds.
    pub async fn step_down(&self) {
        let step_down = doc! { "replSetStepDown": 10, "secondaryCatchUpPeriodSecs": 5 };
        let admin = admin(&self.url("")).await;
        admin.run_command(step_down).await.unwrap();
    }

    /// Ends as soon as a member that answers takes writes.
    pub fn elected(&self) -> impl Future<Output = ()> + Send + 'static {
        let url = self.url("");
        async move {
            hello(&url).await;
        }
    }

    /// What the primary says of itself, as soon as there is one.
    async fn hello(&self) -> Document {
        hello(&self.url("")).await
    }
}

async fn hello(set: &str) -> Document {
    let admin = admin(set).await;
    admin.run_command(doc! { "hello": 1 }).await.unwrap()
}

async fn admin(url: &str) -> Database {
    Client::with_uri_str(url).await.unwrap().database("admin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[ignore = "needs MongoDB"]
    async fn another_primary_follows_one_that_is_gone() {
        let set = ReplicaSet::start().await;

        let first = set.primary().await.host.clone();
        set.primary().await.kill();
        let second = set.primary().await.host.clone();
        set.member(&first).restart();
        set.step_down().await;
        let third = set.primary().await.host.clone();

        assert_ne!(first, second);
        assert_ne!(second, third);
    }
}
