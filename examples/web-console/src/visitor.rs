//! Who asks: their session, and what they may do.

use std::time::SystemTime;

use axum::extract::{Form, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use hcc_core::{Command, Grant, Permission, Permissions, ServerName};
use hcc_store::{AuditEntry, Record, Session, SessionKey, User};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::WebConsole;
use crate::client::Client;
use crate::passwords::{hex, token};
use crate::refusal::Refusal;

/// Somebody who has logged in.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) user: User,
    pub(crate) permissions: Permissions,
    pub(crate) session: Session,
    pub(crate) client: Client,
    /// What forms of their pages carry, and no other site can know.
    pub(crate) csrf: String,
}

impl FromRequestParts<WebConsole> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, console: &WebConsole) -> Result<Self, Refusal> {
        let Ok(client) = Client::from_request_parts(parts, console).await;
        let token = console.cookie(&parts.headers).ok_or(Refusal::NotLoggedIn)?;
        let visitor = console.visitor(&SessionKey::of(&token)).await?;
        let (user, session) = visitor.ok_or(Refusal::NotLoggedIn)?;
        if console.settings.user_header.is_some() && client.user.as_ref() != Some(&user.name) {
            return Err(Refusal::NotLoggedIn);
        }
        console.keep_alive(&session).await?;
        Ok(Self {
            permissions: rights(&user),
            user,
            session,
            client,
            csrf: csrf(&token),
        })
    }
}

impl Visitor {
    pub(crate) fn name(&self) -> &str {
        &self.user.name
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.permissions.admin
    }

    pub(crate) fn may(
        &self,
        command: &Command,
        server: &ServerName,
        record: Option<&Record>,
    ) -> bool {
        self.permissions.allows(command, server, record)
    }

    /// Whether there may be servers that they may create.
    pub(crate) fn may_create(&self) -> bool {
        let create = |grant: &Grant| grant.permissions.contains(&Permission::Create);
        self.is_admin() || self.permissions.grants.iter().any(create)
    }

    pub(crate) fn must_be_admin(&self) -> Result<(), Refusal> {
        match self.is_admin() {
            true => Ok(()),
            false => Err(Refusal::NotFound),
        }
    }
}

/// A form that one of our own pages has sent.
pub(crate) struct Posted<T>(pub(crate) Visitor, pub(crate) T);

#[derive(Deserialize)]
struct Signed<T> {
    csrf: String,
    #[serde(flatten)]
    form: T,
}

impl<T: DeserializeOwned> FromRequest<WebConsole> for Posted<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, console: &WebConsole) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, console).await?;
        let form = Form::<Signed<T>>::from_request(Request::from_parts(parts, body), console).await;
        let Form(Signed { csrf, form }) =
            form.map_err(|error| Refusal::Invalid(error.body_text()))?;
        // Hashes are compared, so that the time taken tells nothing.
        let key = |text: &str| SessionKey::of(&text.into());
        match key(&csrf) == key(&visitor.csrf) {
            true => Ok(Self(visitor, form)),
            false => Err(Refusal::Forged),
        }
    }
}

/// What a user may do: nothing, if it is not known what.
pub(crate) fn rights(user: &User) -> Permissions {
    Permissions::of(user).unwrap_or_else(|error| {
        warn!(%error, "somebody may do nothing");
        Permissions::default()
    })
}

/// Belongs to one session, and does not tell its token.
fn csrf(token: &SecretString) -> String {
    let hash = Sha256::new()
        .chain_update("csrf ")
        .chain_update(token.expose_secret());
    hex(&hash.finalize())
}

impl WebConsole {
    /// The session of this key and its user, if both are good by now.
    pub(crate) async fn visitor(
        &self,
        key: &SessionKey,
    ) -> hcc_store::Result<Option<(User, Session)>> {
        let Some(session) = self.accounts.session(key, SystemTime::now()).await? else {
            return Ok(None);
        };
        let user = self.accounts.user(&session.user).await?;
        let user = user.filter(|user| !user.disabled);
        Ok(user.map(|user| (user, session)))
    }

    /// Begins a session and returns the cookie that stands for it.
    pub(crate) async fn begin_session(
        &self,
        user: &str,
    ) -> hcc_store::Result<(SessionKey, HeaderValue)> {
        let token = token();
        let key = SessionKey::of(&token);
        let since = SystemTime::now();
        let until = since + self.settings.idle.min(self.settings.longest);
        let session = Session {
            key: key.clone(),
            user: user.to_owned(),
            since,
            until,
        };
        self.accounts.begin_session(&session).await?;
        let cookie = self.set_cookie(token.expose_secret(), self.settings.longest.as_secs());
        Ok((key, cookie))
    }

    /// The cookie that takes a session's away.
    pub(crate) fn no_cookie(&self) -> HeaderValue {
        self.set_cookie("", 0)
    }

    /// The token of the session that a request belongs to.
    pub(crate) fn cookie(&self, headers: &HeaderMap) -> Option<SecretString> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let mut pairs = cookies
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let (_, token) = pairs.find(|(name, _)| *name == self.cookie_name())?;
        Some(token.into())
    }

    fn cookie_name(&self) -> &'static str {
        // With this prefix browsers take it from nobody but this very host.
        match self.settings.origin.is_secure() {
            true => "__Host-hcc",
            false => "hcc",
        }
    }

    fn set_cookie(&self, token: &str, seconds: u64) -> HeaderValue {
        let name = self.cookie_name();
        let secure = if self.settings.origin.is_secure() {
            "; Secure"
        } else {
            ""
        };
        let cookie =
            format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
        let mut cookie = HeaderValue::try_from(cookie).expect("tokens are hexadecimal");
        cookie.set_sensitive(true);
        cookie
    }

    /// Lets a session last, but not write to the database at every request.
    async fn keep_alive(&self, session: &Session) -> hcc_store::Result<()> {
        let settings = &self.settings;
        let until = (SystemTime::now() + settings.idle).min(session.since + settings.longest);
        let gained = until.duration_since(session.until).unwrap_or_default();
        if gained > settings.idle / 16 {
            self.accounts.extend_session(&session.key, until).await?;
        }
        Ok(())
    }

    /// Writes down what a visitor does. Who is not written down does nothing.
    pub(crate) async fn note(
        &self,
        visitor: &Visitor,
        what: &str,
        server: Option<&str>,
        outcome: &str,
    ) -> hcc_store::Result<()> {
        self.audit(&visitor.client, Some(visitor.name()), what, server, outcome)
            .await
    }

    pub(crate) async fn audit(
        &self,
        client: &Client,
        by: Option<&str>,
        what: &str,
        server: Option<&str>,
        outcome: &str,
    ) -> hcc_store::Result<()> {
        let entry = AuditEntry {
            at: SystemTime::now(),
            by: by.map(Into::into),
            ip: client.address,
            what: what.to_owned(),
            server: server.map(Into::into),
            outcome: outcome.to_owned(),
        };
        self.accounts.append(&entry).await
    }
}
