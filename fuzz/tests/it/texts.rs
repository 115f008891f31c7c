//! Texts: names, selectors, patterns, ids, URLs.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use bolero::check;
use fuzz::{Part, text};
use hcc_core::{Layout, NamePattern, ServerName};
use hcc_database::{Accepted, DatabaseUrl};
use hcloud_api::{LabelSelector, RrsetId};

/// Checks that what is printed is parsed as the same value.
fn round_trip<T>(input: &str)
where
    T: FromStr + Display + PartialEq + Debug,
    T::Err: Debug,
{
    if let Ok(parsed) = input.parse::<T>() {
        let printed = parsed.to_string();
        assert_eq!(
            printed.parse::<T>().unwrap(),
            parsed,
            "{input:?} {printed:?}"
        );
    }
}

#[test]
fn texts() {
    const WORDS: [&str; 16] = [
        "web", "1", "-", ".", "*", "?", "=", "==", "!=", " in (", " notin (", ")", ",", "!", "/A",
        "us",
    ];
    check!().with_type::<Vec<Part>>().for_each(|parts| {
        let input = text(parts, &WORDS);
        round_trip::<ServerName>(&input);
        round_trip::<NamePattern>(&input);
        round_trip::<LabelSelector>(&input);
        round_trip::<RrsetId>(&input);
        round_trip::<Layout>(&input);
    });
}

#[test]
fn urls() {
    const ACCEPTED: Accepted = Accepted {
        kind: "queue",
        formats: "",
        example: "",
        redis: true,
    };
    const SCHEMES: [&str; 5] = [
        "mongodb:",
        "mongodb+srv:",
        "redis:",
        "rediss:",
        "redis+unix:",
    ];
    const WORDS: [&str; 14] = [
        "mary",
        ":",
        "@",
        "/",
        "//",
        "?",
        "#",
        "%40",
        "&",
        "=",
        "host",
        "x=http://y",
        "[::1]",
        ",",
    ];
    check!()
        .with_type::<(u8, Vec<Part>, Vec<Part>, Vec<Part>)>()
        .for_each(|(scheme, user, password, rest)| {
            let scheme = SCHEMES[usize::from(*scheme) % SCHEMES.len()];
            let (user, rest) = (text(user, &WORDS), text(rest, &WORDS));
            let password = format!("canary{}", text(password, &WORDS));
            let input = format!("{scheme}//{user}:{password}@{rest}");

            let url = DatabaseUrl::parse(&input, &ACCEPTED).unwrap();

            let shown = format!("{url} {url:?}");
            assert!(!shown.contains("canary"), "{input:?} is shown as {shown:?}");
        });
}
