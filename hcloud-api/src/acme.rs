//! Host names in DNS zones, and the records by which ACME servers validate them.

use serde::{Deserialize, Serialize};

use crate::{
    Action, AddRecords, Error, ErrorCode, Patch, Record, Result, Rrset, RrsetId, RrsetType, Rrsets,
    Zone, Zones,
};

/// A host name in a zone of the project; returned by [`Zones::of_host`].
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct HostInZone {
    /// The zone.
    pub zone: Zone,
    /// The name relative to the zone; `@` for the zone itself.
    pub name: String,
}

/// The TTL of the records for ACME servers, in seconds: they are read once, soon after.
const ACME_TTL: u32 = 60;

impl<'a> Zones<'a> {
    /// Finds the zone that contains a host name: the longest one that the name ends with.
    ///
    /// Sends a request for each part of the name. International names are in their ASCII form.
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
    /// if let Some(host) = client.zones().of_host("www.shop.example.com").await? {
    ///     println!("{} in {}", host.name, host.zone.name); // www.shop in example.com
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn of_host(self, host: &str) -> Result<Option<HostInZone>> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        for (name, zone) in splits(&host) {
            if let Some(zone) = self.find(zone).await? {
                let name = name.to_owned();
                return Ok(Some(HostInZone { zone, name }));
            }
        }
        Ok(None)
    }

    /// Adds the `TXT` record by which an ACME server such as Let's Encrypt validates a host name
    /// (`DNS-01`), next to those that exist: one for `*.example.com` has the same name as one for
    /// `example.com`.
    ///
    /// `value` is the digest of the key authorization. Wait for the action before you ask the ACME
    /// server to validate; it is `None` if the record exists already. A `CNAME` of
    /// `_acme-challenge` to another zone is not followed.
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client, value: &str) -> hcloud_api::Result<()> {
    /// let zones = client.zones();
    /// let action = zones.add_acme_challenge("www.example.com", value).await?;
    /// client.wait(action).await?;
    /// // … the ACME server validates …
    /// zones.remove_acme_challenge("www.example.com", value).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoZone`] if no zone of the project contains the host name.
    pub async fn add_acme_challenge(self, host: &str, value: &str) -> Result<Option<Action>> {
        let (rrsets, id) = self.acme_records(host).await?;
        let record = Record::txt(value);
        rrsets.ensure_record(&id, &record, Some(ACME_TTL)).await
    }

    /// Removes the record that [`add_acme_challenge`](Self::add_acme_challenge) added; `None` if it
    /// does not exist. Other records stay.
    ///
    /// # Errors
    ///
    /// [`Error::NoZone`] if no zone of the project contains the host name.
    pub async fn remove_acme_challenge(self, host: &str, value: &str) -> Result<Option<Action>> {
        let (rrsets, id) = self.acme_records(host).await?;
        rrsets.ensure_no_record(&id, &Record::txt(value)).await
    }

    /// Returns the record set in which an ACME server looks for the value of a host name.
    async fn acme_records(self, host: &str) -> Result<(Rrsets<'a>, RrsetId)> {
        let name = host.strip_prefix("*.").unwrap_or(host);
        let Some(HostInZone { zone, name }) = self.of_host(name).await? else {
            let host = host.to_owned();
            return Err(Error::NoZone { host });
        };
        let name = match name.as_str() {
            "@" => "_acme-challenge".to_owned(),
            name => format!("_acme-challenge.{name}"),
        };
        Ok((self.rrsets(zone.id), RrsetId::new(name, RrsetType::Txt)))
    }
}

impl Rrsets<'_> {
    /// Adds a record to a record set, which is created if it does not exist, unless it has the record
    /// already: then the result is `None`.
    ///
    /// The TTL, in seconds, is that of a new record set; an existing one keeps its own. `TXT` records
    /// are compared by their text, however it is quoted.
    pub async fn ensure_record(
        &self,
        id: &RrsetId,
        record: &Record,
        ttl: Option<u32>,
    ) -> Result<Option<Action>> {
        let existing = self.find(id).await?;
        if find(existing.as_ref(), record).is_some() {
            return Ok(None);
        }
        let ttl = existing.map_or(ttl, |rrset| rrset.ttl);
        let add = AddRecords {
            ttl: ttl.map_or(Patch::Keep, Patch::Set),
            ..AddRecords::new([record.clone()])
        };
        match self.add_records(id, &add).await {
            // Another program may have added it meanwhile.
            Err(error) if error.code() == Some(&ErrorCode::InvalidInput) => {
                let existing = self.find(id).await?;
                let found = find(existing.as_ref(), record).map(|_| None);
                found.ok_or(error)
            }
            added => added.map(Some),
        }
    }

    /// Removes a record from a record set; `None` if it does not have it. Other records stay, and a
    /// record set that becomes empty is deleted.
    pub async fn ensure_no_record(&self, id: &RrsetId, record: &Record) -> Result<Option<Action>> {
        let existing = self.find(id).await?;
        let Some(found) = find(existing.as_ref(), record) else {
            return Ok(None);
        };
        let found = Record::new(&found.value);
        match self.remove_records(id, &[found]).await {
            // Another program may have removed it meanwhile.
            Err(error) if error.is_not_found() => Ok(None),
            removed => removed.map(Some),
        }
    }
}

/// Finds a record with the same value in a record set.
fn find<'a>(rrset: Option<&'a Rrset>, record: &Record) -> Option<&'a Record> {
    let rrset = rrset?;
    let is_text = rrset.kind == RrsetType::Txt;
    let text = record.text().filter(|_| is_text);
    rrset
        .records
        .iter()
        .find(|known| known.value == record.value || (text.is_some() && known.text() == text))
}

/// Returns the ways to split a host name into a name relative to a zone, and the zone, which has two
/// parts at least; the longest zone first.
fn splits(host: &str) -> impl Iterator<Item = (&str, &str)> {
    let dots = host.match_indices('.');
    let within = dots.map(|(at, _)| (&host[..at], &host[at + 1..]));
    let all = [("@", host)].into_iter().chain(within);
    all.filter(|(name, zone)| !name.is_empty() && !zone.starts_with('.') && zone.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_split_at_every_dot_but_the_last() {
        let split = |host| Vec::from_iter(splits(host));

        assert_eq!(
            split("www.shop.example.com"),
            [
                ("@", "www.shop.example.com"),
                ("www", "shop.example.com"),
                ("www.shop", "example.com"),
            ]
        );
        assert_eq!(split("example.com"), [("@", "example.com")]);
        assert_eq!(split("localhost"), []);
        assert_eq!(split(""), []);
        assert_eq!(split("*.example.com")[1], ("*", "example.com"));
    }
}
