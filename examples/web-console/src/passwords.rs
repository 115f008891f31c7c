//! Passwords, hashed with argon2id and limited concurrency.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
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
/// of CPU time, so at most one runs per CPU at a time. Clones share the memory.
#[derive(Clone, Debug)]
pub struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    memory: Arc<Memory>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cpus = available_parallelism().map_or(1, Into::into);
        Self {
            running: Arc::new(Semaphore::new(cpus)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            memory: Arc::default(),
        }
    }
}

impl Passwords {
    /// Returns the hash of a password, as a PHC string.
    pub async fn hash(&self, password: SecretString) -> SecretString {
        let _permit = self.running.acquire().await;
        let memory = self.memory.clone();
        let hash = spawn_blocking(move || {
            let salt = Salt::new(&random::<16>()).expect("the length of the salt is valid");
            let (algorithm, version) = (Algorithm::Argon2id, Version::default());
            let argon2 = Argon2::new(algorithm, version, Params::default());
            let output = memory.hash(&argon2, &password, &salt, Params::DEFAULT_OUTPUT_LEN);
            let params = ParamsString::try_from(argon2.params());
            let hash = PasswordHash {
                algorithm: ARGON2ID_IDENT,
                version: Some(version.into()),
                params: params.expect("the default parameters are valid"),
                salt: Some(salt),
                hash: output,
            };
            hash.to_string()
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
        let memory = self.memory.clone();
        let verified = spawn_blocking(move || {
            let known = hash
                .as_ref()
                .map_or(DUMMY_HASH, ExposeSecret::expose_secret);
            memory.matches(&password, known).unwrap_or(false) && hash.is_some()
        });
        Ok(verified.await.expect("verifying does not panic"))
    }
}

/// The memory of hashes, which is reused: an allocator would keep the blocks of every thread.
#[derive(Default)]
struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    fn hash(
        &self,
        argon2: &Argon2<'_>,
        password: &SecretString,
        salt: &Salt,
        len: usize,
    ) -> Option<Output> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut blocks = lock().pop().unwrap_or_default();
        let needed = argon2.params().block_count();
        // Hashes of other programs may need more than ours.
        let is_usual = needed <= Params::default().block_count();
        if blocks.len() < needed {
            blocks.resize(needed, Block::default());
        }
        let mut buffer = [0; Output::MAX_LENGTH];
        let output = buffer.get_mut(..len)?;
        let password = password.expose_secret().as_bytes();
        let hashed = argon2.hash_password_into_with_memory(password, salt, output, &mut *blocks);
        if is_usual {
            lock().push(blocks);
        }
        hashed.ok()?;
        Output::new(output).ok()
    }

    /// Returns whether this is the hash of the password; `None` if it is malformed.
    fn matches(&self, password: &SecretString, hash: &str) -> Option<bool> {
        let known = PasswordHash::new(hash).ok()?;
        let (salt, expected) = (known.salt?, known.hash?);
        let algorithm = Algorithm::try_from(known.algorithm.as_str()).ok()?;
        let version = Version::try_from(known.version?).ok()?;
        let params = Params::try_from(&known).ok()?;
        let argon2 = Argon2::new(algorithm, version, params);
        let output = self.hash(&argon2, password, &salt, expected.len())?;
        // The comparison takes constant time.
        Some(output == expected)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory(…)")
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

/// Returns the bytes of [`hex`]; `None` if these are not hexadecimal digits.
pub(crate) fn unhex(digits: &str) -> Option<Vec<u8>> {
    let bytes = (0..digits.len()).step_by(2);
    bytes
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect()
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

        let dummy = passwords.memory.matches(&"".into(), DUMMY_HASH);
        assert_eq!(dummy, Some(false));
        assert!(!passwords.verify("".into(), None).await.unwrap());
        assert!(
            !passwords
                .verify("x".into(), Some("not a hash".into()))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn memory_of_hashes_is_reused() {
        let passwords = Passwords::default();
        let cpus = available_parallelism().unwrap().get();

        let mut hashes = tokio::task::JoinSet::new();
        for number in 0..4 * cpus {
            let passwords = passwords.clone();
            hashes.spawn(async move { passwords.hash(number.to_string().into()).await });
        }
        hashes.join_all().await;

        let memory = passwords.memory.0.lock().unwrap();
        assert!((1..=cpus).contains(&memory.len()));
    }

    #[tokio::test]
    async fn hash_of_another_program_is_verified_with_its_parameters() {
        let passwords = Passwords::default();
        // argon2-cffi: PasswordHasher(time_cost=1, memory_cost=32768).
        let hash = "$argon2id$v=19$m=32768,t=1,p=1$+VBkxrP9acEIkfUndCUWiA$\
                    +1vLTTlNsIu+cYlqyx2RpHlEImU1XrdOSwkVUhp/NBY";

        for (password, matches) in [("correct horse", true), ("wrong horse", false)] {
            let verified = passwords.verify(password.into(), Some(hash.into())).await;
            assert_eq!(verified.unwrap(), matches);
        }
        assert!(passwords.memory.0.lock().unwrap().is_empty());
    }

    #[test]
    fn generated_passwords_differ() {
        let (one, other) = (generate(), generate());

        assert_ne!(one.expose_secret(), other.expose_secret());
        assert!(one.expose_secret().len() >= MIN_LEN);
    }
}
