//! Managing users, for admins.

use std::str::FromStr;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::{CreateLimits, Permissions};
use hcc_store::{Accounts, Sessions, Token, User};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm, permissions_of};
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::grants;
use crate::invitations::InvitationForm;
use crate::page::Html;
use crate::passwords::{MAX_LEN, MIN_LEN, Passwords, generate};

pub(crate) const MAX_NAME_LEN: usize = 64;

#[derive(Template)]
#[template(path = "users.html")]
pub(crate) struct UsersPage {
    auth: AuthUser,
    users: Vec<UserRow>,
    invitations: Vec<Token>,
    /// The link of a new invitation, to be shown once.
    link: Option<String>,
    /// The name of a user that was not added, and why.
    name: String,
    /// What was typed in the form of invitations.
    invited: InvitationForm,
    problem: Problem,
}

struct UserRow {
    user: User,
    permissions: Permissions,
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    auth: AuthUser,
    user: User,
    /// A new password, to be shown once.
    password: Option<String>,
    /// What was typed.
    form: PermissionsForm,
    problem: Problem,
}

#[derive(Deserialize)]
pub(crate) struct NewUserForm {
    name: String,
}

/// What an admin does with a user.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum UserForm {
    Save(PermissionsForm),
    Password,
    /// Removes the second factor and the passkeys.
    #[serde(rename = "second-factor")]
    SecondFactor,
    Remove {
        /// The name of the user, as a confirmation.
        #[serde(default)]
        sure: String,
    },
}

#[derive(Default, Deserialize)]
pub(crate) struct PermissionsForm {
    #[serde(default)]
    rights: String,
    #[serde(default)]
    waiting: String,
    /// Limits of the permission to create: types, price per month, number of servers.
    #[serde(default)]
    types: String,
    #[serde(default)]
    monthly: String,
    #[serde(default)]
    servers: String,
    // Browsers do not send unchecked boxes.
    admin: Option<String>,
    disabled: Option<String>,
}

/// Adds a user, and returns whether the name was free.
///
/// # Errors
///
/// The database fails.
pub async fn add(
    accounts: &dyn Accounts,
    name: &str,
    permissions: &Permissions,
    password: SecretString,
) -> hcc_store::Result<bool> {
    let mut user = User::new(name);
    user.rights = json!(permissions);
    user.password = Some(Passwords::default().hash(password).await);
    accounts.put_user(&user).await
}

pub(crate) async fn list(
    State(console): State<WebConsole>,
    auth: AuthUser,
) -> Result<impl IntoResponse, AppError> {
    auth.require_admin()?;
    let page = console.users_page(auth, String::new(), Problem::default());
    Ok(Html(page.await?))
}

pub(crate) async fn one(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Path(name): Path<String>,
) -> Result<Response, AppError> {
    auth.require_admin()?;
    let user = console.user(&name).await?;
    Ok(UserPage::of(auth, user, None).into_response())
}

/// Adds a user without permissions, and shows the password once.
pub(crate) async fn create(
    State(console): State<WebConsole>,
    CsrfForm(auth, NewUserForm { name }): CsrfForm<NewUserForm>,
) -> Result<Response, AppError> {
    auth.require_admin()?;
    let mut user = match check_name(&name) {
        Ok(checked) if console.accounts.user(checked).await?.is_none() => User::new(checked),
        checked => {
            let message = match checked {
                Ok(name) => format!("User {name} already exists."),
                Err(error) => error.to_string(),
            };
            let page = console.users_page(auth, name, Problem::new("name", message));
            return Ok(refused(page.await?));
        }
    };
    let what = format!("add user {}", user.name);
    let password = console.set_password(&mut user).await;
    console.audit(&auth, &what, None, "asked").await?;
    console.put_user(&user).await?;
    user.rev += 1;
    Ok(UserPage::of(auth, user, Some(password)).into_response())
}

