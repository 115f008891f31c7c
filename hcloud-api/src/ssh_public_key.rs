//! Public SSH keys and their fingerprints.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use md5::{Digest, Md5};
use serde::{Deserialize, Deserializer, de};
use sha2::Sha256;

/// A public SSH key in the format of `authorized_keys` and of `*.pub` files.
///
/// Keys are equal if they are the same key, whatever their comments.
///
/// ```
/// # fn main() -> Result<(), hcloud_api::InvalidSshKey> {
/// use hcloud_api::SshPublicKey;
///
/// let key: SshPublicKey = "ssh-ed25519 \
///     AAAAC3NzaC1lZDI1NTE5AAAAIKlH8pQn2uHsqCVXBrtMgLhOa9nMm6vOPoIHpyrsSoN0 me@laptop".parse()?;
/// assert_eq!(key.algorithm(), "ssh-ed25519");
/// assert!(key.sha256().starts_with("SHA256:"));
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SshPublicKey {
    algorithm: String,
    /// The key in the wire format, which begins with the algorithm.
    blob: Vec<u8>,
}

/// Padding is optional.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The error for a string that has no public SSH key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public SSH key in the format of authorized_keys")]
pub struct InvalidSshKey;

impl SshPublicKey {
    /// Returns the algorithm, such as `ssh-ed25519`.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Returns the MD5 fingerprint as the API shows it, such as `b7:2f:…`.
    pub fn md5(&self) -> String {
        let digest = Md5::digest(&self.blob);
        let pairs = digest.iter().map(|byte| format!("{byte:02x}"));
        pairs.collect::<Vec<_>>().join(":")
    }

    /// Returns the SHA-256 fingerprint as `ssh-keygen -l` shows it, such as `SHA256:k3T…`.
    pub fn sha256(&self) -> String {
        let digest = Sha256::digest(&self.blob);
        format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest))
    }
}

impl FromStr for SshPublicKey {
    type Err = InvalidSshKey;

    /// Reads a line, which may begin with options and end with a comment.
    fn from_str(line: &str) -> Result<Self, InvalidSshKey> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut keys = words.windows(2).filter_map(|pair| {
            let blob = BASE64.decode(pair[1]).ok()?;
            let (length, rest) = blob.split_first_chunk()?;
            let name = rest.get(..u32::from_be_bytes(*length) as usize)?;
            let is_key = name == pair[0].as_bytes() && rest.len() > name.len();
            is_key.then(|| Self {
                algorithm: pair[0].to_owned(),
                blob,
            })
        });
        keys.next().ok_or(InvalidSshKey)
    }
}

/// The key without options and comment.
impl fmt::Display for SshPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = BASE64_STANDARD.encode(&self.blob);
        write!(f, "{} {encoded}", self.algorithm)
    }
}

impl fmt::Debug for SshPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SshPublicKey({self})")
    }
}

impl<'de> Deserialize<'de> for SshPublicKey {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let line = String::deserialize(input)?;
        line.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlH8pQn2uHsqCVXBrtMgLhOa9nMm6vOPoIHpyrsSoN0";

    #[test]
    fn fingerprints_are_those_of_ssh_keygen() {
        let key: SshPublicKey = ED25519.parse().unwrap();

        assert_eq!(key.md5(), "2c:99:b5:f5:48:11:8e:33:59:a8:59:2e:44:1f:9b:69");
        assert_eq!(
            key.sha256(),
            "SHA256:4zh5WZ/qBt0YgiGidpA3nHprfwhFdgCMIz/RZOsUpGM"
        );
    }

    #[test]
    fn options_and_comments_are_no_part_of_the_key() {
        let key: SshPublicKey = ED25519.parse().unwrap();
        let line = format!("no-pty,command=\"echo ssh-rsa AAAA\" {ED25519} me@laptop");

        assert_eq!(line.parse::<SshPublicKey>().unwrap(), key);
        assert_eq!(key.to_string(), ED25519);
    }

    #[test]
    fn other_text_is_not_a_key() {
        for text in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 me@laptop",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIKlH8pQn2uHsqCVXBrtMgLhOa9nMm6vOPoIHpyrsSoN0",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert_eq!(text.parse::<SshPublicKey>(), Err(InvalidSshKey), "{text}");
        }
    }
}
