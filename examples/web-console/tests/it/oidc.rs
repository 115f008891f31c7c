//! Login at an identity provider, which is a part of these tests: a small one that follows the
//! specification and refuses what it forbids.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreGenderClaim, CoreIdToken, CoreJsonWebKeySet,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, Audience, EmptyAdditionalClaims, EndUserEmail, EndUserUsername, IdTokenClaims,
    IssuerUrl, JsonWebKeyId, Nonce, PkceCodeChallenge, PkceCodeVerifier, PrivateSigningKey,
    StandardClaims, SubjectIdentifier,
};
use rcgen::{KeyPair, PKCS_ED25519};
use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use web_console::{Oidc, Settings};

use crate::site::{Database, Site, TestResponse, client, send};

const CLIENT: &str = "web-console";
/// Characters that have to be encoded in the header.
const CLIENT_SECRET: &str = "s3cret: +/%";

/// What the provider does otherwise than a good one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Nonce,
    Audience,
    Expired,
    Issuer,
    Key,
    AccessToken,
}

struct Shared {
    issuer: String,
    key: String,
    fault: Mutex<Fault>,
    /// The requests of codes that have not been exchanged.
    codes: Mutex<HashMap<String, HashMap<String, String>>>,
}

/// A provider where everyone is `anna`.
struct Provider {
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            issuer,
            key: new_key(),
            fault: Mutex::new(Fault::None),
            codes: Mutex::default(),
        });
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(shared.clone());
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            shared,
            _task: task,
        }
    }

    fn set(&self, claim: &str) -> impl FnOnce(&mut Settings) {
        let mut oidc = Oidc::new(&self.shared.issuer, CLIENT);
        oidc.client_secret = Some(CLIENT_SECRET.into());
        oidc.claim = claim.to_owned();
        oidc.label = "Example Inc.".to_owned();
        |settings| settings.oidc = Some(oidc)
    }

    async fn site(&self) -> Site {
        Site::of(Database::in_memory(), self.set("preferred_username")).await
    }
}

fn new_key() -> String {
    KeyPair::generate_for(&PKCS_ED25519)
        .unwrap()
        .serialize_pem()
}

fn signing_key(pem: &str) -> CoreEdDsaPrivateSigningKey {
    let id = JsonWebKeyId::new("1".to_owned());
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(pem, Some(id)).unwrap()
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let issuer = &shared.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
}

async fn keys(State(shared): State<Arc<Shared>>) -> Json<CoreJsonWebKeySet> {
    let key = signing_key(&shared.key).as_verification_key();
    Json(CoreJsonWebKeySet::new(vec![key]))
}

/// Logs in at once.
async fn authorize(
    State(shared): State<Arc<Shared>>,
    Query(request): Query<HashMap<String, String>>,
) -> Response {
    let scopes: Vec<_> = request["scope"].split(' ').collect();
    let is_valid = request["response_type"] == "code"
        && request["client_id"] == CLIENT
        && request["code_challenge_method"] == "S256"
        && scopes.contains(&"openid");
    if !is_valid {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let mut codes = shared.codes.lock().unwrap();
    let code = format!("code-{}", codes.len());
    let (back, state) = (&request["redirect_uri"], &request["state"]);
    let address = format!("{back}?code={code}&state={state}");
    codes.insert(code, request.clone());
    Redirect::to(&address).into_response()
}

/// Exchanges a code, once.
async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(request): Form<HashMap<String, String>>,
) -> Response {
    let authorized = headers
        .get(header::AUTHORIZATION)
        .unwrap()
        .to_str()
        .unwrap();
    // RFC 6749, 2.3.1: both parts are encoded as in a form.
    let expected = "Basic d2ViLWNvbnNvbGU6czNjcmV0JTNBKyUyQiUyRiUyNQ==";
    let Some(begun) = shared.codes.lock().unwrap().remove(&request["code"]) else {
        return (
            StatusCode::BAD_REQUEST,
            Json(json!({ "error": "invalid_grant" })),
        )
            .into_response();
    };
    let verifier = PkceCodeVerifier::new(request["code_verifier"].clone());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    assert_eq!(authorized, expected);
    assert_eq!(challenge.as_str(), begun["code_challenge"]);
    assert_eq!(request["grant_type"], "authorization_code");
    assert_eq!(request["redirect_uri"], begun["redirect_uri"]);

    let fault = *shared.fault.lock().unwrap();
    let other = |wrong, right: &str| {
        if fault == wrong {
            "another".to_owned()
        } else {
            right.to_owned()
        }
    };
    let access = AccessToken::new("opaque".to_owned());
    let issuer = match fault {
        Fault::Issuer => "https://another.example.org",
        _ => &shared.issuer,
    };
    let now = SystemTime::now();
    let expires = match fault {
        Fault::Expired => now - Duration::from_secs(3600),
        _ => now + Duration::from_secs(300),
    };
    let subject = SubjectIdentifier::new("4711".to_owned());
    let standard = StandardClaims::<CoreGenderClaim>::new(subject)
        .set_preferred_username(Some(EndUserUsername::new("anna".to_owned())))
        .set_email(Some(EndUserEmail::new("anna@example.org".to_owned())))
        .set_email_verified(Some(false));
    let claims = IdTokenClaims::new(
        IssuerUrl::new(issuer.to_owned()).unwrap(),
        vec![Audience::new(other(Fault::Audience, CLIENT))],
        expires.into(),
        now.into(),
        standard,
        EmptyAdditionalClaims {},
    )
    .set_nonce(Some(Nonce::new(other(Fault::Nonce, &begun["nonce"]))));
    let key = match fault {
        Fault::Key => new_key(),
        _ => shared.key.clone(),
    };
    let hashed = AccessToken::new(other(Fault::AccessToken, access.secret()));
    let id_token: CoreIdToken = openidconnect::IdToken::<
        EmptyAdditionalClaims,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >::new(
        claims,
        &signing_key(&key),
        CoreJwsSigningAlgorithm::EdDsa,
        Some(&hashed),
        None,
    )
    .unwrap();
    Json(json!({
        "access_token": access.secret(), "token_type": "Bearer", "expires_in": 300, "id_token": id_token,
    }))
    .into_response()
}

