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

    fn cookie_name(&self) -> &'static str {
        ["hcc", "__Secure-hcc", "__Host-hcc"][self.protection()]
    }

    pub(crate) fn device_cookie_name(&self) -> &'static str {
        ["hcc-device", "__Secure-hcc-device", "__Host-hcc-device"][self.protection()]
    }

    /// Browsers accept a cookie with the prefix `__Host-` only from this very host, and one with
    /// `__Secure-` only with TLS.
    fn protection(&self) -> usize {
        match (
            self.settings.origin.is_secure(),
            self.settings.base_path.is_root(),
        ) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
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
        let path = &self.settings.base_path;
        let cookie = format!(
            "{name}={value}; Path={path}/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}"
        );
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
