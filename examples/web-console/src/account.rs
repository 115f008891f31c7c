//! The user's own account.

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use hcc_store::Sessions;
use secrecy::SecretString;
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::limits::PASSWORD_CHANGES;
use crate::page::Html;
use crate::users::check_password;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    auth: AuthUser,
    by_password: bool,
    problem: Problem,
}

impl AccountPage {
    fn refused(auth: AuthUser, problem: Problem) -> Response {
        refused(Self {
            auth,
            by_password: true,
            problem,
        })
    }
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    old: SecretString,
    new: SecretString,
}

pub(crate) async fn form(State(console): State<WebConsole>, auth: AuthUser) -> impl IntoResponse {
    Html(AccountPage {
        auth,
        by_password: console.settings.user_header.is_none(),
        problem: Problem::default(),
    })
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
        return Ok(AccountPage::refused(auth, problem));
    }
    console.refund(PASSWORD_CHANGES, name).await?;
    let new = match check_password(new) {
        Ok(new) => new,
        Err(error) => return Ok(AccountPage::refused(auth, Problem::new("new", error))),
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
