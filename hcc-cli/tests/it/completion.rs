//! Shell completion, and the man pages.

use std::fs;

use hcloud_sim::Sim;
use tokio::process::Command;

use crate::user::{Run, User};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

/// The candidates of bash for this line.
async fn candidates(user: &User, line: &str) -> Vec<String> {
    let script = r#"
        source <(hcc completion bash)
        line=$1
        read -ra COMP_WORDS <<< "$line"
        [[ $line == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        COMP_TYPE=9
        _clap_complete_hcc hcc "${COMP_WORDS[COMP_CWORD]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = user.bash(script);
    bash.env_remove("HCLOUD_TOKEN").args(["bash", line]);
    let run = Run::of(bash).await;
    assert_eq!(run.err, "", "{line}");
    run.out
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn bash_completes_known_names_without_a_request() {
    let user = User::of(
        Sim::builder()
            .server("web1", MANAGED)
            .server("web2", MANAGED),
    )
    .await;
    user.ok(&["sync", "--all"]).await;
    user.ok(&["schedule", "add", "web1", "stop", "--at", "20:00"])
        .await;
    for list in ["images", "types", "locations"] {
        user.ok(&[list]).await;
    }
    let before = user.sim.requests().len();

    assert_eq!(candidates(&user, "hcc start ").await, ["web1", "web2"]);
    assert_eq!(candidates(&user, "hcc console web2").await, ["web2"]);
    assert_eq!(candidates(&user, "hcc create web3 cx23").await, ["cx23"]);
    let images = candidates(&user, "hcc create web3 cx23 debian-").await;
    assert!(images.contains(&"debian-13".to_owned()), "{images:?}");
    let locations = candidates(&user, "hcc create web3 --location ").await;
    assert!(locations.contains(&"fsn1".to_owned()), "{locations:?}");
    let schedules = candidates(&user, "hcc schedule pause ").await;
    assert_eq!(schedules.len(), 1);
    assert_eq!(schedules[0].len(), 8, "{schedules:?}");
    assert_eq!(candidates(&user, "hcc conf").await, ["config"]);
    assert_eq!(candidates(&user, "hcc unm").await, ["unmanage"]);
    assert_eq!(candidates(&user, "hcc manage ").await, ["web1", "web2"]);
    assert!(
        candidates(&user, "hcc config get to")
            .await
            .contains(&"token_file".to_owned())
    );
    assert_eq!(user.sim.requests().len(), before);
}

#[tokio::test]
async fn completion_uses_the_profile_on_the_line() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.write(
        ".config/hcc/config.toml",
        "[profile.other]\nlabel = \"x\"\n",
    );
    user.ok(&["sync", "--all"]).await;

    assert_eq!(candidates(&user, "hcc --profile ").await, ["other"]);
    assert_eq!(candidates(&user, "hcc stop ").await, ["web1"]);
    assert!(
        candidates(&user, "hcc stop --un")
            .await
            .contains(&"--unmanaged".to_owned())
    );
    let in_other = candidates(&user, "hcc --profile other stop ").await;
    assert!(!in_other.contains(&"web1".to_owned()), "{in_other:?}");
}

#[tokio::test]
async fn completion_without_records_creates_no_files() {
    let user = User::of(Sim::builder()).await;

    let servers = candidates(&user, "hcc start web").await;
    let types = candidates(&user, "hcc create web1 cx").await;

    assert!(
        servers.is_empty() && types.is_empty(),
        "{servers:?} {types:?}"
    );
    assert!(!user.path(".local").exists());
    assert!(!user.path(".cache").exists());
    assert!(!user.path(".config").exists());
}

#[tokio::test]
#[ignore = "needs zsh"]
async fn zsh_completes_from_a_file_on_its_path() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["sync", "--all"]).await;
    user.write("functions/_hcc", &user.ok(&["completion", "zsh"]).await);
    // An interactive zsh on a terminal of its own.
    let script = r#"
        zsh -f -c '
            zmodload zsh/zpty
            zpty shell zsh -f -i
            zpty -w shell "PROMPT=; fpath=($PWD/functions \$fpath); autoload -Uz compinit; compinit -u -D"
            zpty -w shell "bindkey \"^I\" complete-word; print rea\"\"dy"
            zpty -r -m shell seen "*ready*"
            zpty -w -n shell $'"'"'hcc start we\t'"'"'
            zpty -r -m shell seen "*hcc start web1*"
            print -r -- $seen
        '
    "#;

    let run = Run::of(user.bash(&format!("timeout 60 bash -c {}", quoted(script)))).await;

    assert!(run.out.contains("web1"), "{run:?}");
}

#[tokio::test]
#[ignore = "needs fish"]
async fn fish_completes_names_with_their_status() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["sync", "--all"]).await;
    let mut fish = Command::new("fish");
    let bash = user.bash("");
    fish.args(["--no-config", "-c"])
        .arg("hcc completion fish | source; complete --do-complete 'hcc start '")
        .env_clear()
        .envs(
            bash.as_std()
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );

    let run = Run::from(fish.output().await.unwrap());

    assert_eq!(run.out, "web1\trunning\n", "{run:?}");
}

#[tokio::test]
async fn man_pages_cover_every_verb() {
    let user = User::of(Sim::builder()).await;

    let pages = user.path("pages");

    user.ok(&["man", pages.to_str().unwrap()]).await;

    let page = |name: &str| fs::read_to_string(pages.join(name)).unwrap();
    assert!(page("hcc.1").contains("hcc\\-create(1)"));
    assert!(page("hcc.1").contains("[alias: unmanage]"));
    assert!(page("hcc-kill.1").contains("[aliases: delete, rm]"));
    assert!(page("hcc-create.1").contains("\\-\\-ssh\\-key"));
    assert!(page("hcc-config-set.1").contains("\\-\\-offline"));
    assert!(!pages.join("hcc-man.1").exists());
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