pub(crate) async fn change(
    State(console): State<WebConsole>,
    Path(name): Path<String>,
    CsrfForm(auth, form): CsrfForm<UserForm>,
) -> Result<Response, AppError> {
    auth.require_admin()?;
    let user = console.user(&name).await?;
    if name == auth.name() {
        // The last admin must not be able to lock itself out.
        return Err(AppError::Invalid(
            "Another admin has to change your account.".to_owned(),
        ));
    }
    let response = match form {
        UserForm::Save(form) => console.save_permissions(auth, user, form).await?,
        UserForm::Password => console.reset_password(auth, user).await?,
        UserForm::SecondFactor => console.reset_second_factor(&auth, user).await?,
        UserForm::Remove { sure } => console.remove_user(&auth, user, &sure).await?,
    };
    console.live.recheck_sessions();
    Ok(response)
}

impl PermissionsForm {
    /// The form for a user.
    fn of(user: &User) -> Self {
        let permissions = permissions_of(user);
        let limits = permissions.create.clone().unwrap_or_default();
        let checked = |is_checked: bool| is_checked.then(|| "yes".to_owned());
        Self {
            rights: grants::format_grants(&permissions.grants),
            waiting: permissions
                .waiting
                .map(|it| it.to_string())
                .unwrap_or_default(),
            types: limits.types.iter().cloned().collect::<Vec<_>>().join(" "),
            monthly: limits.monthly.map(|it| it.to_string()).unwrap_or_default(),
            servers: limits.servers.map(|it| it.to_string()).unwrap_or_default(),
            admin: checked(permissions.admin),
            disabled: checked(user.disabled),
        }
    }

    /// Returns the permissions that were typed; what the form lacks stays as it is.
    fn permissions(&self, user: &User) -> Result<Permissions, Problem> {
        let mut permissions = permissions_of(user);
        permissions.admin = self.admin.is_some();
        permissions.grants =
            grants::parse_grants(&self.rights).map_err(|error| Problem::new("rights", error))?;
        permissions.waiting = number("waiting", &self.waiting)?;
        let mut limits = CreateLimits::default();
        let types = self.types.split([' ', ',']).filter(|it| !it.is_empty());
        limits.types = types.map(str::to_owned).collect();
        limits.monthly = number("monthly", &self.monthly)?;
        limits.servers = number("servers", &self.servers)?;
        permissions.create = Some(limits).filter(|limits| !limits.is_unlimited());
        Ok(permissions)
    }
}

/// Parses a number that may be missing.
fn number<N: FromStr>(field: &'static str, text: &str) -> Result<Option<N>, Problem> {
    let text = Some(text.trim()).filter(|text| !text.is_empty());
    let number = text.map(str::parse).transpose();
    number.map_err(|_| Problem::new(field, "This is not a whole number."))
}

impl UserPage {
    fn of(auth: AuthUser, user: User, password: Option<SecretString>) -> Html<Self> {
        Html(Self {
            auth,
            form: PermissionsForm::of(&user),
            problem: Problem::default(),
            user,
            password: password.map(|password| password.expose_secret().to_owned()),
        })
    }
}

impl WebConsole {
    pub(crate) async fn user(&self, name: &str) -> Result<User, AppError> {
        let user = self.accounts.user(name).await?;
        user.ok_or(AppError::NotFound)
    }

    /// The page of users after an invitation: with its link, or with what is wrong.
    pub(crate) async fn invited_page(
        &self,
        auth: AuthUser,
        link: Option<String>,
        invited: InvitationForm,
        problem: Problem,
    ) -> Result<UsersPage, AppError> {
        let page = self.users_page(auth, String::new(), problem).await?;
        Ok(UsersPage {
            link,
            invited,
            ..page
        })
    }

    async fn users_page(
        &self,
        auth: AuthUser,
        name: String,
        problem: Problem,
    ) -> Result<UsersPage, AppError> {
        let invitations = self.invitations().await?;
        let users = self.accounts.users().await?.into_iter();
        let users = users.map(|user| UserRow {
            permissions: permissions_of(&user),
            user,
        });
        Ok(UsersPage {
            auth,
            users: users.collect(),
            invitations,
            link: None,
            invited: InvitationForm::default(),
            name,
            problem,
        })
    }

