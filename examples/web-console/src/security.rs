//! What every request has to carry, and the headers of every response.

use std::fmt;
use std::str::FromStr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hcc_console_page::{NO_STORE, add_security_headers, has_host};

use crate::WebConsole;
use crate::error::{AppError, PlainText};

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'",
);

/// Browsers use HTTPS only, for so long.
const ONE_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Where browsers find a web console: `https://console.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
}

/// A string that is not a valid origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid origin: expected https://HOST or http://HOST:PORT, without a path")]
pub struct InvalidOrigin;

impl Origin {
    /// Returns the host, with the port unless it is the default one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns whether browsers connect with TLS.
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN);
        origin.is_some_and(|origin| origin.as_bytes() == self.to_string().as_bytes())
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(origin: &str) -> Result<Self, InvalidOrigin> {
        let uri: Uri = origin.parse().map_err(|_| InvalidOrigin)?;
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

/// Refuses requests for another host or from another site, and adds the
/// security headers to every response.
pub(crate) async fn secure(
    State(console): State<WebConsole>,
    request: Request,
    next: Next,
) -> Response {
    let accept = request.headers().get(header::ACCEPT);
    let wants_text = accept.is_some_and(|accept| accept == "text/plain");
    let response = match check(&console.settings.origin, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let mut response = match response.extensions().get() {
        Some(PlainText(text)) if wants_text => (response.status(), text.clone()).into_response(),
        _ => response,
    };
    add_security_headers(response.headers_mut(), POLICY, NO_STORE);
    if console.settings.origin.is_secure() {
        let headers = response.headers_mut();
        headers.insert(header::STRICT_TRANSPORT_SECURITY, ONE_YEAR);
    }
    response
}

fn check(origin: &Origin, request: &Request) -> Result<(), AppError> {
    let headers = request.headers();
    if !has_host(headers, [origin.host()]) {
        return Err(AppError::WrongHost(origin.clone()));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    let is_same_origin = match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => origin.is_in(headers),
    };
    if is_same_origin {
        Ok(())
    } else {
        Err(AppError::CsrfFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_parsed_as_browsers_write_them() {
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
