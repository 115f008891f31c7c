//! API tokens of a user: added and removed on the page of the account.

use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::Permissions;
use hcc_store::{SessionKey, Token, Tokens};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::WebConsole;
use crate::auth::CsrfForm;
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::grants::parse_grants;
use crate::page::Html;
use crate::passwords;

/// The kind of the tokens.
pub(crate) const API: &str = "api";

/// What tokens begin with, so that programs which look for secrets find them.
pub(crate) const PREFIX: &str = "hcc_";

/// How many tokens a user may have.
const MAX_TOKENS: usize = 50;

const MAX_NAME_LEN: usize = 64;

const DAY: Duration = Duration::from_hours(24);

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum TokensForm {
    Add(TokenForm),
    Remove { key: String },
}

/// A new token.
#[derive(Default, Deserialize)]
pub(crate) struct TokenForm {
    pub(crate) name: String,
    /// For how many days it is valid; empty without a limit.
    pub(crate) days: String,
    /// Grants that limit it, one per line; empty for all that the user may do.
    #[serde(default)]
    pub(crate) rights: String,
}

pub(crate) async fn change(
    State(console): State<WebConsole>,
    CsrfForm(auth, form): CsrfForm<TokensForm>,
) -> Result<Response, AppError> {
    let tokens = console.tokens_of(auth.name()).await?;
    let form = match form {
        TokensForm::Add(form) => form,
        TokensForm::Remove { key } => {
            let token = tokens.iter().find(|token| token.key.as_str() == key);
            let token = token.ok_or(AppError::NotFound)?;
            let what = format!("remove API token {}", token.name);
            console.audit(&auth, &what, None, "asked").await?;
            let which = Tokens::Key(&token.key);
            console.accounts.remove_tokens(which).await?;
            return Ok(Redirect::to("/account").into_response());
        }
    };
    let secret: SecretString = format!("{PREFIX}{}", passwords::token().expose_secret()).into();
    let token = match form.token(auth.name(), &secret, &tokens) {
        Ok(token) => token,
        Err(problem) => {
            let page = console.account_page(auth, problem).await?;
            return Ok(refused(page.with_token(None, form)));
        }
    };
    let what = format!("add API token {}", token.name);
    console.audit(&auth, &what, None, "asked").await?;
    console.accounts.put_token(&token).await?;
    let page = console.account_page(auth, Problem::default()).await?;
    let secret = secret.expose_secret().to_owned();
    Ok(Html(page.with_token(Some(secret), TokenForm::default())).into_response())
}

impl TokenForm {
    fn token(&self, user: &str, secret: &SecretString, others: &[Token]) -> Result<Token, Problem> {
        let name = self.name.trim();
        if name.is_empty() || name.len() > MAX_NAME_LEN || name.contains(char::is_control) {
            let message = format!("Names have 1 to {MAX_NAME_LEN} characters.");
            return Err(Problem::new("token", message));
        }
        if others.iter().any(|other| other.name == name) {
            return Err(Problem::new("token", "You have a token of this name."));
        }
        if others.len() >= MAX_TOKENS {
            return Err(Problem::new("token", "You have too many tokens."));
        }
        let days = match self.days.trim() {
            "" => None,
            days => match days.parse() {
                Ok(days @ 1..=3650) => Some(days),
                _ => return Err(Problem::new("token_days", "This is not a number of days.")),
            },
        };
        let grants = parse_grants(&self.rights);
        let grants = grants.map_err(|error| Problem::new("token_rights", error))?;
        let data = match grants.is_empty() {
            true => json!(null),
            false => {
                let permissions = grants.into_iter();
                json!(permissions.fold(Permissions::default(), Permissions::with_grant))
            }
        };
        let since = SystemTime::now();
        Ok(Token {
            key: SessionKey::of(secret),
            kind: API.to_owned(),
            user: user.to_owned(),
            name: name.to_owned(),
            data,
            since,
            until: days.map(|days: u32| since + days * DAY),
            used: None,
        })
    }
}

impl WebConsole {
    pub(crate) async fn tokens_of(&self, user: &str) -> hcc_store::Result<Vec<Token>> {
        let now = SystemTime::now();
        self.accounts.tokens(API, Some(user), now).await
    }
}
