//! The server: connections, what they must find there, and what can go wrong.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, IntoConnectionInfo, ProtocolVersion,
    PushInfo, PushKind, RedisError, RedisResult, Script, ServerErrorKind, ToRedisArgs, cmd, pipe,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::url::Place;
use crate::{Error, QueueUrl, Result};

/// How long anything may take that waits for nothing but the server.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("queue.lua")));

/// A server, connected when it is first needed.
pub(super) struct Server {
    url: QueueUrl,
    client: Client,
    /// Whether it must keep what it confirms.
    durable: bool,
    shared: Mutex<Option<Connection>>,
}

/// A connection, which clones share.
#[derive(Clone)]
pub(super) struct Connection {
    redis: MultiplexedConnection,
    broken: Arc<AtomicBool>,
}

impl Server {
    pub(super) fn new(url: &QueueUrl) -> Result<Self> {
        let malformed = || Error::MalformedUrl { queue: url.clone() };
        let Place::Redis(text) = &url.0 else {
            return Err(malformed());
        };
        if text.starts_with("rediss:") {
            return Err(Error::Disabled { queue: url.clone() });
        }
        let info = text.as_str().into_connection_info();
        let info = info.map_err(|_| malformed())?;
        // The third version of the protocol tells when a connection breaks.
        let redis = info.redis_settings().clone();
        let redis = redis.set_protocol(ProtocolVersion::RESP3);
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let info = info.set_redis_settings(redis).set_tcp_settings(tcp);
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
        let answer = timeout(PATIENCE, async {
            let connection = used.insert(self.shared().await?);
            Ok(invocation.invoke_async(&mut connection.redis).await?)
        });
        let answer = answer.await.unwrap_or(Err(Fault::Late));
        answer.map_err(|fault| {
            let error = self.error(fault);
            if let Some(connection) = used
                && error.is_retryable()
            {
                connection.broken.store(true, Ordering::Relaxed);
            }
            error
        })
    }

    /// The name and version of the server.
    pub(super) async fn version(&self) -> Result<String> {
        let about = timeout(PATIENCE, async {
            let mut connection = self.shared().await?;
            let about: String = cmd("INFO")
                .arg("server")
                .query_async(&mut connection.redis)
                .await?;
            Ok(about)
        });
        let about = about.await.unwrap_or(Err(Fault::Late));
        let about = about.map_err(|fault| self.error(fault))?;
        let mut lines = about.lines();
        let version = lines.find_map(|line| line.strip_prefix("redis_version:"));
        Ok(format!("Redis {}", version.unwrap_or_default()))
    }

    /// A connection for somebody who blocks it.
    pub(super) async fn connection(&self) -> Result<Connection> {
        let connection = timeout(PATIENCE, self.connect()).await;
        let connection = connection.unwrap_or(Err(Fault::Late));
        connection.map_err(|fault| self.error(fault))
    }

    /// The connection of all who do not block it.
    async fn shared(&self) -> Result<Connection, Fault> {
        let mut shared = self.shared.lock().await;
        if let Some(connection) = &*shared
            && !connection.broken.load(Ordering::Relaxed)
        {
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
        let told = Arc::clone(&broken);
        let config = AsyncConnectionConfig::new()
            // All that waits here has a limit of its own.
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    told.store(true, Ordering::Relaxed);
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

    /// The error for a fault of this server.
    pub(super) fn error(&self, fault: impl Into<Fault>) -> Error {
        let queue = self.url.clone();
        let source = match fault.into() {
            Fault::Volatile(why) => return Error::NotDurable { queue, why },
            Fault::Late => {
                let source = "no answer came in time".into();
                return Error::Unreachable { queue, source };
            }
            Fault::Redis(source) => source,
        };
        let (kind, code) = (source.kind(), source.code().map(str::to_owned));
        let source = source.into();
        use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, NoPerm, ReadOnly, TryAgain};
        match (kind, code.as_deref()) {
            (ErrorKind::Io | ErrorKind::Parse, _)
            | (ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | TryAgain), _) => {
                Error::Unreachable { queue, source }
            }
            (ErrorKind::AuthenticationFailed | ErrorKind::Server(NoPerm), _)
            | (_, Some("NOAUTH" | "WRONGPASS")) => Error::Denied { queue, source },
            (ErrorKind::Server(ReadOnly), _) => Error::ReadOnly { queue, source },
            (_, Some("BUSY")) => Error::Busy {
                queue,
                source: Some(source),
            },
            (_, Some("OOM")) => Error::Full { queue, source },
            (_, Some("WRONGTYPE")) => Error::WrongFile { queue },
            _ => Error::Failed { queue, source },
        }
    }
}

impl Connection {
    /// Waits for entries after one of a stream, at most for a while.
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
        let reply = timeout(limit + PATIENCE, pipe.query_async(&mut self.redis));
        Ok(reply.await.map_err(|_| Fault::Late)??)
    }

    /// Asks whether what the server confirms survives it.
    async fn check_durability(&mut self) -> Result<(), Fault> {
        for (name, good, why) in [
            (
                "appendonly",
                "yes",
                "it does not write to its disk (appendonly)",
            ),
            (
                "appendfsync",
                "always",
                "it confirms before its disk does (appendfsync)",
            ),
        ] {
            if self.setting(name).await? != good {
                return Err(Fault::Volatile(why));
            }
        }
        match self.setting("maxmemory-policy").await?.as_str() {
            policy if policy.starts_with("allkeys") => {
                Err(Fault::Volatile("it may evict them (maxmemory-policy)"))
            }
            _ => Ok(()),
        }
    }

    async fn setting(&mut self, name: &str) -> Result<String, Fault> {
        let mut ask = cmd("CONFIG");
        ask.arg("GET").arg(name);
        let found: RedisResult<(String, String)> = ask.query_async(&mut self.redis).await;
        match found {
            Ok((_, value)) => Ok(value),
            Err(error) if error.is_unrecoverable_error() => Err(error.into()),
            Err(_) => Err(Fault::Volatile(
                "it does not tell its settings (CONFIG GET)",
            )),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.url)
    }
}

/// What went wrong, before it is known where.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("it may lose commands: {0}")]
    Volatile(&'static str),
    #[error("no answer came in time")]
    Late,
}
