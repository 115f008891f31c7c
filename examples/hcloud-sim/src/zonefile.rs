//! Zone files: DNS records in the format of RFC 1035.

use std::fmt::Write;

use crate::labels::Labels;
use crate::records::TYPES;
use crate::rrsets::{NewRrset, Record, Rrset};

/// The content of a zone file.
pub(crate) struct Zonefile {
    /// The default TTL, in seconds.
    pub(crate) ttl: Option<u32>,
    pub(crate) rrsets: Vec<NewRrset>,
}

/// Parses a zone file; names become relative to the zone.
///
/// # Errors
///
/// A line is not valid; the error says which one.
pub(crate) fn parse(zone: &str, text: &str) -> Result<Zonefile, String> {
    let mut file = Zonefile {
        ttl: None,
        rrsets: Vec::new(),
    };
    let mut origin = format!("{zone}.");
    let mut owner = "@".to_owned();
    for (number, line) in lines(text) {
        let fail = |problem: &str| format!("line {number}: {problem}");
        let mut words = line.words.iter().map(String::as_str).peekable();
        match line.words.first().map(String::as_str) {
            Some("$TTL") => {
                let ttl = line.words.get(1).and_then(|ttl| ttl.parse().ok());
                file.ttl = Some(ttl.ok_or_else(|| fail("invalid TTL"))?);
                continue;
            }
            Some("$ORIGIN") => {
                let name = line.words.get(1).ok_or_else(|| fail("missing origin"))?;
                origin = absolute(name, &origin);
                continue;
            }
            Some(word) if word.starts_with('$') => return Err(fail("unknown directive")),
            _ => {}
        }
        if !line.is_indented {
            let name = words.next().unwrap_or_default();
            owner = relative(&absolute(name, &origin), zone)
                .ok_or_else(|| fail("name is not in the zone"))?;
        }
        let mut ttl = None;
        while let Some(word) = words.peek() {
            match word.parse() {
                Ok(seconds) => ttl = Some(seconds),
                Err(_) if word.eq_ignore_ascii_case("IN") => {}
                Err(_) => break,
            }
            words.next();
        }
        let kind = words
            .next()
            .ok_or_else(|| fail("missing record type"))?
            .to_ascii_uppercase();
        if !TYPES.contains(&&*kind) {
            return Err(fail(&format!("unknown record type '{kind}'")));
        }
        let value = words.collect::<Vec<_>>().join(" ");
        let record = Record {
            value,
            comment: line.comment,
        };
        let mut rrsets = file.rrsets.iter_mut();
        match rrsets.find(|it| it.name == owner && it.r#type == kind) {
            Some(rrset) => rrset.records.push(record),
            None => file.rrsets.push(NewRrset {
                name: owner.clone(),
                r#type: kind,
                ttl,
                labels: Labels::new(),
                records: vec![record],
            }),
        }
    }
    Ok(file)
}

/// A logical line: its words, with quotes kept.
struct Line {
    words: Vec<String>,
    is_indented: bool,
    comment: String,
}

/// Splits a zone file into logical lines; parentheses join several lines.
fn lines(text: &str) -> Vec<(usize, Line)> {
    let mut lines: Vec<(usize, Line)> = Vec::new();
    let mut depth = 0;
    for (index, text) in text.lines().enumerate() {
        let is_indented = text.starts_with(char::is_whitespace);
        let (words, comment) = split(text, &mut depth);
        match lines.last_mut() {
            Some((_, line)) if line.words.last().is_some_and(|word| word == "(") => {
                line.words.pop();
                line.words.extend(words);
            }
            _ if words.is_empty() => {}
            _ => {
                let comment = comment.to_owned();
                lines.push((
                    index + 1,
                    Line {
                        words,
                        is_indented,
                        comment,
                    },
                ));
            }
        }
        if let Some((_, line)) = lines.last_mut().filter(|_| depth > 0) {
            // Marks a line that continues.
            line.words.push("(".into());
        }
    }
    lines
}

