//! Sessions and their cookies.

use std::time::{Duration, SystemTime};

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
        let max_age = self.settings.max_session;
        Ok((key, self.set_cookie(self.cookie_name(), &token, max_age)))
    }

    /// Returns the cookie that removes the one of a session.
    pub(crate) fn clear_cookie(&self) -> HeaderValue {
        self.set_cookie(self.cookie_name(), &"".into(), Duration::ZERO)
    }

    /// Returns the session token in the cookies of a request.
    pub(crate) fn session_token(&self, headers: &HeaderMap) -> Option<SecretString> {
        self.cookie(headers, self.cookie_name())
    }

    /// Returns the value of a cookie.
    pub(crate) fn cookie(&self, headers: &HeaderMap, name: &str) -> Option<SecretString> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let mut pairs = cookies
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(other, _)| *other == name)?;
        Some(value.into())
    }

    // Browsers accept a cookie with the prefix `__Host-` only from this very host.
    fn cookie_name(&self) -> &'static str {
        if self.settings.origin.is_secure() {
            "__Host-hcc"
        } else {
            "hcc"
        }
    }

    pub(crate) fn device_cookie_name(&self) -> &'static str {
        if self.settings.origin.is_secure() {
            "__Host-hcc-device"
        } else {
            "hcc-device"
        }
    }

    /// Returns a cookie that scripts and other sites do not see.
    pub(crate) fn set_cookie(
        &self,
        name: &str,
        value: &SecretString,
        max_age: Duration,
    ) -> HeaderValue {
        let secure = if self.settings.origin.is_secure() {
            "; Secure"
        } else {
            ""
        };
        let (value, max_age) = (value.expose_secret(), max_age.as_secs());
        let cookie =
            format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
        let mut cookie = HeaderValue::try_from(cookie).expect("values are hexadecimal");
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
