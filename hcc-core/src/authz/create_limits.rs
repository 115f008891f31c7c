//! Limits of the permission to create servers.

use std::collections::BTreeSet;

use hcc_store::{Price, Record};
use serde::{Deserialize, Deserializer, Serialize};

use super::fields::Fields;
use super::{Denied, Permission, Permissions};
use crate::{PricedPlace, ServerName};

/// Limits of the servers that a user may create.
///
/// They count all recorded servers whose names the user may create, regardless of their creators: the
/// [grants](crate::Grant) for creation are the share of the project that the limits are about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CreateLimits {
    /// The server types that may be created; all if empty.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub types: BTreeSet<String>,
    /// The highest sum of the gross prices per month, in units of the project's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<u32>,
    /// The highest number of servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub servers: Option<usize>,
}

impl<'de> Deserialize<'de> for CreateLimits {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let mut fields = Fields::<D::Error>::read(input)?;
        let limits = Self {
            types: fields.take("types")?,
            monthly: fields.take("monthly")?,
            servers: fields.take("servers")?,
        };
        fields.end(limits, &["types", "monthly", "servers"])
    }
}

impl CreateLimits {
    /// Returns whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

impl Permissions {
    /// Returns the limits of the permission to create servers, if there are any.
    pub fn create_limits(&self) -> Option<&CreateLimits> {
        let limits = self.create.as_ref();
        limits.filter(|limits| !self.admin && !limits.is_unlimited())
    }

    /// Checks the limits for one more server of this type and gross price per month, given all
    /// records. A server that is recorded already is not counted twice.
    ///
    /// # Errors
    ///
    /// The limit that would be exceeded. A type or price that is unknown exceeds its limit.
    pub fn check_create(
        &self,
        server: &ServerName,
        server_type: Option<&str>,
        monthly: Option<f64>,
        records: &[Record],
    ) -> Result<(), Denied> {
        let Some(share) = self.share(server, records) else {
            return Ok(());
        };
        share.check_number()?;
        share.check_order(server_type, monthly)
    }

    /// Returns in which of these places the limits allow one more server, given all records, like
    /// [`check_create`](Self::check_create).
    ///
    /// # Errors
    ///
    /// The limit that would be exceeded in the first place, if there is no other one.
    pub fn allowed_places(
        &self,
        server: &ServerName,
        mut places: Vec<PricedPlace>,
        records: &[Record],
    ) -> Result<Vec<PricedPlace>, Denied> {
        let Some(share) = self.share(server, records) else {
            return Ok(places);
        };
        share.check_number()?;
        let mut denied = None;
        places.retain(|place| {
            let checked = share.check_order(Some(&place.server_type), place.monthly);
            let is_allowed = checked.is_ok();
            denied = denied.take().or(checked.err());
            is_allowed
        });
        match denied {
            Some(denied) if places.is_empty() => Err(denied),
            _ => Ok(places),
        }
    }

    /// Checks the limits for a server that is changed to this type and gross price per month, given
    /// all records. The number of servers does not matter.
    ///
    /// # Errors
    ///
    /// The limit that would be exceeded. A type or price that is unknown exceeds its limit.
    pub fn check_resize(
        &self,
        server: &ServerName,
        server_type: Option<&str>,
        monthly: Option<f64>,
        records: &[Record],
    ) -> Result<(), Denied> {
        let Some(share) = self.share(server, records) else {
            return Ok(());
        };
        share.check_order(server_type, monthly)
    }

    /// Checks the limit of snapshots for one more, given the number of those that exist.
    ///
    /// # Errors
    ///
    /// The limit would be exceeded.
    pub fn check_snapshot(&self, existing: usize) -> Result<(), Denied> {
        match self.snapshots {
            Some(max) if !self.admin && existing >= max => {
                let reason =
                    format!("at most {max} snapshots are allowed, and there are {existing}");
                Err(Denied::new(reason))
            }
            _ => Ok(()),
        }
    }

