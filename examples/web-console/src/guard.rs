//! What every request must bring, and what every answer carries.

use std::fmt;
use std::str::FromStr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::WebConsole;
use crate::refusal::{Reason, Refusal};

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'",
);

/// Where browsers find a web console: `https://console.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
}

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is https://HOST or http://HOST:PORT, without a path")]
pub struct InvalidOrigin;

impl Origin {
    /// The host, with the port if it is an unusual one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether browsers come by TLS.
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    fn is_of(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN);
        origin.is_some_and(|origin| origin.as_bytes() == self.to_string().as_bytes())
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let uri: Uri = text.parse().map_err(|_| InvalidOrigin)?;
        let (scheme, host) = uri.scheme_str().zip(uri.authority()).ok_or(InvalidOrigin)?;
        let plain = uri.path() == "/" && uri.query().is_none() && !host.as_str().contains('@');
        if !plain || !matches!(scheme, "http" | "https") {
            return Err(InvalidOrigin);
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            host: host.as_str().to_ascii_lowercase(),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)
    }
}

/// Turns away who came by another name or from another site, and adds the
/// headers of every answer.
pub(crate) async fn guard(
    State(console): State<WebConsole>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let wants_text = headers
        .get(header::ACCEPT)
        .is_some_and(|it| it == "text/plain");
    let response = match check(&console.settings.origin, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let mut response = match response.extensions().get() {
        Some(Reason(reason)) if wants_text => (response.status(), reason.clone()).into_response(),
        _ => response,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ] {
        headers.entry(name).or_insert(value);
    }
    headers.extend([
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (
            CROSS_ORIGIN_OPENER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
        (
            CROSS_ORIGIN_RESOURCE_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
    ]);
    response
}

fn check(origin: &Origin, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    // A foreign page whose name was bent to our address must not read what we serve.
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    if !host.is_some_and(|host| host.eq_ignore_ascii_case(origin.host.as_bytes())) {
        return Err(Refusal::Misdirected(origin.clone()));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    let own = match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => origin.is_of(headers),
    };
    match own {
        true => Ok(()),
        false => Err(Refusal::Forged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        for (text, shown, secure) in [
            (
                "https://Console.example.org",
                "https://console.example.org",
                true,
            ),
            (
                "https://console.example.org/",
                "https://console.example.org",
                true,
            ),
            ("http://127.0.0.1:8480", "http://127.0.0.1:8480", false),
            ("http://[::1]:8480", "http://[::1]:8480", false),
        ] {
            let origin: Origin = text.parse().unwrap();

            assert_eq!(
                (origin.to_string().as_str(), origin.is_secure()),
                (shown, secure)
            );
        }
        for text in [
            "",
            "console",
            "ftp://host",
            "https://host/path",
            "https://me@host",
            "https://host/?q",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(InvalidOrigin), "{text}");
        }
    }
}
