use hcloud_api::{
    Action, ActionId, ActionStatus, Decimal, IdOrName, Labels, Location, Patch, ServerId,
};
use serde::Serialize;
use serde_json::{Value, json};

const MAX: u64 = 9_007_199_254_740_991;

fn action(change: impl FnOnce(&mut Value)) -> Result<Action, serde_json::Error> {
    let mut response: Value =
        serde_json::from_str(include_str!("../../src/fixtures/action.json")).unwrap();
    change(&mut response["action"]);
    serde_json::from_value(response["action"].take())
}

#[test]
fn an_unknown_value_survives_decoding_and_encoding() {
    let action = action(|action| action["status"] = json!("paused")).unwrap();

    assert_eq!(action.status, ActionStatus::Unknown("paused".into()));
    assert_eq!(serde_json::to_value(&action).unwrap()["status"], "paused");
}

#[test]
fn a_known_string_is_the_known_value() {
    assert_eq!(ActionStatus::from("running"), ActionStatus::Running);
    assert_eq!(
        ActionStatus::from("running".to_owned()),
        ActionStatus::Running
    );
    assert_eq!("running".parse(), Ok(ActionStatus::Running));
}

#[test]
fn integers_may_be_written_with_a_fraction_of_zero() {
    let action = action(|action| {
        action["id"] = json!(42.0);
        action["progress"] = json!(80.0);
        action["resources"] = json!([{"id": 7.0, "type": "server"}]);
    })
    .unwrap();

    assert_eq!(action.id, ActionId::new(42));
    assert_eq!(action.progress, 80);
    assert_eq!(action.resources[0].id, 7);
}

#[test]
fn progress_may_be_fractional_or_null() {
    let progress = |number: Value| action(|action| action["progress"] = number);

    assert_eq!(progress(json!(80.5)).unwrap().progress, 80);
    assert_eq!(progress(json!(null)).unwrap().progress, 0);
    assert!(progress(json!("80")).is_err());
}

#[test]
fn ids_are_integers_that_every_json_reader_keeps() {
    let id = |text: &str| text.parse::<ServerId>();

    assert_eq!(id("1"), Ok(ServerId::new(1)));
    assert_eq!(id(&MAX.to_string()), Ok(ServerId::new(MAX)));
    for text in ["", "0", "+1", "-1", "1.0", " 1", "x", "9007199254740992"] {
        assert!(id(text).is_err(), "{text:?}");
    }
    assert!(serde_json::from_value::<ServerId>(json!(0)).is_err());
    assert!(serde_json::from_value::<ServerId>(json!(MAX + 1)).is_err());
}

#[test]
fn an_id_is_sent_as_a_number_and_a_name_as_a_string() {
    let sent = |key: IdOrName<ServerId>| serde_json::to_value(key).unwrap();

    assert_eq!(sent(ServerId::new(42).into()), json!(42));
    assert_eq!(sent("42".into()), json!("42"));
    assert_eq!(sent("42".parse().unwrap()), json!(42));
    assert_eq!(sent("web42".parse().unwrap()), json!("web42"));
}

#[test]
fn a_patch_keeps_clears_or_sets() {
    #[derive(Default, Serialize)]
    struct Change {
        #[serde(skip_serializing_if = "Patch::is_keep")]
        dns_ptr: Patch<&'static str>,
    }
    let sent = |dns_ptr| serde_json::to_string(&Change { dns_ptr }).unwrap();

    assert_eq!(sent(Patch::Keep), "{}");
    assert_eq!(sent(Patch::Null), r#"{"dns_ptr":null}"#);
    assert_eq!(
        sent("a.example.com".into()),
        r#"{"dns_ptr":"a.example.com"}"#
    );
}

#[test]
fn labels_from_the_api_are_accepted_unvalidated() {
    let text = r#"{"hetzner.cloud/kind":"x","not valid":"ä"}"#;

    let labels: Labels = serde_json::from_str(text).unwrap();

    assert_eq!(serde_json::to_string(&labels).unwrap(), text);
}

#[test]
fn a_label_without_a_value_is_empty() {
    let labels: Labels = serde_json::from_str(r#"{"just-a-key":null}"#).unwrap();

    assert_eq!(labels.get("just-a-key"), Some(""));
}

#[test]
fn prices_keep_every_digit() {
    let price: Decimal = serde_json::from_str(r#""3.7900000000000000""#).unwrap();

    assert_eq!(price.as_str(), "3.7900000000000000");
    assert_eq!(price.to_f64(), Some(3.79));
    assert_eq!(price.parse::<f64>(), Ok(3.79));
}

#[test]
fn new_fields_are_ignored() {
    let mut response: Value =
        serde_json::from_str(include_str!("../../src/fixtures/location.json")).unwrap();
    response["location"]["climate"] = json!({"zone": "mild"});

    let location: Location = serde_json::from_value(response["location"].take()).unwrap();

    assert_eq!(location.name, "fsn1");
}
