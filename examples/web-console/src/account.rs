//! The user's own account.

use std::time::SystemTime;

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use hcc_store::{Session, Sessions, Token};
use secrecy::SecretString;
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::limits::PASSWORD_CHANGES;
use crate::page::Html;
use crate::passkeys::{NamedPasskey, passkeys_of};
use crate::tokens::TokenForm;
use crate::users::check_password;

#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage {
    auth: AuthUser,
    by_password: bool,
    sessions: Vec<Session>,
    /// The passkeys, if browsers can use them here.
    passkeys: Option<Vec<NamedPasskey>>,
    tokens: Vec<Token>,
    /// A new API token, to be shown once.
    token: Option<String>,
    /// What was typed in the form of API tokens.
    form: TokenForm,
    problem: Problem,
}

impl AccountPage {
    fn is_current(&self, session: &Session) -> bool {
        session.key == self.auth.session.key
    }
}

/// The session to end; all others without one.
#[derive(Deserialize)]
pub(crate) struct SessionForm {
    #[serde(default)]
    session: String,
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    old: SecretString,
    new: SecretString,
}

pub(crate) async fn form(
    State(console): State<WebConsole>,
    auth: AuthUser,
) -> Result<impl IntoResponse, AppError> {
    Ok(Html(console.account_page(auth, Problem::default()).await?))
}

/// Ends a session of the user in another browser, or all of them.
pub(crate) async fn end_session(
    State(console): State<WebConsole>,
    CsrfForm(auth, SessionForm { session }): CsrfForm<SessionForm>,
) -> Result<Redirect, AppError> {
    let own = console.accounts.sessions(auth.name(), SystemTime::now());
    for other in own.await? {
        let is_meant = session.is_empty() || other.key.as_str() == session;
        if is_meant && other.key != auth.session.key {
            console.audit(&auth, "end session", None, "ok").await?;
            console
                .accounts
                .end_sessions(Sessions::Key(&other.key))
                .await?;
        }
    }
    console.live.recheck_sessions();
    Ok(Redirect::to("/account"))
}

impl AccountPage {
    /// The page after a token was added: with the token, or with what was typed.
    pub(crate) fn with_token(self, token: Option<String>, form: TokenForm) -> Self {
        Self {
            token,
            form,
            ..self
        }
    }
}

impl WebConsole {
    pub(crate) async fn account_page(
        &self,
        auth: AuthUser,
        problem: Problem,
    ) -> Result<AccountPage, AppError> {
        let sessions = self.accounts.sessions(auth.name(), SystemTime::now());
        Ok(AccountPage {
            by_password: self.settings.user_header.is_none(),
            sessions: sessions.await?,
            passkeys: self.has_passkeys().then(|| passkeys_of(&auth.user)),
            tokens: self.tokens_of(auth.name()).await?,
            token: None,
            form: TokenForm::default(),
            auth,
            problem,
        })
    }
}

/// Changes the password, and ends all other sessions of the user.
pub(crate) async fn change(
    State(console): State<WebConsole>,
    CsrfForm(auth, PasswordForm { old, new }): CsrfForm<PasswordForm>,
) -> Result<Response, AppError> {
    let name = auth.name();
    console.count(PASSWORD_CHANGES, name).await?;
    let hash = auth.user.password.clone();
    if !console.passwords.verify(old, hash).await? {
        console
            .audit(&auth, "password", None, "wrong_password")
            .await?;
        let problem = Problem::new("old", "The old password is wrong.");
        return Ok(refused(console.account_page(auth, problem).await?));
    }
    console.refund(PASSWORD_CHANGES, name).await?;
    let new = match check_password(new) {
        Ok(new) => new,
        Err(error) => {
            let problem = Problem::new("new", error);
            return Ok(refused(console.account_page(auth, problem).await?));
        }
    };
    let mut user = auth.user.clone();
    user.password = Some(console.passwords.hash(new).await);
    console.put_user(&user).await?;
    console.accounts.end_sessions(Sessions::Of(name)).await?;
    console.live.recheck_sessions();
    let (_, cookie) = console.start_session(name).await?;
    console.audit(&auth, "password", None, "ok").await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}
