use std::error::Error as _;

use hcloud_api::{
    Client, CreateServer, Error, ErrorCode, Labels, LocationId, RetryPolicy, StatusCode,
};
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::api::{TOKEN, body, client, refusal, respond};

const LOCATION: &str = "/locations/1";

/// Returns the error that a client reports for one response.
async fn error_of(response: ResponseTemplate) -> Error {
    let api = MockServer::start().await;
    respond(&api, "GET", LOCATION, [response]).await;
    let client = client(&api).with_retry(RetryPolicy::never());
    client
        .locations()
        .get(LocationId::new(1))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn an_error_response_becomes_an_api_error() {
    let error = error_of(refusal(404, "not_found")).await;

    assert!(error.is_not_found());
    assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
    assert_eq!(error.correlation_id(), Some("d5064a1f0bb9de4b"));
    assert_eq!(error.to_string(), "GET /locations/1 was refused");
    assert_eq!(error.source().unwrap().to_string(), "no (not_found)");
}

#[tokio::test]
async fn invalid_input_has_its_fields() {
    let response = include_str!("../../src/fixtures/error_invalid_input.json");

    let error = error_of(ResponseTemplate::new(422).set_body_string(response)).await;

    let details = &error.api().unwrap().details;
    assert_eq!(details.fields[0].name, "broken_field");
    assert_eq!(details.fields[0].messages, ["is too long"]);
}

#[tokio::test]
async fn fields_limits_and_announcements_are_decoded() {
    let response = r#"{"error": {"code": "resource_limit_exceeded", "message": "", "details": {
        "fields": [{"name": "public_key"}],
        "limits": [{"name": "project_limit"}],
        "announcement": "https://docs.hetzner.cloud/changelog#2023-07-20",
        "more": 1}}}"#;

    let error = error_of(ResponseTemplate::new(403).set_body_string(response)).await;

    let details = &error.api().unwrap().details;
    assert_eq!(details.fields[0].name, "public_key");
    assert_eq!(details.limits[0].name, "project_limit");
    assert!(
        details
            .announcement
            .as_deref()
            .unwrap()
            .ends_with("2023-07-20")
    );
    assert_eq!(details.other["more"], 1);
}

#[tokio::test]
async fn the_text_of_an_error_has_all_that_the_api_said() {
    for (error, text) in [
        (
            r#"{"code": "invalid_input", "message": "invalid input in field 'user_data'", "details":
                {"fields": [{"name": "user_data", "messages": ["Length must be between 0 and 32768."]}]}}"#,
            "invalid input in field 'user_data': Length must be between 0 and 32768. (invalid_input)",
        ),
        (
            r#"{"code": "invalid_input", "message": "server type is deprecated", "details": {"fields":
                [{"name": "server_type", "messages": ["server type 45 can not be ordered"]},
                {"name": "labels", "messages": ["too long", "too many"]}]}}"#,
            "server type is deprecated: server_type: server type 45 can not be ordered; labels: too \
             long, too many (invalid_input)",
        ),
        (
            r#"{"code": "invalid_input", "message": "image has incompatible architecture", "details":
                {"fields": [{"name": "image", "messages": ["image has incompatible architecture"]}]}}"#,
            "image has incompatible architecture (invalid_input)",
        ),
        (
            r#"{"code": "uniqueness_error", "message": "SSH key with the same fingerprint already exists",
                "details": {"fields": [{"name": "public_key"}]}}"#,
            "SSH key with the same fingerprint already exists: field public_key (uniqueness_error)",
        ),
        (
            r#"{"code": "resource_limit_exceeded", "message": "server limit exceeded", "details":
                {"limits": [{"name": "server_limit"}]}}"#,
            "server limit exceeded: limit server_limit (resource_limit_exceeded)",
        ),
        (
            r#"{"code": "deprecated_api_endpoint", "message": "removed", "details":
                {"announcement": "https://docs.hetzner.cloud/changelog#x"}}"#,
            "removed: see https://docs.hetzner.cloud/changelog#x (deprecated_api_endpoint)",
        ),
        (
            r#"{"code": "invalid_input", "message": "bad", "details": "not an object"}"#,
            "bad: not an object (invalid_input)",
        ),
        (
            r#"{"code": "invalid_input", "message": "bad", "details": {"fields": ["x", "y"]}}"#,
            "bad: field x; field y (invalid_input)",
        ),
        (
            r#"{"code": "invalid_input", "message": null, "details": {"fields":
                [{"name": "x", "messages": null}, {"name": "y", "messages": "no"}, 3],
                "correlation_id": "c", "hint": {"a": 1}}}"#,
            r#"field x; y: no; fields: [3]; hint: {"a":1} (invalid_input)"#,
        ),
        (
            r#"{"code": "server_error"}"#,
            "the API gave no reason (server_error)",
        ),
    ] {
        let response = format!(r#"{{"error": {error}}}"#);

        let refused = error_of(ResponseTemplate::new(422).set_body_string(response)).await;

        assert_eq!(refused.source().unwrap().to_string(), text, "{error}");
    }
}

