//! The page with the hostnames of Hetzner's consoles, resolved to a local screen.

use std::path::Path;

use test_browser::{Chromium, Vnc};
use test_services::wait_until;

use super::page::{Page, WWW};

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xsetroot, ImageMagick, openssl and noVNC"]
async fn content_security_policy_allows_the_consoles_of_hetzner() {
    for host in ["web-console.hetzner.cloud", "console.hetzner.cloud"] {
        let vnc = Vnc::start_with_tls(host);
        vnc.paint("#336699");
        let browser = Chromium::start_with_host(host, vnc.address()).await;
        let page = Page::start_in(browser, Path::new(WWW));

        let link = format!("wss://{host}/?server_id=1&token=t0k3n#{}", Vnc::PASSWORD);
        page.open(&link).await;
        page.wait_for_state("connected").await;

        wait_until(async || page.pixels().await == vnc.pixels(), true).await;
        assert_eq!(page.console_errors().await, [""; 0]);
    }
}
