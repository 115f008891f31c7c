//! Settings files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use bolero::check;
use clap::{Args, Command, FromArgMatches};
use fuzz::{Part, text};
use hcc_cli::config::{Config, Flags};

#[test]
fn settings() {
    const WORDS: [&str; 18] = [
        "token",
        "token_command",
        "store",
        "queue",
        "prefix",
        "signal_bytes",
        " = ",
        "\n",
        "\"",
        "\"canary\"",
        "'''",
        "[profile.a]",
        "[",
        "]",
        "7",
        "# canary",
        "sqlite:",
        "mongodb://a:canary@h",
    ];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    check!().with_type::<Vec<Part>>().for_each(|parts| {
        fs::write(&path, text(parts, &WORDS)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let command = Flags::augment_args(Command::new("hcc"));
        let arguments = ["hcc".as_ref(), "--config".as_ref(), path.as_os_str()];
        let flags = Flags::from_arg_matches(&command.get_matches_from(arguments)).unwrap();

        let shown = match Config::load(flags) {
            Ok(config) => {
                let urls = (config.store_url(), config.queue_url());
                format!("{config:?} {urls:?}")
            }
            Err(error) => format!("{error} {error:?}"),
        };

        assert!(!shown.contains("canary"), "{shown}");
    });
}
