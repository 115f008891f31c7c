//! What every request has to carry, and the headers of every response.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use hcc_console_page::{NO_STORE, add_security_headers, has_host};

use crate::api::{self, Failed};
use crate::error::AppError;
use crate::words::{LANGUAGE, Language};
use crate::{Settings, WebConsole, login};

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'",
);

/// Without any referrer, browsers send `Origin: null` with forms. With TLS they say in another header
/// where a form comes from.
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

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

    /// Returns whether only browsers on the machine of the service reach it.
    pub fn is_local(&self) -> bool {
        is_loopback(&self.host)
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

/// The path below which browsers find a web console: `/console`, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

/// A string that is not a valid base path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid path: expected one such as /console, of letters, digits, '-', '_', '.' and '/'")]
pub struct InvalidBasePath;

impl BasePath {
    /// Returns whether the web console is at the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes it from the path of a request, if it is there.
    pub(crate) fn remove(&self, mut request: Request) -> Request {
        let path = request.uri().path_and_query().map(PathAndQuery::as_str);
        let rest = path.and_then(|path| path.strip_prefix(&*self.0));
        let path = match rest {
            Some("") => Some(PathAndQuery::from_static("/")),
            Some(rest) if rest.starts_with('?') => format!("/{rest}").parse().ok(),
            Some(rest) if rest.starts_with('/') => rest.parse().ok(),
            _ => None,
        };
        if let Some(path) = path {
            *request.uri_mut() = path.into();
        }
        request
    }

    /// Moves the addresses in a response, which handlers and templates write for the root.
    async fn add(&self, response: Response) -> Response {
        move_addresses(response, &self.0, |_| false).await
    }
}

/// Moves the addresses in a response, which handlers and templates write for the root, below a path.
/// Some of them, without their first slash, stay.
pub(crate) async fn move_addresses(
    response: Response,
    path: &str,
    stays: impl Fn(&str) -> bool,
) -> Response {
    let (mut parts, mut body) = response.into_parts();
    let location = parts.headers.get(header::LOCATION);
    let location = location.and_then(|it| it.to_str().ok()?.strip_prefix('/'));
    if let Some(location) = location.filter(|it| !stays(it)) {
        let moved = HeaderValue::try_from(format!("{path}/{location}"));
        let moved = moved.expect("both are valid in headers");
        parts.headers.insert(header::LOCATION, moved);
    }
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    if content_type.is_some_and(|it| it.as_bytes().starts_with(b"text/html")) {
        let html = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let mut html = String::from_utf8_lossy(&html).into_owned();
        // Quotes in values are escaped, so that these are attributes of the templates.
        for attribute in [" href=\"", " action=\"", " src=\"", " data-scope=\""] {
            html = move_attribute(&html, &format!("{attribute}/"), path, &stays);
        }
        parts.headers.remove(header::CONTENT_LENGTH);
        body = html.into();
    }
    Response::from_parts(parts, body)
}

fn move_attribute(html: &str, begin: &str, path: &str, stays: impl Fn(&str) -> bool) -> String {
    let is_scope = begin.contains("data-scope");
    let mut values = html.split(begin);
    let mut moved = values.next().unwrap_or_default().to_owned();
    for value in values {
        let address = value.split('"').next().unwrap_or_default();
        moved += begin.trim_end_matches('/');
        if is_scope || !stays(address) {
            moved += path;
        }
        moved += "/";
        moved += value;
    }
    moved
}

impl FromStr for BasePath {
    type Err = InvalidBasePath;

    fn from_str(path: &str) -> Result<Self, InvalidBasePath> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let is_part = |part: &str| {
            let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.".contains(&it);
            !matches!(part, "" | "." | "..") && part.bytes().all(is_plain)
        };
        let mut parts = path.split('/');
        if parts.next() == Some("") && parts.all(is_part) {
            Ok(Self(path.to_owned()))
        } else {
            Err(InvalidBasePath)
        }
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether a host, with or without a port, is a name of this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let address = name.parse().ok().map(|it: IpAddr| it.to_canonical());
    name.eq_ignore_ascii_case("localhost") || address.is_some_and(|it| it.is_loopback())
}

/// Refuses requests for another host or from another site, and adds the
/// security headers to every response.
pub(crate) async fn secure(
    State(console): State<WebConsole>,
    request: Request,
    next: Next,
) -> Response {
    let language = match request.uri().path().starts_with(api::PATH) {
        true => Language::English,
        false => Language::of(&console, request.headers()),
    };
    LANGUAGE
        .scope(language, respond(console, request, next))
        .await
}

async fn respond(console: WebConsole, request: Request, next: Next) -> Response {
    let settings = &console.settings;
    let accept = request.headers().get(header::ACCEPT);
    let wants_text = accept.is_some_and(|accept| accept == "text/plain");
    let is_api = request.uri().path().starts_with(api::PATH);
    let wanted = login::wanted_page(&request);
    let response = match check(settings, &request) {
        Ok(()) => next.run(request).await,
        Err(response) => *response,
    };
    let response = console.remember_wanted(wanted, response);
    let response = match settings.base_path.is_root() {
        true => response,
        false => settings.base_path.add(response).await,
    };
    let mut response = match response.extensions().get() {
        _ if is_api => api::problem(response).await,
        Some(Failed { message, .. }) if wants_text => {
            (response.status(), message.clone()).into_response()
        }
        _ => response,
    };
    add_security_headers(response.headers_mut(), POLICY, NO_STORE);
    let headers = response.headers_mut();
    if settings.origin.is_secure() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, ONE_YEAR);
    }
    if settings.insecure_http {
        headers.insert(header::REFERRER_POLICY, SAME_ORIGIN);
    }
    response
}

fn check(settings: &Settings, request: &Request) -> Result<(), Box<Response>> {
    let (origin, headers) = (&settings.origin, request.headers());
    if !has_host(headers, [origin.host()]) {
        let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
        let is_read = request.method().is_safe();
        let response = match request.uri().path_and_query() {
            // Other names of this machine are no attack.
            Some(path) if is_read && host.is_some_and(is_loopback) => {
                Redirect::temporary(&format!("{origin}{}{path}", settings.base_path))
                    .into_response()
            }
            _ => AppError::WrongHost(origin.clone()).into_response(),
        };
        return Err(Box::new(response));
    }
    // Requests with tokens come from programs, and carry nothing that browsers add by themselves.
    let is_api = request.uri().path().starts_with(api::PATH);
    if is_api || matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    let is_same_origin = match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => origin.is_in(headers),
    };
    if is_same_origin {
        Ok(())
    } else {
        Err(Box::new(AppError::CsrfFailed.into_response()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths_are_plain() {
        for (text, shown) in [
            ("", ""),
            ("/", ""),
            ("/console", "/console"),
            ("/a/b-1_c.d/", "/a/b-1_c.d"),
        ] {
            assert_eq!(text.parse::<BasePath>().unwrap().to_string(), shown);
        }
        for text in [
            "console",
            "//",
            "/a//b",
            "/..",
            "/a/.",
            "/a b",
            "/a?b",
            "/<b",
            "https://h/a",
        ] {
            assert_eq!(text.parse::<BasePath>(), Err(InvalidBasePath), "{text}");
        }
    }

    #[test]
    fn names_of_this_machine_are_known() {
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:8480",
            "127.1.2.3",
            "[::1]:80",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "localhost.example",
            "10.0.0.1:80",
            "evil:80",
            "[::2]",
            "localhost:evil",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

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
