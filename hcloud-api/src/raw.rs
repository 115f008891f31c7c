//! Requests of your own.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::request::Request;
use crate::{Client, Listing, Method, Resource, Result};

impl Client {
    /// Starts a request that this version has no method for, such as one to an endpoint that is
    /// new.
    ///
    /// The path is below the endpoint. Authentication, pacing, retries, traces and errors are
    /// those of all requests.
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
    /// use hcloud_api::{Action, Method};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize)]
    /// struct Hibernate { minutes: u32 }
    ///
    /// #[derive(Deserialize)]
    /// struct Started { action: Action }
    ///
    /// let path = "/servers/42/actions/hibernate";
    /// let request = client.request(Method::POST, path).json(&Hibernate { minutes: 5 })?;
    /// let Started { action } = request.send().await?;
    /// client.wait([action]).await?;
    /// # Ok(()) }
    /// ```
    pub fn request(&self, method: Method, path: impl Into<String>) -> RawRequest {
        RawRequest(Request::new(self, method, path.into()))
    }
}

/// A request of your own; made by [`Client::request`].
#[derive(Clone, Debug)]
#[must_use = "a request is sent by `send` or `list`"]
pub struct RawRequest(Request);

impl RawRequest {
    /// Adds a query parameter; the same name may come again.
    pub fn query(self, name: &str, value: impl fmt::Display) -> Self {
        Self(self.0.parameter(name, value))
    }

    /// Sets the body.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`](crate::Error::Encode) if the body cannot be written as JSON.
    pub fn json(self, body: &impl Serialize) -> Result<Self> {
        match serde_json::to_vec(body) {
            Ok(body) => Ok(Self(self.0.body(body))),
            Err(source) => Err(self.0.unwritten(source)),
        }
    }

    /// Sends the request and wants the whole answer; an empty one reads as `null`, which `()` and
    /// `Option` take.
    pub async fn send<T: DeserializeOwned>(self) -> Result<T> {
        let answer = self.0.send().await?;
        answer.read(|body| match body {
            b"" => serde_json::from_slice(b"null"),
            body => serde_json::from_slice(body),
        })
    }

    /// Wants every page of a list.
    pub fn list<T: Resource>(self) -> Listing<T> {
        self.0.list()
    }
}
