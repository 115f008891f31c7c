//! Headers and checks that protect the page and the links in it.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

/// Modules of two noVNC releases do not mix, so browsers have to revalidate.
pub const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// Lets browsers keep files whose address changes with their content.
pub const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Keeps responses with a link in them out of caches.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// The `meta` element in the page cannot forbid framing.
const NO_FRAMES: HeaderValue = HeaderValue::from_static("frame-ancestors 'none'");

/// Adds the security headers that every response carries, and the given `Content-Security-Policy`
/// and `Cache-Control` unless the response has its own.
pub fn add_security_headers(headers: &mut HeaderMap, policy: HeaderValue, caching: HeaderValue) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, caching),
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
        (CROSS_ORIGIN_OPENER_POLICY, SAME_ORIGIN),
        (CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN),
    ]);
}

/// Returns whether the `Host` header is one of `hosts`.
///
/// Without this check, a foreign site whose name resolves to this address (DNS rebinding) could
/// read what is served.
pub fn has_host<'a>(headers: &HeaderMap, hosts: impl IntoIterator<Item = &'a str>) -> bool {
    let Some(host) = headers.get(header::HOST) else {
        return false;
    };
    let mut hosts = hosts.into_iter();
    hosts.any(|known| host.as_bytes().eq_ignore_ascii_case(known.as_bytes()))
}

/// Returns the `Content-Security-Policy` of a page that may connect to `sources`, such as
/// `wss://web-console.hetzner.cloud`. The page's own policy applies too.
///
/// # Panics
///
/// If `sources` contains characters that are not allowed in headers.
pub fn content_security_policy(sources: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
         connect-src 'self' {sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    );
    HeaderValue::try_from(policy).expect("sources are visible ASCII characters")
}

/// Adds security headers to `app`, which listens on the loopback address `address`, and the check
/// that requests name that address.
pub fn secure_local(app: Router, address: SocketAddr) -> Router {
    let hosts = [address.to_string(), format!("localhost:{}", address.port())];
    let check = move |request: Request, next: Next| {
        let known = has_host(request.headers(), hosts.iter().map(String::as_str));
        async move {
            if known {
                return next.run(request).await;
            }
            (StatusCode::MISDIRECTED_REQUEST, "Unknown host.\n").into_response()
        }
    };
    app.layer(middleware::from_fn(check))
        .layer(middleware::from_fn(add_local_headers))
}

async fn add_local_headers(request: Request, next: Next) -> Response {
    // A query holds a link.
    let caching = request.uri().query().map_or(NO_CACHE, |_| NO_STORE);
    let mut response = next.run(request).await;
    add_security_headers(response.headers_mut(), NO_FRAMES, caching);
    response
}
