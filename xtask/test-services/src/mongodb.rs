//! MongoDB: one server, or a replica set of three.

use std::env;
use std::net::Ipv4Addr;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, Weak};

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Document, RawDocumentBuf, doc};
use ::mongodb::{Client, Database};
use tempfile::TempDir;

use crate::process::Process;

/// The log line of `mongod` that says that it accepts connections.
const READY: &str = "Waiting for connections";

/// An unused database on a server that the tests of a program share: the server at
/// `HCC_TEST_MONGODB_URI`, or a [`Mongod`] if that variable is not set.
#[derive(Debug)]
pub struct TestDatabase {
    /// The URL of the database.
    pub url: String,
    _server: Option<Arc<Mongod>>,
}

impl TestDatabase {
    /// Creates an unused database.
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

impl Default for TestDatabase {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the name of an unused database.
pub(crate) fn fresh_name() -> String {
    format!("hcc-test-{}", ObjectId::new())
}

/// A `mongod`: the program in `HCC_TEST_MONGOD`, or the one on the `PATH`.
#[derive(Debug)]
pub struct Mongod {
    // Dropped before its data directory.
    process: Process,
    /// The host in URLs, with `/` escaped.
    host: String,
    _directory: TempDir,
}

impl Mongod {
    /// Starts a server on a Unix socket in its data directory.
    pub fn start() -> Self {
        Self::with_settings(&[])
    }

    /// Starts a server with these arguments on a Unix socket in its data directory.
    fn with_settings(settings: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let socket = directory.path().join("mongod.sock");
        let mut mongod = mongod(&directory);
        mongod.args(settings);
        mongod.arg("--bind_ip").arg(&socket);
        mongod.arg("--unixSocketPrefix").arg(directory.path());
        Self {
            process: Process::start(mongod, READY),
            host: socket.display().to_string().replace('/', "%2F"),
            _directory: directory,
        }
    }

    /// Returns the server that concurrent tests share; the last one to drop it stops it.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Mongod>> = Mutex::new(Weak::new());

        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// Starts a member of a replica set on its own loopback address.
    fn start_member() -> Self {
        static STARTED: AtomicU8 = AtomicU8::new(0);

        let number = STARTED.fetch_add(1, Ordering::Relaxed) + 1;
        let [.., high, low] = process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, number, high, low).to_string();
        let directory = TempDir::new().unwrap();
        let mut mongod = mongod(&directory);
        let port = ReplicaSet::PORT;
        mongod.args(["--bind_ip", &address, "--port", &port.to_string()]);
        mongod.args(["--nounixsocket", "--replSet", "hcc", "--oplogSize", "100"]);
        Self {
            process: Process::start(mongod, READY),
            host: format!("{address}:{port}"),
            _directory: directory,
        }
    }

    /// Returns the URL of a database on this server.
    pub fn url(&self, database: &str) -> String {
        format!("mongodb://{}/{database}", self.host)
    }

    /// Returns the URL of an unused database.
    pub fn fresh_url(&self) -> String {
        self.url(&fresh_name())
    }

    /// Returns the server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Kills the server if it is running, and starts it again.
    pub fn restart(&self) {
        self.process.restart();
    }

    /// Suspends the server: its connections stay open and receive nothing.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process.resume();
    }
}

/// A [`Mongod`] that requires a login, with one database.
#[derive(Debug)]
pub struct GuardedMongod {
    server: Mongod,
    name: String,
    /// The database, for a user who may do everything.
    pub database: Database,
}

impl GuardedMongod {
    /// The actions of a user who may only read, and create collections with their indexes.
    pub const READS: &[&str] = &[
        "find",
        "listCollections",
        "listIndexes",
        "createIndex",
        "createCollection",
        "collStats",
    ];

    /// Starts a server with an administrator.
    pub async fn start() -> Self {
        let server = Mongod::with_settings(&["--auth"]);
        let create = doc! { "createUser": "admin", "pwd": "admin", "roles": ["root"] };
        let first = admin(&server.url("?directConnection=true")).await;
        first.run_command(create).await.unwrap();
        let name = fresh_name();
        let url = format!("mongodb://admin:admin@{}/?authSource=admin", server.host);
        let database = Client::with_uri_str(url).await.unwrap().database(&name);
        Self {
            server,
            name,
            database,
        }
    }