    /// Returns what counts for the limits in addition to a server; `None` if nothing is limited.
    fn share(&self, server: &ServerName, records: &[Record]) -> Option<Share<'_>> {
        let limits = self.create_limits()?;
        let is_counted = |record: &&Record| {
            record.name != server.as_str() && self.has(Permission::Create, &record.name, None)
        };
        let counted: Vec<_> = records.iter().filter(is_counted).collect();
        Some(Share {
            limits,
            servers: counted.len(),
            // The sum of nothing is -0.
            monthly: counted.into_iter().map(price).sum::<f64>() + 0.0,
        })
    }
}

/// What a user has of what is limited.
struct Share<'a> {
    limits: &'a CreateLimits,
    servers: usize,
    monthly: f64,
}

impl Share<'_> {
    fn check_number(&self) -> Result<(), Denied> {
        let have = self.servers;
        match self.limits.servers {
            Some(max) if have >= max => {
                let reason = format!("at most {max} servers are allowed, and there are {have}");
                Err(Denied::new(reason))
            }
            _ => Ok(()),
        }
    }

    fn check_order(&self, server_type: Option<&str>, monthly: Option<f64>) -> Result<(), Denied> {
        let limits = self.limits;
        if !limits.types.is_empty() {
            let types: Vec<_> = limits.types.iter().map(String::as_str).collect();
            let types = types.join(", ");
            match server_type {
                None => return Err(Denied::new(format!("choose one of the types {types}"))),
                Some(other) if !limits.types.contains(other) => {
                    let reason = format!("type {other} is not one of those allowed: {types}");
                    return Err(Denied::new(reason));
                }
                Some(_) => {}
            }
        }
        if let Some(max) = limits.monthly {
            let before = self.monthly;
            let unknown = || Denied::new("the price of the server is unknown");
            let after = before + monthly.filter(is_amount).ok_or_else(unknown)?;
            if after > f64::from(max) {
                let reason = format!(
                    "at most {max} a month are allowed, and it would be {after:.2} instead of \
                     {before:.2}"
                );
                return Err(Denied::new(reason));
            }
        }
        Ok(())
    }
}

/// The recorded price per month; the highest one if the location has none.
fn price(record: &Record) -> f64 {
    let price = record.r#type.as_ref().and_then(|it| it.price.as_ref());
    let price = price.map(|price| match price {
        Price::Here(price) | Price::Between([_, price]) => price.parse(),
    });
    price
        .and_then(Result::ok)
        .filter(is_amount)
        .unwrap_or_default()
}

