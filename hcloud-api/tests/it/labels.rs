use std::collections::BTreeMap;

use hcloud_api::{InvalidLabel, InvalidSelector, LabelSelector, Labels};

#[test]
fn every_form_of_the_grammar_is_parsed_and_displayed() {
    let forms = [
        ("", ""),
        ("env", "env"),
        ("!env", "!env"),
        ("! env", "!env"),
        ("env=prod", "env=prod"),
        ("env==prod", "env=prod"),
        ("env = prod", "env=prod"),
        ("env=", "env="),
        ("env!=prod", "env!=prod"),
        ("env != prod", "env!=prod"),
        ("env in (a)", "env in (a)"),
        ("env in (a,b, c )", "env in (a,b,c)"),
        ("env  in(a,b)", "env in (a,b)"),
        ("env notin (a,b)", "env notin (a,b)"),
        (
            "env=a,!old, tier in (x,y),new",
            "env=a,!old,tier in (x,y),new",
        ),
        ("example.com/owner=me", "example.com/owner=me"),
        ("hetzner.cloud/kind", "hetzner.cloud/kind"),
        ("in in (in)", "in in (in)"),
    ];
    for (text, written) in forms {
        let selector: LabelSelector = text.parse().unwrap();

        assert_eq!(selector.to_string(), written);
    }
}

#[test]
fn invalid_selectors_are_refused() {
    let texts = [
        ",",
        "env,",
        "a b",
        "!",
        "=x",
        "a=b=c",
        "a=b c",
        "env in",
        "env in ()x",
        "env in (a",
        "env in a)",
        "env near (a)",
        "(a)",
        "in (a)",
        "a in (b=c)",
        "-a",
        "a=-b",
        "a/b/c",
        "ä",
    ];
    for text in texts {
        assert!(text.parse::<LabelSelector>().is_err(), "{text}");
    }
}

#[test]
fn a_built_selector_displays_like_a_parsed_one() {
    let built = LabelSelector::new()
        .exists("a")
        .and_then(|selector| selector.is_missing("b"))
        .and_then(|selector| selector.equals("c", "1"))
        .and_then(|selector| selector.differs("d", "2"))
        .and_then(|selector| selector.is_in("e", ["3", "4"]))
        .and_then(|selector| selector.is_not_in("f", ["5"]))
        .unwrap();

    assert_eq!(built.to_string(), "a,!b,c=1,d!=2,e in (3,4),f notin (5)");
    assert_eq!(built, built.to_string().parse().unwrap());
}

#[test]
fn a_selector_matches_as_the_api_does() {
    let labels = Labels::new()
        .with("env", "prod")
        .and_then(|labels| labels.with("empty", ""))
        .unwrap();

    for (selector, selected) in [
        ("", true),
        ("env", true),
        ("empty", true),
        ("old", false),
        ("!old", true),
        ("!env", false),
        ("env=prod", true),
        ("env==test", false),
        ("empty=", true),
        ("old=", false),
        ("env!=test", true),
        ("env!=prod", false),
        ("old!=prod", true),
        ("env in (test,prod)", true),
        ("old in (test,prod)", false),
        ("env notin (test)", true),
        ("env notin (test,prod)", false),
        ("old notin (prod)", true),
        ("env=prod,!old", true),
        ("env=prod,old", false),
    ] {
        let parsed: LabelSelector = selector.parse().unwrap();

        assert_eq!(parsed.matches(&labels), selected, "{selector}");
    }
}

#[test]
fn a_selector_without_values_is_refused() {
    let error = LabelSelector::new()
        .is_in("env", Vec::<String>::new())
        .unwrap_err();

    assert!(matches!(error, InvalidSelector::NoValues(_)), "{error:?}");
}

#[test]
fn keys_and_values_are_validated() {
    let long = "x".repeat(63);
    let too_long = "x".repeat(64);
    let prefix = format!(
        "{}.com",
        [
            "a".repeat(61),
            "b".repeat(61),
            "c".repeat(61),
            "d".repeat(61)
        ]
        .join(".")
    );
    assert_eq!(prefix.len(), 251);

    for key in [
        "a",
        "A-b_c.d",
        "example.com/my",
        &long,
        &format!("{prefix}/{long}"),
    ] {
        assert!(Labels::new().with(key, "").is_ok(), "{key}");
    }
    for key in [
        "",
        "-a",
        "a-",
        ".a",
        "a/",
        "/a",
        "a/b/c",
        "a b",
        "ä",
        "hetzner.cloud/x",
        "a..b/c",
        &too_long,
        &format!("{prefix}.aa/x"),
    ] {
        assert!(Labels::new().with(key, "").is_err(), "{key}");
    }
    for value in ["", "a", "1.0_b-c", &long] {
        assert!(Labels::new().with("key", value).is_ok(), "{value}");
    }
    for value in ["-", "a-", "a b", "a/b", "ü", &too_long] {
        assert!(Labels::new().with("key", value).is_err(), "{value}");
    }
}

#[test]
fn labels_are_taken_from_maps_and_given_back() {
    let map = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);

    let labels = Labels::try_from(map.clone()).unwrap();

    assert_eq!(labels.get("env"), Some("prod"));
    assert_eq!(BTreeMap::from(labels), map);
    let invalid = BTreeMap::from([("no key".to_owned(), String::new())]);
    let error = Labels::try_from(invalid).unwrap_err();
    assert_eq!(error, InvalidLabel::Key("no key".to_owned()));
}
