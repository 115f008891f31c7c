//! The operating system of a machine: boot messages, a login prompt, and a small shell.
//!
//! The uptime is an argument, so that screens are reproducible.

use std::time::Duration;

use super::keyboard::Key;
use super::screen::Screen;

/// The kernel version of every guest.
const KERNEL: &str = "6.12.57+deb13-amd64";

/// The boot messages, and the uptime at which they appear.
const BOOT_MESSAGES: [(Duration, &str); 9] = [
    (Duration::ZERO, "Booting from Hard Disk...\n"),
    (Duration::from_millis(200), "GRUB loading.\n"),
    (
        Duration::from_millis(400),
        "Loading Linux 6.12.57+deb13-amd64 ...\n",
    ),
    (Duration::from_millis(600), "Loading initial ramdisk ...\n"),
    (
        Duration::from_millis(900),
        "[  OK  ] Reached target local-fs.target - Local File Systems.\n",
    ),
    (
        Duration::from_millis(1000),
        "[  OK  ] Started systemd-networkd.service - Network Configuration.\n",
    ),
    (
        Duration::from_millis(1100),
        "[  OK  ] Started cloud-init.service - Initial cloud-init job.\n",
    ),
    (
        Duration::from_millis(1200),
        "[  OK  ] Started ssh.service - OpenBSD Secure Shell server.\n",
    ),
    (
        Duration::from_millis(1300),
        "[  OK  ] Reached target multi-user.target - Multi-User System.\n",
    ),
];

/// The uptime at which the login prompt appears.
const BOOT_TIME: Duration = Duration::from_millis(1500);

/// The maximum length of an input line, as on a Linux terminal.
const MAX_LINE: usize = 4095;

const HELP: &str = "clear  echo  exit  help  hostname  poweroff  reboot  uname  uptime  whoami\n";

/// An installed operating system.
#[derive(Clone, Debug)]
pub(crate) struct System {
    pub(crate) hostname: String,
    /// The name in the login prompt, such as `Debian GNU/Linux 13`.
    pub(crate) release: String,
}

/// A running system and its screen.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    system: System,
    screen: Screen,
    stage: Stage,
    line: String,
}

#[derive(Clone, Debug)]
enum Stage {
    /// The number of printed entries of [`BOOT_MESSAGES`].
    Boot(usize),
    Login,
    Password {
        user: String,
    },
    Shell {
        user: String,
    },
}

/// A request of a guest to its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    PowerOff,
    Reboot,
}

impl Guest {
    /// Returns the guest right after power on.
    pub(crate) fn boot(system: System) -> Self {
        let mut guest = Self {
            system,
            screen: Screen::blank(),
            stage: Stage::Boot(0),
            line: String::new(),
        };
        guest.advance(Duration::ZERO);
        guest
    }

    pub(crate) fn system(&self) -> &System {
        &self.system
    }

    pub(crate) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Returns the uptime of the next change without input.
    pub(crate) fn next_change(&self) -> Option<Duration> {
        match self.stage {
            Stage::Boot(shown) => Some(BOOT_MESSAGES.get(shown).map_or(BOOT_TIME, |&(due, _)| due)),
            _ => None,
        }
    }

    /// Prints what is due at `uptime`; returns whether the screen changed.
    pub(crate) fn advance(&mut self, uptime: Duration) -> bool {
        let mut changed = false;
        while self.next_change().is_some_and(|due| due <= uptime) {
            self.print_boot_message();
            changed = true;
        }
        changed
    }

    fn print_boot_message(&mut self) {
        let Stage::Boot(shown) = self.stage else {
            return;
        };
        match BOOT_MESSAGES.get(shown) {
            Some((_, text)) => {
                self.screen.print(text);
                self.stage = Stage::Boot(shown + 1);
            }
            None => self.show_login_prompt(),
        }
    }

    /// Handles a key that is pressed at `uptime`.
    pub(crate) fn press(&mut self, key: Key, uptime: Duration) -> Option<Request> {
        if key == Key::ControlAltDelete {
            return Some(Request::Reboot);
        }
        if matches!(self.stage, Stage::Boot(_)) {
            return None;
        }
        match key {
            Key::Character(character) => self.insert(character),
            Key::Backspace => self.erase(),
            Key::Enter => return self.enter(uptime),
            Key::Control(letter) => self.control(letter),
            Key::ControlAltDelete => {}
        }
        None
    }

