//! The rules for names and values of DNS records.

use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) const TYPES: [&str; 16] = [
    "A", "AAAA", "CAA", "CNAME", "DS", "HINFO", "HTTPS", "MX", "NS", "PTR", "RP", "SOA", "SRV",
    "SVCB", "TLSA", "TXT",
];

const MAX_STRING_BYTES: usize = 255;

/// Returns whether a name can own records: relative to the zone, `@` for the zone itself, `*` as the first label.
pub(crate) fn is_owner(name: &str) -> bool {
    let rest = name.strip_prefix("*.").unwrap_or(name);
    name == "@"
        || name == "*"
        || !name.ends_with('.') && is_name(rest) && !name.contains(|c: char| c.is_ascii_uppercase())
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Returns whether a value is a host: relative, absolute with a dot at its end, or `@`.
fn is_host(value: &str) -> bool {
    ["@", "."].contains(&value) || is_name(value.strip_suffix('.').unwrap_or(value))
}

/// Returns what is wrong with a value of a record of this type.
pub(crate) fn problem(kind: &str, value: &str) -> Option<&'static str> {
    let fields: Vec<_> = value.split_whitespace().collect();
    let number = |text: &str, max: u64| text.parse::<u64>().is_ok_and(|number| number <= max);
    let short = |text: &&str| number(text, u16::MAX.into());
    let is_hex = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit());
    let (is_valid, problem) = match kind {
        "A" => (value.parse::<Ipv4Addr>().is_ok(), "is not an IPv4 address"),
        "AAAA" => (value.parse::<Ipv6Addr>().is_ok(), "is not an IPv6 address"),
        "CNAME" | "NS" | "PTR" => (is_host(value), "is not a hostname"),
        "MX" => (
            matches!(&fields[..], [priority, host] if short(priority) && is_host(host)),
            "is not a priority and a hostname",
        ),
        "SRV" => (
            matches!(&fields[..], [rest @ .., host] if rest.len() == 3 && rest.iter().all(short) && is_host(host)),
            "is not a priority, weight, port and hostname",
        ),
        "TXT" => (
            is_strings(value),
            "must be quoted strings of at most 255 bytes",
        ),
        "HINFO" => (fields.len() >= 2, "is not a CPU and an operating system"),
        "CAA" => (
            matches!(&fields[..], [flags, tag, rest @ ..]
                if number(flags, 255) && tag.chars().all(|c| c.is_ascii_alphanumeric()) && is_strings(&rest.join(" "))),
            "is not a flag, a tag and a quoted value",
        ),
        "DS" => (
            matches!(&fields[..], [tag, algorithm, digest, hash @ ..]
                if short(tag) && number(algorithm, 255) && number(digest, 255) && is_hex(&hash.concat())),
            "is not a key tag, algorithm, digest type and digest",
        ),
        "TLSA" => (
            matches!(&fields[..], [usage, selector, matching, data @ ..]
                if [usage, selector, matching].iter().all(|it| number(it, 255)) && is_hex(&data.concat())),
            "is not a usage, selector, matching type and data",
        ),
        "RP" => (
            fields.len() == 2 && fields.iter().all(|it| is_host(it)),
            "is not a mailbox and a name",
        ),
        "SOA" => (
            matches!(&fields[..], [server, mailbox, times @ ..]
                if is_host(server) && is_host(mailbox) && times.len() == 5 && times.iter().all(|it| number(it, u32::MAX.into()))),
            "is not a nameserver, a mailbox and five numbers",
        ),
        "HTTPS" | "SVCB" => (
            matches!(&fields[..], [priority, target, ..] if short(priority) && is_host(target)),
            "is not a priority and a target",
        ),
        _ => (false, "has an unknown type"),
    };
    (!is_valid).then_some(problem)
}

/// Returns whether a text is a list of quoted strings that are not too long.
fn is_strings(text: &str) -> bool {
    let mut rest = text.trim();
    while let Some(tail) = rest.strip_prefix('"') {
        let mut is_escaped = false;
        let end = tail.find(|c| {
            let ends = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            ends
        });
        let Some(end) = end.filter(|end| *end <= MAX_STRING_BYTES) else {
            return false;
        };
        rest = tail[end + 1..].trim_start();
        if rest.is_empty() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_their_type() {
        let long = format!("\"{}\"", "x".repeat(256));
        for (kind, value, is_valid) in [
            ("A", "203.0.113.7", true),
            ("A", "2001:db8::1", false),
            ("A", "www", false),
            ("AAAA", "2001:db8::1", true),
            ("AAAA", "203.0.113.7", false),
            ("CNAME", "www.example.com.", true),
            ("CNAME", "@", true),
            ("CNAME", "two words", false),
            ("MX", "10 mail.example.com.", true),
            ("MX", "mail.example.com.", false),
            ("MX", "70000 mail", false),
            ("SRV", "0 5 5060 sip.example.com.", true),
            ("SRV", "5 5060 sip.example.com.", false),
            ("TXT", "\"v=spf1 -all\"", true),
            ("TXT", "\"one\" \"two \\\" quotes\"", true),
            ("TXT", "v=spf1 -all", false),
            ("TXT", "\"open", false),
            ("TXT", &long, false),
            ("CAA", "0 issue \"letsencrypt.org\"", true),
            ("CAA", "issue \"letsencrypt.org\"", false),
            ("DS", "2371 13 2 1F987CC6583E92DF", true),
            ("DS", "2371 13 2", false),
            ("TLSA", "3 1 1 d2abde240d7cd3ee", true),
            ("SOA", "ns.example.com. mail.example.com. 1 2 3 4 5", true),
            ("HTTPS", "1 . alpn=h2", true),
            ("ANY", "x", false),
        ] {
            assert_eq!(problem(kind, value).is_none(), is_valid, "{kind} {value}");
        }
    }

    #[test]
    fn names_are_relative_and_in_lower_case() {
        for name in ["@", "*", "www", "*.dev", "_acme-challenge.www", "a.b.c"] {
            assert!(is_owner(name), "{name}");
        }
        for name in ["", "www.example.com.", "WWW", "a..b", "-a", "a b", "a.*"] {
            assert!(!is_owner(name), "{name}");
        }
    }
}
