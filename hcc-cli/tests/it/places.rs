//! Where files are, and who may read them.

use std::fs;
use std::path::Path;

use hcloud_sim::Sim;
use tokio::process::Command;

use crate::user::{Run, TOKEN, User, set_mode};

const CONFIG: &str = ".config/hcc/config.toml";
const MANAGED: &[(&str, &str)] = &[("managed", "1")];

async fn owner_of_web1() -> User {
    User::of(Sim::builder().server("web1", MANAGED)).await
}

fn from(directory: &Path, mut hcc: Command) -> Command {
    fs::create_dir_all(directory).unwrap();
    hcc.current_dir(directory);
    hcc
}

#[tokio::test]
async fn paths_in_the_settings_are_the_same_from_every_directory() {
    for (store, file) in [
        ("sqlite:~/data/hcc.db", "data/hcc.db"),
        ("sqlite:hcc.db", ".config/hcc/hcc.db"),
        ("sqlite:./a/../hcc.db", ".config/hcc/hcc.db"),
        ("sqlite:../records.db", ".config/records.db"),
    ] {
        let user = owner_of_web1().await;
        fs::create_dir_all(user.path(".config/hcc/a")).unwrap();
        user.write(CONFIG, &format!("store = {store:?}\n"));

        let synced = Run::of(from(&user.path("work"), user.command(&["sync", "--all"]))).await;
        let list = user.command(&["list", "--cached", "-o", "columns=name"]);
        let listed = Run::of(from(&user.path("elsewhere"), list)).await;

        assert_eq!(synced.code, Some(0), "{synced:?}");
        assert!(listed.out.contains("web1"), "{store}: {listed:?}");
        assert!(user.path(file).exists(), "{store}");
        assert_eq!(fs::read_dir(user.path("work")).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn queue_and_token_file_are_found_like_the_store() {
    let user = owner_of_web1().await;
    user.write(".config/hcc/token", TOKEN);
    user.write(
        CONFIG,
        "store = \"sqlite:~/hcc.db\"\nqueue = \"sqlite:q.db\"\ntoken_file = \"token\"\n",
    );

    let push = user.command_without_token(&["push", "start", "web1"]);
    let pushed = Run::of(from(&user.path("work"), push)).await;
    let list = Run::of(user.command_without_token(&["list"])).await;

    assert_eq!(pushed.code, Some(0), "{pushed:?}");
    assert!(user.path(".config/hcc/q.db").exists());
    assert_eq!(list.code, Some(0), "{list:?}");
}

#[tokio::test]
async fn paths_in_flags_and_variables_start_at_the_working_directory() {
    let user = owner_of_web1().await;
    let work = user.path("work");

    let sync = user.command(&["sync", "--all", "--store", "sqlite:flag.db"]);
    assert_eq!(Run::of(from(&work, sync)).await.code, Some(0));
    let mut sync = user.command(&["sync", "--all"]);
    sync.env("HCC_STORE", "sqlite:~/variable.db");
    assert_eq!(Run::of(from(&work, sync)).await.code, Some(0));

    assert!(work.join("flag.db").exists());
    assert!(user.path("variable.db").exists());
    assert!(!work.join("~").exists());
}

#[tokio::test]
async fn relative_path_that_is_typed_is_stored_as_an_absolute_one() {
    let user = owner_of_web1().await;
    let work = user.path("work");

    for (args, line) in [
        (
            ["config", "set", "store", "sqlite:hcc.db"],
            work.join("hcc.db").display().to_string(),
        ),
        (
            ["config", "set", "queue", "sqlite:~/q.db"],
            "sqlite:~/q.db".to_owned(),
        ),
    ] {
        let set = Run::of(from(&work, user.command(&args))).await;
        assert_eq!(set.code, Some(0), "{set:?}");
        let text = fs::read_to_string(user.path(CONFIG)).unwrap();
        assert!(text.contains(&line), "{text}");
    }
}

#[tokio::test]
async fn homes_of_other_users_are_refused_with_the_reason() {
    let user = owner_of_web1().await;

    let run = user
        .hcc(&["sync", "--all", "--store", "sqlite:~mary/hcc.db"])
        .await;

    let (code, line) = run.failure();
    assert_eq!(code, 2);
    assert!(line.contains("cannot expand ~mary"), "{line}");
    assert!(line.contains("hint: write the whole path"), "{line}");
}

#[tokio::test]
async fn settings_without_a_secret_may_be_readable() {
    let user = owner_of_web1().await;
    let token = user.write("token", TOKEN);
    let path = user.write(
        CONFIG,
        &format!(
            "token_file = {token:?}\nstore = \"sqlite:~/hcc.db\"\n[profile.x]\nlocation = \"fsn1\"\n"
        ),
    );

    for mode in [0o444, 0o440, 0o640, 0o644, 0o600, 0o400] {
        set_mode(&path, mode);
        let run = Run::of(user.command_without_token(&["list"])).await;
        assert_eq!((run.code, &*run.err), (Some(0), ""), "{mode:o}: {run:?}");
    }
    for mode in [0o666, 0o622, 0o660] {
        set_mode(&path, mode);
        let run = Run::of(user.command_without_token(&["list"])).await;
        let (code, line) = run.failure();
        assert_eq!(code, 5, "{mode:o}");
        assert!(line.contains("can be changed by other users"), "{line}");
        assert!(line.contains("chmod go-w"), "{line}");
    }
}

#[tokio::test]
async fn settings_with_a_secret_must_not_be_readable() {
    let user = owner_of_web1().await;
    for secret in [
        format!("token = \"{TOKEN}\"\n"),
        format!("[profile.work]\ntoken = \"{TOKEN}\"\n"),
        "store = \"mongodb://mary:canary@db.example/hetzner\"\n".to_owned(),
        "queue = \"redis://:canary@db.example\"\n".to_owned(),
        "[profile.work]\nstore = \"mongodb://h/db?proxyPassword=canary\"\n".to_owned(),
    ] {
        let path = user.write(CONFIG, &secret);
        set_mode(&path, 0o604);

        let run = user.hcc(&["types"]).await;

        let (code, line) = run.failure();
        assert_eq!(code, 5, "{secret}");
        assert!(line.contains("holds a secret"), "{line}");
        assert!(
            line.contains("chmod 600") && !line.contains("canary"),
            "{line}"
        );
    }
}

#[tokio::test]
#[ignore = "needs root, to own a file of another group"]
async fn settings_of_root_may_be_readable_by_the_group_of_a_service() {
    let user = owner_of_web1().await;
    let path = user.write(CONFIG, &format!("token = \"{TOKEN}\"\n"));
    set_mode(&path, 0o640);

    let of_root = Run::of(user.command_without_token(&["types"])).await;
    std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
    let of_user = Run::of(user.command_without_token(&["types"])).await;

    assert_eq!(of_root.code, Some(0), "{of_root:?}");
    assert_eq!(of_user.failure().0, 5);
}

#[tokio::test]
async fn token_that_others_can_read_is_warned_of() {
    let user = owner_of_web1().await;
    let file = user.write("token", TOKEN);
    let cli = user.write(
        ".config/hcloud/cli.toml",
        &format!("active_context = \"x\"\n[[contexts]]\nname = \"x\"\ntoken = \"{TOKEN}\"\n"),
    );
    let by_file = &["list", "--token-file", file.to_str().unwrap()][..];

    for (args, path) in [(by_file, &file), (&["list"], &cli)] {
        let private = Run::of(user.command_without_token(args)).await;
        set_mode(path, 0o644);
        let exposed = Run::of(user.command_without_token(args)).await;

        assert_eq!((private.code, &*private.err), (Some(0), ""), "{private:?}");
        assert_eq!(exposed.code, Some(0), "{exposed:?}");
        let path = path.display();
        assert_eq!(
            exposed.err,
            format!(
                "hcc: warning: {path} holds a token and is readable by other users\n\
                 hint: run chmod 600 {path}\n"
            )
        );
    }
    let piped = user.bash(&format!(
        "unset HCLOUD_TOKEN; hcc list --token-file <(printf {TOKEN})"
    ));
    assert_eq!(Run::of(piped).await.err, "");
}

#[tokio::test]
async fn no_home_is_needed_if_nothing_is_there() {
    let user = owner_of_web1().await;
    let store = format!("sqlite:{}", user.path("hcc.db").display());
    let hcc = |args: &[&str]| {
        let mut hcc = user.command(args);
        // An empty HOME would be that of the user in the password database.
        hcc.env("HOME", "none");
        hcc.current_dir(user.path(""));
        Run::of(hcc)
    };

    for args in [
        &["types"][..],
        &["list", "--store", &store],
        &["create", "web2", "--store", &store],
        &["kill", "web2", "--yes", "--store", &store],
        &["config", "list", "--store", &store],
    ] {
        let run = hcc(args).await;
        assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
    }
    for args in [
        &["list", "--cached"][..],
        &["config", "set", "label", "x"],
        &["config", "path"],
    ] {
        let run = hcc(args).await;
        let (code, line) = run.failure();
        assert_eq!(code, 5, "{args:?}");
        assert!(line.contains("no home directory"), "{line}");
        assert!(line.contains("hint: set HOME"), "{line}");
    }
    assert!(!user.path(".config").exists() && !user.path(".local").exists());
}

#[tokio::test]
async fn yes_can_be_set_in_the_environment() {
    for (value, code) in [
        ("1", 0),
        ("true", 0),
        ("YES", 0),
        ("True", 0),
        ("on", 0),
        ("0", 4),
        ("false", 4),
        ("No", 4),
        ("", 4),
        ("maybe", 2),
        ("2", 2),
    ] {
        let user = owner_of_web1().await;
        let mut kill = user.command(&["kill", "web1"]);
        kill.env("HCC_YES", value);

        let run = Run::of(kill).await;

        assert_eq!(run.code, Some(code), "{value:?}: {run:?}");
        if code == 2 {
            assert!(run.err.contains("expected yes or no"), "{run:?}");
        }
    }
}
