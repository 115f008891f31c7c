//! One's own account.

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use hcc_store::Sessions;
use secrecy::SecretString;
use serde::Deserialize;

use crate::WebConsole;
use crate::page::Html;
use crate::refusal::Refusal;
use crate::users::acceptable;
use crate::visitor::{Posted, Visitor};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    visitor: Visitor,
    by_password: bool,
}

#[derive(Deserialize)]
pub(crate) struct NewPassword {
    old: SecretString,
    new: SecretString,
}

pub(crate) async fn form(State(console): State<WebConsole>, visitor: Visitor) -> impl IntoResponse {
    Html(AccountPage {
        visitor,
        by_password: console.settings.user_header.is_none(),
    })
}

/// Changes the password, and logs out all other browsers.
pub(crate) async fn change(
    State(console): State<WebConsole>,
    Posted(visitor, NewPassword { old, new }): Posted<NewPassword>,
) -> Result<Response, Refusal> {
    let name = visitor.name();
    let throttle = &console.throttles.user;
    throttle.count(name).map_err(Refusal::TooOften)?;
    let hash = visitor.user.password.clone();
    if !console.passwords.verify(old, hash).await? {
        console
            .note(&visitor, "password", None, "wrong_password")
            .await?;
        return Err(Refusal::Invalid(
            "The old password is another one.".to_owned(),
        ));
    }
    throttle.forgive(name);
    let mut user = visitor.user.clone();
    user.password = Some(console.passwords.hash(acceptable(new)?).await);
    console.put_user(&user).await?;
    console.accounts.end_sessions(Sessions::Of(name)).await?;
    console.live.recheck();
    let (_, cookie) = console.begin_session(name).await?;
    console.note(&visitor, "password", None, "ok").await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}
