//! The second factor of a login by password.

use std::time::{Duration, SystemTime};

use hcc_store::SecondFactor;
use reqwest::StatusCode;
use reqwest::header::SET_COOKIE;
use serde_json::json;
use totp_rs::{Builder, Secret};

use crate::site::{PASSWORD, Site, TestClient, TestResponse};

pub(crate) const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// The code that an app shows some steps of 30 seconds from now.
pub(crate) fn code(secret: &str, steps: i64) -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let time = since.unwrap().as_secs().checked_add_signed(steps * 30);
    let secret = Secret::try_from_base32(secret).unwrap();
    let totp = Builder::new().with_secret(secret).with_account_name("anna");
    totp.build().unwrap().generate(time.unwrap()).to_string()
}

/// Adds a user with a second factor.
pub(crate) async fn add_user(site: &Site, name: &str) {
    site.add_user(name, json!({ "admin": true })).await;
    let mut user = site.accounts.user(name).await.unwrap().unwrap();
    user.second_factor = Some(SecondFactor {
        secret: SECRET.into(),
        recovery: Vec::new(),
    });
    assert!(site.accounts.put_user(&user).await.unwrap());
}

/// A browser in which the password has been entered.
async fn enter_password(site: &Site, name: &str) -> TestClient {
    let mut client = site.anonymous();
    let form = [("name", name), ("password", PASSWORD)];
    let response = client.post_raw("/login", &form).await;
    assert_eq!(response.location(), "/login/code", "{}", response.text);
    let cookies = response.headers.get_all(SET_COOKIE).iter();
    let cookies: Vec<_> = cookies.map(|it| it.to_str().unwrap()).collect();
    let [cookie] = *cookies else {
        panic!("a session before the second factor: {cookies:?}");
    };
    client.cookie = cookie.split(';').next().map(str::to_owned);
    client
}

async fn enter_code(client: &TestClient, code: &str) -> TestResponse {
    client.post_raw("/login/code", &[("code", code)]).await
}

#[tokio::test]
async fn user_sets_up_an_app_and_logs_in_with_its_codes() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    let anna = site.log_in("anna").await;

    let page = anna.get("/account/second-factor").await.text;
    let (_, rest) = page.split_once("name=\"secret\" value=\"").unwrap();
    let secret = rest.split('"').next().unwrap().to_owned();
    assert!(page.contains("data:image/svg+xml,") && page.contains("otpauth://totp/"));
    let turn_on = async |password, code: &str| {
        let form = [
            ("do", "on"),
            ("secret", &*secret),
            ("password", password),
            ("code", code),
        ];
        anna.post("/account/second-factor", &form).await
    };
    let refused = turn_on("not the password", &code(&secret, 0)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains(&secret), "the picture stays");
    let refused = turn_on(PASSWORD, "000000").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let codes = turn_on(PASSWORD, &code(&secret, -1)).await.text;
    assert_eq!(codes.matches("<li><code>").count(), 10, "{codes}");

    let client = enter_password(&site, "anna").await;
    assert_eq!(client.get("/").await.location(), "/login");
    let wrong = enter_code(&client, "000000").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let right = enter_code(&client, &code(&secret, 0)).await;
    assert_eq!(right.location(), "/");
    let audit = site.audit().await;
    for entry in [
        "anna second factor wrong_password",
        "anna turn on second factor asked",
        "anna login wrong_code",
        "anna login ok",
    ] {
        assert!(audit.iter().any(|it| it == entry), "{entry}: {audit:?}");
    }
}

#[tokio::test]
async fn code_is_valid_once() {
    let site = Site::new().await;
    add_user(&site, "anna").await;
    let code = code(SECRET, 0);

    let first = enter_password(&site, "anna").await;
    let second = enter_password(&site, "anna").await;
    assert_eq!(enter_code(&first, &code).await.location(), "/");

    let replayed = enter_code(&second, &code).await;
    assert_eq!(replayed.status, StatusCode::UNAUTHORIZED);
    // Neither is the password that was entered before.
    let again = enter_code(&first, &self::code(SECRET, 1)).await;
    assert_eq!(again.location(), "/login");
}

