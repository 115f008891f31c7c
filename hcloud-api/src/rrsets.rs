//! Record sets of DNS zones: all records of one name and type.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#zone-rrsets>

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_with::{DeserializeFromStr, SerializeDisplay, apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::number::Integer;
use crate::request::{Request, segment};
use crate::{
    Action, Client, LabelSelector, Labels, Listing, Patch, Resource, Result, Sort, ZoneId,
};

/// The record sets of one primary zone; returned by [`Zones::rrsets`](crate::Zones::rrsets).
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::{AddRecords, Record, RrsetId, RrsetType};
///
/// let rrsets = client.zones().rrsets("example.com");
/// let www = RrsetId::new("www", RrsetType::A);
/// rrsets.set_records(&www, &[Record::new("203.0.113.7")]).await?;
///
/// let spf = AddRecords::new([Record::txt("v=spf1 mx -all")]);
/// rrsets.add_records(&RrsetId::apex(RrsetType::Txt), &spf).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ErrorCode::IncorrectZoneMode`](crate::ErrorCode::IncorrectZoneMode) for a secondary zone.
#[derive(Clone, Debug)]
pub struct Rrsets<'a>(pub(crate) &'a Client, pub(crate) String);

impl Rrsets<'_> {
    /// Lists the record sets that match `filter`.
    pub fn list(&self, filter: &ListRrsets) -> Listing<Rrset> {
        self.0.get(&self.1).query(filter).list()
    }

    /// Finds a record set; `None` if the zone has no records of this name and type.
    pub async fn find(&self, id: &RrsetId) -> Result<Option<Rrset>> {
        let filter = ListRrsets {
            name: Some(id.name.clone()),
            kind: vec![id.kind.clone()],
            ..ListRrsets::default()
        };
        self.list(&filter).first().await
    }

    /// Gets one record set.
    pub async fn get(&self, id: &RrsetId) -> Result<Rrset> {
        self.0.get(self.path(id)).one().await
    }

    /// Gets one record set, or `None` if it does not exist.
    pub async fn try_get(&self, id: &RrsetId) -> Result<Option<Rrset>> {
        found(self.get(id).await)
    }

    /// Creates a record set.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if there is one of this
    /// name and type; see [`add_records`](Self::add_records).
    pub async fn create(&self, rrset: &CreateRrset) -> Result<RrsetCreated> {
        self.0.post(&self.1).json(rrset).whole().await
    }

    /// Replaces the labels of a record set.
    pub async fn update(&self, id: &RrsetId, change: &UpdateRrset) -> Result<Rrset> {
        self.0.put(self.path(id)).json(change).one().await
    }

    /// Deletes a record set with all its records.
    pub async fn delete(&self, id: &RrsetId) -> Result<Option<Action>> {
        self.0.delete(self.path(id)).optional().await
    }

    /// Replaces all records of a record set, at most 50, in any order.
    pub async fn set_records(&self, id: &RrsetId, records: &[Record]) -> Result<Action> {
        self.act(id, "set_records")
            .json(&Records { records })
            .one()
            .await
    }

    /// Adds records to a record set, which is created if it does not exist.
    pub async fn add_records(&self, id: &RrsetId, add: &AddRecords) -> Result<Action> {
        self.act(id, "add_records").json(add).one().await
    }

    /// Removes the records with these values; a record set that becomes empty is deleted.
    pub async fn remove_records(&self, id: &RrsetId, records: &[Record]) -> Result<Action> {
        self.act(id, "remove_records")
            .json(&Records { records })
            .one()
            .await
    }

    /// Changes the comments of the records with these values.
    pub async fn update_records(&self, id: &RrsetId, records: &[UpdateRecord]) -> Result<Action> {
        self.act(id, "update_records")
            .json(&Records { records })
            .one()
            .await
    }

    /// Changes the TTL of a record set, in seconds; `None` uses the zone's TTL.
    pub async fn change_ttl(&self, id: &RrsetId, ttl: Option<u32>) -> Result<Action> {
        self.act(id, "change_ttl")
            .json(&ChangeTtl { ttl })
            .one()
            .await
    }

    /// Changes the protection of a record set.
    pub async fn change_protection(
        &self,
        id: &RrsetId,
        change: &ChangeRrsetProtection,
    ) -> Result<Action> {
        self.act(id, "change_protection").json(change).one().await
    }

    fn path(&self, id: &RrsetId) -> String {
        format!("{}/{}/{}", self.1, segment(&id.name), segment(&id.kind))
    }

    fn act(&self, id: &RrsetId, command: &str) -> Request {
        self.0.post(format!("{}/actions/{command}", self.path(id)))
    }
}

/// The id of a record set in its zone, such as `www/A`, `@/MX`, `*/CNAME`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeserializeFromStr, SerializeDisplay,
)]
pub struct RrsetId {
    /// The name relative to the zone; `@` for the zone itself.
    pub name: String,
    /// The type of the records.
    pub kind: RrsetType,
}

