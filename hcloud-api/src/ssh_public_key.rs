//! Public SSH keys and their fingerprints.

use std::fmt::{self, Write};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

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
        let digest = digest::md5(&self.blob);
        let pairs = digest.iter().map(|byte| format!("{byte:02x}"));
        pairs.collect::<Vec<_>>().join(":")
    }

    /// Returns the SHA-256 fingerprint as `ssh-keygen -l` shows it, such as `SHA256:k3T…`.
    pub fn sha256(&self) -> String {
        format!("SHA256:{}", base64::encode(&digest::sha256(&self.blob)))
    }
}

impl FromStr for SshPublicKey {
    type Err = InvalidSshKey;

    /// Reads a line, which may begin with options and end with a comment.
    fn from_str(line: &str) -> Result<Self, InvalidSshKey> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut keys = words.windows(2).filter_map(|pair| {
            let blob = base64::decode(pair[1])?;
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
        f.write_str(&self.algorithm)?;
        f.write_char(' ')?;
        let encoded = base64::encode(&self.blob);
        f.write_str(&encoded)?;
        let padding = (4 - encoded.len() % 4) % 4;
        f.write_str(&"==="[..padding])
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

/// Base64 as in RFC 4648, without padding.
mod base64 {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    pub(super) fn encode(bytes: &[u8]) -> String {
        let digits = bytes.chunks(3).flat_map(|chunk| {
            let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            let digit = move |nth: usize| DIGITS[(bits >> (18 - 6 * nth)) as usize % 64];
            (0..=chunk.len()).map(move |nth| char::from(digit(nth)))
        });
        digits.collect()
    }

    /// Padding is optional.
    pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
        let (mut bits, mut count) = (0_u32, 0);
        for digit in text.trim_end_matches('=').bytes() {
            let value = DIGITS.iter().position(|known| *known == digit)?;
            bits = bits << 6 | value as u32;
            count += 6;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
                bits &= (1 << count) - 1;
            }
        }
        (bits == 0).then_some(bytes)
    }
}

/// The digests of fingerprints, which do not justify dependencies: each is used for a few hundred
/// bytes that are public.
mod digest {
    /// Pads a message to blocks of 64 bytes, which end with its length in bits.
    fn padded(message: &[u8], length: [u8; 8]) -> Vec<u8> {
        let mut padded = message.to_vec();
        padded.push(0x80);
        padded.resize(padded.len().next_multiple_of(64), 0);
        if message.len() % 64 >= 56 {
            padded.resize(padded.len() + 64, 0);
        }
        let end = padded.len() - 8;
        padded[end..].copy_from_slice(&length);
        padded
    }

    fn bits(message: &[u8]) -> u64 {
        message.len() as u64 * 8
    }

    /// MD5 as in RFC 1321.
    pub(super) fn md5(message: &[u8]) -> Vec<u8> {
        const SHIFTS: [[u32; 4]; 4] = [
            [7, 12, 17, 22],
            [5, 9, 14, 20],
            [4, 11, 16, 23],
            [6, 10, 15, 21],
        ];
        let sine = |step: usize| (((step + 1) as f64).sin().abs() * 2_f64.powi(32)) as u32;

        let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        for block in padded(message, bits(message).to_le_bytes()).chunks_exact(64) {
            let word = |at: usize| {
                u32::from_le_bytes([
                    block[4 * at],
                    block[4 * at + 1],
                    block[4 * at + 2],
                    block[4 * at + 3],
                ])
            };
            let [mut a, mut b, mut c, mut d] = state;
            for step in 0..64 {
                let (mixed, at) = match step / 16 {
                    0 => (b & c | !b & d, step),
                    1 => (d & b | !d & c, 5 * step + 1),
                    2 => (b ^ c ^ d, 3 * step + 5),
                    _ => (c ^ (b | !d), 7 * step),
                };
                let sum = a
                    .wrapping_add(mixed)
                    .wrapping_add(sine(step))
                    .wrapping_add(word(at % 16));
                let turned = sum.rotate_left(SHIFTS[step / 16][step % 4]);
                (a, b, c, d) = (d, b.wrapping_add(turned), b, c);
            }
            for (sum, part) in state.iter_mut().zip([a, b, c, d]) {
                *sum = sum.wrapping_add(part);
            }
        }
        state.iter().flat_map(|part| part.to_le_bytes()).collect()
    }

