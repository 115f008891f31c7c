//! Passwords: hashed with argon2id, a few at a time.

use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::refusal::Refusal;

/// How many may wait for their turn; each holds a connection.
const QUEUE: usize = 256;

/// More takes longer to hash than anybody wants to type.
pub(crate) const LONGEST: usize = 1024;

/// What people choose should not be guessed soon.
pub(crate) const SHORTEST: usize = 10;

/// Is no password's, and takes as long to compare as any.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEhIQ$\
                      bm9ib2R5J3MgaGFzaCwgd2hpY2ggbm8gd29yZCBtYWs";

/// Hashes passwords and compares them with hashes. One hash takes 19 MiB and
/// tens of milliseconds of a processor, so there are never more at once than
/// processors, however many people log in.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let turns = available_parallelism().map_or(1, Into::into);
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            queue: Arc::new(Semaphore::new(QUEUE)),
        }
    }
}

impl Passwords {
    /// The hash of a password, in the text form of PHC.
    pub async fn hash(&self, password: SecretString) -> SecretString {
        let _turn = self.turns.acquire().await;
        let hash = spawn_blocking(move || {
            let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
            hash.expect("the system has random numbers").to_string()
        });
        hash.await.expect("hashing does not panic").into()
    }

    /// Whether it is the password of this hash; that of no hash never is.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        hash: Option<SecretString>,
    ) -> Result<bool, Refusal> {
        let _place = self.queue.try_acquire().map_err(|_| Refusal::Busy)?;
        let _turn = self.turns.acquire().await;
        let verified = spawn_blocking(move || {
            let known = hash.as_ref().map_or(NOBODY, ExposeSecret::expose_secret);
            let Ok(known) = PasswordHash::new(known) else {
                return false;
            };
            let password = password.expose_secret().as_bytes();
            let same = Argon2::default().verify_password(password, &known).is_ok();
            same && hash.is_some()
        });
        Ok(verified.await.expect("comparing does not panic"))
    }
}

/// A password that nobody guesses.
pub fn generate() -> SecretString {
    // No letters that look like others.
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes = random::<20>();
    let letters = bytes.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    letters.iter().collect::<String>().into()
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

/// Random bytes as text, for a token.
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
    async fn only_the_password_itself_fits_its_hash() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".into()).await;

        for (password, fits) in [
            ("correct horse", true),
            ("correct hors", false),
            ("", false),
        ] {
            let verified = passwords.verify(password.into(), Some(hash.clone()));
            assert_eq!(verified.await.unwrap(), fits, "{password}");
        }
    }

    #[tokio::test]
    async fn who_has_no_password_cannot_give_one() {
        let passwords = Passwords::default();

        assert!(PasswordHash::new(NOBODY).is_ok());
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
        assert!(one.expose_secret().len() >= SHORTEST);
    }
}