impl RrsetId {
    /// Creates an id from a name relative to the zone, such as `www` or `*.dev`, and a type.
    pub fn new(name: impl Into<String>, kind: impl Into<RrsetType>) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
        }
    }

    /// Creates the id of the zone's own records of this type.
    pub fn apex(kind: impl Into<RrsetType>) -> Self {
        Self::new("@", kind)
    }
}

impl fmt::Display for RrsetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.kind)
    }
}

/// The error for a string that is not of the form `name/type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record set is named by its name and type, as in www/A")]
pub struct InvalidRrsetId;

impl FromStr for RrsetId {
    type Err = InvalidRrsetId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        // Names in reverse zones may contain a slash, types never do.
        let (name, kind) = id.rsplit_once('/').ok_or(InvalidRrsetId)?;
        Ok(Self::new(name, kind))
    }
}

/// A filter for record sets. Empty lists match all.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListRrsets {
    /// Only those with exactly this name.
    pub name: Option<String>,
    /// Only those of one of these types.
    #[serde(rename = "type")]
    pub kind: Vec<RrsetType>,
    /// Only those with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<RrsetSort>>,
}

open_enum! {
    /// The sort keys of record sets.
    pub enum RrsetSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

open_enum! {
    /// The type of a record.
    pub enum RrsetType {
        /// An IPv4 address.
        A = "A",
        /// An IPv6 address.
        Aaaa = "AAAA",
        /// The authorities that may issue certificates.
        Caa = "CAA",
        /// An alias of another name.
        Cname = "CNAME",
        /// The key of a signed subzone.
        Ds = "DS",
        /// The hardware and operating system.
        Hinfo = "HINFO",
        /// The parameters of an HTTPS service.
        Https = "HTTPS",
        /// A mail server.
        Mx = "MX",
        /// A name server.
        Ns = "NS",
        /// The name of an address.
        Ptr = "PTR",
        /// The responsible person.
        Rp = "RP",
        /// The start of authority; maintained by the API.
        Soa = "SOA",
        /// The host and port of a service.
        Srv = "SRV",
        /// The parameters of a service.
        Svcb = "SVCB",
        /// The certificate of a service.
        Tlsa = "TLSA",
        /// A text; see [`Record::txt`].
        Txt = "TXT",
    }
}

/// A record set: all records of one name and type.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Rrset {
    /// The record set's id.
    #[serde_with(skip_apply)]
    pub id: RrsetId,
    /// The name relative to the zone; `@` for the zone itself.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The type of the records.
    #[serde(rename = "type")]
    pub kind: RrsetType,
    /// The TTL in seconds; `None` for the zone's TTL.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub ttl: Option<u32>,
    /// The records, in no particular order.
    pub records: Vec<Record>,
    /// The operations that it is protected against.
    pub protection: RrsetProtection,
    /// The labels.
    pub labels: Labels,
    /// The zone.
    #[serde_with(skip_apply)]
    pub zone: ZoneId,
}

impl Resource for Rrset {
    type Id = RrsetId;

    const ONE: &'static str = "rrset";
    const MANY: &'static str = "rrsets";
    const PER_PAGE: u32 = 100;

    fn id(&self) -> RrsetId {
        self.id.clone()
    }
}

/// A DNS record. Its value has the format of a zone file.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Record {
    /// The value, such as `203.0.113.7` or `10 mail.example.com.`
    pub value: String,
    /// A comment.
    pub comment: Option<String>,
}

impl Record {
    /// Creates a record with this value in the format of a zone file.
    pub fn new(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            comment: None,
        }
    }

    /// Creates a `TXT` record with a text of any length, which is quoted and split into strings of at
    /// most 255 bytes.
    ///
    /// ```
    /// use hcloud_api::Record;
    ///
    /// let record = Record::txt(r#"say "hi""#);
    /// assert_eq!(record.value, r#""say \"hi\"""#);
    /// assert_eq!(record.text().as_deref(), Some(r#"say "hi""#));
    /// ```
    pub fn txt(text: &str) -> Self {
        Self::new(txt::quote(text))
    }

    /// Sets the comment.
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Returns the text of a `TXT` record, the inverse of [`Record::txt`]; `None` if the value is not
    /// quoted correctly or not UTF-8.
    pub fn text(&self) -> Option<String> {
        txt::unquote(&self.value)
    }
}

/// The operations that a record set is protected against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RrsetProtection {
    /// Whether changes and deletion are refused.
    pub change: bool,
}

/// The operations to protect a record set against.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct ChangeRrsetProtection {
    /// Whether changes and deletion are refused.
    pub change: bool,
}

