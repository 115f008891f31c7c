//! Browsers in which a user has logged in before. Guesses of others do not lock them out.

use axum::http::HeaderMap;
use hcc_store::User;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::WebConsole;
use crate::passwords::{hex, random, unhex};

/// The cookie of a browser: a random id, and a code that depends on the user and the password, so
/// that a new password makes all of them invalid.
pub(crate) struct Device {
    pub(crate) id: String,
    code: String,
}

impl Device {
    /// A browser in which a user logs in for the first time; `None` without a password.
    pub(crate) fn new(user: &User) -> Option<Self> {
        let id = hex(&random::<16>());
        let code = hex(&mac(user, &id)?.finalize().into_bytes());
        Some(Self { id, code })
    }

    /// The value of the cookie.
    pub(crate) fn cookie(&self) -> SecretString {
        format!("{}.{}", self.id, self.code).into()
    }

    /// Returns the browser of this cookie, if the user has logged in there.
    fn of(cookie: &SecretString, user: &User) -> Option<Self> {
        let (id, code) = cookie.expose_secret().split_once('.')?;
        mac(user, id)?.verify_slice(&unhex(code)?).ok()?;
        Some(Self {
            id: id.to_owned(),
            code: code.to_owned(),
        })
    }
}

fn mac(user: &User, id: &str) -> Option<Hmac<Sha256>> {
    let key = user.password.as_ref()?.expose_secret().as_bytes();
    let mac = Hmac::new_from_slice(key).expect("keys may have any length");
    Some(mac.chain_update(format!("device {id} {}", user.name)))
}

impl WebConsole {
    /// Returns the browser of a request, if the user has logged in there before.
    pub(crate) fn device(&self, headers: &HeaderMap, user: Option<&User>) -> Option<Device> {
        Device::of(&self.cookie(headers, self.device_cookie_name())?, user?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, password: &str) -> User {
        let mut user = User::new(name);
        user.password = Some(password.into());
        user
    }

    #[test]
    fn cookie_is_valid_for_one_user_until_the_password_changes() {
        let mary = user("mary", "$argon2id$1");
        let device = Device::new(&mary).unwrap();
        let cookie = device.cookie();

        assert_eq!(Device::of(&cookie, &mary).unwrap().id, device.id);
        assert!(Device::of(&cookie, &user("mary", "$argon2id$2")).is_none());
        assert!(Device::of(&cookie, &user("zoe", "$argon2id$1")).is_none());
        assert!(Device::of(&cookie, &User::new("mary")).is_none());
    }

    #[test]
    fn forged_cookies_are_invalid() {
        let mary = user("mary", "$argon2id$1");
        let cookie = Device::new(&mary).unwrap().cookie();
        let (id, code) = cookie.expose_secret().split_once('.').unwrap();
        for forged in [
            String::new(),
            ".".to_owned(),
            id.to_owned(),
            format!("{id}."),
            format!("{id}.{}", &code[2..]),
            format!("{id}.{code}0"),
            format!("{id}.{code}é"),
            format!("0{id}.{code}"),
        ] {
            assert!(Device::of(&forged.into(), &mary).is_none());
        }
    }
}
