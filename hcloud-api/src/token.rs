//! The token of a client, which can be replaced while the client is in use.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use http::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, Notify};
use tracing::{info, warn};

use crate::{BoxError, Error, Result};

/// Reads the token again.
pub(crate) type TokenSource = Arc<
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<SecretString, BoxError>> + Send>> + Send + Sync,
>;

/// The token that all clones of a client send.
pub(crate) struct Token {
    current: RwLock<Version>,
    source: Option<TokenSource>,
    /// Held while the source is read, so that concurrent requests read it once.
    reading: Mutex<()>,
    /// How many times the source was read.
    reads: AtomicU64,
    rejected: Notify,
}

/// A token as it is sent, numbered in the order of the replacements.
#[derive(Clone)]
pub(crate) struct Version {
    number: u64,
    pub(crate) header: HeaderValue,
}

impl Token {
    pub(crate) fn new(token: &SecretString, source: Option<TokenSource>) -> Result<Self> {
        let header = authorization(token)?;
        Ok(Self {
            current: RwLock::new(Version { number: 0, header }),
            source,
            reading: Mutex::new(()),
            reads: AtomicU64::new(0),
            rejected: Notify::new(),
        })
    }

    pub(crate) fn current(&self) -> Version {
        // A version is replaced as a whole, so poisoning does no harm.
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the token; returns whether it is another one.
    pub(crate) fn set(&self, token: &SecretString) -> Result<bool> {
        let header = authorization(token)?;
        let current = self.current.write();
        let mut current = current.unwrap_or_else(PoisonError::into_inner);
        let differs = current.header != header;
        if differs {
            let number = current.number + 1;
            *current = Version { number, header };
        }
        Ok(differs)
    }

    /// Reads the token again after the API has rejected this version; returns whether there is
    /// another one now.
    pub(crate) async fn renew(&self, rejected: &Version) -> bool {
        let Some(source) = &self.source else {
            return false;
        };
        let reads = self.reads.load(Ordering::Acquire);
        let _reading = self.reading.lock().await;
        if self.current().number != rejected.number {
            return true;
        }
        if self.reads.load(Ordering::Acquire) != reads {
            // Another request has just read the same token.
            return false;
        }
        let read = source().await;
        self.reads.fetch_add(1, Ordering::Release);
        let renewed = match read {
            Ok(token) => self.set(&token).map_err(BoxError::from),
            Err(error) => Err(error),
        };
        match renewed {
            Ok(differs) => {
                if differs {
                    info!("token replaced");
                }
                differs
            }
            Err(error) => {
                let error = &*error as &(dyn std::error::Error + 'static);
                warn!(error, "token could not be read again");
                false
            }
        }
    }

    /// Notes that the API rejects the token, and that there is no other one.
    pub(crate) fn reject(&self) {
        self.rejected.notify_one();
    }

    pub(crate) async fn rejected(&self) {
        self.rejected.notified().await;
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

fn authorization(token: &SecretString) -> Result<HeaderValue> {
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::InvalidToken);
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| Error::InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}
