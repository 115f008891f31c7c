//! Custom requests.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::request::Request;
use crate::{Client, Listing, Method, Resource, Result};

impl Client {
    /// Starts a custom request, for instance to a new endpoint that this version has no method
    /// for.
    ///
    /// The path is relative to the endpoint. Authentication, pacing, retries, traces and errors
    /// are the same as for all requests.
    ///
    /// # Examples
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

/// A custom request; returned by [`Client::request`].
#[derive(Clone, Debug)]
#[must_use = "a request is sent by `send` or `list`"]
pub struct RawRequest(Request);

impl RawRequest {
    /// Adds a query parameter; a name may be repeated.
    pub fn query(self, name: &str, value: impl fmt::Display) -> Self {
        Self(self.0.parameter(name, value))
    }

    /// Sets the JSON body.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`](crate::Error::Encode) if the body cannot be serialized.
    pub fn json(self, body: &impl Serialize) -> Result<Self> {
        match serde_json::to_vec(body) {
            Ok(body) => Ok(Self(self.0.body(body))),
            Err(source) => Err(self.0.encode_error(source)),
        }
    }

    /// Sends the request and decodes the whole response; an empty body is decoded as `null`, for
    /// `()` and `Option`.
    pub async fn send<T: DeserializeOwned>(self) -> Result<T> {
        self.0.send().await?.decode_strictly()
    }

    /// Sends the request and decodes the resource in its field, such as `{"server": …}`.
    pub async fn one<T: Resource>(self) -> Result<T> {
        self.0.one().await
    }

    /// Returns a list with pages.
    pub fn list<T: Resource>(self) -> Listing<T> {
        self.0.list()
    }
}
