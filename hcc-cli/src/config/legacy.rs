//! The settings file of `server.py`, `~/.hcloud-console.conf`.

use std::fs;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::ZlibDecoder;
use secrecy::SecretString;
use serde::Deserialize;

use super::key::{Key, Values};
use crate::error::{CliError, Context, Exit, Result};

/// A token has 64 characters; larger output of the decompression is an attack.
const MAX_TOKEN_BYTES: u64 = 1024;

#[derive(Deserialize)]
struct Legacy {
    token: Option<String>,
    dc: Option<String>,
    typ: Option<String>,
    os: Option<String>,
    label: Option<String>,
    prefix: Option<String>,
    console: Option<String>,
    driver: Option<String>,
    mongo_db: Option<String>,
    mongo_data: Option<String>,
    mongo_cmd: Option<String>,
    mongo_queue: Option<String>,
    mongo_cap: Option<String>,
}

/// Reads the settings of `server.py`, and decodes the token.
pub(crate) fn read(path: &Path) -> Result<Values> {
    let text = fs::read_to_string(path).map_err(|cause| CliError::unreadable(path, cause))?;
    let legacy = serde_json::from_str(&text).map_err(|error| {
        let message = format!("not a settings file of server.py: {error}");
        CliError::malformed(path, error.line(), &message)
    })?;
    convert(legacy).context(|| format!("cannot import {}", path.display()))
}

fn convert(legacy: Legacy) -> Result<Values> {
    let token = legacy.token.as_deref().map(decode_token).transpose()?;
    let store = match legacy.driver.as_deref() {
        Some("mongo") => {
            let database = legacy.mongo_db.as_deref().unwrap_or("hetzner");
            Some(format!("mongodb://127.0.0.1:27017/{database}").into())
        }
        Some(other) => return Err(failed(format!("unknown database driver {other:?}"))),
        None => None,
    };
    let location = legacy.dc.map(|dc| hcc_core::location(&dc).to_owned());
    let plain = [
        (Key::Location, location),
        (Key::Type, legacy.typ),
        (Key::Image, legacy.os),
        (Key::Label, legacy.label),
        (Key::Prefix, legacy.prefix),
        (Key::Console, legacy.console),
        (Key::Records, legacy.mongo_data),
        (Key::Commands, legacy.mongo_cmd),
        (Key::Signals, legacy.mongo_queue),
        (Key::SignalBytes, legacy.mongo_cap),
    ]
    .into_iter()
    .map(|(key, value)| {
        let value = value.filter(|value| !value.is_empty());
        (key, value.map(SecretString::from))
    });
    let all = plain.chain([(Key::Token, token), (Key::Store, store)]);
    Ok(all.filter_map(|(key, value)| Some((key, value?))).collect())
}

/// Decodes `base64(zlib(token) XOR key) SPACE base64(key)`, which only hides the token from a
/// glance.
fn decode_token(encoded: &str) -> Result<SecretString> {
    let malformed = || failed("the token is not encoded as expected");
    let base64 = |text| BASE64.decode(text).map_err(|_| malformed());
    let (data, key) = encoded.split_once(' ').ok_or_else(malformed)?;
    let (data, key) = (base64(data)?, base64(key)?);
    if data.len() != key.len() {
        return Err(failed("the token and its key differ in length"));
    }

    let packed: Vec<u8> = data
        .iter()
        .zip(&key)
        .map(|(byte, key)| byte ^ key)
        .collect();
    let mut token = String::new();
    ZlibDecoder::new(packed.as_slice())
        .take(MAX_TOKEN_BYTES)
        .read_to_string(&mut token)
        .context(|| "cannot decompress the token")?;
    Ok(token.into())
}

fn failed(message: impl Into<String>) -> CliError {
    CliError::new(Exit::Failed, "", message)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const CONF: &str = r#"{"driver": "mongo", "token": "tJUYTHDYWPh2E/E1 zJQzZdHUWPjY/uw0",
        "dc": "fsn1-dc14", "typ": "cx22", "os": "ubuntu-24.04", "label": "managed",
        "prefix": "m-", "mongo_db": "hetzner", "mongo_data": "vms", "mongo_cmd": "cmd",
        "mongo_queue": "msg", "mongo_cap": "100000", "complete": "ok",
        "console": "https://example.org/vnc/l.html?"}"#;

    fn parsed(text: &str) -> Legacy {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn settings_of_server_py_are_converted() {
        let values = convert(parsed(CONF)).unwrap();

        for (key, value) in [
            (Key::Token, "t".repeat(64).as_str()),
            (Key::Location, "fsn1"),
            (Key::Type, "cx22"),
            (Key::Prefix, "m-"),
            (Key::Store, "mongodb://127.0.0.1:27017/hetzner"),
            (Key::SignalBytes, "100000"),
        ] {
            assert_eq!(values[&key].expose_secret(), value, "{key}");
        }
    }

    #[test]
    fn damaged_token_is_refused_without_printing_it() {
        let damaged = CONF.replace("tJUYTHDY", "AAAAAAAA");

        let error = format!("{:#}", convert(parsed(&damaged)).unwrap_err());

        assert!(error.contains("cannot decompress"), "{error}");
        assert!(!error.contains("AAAA"), "{error}");
    }
}
