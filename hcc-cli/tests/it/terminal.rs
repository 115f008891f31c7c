//! Interactive runs on a terminal of 80 columns.

use std::process::Command;

use rexpect::process::WaitStatus;
use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};
use tokio::task::spawn_blocking;

use crate::user::User;

pub(crate) const DOWN: &str = "\x1b[B";
pub(crate) const ESCAPE: &str = "\x1b";
pub(crate) const RETURN: &str = "\r";
pub(crate) const CTRL_C: &str = "\x03";

pub(crate) struct Terminal(PtySession);

impl Terminal {
    /// Runs `hcc` there under the control of `person`; each expected output has a timeout.
    pub(crate) async fn with<T: Send + 'static>(
        user: &User,
        args: &[&str],
        person: impl FnOnce(&mut Self) -> T + Send + 'static,
    ) -> T {
        let hcc = user.command_without_token(args);
        let hcc = hcc.as_std();
        let mut command = Command::new("sh");
        command
            .args(["-c", "stty cols 80 rows 24 && exec \"$0\" \"$@\""])
            .arg(hcc.get_program())
            .args(hcc.get_args())
            .env_clear()
            .envs(
                hcc.get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("TERM", "xterm-256color");
        let options = Options::new()
            .timeout_ms(Some(30_000))
            .strip_ansi_escape_codes(true);
        spawn_blocking(move || {
            let mut terminal = Self(spawn_with_options(command, options).unwrap());
            person(&mut terminal)
        })
        .await
        .unwrap()
    }

    /// Waits until the text appears.
    pub(crate) fn see(&mut self, text: &str) {
        self.0.exp_string(text).unwrap();
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.0.send(keys).unwrap();
        self.0.flush().unwrap();
    }

    /// Waits until the question appears, then presses keys.
    pub(crate) fn answer(&mut self, question: &str, keys: &str) {
        self.see(question);
        self.press(keys);
    }

    /// Waits for the exit; returns the remaining output and the exit code.
    pub(crate) fn end(&mut self) -> (String, i32) {
        let rest = self.0.exp_eof().unwrap();
        match self.0.process().wait().unwrap() {
            WaitStatus::Exited(_, code) => (rest, code),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until it is killed by Ctrl-C, or exits with the code of that.
    pub(crate) fn end_by_signal(&mut self) {
        self.0.exp_eof().unwrap();
        let end = self.0.process().wait().unwrap();
        let is_by_signal = matches!(end, WaitStatus::Signaled(..) | WaitStatus::Exited(_, 130));
        assert!(is_by_signal, "{end:?}");
    }
}