#[tokio::test]
async fn recovery_code_replaces_the_app_once() {
    let site = Site::new().await;
    add_user(&site, "anna").await;
    let client = enter_password(&site, "anna").await;
    let logged_in = enter_code(&client, &code(SECRET, 0)).await;
    let mut anna = site.anonymous();
    let session = logged_in.headers.get(SET_COOKIE).unwrap();
    anna.set_cookie(session.to_str().unwrap()).await;
    let form = [("do", "codes"), ("password", PASSWORD)];
    let page = anna.post("/account/second-factor", &form).await.text;
    let (_, rest) = page.split_once("<li><code>").unwrap();
    let recovery = rest.split('<').next().unwrap();

    let typed = recovery.to_uppercase().replace('-', " ");
    let client = enter_password(&site, "anna").await;
    assert_eq!(enter_code(&client, &typed).await.location(), "/");

    let client = enter_password(&site, "anna").await;
    let again = enter_code(&client, recovery).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    let audit = site.audit().await;
    let used = "anna use recovery code, 9 left asked".to_owned();
    assert!(audit.contains(&used), "{audit:?}");
}

#[tokio::test]
async fn codes_cannot_be_guessed() {
    let site = Site::new().await;
    add_user(&site, "anna").await;
    let mut statuses = Vec::new();
    // Another login does not begin again.
    for _ in 0..2 {
        let client = enter_password(&site, "anna").await;
        for number in 0..6 {
            let response = enter_code(&client, &format!("00000{number}")).await;
            statuses.push(response.status);
        }
    }

    assert_eq!(statuses[..10], [StatusCode::UNAUTHORIZED; 10]);
    assert_eq!(statuses[10..], [StatusCode::TOO_MANY_REQUESTS; 2]);
}

#[tokio::test]
async fn new_password_ends_a_login_that_has_begun() {
    let site = Site::new().await;
    add_user(&site, "anna").await;
    let client = enter_password(&site, "anna").await;

    let root = site.admin().await;
    root.post("/users/anna", &[("do", "password")]).await;

    let response = enter_code(&client, &code(SECRET, 0)).await;
    assert_eq!(response.location(), "/login");
}

#[tokio::test]
async fn admin_removes_a_lost_second_factor() {
    let site = Site::new().await;
    add_user(&site, "anna").await;
    let root = site.admin().await;

    let response = root.post("/users/anna", &[("do", "second-factor")]).await;

    assert_eq!(response.location(), "/users/anna");
    site.log_in("anna").await;
    let audit = site.audit().await;
    let entry = "root reset second factor of anna asked".to_owned();
    assert!(audit.contains(&entry), "{audit:?}");
}

#[tokio::test]
async fn second_factor_is_turned_off_with_the_password_only() {
    let site = Site::new().await;
    add_user(&site, "anna").await;
    let client = enter_password(&site, "anna").await;
    let logged_in = enter_code(&client, &code(SECRET, 0)).await;
    let mut anna = site.anonymous();
    let session = logged_in.headers.get(SET_COOKIE).unwrap();
    anna.set_cookie(session.to_str().unwrap()).await;

    let form = [("do", "off"), ("password", "not the password")];
    let response = anna.post("/account/second-factor", &form).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    let form = [("do", "off"), ("password", PASSWORD)];
    let response = anna.post("/account/second-factor", &form).await;

    assert_eq!(response.location(), "/account");
    site.log_in("anna").await;
}

#[tokio::test]
async fn unfinished_logins_expire() {
    let site = Site::new().await;
    add_user(&site, "anna").await;
    enter_password(&site, "anna").await;

    let now = SystemTime::now();
    let begun = async |after| {
        let tokens = site.accounts.tokens("login", Some("anna"), now + after);
        tokens.await.unwrap().len()
    };
    assert_eq!(begun(Duration::from_secs(240)).await, 1);
    assert_eq!(begun(Duration::from_secs(301)).await, 0);
}
