//! One request and its response: the only place that speaks HTTP.

use std::fmt;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Response, Url};
use serde::Serialize;
use serde::de::{self, DeserializeOwned};
use serde_json::Value;
use tracing::{Instrument, debug, debug_span, warn};

use crate::envelope;
use crate::lenient::{self, Mode};
use crate::pagination::Listing;
use crate::rate_limit::{Budget, Permit};
use crate::redact::Secrets;
use crate::{ApiError, Client, Deviation, Error, Resource, Result, Salvage};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request to the API; sent by the methods that return a part of the response.
#[derive(Clone)]
#[must_use]
pub(crate) struct Request {
    client: Client,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    budget: Budget,
}

impl Request {
    pub(crate) fn new(client: &Client, method: Method, path: String) -> Self {
        Self {
            client: client.clone(),
            method,
            budget: Budget::of(&path),
            path,
            query: Vec::new(),
            body: None,
        }
    }

    /// Adds the fields of a struct as query parameters: a list repeats its name, absent fields are
    /// left out.
    pub(crate) fn query(mut self, parameters: &impl Serialize) -> Self {
        let parameters = serde_json::to_value(parameters).expect("parameters are plain structs");
        if let Value::Object(parameters) = parameters {
            for (name, value) in parameters {
                push_parameter(&mut self.query, name, value);
            }
        }
        self
    }

