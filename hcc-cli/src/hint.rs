//! What to do next after an error of hcc-core.

use hcc_core::hcloud_api::{self, ErrorCode};
use hcc_core::{Error, ResourceKind, ScreenError};

/// Returns the hint for an error, if there is one clear next step.
pub(crate) fn of(error: &Error) -> Option<String> {
    Some(match error {
        Error::NotManaged { name, .. } => format!("to manage it: hcc settag {name}"),
        Error::NameTaken { name } => format!("to manage it: hcc settag {name}"),
        Error::NotOffered { kind, .. } => format!("to see what there is: hcc {}", list(*kind)?),
        Error::NoTypeAvailable { .. } => "to see what there is: hcc types".to_owned(),
        Error::CreateUnconfirmed { name, .. } => format!("safe to repeat: hcc create {name}"),
        Error::Unrecorded { name, .. } => format!("to record it: hcc sync {name}"),
        Error::Screen(ScreenError::Lost(_)) => "a server that is off has no screen".to_owned(),
        Error::Untypable(_) => "another keyboard may have them: --layout".to_owned(),
        Error::Api(error) => return of_api(error),
        _ => return None,
    })
}

/// The verb that lists resources of this kind.
fn list(kind: ResourceKind) -> Option<&'static str> {
    match kind {
        ResourceKind::ServerType => Some("types"),
        ResourceKind::Image => Some("images"),
        ResourceKind::Location => Some("locations"),
        _ => None,
    }
}

fn of_api(error: &hcloud_api::Error) -> Option<String> {
    let hint = match error.code()? {
        ErrorCode::Unauthorized => "to set another token: hcc setup",
        ErrorCode::TokenReadonly | ErrorCode::Forbidden => {
            "this needs a token that may read and write: hcc setup"
        }
        ErrorCode::ResourceUnavailable | ErrorCode::PlacementError => {
            "another location or type may do: hcc types"
        }
        ErrorCode::Locked => "another action holds it; try again when that is done",
        _ => return None,
    };
    Some(hint.to_owned())
}
