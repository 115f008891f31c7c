//! A plain HTTP client.

use hcloud_sim::Sim;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::description::Report;
use crate::simulator::Simulator;

/// If another crate of the build enables TLS in reqwest, a cryptography provider must be installed, even for plain
/// HTTP.
pub(crate) fn http() -> reqwest::Client {
    // Fails if another test has installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// Checks all responses to [`Client::send`] by Hetzner's description.
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: String,
    token: Option<String>,
    expects_faults: bool,
}

impl Client {
    pub(crate) fn of(sim: &Sim) -> Self {
        Self {
            token: Some(sim.token().into()),
            ..Self::without_token(sim)
        }
    }

    pub(crate) fn with_token(sim: &Sim, token: &str) -> Self {
        Self {
            token: Some(token.into()),
            ..Self::without_token(sim)
        }
    }

    /// Returns a client of the program.
    pub(crate) fn to(simulator: &Simulator) -> Self {
        let [endpoint, token] =
            ["HCLOUD_ENDPOINT", "HCLOUD_TOKEN"].map(|name| simulator.variable(name).to_owned());
        Self {
            http: http(),
            endpoint,
            token: Some(token),
            expects_faults: false,
        }
    }

    /// Returns a client that does not check the responses.
    pub(crate) fn expecting_faults(sim: &Sim) -> Self {
        Self {
            expects_faults: true,
            ..Self::of(sim)
        }
    }

    pub(crate) fn without_token(sim: &Sim) -> Self {
        Self {
            http: http(),
            endpoint: sim.endpoint().into(),
            token: None,
            expects_faults: false,
        }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let response = self.try_send(method.clone(), path, body).await.unwrap();
        if self.expects_faults {
            return response;
        }
        let mut copy = axum::http::Response::new(());
        *copy.status_mut() = response.status();
        *copy.headers_mut() = response.headers().clone();
        let (method, path) = (method.as_str(), response.url().path().to_owned());
        let text = response.text().await.unwrap();
        let shown = (!text.is_empty()).then_some(text.as_str());
        let mut report = Report::default();
        report.add(method, &path, Some(copy.status().as_u16()), shown);
        report.assert_valid();
        copy.map(|()| text).into()
    }

    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Response> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.endpoint));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    /// Reads a control endpoint.
    pub(crate) async fn control<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        let base = self.endpoint.trim_end_matches("/v1");
        let response = self.http.get(format!("{base}{path}")).send().await.unwrap();
        response.json().await.unwrap()
    }

    pub(crate) async fn post_text(&self, path: &str, body: &'static str) -> Response {
        let request = self.http.post(format!("{}{path}", self.endpoint));
        let token = self.token.as_deref().unwrap_or_default();
        request.bearer_auth(token).body(body).send().await.unwrap()
    }

    pub(crate) async fn create(&self, name: &str) -> Value {
        let body = json!({ "name": name, "server_type": "cx23", "image": "debian-13" });
        let created = self.send(Method::POST, "/servers", Some(&body)).await;
        created.json().await.unwrap()
    }
}
