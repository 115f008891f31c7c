//! Sessions and their cookies.

use std::time::SystemTime;

use axum::http::{HeaderMap, HeaderValue, header};
use hcc_store::{Session, SessionKey, User};
use secrecy::{ExposeSecret, SecretString};

use crate::WebConsole;
use crate::passwords::token;

impl WebConsole {
    /// Returns the session of this key and its user, if both are valid now.
    pub(crate) async fn valid_session(
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

    /// Starts a session and returns its cookie.
    pub(crate) async fn start_session(
        &self,
        user: &str,
    ) -> hcc_store::Result<(SessionKey, HeaderValue)> {
        let token = token();
        let key = SessionKey::of(&token);
        let since = SystemTime::now();
        let until = since + self.settings.idle_timeout.min(self.settings.max_session);
        let session = Session {
            key: key.clone(),
            user: user.to_owned(),
            since,
            until,
        };
        self.accounts.begin_session(&session).await?;
        let max_age = self.settings.max_session.as_secs();
        Ok((key, self.set_cookie(token.expose_secret(), max_age)))
    }

    /// Returns the cookie that removes the one of a session.
    pub(crate) fn clear_cookie(&self) -> HeaderValue {
        self.set_cookie("", 0)
    }

    /// Returns the session token in the cookies of a request.
    pub(crate) fn session_token(&self, headers: &HeaderMap) -> Option<SecretString> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let mut pairs = cookies
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let (_, token) = pairs.find(|(name, _)| *name == self.cookie_name())?;
        Some(token.into())
    }

    fn cookie_name(&self) -> &'static str {
        // Browsers accept a cookie with this prefix only from this very host.
        if self.settings.origin.is_secure() {
            "__Host-hcc"
        } else {
            "hcc"
        }
    }

    fn set_cookie(&self, token: &str, max_age: u64) -> HeaderValue {
        let name = self.cookie_name();
        let secure = if self.settings.origin.is_secure() {
            "; Secure"
        } else {
            ""
        };
        let cookie =
            format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
        let mut cookie = HeaderValue::try_from(cookie).expect("tokens are hexadecimal");
        cookie.set_sensitive(true);
        cookie
    }

    /// Extends a session, but does not write to the database at every request.
    pub(crate) async fn extend_session(&self, session: &Session) -> hcc_store::Result<()> {
        let settings = &self.settings;
        let latest = session.since + settings.max_session;
        let until = (SystemTime::now() + settings.idle_timeout).min(latest);
        let gained = until.duration_since(session.until).unwrap_or_default();
        if gained > settings.idle_timeout / 16 {
            self.accounts.extend_session(&session.key, until).await?;
        }
        Ok(())
    }
}