/// Returns whether a price is known: other programs may record any number.
fn is_amount(price: &f64) -> bool {
    price.is_finite() && *price >= 0.0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn permissions(limits: Value) -> Permissions {
        let grant = json!({ "servers": "test-*", "may": ["create"] });
        serde_json::from_value(json!({ "grants": [grant], "create": limits })).unwrap()
    }

    fn record(name: &str, monthly: &str) -> Record {
        let mut record = Record::default();
        record.name = name.to_owned();
        let price = Some(Price::Here(monthly.to_owned()));
        record.r#type = Some(hcc_store::ServerType {
            price,
            ..hcc_store::ServerType::default()
        });
        record
    }

    /// The reason why another server of a type and price is denied.
    fn denied(limits: Value, server_type: Option<&str>, monthly: Option<f64>) -> String {
        let records = [
            record("test-1", "4.49"),
            record("test-2", "5.50"),
            record("web-1", "500.00"),
        ];
        let name = "test-3".parse().unwrap();
        let checked = permissions(limits).check_create(&name, server_type, monthly, &records);
        checked.map_or_else(|denied| denied.reason, |()| String::new())
    }

    #[test]
    fn resize_is_limited_by_type_and_price_but_not_by_the_number_of_servers() {
        let records = [record("test-1", "4.49"), record("test-2", "5.50")];
        let name = "test-1".parse().unwrap();
        for (limits, server_type, monthly, reason) in [
            (json!({ "servers": 1 }), "cx33", 9.0, ""),
            (json!({ "types": ["cx23"] }), "cx33", 9.0, "type cx33"),
            // Its own price before the change does not count.
            (json!({ "monthly": 15 }), "cx33", 9.0, ""),
            (json!({ "monthly": 14 }), "cx33", 9.0, "at most 14"),
        ] {
            let permissions = permissions(limits);
            let checked =
                permissions.check_resize(&name, Some(server_type), Some(monthly), &records);
            let denied = checked.map_or_else(|denied| denied.reason, |()| String::new());
            assert!(
                denied.starts_with(reason) && denied.is_empty() == reason.is_empty(),
                "{denied}"
            );
        }
    }

    #[test]
    fn snapshots_are_limited_by_their_number() {
        let limited: Permissions = serde_json::from_value(json!({ "snapshots": 2 })).unwrap();
        let denied = limited.check_snapshot(2).unwrap_err();

        assert_eq!(
            denied.reason,
            "at most 2 snapshots are allowed, and there are 2"
        );
        assert!(limited.check_snapshot(1).is_ok());
        assert!(Permissions::default().check_snapshot(1000).is_ok());
    }

    #[test]
    fn number_and_price_of_the_servers_in_the_share_are_limited() {
        let cx23 = Some("cx23");

        for allowed in [
            json!(null),
            json!({}),
            json!({ "servers": 3, "monthly": 15, "types": ["cx23", "cax11"] }),
        ] {
            assert_eq!(denied(allowed, cx23, Some(4.49)), "");
        }
        for (limits, reason) in [
            (
                json!({ "servers": 2 }),
                "at most 2 servers are allowed, and there are 2",
            ),
            (
                json!({ "monthly": 14 }),
                "at most 14 a month are allowed, and it would be 14.48 instead of 9.99",
            ),
            (
                json!({ "types": ["cax11"] }),
                "type cx23 is not one of those allowed: cax11",
            ),
        ] {
            assert_eq!(denied(limits, cx23, Some(4.49)), reason);
        }
    }

    #[test]
    fn unknown_types_and_prices_are_denied_if_limited() {
        assert_eq!(
            denied(json!({ "types": ["cx23"] }), None, Some(1.0)),
            "choose one of the types cx23"
        );
        assert_eq!(
            denied(json!({ "monthly": 100 }), Some("cx23"), None),
            "the price of the server is unknown"
        );
        assert_eq!(denied(json!({ "servers": 3 }), None, None), "");
    }

    #[test]
    fn prices_that_are_no_amounts_are_unknown() {
        let limited = permissions(json!({ "monthly": 10 }));
        let name = "test-3".parse().unwrap();
        for price in ["NaN", "-1000", "-inf", "inf", "1e999"] {
            let records = [record("test-1", "6.00"), record("test-2", price)];

            let check = |monthly| limited.check_create(&name, None, Some(monthly), &records);

            assert!(check(4.0).is_ok(), "{price}");
            let denied = check(4.49).unwrap_err().reason;
            assert!(denied.starts_with("at most 10"), "{price}: {denied}");
            let denied = check(price.parse().unwrap()).unwrap_err().reason;
            assert_eq!(denied, "the price of the server is unknown");
        }
    }

    #[test]
    fn server_that_is_recorded_already_is_not_counted_twice() {
        let limited = permissions(json!({ "servers": 1 }));
        let name = "test-1".parse().unwrap();

        let checked = limited.check_create(&name, None, None, &[record("test-1", "4.49")]);

        assert!(checked.is_ok());
    }

    #[test]
    fn admins_have_no_limits() {
        let mut admin = permissions(json!({ "servers": 0 }));
        admin.admin = true;

        let name = "test-3".parse().unwrap();
        assert!(admin.check_create(&name, None, None, &[]).is_ok());
    }

    #[test]
    fn documents_without_limits_are_stored_as_before() {
        let grants = Permissions::default();

        assert_eq!(
            json!(grants),
            json!({ "admin": false, "grants": [], "waiting": null })
        );
    }
}
