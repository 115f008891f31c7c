//! Health checks: connectivity, token, clock and rate limit.

use std::time::{Duration, SystemTime};

use http::header::{DATE, HeaderMap};
use jiff::fmt::rfc2822;
use serde::Serialize;
use tokio::time::Instant;

use crate::{Client, ErrorCode, Result};

/// The result of a health check; returned by [`Client::ping`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ping {
    /// The response time.
    pub took: Duration,
    /// The API's clock, in whole seconds.
    pub date: Option<SystemTime>,
    /// The project's rate limit, in requests per hour.
    pub limit: Option<u64>,
    /// The number of requests that are left now.
    pub remaining: Option<u64>,
}

impl Client {
    /// Sends the cheapest authenticated request, to check that the API can be reached and accepts
    /// the token.
    pub async fn ping(&self) -> Result<Ping> {
        let sent = Instant::now();
        let request = self.get("/locations").parameter("per_page", 1);
        let success = request.send().await?;
        let headers = success.headers();
        Ok(Ping {
            took: sent.elapsed(),
            date: date(headers),
            limit: number(headers, "ratelimit-limit"),
            remaining: number(headers, "ratelimit-remaining"),
        })
    }

    /// Returns whether the token may write, without changing anything.
    ///
    /// Sends an empty update of a server that cannot exist, as ids begin at 1: the API returns
    /// `not_found` if the token may write, and `token_readonly` if it may not.
    pub async fn may_write(&self) -> Result<bool> {
        match self.check_token().await {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Some(&ErrorCode::TokenReadonly) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Checks that the API accepts the token for reading and writing, without changing anything;
    /// see [`may_write`](Self::may_write).
    ///
    /// # Errors
    ///
    /// The refusal of the API, see [`Error::is_token_rejected`](crate::Error::is_token_rejected),
    /// or why it could not be asked.
    pub async fn check_token(&self) -> Result<()> {
        #[derive(Serialize)]
        struct Nothing {}

        let Err(error) = self.put("/servers/0").json(&Nothing {}).send().await else {
            return Ok(());
        };
        match error.code() {
            Some(ErrorCode::NotFound | ErrorCode::InvalidInput) => Ok(()),
            _ => Err(error),
        }
    }
}

fn date(headers: &HeaderMap) -> Option<SystemTime> {
    let date = rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(date.timestamp().into())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