    async fn save_permissions(
        &self,
        auth: AuthUser,
        mut user: User,
        form: PermissionsForm,
    ) -> Result<Response, AppError> {
        let permissions = match form.permissions(&user) {
            Ok(permissions) => permissions,
            Err(problem) => {
                return Ok(refused(UserPage {
                    auth,
                    user,
                    password: None,
                    form,
                    problem,
                }));
            }
        };
        user.rights = json!(permissions);
        user.disabled = form.disabled.is_some();
        let what = format!("save user {}", user.name);
        self.audit(&auth, &what, None, "asked").await?;
        self.put_user(&user).await?;
        Ok(Redirect::to("/users").into_response())
    }

    async fn reset_password(&self, auth: AuthUser, mut user: User) -> Result<Response, AppError> {
        let what = format!("password user {}", user.name);
        self.audit(&auth, &what, None, "asked").await?;
        let password = self.set_password(&mut user).await;
        self.put_user(&user).await?;
        self.accounts.end_sessions(Sessions::Of(&user.name)).await?;
        user.rev += 1;
        Ok(UserPage::of(auth, user, Some(password)).into_response())
    }

    async fn remove_user(
        &self,
        auth: &AuthUser,
        user: User,
        confirmation: &str,
    ) -> Result<Response, AppError> {
        if confirmation != user.name {
            return Err(AppError::Invalid(
                "To remove the user, type their name.".to_owned(),
            ));
        }
        let what = format!("remove user {}", user.name);
        self.audit(auth, &what, None, "asked").await?;
        self.accounts.remove_user(&user.name).await?;
        Ok(Redirect::to("/users").into_response())
    }

    /// Sets a new random password and returns it.
    async fn set_password(&self, user: &mut User) -> SecretString {
        let password = generate();
        user.password = Some(self.passwords.hash(password.clone()).await);
        password
    }

    /// Stores a user, unless it has been changed since it was read.
    pub(crate) async fn put_user(&self, user: &User) -> Result<(), AppError> {
        if self.accounts.put_user(user).await? {
            return Ok(());
        }
        let reason = if user.rev == 0 {
            format!("User {} already exists.", user.name)
        } else {
            "This user has just been changed by someone else. Reload the page.".to_owned()
        };
        Err(AppError::Invalid(reason))
    }
}

/// Why a name or a password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAccount {
    /// The name is not readable in lists, addresses and headers.
    #[error("Names have 1 to {MAX_NAME_LEN} letters, digits or -_.@+ and do not begin with a dot.")]
    Name,
    /// The password is too short or too long.
    #[error("Passwords have {MIN_LEN} to {MAX_LEN} characters.")]
    Password,
}

/// Checks the length of a password that a user chooses.
///
/// # Errors
///
/// [`InvalidAccount::Password`].
pub fn check_password(password: SecretString) -> Result<SecretString, InvalidAccount> {
    match password.expose_secret().chars().count() {
        MIN_LEN.. if password.expose_secret().len() <= MAX_LEN => Ok(password),
        _ => Err(InvalidAccount::Password),
    }
}

/// Checks that a name is readable in lists, addresses and headers, and returns it without space
/// around it.
///
/// # Errors
///
/// [`InvalidAccount::Name`].
pub fn check_name(name: &str) -> Result<&str, InvalidAccount> {
    let name = name.trim();
    let invalid = |letter: char| !letter.is_ascii_alphanumeric() && !"-_.@+".contains(letter);
    match name.len() {
        // Browsers and proxies resolve `.` and `..` in addresses.
        1..=MAX_NAME_LEN if !name.contains(invalid) && !name.starts_with('.') => Ok(name),
        _ => Err(InvalidAccount::Name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_everywhere() {
        for name in ["a", "Mary.Ann-1_x+y@example.org", "-", " mary "] {
            assert_eq!(check_name(name), Ok(name.trim()));
        }
        for name in [
            "",
            ".",
            "..",
            ".mary",
            "mary ann",
            "mary/..",
            "märy",
            "a\0",
            &"x".repeat(65),
        ] {
            assert_eq!(check_name(name), Err(InvalidAccount::Name), "{name:?}");
        }
    }

    #[test]
    fn length_of_passwords_is_limited() {
        for (password, is_valid) in [
            ("short", false),
            ("ééééééééé", false),
            ("long enough", true),
            (&*"x".repeat(MAX_LEN), true),
            (&*"x".repeat(MAX_LEN + 1), false),
        ] {
            assert_eq!(check_password(password.into()).is_ok(), is_valid);
        }
    }
}
