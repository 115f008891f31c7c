//! Requests to the API and their responses, as the operations see them.

use std::collections::HashMap;

use axum::RequestExt;
use axum::extract::{FromRequest, Query, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::catalog::Listed;
use crate::errors::ApiError;
use crate::faults::ActionFault;
use crate::labels::Selector;
use crate::paging::Page;
use crate::state::Cloud;

/// An operation of the API.
pub(crate) type Operation = fn(&mut Cloud, &Call) -> Reply;

pub(crate) type Reply = Result<Answer, ApiError>;

/// A request to a known route.
pub(crate) struct Call {
    pub(crate) method: Method,
    uri: Uri,
    pub(crate) headers: HeaderMap,
    /// What happens to the actions that the request starts.
    pub(crate) action_fault: ActionFault,
    path: HashMap<String, String>,
    query: Vec<(String, String)>,
    body: Bytes,
}

impl Call {
    /// Returns the path parameter `{name}` as a number.
    pub(crate) fn id(&self, name: &str) -> Result<u64, ApiError> {
        let id = self.path(name).unwrap_or_default();
        id.parse()
            .map_err(|_| ApiError::invalid(name, format!("'{id}' is not a number")))
    }

    /// Returns the path parameter `{name}`.
    pub(crate) fn path(&self, name: &str) -> Option<&str> {
        self.path.get(name).map(String::as_str)
    }

    /// Returns the last value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query_all(name)
            .last()
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn query_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns whether a query parameter is true.
    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.query(name), Some("true" | "True"))
    }

    /// Returns the values that a query parameter allows.
    pub(crate) fn allowed(&self, name: &str) -> Allowed<'_> {
        let values = self.query_all(name).filter(|value| !value.is_empty());
        Allowed(values.collect())
    }

    /// Returns the path and query with another page.
    fn page_uri(&self, page: usize) -> String {
        let query = self.query.iter().filter(|(name, _)| name != "page");
        let mut uri = format!("{}?page={page}", self.uri.path());
        for (name, value) in query {
            uri.push('&');
            uri.push_str(name);
            uri.push('=');
            let bytes = value.bytes().map(|byte| match byte {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(byte).into()
                }
                _ => format!("%{byte:02X}"),
            });
            uri.extend(bytes);
        }
        uri
    }

    /// Returns the value of the `Link` header of a page, if it has neighbors.
    pub(crate) fn links(&self, answer: &Answer, base: &str) -> Option<HeaderValue> {
        let links = answer.pages.iter().filter_map(|&(rel, page)| {
            Some(format!("<{base}{}>; rel=\"{rel}\"", self.page_uri(page?)))
        });
        let links = links.collect::<Vec<_>>().join(", ");
        HeaderValue::try_from(links)
            .ok()
            .filter(|value| !value.is_empty())
    }

    /// Returns the label selector of the query.
    pub(crate) fn selector(&self) -> Result<Selector, ApiError> {
        Selector::parse(self.query("label_selector").unwrap_or_default())
    }

    /// Returns the body, which has been validated by the description; an empty one counts as `{}`.
    pub(crate) fn json(&self) -> Result<Value, ApiError> {
        self.body()
    }

    /// Decodes the body; an empty body counts as `{}`.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let bytes = if self.body.is_empty() {
            b"{}"
        } else {
            &self.body[..]
        };
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let body = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            if error.inner().is_data() {
                invalid_field(&error)
            } else {
                ApiError::new("json_error")
            }
        })?;
        json.end().map_err(|_| ApiError::new("json_error"))?;
        Ok(body)
    }
}

/// Returns an error that names the invalid or missing field.
fn invalid_field(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let problem = error.inner().to_string();
    match problem
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'))
    {
        Some((field, _)) => ApiError::invalid(field, "Missing data for required field."),
        None => {
            let (problem, _) = problem.rsplit_once(" at line ").unwrap_or((&problem, ""));
            ApiError::invalid(&error.path().to_string(), problem)
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Call {
    type Rejection = Response;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Response> {
        let path = request
            .extract_parts::<RawPathParams>()
            .await
            .map_err(IntoResponse::into_response)?
            .iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        let Query(query) = request
            .extract_parts()
            .await
            .map_err(IntoResponse::into_response)?;
        let uri = request.uri().clone();
        Ok(Self {
            path,
            query,
            uri,
            action_fault: request
                .extensions()
                .get::<ActionFault>()
                .cloned()
                .unwrap_or_default(),
            method: request.method().clone(),
            headers: request.headers().clone(),
            body: Bytes::from_request(request, state)
                .await
                .map_err(IntoResponse::into_response)?,
        })
    }
}

/// The values of a query parameter, each of which may be a list.
pub(crate) struct Allowed<'a>(Vec<&'a str>);

impl Allowed<'_> {
    /// Returns whether `value` is among them, or there are none, which allows all.
    pub(crate) fn contain(&self, value: &str) -> bool {
        let matches =
            |allowed: &&str| *allowed == value || allowed.split(',').any(|one| one == value);
        self.0.is_empty() || self.0.iter().any(matches)
    }
}

/// An ID or a name of a resource in a body.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum IdOrName {
    Id(u64),
    Name(String),
}

impl IdOrName {
    /// Finds a part of the catalog.
    pub(crate) fn listed<T: Listed>(&self) -> Option<&'static T> {
        self.find(T::all().iter(), T::id, |it| Some(it.name()))
    }

    /// Finds a resource by ID or name; a name of digits is tried as an ID first.
    pub(crate) fn find<'a, T>(
        &self,
        all: impl Iterator<Item = &'a T> + Clone,
        id: impl Fn(&T) -> u64,
        name: impl Fn(&T) -> Option<&str>,
    ) -> Option<&'a T> {
        let by_id = |wanted| all.clone().find(|item| id(item) == wanted);
        match self {
            Self::Id(wanted) => by_id(*wanted),
            Self::Name(wanted) => wanted
                .parse()
                .ok()
                .and_then(by_id)
                .or_else(|| all.clone().find(|item| name(item) == Some(wanted))),
        }
    }
}

impl std::fmt::Display for IdOrName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// The response of a successful operation.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    /// The neighbors of a page, by their relation.
    pages: [(&'static str, Option<usize>); 3],
}

impl Answer {
    pub(crate) fn ok(body: &impl Serialize) -> Reply {
        Ok(Self::with(StatusCode::OK, body))
    }

    pub(crate) fn created(body: &impl Serialize) -> Reply {
        Ok(Self::with(StatusCode::CREATED, body))
    }

    /// A body with one entry, such as `{"server": …}`.
    pub(crate) fn one(key: &str, value: &impl Serialize) -> Reply {
        Self::ok(&json!({ key: value }))
    }

    pub(crate) fn no_content() -> Reply {
        Ok(Self {
            status: StatusCode::NO_CONTENT,
            body: Vec::new(),
            pages: [("", None); 3],
        })
    }

    pub(crate) fn page<T: Serialize>(page: &Page<T>) -> Reply {
        Ok(Self {
            pages: page.neighbors(),
            ..Self::with(StatusCode::OK, page)
        })
    }

    fn with(status: StatusCode, body: &impl Serialize) -> Self {
        Self {
            status,
            body: serde_json::to_vec(body).expect("maps have string keys"),
            pages: [("", None); 3],
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        if self.body.is_empty() {
            return self.status.into_response();
        }
        let json = (header::CONTENT_TYPE, "application/json; charset=utf-8");
        (self.status, [json], self.body).into_response()
    }
}
