//! The second factor of a login by password: one-time passwords of an app (TOTP), and recovery codes.

use std::time::{Duration, SystemTime};

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_store::{SecondFactor, SessionKey, Sessions, Token, Tokens, User};
use qrcode::QrCode;
use qrcode::render::svg;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use totp_rs::{Builder, Secret, Totp};

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::limits::{CODES, CODES_IN, Limit, PASSWORD_CHANGES, USED_CODES};
use crate::page::Html;
use crate::passwords::{generate, random, token};
use crate::peer::Peer;

/// The name of the service in the app.
const ISSUER: &str = "hcc";

/// How many seconds a one-time password is valid.
const STEP: u64 = 30;

/// How many recovery codes a user gets.
const RECOVERY_CODES: usize = 10;

/// The kind of the tokens of users who have entered their password only.
const LOGIN: &str = "login";

/// The cookie of that token.
const LOGIN_COOKIE: &str = "hcc-login";

/// How long the password is good for.
const LOGIN_LIFETIME: Duration = Duration::from_mins(5);

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactorPage {
    auth: AuthUser,
    /// What the app needs, if it is to be set up.
    setup: Option<Setup>,
    /// How many recovery codes are left.
    left: usize,
    problem: Problem,
}

/// A new secret, as text and as a picture.
struct Setup {
    secret: String,
    address: String,
    picture: String,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct RecoveryCodesPage {
    auth: AuthUser,
    codes: Vec<String>,
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage {
    wrong: bool,
}

/// What a user does with the second factor. Each needs the password.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum SecondFactorForm {
    /// Sets it up, with a code of the app that proves that it has the secret.
    On {
        password: SecretString,
        secret: SecretString,
        code: String,
    },
    Off {
        password: SecretString,
    },
    /// Replaces the recovery codes.
    Codes {
        password: SecretString,
    },
}

#[derive(Deserialize)]
pub(crate) struct CodeForm {
    code: String,
}

pub(crate) async fn form(
    State(console): State<WebConsole>,
    auth: AuthUser,
) -> Result<Response, AppError> {
    console.require_passwords()?;
    let page = SecondFactorPage::of(auth, None, Problem::default())?;
    Ok(Html(page).into_response())
}

pub(crate) async fn change(
    State(console): State<WebConsole>,
    CsrfForm(auth, form): CsrfForm<SecondFactorForm>,
) -> Result<Response, AppError> {
    console.require_passwords()?;
    let (password, secret) = match &form {
        SecondFactorForm::On {
            password, secret, ..
        } => (password, Some(secret.clone())),
        SecondFactorForm::Off { password } | SecondFactorForm::Codes { password } => {
            (password, None)
        }
    };
    console.count(PASSWORD_CHANGES, auth.name()).await?;
    let hash = auth.user.password.clone();
    if !console.passwords.verify(password.clone(), hash).await? {
        let what = "second factor";
        console.audit(&auth, what, None, "wrong_password").await?;
        let problem = Problem::new("password", "The password is wrong.");
        return Ok(refused(SecondFactorPage::of(auth, secret, problem)?));
    }
    console.refund(PASSWORD_CHANGES, auth.name()).await?;

    let mut user = auth.user.clone();
    let codes = RecoveryCodes::new();
    let what = match form {
        SecondFactorForm::On { secret, code, .. } => {
            let totp = totp(&secret, auth.name())?;
            let step = totp.check(&digits(&code), now());
            if !console.use_step(auth.name(), step).await? {
                let problem = Problem::new("code", "This is not the code that the app shows now.");
                return Ok(refused(SecondFactorPage::of(auth, Some(secret), problem)?));
            }
            user.second_factor = Some(SecondFactor {
                secret,
                recovery: codes.keys(),
            });
            "turn on second factor"
        }
        SecondFactorForm::Off { .. } => {
            user.second_factor = None;
            "turn off second factor"
        }
        SecondFactorForm::Codes { .. } => {
            let second_factor = user.second_factor.as_mut().ok_or(AppError::NotFound)?;
            second_factor.recovery = codes.keys();
            "new recovery codes"
        }
    };
    console.audit(&auth, what, None, "asked").await?;
    console.put_user(&user).await?;
    if user.second_factor.is_none() {
        return Ok(Redirect::to("/account").into_response());
    }
    let codes = codes.0;
    Ok(Html(RecoveryCodesPage { auth, codes }).into_response())
}

/// Asks for the code, after the password.
pub(crate) async fn code_form(
    State(console): State<WebConsole>,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    console.begun_login(&headers).await?;
    Ok(Html(CodePage { wrong: false }).into_response())
}

pub(crate) async fn check_code(
    State(console): State<WebConsole>,
    peer: Peer,
    headers: HeaderMap,
    Form(CodeForm { code }): Form<CodeForm>,
) -> Result<Response, AppError> {
    let (begun, user) = console.begun_login(&headers).await?;
    let (limit, of): (Limit, String) = match console.device(&headers, Some(&user)) {
        Some(device) => (CODES_IN, device.id),
        None => (CODES, user.name.clone()),
    };
    console.count(limit, &of).await?;
    let Some(user) = console.accept_code(&peer, user, &code).await? else {
        console
            .audit_peer(&peer, Some(&begun.user), "login", None, "wrong_code")
            .await?;
        let page = Html(CodePage { wrong: true });
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    console.refund(limit, &of).await?;
    let once = console.accounts.remove_tokens(Tokens::Key(&begun.key));
    if once.await? == 0 {
        return Err(AppError::NotLoggedIn);
    }
    let mut response = console.log_in(&peer, &headers, &user).await?;
    let cookie = console.set_cookie(LOGIN_COOKIE, &"".into(), Duration::ZERO);
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Codes that are shown once.
struct RecoveryCodes(Vec<String>);

impl RecoveryCodes {
    fn new() -> Self {
        let code = || {
            let letters = generate();
            let letters = letters.expose_secret();
            let groups = (0..letters.len()).step_by(5);
            let groups = groups.map(|at| &letters[at..at + 5]);
            groups.collect::<Vec<_>>().join("-")
        };
        Self((0..RECOVERY_CODES).map(|_| code()).collect())
    }

    fn keys(&self) -> Vec<SessionKey> {
        self.0.iter().map(|code| recovery_key(code)).collect()
    }
}

/// The key of a recovery code, however it is typed.
fn recovery_key(code: &str) -> SessionKey {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|it| it.to_ascii_lowercase()).collect();
    SessionKey::of(&letters.into())
}

/// The digits of a code, which apps show in groups.
fn digits(code: &str) -> String {
    code.chars().filter(|it| !it.is_whitespace()).collect()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// The one-time passwords of a secret: six digits that change every 30 seconds, those before and after
/// are valid, too.
fn totp(secret: &SecretString, name: &str) -> Result<Totp, AppError> {
    let invalid =
        || AppError::Invalid("The secret of the one-time passwords is invalid.".to_owned());
    let secret = Secret::try_from_base32(secret.expose_secret()).map_err(|_| invalid())?;
    // The names of accounts in apps have no colon, and neither have those of users.
    let totp = Builder::new()
        .with_secret(secret)
        .with_step_duration(STEP)
        .with_skew(1)
        .with_account_name(name)
        .with_issuer(Some(ISSUER));
    totp.build().map_err(|_| invalid())
}

impl SecondFactorPage {
    /// The page of a user, with this secret if it has been shown before.
    fn of(
        auth: AuthUser,
        secret: Option<SecretString>,
        problem: Problem,
    ) -> Result<Self, AppError> {
        let second_factor = auth.user.second_factor.as_ref();
        let left = second_factor.map_or(0, |it| it.recovery.len());
        let setup = match second_factor {
            Some(_) => None,
            None => Some(Setup::new(secret, auth.name())?),
        };
        Ok(Self {
            auth,
            setup,
            left,
            problem,
        })
    }
}

impl Setup {
    fn new(secret: Option<SecretString>, name: &str) -> Result<Self, AppError> {
        let secret = secret.unwrap_or_else(|| {
            let secret = Secret::from(random::<20>());
            secret.to_base32().into()
        });
        let address = totp(&secret, name)?.to_url();
        let address = address.map_err(|_| AppError::NotFound)?;
        let code = QrCode::new(&address).map_err(|_| AppError::NotFound)?;
        let mut picture = code.render::<svg::Color<'_>>();
        Ok(Self {
            secret: secret.expose_secret().to_owned(),
            picture: picture.min_dimensions(200, 200).build(),
            address,
        })
    }

    /// The secret in groups, as people type it.
    fn grouped(&self) -> String {
        let letters = self.secret.as_bytes().chunks(4);
        let groups: Vec<_> = letters.map(String::from_utf8_lossy).collect();
        groups.join(" ")
    }
}

impl WebConsole {
    /// Fails with [`AppError::NotFound`] if users log in at a proxy.
    pub(crate) fn require_passwords(&self) -> Result<(), AppError> {
        match self.settings.user_header {
            None => Ok(()),
            Some(_) => Err(AppError::NotFound),
        }
    }

    /// Leads a user with the right password to the page that asks for the second factor.
    pub(crate) async fn begin_login(&self, user: &User) -> Result<Response, AppError> {
        let secret = token();
        let since = SystemTime::now();
        let begun = Token {
            key: SessionKey::of(&secret),
            kind: LOGIN.to_owned(),
            user: user.name.clone(),
            name: String::new(),
            // A new password ends it.
            data: json!(user.rev),
            since,
            until: Some(since + LOGIN_LIFETIME),
            used: None,
        };
        self.accounts.put_token(&begun).await?;
        let cookie = self.set_cookie(LOGIN_COOKIE, &secret, LOGIN_LIFETIME);
        let cookie = [(header::SET_COOKIE, cookie)];
        Ok((cookie, Redirect::to("/login/code")).into_response())
    }

    /// Returns the user of a browser who has entered the password.
    async fn begun_login(&self, headers: &HeaderMap) -> Result<(Token, User), AppError> {
        let secret = self.cookie(headers, LOGIN_COOKIE);
        let key = SessionKey::of(&secret.ok_or(AppError::NotLoggedIn)?);
        let begun = self.accounts.token(&key, SystemTime::now()).await?;
        let begun = begun.filter(|it| it.kind == LOGIN);
        let begun = begun.ok_or(AppError::NotLoggedIn)?;
        let user = self.accounts.user(&begun.user).await?;
        let user = user.filter(|user| !user.disabled && begun.data == json!(user.rev));
        Ok((begun, user.ok_or(AppError::NotLoggedIn)?))
    }

    /// Returns the user if the code is right and has not been used.
    async fn accept_code(
        &self,
        peer: &Peer,
        mut user: User,
        code: &str,
    ) -> Result<Option<User>, AppError> {
        let Some(second_factor) = &mut user.second_factor else {
            return Ok(Some(user));
        };
        let step = totp(&second_factor.secret, &user.name)?.check(&digits(code), now());
        if step.is_some() {
            let is_first = self.use_step(&user.name, step).await?;
            return Ok(is_first.then_some(user));
        }
        let key = recovery_key(code);
        let before = second_factor.recovery.len();
        second_factor.recovery.retain(|other| *other != key);
        let left = second_factor.recovery.len();
        if left == before {
            return Ok(None);
        }
        let what = format!("use recovery code, {left} left");
        self.audit_peer(peer, Some(&user.name), &what, None, "asked")
            .await?;
        self.put_user(&user).await?;
        user.rev += 1;
        Ok(Some(user))
    }

    /// Notes that the code of this time is used; returns whether it is valid and was not used before.
    async fn use_step(&self, name: &str, step: Option<u64>) -> Result<bool, AppError> {
        let Some(step) = step else {
            return Ok(false);
        };
        // Counted in the database, for all processes.
        match self.count(USED_CODES, &format!("{name} {step}")).await {
            Ok(()) => Ok(true),
            Err(AppError::RateLimited(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes the second factor of a user who has lost it, and ends all sessions.
    pub(crate) async fn reset_second_factor(
        &self,
        auth: &AuthUser,
        mut user: User,
    ) -> Result<Response, AppError> {
        let what = format!("reset second factor of {}", user.name);
        self.audit(auth, &what, None, "asked").await?;
        user.second_factor = None;
        user.passkeys = json!(null);
        self.put_user(&user).await?;
        self.accounts.end_sessions(Sessions::Of(&user.name)).await?;
        Ok(Redirect::to(&format!("/users/{}", user.name)).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, Appendix B, for SHA-1, of which the last six digits are shown.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into();
        let totp = totp(&secret, "anna").unwrap();
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (2_000_000_000, "279037"),
        ] {
            assert!(
                totp.check(&digits(&format!("{} {}", &code[..3], &code[3..])), time)
                    .is_some()
            );
            assert!(totp.check(code, time + STEP).is_some());
            assert!(totp.check(code, time + 3 * STEP).is_none());
        }
    }

    #[test]
    fn recovery_codes_are_recognized_however_they_are_typed() {
        let codes = RecoveryCodes::new();

        assert_eq!(codes.0.len(), RECOVERY_CODES);
        let code = &codes.0[0];
        assert_eq!(code.len(), 23, "{code}");
        let typed = format!(" {} ", code.to_uppercase().replace('-', " "));
        assert!(recovery_key(&typed) == codes.keys()[0]);
        assert!(recovery_key(&codes.0[1]) != codes.keys()[0]);
    }
}