    fn insert(&mut self, character: char) {
        if self.line.len() < MAX_LINE {
            self.line.push(character);
            if self.echoes() {
                self.screen.print(character.encode_utf8(&mut [0; 4]));
            }
        }
    }

    fn erase(&mut self) {
        if self.line.pop().is_some() && self.echoes() {
            self.screen.erase();
        }
    }

    fn echoes(&self) -> bool {
        !matches!(self.stage, Stage::Password { .. })
    }

    fn control(&mut self, letter: char) {
        match (letter, &self.stage) {
            ('c', Stage::Shell { .. }) => {
                self.line.clear();
                self.screen.print("^C\n");
                self.prompt();
            }
            ('c', _) => self.show_login_prompt(),
            ('d', Stage::Shell { .. }) if self.line.is_empty() => self.show_login_prompt(),
            ('l', Stage::Shell { .. }) => {
                self.screen = Screen::blank();
                self.prompt();
                self.screen.print(&self.line);
            }
            ('u', _) => {
                while !self.line.is_empty() {
                    self.erase();
                }
            }
            _ => {}
        }
    }

    fn enter(&mut self, uptime: Duration) -> Option<Request> {
        let line = std::mem::take(&mut self.line);
        self.screen.print("\n");
        match &self.stage {
            Stage::Boot(_) => {}
            Stage::Login if line.trim().is_empty() => self.prompt(),
            Stage::Login => {
                self.stage = Stage::Password {
                    user: line.trim().to_owned(),
                };
                self.prompt();
            }
            Stage::Password { user } => {
                self.stage = Stage::Shell { user: user.clone() };
                self.print_greeting();
            }
            Stage::Shell { user } => {
                let user = user.clone();
                return self.run(&line, &user, uptime);
            }
        }
        None
    }

    fn show_login_prompt(&mut self) {
        self.line.clear();
        self.stage = Stage::Login;
        self.screen = Screen::blank();
        let System { hostname, release } = &self.system;
        self.screen
            .print(&format!("\n{release} {hostname} tty1\n\n"));
        self.prompt();
    }

    fn print_greeting(&mut self) {
        let hostname = &self.system.hostname;
        self.screen.print(&format!("Linux {hostname} {KERNEL} x86_64\n\nType `help` for what this simulated server can do.\n\n"));
        self.prompt();
    }

    fn prompt(&mut self) {
        let hostname = &self.system.hostname;
        let prompt = match &self.stage {
            Stage::Boot(_) => return,
            Stage::Login => format!("{hostname} login: "),
            Stage::Password { .. } => "Password: ".to_owned(),
            Stage::Shell { user } if user == "root" => format!("root@{hostname}:~# "),
            Stage::Shell { user } => format!("{user}@{hostname}:~$ "),
        };
        self.screen.print(&prompt);
    }

    /// Runs one line in the shell.
    fn run(&mut self, line: &str, user: &str, uptime: Duration) -> Option<Request> {
        let (command, arguments) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let hostname = &self.system.hostname;
        let output = match command {
            "" => String::new(),
            "clear" => {
                self.screen = Screen::blank();
                String::new()
            }
            "echo" => format!("{}\n", arguments.trim_start()),
            "exit" | "logout" => {
                self.show_login_prompt();
                return None;
            }
            "help" => HELP.to_owned(),
            "hostname" => format!("{hostname}\n"),
            "poweroff" | "halt" | "shutdown" => return Some(Request::PowerOff),
            "reboot" => return Some(Request::Reboot),
            "uname" if arguments == "-a" => format!("Linux {hostname} {KERNEL} x86_64 GNU/Linux\n"),
            "uname" if arguments == "-r" => format!("{KERNEL}\n"),
            "uname" => "Linux\n".to_owned(),
            "uptime" => format!("up {}\n", format_uptime(uptime)),
            "whoami" => format!("{user}\n"),
            _ => format!("-bash: {command}: command not found\n"),
        };
        self.screen.print(&output);
        self.prompt();
        None
    }
}

