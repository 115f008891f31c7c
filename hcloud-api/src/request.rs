//! One request and its response: the only place that speaks HTTP.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use jiff::fmt::rfc2822::DateTimeParser;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::{self, DeserializeOwned};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Level, debug, debug_span, enabled, info, trace, warn};

use crate::delay::{SLOW_RESPONSE, Shown};
use crate::envelope;
use crate::error::message_of;
use crate::lenient::{self, Mode};
use crate::pagination::Listing;
use crate::rate_limit::{Budget, Permit};
use crate::redact::Secrets;
use crate::retry::Retries;
use crate::route::route;
use crate::salvage::{self, HasRootPassword};
use crate::shape;
use crate::token::Version;
use crate::{
    ApiError, Attempt, Client, Delay, Deviation, DeviationKind, Error, Resource, Result, Salvage,
};

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
            budget: Budget::of(&method, &path),
            method,
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
                    (Err(deviation), Mode::Lenient | Mode::Thorough) => {
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

    /// Returns the whole response, with the root password from wherever it is; an empty one is none.
    pub(crate) async fn whole_with_password<T>(self) -> Result<T>
    where
        T: DeserializeOwned + HasRootPassword,
    {
        let success = self.send().await?;
        let body = success.body.clone();
        let mut whole: T = success.decode(
            |body| serde_json::from_slice(body),
            |response, mode, deviations| lenient::decode(response, "", mode, deviations),
        )?;
        let password = whole.root_password();
        let is_known = |it: &SecretString| !it.expose_secret().is_empty();
        if !password.as_ref().is_some_and(is_known) {
            *password = Salvage::of_body(&body).root_password;
        }
        Ok(whole)
    }

    /// Returns all resources of a list without pages.
    pub(crate) async fn many<T: Resource>(self) -> Result<Vec<T>> {
        let success = self.send().await?;
        success.missing_fields::<T>();
        success.decode(
            |body| envelope::field(body, T::MANY),
            |response, mode, deviations| {
                envelope::find_unknown(response, T::MANY, mode, deviations);
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
        let span = debug_span!(
            "request",
            method = %self.method,
            path = self.path,
            http.route = route(&self.path),
        );
        let in_flight = AtomicBool::new(false);
        let attempts = self.attempts(&in_flight).instrument(span);
        let Some(limit) = self.client.call_timeout else {
            return attempts.await;
        };
        let ended = timeout(limit, attempts).await;
        ended.unwrap_or_else(|_| {
            Err(Error::CallTimeout {
                method: self.method.clone(),
                path: self.path.clone(),
                timeout: limit,
                in_flight: in_flight.load(Ordering::Relaxed),
            })
        })
    }

    async fn attempts(&self, in_flight: &AtomicBool) -> Result<Success> {
        let shared = &self.client.shared;
        let pacer = shared.pacers.of(self.budget);
        let mut retries = self.client.retry.begin();
        let mut permit = pacer.permit(Duration::ZERO);
        let mut may_renew_token = true;
        let mut number = 0;
        loop {
            number += 1;
            self.report_pacing(&permit, &retries);
            permit.ready().await;
            let token = shared.token.current();
            in_flight.store(true, Ordering::Relaxed);
            let ended = self.attempt(permit, &token, number).await;
            in_flight.store(false, Ordering::Relaxed);
            let error = match ended {
                Ok(success) => return Ok(success),
                Err(error) => error,
            };
            if error.is_token_rejected() {
                if may_renew_token && shared.token.renew(&token).await {
                    may_renew_token = false;
                    permit = pacer.permit(Duration::ZERO);
                    continue;
                }
                shared.token.reject();
                return Err(error);
            }
            let Some(delay) = retries.delay_after(&self.method, &error) else {
                return Err(error);
            };
            permit = pacer.permit(delay);
            if !retries.allow_attempt_at(permit.at()) {
                return Err(error);
            }
            if error.status() == Some(StatusCode::TOO_MANY_REQUESTS) {
                self.report_rate_limit(permit.at(), error.retry_after(), &retries);
            }
            debug!(error = &error as &dyn std::error::Error, "retry scheduled");
        }
    }

    async fn attempt(&self, permit: Permit<'_>, token: &Version, number: u32) -> Result<Success> {
        let began = Instant::now();
        let mut status = None;
        let sent = self.http().header(AUTHORIZATION, token.header.clone());
        let ended = async {
            let response = (self.unless_slow(sent.send()).await)
                .map_err(|error| self.transport_error(error))?;
            status = Some(response.status());
            self.read(response, permit).await
        }
        .await;
        let attempt = Attempt {
            method: &self.method,
            path: &self.path,
            number,
            status,
            correlation_id: match &ended {
                Ok(success) => success.correlation_id.as_deref(),
                Err(error) => error.correlation_id(),
            },
            took: began.elapsed(),
            error: ended.as_ref().err(),
        };
        #[cfg(feature = "metrics")]
        crate::telemetry::record_attempt(&attempt);
        if let Some(observe) = &self.client.shared.on_attempt {
            observe(&attempt);
        }
        ended
    }

    /// Reads a response, and updates the budget.
    async fn read(&self, response: Response, permit: Permit<'_>) -> Result<Success> {
        let shared = &self.client.shared;
        let status = response.status();
        let pacer = shared.pacers.of(self.budget);
        permit.observe(status, response.headers());
        #[cfg(feature = "metrics")]
        crate::telemetry::record_budget(self.budget, &pacer.limit(), response.headers());
        if let Some(lasted) = shared.unresponsive.end() {
            info!(after_ms = lasted.as_millis() as u64, "API responds again");
        }
        if status != StatusCode::TOO_MANY_REQUESTS && !pacer.is_exhausted() {
            if let Some(lasted) = pacer.limited.end() {
                info!(after_ms = lasted.as_millis() as u64, "rate limit over");
            }
        }
        let headers = response.headers().clone();
        let correlation_id = correlation_id(&headers);
        debug!(status = status.as_u16(), correlation_id, "response");
        let body = match body(response).await {
            Ok(body) => body,
            Err((part, error)) => return Err(self.interrupted(&part, correlation_id, error)),
        };
        self.trace_body("response body", &body);
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
        Err(self.error_response(status, &headers, &body))
    }

    /// Returns the error of a response that ended too early, with what cannot be requested again.
    fn interrupted(
        &self,
        part: &[u8],
        correlation_id: Option<String>,
        error: reqwest::Error,
    ) -> Error {
        let salvage = Salvage::of_body(part);
        if !salvage.has_secret() {
            return self.transport_error(error);
        }
        Error::Decode {
            method: self.method.clone(),
            path: self.path.clone(),
            field: String::new(),
            salvage: Some(Box::new(salvage)),
            correlation_id,
            source: de::Error::custom("the response is incomplete"),
        }
    }

    /// Reports once that the API does not respond.
    async fn unless_slow<T>(&self, response: impl Future<Output = T>) -> T {
        let mut response = pin!(response);
        if let Ok(response) = timeout(SLOW_RESPONSE, &mut response).await {
            return response;
        }
        let shared = &self.client.shared;
        if shared.unresponsive.begin() {
            let endpoint = self.endpoint().as_str().to_owned();
            warn!(
                endpoint,
                waited_ms = SLOW_RESPONSE.as_millis() as u64,
                timeout_ms = shared.timeout.as_millis() as u64,
                "API does not respond"
            );
            self.report(&Delay::Unresponsive {
                endpoint,
                waited: SLOW_RESPONSE,
                timeout: shared.timeout,
            });
        }
        response.await
    }

    /// Reports once that the budget allows a request only later.
    fn report_pacing(&self, permit: &Permit<'_>, retries: &Retries) {
        const SHORT: Duration = Duration::from_secs(2);

        if permit.pacing() > SHORT {
            self.report_rate_limit(permit.at(), None, retries);
        }
    }

    /// Logs a body without its secrets.
    fn trace_body(&self, message: &str, body: &[u8]) {
        if enabled!(Level::TRACE) && !body.is_empty() {
            let body = Secrets::of(self.body.as_deref()).without(body);
            trace!(body, "{message}");
        }
    }

    fn report_rate_limit(&self, next: Instant, retry_after: Option<Duration>, retries: &Retries) {
        let pacer = self.client.shared.pacers.of(self.budget);
        if !pacer.limited.begin() {
            return;
        }
        let now = SystemTime::now();
        let retry_in = next.saturating_duration_since(Instant::now());
        let resets_at = pacer.limit().resets_at.filter(|resets_at| *resets_at > now);
        let until = resets_at.or_else(|| now.checked_add(retry_after?));
        warn!(
            until = until.map(Shown).map(display),
            retry_in_ms = retry_in.as_millis() as u64,
            "rate limited"
        );
        self.report(&Delay::RateLimited {
            until,
            gives_up_in: retries.time_left(),
        });
    }

    fn report(&self, delay: &Delay) {
        if let Some(observe) = &self.client.shared.on_delay {
            observe(delay);
        }
    }

    fn http(&self) -> reqwest::RequestBuilder {
        let shared = &self.client.shared;
        let mut request = shared.http.request(self.method.clone(), self.url());
        request = request.timeout(shared.timeout);
        if let Some(body) = &self.body {
            self.trace_body("request body", body);
            request = request.header(CONTENT_TYPE, JSON).body(body.clone());
        }
        request
    }

    fn endpoint(&self) -> &Url {
        let shared = &self.client.shared;
        if self.budget.is_of_storage_boxes() {
            &shared.storage_boxes
        } else {
            &shared.cloud
        }
    }

    fn url(&self) -> Url {
        let mut url = self.endpoint().clone();
        let path = format!("{}{}", url.path().trim_end_matches('/'), self.path);
        url.set_path(&path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
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

    fn error_response(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        let (method, path) = (self.method.clone(), self.path.clone());
        let secrets = Secrets::of(self.body.as_deref());
        let (correlation_id, retry_after) = (correlation_id(headers), retry_after(headers));
        match ApiError::read(status, correlation_id.clone(), body, &secrets) {
            Some(error) => Error::Api {
                method,
                path,
                source: Box::new(ApiError {
                    retry_after,
                    ..error
                }),
            },
            None => Error::Gateway {
                method,
                path,
                status,
                message: message_of(body, &secrets),
                retry_after,
                salvage: Some(Salvage::of_body(body))
                    .filter(Salvage::has_secret)
                    .map(Box::new),
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

/// Reads a body, or what arrives of it.
async fn body(mut response: Response) -> Result<Vec<u8>, (Vec<u8>, reqwest::Error)> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err((body, error)),
        }
    }
}

fn correlation_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-correlation-id")?.to_str().ok()?;
    Some(id.to_owned())
}

/// Reads the header `Retry-After`: a number of seconds, or a time.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    /// Bounds what is added to the present time.
    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<f64>() {
        Ok(seconds) if seconds.is_sign_negative() => Duration::ZERO,
        Ok(seconds) => Duration::try_from_secs_f64(seconds).unwrap_or(YEAR),
        Err(_) => {
            let time = DateTimeParser::new().parse_timestamp(value).ok()?;
            let wait = SystemTime::from(time).duration_since(SystemTime::now());
            wait.unwrap_or_default()
        }
    };
    Some(wait.min(YEAR))
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
        odd: impl Fn(&Value, Mode, &mut Vec<Deviation>) -> Result<T, Deviation>,
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
        odd: impl Fn(&Value, Mode, &mut Vec<Deviation>) -> Result<T, Deviation>,
    ) -> Result<T> {
        if self.client.shared.report_unknown {
            let response = serde_json::from_slice(&self.body).unwrap_or_default();
            let mut found = Vec::new();
            // What does not fit is reported by the decoding itself.
            let _ = odd(&response, Mode::Thorough, &mut found);
            found.retain(|deviation| deviation.kind != DeviationKind::Mismatch);
            self.report(&found);
        }
        let source = match direct(&self.body) {
            Ok(decoded) => return Ok(decoded),
            Err(source) => source,
        };
        let Some(response) = salvage::read(&self.body) else {
            return Err(self.decode_error(String::new(), source));
        };
        let mut deviations = Vec::new();
        match odd(&response, mode, &mut deviations) {
            Ok(decoded) if mode == Mode::Lenient => {
                self.report(&deviations);
                Ok(decoded)
            }
            Ok(_) => Err(self.decode_error(String::new(), source)),
            Err(Deviation { path, problem, .. }) => {
                let source = de::Error::custom(problem);
                Err(self.decode_error(path, source))
            }
        }
    }

    /// Reports the fields that only some items of a list have, if there is an observer; returns
    /// them.
    pub(crate) fn missing_fields<T: Resource>(&self) -> Vec<Deviation> {
        let shared = &self.client.shared;
        // With `report_unknown`, all missing fields are found.
        if shared.on_deviation.is_none()
            || shared.report_unknown
            || !shape::has_different_fields(&self.body)
        {
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

    fn decode_error(self, field: String, source: serde_json::Error) -> Error {
        Error::Decode {
            method: self.method,
            path: self.path,
            field,
            salvage: Some(Salvage::of_body(&self.body).into()),
            correlation_id: self.correlation_id,
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde::{Deserialize, Deserializer};
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::Server;

    thread_local! {
        static DECODED: Cell<usize> = const { Cell::new(0) };
    }

    /// A server that counts how often one is decoded.
    struct Counted(Server);

    impl<'de> Deserialize<'de> for Counted {
        fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
            DECODED.set(DECODED.get() + 1);
            Server::deserialize(input).map(Self)
        }
    }

    impl Resource for Counted {
        type Id = <Server as Resource>::Id;
        const ONE: &'static str = Server::ONE;
        const MANY: &'static str = Server::MANY;

        fn id(&self) -> Self::Id {
            self.0.id
        }
    }

    #[tokio::test]
    async fn items_with_the_same_fields_are_decoded_once_though_deviations_are_observed() {
        let api = MockServer::start().await;
        let server = include_str!("fixtures/server.json");
        let mut server: Value = serde_json::from_str(server).unwrap();
        let one = server["server"].take();
        let mut other = one.clone();
        other["id"] = 2.into();
        other["image"] = Value::Null;
        let servers = serde_json::json!({ "servers": [one, other] });
        let response = ResponseTemplate::new(200).set_body_json(servers);
        Mock::given(any()).respond_with(response).mount(&api).await;
        let client = Client::builder("token")
            .endpoint(api.uri())
            .on_deviation(|deviation| panic!("{deviation}"))
            .build()
            .unwrap();

        let listed: Vec<Counted> = client.get("/servers").list().all().await.unwrap();

        assert_eq!((listed.len(), DECODED.get()), (2, 2));
    }
}