    /// Creates a user who may do these actions on these collections, and returns the URL with the
    /// login. An empty name is all collections.
    pub async fn user(&self, name: &str, password: &str, may: &[(&str, &[&str])]) -> String {
        let privileges = may.iter().map(|(collection, actions)| {
            let resource = doc! { "db": &self.name, "collection": *collection };
            doc! { "resource": resource, "actions": actions.to_vec() }
        });
        let privileges: Vec<_> = privileges.collect();
        let role = format!("role-{name}");
        for command in [
            doc! { "createRole": &role, "privileges": privileges, "roles": [] },
            doc! { "createUser": name, "pwd": password, "roles": [role] },
        ] {
            self.database.run_command(command).await.unwrap();
        }
        format!(
            "mongodb://{name}:{password}@{}/{}",
            self.server.host, self.name
        )
    }
}

fn mongod(directory: &TempDir) -> Command {
    let program = env::var_os("HCC_TEST_MONGOD").unwrap_or_else(|| "mongod".into());
    let mut mongod = Command::new(program);
    mongod.arg("--dbpath").arg(directory.path());
    mongod.args(["--wiredTigerCacheSizeGB", "0.25"]);
    mongod
}

/// A replica set of three members; it elects a new primary within two seconds.
#[derive(Debug)]
pub struct ReplicaSet {
    members: Vec<Mongod>,
}

impl ReplicaSet {
    /// The port of all members, outside the range of ephemeral ports, so that it is free when a
    /// member restarts.
    pub const PORT: u16 = 27017;

    /// Starts the members and waits until they have a primary and all its data.
    pub async fn start() -> Self {
        let members: Vec<_> = (0..3).map(|_| Mongod::start_member()).collect();
        let hosts = members.iter().zip(0..);
        let hosts: Vec<_> = hosts
            .map(|(member, number)| doc! { "_id": number, "host": &member.host })
            .collect();
        let config = doc! {
            "_id": "hcc",
            "members": hosts,
            "settings": {
                "electionTimeoutMillis": 2000,
                "heartbeatIntervalMillis": 500,
                // A member that follows a paused one would acknowledge nothing for half a minute.
                "chainingAllowed": false,
            },
        };
        let first = members[0].url("?directConnection=true");
        let first = admin(&first).await;
        let initiate = doc! { "replSetInitiate": config };
        first.run_command(initiate).await.unwrap();
        let set = Self { members };
        // Acknowledged once no member is in its initial sync, which needs the first primary.
        let url = format!("{}&w=3", set.url("start"));
        let database = Client::with_uri_str(url).await.unwrap().database("start");
        let members = database.collection("members");
        members.insert_one(doc! { "count": 3 }).await.unwrap();
        set
    }

    /// Returns the replica set that concurrent tests share; the last one to drop it stops it.
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

    /// Returns the URL of a database on this replica set.
    pub fn url(&self, database: &str) -> String {
        let hosts: Vec<_> = self.members.iter().map(|member| &*member.host).collect();
        format!("mongodb://{}/{database}?replicaSet=hcc", hosts.join(","))
    }

    /// Returns the URL of an unused database.
    pub fn fresh_url(&self) -> String {
        self.url(&fresh_name())
    }

    /// Returns the three servers.
    pub fn members(&self) -> &[Mongod] {
        &self.members
    }

    /// Waits for a primary and returns it.
    pub async fn primary(&self) -> &Mongod {
        let hello = self.hello().await;
        self.member(hello.get_str("me").unwrap())
    }

    fn member(&self, host: &str) -> &Mongod {
        let mut members = self.members.iter();
        members.find(|member| member.host == host).unwrap()
    }

    /// Makes the primary a secondary for ten seconds.
    pub async fn step_down(&self) {
        let step_down = doc! { "replSetStepDown": 10, "secondaryCatchUpPeriodSecs": 5 };
        let admin = admin(&self.url("")).await;
        admin.run_command(step_down).await.unwrap();
    }

    /// Waits for a primary; the future borrows nothing.
    pub fn wait_for_primary(&self) -> impl Future<Output = ()> + Send + 'static {
        let url = self.url("");
        async move {
            hello(&url).await;
        }
    }

    /// Waits for a primary and returns its response to `hello`.
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

/// Returns a document with bytes that are not UTF-8 where it has the text `bad!`.
pub fn invalid_utf8(document: &Document) -> RawDocumentBuf {
    const MARKER: &[u8] = b"bad!";

    let mut bytes = document.to_vec().expect("it can be encoded");
    let mut places = bytes.windows(MARKER.len());
    let at = places.position(|bytes| bytes == MARKER);
    let at = at.expect("the document has the marker");
    bytes[at..at + MARKER.len()].fill(0xff);
    RawDocumentBuf::from_bytes(bytes).expect("its lengths are unchanged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[ignore = "needs MongoDB"]
    async fn new_primary_is_elected_when_the_old_one_is_gone() {
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
