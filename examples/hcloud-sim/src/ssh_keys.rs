//! SSH keys.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#ssh-keys>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Answer, Call, Reply};
use crate::errors::ApiError;
use crate::labels::{self, Labels};
use crate::paging::{Page, SortKeys};
use crate::state::Cloud;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct SshKey {
    pub(crate) id: u64,
    pub(crate) name: String,
    fingerprint: String,
    public_key: String,
    labels: Labels,
    created: Timestamp,
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

impl Cloud {
    fn ssh_key(&mut self, call: &Call) -> Result<&mut SshKey, ApiError> {
        let id = call.id("id")?;
        self.ssh_keys
            .get_mut(&id)
            .ok_or_else(|| ApiError::not_found("SSH key", id))
    }

    fn check_ssh_key_name(&self, name: &str) -> Result<(), ApiError> {
        if name.is_empty() {
            return Err(ApiError::invalid("name", "must not be empty"));
        }
        if self.ssh_keys.values().any(|key| key.name == name) {
            return Err(ApiError::not_unique(
                "name",
                "SSH key with the same name already exists",
            ));
        }
        Ok(())
    }
}

const SORT_KEYS: &SortKeys<SshKey> = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("name", |a, b| a.name.cmp(&b.name)),
];

pub(crate) fn list(cloud: &mut Cloud, call: &Call) -> Reply {
    let selector = call.selector()?;
    let found = cloud.ssh_keys.values().filter(|key| {
        call.allows("name", &key.name)
            && call.allows("fingerprint", &key.fingerprint)
            && selector.matches(&key.labels)
    });
    Answer::ok(&Page::of("ssh_keys", found, call, SORT_KEYS)?)
}

pub(crate) fn get(cloud: &mut Cloud, call: &Call) -> Reply {
    Answer::one("ssh_key", cloud.ssh_key(call)?)
}

pub(crate) fn create(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Create {
        name: String,
        public_key: String,
        #[serde(default)]
        labels: Labels,
    }
    let create: Create = call.body()?;
    labels::check(&create.labels)?;
    let fingerprint = fingerprint(&create.public_key)
        .ok_or_else(|| ApiError::invalid("public_key", "invalid SSH key"))?;
    cloud.check_ssh_key_name(&create.name)?;
    if cloud
        .ssh_keys
        .values()
        .any(|key| key.fingerprint == fingerprint)
    {
        let message = "SSH key with the same fingerprint already exists";
        return Err(ApiError::not_unique("public_key", message));
    }
    let key = SshKey {
        id: cloud.new_id(),
        name: create.name,
        fingerprint,
        public_key: create.public_key,
        labels: create.labels,
        created: cloud.now(),
    };
    cloud.ssh_keys.insert(key.id, key.clone());
    Answer::created(&json!({ "ssh_key": key }))
}

pub(crate) fn update(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Update {
        name: Option<String>,
        labels: Option<Labels>,
    }
    let update: Update = call.body()?;
    let present = cloud.ssh_key(call)?.name.clone();
    if let Some(new) = &update.labels {
        labels::check(new)?;
    }
    if let Some(name) = update.name.as_deref().filter(|name| *name != present) {
        cloud.check_ssh_key_name(name)?;
    }
    let key = cloud.ssh_key(call)?;
    key.name = update.name.unwrap_or(present);
    if let Some(labels) = update.labels {
        key.labels = labels;
    }
    Answer::one("ssh_key", key)
}

pub(crate) fn delete(cloud: &mut Cloud, call: &Call) -> Reply {
    let id = cloud.ssh_key(call)?.id;
    cloud.ssh_keys.remove(&id);
    Answer::no_content()
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
