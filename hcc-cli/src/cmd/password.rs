//! `hcc password`: the root password of a server.

use hcc_core::ServerName;
use hcc_store::{NoPassword, Record};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;

use crate::config::Config;
use crate::error::{CliError, Exit, Result};
use crate::output::Output;

/// Print the root password that a server was created with
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc password web1")]
pub(crate) struct Password {
    /// Name of the server
    name: ServerName,
}

#[derive(Serialize)]
struct RootPassword<'a> {
    password: &'a str,
}

impl Password {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let store = config.store().await?;
        let record = store.get(self.name.as_str()).await?.ok_or_else(|| {
            let message = format!("no record of server {}", self.name);
            CliError::new(Exit::NotFound, "no_record", message)
        })?;
        let Some(password) = &record.pw else {
            let error = CliError::new(Exit::Failed, "no_password", self.reason(&record));
            return Err(error.hint(format!("run hcc passwd {} to set a new one", self.name)));
        };
        let password = password.expose_secret();
        out.result(password, &RootPassword { password })
    }

    /// Returns why there is no password.
    fn reason(&self, record: &Record) -> String {
        let name = &self.name;
        let kind = match record.extra.get("pw") {
            None => None,
            Some(Value::Object(_)) => Some("an object"),
            Some(Value::Array(_)) => Some("a list"),
            Some(Value::Number(_)) => Some("a number"),
            Some(Value::Bool(_)) => Some("true or false"),
            Some(_) => Some("of another type"),
        };
        if let Some(kind) = kind {
            return format!("the field pw in the record of server {name} is {kind}, not a string");
        }
        match record.nopw {
            Some(NoPassword::Keys) => {
                format!("server {name} was created with SSH keys, without a root password")
            }
            Some(NoPassword::Lost) => format!(
                "the root password of server {name} is unknown: the response to its creation was \
                 lost or had none"
            ),
            Some(NoPassword::Replaced) => {
                format!("the root password of server {name} was replaced, and is not recorded")
            }
            _ => format!("no root password of server {name} is recorded"),
        }
    }
}

#[cfg(test)]
mod tests {
    use hcc_store::Fields;
    use serde_json::json;

    use super::*;

    #[test]
    fn reason_names_what_is_wrong_with_the_record() {
        for (fields, reason) in [
            (
                json!({ "pw": 12345 }),
                "the field pw in the record of server web1 is a number, not a string",
            ),
            (
                json!({ "pw": { "a": 1 }, "nopw": "lost" }),
                "the field pw in the record of server web1 is an object, not a string",
            ),
            (
                json!({ "pw": ["secret"] }),
                "the field pw in the record of server web1 is a list, not a string",
            ),
            (
                json!({ "pw": false }),
                "the field pw in the record of server web1 is true or false, not a string",
            ),
            (
                json!({ "pw": null, "nopw": "keys" }),
                "server web1 was created with SSH keys, without a root password",
            ),
            (
                json!({ "nopw": "lost" }),
                "the root password of server web1 is unknown: the response to its creation was \
                 lost or had none",
            ),
            (
                json!({ "nopw": "replaced" }),
                "the root password of server web1 was replaced, and is not recorded",
            ),
            (json!({}), "no root password of server web1 is recorded"),
            (
                json!({ "nopw": 5 }),
                "no root password of server web1 is recorded",
            ),
        ] {
            let mut document = fields.clone();
            document["name"] = "web1".into();
            let record = Record::from_json(&document.to_string(), Fields::All);
            let password = Password {
                name: "web1".parse().unwrap(),
            };

            let actual = password.reason(&record.unwrap().unwrap());

            assert_eq!(actual, reason, "{fields}");
        }
    }
}
