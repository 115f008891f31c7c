//! Logging in and out, and sessions in between.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::site::{PASSWORD, Site, send};

#[tokio::test]
async fn every_page_redirects_to_the_login_without_a_session() {
    let site = Site::new().await;
    let anonymous = site.anonymous();

    for path in [
        "/",
        "/servers/web",
        "/servers/web/screen",
        "/servers.json",
        "/events",
        "/new",
        "/users",
        "/users/root",
        "/audit",
        "/account",
    ] {
        let response = anonymous.get(path).await;
        assert_eq!(
            (response.status, response.location()),
            (StatusCode::SEE_OTHER, "/login"),
            "{path}"
        );
    }
    for path in [
        "/servers/web",
        "/new",
        "/sync",
        "/users",
        "/users/root",
        "/account",
        "/logout",
        "/commands/1",
        "/screen/l.html",
    ] {
        let response = anonymous.post(path, &[]).await;
        assert_eq!(
            (response.status, response.location()),
            (StatusCode::SEE_OTHER, "/login"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn name_and_password_log_a_user_in() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;

    let anna = site.log_in("anna").await;
    let page = anna.get("/").await;

    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("anna"));
    assert_eq!(site.audit().await, ["anna login ok"]);
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_get_the_same_response() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;

    for (name, password) in [
        ("anna", "wrong horse battery"),
        ("anna", ""),
        ("berta", PASSWORD),
    ] {
        let response = site.anonymous().log_in(name, password).await;

        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(response.headers().get("set-cookie").is_none());
        assert!(
            response
                .text()
                .await
                .unwrap()
                .contains("Wrong name or password.")
        );
    }
}

#[tokio::test]
async fn cookie_is_hidden_from_scripts_and_other_sites() {
    let site =
        Site::with(|settings| settings.origin = "https://console.example".parse().unwrap()).await;
    site.add_user("anna", json!(null)).await;

    let login = [("name", "anna"), ("password", PASSWORD)];
    let request = site.anonymous().request(Method::POST, "/login");
    let response = send(request.header("host", "console.example").form(&login)).await;

    let cookie = response.header("set-cookie");
    assert!(cookie.starts_with("__Host-hcc="), "{cookie}");
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
}

#[tokio::test]
async fn login_replaces_the_session_of_the_browser() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    site.add_user("mallory", json!(null)).await;
    let mallory = site.log_in("mallory").await;
    let mut anna = site.anonymous();
    anna.cookie = mallory.cookie.clone();

    anna.log_in("anna", PASSWORD).await;

    assert_ne!(anna.cookie, mallory.cookie);
    assert_eq!(mallory.get("/").await.location(), "/login");
}

#[tokio::test]
async fn invalid_session_tokens_are_refused() {
    let site = Site::new().await;
    let mut anonymous = site.anonymous();

    for cookie in ["hcc=", "hcc=00", "hcc=../../etc", "other=1"] {
        anonymous.cookie = Some(cookie.to_owned());
        assert_eq!(anonymous.get("/").await.location(), "/login");
    }
}

#[tokio::test]
async fn logout_ends_the_session() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    let anna = site.log_in("anna").await;

    let response = anna.post("/logout", &[]).await;

    assert_eq!(response.location(), "/login");
    assert!(response.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(anna.get("/").await.location(), "/login");
    assert_eq!(site.audit().await, ["anna login ok", "anna logout ok"]);
}

#[tokio::test]
async fn session_ends_after_the_idle_timeout_or_the_maximum_duration() {
    for (idle_timeout, max_session) in [(0, 1000), (1000, 0)] {
        let site = Site::with(|settings| {
            settings.idle_timeout = Duration::from_secs(idle_timeout);
            settings.max_session = Duration::from_secs(max_session);
        })
        .await;
        site.add_user("anna", json!(null)).await;
        let login = [("name", "anna"), ("password", PASSWORD)];
        let response = site.anonymous().post_raw("/login", &login).await;
        let mut anna = site.anonymous();
        anna.cookie = response
            .header("set-cookie")
            .split(';')
            .next()
            .map(Into::into);

        assert_eq!(anna.get("/").await.location(), "/login");
    }
}

#[tokio::test]
async fn disabled_user_loses_the_session_at_once() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    let anna = site.log_in("anna").await;
    let mut user = site.accounts.user("anna").await.unwrap().unwrap();

    user.disabled = true;
    assert!(site.accounts.put_user(&user).await.unwrap());

    assert_eq!(anna.get("/").await.location(), "/login");
    let response = site.anonymous().log_in("anna", PASSWORD).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn password_guesses_are_rate_limited() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;

    let mut statuses = Vec::new();
    for _ in 0..11 {
        let response = site.anonymous().log_in("anna", "a wrong one").await;
        statuses.push(response.status());
    }

    assert_eq!(statuses[9], StatusCode::UNAUTHORIZED);
    assert_eq!(statuses[10], StatusCode::TOO_MANY_REQUESTS);
    let response = site.anonymous().log_in("anna", PASSWORD).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn correct_passwords_do_not_count_against_the_limit() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;

    for _ in 0..25 {
        site.log_in("anna").await;
    }
}

