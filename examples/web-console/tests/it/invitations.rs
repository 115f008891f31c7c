//! Invitations by a link.

use std::time::{Duration, SystemTime};

use hcc_store::Tokens;
use reqwest::StatusCode;
use reqwest::header::SET_COOKIE;
use serde_json::json;

use crate::site::{Database, PASSWORD, Site, TestClient};

/// Invites a user, and returns the path of the link.
pub(crate) async fn invite(site: &Site, root: &TestClient, name: &str) -> String {
    let form = [("do", "add"), ("name", name), ("rights", "web-*: power")];
    let page = root.post("/users/invitations", &form).await.text;
    let (_, rest) = page
        .split_once(&format!("{}/join/", site.origin))
        .unwrap_or_else(|| panic!("{page}"));
    format!("/join/{}", rest.split('<').next().unwrap())
}

#[tokio::test]
async fn invited_user_chooses_a_password_and_is_logged_in() {
    let site = Site::new().await;
    site.add_server("web-1").await;
    let root = site.admin().await;
    let path = invite(&site, &root, "anna").await;

    let page = site.anonymous().get(&path).await;
    assert!(page.text.contains("Welcome, anna"), "{}", page.text);
    let join = async |password| {
        let client = site.anonymous();
        client.post_raw(&path, &[("password", password)]).await
    };
    let short = join("short").await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    let joined = join(PASSWORD).await;

    assert_eq!(joined.location(), "/");
    let mut anna = site.anonymous();
    let session = joined.headers.get(SET_COOKIE).unwrap();
    anna.set_cookie(session.to_str().unwrap()).await;
    let start = [("verb", "start")];
    assert_eq!(
        anna.post("/servers/web-1", &start).await.location(),
        "/servers/web-1"
    );
    let audit = site.audit().await;
    for entry in ["root invite anna asked", "anna join asked", "anna login ok"] {
        assert!(audit.iter().any(|it| it == entry), "{entry}: {audit:?}");
    }
}

#[tokio::test]
async fn link_is_valid_once_and_for_seven_days() {
    let site = Site::new().await;
    let root = site.admin().await;
    let path = invite(&site, &root, "anna").await;
    let now = SystemTime::now();
    let invitations = async |days: u64| {
        let then = now + Duration::from_secs(days * 86_400);
        let invitations = site.accounts.tokens("invitation", None, then);
        invitations.await.unwrap().len()
    };
    assert_eq!((invitations(6).await, invitations(8).await), (1, 0));

    let mut joining = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, path) = (site.anonymous(), path.clone());
        joining.spawn(async move {
            let form = [("password", PASSWORD)];
            client.post_raw(&path, &form).await.status
        });
    }
    let statuses = joining.join_all().await;

    let joined = |status: &&StatusCode| **status == StatusCode::SEE_OTHER;
    assert_eq!(statuses.iter().filter(joined).count(), 1, "{statuses:?}");
    let used = site.anonymous().get(&path).await;
    assert_eq!(used.status, StatusCode::GONE);
    assert_eq!(invitations(0).await, 0);
}

#[tokio::test]
async fn expired_link_is_not_valid() {
    let site = Site::new().await;
    let root = site.admin().await;
    let path = invite(&site, &root, "anna").await;
    let now = SystemTime::now();
    let invitations = site.accounts.tokens("invitation", None, now).await;
    let mut invitation = invitations.unwrap().remove(0);
    let which = Tokens::Key(&invitation.key);
    site.accounts.remove_tokens(which).await.unwrap();
    invitation.until = Some(now);
    site.accounts.put_token(&invitation).await.unwrap();

    let anonymous = site.anonymous();
    assert_eq!(anonymous.get(&path).await.status, StatusCode::GONE);
    let joined = anonymous.post_raw(&path, &[("password", PASSWORD)]).await;
    assert_eq!(joined.status, StatusCode::GONE);
    assert!(site.accounts.user("anna").await.unwrap().is_none());
}

#[tokio::test]
async fn withdrawn_invitation_is_not_valid() {
    let site = Site::new().await;
    let root = site.admin().await;
    let path = invite(&site, &root, "anna").await;
    let page = root.get("/users").await.text;
    let (_, rest) = page.split_once("name=\"key\" value=\"").unwrap();
    let key = rest.split('"').next().unwrap();

    let form = [("do", "remove"), ("key", key)];
    let response = root.post("/users/invitations", &form).await;

    assert_eq!(response.location(), "/users");
    assert_eq!(site.anonymous().get(&path).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn only_admins_invite() {
    let site = Site::new().await;
    let root = site.admin().await;
    site.add_user("anna", json!(null)).await;
    let anna = site.log_in("anna").await;

    let form = [("do", "add"), ("name", "zoe")];
    let response = anna.post("/users/invitations", &form).await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
    for (name, rights) in [("anna", ""), ("a b", ""), ("zoe", "web-*: fly")] {
        let form = [("do", "add"), ("name", name), ("rights", rights)];
        let response = root.post("/users/invitations", &form).await;
        assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
}

#[tokio::test]
async fn database_contains_no_link() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}/hcc.db", directory.path().display());
    let queue = format!("sqlite:{}/queue.db", directory.path().display());
    let site = Site::of(Database::open(&store, &queue).await, |_| {}).await;
    let root = site.admin().await;
    let path = invite(&site, &root, "anna").await;
    let secret = path.strip_prefix("/join/").unwrap().as_bytes();

    let mut read = 0;
    let files = std::fs::read_dir(directory.path()).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    for path in paths.filter(|path| path.is_file()) {
        let bytes = std::fs::read(path).unwrap();
        read += bytes.len();
        assert!(!bytes.windows(secret.len()).any(|it| it == secret));
    }
    assert!(read > 0);
}