#[tokio::test]
async fn each_detail_has_a_line() {
    let response = r#"{"error": {"code": "invalid_input", "message": "invalid input in fields 'a', 'b'",
        "details": {"fields": [{"name": "a", "messages": ["is odd"]}, {"name": "b"}]}}}"#;

    let error = error_of(ResponseTemplate::new(422).set_body_string(response)).await;

    let details = &error.api().unwrap().details;
    assert_eq!(
        details.lines().collect::<Vec<_>>(),
        ["a: is odd", "field b"]
    );
}

#[tokio::test]
async fn correlation_id_may_be_in_the_body() {
    for place in [
        r#""correlation_id": "d5064a""#,
        r#""details": {"correlation_id": "d5064a"}"#,
    ] {
        let response = format!(r#"{{"error": {{"code": "conflict", "message": "no", {place}}}}}"#);

        let error = error_of(ResponseTemplate::new(409).set_body_string(response)).await;

        assert_eq!(error.correlation_id(), Some("d5064a"), "{place}");
    }
}

#[tokio::test]
async fn request_refused_for_maintenance_has_not_taken_effect() {
    let maintenance = error_of(refusal(503, "maintenance")).await;
    let unavailable = error_of(refusal(503, "unavailable")).await;

    assert!(!maintenance.may_have_taken_effect());
    assert!(unavailable.may_have_taken_effect());
}

#[tokio::test]
async fn malformed_details_do_not_hide_an_error() {
    for details in [
        "null",
        "{}",
        "[]",
        r#""text""#,
        r#"{"fields": null}"#,
        r#"{"fields": 3}"#,
    ] {
        let response = format!(
            r#"{{"error": {{"code": "invalid_input", "message": "no", "details": {details}}}}}"#
        );

        let error = error_of(ResponseTemplate::new(422).set_body_string(response)).await;

        assert_eq!(error.code(), Some(&ErrorCode::InvalidInput), "{details}");
    }
}

#[tokio::test]
async fn an_unknown_code_is_kept() {
    let error = error_of(refusal(418, "out_of_tea")).await;

    assert_eq!(error.code().unwrap().as_str(), "out_of_tea");
}

#[tokio::test]
async fn html_with_an_error_status_is_a_gateway_error() {
    for status in [400, 403, 502, 504] {
        let page = ResponseTemplate::new(status).set_body_raw("<html></html>", "text/html");

        let error = error_of(page).await;

        assert!(matches!(error, Error::Gateway { .. }), "{error:?}");
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(error.is_retryable(), status >= 500);
    }
}

#[tokio::test]
async fn words_of_other_error_bodies_are_kept() {
    let cases = [
        (r#"{"error": "no such tenant"}"#, "no such tenant"),
        (r#"{"error": {"message": "no", "code": 7}}"#, "no"),
        (r#"{"error": {"message": "no code"}}"#, "no code"),
        (
            r#"{"message": "quota\n exceeded", "request": 1}"#,
            "quota exceeded",
        ),
        (
            r#"{"errors": ["first", {"detail": "second"}]}"#,
            "first; second",
        ),
        (r#"[{"message": "in a list"}]"#, "in a list"),
        (
            r#"{"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "by policy"}"#,
            "Forbidden; by policy",
        ),
        (r#""only text""#, "only text"),
    ];
    for (response, message) in cases {
        let page = ResponseTemplate::new(403).set_body_raw(response, "application/problem+json");

        let error = error_of(page).await;

        let text = "GET /locations/1 returned 403 Forbidden without an API error";
        assert_eq!(error.to_string(), format!("{text}: {message}"));
        assert_eq!(error.code(), None, "{response}");
    }
}

#[tokio::test]
async fn bodies_without_words_add_nothing_to_an_error() {
    for response in [
        "{}",
        "[]",
        "null",
        r#"{"error": null}"#,
        r#"{"token": "secret"}"#,
        "cut {",
    ] {
        let error = error_of(ResponseTemplate::new(500).set_body_string(response)).await;

        let text = "GET /locations/1 returned 500 Internal Server Error without an API error";
        assert_eq!(error.to_string(), text, "{response}");
    }
}

#[tokio::test]
async fn words_of_other_error_bodies_are_bounded_and_without_secrets_of_the_request() {
    let api = MockServer::start().await;
    let secret = "runcmd: [echo s3cret-password-of-the-server]";
    let message = format!("bad value {secret} {}", "long ".repeat(200));
    let refused = ResponseTemplate::new(400).set_body_json(json!({ "error": message }));
    respond(&api, "POST", "/servers", [refused]).await;
    let mut request = CreateServer::new("web1", "cx23", "debian-13");
    request.user_data = Some(secret.into());

    let error = client(&api).servers().create(&request).await.unwrap_err();

    let text = error.to_string();
    assert!(text.contains("bad value [redacted] long"), "{text}");
    assert!(text.ends_with('…') && text.len() < 700, "{text}");
}

#[tokio::test]
async fn a_malformed_response_is_a_decode_error() {
    let responses = [
        "<html></html>",
        "",
        r#"{"location": {"id": 1, "#,
        r#"{"location": null}"#,
        "{}",
        "[]",
    ];
    for response in responses {
        let error = error_of(body(response)).await;

        assert!(
            matches!(error, Error::Decode { .. }),
            "{response}: {error:?}"
        );
        assert!(error.source().is_some());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = ResponseTemplate::new(302).insert_header("location", "http://example.com/");

    let error = error_of(elsewhere).await;

    assert_eq!(error.status(), Some(StatusCode::FOUND));
}

#[test]
fn an_invalid_token_is_refused() {
    for token in ["", "with space", "line\nbreak", "trailing\n", "tökén"] {
        let error = Client::new(token).unwrap_err();

        assert!(matches!(error, Error::InvalidToken), "{token:?}");
    }
}

#[test]
fn an_invalid_endpoint_is_refused() {
    for endpoint in [
        "",
        "api.hetzner.cloud",
        "ftp://api.hetzner.cloud",
        "http://",
    ] {
        let error = Client::builder(TOKEN)
            .endpoint(endpoint)
            .build()
            .unwrap_err();

        assert!(
            matches!(error, Error::InvalidEndpoint { .. }),
            "{endpoint:?}"
        );
    }
}

#[test]
#[cfg(feature = "rustls")]
fn invalid_root_certificates_are_refused() {
    for pem in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let error = Client::builder(TOKEN)
            .root_certificates(pem)
            .build()
            .unwrap_err();

        assert!(
            matches!(error, Error::InvalidRootCertificate { .. }),
            "{pem:?}"
        );
    }
}

/// `fixtures/error_codes.txt` has the documented codes, and those of the official client.
#[test]
fn every_documented_code_is_known() {
    for code in include_str!("fixtures/error_codes.txt").lines() {
        let known = ErrorCode::from(code);

        assert!(!matches!(known, ErrorCode::Unknown(_)), "{code}");
        assert_eq!(known.as_str(), code);
    }
}

#[tokio::test]
async fn the_alternate_form_names_the_reason() {
    let api = MockServer::start().await;
    respond(&api, "GET", "/locations/1", [refusal(404, "not_found")]).await;
    let away = Client::builder("token")
        .endpoint("http://127.0.0.1:1")
        .retry(RetryPolicy::never());
    let away = away.build().unwrap();

    let refused = client(&api).locations().get(LocationId::new(1)).await;
    let no_connection = away.locations().get(LocationId::new(1)).await;

    let refused = refused.unwrap_err();
    assert_eq!(refused.to_string(), "GET /locations/1 was refused");
    assert_eq!(
        format!("{refused:#}"),
        "GET /locations/1 was refused: no (not_found)"
    );
    let chain = format!("{:#}", no_connection.unwrap_err());
    assert!(
        chain.starts_with("no connection for GET /locations/1: "),
        "{chain}"
    );
    assert!(chain.contains("refused"), "{chain}");
    let label = Error::from(Labels::new().with("no key", "").unwrap_err());
    assert_eq!(format!("{label:#}"), "invalid label key \"no key\"");
    let as_anyhow = anyhow::Error::from(refused);
    assert_eq!(
        format!("{as_anyhow:#}"),
        "GET /locations/1 was refused: no (not_found)"
    );
}
