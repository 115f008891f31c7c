//! The error of every verb: message, code, hint and exit code, set where it is raised.

use std::borrow::Cow;
use std::error::Error;
use std::path::Path;
use std::{fmt, io};

use hcc_core::ApiReason;
use hcloud_api::ApiError;

use crate::config::Config;
use crate::hint;

/// The result of what `hcc` does.
pub type Result<T, E = CliError> = std::result::Result<T, E>;

/// The exit codes of `hcc`; the numbers are part of its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "`hcc --help` explains them")]
pub enum Exit {
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Refused = 4,
    NotSetUp = 5,
    TryLater = 6,
    TimedOut = 7,
    /// The code that shells report for a program that was ended by SIGHUP.
    HungUp = 129,
    /// The code that shells report for a program that was ended by Ctrl-C.
    Interrupted = 130,
    /// The code that shells report for a program that was ended by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// Whether a signal ended the program.
    pub(crate) fn is_by_signal(self) -> bool {
        matches!(self, Self::HungUp | Self::Interrupted | Self::Terminated)
    }
}

/// Why a verb failed.
#[derive(Debug)]
pub struct CliError {
    exit: Exit,
    code: Cow<'static, str>,
    message: String,
    pub(crate) hint: Option<String>,
    /// The server that it is about, if there are several.
    pub(crate) subject: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl CliError {
    /// An error with a code for programs and a message for people.
    pub fn new(exit: Exit, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.into(),
            message: message.into(),
            hint: None,
            subject: None,
            source: None,
        }
    }

    /// An invalid command line or setting.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// A file that cannot be read.
    pub(crate) fn unreadable(path: &Path, cause: io::Error) -> Self {
        let message = format!("cannot read {}", path.display());
        Self::new(Exit::NotSetUp, "unreadable", message).source(cause)
    }

    /// A file with invalid content.
    pub(crate) fn malformed(path: &Path, line: usize, message: &str) -> Self {
        let message = format!("{}, line {line}: {message}", path.display());
        Self::new(Exit::NotSetUp, "malformed", message)
    }

    /// A failure that only the exit code reports.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self::new(exit, "", "")
    }

    /// The verb was ended by a signal.
    pub(crate) fn interrupted(exit: Exit) -> Self {
        Self::new(exit, "interrupted", "interrupted")
    }

    /// An error with the message of its source.
    pub(crate) fn from_source(
        exit: Exit,
        code: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::new(exit, code, "").source(source)
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a hint, if there is one.
    #[must_use]
    pub(crate) fn hint_if(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Names the server that it is about, where there are several.
    #[must_use]
    pub(crate) fn about(mut self, subject: impl fmt::Display) -> Self {
        self.subject = Some(subject.to_string());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub(crate) fn source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts what was being done in front of the message.
    #[must_use]
    pub(crate) fn context(mut self, doing: &str) -> Self {
        if !self.message.is_empty() {
            self.message.insert_str(0, ": ");
        }
        self.message.insert_str(0, doing);
        self
    }

    /// Adds the hint that depends on the settings, and names the profile in it.
    #[must_use]
    pub(crate) fn in_project(mut self, config: &Config) -> Self {
        if let (None, Some(cause)) = (&self.hint, self.cause()) {
            self.hint = hint::in_project(cause, config);
        }
        self.in_profile(config.file().profile())
    }

    /// Names the profile in commands of the hint.
    #[must_use]
    pub(crate) fn in_profile(mut self, profile: Option<&str>) -> Self {
        if let (Some(name), Some(hint)) = (profile, &mut self.hint)
            && !hint.contains("--profile")
        {
            *hint = hint.replace(
                "run hcc ",
                &format!("run hcc --profile {} ", hint::quoted(name)),
            );
        }
        self
    }

    /// What the Hetzner API said.
    pub(crate) fn api_reason(&self) -> Option<ApiReason> {
        self.cause::<hcc_core::Error>()?.api_reason()
    }

    /// The exit code of a program that fails with it.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// A short name for programs, such as `no_token`; empty if there is none.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The cause, if it is of this type.
    pub(crate) fn cause<E: Error + 'static>(&self) -> Option<&E> {
        self.source.as_ref()?.downcast_ref()
    }

    /// The message and all causes on one line, without the code.
    pub fn message(&self) -> String {
        self.join(ToString::to_string)
    }

    /// The message and all causes, without the code and without the details of the API.
    pub(crate) fn summary(&self) -> String {
        self.join(|error| match error.downcast_ref::<Box<ApiError>>() {
            Some(error) => format!("{} ({})", error.message, error.code),
            None => error.to_string(),
        })
    }

    fn join(&self, text: impl Fn(&(dyn Error + 'static)) -> String) -> String {
        let mut message = self.message.clone();
        let mut cause = self
            .source
            .as_deref()
            .map(|cause| cause as &(dyn Error + 'static));
        while let Some(error) = cause {
            if !message.is_empty() {
                message += ": ";
            }
            message += &text(error);
            cause = error.source();
        }
        let line = message.replace('\n', " ");
        match self.cause::<hcc_core::Error>() {
            Some(error) => error.without_code(&line).to_owned(),
            None => line,
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

// `Display` has the causes already.
impl Error for CliError {}

/// Adds context to failures.
pub(crate) trait Context<T> {
    /// Puts what was being done in front of the message of a failure.
    fn context<S: AsRef<str>>(self, doing: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: Into<CliError>> Context<T> for Result<T, E> {
    fn context<S: AsRef<str>>(self, doing: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| error.into().context(doing().as_ref()))
    }
}
