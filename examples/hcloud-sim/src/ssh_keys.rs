//! SSH keys.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#ssh-keys>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Answer, Call, Operation, Reply};
use crate::errors::ApiError;
use crate::resources::{self, Kind, Protection, Resources};
use crate::state::Cloud;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SshKey {
    fingerprint: String,
    public_key: String,
}

/// Returns the MD5 fingerprint of a public key in OpenSSH format; `None` if the key is invalid.
fn fingerprint(public_key: &str) -> Option<String> {
    let mut words = public_key.split_whitespace();
    let (kind, key) = (words.next()?, STANDARD.decode(words.next()?).ok()?);
    let (length, rest) = key.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if rest.get(..length)? != kind.as_bytes() {
        return None;
    }
    let bytes: Vec<_> = Md5::digest(&key)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Some(bytes.join(":"))
}

impl Kind for SshKey {
    const ONE: &'static str = "ssh_key";
    const MANY: &'static str = "ssh_keys";
    const PROTECTION: Option<Protection> = None;
    const ACTIONS: &'static [(&'static str, Operation)] = &[];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.ssh_keys
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.ssh_keys
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        #[derive(Deserialize)]
        struct Create {
            public_key: String,
        }
        let Create { public_key } = call.body()?;
        let fingerprint = fingerprint(&public_key)
            .ok_or_else(|| ApiError::invalid("public_key", "invalid SSH key"))?;
        resources::check_new::<Self>(cloud, call)?;
        if cloud
            .ssh_keys
            .values()
            .any(|key| key.own.fingerprint == fingerprint)
        {
            let message = "SSH key with the same fingerprint already exists";
            return Err(ApiError::not_unique("public_key", message));
        }
        let own = Self {
            fingerprint,
            public_key,
        };
        let id = resources::insert(cloud, call, own)?;
        Answer::created(&json!({ "ssh_key": resources::view::<Self>(cloud, id) }))
    }

    fn filter(call: &Call) -> impl Fn(&Self) -> bool {
        let fingerprints = call.allowed("fingerprint");
        move |it| fingerprints.contain(&it.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_is_the_one_that_openssh_shows() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@example.org";

        assert_eq!(
            fingerprint(key).unwrap(),
            "0f:a2:0a:d7:38:3e:65:45:08:6b:63:84:1c:ff:dc:ba"
        );
    }

    #[test]
    fn invalid_key_has_no_fingerprint() {
        for text in [
            "",
            "ssh-rsa",
            "ssh-rsa ???",
            "ssh-rsa AAAA",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAAB",
        ] {
            assert_eq!(fingerprint(text), None, "{text}");
        }
    }
}