/// A record set to create.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreateRrset {
    /// The name relative to the zone; `@` for the zone itself.
    pub name: String,
    /// The type of the records.
    #[serde(rename = "type")]
    pub kind: RrsetType,
    /// The TTL in seconds; the zone's TTL unless set.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub ttl: Patch<u32>,
    /// The records, at least one.
    pub records: Vec<Record>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateRrset {
    /// Creates a request for a record set with these records, at least one.
    pub fn new(id: RrsetId, records: impl Into<Vec<Record>>) -> Self {
        Self {
            name: id.name,
            kind: id.kind,
            ttl: Patch::Keep,
            records: records.into(),
            labels: Labels::default(),
        }
    }
}

/// A record set that is being created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct RrsetCreated {
    /// The record set.
    #[serde_with(skip_apply)]
    pub rrset: Rrset,
    /// The action that updates the name servers.
    pub action: Option<Action>,
}

/// An update of a record set; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateRrset {
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

/// Records to add to a record set.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct AddRecords {
    /// The records, at most 50.
    pub records: Vec<Record>,
    /// The TTL in seconds; if the record set exists, it must have the same.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub ttl: Patch<u32>,
}

impl AddRecords {
    /// Creates a request to add these records.
    pub fn new(records: impl Into<Vec<Record>>) -> Self {
        Self {
            records: records.into(),
            ttl: Patch::Keep,
        }
    }
}

/// An update of a record's comment.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct UpdateRecord {
    /// The value of the record.
    pub value: String,
    /// The new comment; empty for none.
    pub comment: String,
}

#[derive(Serialize)]
struct Records<'a, T> {
    records: &'a [T],
}

/// `None` is sent as null, which stands for the zone's TTL.
#[derive(Serialize)]
struct ChangeTtl {
    ttl: Option<u32>,
}

/// Text in the format of zone files: quoted strings of at most 255 bytes each.
mod txt {
    const MAX_STRING_LENGTH: usize = 255;

    pub(super) fn quote(text: &str) -> String {
        let mut rest = text;
        let mut strings = Vec::new();
        loop {
            let mut end = rest.len().min(MAX_STRING_LENGTH);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (string, others) = rest.split_at(end);
            let escaped = string.replace('\\', r"\\").replace('"', r#"\""#);
            strings.push(format!("\"{escaped}\""));
            if others.is_empty() {
                return strings.join(" ");
            }
            rest = others;
        }
    }

    pub(super) fn unquote(value: &str) -> Option<String> {
        let mut bytes = value.trim().bytes();
        let mut text = Vec::new();
        loop {
            // Only whitespace may separate strings.
            match bytes.next() {
                Some(b'"') => string(&mut bytes, &mut text)?,
                Some(space) if space.is_ascii_whitespace() => {}
                Some(_) => return None,
                None => return String::from_utf8(text).ok(),
            }
        }
    }

    /// Parses up to the closing quote.
    fn string(bytes: &mut impl Iterator<Item = u8>, text: &mut Vec<u8>) -> Option<()> {
        loop {
            match bytes.next()? {
                b'"' => return Some(()),
                b'\\' => text.push(escaped(bytes)?),
                byte => text.push(byte),
            }
        }
    }

    /// Parses the character after a backslash, or three digits for any byte.
    fn escaped(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
        let first = bytes.next()?;
        if !first.is_ascii_digit() {
            return Some(first);
        }
        let digits = [first, bytes.next()?, bytes.next()?];
        std::str::from_utf8(&digits).ok()?.parse().ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn long_text_is_split_into_strings_of_255_bytes() {
            let quoted = quote(&"x".repeat(600));

            let lengths: Vec<_> = quoted.split(' ').map(|string| string.len() - 2).collect();
            assert_eq!(lengths, [255, 255, 90]);
            assert_eq!(quote(&"x".repeat(255)).matches('"').count(), 2);
        }

        #[test]
        fn escapes_do_not_count_and_are_not_split() {
            let quoted = quote(&"\"".repeat(256));

            assert_eq!(quoted, format!("\"{}\" \"\\\"\"", r#"\""#.repeat(255)));
        }

        #[test]
        fn characters_are_not_split() {
            let text = "ä".repeat(200);

            let quoted = quote(&text);

            assert_eq!(quoted.find(' '), Some(254 + 2));
            assert_eq!(unquote(&quoted), Some(text));
        }

        #[test]
        fn quoted_text_can_be_unquoted() {
            for text in ["", "v=spf1 -all", r#"a "b" \c\ "#, "\\", &"\\".repeat(300)] {
                assert_eq!(unquote(&quote(text)).as_deref(), Some(text));
            }
        }

        #[test]
        fn other_quoting_styles_are_unquoted() {
            assert_eq!(unquote(r#" "a"  "b""c" "#).as_deref(), Some("abc"));
            assert_eq!(unquote(r#""\065\195\164\x""#).as_deref(), Some("Aäx"));
        }

        #[test]
        fn malformed_text_is_not_unquoted() {
            for value in [
                "plain",
                r#""open"#,
                r#""a" b"#,
                r#""\25"#,
                r#""\999""#,
                r#""\255""#,
            ] {
                assert_eq!(unquote(value), None, "{value}");
            }
        }
    }
}
