//! What an answer says about the token, the clock and the budget.

use std::time::{Duration, SystemTime};

use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap};
use serde::Serialize;
use tokio::time::Instant;

use crate::{Client, ErrorCode, Result};

/// How the API does; made by [`Client::ping`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ping {
    /// How long the answer took.
    pub took: Duration,
    /// What time the API thinks it is, to the second.
    pub date: Option<SystemTime>,
    /// How many requests the project has in an hour.
    pub limit: Option<u64>,
    /// How many of them are left now.
    pub remaining: Option<u64>,
}

impl Client {
    /// Asks for next to nothing, to see whether the API can be reached and takes the token.
    pub async fn ping(&self) -> Result<Ping> {
        let sent = Instant::now();
        let request = self.get("/locations").parameter("per_page", 1);
        let answer = request.send().await?;
        let headers = answer.headers();
        Ok(Ping {
            took: sent.elapsed(),
            date: date(headers),
            limit: number(headers, "ratelimit-limit"),
            remaining: number(headers, "ratelimit-remaining"),
        })
    }

    /// Whether the token may change things. Nothing is changed by asking.
    ///
    /// The question is a change of nothing in a server that cannot be there, as ids begin at 1: a
    /// token that may write is told that there is no such server, one that may not is told so.
    pub async fn may_write(&self) -> Result<bool> {
        #[derive(Serialize)]
        struct Nothing {}

        let Err(error) = self.put("/servers/0").json(&Nothing {}).send().await else {
            return Ok(true);
        };
        match error.api().map(|refusal| &refusal.code) {
            Some(ErrorCode::TokenReadonly) => Ok(false),
            Some(ErrorCode::NotFound | ErrorCode::InvalidInput) => Ok(true),
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
