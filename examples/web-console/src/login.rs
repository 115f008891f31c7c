//! Logging in and out.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_store::{SessionKey, Sessions, User};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::WebConsole;
use crate::client::Client;
use crate::page::Html;
use crate::passwords::LONGEST;
use crate::refusal::Refusal;
use crate::users::LONGEST_NAME;
use crate::visitor::Posted;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    name: &'a str,
    wrong: bool,
}

#[derive(Deserialize)]
pub(crate) struct Login {
    name: String,
    password: SecretString,
}

/// The form; who has logged in at a proxy needs none.
pub(crate) async fn form(
    State(console): State<WebConsole>,
    client: Client,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if console.settings.user_header.is_none() {
        let (name, wrong) = ("", false);
        return Ok(Html(LoginPage { name, wrong }).into_response());
    }
    let name = client.user.clone().ok_or(Refusal::NotPermitted)?;
    let user = console.accounts.user(&name).await?;
    match user.filter(|user| !user.disabled) {
        Some(user) => console.let_in(&client, &headers, &user).await,
        None => {
            console
                .audit(&client, Some(&name), "login", None, "no_account")
                .await?;
            Err(Refusal::NotPermitted)
        }
    }
}

pub(crate) async fn login(
    State(console): State<WebConsole>,
    client: Client,
    headers: HeaderMap,
    Form(Login { name, password }): Form<Login>,
) -> Result<Response, Refusal> {
    if console.settings.user_header.is_some() {
        return Err(Refusal::NotFound);
    }
    if password.expose_secret().len() > LONGEST || name.len() > LONGEST_NAME {
        return Err(Refusal::Invalid("That is too long.".to_owned()));
    }
    let (throttles, place) = (&console.throttles, client.place());
    throttles.address.count(&place).map_err(Refusal::TooOften)?;
    throttles.user.count(&name).map_err(Refusal::TooOften)?;

    let user = console.accounts.user(&name).await?;
    let hash = user.as_ref().and_then(|user| user.password.clone());
    let same = console.passwords.verify(password, hash).await?;
    match user.filter(|user| same && !user.disabled) {
        Some(user) => {
            throttles.address.forgive(&place);
            throttles.user.forgive(&name);
            console.let_in(&client, &headers, &user).await
        }
        None => {
            console
                .audit(&client, Some(&name), "login", None, "wrong_password")
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
    Posted(visitor, ()): Posted<()>,
) -> Result<Response, Refusal> {
    let session = Sessions::Key(&visitor.session.key);
    console.accounts.end_sessions(session).await?;
    console.live.recheck();
    console.note(&visitor, "logout", None, "ok").await?;
    let cookie = [(header::SET_COOKIE, console.no_cookie())];
    Ok((cookie, Redirect::to("/login")).into_response())
}

impl WebConsole {
    /// Begins a new session, whatever session the browser had before: nobody
    /// else can know its token.
    async fn let_in(
        &self,
        client: &Client,
        headers: &HeaderMap,
        user: &User,
    ) -> Result<Response, Refusal> {
        let name = user.name.as_str();
        if let Some(token) = self.cookie(headers) {
            let before = SessionKey::of(&token);
            self.accounts.end_sessions(Sessions::Key(&before)).await?;
        }
        let (key, cookie) = self.begin_session(name).await?;
        let now = self.accounts.user(name).await?;
        if now.is_none_or(|now| now.rev != user.rev) {
            // The password may have been changed while it was being checked.
            self.accounts.end_sessions(Sessions::Key(&key)).await?;
            return Err(Refusal::NotLoggedIn);
        }
        self.audit(client, Some(name), "login", None, "ok").await?;
        Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
    }
}