/// A browser on its way to the provider: the cookie of the login, and where the provider leads to.
async fn visit_provider(site: &Site) -> (String, String) {
    let begun = site.anonymous().get("/login/oidc").await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    let cookie = begun.headers.get(SET_COOKIE).unwrap().to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let authorized = send(client().get(begun.location())).await;
    let back = authorized.location().strip_prefix(&site.origin).unwrap();
    (cookie, back.to_owned())
}

/// A browser that comes back from the provider.
async fn come_back(site: &Site, cookie: Option<String>, path: &str) -> TestResponse {
    let mut browser = site.anonymous();
    browser.cookie = cookie;
    let request = browser.request(reqwest::Method::GET, path);
    send(request.header("sec-fetch-site", "cross-site")).await
}

#[tokio::test]
async fn user_logs_in_at_the_provider() {
    let provider = Provider::start().await;
    let site = provider.site().await;
    site.add_user("anna", json!(null)).await;
    let page = site.anonymous().get("/login").await.text;
    assert!(page.contains("Log in with Example Inc."), "{page}");

    let (cookie, back) = visit_provider(&site).await;
    let response = come_back(&site, Some(cookie.clone()), &back).await;

    assert_eq!(response.location(), "/", "{}", response.text);
    let mut anna = site.anonymous();
    let session = response.headers.get(SET_COOKIE).unwrap();
    anna.set_cookie(session.to_str().unwrap()).await;
    assert!(anna.get("/").await.text.contains("anna"));
    assert_eq!(site.audit().await, ["anna login ok"]);
    // The code is valid once.
    let again = come_back(&site, Some(cookie), &back).await;
    assert_eq!(again.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn login_of_another_browser_is_refused() {
    let provider = Provider::start().await;
    let site = provider.site().await;
    site.add_user("anna", json!(null)).await;
    let (_, back) = visit_provider(&site).await;
    let (other, _) = visit_provider(&site).await;

    let without = come_back(&site, None, &back).await;
    assert_eq!(without.location(), "/login");
    let with_other = come_back(&site, Some(other), &back).await;
    assert_eq!(with_other.status, StatusCode::FORBIDDEN);
    assert_eq!(site.audit().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_provider_must_not_say_is_refused() {
    let provider = Provider::start().await;
    let site = provider.site().await;
    site.add_user("anna", json!(null)).await;
    for fault in [
        Fault::Nonce,
        Fault::Audience,
        Fault::Expired,
        Fault::Issuer,
        Fault::Key,
        Fault::AccessToken,
    ] {
        *provider.shared.fault.lock().unwrap() = fault;
        let (cookie, back) = visit_provider(&site).await;

        let response = come_back(&site, Some(cookie), &back).await;

        assert_eq!(response.status, StatusCode::BAD_GATEWAY, "{fault:?}");
        assert!(response.headers.get(SET_COOKIE).is_none());
    }
    let (cookie, back) = visit_provider(&site).await;
    for query in [
        "&error=access_denied",
        "&iss=https%3A%2F%2Fanother.example.org",
    ] {
        let response = come_back(&site, Some(cookie.clone()), &format!("{back}{query}")).await;
        assert_eq!(response.status, StatusCode::BAD_GATEWAY, "{query}");
    }
}

#[tokio::test]
async fn user_needs_an_account_here() {
    let provider = Provider::start().await;
    let site = provider.site().await;
    for disabled in [None, Some(true)] {
        if let Some(disabled) = disabled {
            site.add_user("anna", json!(null)).await;
            let mut user = site.accounts.user("anna").await.unwrap().unwrap();
            user.disabled = disabled;
            site.accounts.put_user(&user).await.unwrap();
        }
        let (cookie, back) = visit_provider(&site).await;

        let response = come_back(&site, Some(cookie), &back).await;

        assert_eq!(response.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(site.audit().await, ["anna login no_account"; 2]);
}

#[tokio::test]
async fn claim_of_the_settings_names_the_user() {
    let provider = Provider::start().await;
    for (claim, status) in [
        ("sub", StatusCode::SEE_OTHER),
        ("email", StatusCode::BAD_GATEWAY),
        ("nickname_at_work", StatusCode::BAD_GATEWAY),
    ] {
        let site = Site::of(Database::in_memory(), provider.set(claim)).await;
        for name in ["4711", "anna@example.org"] {
            site.add_user(name, json!(null)).await;
        }
        let (cookie, back) = visit_provider(&site).await;

        let response = come_back(&site, Some(cookie), &back).await;

        assert_eq!(response.status, status, "{claim}: {}", response.text);
    }
}

#[tokio::test]
async fn provider_that_is_away_is_an_error_of_the_gateway() {
    let site = Site::with(|settings| {
        settings.oidc = Some(Oidc::new("http://127.0.0.1:1", CLIENT));
    })
    .await;

    let response = site.anonymous().get("/login/oidc").await;

    assert_eq!(response.status, StatusCode::BAD_GATEWAY);
    let without = Site::new().await;
    let response = without.anonymous().get("/login/oidc").await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
}
