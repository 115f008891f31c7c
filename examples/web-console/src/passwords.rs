//! Passwords, hashed with argon2id and limited concurrency.

use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::error::AppError;

/// How many verifications may wait; each holds a connection.
const MAX_WAITING: usize = 256;

/// The maximum length of a password.
pub(crate) const MAX_LEN: usize = 1024;

/// The minimum length of a password that a user chooses.
pub(crate) const MIN_LEN: usize = 10;

/// The hash of no password, which takes as long to verify as any.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEhIQ$\
                      bm9ib2R5J3MgaGFzaCwgd2hpY2ggbm8gd29yZCBtYWs";

/// Hashes and verifies passwords. A hash takes 19 MiB and tens of milliseconds
/// of CPU time, so at most one runs per CPU at a time.
#[derive(Clone, Debug)]
pub struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cpus = available_parallelism().map_or(1, Into::into);
        Self {
            running: Arc::new(Semaphore::new(cpus)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }
}

impl Passwords {
    /// Returns the hash of a password, as a PHC string.
    pub async fn hash(&self, password: SecretString) -> SecretString {
        let _permit = self.running.acquire().await;
        let hash = spawn_blocking(move || {
            let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
            hash.expect("the system has random numbers").to_string()
        });
        hash.await.expect("hashing does not panic").into()
    }

    /// Returns whether the password matches the hash; never if there is no hash.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        hash: Option<SecretString>,
    ) -> Result<bool, AppError> {
        let _place = self.waiting.try_acquire().map_err(|_| AppError::Busy)?;
        let _permit = self.running.acquire().await;
        let verified = spawn_blocking(move || {
            let known = hash
                .as_ref()
                .map_or(DUMMY_HASH, ExposeSecret::expose_secret);
            let Ok(known) = PasswordHash::new(known) else {
                return false;
            };
            let password = password.expose_secret().as_bytes();
            let matches = Argon2::default().verify_password(password, &known).is_ok();
            matches && hash.is_some()
        });
        Ok(verified.await.expect("verifying does not panic"))
    }
}

/// Returns a random password.
pub fn generate() -> SecretString {
    // Without characters that look alike.
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes = random::<20>();
    let letters = bytes.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    letters.iter().collect::<String>().into()
}

/// Returns random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

/// Returns a random session token.
pub(crate) fn token() -> SecretString {
    hex(&random::<32>()).into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_matches_its_hash() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".into()).await;

        for (password, matches) in [
            ("correct horse", true),
            ("correct hors", false),
            ("", false),
        ] {
            let verified = passwords.verify(password.into(), Some(hash.clone()));
            assert_eq!(verified.await.unwrap(), matches, "{password}");
        }
    }

    #[tokio::test]
    async fn user_without_a_password_cannot_log_in_by_password() {
        let passwords = Passwords::default();

        assert!(PasswordHash::new(DUMMY_HASH).is_ok());
        assert!(!passwords.verify("".into(), None).await.unwrap());
        assert!(
            !passwords
                .verify("x".into(), Some("not a hash".into()))
                .await
                .unwrap()
        );
    }

    #[test]
    fn generated_passwords_differ() {
        let (one, other) = (generate(), generate());

        assert_ne!(one.expose_secret(), other.expose_secret());
        assert!(one.expose_secret().len() >= MIN_LEN);
    }
}