#[tokio::test]
async fn two_hundred_concurrent_logins_do_not_lock_anna_out() {
    let proxy = "127.0.0.1".parse().unwrap();
    let site = Site::with(|settings| settings.trusted_proxies = vec![proxy]).await;
    site.add_user("anna", json!(null)).await;

    let logins = site.start_wrong_logins(200);
    let anna = site.log_in("anna").await;
    let statuses = logins.join_all().await;

    assert_eq!(anna.get("/").await.status, StatusCode::OK);
    assert!(
        statuses
            .iter()
            .all(|status| *status == StatusCode::UNAUTHORIZED),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn only_a_trusted_proxy_names_the_user() {
    let trusting = |proxy: &'static str| {
        Site::with(move |settings| {
            settings.trusted_proxies = vec![proxy.parse().unwrap()];
            settings.user_header = Some("x-user".parse().unwrap());
        })
    };
    for (proxy, user, status) in [
        ("127.0.0.1", "anna", StatusCode::SEE_OTHER),
        ("127.0.0.1", "berta", StatusCode::FORBIDDEN),
        ("192.0.2.1", "anna", StatusCode::FORBIDDEN),
    ] {
        let site = trusting(proxy).await;
        site.add_user("anna", json!(null)).await;
        let login = site
            .anonymous()
            .request(Method::GET, "/login")
            .header("x-user", user);

        assert_eq!(send(login).await.status, status);
        let response = site.anonymous().log_in("anna", PASSWORD).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn session_is_valid_only_for_the_user_that_the_proxy_names() {
    let site = Site::with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        settings.user_header = Some("x-user".parse().unwrap());
    })
    .await;
    site.add_user("anna", json!(null)).await;
    let login = site
        .anonymous()
        .request(Method::GET, "/login")
        .header("x-user", "anna");
    let cookie = send(login).await.header("set-cookie").to_owned();
    let page = |user| {
        let request = site.anonymous().request(Method::GET, "/");
        send(
            request
                .header("cookie", cookie.split(';').next().unwrap())
                .header("x-user", user),
        )
    };

    assert_eq!(page("anna").await.status, StatusCode::OK);
    assert_eq!(page("berta").await.location(), "/login");
}

#[tokio::test]
async fn user_ends_sessions_in_other_browsers() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    site.add_user("berta", json!(null)).await;
    let (here, there) = (site.log_in("anna").await, site.log_in("anna").await);
    let berta = site.log_in("berta").await;
    let page = here.get("/account").await.text;
    let other = |page: &str| {
        let (_, rest) = page.split_once("name=\"session\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    assert_eq!(page.matches("Log out there").count(), 1, "{page}");

    let session = other(&page);
    berta.post("/account/sessions", &[("session", &session)]).await;
    assert_eq!(there.get("/").await.status, StatusCode::OK);
    here.post("/account/sessions", &[("session", &session)]).await;
    assert_eq!(there.get("/").await.location(), "/login");

    let third = site.log_in("anna").await;
    here.post("/account/sessions", &[]).await;
    assert_eq!(third.get("/").await.location(), "/login");
    for client in [here, berta] {
        assert_eq!(client.get("/").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn new_password_ends_all_other_sessions() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    let (here, there) = (site.log_in("anna").await, site.log_in("anna").await);

    // The form says what is wrong with which field.
    let short = here
        .post("/account", &[("old", PASSWORD), ("new", "short")])
        .await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = here
        .post("/account", &[("old", "wrong"), ("new", "another good one")])
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let changed = here
        .post(
            "/account",
            &[("old", PASSWORD), ("new", "another good one")],
        )
        .await;

    assert_eq!(changed.location(), "/");
    assert_eq!(there.get("/").await.location(), "/login");
    assert_eq!(here.get("/").await.location(), "/login");
    let mut again = site.anonymous();
    again.set_cookie(changed.header("set-cookie")).await;
    assert_eq!(again.get("/").await.status, StatusCode::OK);
}
