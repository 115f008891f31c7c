//! What to do next after an error of hcc-core.

use hcc_core::hcloud_api::{self, ErrorCode};
use hcc_core::{Error, ResourceKind, ScreenError};

/// Returns the hint for an error, if there is one clear next step.
pub(crate) fn of(error: &Error) -> Option<String> {
    Some(match error {
        Error::NotManaged { name, .. } => format!("run hcc settag {name} to manage it"),
        Error::NameTaken { name } => format!("run hcc settag {name} to manage it"),
        Error::BeingDeleted { .. } => {
            "try again when it is gone; --wait=TIME waits longer".to_owned()
        }
        Error::Differs { name, .. } => {
            format!("leave out what differs to keep it, or run hcc kill {name} first")
        }
        Error::NotRunning { name, status } if status == "off" => {
            format!("run hcc start {name} to start it")
        }
        Error::NotOffered { kind, .. } => {
            format!("run hcc {} to list what is available", list(*kind)?)
        }
        Error::NoTypeAvailable { .. } => "run hcc types to list what is available".to_owned(),
        Error::CreateUnconfirmed { name, .. } => {
            format!("run hcc create {name} again; it is safe to repeat")
        }
        Error::Unrecorded { name, .. } => format!("run hcc sync {name} to record it"),
        Error::Screen(ScreenError::Lost(_)) => "a server that is off has no screen".to_owned(),
        Error::Untypable(_) => "pass --layout for another keyboard layout".to_owned(),
        Error::CommandFailed(failure) => return failure.hint.clone(),
        Error::CommandRemoved { .. } => "push it again if it is still needed".to_owned(),
        Error::OutcomeUnknown { .. } => {
            "check the server before you push the command again".to_owned()
        }
        Error::StillQueued {
            no_worker: true, ..
        } => "run hcc worker to carry out commands".to_owned(),
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
        ErrorCode::Unauthorized => "run hcc setup to set another token",
        ErrorCode::TokenReadonly | ErrorCode::Forbidden => {
            "run hcc setup to set a token with read and write permission"
        }
        ErrorCode::ResourceUnavailable | ErrorCode::PlacementError => {
            "try another location or type; hcc types lists them"
        }
        ErrorCode::Locked => "another action is running; try again when it has ended",
        _ => return None,
    };
    Some(hint.to_owned())
}
