//! Logging in, staying, and logging out.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::site::{PASSWORD, Site, answer};

#[tokio::test]
async fn stranger_is_sent_to_the_login_from_every_page() {
    let site = Site::new().await;
    let stranger = site.stranger();

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
        let answer = stranger.get(path).await;
        assert_eq!(
            (answer.status, answer.location()),
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
        let answer = stranger.post(path, &[]).await;
        assert_eq!(
            (answer.status, answer.location()),
            (StatusCode::SEE_OTHER, "/login"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn who_knows_name_and_password_gets_in() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;

    let anna = site.visitor("anna").await;
    let page = anna.get("/").await;

    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("anna"));
    assert_eq!(site.audit().await, ["anna login ok"]);
}

#[tokio::test]
async fn wrong_names_and_passwords_get_the_same_answer() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;

    for (name, password) in [
        ("anna", "wrong horse battery"),
        ("anna", ""),
        ("berta", PASSWORD),
    ] {
        let answer = site.stranger().log_in(name, password).await;

        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.headers().get("set-cookie").is_none());
        assert!(
            answer
                .text()
                .await
                .unwrap()
                .contains("Name and password do not fit.")
        );
    }
}

#[tokio::test]
async fn cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let site =
        Site::with(|settings| settings.origin = "https://console.example".parse().unwrap()).await;
    site.add_user("anna", json!(null)).await;

    let login = [("name", "anna"), ("password", PASSWORD)];
    let request = site.stranger().request(Method::POST, "/login");
    let answer = answer(request.header("host", "console.example").form(&login)).await;

    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-hcc="), "{cookie}");
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
}

#[tokio::test]
async fn session_of_before_does_not_become_that_of_who_logs_in() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    site.add_user("mallory", json!(null)).await;
    let mallory = site.visitor("mallory").await;
    let mut anna = site.stranger();
    anna.cookie = mallory.cookie.clone();

    anna.log_in("anna", PASSWORD).await;

    assert_ne!(anna.cookie, mallory.cookie);
    assert_eq!(mallory.get("/").await.location(), "/login");
}

#[tokio::test]
async fn invented_session_is_none() {
    let site = Site::new().await;
    let mut stranger = site.stranger();

    for cookie in ["hcc=", "hcc=00", "hcc=../../etc", "other=1"] {
        stranger.cookie = Some(cookie.to_owned());
        assert_eq!(stranger.get("/").await.location(), "/login");
    }
}

#[tokio::test]
async fn logout_ends_the_session() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    let anna = site.visitor("anna").await;

    let answer = anna.post("/logout", &[]).await;

    assert_eq!(answer.location(), "/login");
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(anna.get("/").await.location(), "/login");
    assert_eq!(site.audit().await, ["anna login ok", "anna logout ok"]);
}

#[tokio::test]
async fn session_ends_when_nothing_is_asked_for_or_after_its_longest() {
    for (idle, longest) in [(0, 1000), (1000, 0)] {
        let site = Site::with(|settings| {
            settings.idle = Duration::from_secs(idle);
            settings.longest = Duration::from_secs(longest);
        })
        .await;
        site.add_user("anna", json!(null)).await;
        let login = [("name", "anna"), ("password", PASSWORD)];
        let answer = site.stranger().post_raw("/login", &login).await;
        let mut anna = site.stranger();
        anna.cookie = answer
            .header("set-cookie")
            .split(';')
            .next()
            .map(Into::into);

        assert_eq!(anna.get("/").await.location(), "/login");
    }
}

#[tokio::test]
async fn disabled_user_is_out_at_once() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    let anna = site.visitor("anna").await;
    let mut user = site.accounts.user("anna").await.unwrap().unwrap();

    user.disabled = true;
    assert!(site.accounts.put_user(&user).await.unwrap());

    assert_eq!(anna.get("/").await.location(), "/login");
    let answer = site.stranger().log_in("anna", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guesses_are_slowed_down() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;

    let mut statuses = Vec::new();
    for _ in 0..11 {
        let answer = site.stranger().log_in("anna", "a wrong one").await;
        statuses.push(answer.status());
    }

    assert_eq!(statuses[9], StatusCode::UNAUTHORIZED);
    assert_eq!(statuses[10], StatusCode::TOO_MANY_REQUESTS);
    let answer = site.stranger().log_in("anna", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn right_passwords_do_not_count_as_guesses() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;

    for _ in 0..25 {
        site.visitor("anna").await;
    }
}

#[tokio::test]
async fn two_hundred_logins_at_once_are_answered_and_anna_still_gets_in() {
    let proxy = "127.0.0.1".parse().unwrap();
    let site = Site::with(|settings| settings.proxies = vec![proxy]).await;
    site.add_user("anna", json!(null)).await;

    let mut logins = tokio::task::JoinSet::new();
    for number in 0..200 {
        let login = [
            ("name", format!("user-{number}")),
            ("password", "a wrong one".to_owned()),
        ];
        let request = site.stranger().request(Method::POST, "/login");
        let request = request
            .header("x-forwarded-for", format!("192.0.2.{number}"))
            .form(&login);
        logins.spawn(async move { answer(request).await.status });
    }
    let anna = site.visitor("anna").await;
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
async fn user_is_named_by_a_proxy_that_is_believed_and_by_no_other() {
    let believed = |proxy: &'static str| {
        Site::with(move |settings| {
            settings.proxies = vec![proxy.parse().unwrap()];
            settings.user_header = Some("x-user".parse().unwrap());
        })
    };
    for (proxy, user, status) in [
        ("127.0.0.1", "anna", StatusCode::SEE_OTHER),
        ("127.0.0.1", "berta", StatusCode::FORBIDDEN),
        ("192.0.2.1", "anna", StatusCode::FORBIDDEN),
    ] {
        let site = believed(proxy).await;
        site.add_user("anna", json!(null)).await;
        let login = site
            .stranger()
            .request(Method::GET, "/login")
            .header("x-user", user);

        assert_eq!(answer(login).await.status, status);
        let answer = site.stranger().log_in("anna", PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn session_from_a_proxy_is_good_for_the_user_it_names() {
    let site = Site::with(|settings| {
        settings.proxies = vec!["127.0.0.1".parse().unwrap()];
        settings.user_header = Some("x-user".parse().unwrap());
    })
    .await;
    site.add_user("anna", json!(null)).await;
    let login = site
        .stranger()
        .request(Method::GET, "/login")
        .header("x-user", "anna");
    let cookie = answer(login).await.header("set-cookie").to_owned();
    let page = |user| {
        let request = site.stranger().request(Method::GET, "/");
        answer(
            request
                .header("cookie", cookie.split(';').next().unwrap())
                .header("x-user", user),
        )
    };

    assert_eq!(page("anna").await.status, StatusCode::OK);
    assert_eq!(page("berta").await.location(), "/login");
}

#[tokio::test]
async fn new_password_ends_all_other_sessions() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;
    let (here, there) = (site.visitor("anna").await, site.visitor("anna").await);

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
    let mut again = site.stranger();
    again.keep(changed.header("set-cookie")).await;
    assert_eq!(again.get("/").await.status, StatusCode::OK);
}
