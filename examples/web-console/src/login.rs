//! Logging in and out.

use std::time::Duration;

use askama::Template;
use axum::extract::{Form, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_store::{SessionKey, Sessions, User};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::CsrfForm;
use crate::device::Device;
use crate::error::AppError;
use crate::limits::{LOGINS_FROM, LOGINS_IN, LOGINS_OF_USER, LOGINS_OF_USER_FROM};
use crate::page::Html;
use crate::passwords::{MAX_LEN, hex, unhex};
use crate::peer::Peer;
use crate::users::MAX_NAME_LEN;

/// How long a browser counts as one of the user after a login.
const DEVICE_LIFETIME: Duration = Duration::from_hours(24 * 365);

/// The cookie with the page that the user wanted to see before the login.
const WANTED: &str = "hcc-wanted";
/// Browsers drop long cookies.
const MAX_WANTED_LEN: usize = 1000;
const WANTED_LIFETIME: Duration = Duration::from_mins(10);

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    name: &'a str,
    wrong: bool,
    /// Whether others on the network can read the password.
    insecure: bool,
    /// What the identity provider is called, if there is one.
    provider: Option<&'a str>,
    has_passkeys: bool,
}

#[derive(Deserialize)]
pub(crate) struct LoginForm {
    name: String,
    password: SecretString,
}

/// Shows the form; users who have logged in at a trusted proxy skip it.
pub(crate) async fn form(
    State(console): State<WebConsole>,
    peer: Peer,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    if console.settings.user_header.is_none() {
        let page = LoginPage {
            name: "",
            wrong: false,
            insecure: console.settings.insecure_http,
            provider: console.provider_label(),
            has_passkeys: console.has_passkeys(),
        };
        return Ok(Html(page).into_response());
    }
    let name = peer.user.clone().ok_or(AppError::NotPermitted)?;
    let user = console.accounts.user(&name).await?;
    match user.filter(|user| !user.disabled) {
        Some(user) => console.log_in(&peer, &headers, &user).await,
        None => {
            console
                .audit_peer(&peer, Some(&name), "login", None, "no_account")
                .await?;
            Err(AppError::NotPermitted)
        }
    }
}

pub(crate) async fn login(
    State(console): State<WebConsole>,
    peer: Peer,
    headers: HeaderMap,
    Form(LoginForm { name, password }): Form<LoginForm>,
) -> Result<Response, AppError> {
    if console.settings.user_header.is_some() {
        return Err(AppError::NotFound);
    }
    if password.expose_secret().len() > MAX_LEN || name.len() > MAX_NAME_LEN {
        return Err(AppError::Invalid(
            "The name or the password is too long.".to_owned(),
        ));
    }
    let user = console.accounts.user(&name).await?;
    let network = peer.network();
    let counts = match console.device(&headers, user.as_ref()) {
        Some(device) => vec![(LOGINS_IN, device.id)],
        None => vec![
            (LOGINS_FROM, network.clone()),
            (LOGINS_OF_USER_FROM, format!("{network} {name}")),
            (LOGINS_OF_USER, name.clone()),
        ],
    };
    for (limit, of) in &counts {
        console.count(*limit, of).await?;
    }
    let hash = user.as_ref().and_then(|user| user.password.clone());
    let is_correct = console.passwords.verify(password, hash).await?;
    match user.filter(|user| is_correct && !user.disabled) {
        Some(user) => {
            for (limit, of) in &counts {
                console.refund(*limit, of).await?;
            }
            match user.second_factor {
                Some(_) => console.begin_login(&user).await,
                None => console.log_in(&peer, &headers, &user).await,
            }
        }
        None => {
            console
                .audit_peer(&peer, Some(&name), "login", None, "wrong_password")
                .await?;
            let page = LoginPage {
                name: &name,
                wrong: true,
                insecure: console.settings.insecure_http,
                provider: console.provider_label(),
                has_passkeys: console.has_passkeys(),
            };
            Ok((StatusCode::UNAUTHORIZED, Html(page)).into_response())
        }
    }
}

pub(crate) async fn logout(
    State(console): State<WebConsole>,
    CsrfForm(auth, ()): CsrfForm<()>,
) -> Result<Response, AppError> {
    let session = Sessions::Key(&auth.session.key);
    console.accounts.end_sessions(session).await?;
    console.live.recheck_sessions();
    console.audit(&auth, "logout", None, "ok").await?;
    let cookie = [(header::SET_COOKIE, console.clear_cookie())];
    Ok((cookie, Redirect::to("/login")).into_response())
}

/// Returns the path of a page that a browser wants to show.
pub(crate) fn wanted_page(request: &Request) -> Option<String> {
    let accept = request.headers().get(header::ACCEPT)?;
    let is_page = accept.as_bytes().starts_with(b"text/html");
    let path = request.uri().path_and_query()?.as_str();
    let is_other = path != "/" && path.len() <= MAX_WANTED_LEN;
    (request.method() == Method::GET && is_page && is_other).then(|| path.to_owned())
}

impl WebConsole {
    fn provider_label(&self) -> Option<&str> {
        self.settings.oidc.as_ref().map(|oidc| &*oidc.label)
    }

    /// Remembers the page in a cookie if the response leads to the login instead.
    pub(crate) fn remember_wanted(&self, page: Option<String>, mut response: Response) -> Response {
        if let Some(page) = page
            && response
                .headers()
                .get(header::LOCATION)
                .is_some_and(|it| it == "/login")
        {
            let cookie = self.set_cookie(WANTED, &hex(page.as_bytes()).into(), WANTED_LIFETIME);
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// Returns the page that the user wanted to see before the login.
    fn wanted(&self, headers: &HeaderMap) -> Option<String> {
        let cookie = self.cookie(headers, WANTED)?;
        let path = String::from_utf8(unhex(cookie.expose_secret())?).ok()?;
        // Programs on other hosts of the domain can set cookies, too.
        let is_own = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
        (is_own && path.parse::<PathAndQuery>().is_ok()).then_some(path)
    }

    /// Starts a new session and ends the one that the browser had before, so
    /// that no session can be planted (session fixation).
    pub(crate) async fn log_in(
        &self,
        peer: &Peer,
        headers: &HeaderMap,
        user: &User,
    ) -> Result<Response, AppError> {
        let name = user.name.as_str();
        if let Some(token) = self.session_token(headers) {
            let previous = SessionKey::of(&token);
            self.accounts.end_sessions(Sessions::Key(&previous)).await?;
        }
        let (key, cookie) = self.start_session(name).await?;
        let current = self.accounts.user(name).await?;
        if current.is_none_or(|current| current.rev != user.rev) {
            // The password may have been changed while it was being checked.
            self.accounts.end_sessions(Sessions::Key(&key)).await?;
            return Err(AppError::NotLoggedIn);
        }
        self.audit_peer(peer, Some(name), "login", None, "ok")
            .await?;
        let wanted = self.wanted(headers);
        let page = wanted.as_deref().unwrap_or("/");
        let mut response = ([(header::SET_COOKIE, cookie)], Redirect::to(page)).into_response();
        if wanted.is_some() {
            let cookie = self.set_cookie(WANTED, &"".into(), Duration::ZERO);
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        if self.device(headers, Some(user)).is_none()
            && let Some(device) = Device::new(user)
        {
            let name = self.device_cookie_name();
            let cookie = self.set_cookie(name, &device.cookie(), DEVICE_LIFETIME);
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }
}
