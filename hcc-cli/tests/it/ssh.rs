//! `hcc ssh`, with a program `ssh` that prints its arguments.

use hcloud_sim::Sim;
use serde_json::Value;

use crate::user::{Run, User, set_mode};

const SSH: &str = "#!/bin/sh\nprintf '<%s> ' \"$@\"\nexit 3\n";

async fn owner_of_web1() -> User {
    let user = User::of(Sim::builder().server("web1", &[("managed", "1")])).await;
    set_mode(&user.write("bin/ssh", SSH), 0o755);
    user.ok(&["sync", "web1"]).await;
    user
}

async fn ssh(user: &User, line: &str) -> Run {
    Run::of(user.bash(&format!("PATH=\"$HOME/bin:$PATH\" exec hcc ssh {line}"))).await
}

/// A field of the record of the only server.
async fn recorded(user: &User, field: &str) -> Value {
    let records = user.ok(&["list", "--cached", "-o", "json"]).await;
    let mut records: Value = serde_json::from_str(&records).unwrap();
    records[0][field].take()
}

#[tokio::test]
async fn address_is_taken_from_the_record() {
    let user = owner_of_web1().await;
    let ip4 = recorded(&user, "ip4").await;
    let ip4 = ip4.as_str().unwrap();
    user.sim.clear_requests();

    let run = ssh(&user, "web1").await;

    assert_eq!(run.out, format!("<-l> <root> <--> <{ip4}> "));
    assert!(user.sim.requests().is_empty());
}

#[tokio::test]
async fn command_and_options_are_passed_on_and_its_exit_code_comes_back() {
    let user = owner_of_web1().await;

    let line = "web1 --user admin --ssh-option -oPort=2222 --ssh-option -v -- grep -r 'a b' /etc";
    let run = ssh(&user, line).await;

    let (options, rest) = run.out.split_once("<--> ").unwrap();
    assert_eq!(options, "<-oPort=2222> <-v> <-l> <admin> ");
    assert!(rest.ends_with("> <grep> <-r> <a b> </etc> "), "{rest}");
    assert_eq!((run.code, run.err.as_str()), (Some(3), ""));
}

#[tokio::test]
async fn ipv6_address_is_the_first_one_of_the_network() {
    let user = owner_of_web1().await;

    let run = ssh(&user, "web1 --ipv6").await;

    let network = recorded(&user, "ip6").await;
    let network = network.as_str().unwrap().trim_end_matches("/64");
    assert_eq!(run.out, format!("<-l> <root> <--> <{network}1> "));
}

#[tokio::test]
async fn private_address_is_the_one_in_a_network() {
    let user = owner_of_web1().await;

    let without = ssh(&user, "web1 --private").await;
    let network = r#"{"name": "net", "ip_range": "10.0.0.0/16", "subnets":
        [{"type": "cloud", "ip_range": "10.0.1.0/24", "network_zone": "eu-central"}]}"#;
    let network = user
        .ok(&["api", "POST", "/networks", "--data", network])
        .await;
    let network: Value = serde_json::from_str(&network).unwrap();
    let attach = format!(
        r#"{{"network": {}, "ip": "10.0.1.7"}}"#,
        network["network"]["id"]
    );
    let path = format!(
        "/servers/{}/actions/attach_to_network",
        user.id("web1").await
    );
    user.ok(&["api", "POST", &path, "--data", &attach]).await;
    user.ok(&["sync", "web1"]).await;
    let with = ssh(&user, "web1 --private").await;

    let message = "hcc: server web1 has no private address (no_address)";
    let (code, text) = without.failure();
    assert_eq!((code, text.lines().next()), (1, Some(message)));
    assert_eq!(with.out, "<-l> <root> <--> <10.0.1.7> ");
}

#[tokio::test]
async fn user_is_never_an_option() {
    let user = owner_of_web1().await;

    let option = ssh(&user, "web1 --user=-oProxyCommand=x").await;
    let none = ssh(&user, "web1 --user ''").await;
    let unmanaged = ssh(&user, "web1 --unmanaged").await;

    assert!(
        option.out.starts_with("<-l> <-oProxyCommand=x> <--> <"),
        "{option:?}"
    );
    for (run, message) in [(none, "--user"), (unmanaged, "--unmanaged")] {
        assert_eq!((run.failure().0, run.out.as_str()), (2, ""), "{run:?}");
        assert!(run.failure().1.contains(message), "{run:?}");
    }
}

#[tokio::test]
async fn unknown_server_starts_nothing() {
    let user = owner_of_web1().await;

    let run = ssh(&user, "nonsense").await;

    assert_eq!((run.failure().0, run.out.as_str()), (3, ""));
}

#[tokio::test]
async fn ssh_takes_the_place_of_the_process() {
    let user = owner_of_web1().await;
    set_mode(&user.write("bin/ssh", "#!/bin/sh\necho $$\n"), 0o755);

    let run = Run::of(user.bash(r#"PATH="$HOME/bin:$PATH"; echo $$; exec hcc ssh web1"#)).await;

    let ids: Vec<_> = run.out.lines().collect();
    assert_eq!(ids.len(), 2, "{run:?}");
    assert_eq!(ids[0], ids[1]);
}
