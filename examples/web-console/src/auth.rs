//! The user of a request, and forms that prove where they come from.

use axum::extract::{Form, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use hcc_core::{Command, Grant, Permission, Permissions, ProjectScope, ServerName, Verb};
use hcc_store::{Record, Session, SessionKey, Token, User};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tracing::{Span, warn};

use crate::WebConsole;
use crate::error::AppError;
use crate::passwords::hex;
use crate::peer::Peer;
use crate::view::ASKED_WITH_TOKEN;

/// A user who has logged in.
#[derive(Clone, Debug)]
pub(crate) struct AuthUser {
    pub(crate) user: User,
    /// The name of the project that the page is about, among several.
    pub(crate) project: String,
    /// The permissions in the project of the page.
    pub(crate) permissions: Permissions,
    /// What an API token allows of that, if it does not allow everything.
    pub(crate) limit: Option<Permissions>,
    /// The API token, if it is not a browser.
    pub(crate) token: Option<Token>,
    pub(crate) session: Session,
    pub(crate) peer: Peer,
    /// The token in the user's forms, which other sites cannot know.
    pub(crate) csrf: String,
}

impl FromRequestParts<WebConsole> for AuthUser {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, console: &WebConsole) -> Result<Self, AppError> {
        let peer = Peer::from_request_parts(parts, console).await?;
        let token = console.session_token(&parts.headers);
        let token = token.ok_or(AppError::NotLoggedIn)?;
        let valid = console.valid_session(&SessionKey::of(&token)).await?;
        let (user, session) = valid.ok_or(AppError::NotLoggedIn)?;
        if console.settings.user_header.is_some() && peer.user.as_ref() != Some(&user.name) {
            return Err(AppError::NotLoggedIn);
        }
        console.extend_session(&session).await?;
        Span::current().record("user", &user.name);
        Ok(Self {
            project: console.page_project().to_owned(),
            permissions: permissions_of(&user).in_project(&console.project),
            limit: None,
            token: None,
            user,
            session,
            peer,
            csrf: csrf_token(&token),
        })
    }
}

impl AuthUser {
    pub(crate) fn name(&self) -> &str {
        &self.user.name
    }

    /// Returns the user with the permissions in another project.
    pub(crate) fn in_project(&self, project: &ProjectScope) -> Self {
        let limit = self.token.as_ref().and_then(limit_of);
        Self {
            permissions: permissions_of(&self.user).in_project(project),
            limit: limit.map(|limit| limit.in_project(project)),
            ..self.clone()
        }
    }

    /// How the audit trail says that the user has requested something.
    pub(crate) fn asked(&self) -> String {
        match &self.token {
            Some(token) => format!("{ASKED_WITH_TOKEN}{}", token.name),
            None => "asked".to_owned(),
        }
    }

    pub(crate) fn is_admin(&self) -> bool {
        let is_admin = |permissions: &Permissions| permissions.admin;
        is_admin(&self.permissions) && self.limit.as_ref().is_none_or(is_admin)
    }

    pub(crate) fn can_view(&self, record: &Record) -> bool {
        let can_view = |permissions: &Permissions| permissions.can_view(record);
        can_view(&self.permissions) && self.limit.as_ref().is_none_or(can_view)
    }

    pub(crate) fn may(
        &self,
        command: &Command,
        server: &ServerName,
        record: Option<&Record>,
    ) -> bool {
        let allows = |permissions: &Permissions| permissions.allows(command, server, record);
        allows(&self.permissions) && self.limit.as_ref().is_none_or(allows)
    }

    /// Returns whether something that a user has asked for counts as the own of this one: with an API
    /// token only if the token may see the server.
    pub(crate) fn owns(&self, by: Option<&str>, server: &str, record: Option<&Record>) -> bool {
        let may_view = |limit: &Permissions| {
            let view = Command::from(Verb::Show);
            let server = server.parse();
            server.is_ok_and(|server| limit.allows(&view, &server, record))
        };
        self.is_admin() || by == Some(self.name()) && self.limit.as_ref().is_none_or(may_view)
    }

    /// Returns whether the user may create servers of some names.
    pub(crate) fn may_create(&self) -> bool {
        let create = |grant: &Grant| grant.permissions.contains(&Permission::Create);
        self.is_admin() || self.permissions.grants.iter().any(create)
    }

    /// Fails with [`AppError::NotFound`] unless the user is an admin: for
    /// others the pages of admins do not exist.
    pub(crate) fn require_admin(&self) -> Result<(), AppError> {
        if self.is_admin() {
            Ok(())
        } else {
            Err(AppError::NotFound)
        }
    }
}

/// A form with the CSRF token of the user's session.
pub(crate) struct CsrfForm<T>(pub(crate) AuthUser, pub(crate) T);

#[derive(Deserialize)]
struct WithToken<T> {
    csrf: String,
    #[serde(flatten)]
    form: T,
}

impl<T: DeserializeOwned> FromRequest<WebConsole> for CsrfForm<T> {
    type Rejection = AppError;

    async fn from_request(request: Request, console: &WebConsole) -> Result<Self, AppError> {
        let (mut parts, body) = request.into_parts();
        let auth = AuthUser::from_request_parts(&mut parts, console).await?;
        let request = Request::from_parts(parts, body);
        let Form(WithToken { csrf, form }) = Form::from_request(request, console)
            .await
            .map_err(|error| AppError::Invalid(error.body_text()))?;
        // Comparing hashes instead of tokens leaks nothing by timing.
        let hash = |token: &str| SessionKey::of(&token.into());
        if hash(&csrf) == hash(&auth.csrf) {
            Ok(Self(auth, form))
        } else {
            Err(AppError::CsrfFailed)
        }
    }
}

/// Returns the permissions of a user: none if they are malformed.
pub(crate) fn permissions_of(user: &User) -> Permissions {
    Permissions::of(user).unwrap_or_else(|error| {
        warn!(%error, user = user.name, "malformed permissions ignored");
        Permissions::default()
    })
}

/// Returns what an API token allows, unless that is everything that its user may do.
pub(crate) fn limit_of(token: &Token) -> Option<Permissions> {
    // A limit that cannot be read allows nothing.
    let limit = || Permissions::deserialize(&token.data).unwrap_or_default();
    (!token.data.is_null()).then(limit)
}

/// Derives a token that belongs to one session and does not reveal its key.
fn csrf_token(session: &SecretString) -> String {
    let hash = Sha256::new()
        .chain_update("csrf ")
        .chain_update(session.expose_secret());
    hex(&hash.finalize())
}
