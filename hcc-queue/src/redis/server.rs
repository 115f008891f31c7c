//! The server: connections, required settings and errors.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, ProtocolVersion, PushInfo,
    PushKind, RedisError, RedisResult, Script, ToRedisArgs, cmd, pipe,
};
use hcc_database::redis::classified;
use rustls::crypto::{CryptoProvider, ring};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::{DatabaseError, DatabaseUrl, Error, Failure, QueueUrl, Result};

/// Limits the wait for a response, except while a call waits for new entries.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("queue.lua")));

/// A server, connected by the first call.
pub(super) struct Server {
    url: QueueUrl,
    client: Client,
    /// Whether the server must keep everything that it acknowledges.
    durable: bool,
    shared: Mutex<Option<Connection>>,
}

/// A connection, shared by its clones.
#[derive(Clone)]
pub(super) struct Connection {
    redis: MultiplexedConnection,
    broken: Arc<AtomicBool>,
}

impl Server {
    pub(super) fn new(url: &QueueUrl) -> Result<Self> {
        let failed = |failure| DatabaseError::new(url.clone(), failure);
        let malformed = || failed(Failure::MalformedUrl);
        let DatabaseUrl::Redis(text) = &url.0 else {
            return Err(malformed().into());
        };
        let info = text.as_str().into_connection_info();
        let info = info.map_err(|_| malformed())?;
        // This version of the protocol reports broken connections.
        let redis = info.redis_settings().clone();
        let redis = redis.set_protocol(ProtocolVersion::RESP3);
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let info = info.set_redis_settings(redis).set_tcp_settings(tcp);
        if text.starts_with("rediss:") && CryptoProvider::get_default().is_none() {
            // The driver panics without a default if another library has a second cryptography.
            let _ = ring::default_provider().install_default();
        }
        let (_, options) = text.split_once('?').unwrap_or_default();
        Ok(Self {
            url: url.clone(),
            client: Client::open(info).map_err(|_| malformed())?,
            durable: !options.split('&').any(|option| option == "durable=no"),
            shared: Mutex::new(None),
        })
    }

    /// Calls a function of the script.
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        name: &str,
        args: impl ToRedisArgs,
    ) -> Result<T> {
        let mut invocation = SCRIPT.arg(name);
        invocation.arg(args);
        let mut used = None;
        let response = timeout(RESPONSE_TIMEOUT, async {
            let connection = used.insert(self.shared().await?);
            Ok(invocation.invoke_async(&mut connection.redis).await?)
        });
        let response = response.await.unwrap_or(Err(Fault::TimedOut));
        response.map_err(|fault| {
            let error = self.error(fault);
            if let Some(connection) = used.filter(|_| error.is_retryable()) {
                connection.broken.store(true, Ordering::Relaxed);
            }
            error
        })
    }

    /// Returns the name and version of the server.
    pub(super) async fn version(&self) -> Result<String> {
        let about = timeout(RESPONSE_TIMEOUT, async {
            let mut connection = self.shared().await?;
            let about: String = cmd("INFO")
                .arg("server")
                .query_async(&mut connection.redis)
                .await?;
            Ok(about)
        });
        let about = about.await.unwrap_or(Err(Fault::TimedOut));
        let about = about.map_err(|fault| self.error(fault))?;
        let mut lines = about.lines();
        let version = lines.find_map(|line| line.strip_prefix("redis_version:"));
        Ok(format!("Redis {}", version.unwrap_or_default()))
    }

    /// Opens a connection for a caller that blocks it.
    pub(super) async fn connection(&self) -> Result<Connection> {
        let connection = timeout(RESPONSE_TIMEOUT, self.connect()).await;
        let connection = connection.unwrap_or(Err(Fault::TimedOut));
        connection.map_err(|fault| self.error(fault))
    }

    /// Returns the connection of all callers that do not block it.
    async fn shared(&self) -> Result<Connection, Fault> {
        let mut shared = self.shared.lock().await;
        let usable = |connection: &&Connection| !connection.broken.load(Ordering::Relaxed);
        if let Some(connection) = shared.as_ref().filter(usable) {
            return Ok(connection.clone());
        }
        let mut connection = self.connect().await?;
        if self.durable {
            connection.check_durability().await?;
        }
        Ok(shared.insert(connection).clone())
    }

    async fn connect(&self) -> Result<Connection, Fault> {
        let broken = Arc::new(AtomicBool::new(false));
        let is_broken = Arc::clone(&broken);
        let config = AsyncConnectionConfig::new()
            // Every call has its own timeout.
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    is_broken.store(true, Ordering::Relaxed);
                }
                Ok::<(), ()>(())
            });
        let redis = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        Ok(Connection {
            redis: redis.await?,
            broken,
        })
    }

    /// Classifies a fault of this server.
    pub(super) fn error(&self, fault: impl Into<Fault>) -> Error {
        let failed = |failure| DatabaseError::new(self.url.clone(), failure);
        let error = match fault.into() {
            Fault::NotDurable(why) => {
                let url = self.url.clone().into();
                return Error::NotDurable { url, why };
            }
            Fault::TimedOut => {
                return failed(Failure::Unreachable)
                    .with_source("no response in time")
                    .into();
            }
            Fault::Redis(error) => error,
        };
        classified(&self.url.0, &error).into()
    }
}

impl Connection {
    /// Waits for entries after the given one of a stream, for up to `limit`.
    pub(super) async fn read<T: FromRedisValue>(
        &mut self,
        stream: &str,
        after: &str,
        limit: Duration,
    ) -> Result<T, Fault> {
        let mut pipe = pipe();
        pipe.cmd("XREAD").arg("COUNT").arg(500);
        pipe.arg("BLOCK").arg(limit.as_millis() as u64);
        pipe.arg("STREAMS").arg(stream).arg(after);
        pipe.cmd("XRANGE").arg(stream).arg(after).arg(after);
        let reply = timeout(limit + RESPONSE_TIMEOUT, pipe.query_async(&mut self.redis));
        Ok(reply.await.map_err(|_| Fault::TimedOut)??)
    }

    /// Checks that everything the server acknowledges survives a crash.
    async fn check_durability(&mut self) -> Result<(), Fault> {
        for (name, good, why) in [
            (
                "appendonly",
                "yes",
                "it does not persist to disk (appendonly)",
            ),
            (
                "appendfsync",
                "always",
                "it acknowledges before the disk does (appendfsync)",
            ),
        ] {
            if self.setting(name).await? != good {
                return Err(Fault::NotDurable(why));
            }
        }
        match self.setting("maxmemory-policy").await?.as_str() {
            policy if policy.starts_with("allkeys") => {
                Err(Fault::NotDurable("it may evict keys (maxmemory-policy)"))
            }
            _ => Ok(()),
        }
    }

    async fn setting(&mut self, name: &str) -> Result<String, Fault> {
        let mut get = cmd("CONFIG");
        get.arg("GET").arg(name);
        let found: RedisResult<(String, String)> = get.query_async(&mut self.redis).await;
        match found {
            Ok((_, value)) => Ok(value),
            Err(error) if error.is_unrecoverable_error() => Err(error.into()),
            Err(_) => Err(Fault::NotDurable(
                "its settings cannot be read (CONFIG GET)",
            )),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.url)
    }
}

/// A failure of a call, before it is known of which server.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("it may lose commands: {0}")]
    NotDurable(&'static str),
    #[error("no response in time")]
    TimedOut,
}