/// Splits a line into its words and its comment, and follows the depth of parentheses.
fn split<'a>(line: &'a str, depth: &mut usize) -> (Vec<String>, &'a str) {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in line.char_indices() {
        let is_plain = is_quoted || is_escaped;
        match c {
            ';' if !is_plain => {
                words.extend(Some(word).filter(|word| !word.is_empty()));
                return (words, line[at + 1..].trim());
            }
            '(' | ')' if !is_plain => {
                *depth = if c == '(' {
                    *depth + 1
                } else {
                    depth.saturating_sub(1)
                };
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
            }
            c if c.is_whitespace() && !is_plain => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
            }
            c => word.push(c),
        }
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    (words, "")
}

fn absolute(name: &str, origin: &str) -> String {
    match name {
        "@" => origin.into(),
        name if name.ends_with('.') => name.into(),
        name => format!("{name}.{origin}"),
    }
}

/// Returns a name relative to a zone; `None` if it is not in the zone.
fn relative(name: &str, zone: &str) -> Option<String> {
    let name = name.strip_suffix('.')?.to_ascii_lowercase();
    match name.strip_suffix(zone)? {
        "" => Some("@".into()),
        inner => inner.strip_suffix('.').map(Into::into),
    }
}

/// Returns the zone file of a zone.
pub(crate) fn write(zone: &str, ttl: u32, rrsets: &[Rrset]) -> String {
    let mut text = format!("$ORIGIN\t{zone}.\n$TTL\t{ttl}\n\n");
    let mut rrsets: Vec<_> = rrsets.iter().collect();
    // The zone's own records come first, and of these the SOA.
    rrsets.sort_by_key(|it| {
        (
            it.name != "@",
            it.name.clone(),
            it.r#type != "SOA",
            it.r#type.clone(),
        )
    });
    for rrset in rrsets {
        for record in &rrset.records {
            let ttl = rrset.ttl.map_or_else(String::new, |ttl| format!("{ttl}\t"));
            let _ = write!(
                text,
                "{}\t{ttl}IN\t{}\t{}",
                rrset.name, rrset.r#type, record.value
            );
            if !record.comment.is_empty() {
                let _ = write!(text, " ; {}", record.comment);
            }
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_parsed_with_their_names_ttls_and_comments() {
        let text = r#"
$TTL 60
@       IN SOA ns1 mail ( 1 ; serial
                          2 3
                          4 5 )
        IN NS  ns1.example.net.
www 300 IN A   203.0.113.7 ; the shop
        IN A   203.0.113.8
*.dev   CNAME  www
$ORIGIN mail.example.com.
@       MX     10 @
text    TXT    "with ; semicolon" "and (more)"
"#;

        let file = parse("example.com", text).unwrap();

        let found: Vec<_> = file
            .rrsets
            .iter()
            .map(|it| {
                let values: Vec<_> = it
                    .records
                    .iter()
                    .map(|record| record.value.as_str())
                    .collect();
                (it.name.as_str(), it.r#type.as_str(), it.ttl, values)
            })
            .collect();
        assert_eq!(file.ttl, Some(60));
        assert_eq!(
            found,
            [
                ("@", "SOA", None, vec!["ns1 mail 1 2 3 4 5"]),
                ("@", "NS", None, vec!["ns1.example.net."]),
                ("www", "A", Some(300), vec!["203.0.113.7", "203.0.113.8"]),
                ("*.dev", "CNAME", None, vec!["www"]),
                ("mail", "MX", None, vec!["10 @"]),
                (
                    "text.mail",
                    "TXT",
                    None,
                    vec!["\"with ; semicolon\" \"and (more)\""]
                ),
            ]
        );
        assert_eq!(file.rrsets[2].records[0].comment, "the shop");
    }

    #[test]
    fn invalid_lines_are_named() {
        for (text, problem) in [
            ("$TTL soon", "line 1: invalid TTL"),
            ("\nwww IN SPF x", "line 2: unknown record type 'SPF'"),
            (
                "www.example.net. A 203.0.113.7",
                "line 1: name is not in the zone",
            ),
            ("$INCLUDE x", "line 1: unknown directive"),
        ] {
            let found = parse("example.com", text).err();

            assert_eq!(found.as_deref(), Some(problem), "{text}");
        }
    }
}
