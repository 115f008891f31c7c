//! `protect unprotect`: protection from deletion and rebuilds.

use serde::{Deserialize, Serialize};

use crate::Permission;
use crate::description::{Description, Form};

/// Protects a server from deletion and rebuilds. Safe to repeat.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Protect {}

/// Removes the protection from deletion and rebuilds. Safe to repeat.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Unprotect {}

impl Protect {
    pub(super) const DESCRIPTION: Description = Description::new(
        "protect",
        &[Form::new(
            "Protect a server from deletion and rebuilds",
            Permission::Kill,
        )],
    );
}

impl Unprotect {
    pub(super) const DESCRIPTION: Description = Description::new(
        "unprotect",
        &[Form::new(
            "Remove the protection of a server from deletion and rebuilds",
            Permission::Kill,
        )],
    );
}

#[cfg(feature = "worker")]
mod meaning {
    use hcloud_api::ChangeServerProtection;
    use serde_json::Value;

    use super::{Protect, Unprotect};
    use crate::Result;
    use crate::operation::{Executed, Execution};

    impl Protect {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            set_protection(on, true).await
        }
    }

    impl Unprotect {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            set_protection(on, false).await
        }
    }

    async fn set_protection(on: &Execution<'_>, is_protected: bool) -> Result<Executed> {
        let protection = on.server.protection;
        let is_set = |value: &Value| {
            let fields = ["delete", "rebuild"].into_iter();
            fields
                .map(|it| value.get(it))
                .all(|it| it == Some(&Value::Bool(is_protected)))
        };
        if (protection.delete, protection.rebuild) == (is_protected, is_protected)
            && on.shows("protection", is_set).await?
        {
            return Ok(Executed::noted(if is_protected {
                "the server was already protected"
            } else {
                "the server was not protected"
            }));
        }
        let change = ChangeServerProtection {
            delete: Some(is_protected),
            rebuild: Some(is_protected),
        };
        let servers = on.project.api.servers();
        Ok(servers
            .change_protection(on.server.id, &change)
            .await?
            .into())
    }
}