fn format_uptime(uptime: Duration) -> String {
    let minutes = uptime.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(3600);

    fn booted() -> Guest {
        let mut guest = Guest::boot(System {
            hostname: "web1".into(),
            release: "Debian GNU/Linux 13".into(),
        });
        guest.advance(BOOT_TIME);
        guest
    }

    fn logged_in() -> Guest {
        let mut guest = booted();
        enter(&mut guest, "root");
        enter(&mut guest, "secret");
        guest
    }

    fn type_text(guest: &mut Guest, text: &str) {
        for character in text.chars() {
            guest.press(Key::Character(character), LATER);
        }
    }

    fn enter(guest: &mut Guest, line: &str) -> Option<Request> {
        type_text(guest, line);
        guest.press(Key::Enter, LATER)
    }

    fn last_line(guest: &Guest) -> String {
        guest
            .screen()
            .text()
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned()
    }

    #[test]
    fn boot_messages_end_at_the_login_prompt() {
        let mut guest = Guest::boot(System {
            hostname: "web1".into(),
            release: "Debian GNU/Linux 13".into(),
        });
        assert_eq!(guest.screen().text(), "Booting from Hard Disk...");

        guest.advance(Duration::from_millis(450));
        assert_eq!(last_line(&guest), "Loading Linux 6.12.57+deb13-amd64 ...");

        guest.advance(BOOT_TIME);
        assert_eq!(
            guest.screen().text(),
            "\nDebian GNU/Linux 13 web1 tty1\n\nweb1 login:"
        );
        assert_eq!(guest.next_change(), None);
    }

    #[test]
    fn keys_pressed_during_the_boot_are_lost() {
        let mut guest = Guest::boot(System {
            hostname: "web1".into(),
            release: "Debian GNU/Linux 13".into(),
        });

        type_text(&mut guest, "root");
        guest.advance(BOOT_TIME);

        assert_eq!(last_line(&guest), "web1 login:");
    }

    #[test]
    fn typed_characters_are_echoed_and_can_be_erased() {
        let mut guest = booted();

        type_text(&mut guest, "Jörg|x");
        guest.press(Key::Backspace, LATER);

        assert_eq!(last_line(&guest), "web1 login: Jörg|");
    }

    #[test]
    fn prompt_cannot_be_erased() {
        let mut guest = booted();

        guest.press(Key::Backspace, LATER);

        assert_eq!(last_line(&guest), "web1 login:");
    }

    #[test]
    fn password_is_not_shown() {
        let mut guest = booted();

        enter(&mut guest, "root");
        type_text(&mut guest, "secret");
        assert_eq!(last_line(&guest), "Password:");

        guest.press(Key::Enter, LATER);
        assert_eq!(last_line(&guest), "root@web1:~#");
    }

    #[test]
    fn shell_runs_commands() {
        let mut guest = logged_in();

        for line in [
            "echo one  two",
            "hostname",
            "uname -r",
            "uptime",
            "whoami",
            "rm -rf /",
        ] {
            enter(&mut guest, line);
        }

        assert!(guest.screen().text().ends_with(
            "root@web1:~# echo one  two\n\
             one  two\n\
             root@web1:~# hostname\n\
             web1\n\
             root@web1:~# uname -r\n\
             6.12.57+deb13-amd64\n\
             root@web1:~# uptime\n\
             up 1:00\n\
             root@web1:~# whoami\n\
             root\n\
             root@web1:~# rm -rf /\n\
             -bash: rm: command not found\n\
             root@web1:~#"
        ));
    }

    #[test]
    fn control_keys_do_what_a_terminal_does() {
        let mut guest = logged_in();

        type_text(&mut guest, "half");
        guest.press(Key::Control('c'), LATER);
        assert!(
            guest
                .screen()
                .text()
                .ends_with("root@web1:~# half^C\nroot@web1:~#")
        );

        type_text(&mut guest, "kept");
        guest.press(Key::Control('l'), LATER);
        assert_eq!(guest.screen().text(), "root@web1:~# kept");

        guest.press(Key::Control('u'), LATER);
        guest.press(Key::Control('d'), LATER);
        assert_eq!(last_line(&guest), "web1 login:");
    }

    #[test]
    fn guest_requests_power_off_and_reboot() {
        let mut guest = logged_in();

        assert_eq!(enter(&mut guest, "poweroff"), Some(Request::PowerOff));
        assert_eq!(enter(&mut guest, "reboot"), Some(Request::Reboot));
        assert_eq!(
            guest.press(Key::ControlAltDelete, LATER),
            Some(Request::Reboot)
        );
    }

    #[test]
    fn long_line_is_truncated() {
        let mut guest = booted();

        type_text(&mut guest, &"x".repeat(2 * MAX_LINE));

        assert_eq!(guest.line.len(), MAX_LINE);
    }
}
