//! Invitations: a link with which a new user chooses a password.

use std::time::{Duration, SystemTime};

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::Permissions;
use hcc_store::{SessionKey, Token, Tokens, User};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::WebConsole;
use crate::auth::CsrfForm;
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::grants::parse_grants;
use crate::page::Html;
use crate::passwords::token;
use crate::peer::Peer;
use crate::users::{check_name, check_password};

/// The kind of their tokens.
const INVITATION: &str = "invitation";

const LIFETIME: Duration = Duration::from_hours(7 * 24);

#[derive(Template)]
#[template(path = "join.html")]
struct JoinPage {
    name: String,
    problem: Problem,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum InvitationsForm {
    Add(InvitationForm),
    Remove { key: String },
}

/// Who is invited, and what that user may do.
#[derive(Default, Deserialize)]
pub(crate) struct InvitationForm {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) rights: String,
}

#[derive(Deserialize)]
pub(crate) struct JoinForm {
    password: SecretString,
}

/// Invites a user, and shows the link once; or withdraws an invitation.
pub(crate) async fn change(
    State(console): State<WebConsole>,
    CsrfForm(auth, form): CsrfForm<InvitationsForm>,
) -> Result<Response, AppError> {
    auth.require_admin()?;
    console.require_passwords()?;
    let form = match form {
        InvitationsForm::Add(form) => form,
        InvitationsForm::Remove { key } => {
            let invitations = console.invitations().await?;
            let invitation = invitations.iter().find(|it| it.key.as_str() == key);
            let invitation = invitation.ok_or(AppError::NotFound)?;
            let what = format!("withdraw invitation of {}", invitation.user);
            console.audit(&auth, &what, None, "asked").await?;
            let which = Tokens::Key(&invitation.key);
            console.accounts.remove_tokens(which).await?;
            return Ok(Redirect::to("/users").into_response());
        }
    };
    let secret = token();
    let invitation = match console.invitation(&form, &secret).await? {
        Ok(invitation) => invitation,
        Err(problem) => {
            let page = console.invited_page(auth, None, form, problem);
            return Ok(refused(page.await?));
        }
    };
    let what = format!("invite {}", invitation.user);
    console.audit(&auth, &what, None, "asked").await?;
    console.accounts.put_token(&invitation).await?;
    let (settings, secret) = (&console.settings, secret.expose_secret());
    let link = format!("{}{}/join/{secret}", settings.origin, settings.base_path);
    let form = InvitationForm::default();
    let page = console.invited_page(auth, Some(link), form, Problem::default());
    Ok(Html(page.await?).into_response())
}

/// Asks for a password. The link stays valid: programs that check links open it, too.
pub(crate) async fn form(
    State(console): State<WebConsole>,
    Path(secret): Path<SecretString>,
) -> Result<Response, AppError> {
    let invitation = console.invitation_of(&secret).await?;
    Ok(Html(JoinPage {
        name: invitation.user,
        problem: Problem::default(),
    })
    .into_response())
}

/// Adds the user, and logs in.
pub(crate) async fn join(
    State(console): State<WebConsole>,
    peer: Peer,
    headers: HeaderMap,
    Path(secret): Path<SecretString>,
    Form(JoinForm { password }): Form<JoinForm>,
) -> Result<Response, AppError> {
    let invitation = console.invitation_of(&secret).await?;
    let name = invitation.user;
    let password = match check_password(password) {
        Ok(password) => password,
        Err(error) => {
            let problem = Problem::new("password", error);
            return Ok(refused(JoinPage { name, problem }));
        }
    };
    let mut user = User::new(&name);
    user.rights = invitation.data;
    user.password = Some(console.passwords.hash(password).await);
    let once = console.accounts.remove_tokens(Tokens::Key(&invitation.key));
    if once.await? == 0 {
        return Err(AppError::NotInvited);
    }
    console
        .audit_peer(&peer, Some(&name), "join", None, "asked")
        .await?;
    console.put_user(&user).await?;
    user.rev += 1;
    console.log_in(&peer, &headers, &user).await
}

impl WebConsole {
    /// The invitations that have not been used, newest first.
    pub(crate) async fn invitations(&self) -> hcc_store::Result<Vec<Token>> {
        let now = SystemTime::now();
        self.accounts.tokens(INVITATION, None, now).await
    }

    async fn invitation(
        &self,
        form: &InvitationForm,
        secret: &SecretString,
    ) -> Result<Result<Token, Problem>, AppError> {
        let name = match check_name(&form.name) {
            Ok(name) => name,
            Err(error) => return Ok(Err(Problem::new("invited", error))),
        };
        if self.accounts.user(name).await?.is_some() {
            let message = format!("User {name} already exists.");
            return Ok(Err(Problem::new("invited", message)));
        }
        let grants = match parse_grants(&form.rights) {
            Ok(grants) => grants.into_iter(),
            Err(error) => return Ok(Err(Problem::new("invited_rights", error))),
        };
        let permissions = grants.fold(Permissions::default(), Permissions::with_grant);
        let since = SystemTime::now();
        Ok(Ok(Token {
            key: SessionKey::of(secret),
            kind: INVITATION.to_owned(),
            user: name.to_owned(),
            name: String::new(),
            data: json!(permissions),
            since,
            until: Some(since + LIFETIME),
            used: None,
        }))
    }

    async fn invitation_of(&self, secret: &SecretString) -> Result<Token, AppError> {
        self.require_passwords()?;
        let key = SessionKey::of(secret);
        let token = self.accounts.token(&key, SystemTime::now()).await?;
        let invitation = token.filter(|token| token.kind == INVITATION);
        invitation.ok_or(AppError::NotInvited)
    }
}