    pub(crate) fn parameter(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn json(self, body: &impl Serialize) -> Self {
        self.body(serde_json::to_vec(body).expect("bodies are plain structs"))
    }

    /// Sets the JSON body.
    pub(crate) fn body(mut self, json: Vec<u8>) -> Self {
        self.body = Some(json);
        self
    }

    /// Returns the resource from its field.
    pub(crate) async fn one<T: Resource>(self) -> Result<T> {
        self.field(T::ONE).await
    }

    /// Returns the resource, if there is one: some deletes return an action, most an empty body.
    pub(crate) async fn optional<T: Resource>(self) -> Result<Option<T>> {
        let success = self.send().await?;
        if success.body.is_empty() {
            return Ok(None);
        }
        success.decode(
            |body| envelope::optional_field(body, T::ONE),
            |response, mode, deviations| {
                let decoded = envelope::odd_field(response, T::ONE, mode, deviations);
                match (decoded, mode) {
                    (Err(deviation), Mode::Lenient) => {
                        deviations.push(deviation);
                        Ok(None)
                    }
                    (decoded, _) => decoded,
                }
            },
        )
    }

    /// Returns one field of the response.
    pub(crate) async fn field<T: DeserializeOwned>(self, name: &'static str) -> Result<T> {
        let success = self.send().await?;
        success.decode(
            |body| envelope::field(body, name),
            |response, mode, deviations| envelope::odd_field(response, name, mode, deviations),
        )
    }

    /// Returns the whole response.
    pub(crate) async fn whole<T: DeserializeOwned>(self) -> Result<T> {
        let success = self.send().await?;
        success.decode(
            |body| serde_json::from_slice(body),
            |response, mode, deviations| lenient::decode(response, "", mode, deviations),
        )
    }

    /// Returns all resources of a list without pages.
    pub(crate) async fn many<T: Resource>(self) -> Result<Vec<T>> {
        let success = self.send().await?;
        success.missing_fields::<T>();
        success.decode(
            |body| envelope::field(body, T::MANY),
            |response, mode, deviations| {
                lenient::decode_list(response.get(T::MANY), T::MANY, mode, deviations)
            },
        )
    }

    /// Returns a list with pages.
    pub(crate) fn list<T: Resource>(self) -> Listing<T> {
        Listing::new(self)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends the request, and retries it as the retry policy allows.
    pub(crate) async fn send(&self) -> Result<Success> {
        if self.client.shared.dry_run && self.method != Method::GET {
            return Err(self.not_sent());
        }
        let span = debug_span!("request", method = %self.method, path = self.path);
        self.attempts().instrument(span).await
    }

    async fn attempts(&self) -> Result<Success> {
        let pacer = self.client.shared.pacers.of(self.budget);
        let mut permit = pacer.permit(Duration::ZERO);
        permit.ready().await;
        let mut retries = self.client.retry.begin();
        loop {
            let error = match self.attempt(permit).await {
                Ok(success) => return Ok(success),
                Err(error) => error,
            };
            let Some(delay) = retries.delay_after(&self.method, &error) else {
                return Err(error);
            };
            permit = pacer.permit(delay);
            if !retries.allow_attempt_at(permit.at()) {
                return Err(error);
            }
            debug!(error = &error as &dyn std::error::Error, "retry scheduled");
            permit.ready().await;
        }
    }

    async fn attempt(&self, permit: Permit<'_>) -> Result<Success> {
        let response = self
            .http()
            .send()
            .await
            .map_err(|error| self.transport_error(error))?;
        let status = response.status();
        permit.observe(status, response.headers());
        let headers = response.headers().clone();
        let correlation_id = correlation_id(&headers);
        debug!(status = status.as_u16(), correlation_id, "response");
        let body = self.read(response).await?;
        if status.is_success() {
            return Ok(Success {
                client: self.client.clone(),
                method: self.method.clone(),
                path: self.path.clone(),
                correlation_id,
                headers,
                body,
            });
        }
        Err(self.error_response(status, correlation_id, &body))
    }

    fn http(&self) -> reqwest::RequestBuilder {
        let shared = &self.client.shared;
        let mut request = shared.http.request(self.method.clone(), self.url());
        if let Some(body) = &self.body {
            request = request.header(CONTENT_TYPE, JSON).body(body.clone());
        }
        request
    }

    fn url(&self) -> Url {
        let shared = &self.client.shared;
        let mut url = match self.budget {
            Budget::Cloud | Budget::Actions => shared.cloud.clone(),
            Budget::StorageBoxes => shared.storage_boxes.clone(),
        };
        let path = format!("{}{}", url.path().trim_end_matches('/'), self.path);
        url.set_path(&path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    async fn read(&self, response: Response) -> Result<Vec<u8>> {
        let body = response.bytes().await;
        Ok(body.map_err(|error| self.transport_error(error))?.into())
    }

    fn transport_error(&self, error: reqwest::Error) -> Error {
        Error::transport(self.method.clone(), &self.path, error)
    }

    fn not_sent(&self) -> Error {
        let body = self.body.as_deref().map(String::from_utf8_lossy);
        Error::DryRun {
            method: self.method.clone(),
            path: self.path.clone(),
            body: body.map(|body| body.into_owned().into()),
        }
    }

    pub(crate) fn decode_error(&self, deviation: &Deviation) -> Error {
        Error::Decode {
            method: self.method.clone(),
            path: self.path.clone(),
            field: deviation.path.clone(),
            salvage: None,
            correlation_id: None,
            source: de::Error::custom(&deviation.problem),
        }
    }

    pub(crate) fn encode_error(&self, source: serde_json::Error) -> Error {
        Error::Encode {
            method: self.method.clone(),
            path: self.path.clone(),
            source,
        }
    }

    fn error_response(
        &self,
        status: StatusCode,
        correlation_id: Option<String>,
        body: &[u8],
    ) -> Error {
        let (method, path) = (self.method.clone(), self.path.clone());
        let secrets = Secrets::of(self.body.as_deref());
        match ApiError::read(status, correlation_id.clone(), body, &secrets) {
            Some(error) => Error::Api {
                method,
                path,
                source: Box::new(error),
            },
            None => Error::Gateway {
                method,
                path,
                status,
                correlation_id,
            },
        }
    }
}

impl fmt::Debug for Request {
    /// Leaves out the body, which may hold passwords and keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

/// Escapes a name as one segment of a path.
pub(crate) fn segment(name: impl fmt::Display) -> String {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'@')
        .remove(b'_')
        .remove(b'~');
    let name = name.to_string();
    let escaped = utf8_percent_encode(&name, ESCAPED).to_string();
    match escaped.as_str() {
        // URL parsers resolve these as relative paths even if they are escaped once.
        "." | ".." => escaped.replace('.', "%252E"),
        _ => escaped,
    }
}

fn push_parameter(query: &mut Vec<(String, String)>, name: String, value: Value) {
    match value {
        Value::Null => {}
        Value::String(value) => query.push((name, value)),
        Value::Array(values) => {
            for value in values {
                push_parameter(query, name.clone(), value);
            }
        }
        other => query.push((name, other.to_string())),
    }
}

fn correlation_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-correlation-id")?.to_str().ok()?;
    Some(id.to_owned())
}

/// A success response.
pub(crate) struct Success {
    client: Client,
    method: Method,
    path: String,
    correlation_id: Option<String>,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Success {
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Decodes the body directly or else, if it differs from the documentation, by `odd`.
    pub(crate) fn decode<T>(
        self,
        direct: impl FnOnce(&[u8]) -> serde_json::Result<T>,
        odd: impl FnOnce(&Value, Mode, &mut Vec<Deviation>) -> Result<T, Deviation>,
    ) -> Result<T> {
        let mode = self.client.shared.mode;
        self.decode_as(mode, direct, odd)
    }

    /// Decodes the body directly, and finds the path of what does not fit.
    pub(crate) fn decode_strictly<T: DeserializeOwned>(self) -> Result<T> {
        let direct = |body: &[u8]| match body {
            b"" => serde_json::from_slice(b"null"),
            body => serde_json::from_slice(body),
        };
        self.decode_as(Mode::Strict, direct, |response, mode, deviations| {
            lenient::decode(response, "", mode, deviations)
        })
    }

    fn decode_as<T>(
        self,
        mode: Mode,
        direct: impl FnOnce(&[u8]) -> serde_json::Result<T>,
        odd: impl FnOnce(&Value, Mode, &mut Vec<Deviation>) -> Result<T, Deviation>,
    ) -> Result<T> {
        let source = match direct(&self.body) {
            Ok(decoded) => return Ok(decoded),
            Err(source) => source,
        };
        let Ok(response) = serde_json::from_slice(&self.body) else {
            return Err(self.decode_error(String::new(), source, None));
        };
        let mut deviations = Vec::new();
        match odd(&response, mode, &mut deviations) {
            Ok(decoded) if mode == Mode::Lenient => {
                self.report(&deviations);
                Ok(decoded)
            }
            Ok(_) => Err(self.decode_error(String::new(), source, Some(&response))),
            Err(Deviation { path, problem, .. }) => {
                let source = de::Error::custom(problem);
                Err(self.decode_error(path, source, Some(&response)))
            }
        }
    }

    /// Reports the fields that only some items of a list have, if there is an observer; returns
    /// them.
    pub(crate) fn missing_fields<T: Resource>(&self) -> Vec<Deviation> {
        if self.client.shared.on_deviation.is_none() {
            return Vec::new();
        }
        let response: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let items = response.get(T::MANY).and_then(Value::as_array);
        let missing = items.map(|items| lenient::missing_fields::<T>(items, T::MANY));
        let missing = missing.unwrap_or_default();
        self.report(&missing);
        missing
    }

    fn report(&self, deviations: &[Deviation]) {
        let Some(first) = deviations.first() else {
            return;
        };
        warn!(
            method = %self.method,
            path = self.path,
            correlation_id = self.correlation_id,
            deviations = deviations.len(),
            %first,
            "response differs from the documentation"
        );
        if let Some(observe) = &self.client.shared.on_deviation {
            deviations.iter().for_each(|deviation| observe(deviation));
        }
    }

    fn decode_error(
        self,
        field: String,
        source: serde_json::Error,
        response: Option<&Value>,
    ) -> Error {
        Error::Decode {
            method: self.method,
            path: self.path,
            field,
            salvage: response.map(|response| Salvage::of(response).into()),
            correlation_id: self.correlation_id,
            source,
        }
    }
}
