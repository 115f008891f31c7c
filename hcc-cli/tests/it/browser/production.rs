//! The page under the addresses that Hetzner's consoles have, led to a screen of ours.

use std::path::Path;
use std::process::Command;

use super::chromium::Chromium;
use super::page::{Page, WWW};
use super::program::eventually;
use super::vnc::{PASSWORD, Vnc};

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xsetroot, ImageMagick, openssl and noVNC"]
async fn policy_lets_the_page_reach_the_consoles_of_hetzner() {
    for host in ["web-console.hetzner.cloud", "console.hetzner.cloud"] {
        let scratch = tempfile::tempdir().unwrap();
        let (key, certificate) = certify(host, scratch.path());
        let vnc = Vnc::start_with(&["--ssl-only", "--key", &key, "--cert", &certificate]);
        vnc.paint("#336699");
        let rules = format!(
            "MAP {host}:443 {}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            vnc.address()
        );
        let browser = Chromium::start_with(&[
            &format!("--host-resolver-rules={rules}"),
            "--ignore-certificate-errors",
        ])
        .await;
        let page = Page::start_in(browser, Path::new(WWW));

        page.open(&format!("wss://{host}/?server_id=1&token=t0k3n#{PASSWORD}"))
            .await;
        page.state("connected").await;

        eventually(async || page.pixels().await == vnc.pixels(), true).await;
        assert_eq!(page.errors().await, [""; 0]);
    }
}

/// Makes a key and a certificate for the host.
fn certify(host: &str, folder: &Path) -> (String, String) {
    let file = |name: &str| folder.join(name).display().to_string();
    let (key, certificate) = (file("key.pem"), file("cert.pem"));
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args([
            "-nodes",
            "-days",
            "2",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ])
        .args(["-subj", &format!("/CN={host}")])
        .args(["-addext", &format!("subjectAltName=DNS:{host}")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    (key, certificate)
}
