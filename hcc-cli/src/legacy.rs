//! The settings file of `server.py`, `~/.hcloud-console.conf`.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::ZlibDecoder;
use secrecy::SecretString;
use serde::Deserialize;

use crate::config::{Key, Values};
use crate::problem::Problem;

/// A token is 64 characters; nothing that unpacks to more than this is one.
const TOKEN_LIMIT: u64 = 1024;

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

/// Reads the settings of `server.py`, unscrambling the token.
pub(crate) fn read(path: &Path) -> Result<Values> {
    let text = fs::read_to_string(path).map_err(|cause| Problem::Unreadable {
        path: path.to_owned(),
        cause,
    })?;
    let legacy = serde_json::from_str(&text).map_err(|error| Problem::Malformed {
        path: path.to_owned(),
        line: error.line(),
        message: format!("no settings file of server.py: {error}"),
    })?;
    convert(legacy).with_context(|| format!("take over {}", path.display()))
}

fn convert(legacy: Legacy) -> Result<Values> {
    let token = legacy.token.as_deref().map(unscramble).transpose()?;
    let store = match legacy.driver.as_deref() {
        Some("mongo") => {
            let database = legacy.mongo_db.as_deref().unwrap_or("hetzner");
            Some(format!("mongodb://127.0.0.1:27017/{database}").into())
        }
        Some(other) => bail!("the database driver {other:?} is not known"),
        None => None,
    };
    let plain = [
        (
            Key::Location,
            legacy.dc.map(|dc| hcc_core::location(&dc).to_owned()),
        ),
        (Key::Type, legacy.typ),
        (Key::Image, legacy.os),
        (Key::Label, legacy.label),
        (Key::Prefix, legacy.prefix),
        (Key::Console, legacy.console),
        (Key::Records, legacy.mongo_data),
        (Key::Commands, legacy.mongo_cmd),
        (Key::Signals, legacy.mongo_queue),
        (Key::SignalBytes, legacy.mongo_cap),
    ];
    let plain = plain
        .into_iter()
        .filter_map(|(key, text)| Some((key, text?)))
        .filter(|(_, text)| !text.is_empty())
        .map(|(key, text)| (key, text.into()));
    let secret = [(Key::Token, token), (Key::Store, store)];
    let secret = secret
        .into_iter()
        .filter_map(|(key, text)| Some((key, text?)));
    Ok(plain.chain(secret).collect())
}

/// `base64(zlib(token) XOR key) SPACE base64(key)`: hides the token from a
/// glance, protects it from nobody.
fn unscramble(scrambled: &str) -> Result<SecretString> {
    let (data, key) = scrambled
        .split_once(' ')
        .context("the token is not scrambled as expected")?;
    let (data, key) = (BASE64.decode(data)?, BASE64.decode(key)?);
    ensure!(
        data.len() == key.len(),
        "the token and its key differ in length"
    );

    let packed: Vec<u8> = data
        .iter()
        .zip(&key)
        .map(|(byte, key)| byte ^ key)
        .collect();
    let mut token = String::new();
    ZlibDecoder::new(packed.as_slice())
        .take(TOKEN_LIMIT)
        .read_to_string(&mut token)
        .context("the token does not unpack")?;
    Ok(token.into())
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
    fn settings_of_the_original_are_carried_over() {
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
    fn damaged_token_is_refused_without_showing_it() {
        let damaged = CONF.replace("tJUYTHDY", "AAAAAAAA");

        let error = format!("{:#}", convert(parsed(&damaged)).unwrap_err());

        assert!(error.contains("does not unpack"), "{error}");
        assert!(!error.contains("AAAA"), "{error}");
    }
}
