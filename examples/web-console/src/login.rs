//! Logging in and out.

use std::time::Duration;

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
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
use crate::passwords::MAX_LEN;
use crate::peer::Peer;
use crate::users::MAX_NAME_LEN;

/// How long a browser counts as one of the user after a login.
const DEVICE_LIFETIME: Duration = Duration::from_hours(24 * 365);

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    name: &'a str,
    wrong: bool,
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
        let (name, wrong) = ("", false);
        return Ok(Html(LoginPage { name, wrong }).into_response());
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
            console.log_in(&peer, &headers, &user).await
        }
        None => {
            console
                .audit_peer(&peer, Some(&name), "login", None, "wrong_password")
                .await?;
            let page = LoginPage {
                name: &name,
                wrong: true,
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

impl WebConsole {
    /// Starts a new session and ends the one that the browser had before, so
    /// that no session can be planted (session fixation).
    async fn log_in(
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
        let mut response = ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response();
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
