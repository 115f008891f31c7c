//! Passkeys: keys of devices, with which users log in without a password (`WebAuthn`).

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_store::{SessionKey, Token, Tokens, User};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tracing::warn;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::WebConsole;
use crate::auth::CsrfForm;
use crate::error::AppError;
use crate::limits::{LOGINS_FROM, PASSWORD_CHANGES};
use crate::passwords::token;
use crate::peer::Peer;

/// The kind of the tokens of ceremonies, whose data is what the web console has to remember.
const CEREMONY: &str = "passkey";

/// The cookie of that token.
const COOKIE: &str = "hcc-passkey";

/// How long the user may take to unlock a device.
const CEREMONY_LIFETIME: Duration = Duration::from_mins(5);

/// How many passkeys a user may have.
const MAX_PASSKEYS: usize = 20;

const MAX_NAME_LEN: usize = 64;

/// A passkey, as it is stored with its user.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct NamedPasskey {
    /// What the user calls it.
    pub(crate) name: String,
    /// When it was added, in seconds.
    since: u64,
    key: Passkey,
}

impl NamedPasskey {
    /// The id, for forms.
    pub(crate) fn id(&self) -> String {
        crate::passwords::hex(self.key.cred_id())
    }

    pub(crate) fn since(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.since)
    }
}

/// Returns the passkeys of a user.
pub(crate) fn passkeys_of(user: &User) -> Vec<NamedPasskey> {
    if user.passkeys.is_null() {
        return Vec::new();
    }
    Vec::deserialize(&user.passkeys).unwrap_or_else(|error| {
        warn!(%error, user = user.name, "malformed passkeys ignored");
        Vec::new()
    })
}

/// What a user does with a passkey of the account.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum PasskeysForm {
    /// Asks for the options of a new one.
    Begin {
        password: SecretString,
    },
    /// Adds the one that the browser has made.
    Add {
        name: String,
        credential: String,
    },
    Remove {
        key: String,
    },
}

#[derive(Deserialize)]
pub(crate) struct CredentialForm {
    credential: String,
}

pub(crate) async fn change(
    State(console): State<WebConsole>,
    headers: HeaderMap,
    CsrfForm(auth, form): CsrfForm<PasskeysForm>,
) -> Result<Response, AppError> {
    let webauthn = console.webauthn()?;
    let mut user = auth.user.clone();
    let mut passkeys = passkeys_of(&user);
    let what = match form {
        PasskeysForm::Begin { password } => {
            console.count(PASSWORD_CHANGES, auth.name()).await?;
            let hash = user.password.clone();
            if !console.passwords.verify(password, hash).await? {
                console
                    .audit(&auth, "passkey", None, "wrong_password")
                    .await?;
                return Err(AppError::Invalid("The password is wrong.".to_owned()));
            }
            console.refund(PASSWORD_CHANGES, auth.name()).await?;
            if passkeys.len() >= MAX_PASSKEYS {
                return Err(AppError::Invalid("You have too many passkeys.".to_owned()));
            }
            let known = passkeys.iter().map(|it| it.key.cred_id().clone());
            let (id, name) = (user_id(auth.name()), auth.name());
            let known = Some(known.collect());
            let (options, state) = webauthn
                .start_passkey_registration(id, name, name, known)
                .map_err(invalid)?;
            let mut options = json!(options);
            // So that the device finds it without the name of the user.
            let selection = &mut options["publicKey"]["authenticatorSelection"];
            selection["residentKey"] = "required".into();
            selection["requireResidentKey"] = true.into();
            return console.begin_ceremony(name, &options, json!(state)).await;
        }
        PasskeysForm::Add { name, credential } => {
            let name = name.trim().to_owned();
            if name.is_empty() || name.len() > MAX_NAME_LEN || name.contains(char::is_control) {
                let message = format!("Names have 1 to {MAX_NAME_LEN} characters.");
                return Err(AppError::Invalid(message));
            }
            let state: PasskeyRegistration = console.end_ceremony(&headers, auth.name()).await?;
            let credential: RegisterPublicKeyCredential = parsed(&credential)?;
            let key = webauthn.finish_passkey_registration(&credential, &state);
            let key = key.map_err(invalid)?;
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let what = format!("add passkey {name}");
            passkeys.push(NamedPasskey {
                name,
                since: since.unwrap_or_default().as_secs(),
                key,
            });
            what
        }
        PasskeysForm::Remove { key } => {
            let at = passkeys.iter().position(|it| it.id() == key);
            let removed = passkeys.remove(at.ok_or(AppError::NotFound)?);
            format!("remove passkey {}", removed.name)
        }
    };
    user.passkeys = match passkeys.is_empty() {
        true => json!(null),
        false => json!(passkeys),
    };
    console.audit(&auth, &what, None, "asked").await?;
    console.put_user(&user).await?;
    Ok(Redirect::to("/account").into_response())
}

