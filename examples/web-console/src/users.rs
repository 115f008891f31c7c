//! The users, for those who may change them.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::Permissions;
use hcc_store::{Accounts, Sessions, User};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::WebConsole;
use crate::grants;
use crate::page::Html;
use crate::passwords::{LONGEST, Passwords, SHORTEST, generate};
use crate::refusal::Refusal;
use crate::visitor::{Posted, Visitor, rights};

/// Longer ones fit no list.
pub(crate) const LONGEST_NAME: usize = 64;

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    visitor: Visitor,
    users: Vec<ServerSummary>,
}

struct ServerSummary {
    user: User,
    rights: Permissions,
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    visitor: Visitor,
    user: User,
    rights: Permissions,
    /// A password that was just made, to be handed over.
    password: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct NewUser {
    name: String,
}

/// What a user is to be, or that there is to be none.
#[derive(Deserialize)]
pub(crate) struct Changed {
    #[serde(rename = "do")]
    verb: String,
    #[serde(default)]
    rights: String,
    #[serde(default)]
    waiting: String,
    /// Boxes that are not ticked are not sent.
    admin: Option<String>,
    disabled: Option<String>,
    #[serde(default)]
    sure: String,
}

/// Adds a user, as the command line does.
///
/// # Errors
///
/// The database fails. Returns whether the name was free.
pub async fn add(
    accounts: &dyn Accounts,
    name: &str,
    rights: &Permissions,
    password: SecretString,
) -> hcc_store::Result<bool> {
    let mut user = User::new(name);
    user.rights = json!(rights);
    user.password = Some(Passwords::default().hash(password).await);
    accounts.put_user(&user).await
}

pub(crate) async fn list(
    State(console): State<WebConsole>,
    visitor: Visitor,
) -> Result<impl IntoResponse, Refusal> {
    visitor.must_be_admin()?;
    let users = console.accounts.users().await?.into_iter();
    let users = users.map(|user| ServerSummary {
        rights: rights(&user),
        user,
    });
    Ok(Html(UsersPage {
        visitor,
        users: users.collect(),
    }))
}

pub(crate) async fn one(
    State(console): State<WebConsole>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    visitor.must_be_admin()?;
    let user = console
        .accounts
        .user(&name)
        .await?
        .ok_or(Refusal::NotFound)?;
    Ok(UserPage::of(visitor, user, None).into_response())
}

/// Adds a user who may do nothing yet, with a password that is shown once.
pub(crate) async fn create(
    State(console): State<WebConsole>,
    Posted(visitor, NewUser { name }): Posted<NewUser>,
) -> Result<Response, Refusal> {
    visitor.must_be_admin()?;
    let mut user = User::new(named(&name)?);
    let password = console.set_password(&mut user).await;
    console
        .note(&visitor, &format!("add user {}", user.name), None, "asked")
        .await?;
    console.put_user(&user).await?;
    user.rev += 1;
    Ok(UserPage::of(visitor, user, Some(password)).into_response())
}

pub(crate) async fn change(
    State(console): State<WebConsole>,
    Path(name): Path<String>,
    Posted(visitor, changed): Posted<Changed>,
) -> Result<Response, Refusal> {
    visitor.must_be_admin()?;
    let mut user = console
        .accounts
        .user(&name)
        .await?
        .ok_or(Refusal::NotFound)?;
    if name == visitor.name() {
        // Whoever locks themself out may be the last who could have helped.
        return Err(Refusal::Invalid(
            "Another admin has to change your account.".to_owned(),
        ));
    }
    let verb = changed.verb.as_str();
    let what = format!("{verb} user {name}");
    match verb {
        "save" => {
            user.rights = json!(changed.rights()?);
            user.disabled = changed.disabled.is_some();
        }
        "remove" if changed.sure != name => {
            return Err(Refusal::Invalid(
                "Type the name of the user to remove them.".to_owned(),
            ));
        }
        "remove" | "password" => {}
        _ => return Err(Refusal::NotFound),
    }
    console.note(&visitor, &what, None, "asked").await?;
    let page = match verb {
        "remove" => {
            console.accounts.remove_user(&name).await?;
            Redirect::to("/users").into_response()
        }
        "password" => {
            let password = console.set_password(&mut user).await;
            console.put_user(&user).await?;
            console.accounts.end_sessions(Sessions::Of(&name)).await?;
            user.rev += 1;
            UserPage::of(visitor, user, Some(password)).into_response()
        }
        _ => {
            console.put_user(&user).await?;
            Redirect::to("/users").into_response()
        }
    };
    console.live.recheck();
    Ok(page)
}

impl Changed {
    fn rights(&self) -> Result<Permissions, Refusal> {
        let invalid = |error: String| Refusal::Invalid(error);
        let waiting = Some(self.waiting.trim()).filter(|text| !text.is_empty());
        let mut rights = Permissions::default();
        rights.admin = self.admin.is_some();
        rights.grants = grants::parse(&self.rights).map_err(|error| invalid(error.to_string()))?;
        rights.waiting = waiting
            .map(str::parse)
            .transpose()
            .map_err(|_| invalid("How many commands may wait is a number.".to_owned()))?;
        Ok(rights)
    }
}

impl UserPage {
    fn of(visitor: Visitor, user: User, password: Option<SecretString>) -> Html<Self> {
        Html(Self {
            visitor,
            rights: rights(&user),
            user,
            password: password.map(|password| password.expose_secret().to_owned()),
        })
    }
}

impl WebConsole {
    /// Gives a user a new password, which only the answer tells.
    async fn set_password(&self, user: &mut User) -> SecretString {
        let password = generate();
        user.password = Some(self.passwords.hash(password.clone()).await);
        password
    }

    /// Stores a user, unless somebody else has done so since they were read.
    pub(crate) async fn put_user(&self, user: &User) -> Result<(), Refusal> {
        match self.accounts.put_user(user).await? {
            true => Ok(()),
            false if user.rev == 0 => Err(Refusal::Invalid("There is such a user.".to_owned())),
            false => Err(Refusal::Invalid(
                "Somebody else has just changed this user. Load the page again.".to_owned(),
            )),
        }
    }
}

/// A password that somebody may choose.
pub(crate) fn acceptable(password: SecretString) -> Result<SecretString, Refusal> {
    match password.expose_secret().chars().count() {
        SHORTEST..=LONGEST => Ok(password),
        _ => Err(Refusal::Invalid(format!(
            "A password has {SHORTEST} to {LONGEST} characters."
        ))),
    }
}

/// A name that reads well in lists, addresses and headers.
pub(crate) fn named(name: &str) -> Result<&str, Refusal> {
    let name = name.trim();
    let odd = |letter: char| !letter.is_ascii_alphanumeric() && !"-_.@+".contains(letter);
    match name.len() {
        1..=LONGEST_NAME if !name.contains(odd) => Ok(name),
        _ => Err(Refusal::Invalid(format!(
            "A name has 1 to {LONGEST_NAME} letters, digits and -_.@+"
        ))),
    }
}
