//! The screen of a real VNC server.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;
use test_browser::{Chromium, Vnc};
use test_services::wait_until;

use super::page::{Page, WWW};

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xsetroot, ImageMagick and noVNC"]
async fn page_shows_the_screen_of_the_server() {
    let vnc = Vnc::start();
    vnc.paint("#336699");
    let page = Page::start().await;

    page.open(&vnc.link()).await;
    page.wait_for_state("connected").await;

    assert_eq!(page.text("#status").await, "Connected to vnc-test");
    wait_until(async || page.pixels().await == vnc.pixels(), true).await;
    assert_eq!(page.pixels().await[..3], [0x33, 0x66, 0x99]);
    page.save_screenshot("connected").await;

    vnc.paint("#102030");
    wait_until(async || page.pixels().await == vnc.pixels(), true).await;
    assert_eq!(page.console_errors().await, [""; 0]);
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xterm, xdotool and noVNC"]
async fn typed_text_arrives() {
    let mut vnc = Vnc::start();
    let typed = vnc.start_terminal().await;
    let page = Page::connected_to(&vnc).await;

    page.type_into_screen("hello World 42 {|}~@ zyZY\n").await;

    wait_until(
        async || fs::read_to_string(&typed).unwrap(),
        "hello World 42 {|}~@ zyZY\n".to_owned(),
    )
    .await;
    page.save_screenshot("typed").await;
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xterm, xdotool and noVNC"]
async fn pasted_text_arrives_unchanged_on_either_keyboard() {
    let mut vnc = Vnc::start();
    let typed = vnc.start_terminal().await;
    let page = Page::connected_to(&vnc).await;
    let text = r##"Hello_World-42 (a>b) & {x|y} #~$ "q" '[\]' `^` <%>@*+=?!;:,./ yYzZ"##;

    page.click("#screen canvas").await;
    page.click("[popovertarget=typing]").await;
    page.fill("#text", text).await;
    page.click("#enter").await;
    page.click("#type").await;
    let mut expected = format!("{text}\n");
    wait_until(
        async || fs::read_to_string(&typed).unwrap(),
        expected.clone(),
    )
    .await;

    page.fill("#layout", "German").await;
    page.save_screenshot("pasting").await;
    page.wait_until_typed().await;
    page.click("#type").await;
    expected = expected.repeat(2);
    wait_until(
        async || fs::read_to_string(&typed).unwrap(),
        expected.clone(),
    )
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify and noVNC"]
async fn untypable_characters_are_reported_before_anything_is_typed() {
    let vnc = Vnc::start();
    let page = Page::connected_to(&vnc).await;

    page.click("[popovertarget=typing]").await;
    page.fill("#text", "Grüße an €").await;
    page.click("#type").await;

    assert_eq!(
        page.text("#untypable").await,
        "This layout has no key for: ü ß €"
    );
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xterm, xdotool and noVNC"]
async fn other_layouts_type_with_dead_keys_and_accept_decomposed_letters() {
    let mut vnc = Vnc::start();
    let typed = vnc.start_terminal().await;
    let page = Page::connected_to(&vnc).await;
    page.click("#screen canvas").await;
    let type_text = async |layout: &str, text: &str| {
        page.fill("#layout", layout).await;
        page.element("#text").await.clear().await.unwrap();
        page.fill("#text", text).await;
        page.click("#type").await;
    };

    page.click("[popovertarget=typing]").await;
    type_text("Spanish", "a\u{301}\u{f1}\u{df}").await;
    let missing = page.text("#untypable").await;
    assert_eq!(missing, "This layout has no key for: \u{df}");

    // Programs learn the dead keys of a VNC server when these are pressed for the first time.
    type_text("Spanish", "`^\n").await;
    page.wait_until_typed().await;
    type_text("Swiss", "~\n").await;
    page.wait_until_typed().await;
    let text = "`^~ {[|\\]} zyZY#\n";
    for layout in ["Spanish", "French", "Swiss", "Italian", "British", "Polish"] {
        type_text(layout, text).await;
        page.wait_until_typed().await;
    }
    let expected = text.repeat(6);
    let has_arrived = async || fs::read_to_string(&typed).unwrap().ends_with(&expected);
    wait_until(has_arrived, true).await;
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xterm, xdotool and noVNC"]
async fn typing_box_takes_the_focus_and_hides_a_password() {
    let mut vnc = Vnc::start();
    let typed = vnc.start_terminal().await;
    let page = Page::connected_to(&vnc).await;
    page.click("#screen canvas").await;

    page.click("[popovertarget=typing]").await;
    let focused = page.active_element().await.unwrap();
    assert_eq!(focused.attr("id").await.unwrap().as_deref(), Some("text"));
    page.click("#hide").await;
    let focused = page.active_element().await.unwrap();
    assert_eq!(focused.attr("id").await.unwrap().as_deref(), Some("secret"));
    assert_eq!(
        focused.attr("type").await.unwrap().as_deref(),
        Some("password")
    );
    page.fill("#secret", "s3cret").await;
    page.click("#enter").await;
    page.click("#type").await;

    wait_until(
        async || fs::read_to_string(&typed).unwrap(),
        "s3cret\n".to_owned(),
    )
    .await;
    page.wait_until_typed().await;
    let left = page.execute("return document.getElementById('secret').value", vec![]);
    assert_eq!(left.await.unwrap(), "");
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xterm, xdotool and noVNC"]
async fn keyboard_of_a_phone_types_and_deletes() {
    let mut vnc = Vnc::start();
    let typed = vnc.start_terminal().await;
    let page = Page::connected_to(&vnc).await;
    page.click("#screen canvas").await;

    // Phones change a text, in which they correct words.
    let script = "
        const [texts] = arguments;
        document.getElementById('keyboard').click();
        const field = document.getElementById('touch');
        if (document.activeElement !== field) return false;
        for (const text of texts) {
            field.value = '\u{a0}' + text;
            field.dispatchEvent(new InputEvent('input', { isComposing: true }));
        }
        field.dispatchEvent(new CompositionEvent('compositionend'));
        return true;";
    let texts = serde_json::json!(["H", "Hx", "He", "Hey |", "Hey |\n"]);
    let took_focus = page.execute(script, vec![texts]).await.unwrap();

    assert_eq!(took_focus, true);
    wait_until(
        async || fs::read_to_string(&typed).unwrap(),
        "Hey |\n".to_owned(),
    )
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xev and noVNC"]
async fn ctrl_alt_del_arrives() {
    let vnc = Vnc::start();
    let keys = vnc.start_key_reader();
    let page = Page::connected_to(&vnc).await;
    page.click("#screen canvas").await;
    keys.wait_for_click();

    page.click("#first").await;

    assert_eq!(
        keys.keys(6),
        [
            "+Control_L",
            "+Alt_L",
            "+Delete",
            "-Delete",
            "-Alt_L",
            "-Control_L"
        ]
    );
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xev and noVNC"]
async fn held_key_stays_down_while_others_are_pressed() {
    let vnc = Vnc::start();
    let keys = vnc.start_key_reader();
    let page = Page::connected_to(&vnc).await;
    page.click("#screen canvas").await;
    keys.wait_for_click();

    page.click("[popovertarget=keys]").await;
    page.click("[data-hold=Alt]").await;
    page.click("[data-chord=F2]").await;
    page.click("[data-hold=Alt]").await;

    assert_eq!(keys.keys(4), ["+Alt_L", "+F2", "-F2", "-Alt_L"]);
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify and noVNC"]
async fn keyboard_shortcut_moves_the_focus_out_of_the_screen() {
    let vnc = Vnc::start();
    let page = Page::connected_to(&vnc).await;
    let (control, alt, shift) = ('\u{E009}', '\u{E00A}', '\u{E008}');

    page.type_into_screen(&format!("{control}{alt}{shift}"))
        .await;

    let focused = page.active_element().await.unwrap();
    assert_eq!(focused.attr("id").await.unwrap().as_deref(), Some("first"));
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xterm, xdotool and noVNC"]
async fn typing_can_be_stopped() {
    let mut vnc = Vnc::start();
    let typed = vnc.start_terminal().await;
    let page = Page::connected_to(&vnc).await;
    page.click("#screen canvas").await;

    page.click("[popovertarget=typing]").await;
    page.fill("#text", &"a".repeat(500)).await;
    page.click("#type").await;
    page.click("#stop").await;
    page.wait_until_typed().await;
    page.type_into_screen("\n").await;

    wait_until(
        async || fs::read_to_string(&typed).unwrap().ends_with('\n'),
        true,
    )
    .await;
    let length = fs::metadata(&typed).unwrap().len();
    assert!(length < 500, "{length}");
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xsetroot, ImageMagick and noVNC"]
async fn saved_screenshot_shows_the_screen_of_the_server() {
    let vnc = Vnc::start();
    vnc.paint("#336699");
    let page = Page::start().await;
    let directory = tempfile::tempdir().unwrap();
    page.save_downloads_in(directory.path()).await;
    page.open(&vnc.link()).await;
    page.wait_for_state("connected").await;
    wait_until(async || page.pixels().await == vnc.pixels(), true).await;

    page.click("[popovertarget=view]").await;
    page.click("#picture").await;

    let picture = directory.path().join("vnc-test.png");
    wait_until(async || picture.exists(), true).await;
    assert!(vnc.matches_png(&picture));
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify and noVNC"]
async fn wrong_password_is_reported_and_another_one_accepted() {
    let vnc = Vnc::start();
    let page = Page::start().await;

    page.open(&format!("{}#wrong", vnc.url())).await;
    page.wait_for_state("wrong").await;
    assert_eq!(page.text("#status").await, "Wrong password");
    page.save_screenshot("wrong-password").await;

    page.fill("#password", Vnc::PASSWORD).await;
    page.click("#asking button").await;
    page.wait_for_state("connected").await;
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify and noVNC"]
async fn missing_password_is_asked_for() {
    let vnc = Vnc::start();
    let page = Page::start().await;

    page.open(&vnc.url()).await;
    page.wait_for_state("password").await;

    page.fill("#password", Vnc::PASSWORD).await;
    page.click("#asking button").await;
    page.wait_for_state("connected").await;
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn closed_port_is_reported_as_refused_link() {
    let page = Page::start().await;
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();

    page.open(&format!("ws://{closed}/#x")).await;
    page.wait_for_state("refused").await;

    assert_eq!(page.text("#status").await, "Link expired or refused");
    page.save_screenshot("refused").await;
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn silent_server_is_reported_after_a_timeout() {
    let page = Page::start().await;
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();

    page.open(&format!("ws://{}/#x", silent.local_addr().unwrap()))
        .await;
    page.wait_for_state("silent").await;

    assert_eq!(page.text("#status").await, "No response");
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn address_outside_the_policy_is_reported_as_blocked() {
    let page = Page::start().await;

    page.open("wss://elsewhere.example/#x").await;
    page.wait_for_state("blocked").await;

    assert_eq!(page.text("#status").await, "Blocked by the security policy");
    let errors = page.console_errors().await;
    assert!(errors[0].contains("Content Security Policy"), "{errors:?}");
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn only_encrypted_or_local_addresses_are_accepted() {
    let page = Page::start().await;

    for link in [
        "ws://elsewhere.example/#x",
        "https://web-console.hetzner.cloud/#x",
        "nonsense",
    ] {
        page.open(link).await;
        page.wait_for_state("foreign").await;
    }
    page.goto(page.address()).await.unwrap();
    page.wait_for_state("empty").await;
    assert_eq!(page.console_errors().await, [""; 0]);
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify and noVNC"]
async fn closed_connection_is_reported_as_lost() {
    let mut vnc = Vnc::start();
    let page = Page::connected_to(&vnc).await;

    vnc.stop_server();
    page.wait_for_state("lost").await;
    page.save_screenshot("lost").await;

    page.click("#again").await;
    page.wait_for_state("failed").await;
    assert_eq!(page.text("#status").await, "No screen");
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify and noVNC"]
async fn secrets_leave_the_address_bar() {
    let vnc = Vnc::start();
    let page = Page::start().await;

    page.open(&vnc.link()).await;
    page.wait_for_state("connected").await;

    assert_eq!(page.current_url().await.unwrap().as_str(), page.address());
    let body = page.source().await.unwrap();
    assert!(!body.contains(Vnc::PASSWORD) && !body.contains("t0k3n"));
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xterm, xdotool and noVNC"]
async fn view_only_sends_no_keys() {
    let mut vnc = Vnc::start();
    let typed = vnc.start_terminal().await;
    let page = Page::connected_to(&vnc).await;

    page.click("[popovertarget=view]").await;
    page.click("#only").await;
    page.type_into_screen("unseen\n").await;
    page.click("[popovertarget=view]").await;
    page.click("#only").await;
    page.type_into_screen("seen\n").await;

    wait_until(
        async || fs::read_to_string(&typed).unwrap(),
        "seen\n".to_owned(),
    )
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xsetroot and noVNC"]
async fn screen_has_the_selected_size() {
    let vnc = Vnc::start();
    let page = Page::start().await;
    page.emulate(1800, 1300, "light").await;
    page.open(&vnc.link()).await;
    page.wait_for_state("connected").await;

    for (size, width) in [("actual", 800), ("whole", 1600)] {
        page.click("[popovertarget=view]").await;
        page.click(&format!("[value={size}]")).await;
        wait_until(async || page.width("#screen canvas").await, width).await;
        page.save_screenshot(size).await;
        page.click("[popovertarget=view]").await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify and noVNC"]
async fn page_is_german_in_a_german_browser() {
    let vnc = Vnc::start();
    let browser = Chromium::start_with_flags(&["--accept-lang=de-CH"]).await;
    let page = Page::start_in(browser, Path::new(WWW));

    page.open(&vnc.link()).await;
    page.wait_for_state("connected").await;
    assert_eq!(page.text("#status").await, "Verbunden mit vnc-test");
    assert_eq!(page.text("#first").await, "Strg-Alt-Entf");

    page.emulate(390, 844, "light").await;
    page.click("[popovertarget=keys]").await;
    page.save_screenshot("german").await;
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn missing_novnc_is_reported() {
    let www = page_with("import './lost.js';");
    let page = Page::start_with(www.path()).await;

    page.open("ws://127.0.0.1:5900/#x").await;
    page.wait_for_state("missing").await;

    assert_eq!(page.text("#command").await, "npm ci");
}

/// A copy of the page that loads this script instead of noVNC, which is next to it.
fn page_with(rfb: &str) -> TempDir {
    let www = tempfile::tempdir().unwrap();
    for file in ["l.html", "l.css", "l.js", "keys.js", "words.js"] {
        fs::copy(format!("{WWW}/{file}"), www.path().join(file)).unwrap();
    }
    let core = www.path().join("novnc/core");
    fs::create_dir_all(&core).unwrap();
    let novnc = fs::canonicalize(format!("{WWW}/novnc")).unwrap();
    symlink(novnc, www.path().join("novnc/unchanged")).unwrap();
    fs::write(core.join("rfb.js"), rfb).unwrap();
    www
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify and noVNC"]
async fn novnc_loads_where_its_test_of_video_never_ends() {
    let vnc = Vnc::start();
    let www = page_with(
        "if ('VideoDecoder' in globalThis) await new Promise(() => {});
         const { default: RFB } = await import('../unchanged/core/rfb.js');
         export default RFB;",
    );
    let page = Page::start_with(www.path()).await;

    page.open(&vnc.link()).await;

    page.wait_for_state("connected").await;
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify and noVNC"]
async fn novnc_that_does_not_load_is_reported_and_loaded_again() {
    let vnc = Vnc::start();
    let www = page_with("await new Promise(() => {});");
    let page = Page::start_with(www.path()).await;

    page.open(&vnc.link()).await;
    page.wait_for_state("stuck").await;
    assert_eq!(page.text("#status").await, "The screen does not load");
    page.save_screenshot("stuck").await;

    let rfb = "export { default } from '../unchanged/core/rfb.js';";
    fs::write(www.path().join("novnc/core/rfb.js"), rfb).unwrap();
    page.click("#again").await;
    page.wait_for_state("connected").await;
    assert_eq!(page.current_url().await.unwrap().as_str(), page.address());
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xsetroot and noVNC"]
async fn page_fits_desktop_and_phone_in_light_and_dark_mode() {
    let vnc = Vnc::start();
    vnc.paint("#336699");
    let page = Page::start().await;

    for (device, width, height) in [("desktop", 1280, 800), ("phone", 390, 844)] {
        for scheme in ["light", "dark"] {
            page.emulate(width, height, scheme).await;
            page.open(&vnc.link()).await;
            page.wait_for_state("connected").await;
            for panel in ["keys", "typing", "view"] {
                page.click(&format!("[popovertarget={panel}]")).await;
                page.save_screenshot(&format!("{device}-{scheme}-{panel}"))
                    .await;
                assert_eq!(page.overflow().await, 0, "{device}, {panel}");
                page.click(&format!("[popovertarget={panel}]")).await;
            }
        }
    }
}