/// Responds with what a browser needs to find a passkey.
pub(crate) async fn begin_login(
    State(console): State<WebConsole>,
    peer: Peer,
) -> Result<Response, AppError> {
    let webauthn = console.webauthn()?;
    console.count(LOGINS_FROM, &peer.network()).await?;
    let (options, state) = webauthn
        .start_discoverable_authentication()
        .map_err(invalid)?;
    console
        .begin_ceremony("", &json!(options), json!(state))
        .await
}

/// Logs in with a passkey, which is a second factor already: it needs the device, and its PIN or a
/// finger.
pub(crate) async fn log_in(
    State(console): State<WebConsole>,
    peer: Peer,
    headers: HeaderMap,
    Form(CredentialForm { credential }): Form<CredentialForm>,
) -> Result<Response, AppError> {
    let webauthn = console.webauthn()?;
    let state: DiscoverableAuthentication = console.end_ceremony(&headers, "").await?;
    let credential: PublicKeyCredential = parsed(&credential)?;
    let (id, key_id) = webauthn
        .identify_discoverable_authentication(&credential)
        .map_err(invalid)?;
    let users = console.accounts.users().await?.into_iter();
    let mut users = users.filter(|user| !user.disabled && user_id(&user.name) == id);
    let user = users.next().ok_or(AppError::PasskeyRefused)?;
    let mut passkeys = passkeys_of(&user);
    let known = passkeys.iter_mut().find(|it| it.key.cred_id() == key_id);
    let known = known.ok_or(AppError::PasskeyRefused)?;
    let result = webauthn.finish_discoverable_authentication_v2(&credential, state, &known.key);
    let result = match result {
        Ok(result) => result,
        Err(error) => {
            let name = Some(&*user.name);
            console
                .audit_peer(&peer, name, "login", None, "wrong_passkey")
                .await?;
            return Err(invalid(error));
        }
    };
    let mut user = user;
    if known.key.update_credential(&result) == Some(true) {
        user.passkeys = json!(passkeys);
        console.put_user(&user).await?;
        user.rev += 1;
    }
    console.refund(LOGINS_FROM, &peer.network()).await?;
    console.log_in(&peer, &headers, &user).await
}

fn parsed<T: DeserializeOwned>(credential: &str) -> Result<T, AppError> {
    serde_json::from_str(credential).map_err(|_| AppError::PasskeyRefused)
}

fn invalid(error: WebauthnError) -> AppError {
    warn!(%error, "passkey refused");
    AppError::PasskeyRefused
}

/// The id of a user on devices.
fn user_id(name: &str) -> Uuid {
    let hash = Sha256::new().chain_update("passkey ").chain_update(name);
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    Uuid::from_bytes(id)
}

impl WebConsole {
    /// Whether browsers can use passkeys here: they belong to a name, not to an address.
    pub(crate) fn has_passkeys(&self) -> bool {
        self.webauthn().is_ok()
    }

    fn webauthn(&self) -> Result<Webauthn, AppError> {
        self.require_passwords()?;
        let origin = Url::parse(&self.settings.origin.to_string());
        let origin = origin.map_err(|_| AppError::NotFound)?;
        let host = origin.host_str().unwrap_or_default();
        let is_secure = self.settings.origin.is_secure() || self.settings.origin.is_local();
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        if !is_secure || is_address {
            return Err(AppError::NotFound);
        }
        let builder = WebauthnBuilder::new(host, &origin).map_err(invalid)?;
        builder.rp_name("hcc").build().map_err(invalid)
    }

    /// Responds with the options of a ceremony, and remembers its state.
    async fn begin_ceremony(
        &self,
        user: &str,
        options: &Value,
        state: Value,
    ) -> Result<Response, AppError> {
        let secret = token();
        let since = SystemTime::now();
        let begun = Token {
            key: SessionKey::of(&secret),
            kind: CEREMONY.to_owned(),
            user: user.to_owned(),
            name: String::new(),
            data: state,
            since,
            until: Some(since + CEREMONY_LIFETIME),
            used: None,
        };
        self.accounts.put_token(&begun).await?;
        let cookie = self.set_cookie(COOKIE, &secret, CEREMONY_LIFETIME);
        let options = Json(options["publicKey"].clone());
        Ok(([(header::SET_COOKIE, cookie)], options).into_response())
    }

    /// Returns the state of a ceremony that this browser has begun, once.
    async fn end_ceremony<T: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
        user: &str,
    ) -> Result<T, AppError> {
        let secret = self.cookie(headers, COOKIE);
        let key = SessionKey::of(&secret.ok_or(AppError::PasskeyRefused)?);
        let begun = self.accounts.token(&key, SystemTime::now()).await?;
        let begun = begun.filter(|it| it.kind == CEREMONY && it.user == user);
        let begun = begun.ok_or(AppError::PasskeyRefused)?;
        if self.accounts.remove_tokens(Tokens::Key(&key)).await? == 0 {
            return Err(AppError::PasskeyRefused);
        }
        serde_json::from_value(begun.data).map_err(|_| AppError::PasskeyRefused)
    }
}
