//! What the Hetzner API said about an error.

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// What the Hetzner API said about an error, for records, events and programs.
///
/// Secrets of the request that the API quoted are redacted.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ApiReason {
    /// The error code, such as `invalid_input`; `None` if the response was not that of the API.
    pub code: Option<String>,
    /// The message.
    pub message: Option<String>,
    /// The fields of the request that are invalid or taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<InvalidField>,
    /// The limits of the account that were reached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// All details, each as a line for people: `labels: value exceeds 63 characters`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// Hetzner's id of the response, for support requests.
    pub correlation_id: Option<String>,
}

/// A field of a request that the Hetzner API does not accept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct InvalidField {
    /// The name of the field in the request.
    pub name: String,
    /// Why it is invalid.
    pub messages: Vec<String>,
}

#[cfg(feature = "worker")]
impl ApiReason {
    /// Returns what the API said, if it said anything.
    pub(crate) fn of(error: &hcloud_api::Error) -> Option<Self> {
        let correlation_id = error.correlation_id().map(str::to_owned);
        let Some(refusal) = error.api() else {
            return correlation_id.is_some().then(|| Self {
                correlation_id,
                ..Self::default()
            });
        };
        let details = &refusal.details;
        let fields = details.fields.iter().map(|field| InvalidField {
            name: field.name.clone(),
            messages: field.messages.clone(),
        });
        Some(Self {
            code: Some(refusal.code.as_str().to_owned()),
            message: Some(refusal.message.clone()).filter(|message| !message.is_empty()),
            fields: fields.collect(),
            limits: details
                .limits
                .iter()
                .map(|limit| limit.name.clone())
                .collect(),
            lines: details.lines().collect(),
            correlation_id,
        })
    }
}