    /// SHA-256 as in FIPS 180-4.
    pub(super) fn sha256(message: &[u8]) -> Vec<u8> {
        let is_prime = |number: &u32| (2..*number).all(|divisor| number % divisor != 0);
        let primes: Vec<f64> = (2..).filter(is_prime).take(64).map(f64::from).collect();
        let fraction = |root: f64| (root.fract() * 2_f64.powi(32)) as u32;
        let constants: Vec<u32> = primes.iter().map(|prime| fraction(prime.cbrt())).collect();

        let mut state: Vec<u32> = primes[..8]
            .iter()
            .map(|prime| fraction(prime.sqrt()))
            .collect();
        for block in padded(message, bits(message).to_be_bytes()).chunks_exact(64) {
            let mut words: Vec<u32> = block
                .chunks_exact(4)
                .map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
                .collect();
            for at in 16..64 {
                let (far, near) = (words[at - 15], words[at - 2]);
                let far = far.rotate_right(7) ^ far.rotate_right(18) ^ far >> 3;
                let near = near.rotate_right(17) ^ near.rotate_right(19) ^ near >> 10;
                let sum = words[at - 16].wrapping_add(far).wrapping_add(words[at - 7]);
                words.push(sum.wrapping_add(near));
            }
            let mut now = state.clone();
            for (word, constant) in words.iter().zip(&constants) {
                let (a, e) = (now[0], now[4]);
                let choice = e & now[5] ^ !e & now[6];
                let majority = a & now[1] ^ a & now[2] ^ now[1] & now[2];
                let first = now[7]
                    .wrapping_add(e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25))
                    .wrapping_add(choice)
                    .wrapping_add(*constant)
                    .wrapping_add(*word);
                let second = (a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22))
                    .wrapping_add(majority);
                now.rotate_right(1);
                now[0] = first.wrapping_add(second);
                now[4] = now[4].wrapping_add(first);
            }
            for (sum, part) in state.iter_mut().zip(now) {
                *sum = sum.wrapping_add(part);
            }
        }
        state.iter().flat_map(|part| part.to_be_bytes()).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn hex(digest: &[u8]) -> String {
            digest.iter().map(|byte| format!("{byte:02x}")).collect()
        }

        #[test]
        fn digests_are_those_of_the_standards() {
            let long = "1234567890".repeat(8);
            for (message, md5_hex, sha256_hex) in [
                (
                    "",
                    "d41d8cd98f00b204e9800998ecf8427e",
                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                ),
                (
                    "a",
                    "0cc175b9c0f1b6a831c399e269772661",
                    "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
                ),
                (
                    "abc",
                    "900150983cd24fb0d6963f7d28e17f72",
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                ),
                (
                    "message digest",
                    "f96b697d7cb7938d525a2f31aaf161d0",
                    "f7846f55cf23e14eebeab5b4e1550cad5b509e3348fbc4efa3a1413d393cb650",
                ),
                (
                    &*long,
                    "57edf4a22be3c955ac49da2e2107b67a",
                    "f371bc4a311f2b009eef952dd83ca80e2b60026c8e935592d0f9c308453c813e",
                ),
            ] {
                assert_eq!(hex(&md5(message.as_bytes())), md5_hex, "{message}");
                assert_eq!(hex(&sha256(message.as_bytes())), sha256_hex, "{message}");
            }
        }

        #[test]
        fn messages_of_all_lengths_are_padded() {
            let messages = (0..200).map(|length| "x".repeat(length));
            let (mut of_md5, mut of_sha256) = (Vec::new(), Vec::new());
            for message in messages {
                of_md5.extend(md5(message.as_bytes()));
                of_sha256.extend(sha256(message.as_bytes()));
            }

            assert_eq!(hex(&md5(&of_md5)), "236291006a2f1dc7b00bd978802ff8c6");
            assert_eq!(
                hex(&sha256(&of_sha256)),
                "f5e61141898898cdabae3590cb32e1901b40bdc59952302926213a44c105c129"
            );
        }
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
